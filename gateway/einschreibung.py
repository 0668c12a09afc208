"""Enrolment: from a one-time token to three certificates (in the manner of EST, RFC 7030).

The keys are on disk before the operator is asked. When the answer is lost, the same request is made again with the
same keys, and the operator gives the same certificates again. `enroll` is for a new meter, `enroll_again` for one
that has lost its keys; the renewal of keys that still work (`erneuerung.py`) shares what is below them.
"""

from __future__ import annotations

import hashlib
import hmac
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway.empfang import error_code, retry_after
from gateway.fehler import Abgewiesen, EinschreibungFehler, OrdnerFehler, ZertifikatUngueltig
from gateway.ordner import ZWECKE, Konfiguration, Ordner, write_atomic
from gateway.verbindung import Antwort, HttpsVerbindung, Uebertragung, tls_context
from gateway.zertifikate import (
    check_ca_chain,
    check_issued,
    check_meter_name,
    check_operator,
    load_certificate,
    public_key_of,
    spki,
)
from telegramm.einschreibung import Einschreibung, Einschreibungsantwort
from telegramm.fehler import TelegrammFehler
from telegramm.zaehlernummer import check_zaehlernummer

Schluessel = Mapping[str, ec.EllipticCurvePrivateKey]

_RAT: Mapping[int | str, str] = {
    400: "Der Betreiber versteht die Anfrage nicht. Sind Zähler und Betreiber auf demselben Stand?",
    403: "Token falsch, abgelaufen, verbraucht oder für einen anderen Zähler. Ein neues Token anfordern.",
    409: "Mit diesem Token wurden schon andere Schlüssel eingeschrieben. Ein neues Token anfordern.",
    423: "Zu viele Versuche mit diesem Token. Ein neues Token anfordern.",
    429: "Zu viele Anfragen. Später wiederholen.",
    503: "Der Betreiber ist überlastet. Später wiederholen; die Schlüssel bleiben dieselben.",
}
_RAT_SONST = "Später wiederholen; bleibt es dabei, den Betreiber fragen."


def enroll(
    ordner: Ordner,
    *,
    zaehler: str,
    token: str,
    einschreibung_url: str,
    telegramm_url: str,
    ca_pem: bytes,
    fingerabdruck: str | None = None,
    uebertragung: Uebertragung | None = None,
    jetzt: Callable[[], float] = time.time,
) -> Konfiguration:
    """Enrol the meter ``zaehler`` (DIN 43863-5, spaces allowed) into ``ordner`` and return its configuration.

    ``ca_pem`` is the pinned root as PEM; ``fingerabdruck`` its SHA-256 in hex (colons allowed), compared when
    given. ``jetzt`` is real time, because certificates live in it. A folder that is enrolled for the same meter
    already is left as it is. Raises EinschreibungFehler, OrdnerFehler or SendeFehler; all can be repeated.
    """
    try:
        zaehler = check_zaehlernummer(zaehler)
    except ValueError as fehler:
        raise EinschreibungFehler(
            f"{zaehler!r} ist keine Zählernummer nach DIN 43863-5 (Beispiel: 1EMH0012345678)."
        ) from fehler
    if ordner.is_enrolled:
        konfiguration = ordner.load_konfiguration()
        _check_same_meter(ordner, konfiguration, zaehler)
        return konfiguration
    ziel = Konfiguration(zaehler, telegramm_url, einschreibung_url, epoche=0)
    return _enroll(ordner, ziel, token, ca_pem, fingerabdruck, uebertragung, jetzt)


def enroll_again(
    ordner: Ordner,
    *,
    token: str,
    zaehler: str | None = None,
    einschreibung_url: str | None = None,
    telegramm_url: str | None = None,
    ca_pem: bytes | None = None,
    fingerabdruck: str | None = None,
    uebertragung: Uebertragung | None = None,
    jetzt: Callable[[], float] = time.time,
) -> Konfiguration:
    """Give a meter whose keys are lost new ones; its register and its buffer stay, a new epoche begins.

    What is not given comes from the configuration. The old set stays in use until the new one is complete, and the
    same token gives the same set again. Raises EinschreibungFehler, OrdnerFehler or SendeFehler, as `enroll`.
    """
    bisher = ordner.load_konfiguration()
    if zaehler is not None:
        _check_same_meter(ordner, bisher, zaehler.replace(" ", ""))
    kennung = hashlib.sha256(token.encode()).hexdigest()[:8]
    if bisher.satz.endswith(f"-{kennung}") and _is_complete(ordner):
        return bisher
    if ca_pem is None:
        try:
            ca_pem = ordner.ca_datei.read_bytes()
        except OSError as fehler:
            raise OrdnerFehler(
                f"{ordner.ca_datei} fehlt; das Wurzelzertifikat des Betreibers mit --ca angeben."
            ) from fehler
    neu = ordner.next_satz(kennung)
    ziel = replace(
        bisher,
        einschreibung_url=einschreibung_url or bisher.einschreibung_url,
        telegramm_url=telegramm_url or bisher.telegramm_url,
        satz=neu.satz,
    )
    return _enroll(neu, ziel, token, ca_pem, fingerabdruck, uebertragung, jetzt)


def _is_complete(ordner: Ordner) -> bool:
    """Whether the set in use can be used: its keys may be lost once more."""
    try:
        for zweck in ZWECKE:
            ordner.load_schluessel(zweck)
            ordner.load_zertifikat(zweck)
    except OrdnerFehler:
        return False
    return True


def _check_same_meter(ordner: Ordner, konfiguration: Konfiguration, zaehler: str) -> None:
    if konfiguration.zaehler != zaehler:
        raise OrdnerFehler(
            f"In {ordner.pfad} ist schon {konfiguration.zaehler} eingeschrieben; einen anderen Ordner nehmen."
        )


def _enroll(
    satz: Ordner,
    ziel: Konfiguration,
    token: str,
    ca_pem: bytes,
    fingerabdruck: str | None,
    uebertragung: Uebertragung | None,
    jetzt: Callable[[], float],
) -> Konfiguration:
    """Fill the set and make it the one in use: ``ziel`` with the epoche of the answer."""
    _check_pin(pinned_root(ca_pem), fingerabdruck)
    _check_url(ziel.einschreibung_url)
    _check_url(ziel.telegramm_url)
    schluessel = prepare_keys(satz)
    write_atomic(satz.ca_datei, ca_pem)
    try:
        anfrage = Einschreibung(zaehler=ziel.zaehler, token=token, **build_csrs(ziel.zaehler, schluessel))
    except TelegrammFehler as fehler:
        raise EinschreibungFehler("Das Token ist leer, zu lang oder enthält unerlaubte Zeichen.") from fehler
    antwort = ask(
        satz, ziel.einschreibung_url, anfrage.to_bytes(), "application/cbor", _RAT, uebertragung=uebertragung
    )
    return activate(satz, ziel, antwort, schluessel, datetime.fromtimestamp(jetzt(), UTC))


# --- shared with the renewal -----------------------------------------------------------------------------------
def prepare_keys(satz: Ordner) -> Schluessel:
    """The three keys of a set: those of an earlier try, or new ones on P-256; on disk in either case."""
    schluessel = {}
    for zweck in ZWECKE:
        if not satz.schluessel_datei(zweck).exists():
            satz.save_schluessel(zweck, ec.generate_private_key(ec.SECP256R1()))
        schluessel[zweck] = satz.load_schluessel(zweck)
    return schluessel


def build_csrs(zaehler: str, schluessel: Schluessel) -> dict[str, bytes]:
    """PKCS #10 requests (RFC 2986) by field name: they prove possession. The CA sets the names itself."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, zaehler)])
    bauer = x509.CertificateSigningRequestBuilder().subject_name(name)
    return {
        f"csr_{zweck}": bauer.sign(schluessel[zweck], hashes.SHA256()).public_bytes(serialization.Encoding.DER)
        for zweck in ZWECKE
    }


def ask(
    ordner: Ordner,
    url: str,
    body: bytes,
    content_type: str,
    rat: Mapping[int | str, str],
    *,
    uebertragung: Uebertragung | None,
) -> Einschreibungsantwort:
    """Post a request to the enrolment listener; ``rat`` says for each code or status what to do about it.

    Without ``uebertragung`` over TLS 1.3 to the pinned operator. Raises EinschreibungFehler or SendeFehler.
    """
    if uebertragung is not None:
        return _parse(uebertragung.post(body), rat)
    try:
        verbindung = HttpsVerbindung(url, tls_context(ordner.ca_datei), content_type=content_type)
    except ssl.SSLError as fehler:
        raise EinschreibungFehler(f"Die CA-Datei ist nicht brauchbar: {fehler}.") from fehler
    try:
        return _parse(verbindung.post(body), rat)
    finally:
        verbindung.close()


def activate(
    satz: Ordner, ziel: Konfiguration, antwort: Einschreibungsantwort, schluessel: Schluessel, jetzt: datetime
) -> Konfiguration:
    """Store the certificates of an answer that is believed, and make the set the one in use.

    The epoche is that of the answer, or that of ``ziel`` when the meter has gone on by itself since the operator
    last heard of it.
    The configuration is the last file that is written: until then the old set is in use, from then on the new one.
    Raises EinschreibungFehler for an answer that does not lead to the pinned root and to our own keys.
    """
    try:
        _check_and_store(satz, antwort, ziel.zaehler, schluessel, jetzt)
    except ZertifikatUngueltig as fehler:
        raise EinschreibungFehler(str(fehler)) from fehler
    konfiguration = replace(ziel, epoche=max(ziel.epoche, antwort.epoche))
    satz.save_konfiguration(konfiguration)
    return konfiguration


def pinned_root(ca_pem: bytes) -> x509.Certificate:
    """The one certificate of the CA file. More than one would make the pin a list, so that is refused."""
    try:
        zertifikate = x509.load_pem_x509_certificates(ca_pem)
    except ValueError as fehler:
        raise EinschreibungFehler("Die CA-Datei enthält kein PEM-Zertifikat.") from fehler
    if len(zertifikate) != 1:
        raise EinschreibungFehler("Die CA-Datei muss genau ein Zertifikat enthalten: die Wurzel des Betreibers.")
    return zertifikate[0]


def _parse(antwort: Antwort, rat: Mapping[int | str, str]) -> Einschreibungsantwort:
    if antwort.status != 200:
        abgewiesen = Abgewiesen(antwort.status, error_code(antwort), retry_after(antwort.headers))
        hilfe = rat.get(abgewiesen.code) or rat.get(antwort.status, _RAT_SONST)
        raise EinschreibungFehler(f"{abgewiesen}. {hilfe}") from abgewiesen
    try:
        return Einschreibungsantwort.from_bytes(antwort.body)
    except TelegrammFehler as fehler:
        raise EinschreibungFehler("Die Antwort des Betreibers ist unverständlich.") from fehler


def _check_and_store(
    satz: Ordner, antwort: Einschreibungsantwort, zaehler: str, schluessel: Schluessel, jetzt: datetime
) -> None:
    """Believe nothing of the answer that does not lead to the pinned root and to our own keys."""
    if antwort.zaehler != zaehler:
        raise EinschreibungFehler("Die Antwort ist für einen anderen Zähler.")
    kette = [load_certificate(der) for der in antwort.ca]
    check_ca_chain(kette, pinned_root(satz.ca_datei.read_bytes()), jetzt)
    eigene = {zweck: load_certificate(getattr(antwort, f"zertifikat_{zweck}")) for zweck in ZWECKE}
    for zweck, zertifikat in eigene.items():
        check_issued(zertifikat, kette, jetzt)
        if spki(public_key_of(zertifikat)) != spki(schluessel[zweck].public_key()):
            raise EinschreibungFehler(f"Das Zertifikat für {zweck} gehört nicht zu unserem Schlüssel.")
        check_meter_name(zertifikat, zaehler)
    signatur = load_certificate(antwort.betreiber_signatur)
    verschluesselung = load_certificate(antwort.betreiber_verschluesselung)
    check_operator(signatur, verschluesselung, kette, jetzt)
    # The server knows the root; it may not know the issuing CA, so that one is sent along.
    ausstellende = kette[:-1]
    satz.save_betreiber(signatur, verschluesselung, ausstellende)
    for zweck, zertifikat in eigene.items():
        satz.save_zertifikat(zweck, [zertifikat, *ausstellende])


def _check_pin(wurzel: x509.Certificate, fingerabdruck: str | None) -> None:
    ist = wurzel.fingerprint(hashes.SHA256()).hex()
    if fingerabdruck is not None:
        soll = fingerabdruck.replace(":", "").replace(" ", "").lower()
        if not (soll.isascii() and hmac.compare_digest(ist, soll)):
            raise EinschreibungFehler(
                f"Der Fingerabdruck der CA-Datei ist {ist}, nicht der angegebene. Die CA-Datei neu holen."
            )


def _check_url(url: str) -> None:
    if not url.startswith("https://"):
        raise EinschreibungFehler(f"Nur https-Adressen sind erlaubt, nicht {url!r}.")

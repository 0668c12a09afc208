"""Enrolment: from a one-time token to three certificates (in the manner of EST, RFC 7030).

The keys are on disk before the operator is asked. When the answer is lost, the same request is made again with the
same keys, and the operator gives the same certificates again.
"""

from __future__ import annotations

import hmac
import ssl
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway.fehler import Abgewiesen, EinschreibungFehler, OrdnerFehler
from gateway.ordner import ZWECKE, Konfiguration, Ordner, write_atomic
from gateway.verbindung import Antwort, HttpsVerbindung, Uebertragung, tls_context
from gateway.versand import error_code, retry_after
from telegramm.einschreibung import Einschreibung, Einschreibungsantwort
from telegramm.fehler import TelegrammFehler
from telegramm.zaehlernummer import check_zaehlernummer

_RAT = {
    400: "Der Betreiber versteht die Anfrage nicht. Sind Zähler und Betreiber auf demselben Stand?",
    403: "Token falsch, abgelaufen, verbraucht oder für einen anderen Zähler. Ein neues Token anfordern.",
    409: "Mit diesem Token wurden schon andere Schlüssel eingeschrieben. Ein neues Token anfordern.",
    423: "Zu viele Versuche mit diesem Token. Ein neues Token anfordern.",
    429: "Zu viele Anfragen. Später wiederholen.",
    503: "Der Betreiber ist überlastet. Später wiederholen; die Schlüssel bleiben dieselben.",
}


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
        if konfiguration.zaehler != zaehler:
            raise OrdnerFehler(
                f"In {ordner.pfad} ist schon {konfiguration.zaehler} eingeschrieben; einen anderen Ordner nehmen."
            )
        return konfiguration
    wurzel = _pinned_root(ca_pem, fingerabdruck)
    _check_url(einschreibung_url)
    _check_url(telegramm_url)
    schluessel = {zweck: _key(ordner, zweck) for zweck in ZWECKE}
    write_atomic(ordner.ca_datei, ca_pem)
    try:
        anfrage = Einschreibung(
            zaehler=zaehler,
            token=token,
            csr_tls=_csr(zaehler, schluessel["tls"]),
            csr_signatur=_csr(zaehler, schluessel["signatur"]),
            csr_verschluesselung=_csr(zaehler, schluessel["verschluesselung"]),
        )
    except TelegrammFehler as fehler:
        raise EinschreibungFehler("Das Token ist leer, zu lang oder enthält unerlaubte Zeichen.") from fehler
    antwort = _post(ordner, einschreibung_url, anfrage.to_bytes(), uebertragung)
    konfiguration = Konfiguration(zaehler, telegramm_url, einschreibung_url, antwort.epoche)
    _check_and_store(ordner, antwort, zaehler, schluessel, wurzel, datetime.fromtimestamp(jetzt(), UTC))
    ordner.save_konfiguration(konfiguration)
    return konfiguration


def _post(ordner: Ordner, url: str, body: bytes, uebertragung: Uebertragung | None) -> Einschreibungsantwort:
    if uebertragung is not None:
        return _parse(uebertragung.post(body))
    try:
        verbindung = HttpsVerbindung(url, tls_context(ordner.ca_datei), content_type="application/cbor")
    except ssl.SSLError as fehler:
        raise EinschreibungFehler(f"Die CA-Datei ist nicht brauchbar: {fehler}.") from fehler
    try:
        return _parse(verbindung.post(body))
    finally:
        verbindung.close()


def _parse(antwort: Antwort) -> Einschreibungsantwort:
    if antwort.status != 200:
        abgewiesen = Abgewiesen(antwort.status, error_code(antwort), retry_after(antwort.headers))
        rat = _RAT.get(antwort.status, "Später wiederholen; bleibt es dabei, den Betreiber fragen.")
        raise EinschreibungFehler(f"{abgewiesen}. {rat}") from abgewiesen
    try:
        return Einschreibungsantwort.from_bytes(antwort.body)
    except TelegrammFehler as fehler:
        raise EinschreibungFehler("Die Antwort des Betreibers ist unverständlich.") from fehler


def _check_and_store(
    ordner: Ordner,
    antwort: Einschreibungsantwort,
    zaehler: str,
    schluessel: dict[str, ec.EllipticCurvePrivateKey],
    wurzel: x509.Certificate,
    jetzt: datetime,
) -> None:
    """Believe nothing of the answer that does not lead to the pinned root and to our own keys."""
    if antwort.zaehler != zaehler:
        raise EinschreibungFehler("Die Antwort ist für einen anderen Zähler.")
    ausstellende = _check_ca_chain([_load(der) for der in antwort.ca], wurzel, jetzt)
    eigene = {
        "tls": _load(antwort.zertifikat_tls),
        "signatur": _load(antwort.zertifikat_signatur),
        "verschluesselung": _load(antwort.zertifikat_verschluesselung),
    }
    for zweck, zertifikat in eigene.items():
        _check_issued(zertifikat, ausstellende, jetzt)
        if _spki(zertifikat.public_key()) != _spki(schluessel[zweck].public_key()):
            raise EinschreibungFehler(f"Das Zertifikat für {zweck} gehört nicht zu unserem Schlüssel.")
        if not _names_meter(zertifikat, zaehler):
            raise EinschreibungFehler(f"Das Zertifikat für {zweck} nennt nicht den Zähler {zaehler}.")
    betreiber = {
        "betreiber_signatur": _load(antwort.betreiber_signatur),
        "betreiber_verschluesselung": _load(antwort.betreiber_verschluesselung),
    }
    for name, zertifikat in betreiber.items():
        _check_issued(zertifikat, ausstellende, jetzt)
        ordner.save_zertifikat(name, [zertifikat])
    for zweck, zertifikat in eigene.items():
        # The server knows the root; it may not know the issuing CA, so that one is sent along.
        ordner.save_zertifikat(zweck, [zertifikat, *(ca for ca in ausstellende if ca != wurzel)])


def _check_ca_chain(
    kette: Sequence[x509.Certificate], wurzel: x509.Certificate, jetzt: datetime
) -> list[x509.Certificate]:
    """The CAs of the answer, issuing one first; the last must be the pinned root, each issued by the next."""
    if not kette or len(kette) > 4 or kette[-1] != wurzel:
        raise EinschreibungFehler("Die Antwort führt nicht zur festgelegten Wurzel des Betreibers.")
    for ca in kette:
        _check_ca(ca, jetzt)
    for unten, oben in pairwise(kette):
        _check_issued(unten, [oben], jetzt)
    return list(kette)


def _check_ca(zertifikat: x509.Certificate, jetzt: datetime) -> None:
    try:
        grundlegend = zertifikat.extensions.get_extension_for_class(x509.BasicConstraints)
    except (x509.ExtensionNotFound, ValueError) as fehler:
        raise EinschreibungFehler("Ein Zertifikat der Kette ist keine CA.") from fehler
    if not grundlegend.value.ca:
        raise EinschreibungFehler("Ein Zertifikat der Kette ist keine CA.")
    if not zertifikat.not_valid_before_utc <= jetzt <= zertifikat.not_valid_after_utc:
        raise EinschreibungFehler("Ein Zertifikat der Kette ist nicht gültig; die Uhr dieses Rechners prüfen.")


def _check_issued(zertifikat: x509.Certificate, ausstellende: Sequence[x509.Certificate], jetzt: datetime) -> None:
    """The certificate is within its validity and directly issued by one of ``ausstellende``."""
    if not zertifikat.not_valid_before_utc <= jetzt <= zertifikat.not_valid_after_utc:
        raise EinschreibungFehler("Ein Zertifikat ist nicht gültig; die Uhr dieses Rechners prüfen.")
    for ca in ausstellende:
        try:
            zertifikat.verify_directly_issued_by(ca)
        except (InvalidSignature, ValueError, TypeError):
            continue
        return
    raise EinschreibungFehler("Ein Zertifikat ist nicht von der festgelegten CA ausgestellt.")


def _names_meter(zertifikat: x509.Certificate, zaehler: str) -> bool:
    """True when the subject carries the meter number, as common name or as serial number of the device."""
    namen = [
        *zertifikat.subject.get_attributes_for_oid(NameOID.COMMON_NAME),
        *zertifikat.subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER),
    ]
    return any(name.value == zaehler for name in namen)


def _load(der: bytes) -> x509.Certificate:
    try:
        return x509.load_der_x509_certificate(der)
    except ValueError as fehler:
        raise EinschreibungFehler("Die Antwort enthält ein unlesbares Zertifikat.") from fehler


def _spki(schluessel: object) -> bytes:
    if not isinstance(schluessel, ec.EllipticCurvePublicKey):
        raise EinschreibungFehler("Ein Zertifikat enthält keinen Schlüssel auf einer elliptischen Kurve.")
    return schluessel.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _key(ordner: Ordner, zweck: str) -> ec.EllipticCurvePrivateKey:
    """The key of an earlier try, or a new one on P-256; on disk in either case."""
    if ordner.schluessel_datei(zweck).exists():
        return ordner.load_schluessel(zweck)
    schluessel = ec.generate_private_key(ec.SECP256R1())
    ordner.save_schluessel(zweck, schluessel)
    return schluessel


def _csr(zaehler: str, schluessel: ec.EllipticCurvePrivateKey) -> bytes:
    """A PKCS #10 request (RFC 2986): it proves possession of the key. The CA sets the names itself."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, zaehler)])
    anfrage = x509.CertificateSigningRequestBuilder().subject_name(name).sign(schluessel, hashes.SHA256())
    return anfrage.public_bytes(serialization.Encoding.DER)


def _pinned_root(ca_pem: bytes, fingerabdruck: str | None) -> x509.Certificate:
    """The one certificate of the CA file. More than one would make the pin a list, so that is refused."""
    try:
        zertifikate = x509.load_pem_x509_certificates(ca_pem)
    except ValueError as fehler:
        raise EinschreibungFehler("Die CA-Datei enthält kein PEM-Zertifikat.") from fehler
    if len(zertifikate) != 1:
        raise EinschreibungFehler("Die CA-Datei muss genau ein Zertifikat enthalten: die Wurzel des Betreibers.")
    ist = zertifikate[0].fingerprint(hashes.SHA256()).hex()
    if fingerabdruck is not None:
        soll = fingerabdruck.replace(":", "").replace(" ", "").lower()
        if not (soll.isascii() and hmac.compare_digest(ist, soll)):
            raise EinschreibungFehler(
                f"Der Fingerabdruck der CA-Datei ist {ist}, nicht der angegebene. Die CA-Datei neu holen."
            )
    return zertifikate[0]


def _check_url(url: str) -> None:
    if not url.startswith("https://"):
        raise EinschreibungFehler(f"Nur https-Adressen sind erlaubt, nicht {url!r}.")

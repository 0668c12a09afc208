"""A fake operator: its own small CA, an enrolment answer, and receipts that it seals like the real one.

It is not the code of the operator, only the other end of the agreed format, to test the gateway alone. Each
way of misbehaving is one attribute.
"""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway.verbindung import Antwort
from telegramm.einschreibung import Einschreibung, Einschreibungsantwort
from telegramm.messwerte import Meldung, Messwert, Telegramm
from telegramm.quittung import Quittung
from telegramm.schluessel import ski
from telegramm.umschlag import parse, seal

ZAEHLER = "1EMH0012345678"
URL = "https://localhost:8443/geraete/v1/telegramme"
URL_EINSCHREIBUNG = "https://localhost:8444/geraete/v1/einschreibung"
# Certificates live in real time; this span holds for as long as anybody will run the tests.
GUELTIG_AB = datetime(2020, 1, 1, tzinfo=UTC)
GUELTIG_BIS = datetime(2090, 1, 1, tzinfo=UTC)
# 2026-03-02T00:00:00Z, a Monday.
MONTAG = 1772409600


def make_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def make_certificate(
    name: str,
    oeffentlich: ec.EllipticCurvePublicKey,
    aussteller: str,
    mit: ec.EllipticCurvePrivateKey,
    *,
    ca: bool = False,
    bis: datetime = GUELTIG_BIS,
    server: bool = False,
    dns: str = "localhost",
    nutzung: str | None = None,
) -> x509.Certificate:
    """``nutzung``: "signatur" or "verschluesselung", the key usage of the operator's certificates."""
    bauer = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, aussteller)]))
        .public_key(oeffentlich)
        .serial_number(x509.random_serial_number())
        .not_valid_before(GUELTIG_AB)
        .not_valid_after(bis)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(oeffentlich), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(mit.public_key()), critical=False)
    )
    if server:
        namen = [x509.DNSName(dns)]
        adressen = [x509.IPAddress(IPv4Address("127.0.0.1"))] if dns == "localhost" else []
        bauer = bauer.add_extension(x509.SubjectAlternativeName([*namen, *adressen]), critical=False)
    if nutzung is not None:
        bauer = bauer.add_extension(make_key_usage(nutzung), critical=True)
    return bauer.sign(mit, hashes.SHA256())


def make_key_usage(nutzung: str) -> x509.KeyUsage:
    bits = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_cert_sign", "crl_sign",
         "encipher_only", "decipher_only"), False
    )  # fmt: skip
    return x509.KeyUsage(
        digital_signature=nutzung == "signatur", key_agreement=nutzung == "verschluesselung", **bits
    )


def der(zertifikat: x509.Certificate) -> bytes:
    return zertifikat.public_bytes(serialization.Encoding.DER)


def pem(zertifikat: x509.Certificate) -> bytes:
    return zertifikat.public_bytes(serialization.Encoding.PEM)


def make_werte(anzahl: int, von: int = MONTAG, *, bezug: int = 1000, schritt: int = 25) -> list[Messwert]:
    return [Messwert(von + i * 900, bezug + i * schritt, 0, schritt * 4, 0) for i in range(anzahl)]


class FakeBetreiber:
    """Enrols meters and answers Telegramme; remembers what it stored, as {uhrzeit: Messwert}."""

    def __init__(self, name: str = "Test") -> None:
        self.wurzel_schluessel = make_key()
        self.ca_schluessel = make_key()
        self.signatur = make_key()
        self.verschluesselung = make_key()
        wurzel = f"{name} Wurzel"
        self.wurzel = make_certificate(
            wurzel, self.wurzel_schluessel.public_key(), wurzel, self.wurzel_schluessel, ca=True
        )
        self.ca = make_certificate(
            f"{name} CA", self.ca_schluessel.public_key(), wurzel, self.wurzel_schluessel, ca=True
        )
        self.name_ca = f"{name} CA"
        self.einschreibungen: list[Einschreibung] = []
        self.telegramme: list[Telegramm] = []
        self.gespeichert: dict[int, Messwert] = {}
        self.quarantaene: list[tuple[Messwert, str]] = []
        self.lehnt_ab: Callable[[Messwert], str | None] = lambda wert: None
        self.meldungen: list[Meldung] = []
        self.fehlanzeigen: list[tuple[int, int]] = []
        self.zeit = MONTAG * 1000
        # A clock in s since 1970 takes the place of the fixed `zeit`.
        self.uhr: Callable[[], float] | None = None
        self.platz_s = 137
        self.kunden: dict[bytes, tuple[ec.EllipticCurvePublicKey, ec.EllipticCurvePublicKey]] = {}

    def issue(self, name: str, oeffentlich: ec.EllipticCurvePublicKey, **mehr: object) -> x509.Certificate:
        return make_certificate(name, oeffentlich, self.name_ca, self.ca_schluessel, **mehr)  # type: ignore[arg-type]

    # --- enrolment ---------------------------------------------------------------------------------------------
    def enroll(self, body: bytes) -> Einschreibungsantwort:
        anfrage = Einschreibung.from_bytes(body)
        self.einschreibungen.append(anfrage)
        schluessel = []
        for roh in (anfrage.csr_tls, anfrage.csr_signatur, anfrage.csr_verschluesselung):
            csr = x509.load_der_x509_csr(roh)
            assert csr.is_signature_valid
            oeffentlich = csr.public_key()
            assert isinstance(oeffentlich, ec.EllipticCurvePublicKey)
            schluessel.append(oeffentlich)
        self.kunden[ski(schluessel[1])] = (schluessel[1], schluessel[2])
        tls, signatur, verschluesselung = (der(self.issue(anfrage.zaehler, s)) for s in schluessel)
        return Einschreibungsantwort(
            zaehler=anfrage.zaehler,
            epoche=1,
            zertifikat_tls=tls,
            zertifikat_signatur=signatur,
            zertifikat_verschluesselung=verschluesselung,
            ca=(der(self.ca), der(self.wurzel)),
            betreiber_signatur=der(
                self.issue("Betreiber Signatur", self.signatur.public_key(), nutzung="signatur")
            ),
            betreiber_verschluesselung=der(
                self.issue(
                    "Betreiber Verschluesselung", self.verschluesselung.public_key(), nutzung="verschluesselung"
                )
            ),
        )

    # --- Telegramme --------------------------------------------------------------------------------------------
    def receive(self, body: bytes) -> tuple[Telegramm, bytes, ec.EllipticCurvePublicKey]:
        """Open a Telegramm; returns it with its plaintext and the key that the receipt is sealed to."""
        umschlag = parse(body)
        signatur, verschluesselung = self.kunden[umschlag.unterzeichner_ski]
        geprueft = umschlag.verify(signatur)
        klartext = geprueft.decrypt({ski(self.verschluesselung.public_key()): self.verschluesselung})
        telegramm = Telegramm.from_bytes(klartext)
        self.telegramme.append(telegramm)
        return telegramm, klartext, verschluesselung

    def note(self, telegramm: Telegramm) -> int:
        """Keep the rows that are no readings; returns how many."""
        self.meldungen += telegramm.ereignisse
        self.fehlanzeigen += telegramm.luecken
        return len(telegramm.ereignisse) + len(telegramm.luecken)

    def store(self, telegramm: Telegramm, klartext: bytes) -> Quittung:
        neu = self.note(telegramm)
        doppelt = 0
        abgelehnt = []
        for stelle, wert in enumerate(telegramm.werte):
            grund = self.lehnt_ab(wert)
            if grund is None and self.gespeichert.get(wert.uhrzeit, wert) != wert:
                grund = "konflikt"
            if grund is not None:
                self.quarantaene.append((wert, grund))
                abgelehnt.append((stelle, grund))
            elif wert.uhrzeit in self.gespeichert:
                doppelt += 1
            else:
                self.gespeichert[wert.uhrzeit] = wert
                neu += 1
        return Quittung(
            art="QUITTUNG",
            zaehler=telegramm.zaehler,
            anfrage=telegramm.anfrage,
            zu=hashlib.sha256(klartext).digest(),
            neu=neu,
            doppelt=doppelt,
            abgelehnt=tuple(abgelehnt),
            luecken=(),
            zeit=self.zeit if self.uhr is None else int(self.uhr() * 1000),
            platz_s=self.platz_s,
            auftraege=(),
        )

    def answer(self, body: bytes, **aenderung: object) -> Antwort:
        """Store and give the receipt; ``aenderung`` replaces fields of the receipt before it is sealed."""
        telegramm, klartext, empfaenger = self.receive(body)
        quittung = replace(self.store(telegramm, klartext), **aenderung)  # type: ignore[arg-type]
        return self.seal(quittung, empfaenger)

    def seal(
        self,
        quittung: Quittung,
        empfaenger: ec.EllipticCurvePublicKey,
        unterzeichner: ec.EllipticCurvePrivateKey | None = None,
    ) -> Antwort:
        siegel = seal(
            quittung.to_bytes(),
            empfaenger=empfaenger,
            unterzeichner=unterzeichner or self.signatur,
            signiert_um=datetime(2026, 3, 2, tzinfo=UTC),
        )
        return Antwort(200, {"content-type": "application/cms"}, siegel)


@dataclass
class Leitung:
    """A fake link: calls one function after another from ``ablauf``, then ``sonst`` for ever.

    ``dateien`` is what can be fetched, by path; ``verbunden`` lists the contexts that `reconnect` was given.
    """

    sonst: Callable[[bytes], Antwort]
    ablauf: list[Callable[[bytes], Antwort]] = field(default_factory=list)
    gesendet: list[bytes] = field(default_factory=list)
    dateien: dict[str, bytes] = field(default_factory=dict)
    geholt: list[str] = field(default_factory=list)
    verbunden: list[ssl.SSLContext | None] = field(default_factory=list)
    bytes_gesamt: int = 0

    def post(self, body: bytes) -> Antwort:
        self.gesendet.append(body)
        self.bytes_gesamt += len(body)
        antwort = self.ablauf.pop(0)(body) if self.ablauf else self.sonst(body)
        self.bytes_gesamt += len(antwort.body)
        return antwort

    def get(self, pfad: str) -> Antwort:
        self.geholt.append(pfad)
        if pfad not in self.dateien:
            return Antwort(404)
        self.bytes_gesamt += len(self.dateien[pfad])
        return Antwort(200, {"content-type": "application/octet-stream"}, self.dateien[pfad])

    def reconnect(self, kontext: ssl.SSLContext | None = None) -> None:
        self.verbunden.append(kontext)


def answer_enrolment(betreiber: FakeBetreiber) -> Leitung:
    return Leitung(
        lambda body: Antwort(200, {"content-type": "application/cbor"}, betreiber.enroll(body).to_bytes())
    )


def enrolled(pfad: Path, betreiber: FakeBetreiber, zaehler: str = ZAEHLER) -> Path:
    """Enrol a meter with the fake operator into ``pfad``, through the real code of the gateway."""
    from gateway.einschreibung import enroll
    from gateway.ordner import Ordner

    enroll(
        Ordner(pfad),
        zaehler=zaehler,
        token="token",
        einschreibung_url=URL_EINSCHREIBUNG,
        telegramm_url=URL,
        ca_pem=pem(betreiber.wurzel),
        uebertragung=answer_enrolment(betreiber),
        jetzt=lambda: datetime(2026, 3, 2, tzinfo=UTC).timestamp(),
    )
    return pfad

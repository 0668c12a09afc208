"""What the fake operator does with keys: renew certificates, replace its own, sign firmware.

It remembers in a file which keys it has certified under which epoche, so that it outlives a meter that is killed
together with the process in which both run.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gateway.ordner import ZWECKE
from gateway.verbindung import Antwort
from telegramm.einschreibung import Einschreibung, Einschreibungsantwort, Erneuerung, Kette
from telegramm.firmware import Firmwareangebot, Firmwaremanifest, sign_manifest
from telegramm.schluessel import ski
from telegramm.umschlag import parse
from tests.gateway.betreiber_fake import (
    GUELTIG_AB,
    GUELTIG_BIS,
    FakeBetreiber,
    Leitung,
    der,
    make_certificate,
    make_key,
)

JETZT = datetime(2026, 3, 2, tzinfo=UTC).timestamp()
MODELL = "SIM-3.60"


class FakeAusgabestelle:
    """Certifies three keys at once: the same keys get the same epoche again, new ones the next."""

    def __init__(
        self, betreiber: FakeBetreiber, gedaechtnis: Path, *, erste: dict[str, int] | None = None
    ) -> None:
        self.betreiber = betreiber
        self.bis = GUELTIG_BIS
        self._gedaechtnis = gedaechtnis
        if erste is not None and not gedaechtnis.exists():
            gedaechtnis.write_text(json.dumps(erste))

    @property
    def epochen(self) -> dict[str, int]:
        """Hash of the keys -> their epoche."""
        return json.loads(self._gedaechtnis.read_text()) if self._gedaechtnis.exists() else {}

    def enroll(self, body: bytes) -> Einschreibungsantwort:
        return self._certify(Einschreibung.from_bytes(body))

    def renew(self, body: bytes) -> Einschreibungsantwort:
        """Open an Erneuerung, which must be signed by a key that was certified before."""
        betreiber = self.betreiber
        umschlag = parse(body)
        signatur, _ = betreiber.kunden[umschlag.unterzeichner_ski]
        eigene = {ski(betreiber.verschluesselung.public_key()): betreiber.verschluesselung}
        return self._certify(Erneuerung.from_bytes(umschlag.verify(signatur).decrypt(eigene)))

    def link(self) -> Leitung:
        """A link to the enrolment listener; the kind of request is known from its form."""

        def answer(body: bytes) -> Antwort:
            # A container is a DER SEQUENCE (0x30), an Einschreibung a CBOR map.
            antwort = self.renew(body) if body[0] == 0x30 else self.enroll(body)
            return Antwort(200, {"content-type": "application/cbor"}, antwort.to_bytes())

        return Leitung(answer)

    def _certify(self, anfrage: Einschreibung | Erneuerung) -> Einschreibungsantwort:
        oeffentliche = {}
        for zweck in ZWECKE:
            csr = x509.load_der_x509_csr(getattr(anfrage, f"csr_{zweck}"))
            assert csr.is_signature_valid
            oeffentliche[zweck] = csr.public_key()
            assert isinstance(oeffentliche[zweck], ec.EllipticCurvePublicKey)
        abdruck = hashlib.sha256(b"".join(ski(s) for s in oeffentliche.values())).hexdigest()
        epochen = self.epochen
        epoche = epochen.setdefault(abdruck, 1 + len(epochen))
        self._gedaechtnis.write_text(json.dumps(epochen))
        betreiber = self.betreiber
        betreiber.kunden[ski(oeffentliche["signatur"])] = (
            oeffentliche["signatur"],
            oeffentliche["verschluesselung"],
        )
        kette = make_kette(betreiber, betreiber.signatur, betreiber.verschluesselung)
        return Einschreibungsantwort(
            zaehler=anfrage.zaehler,
            epoche=epoche,
            **{
                f"zertifikat_{zweck}": der(betreiber.issue(anfrage.zaehler, schluessel, bis=self.bis))
                for zweck, schluessel in oeffentliche.items()
            },
            ca=kette.ca,
            betreiber_signatur=kette.betreiber_signatur,
            betreiber_verschluesselung=kette.betreiber_verschluesselung,
        )


def make_kette(
    betreiber: FakeBetreiber, signatur: ec.EllipticCurvePrivateKey, verschluesselung: ec.EllipticCurvePrivateKey
) -> Kette:
    """The operator's certificates for these keys."""
    return Kette(
        ca=(der(betreiber.ca), der(betreiber.wurzel)),
        betreiber_signatur=der(betreiber.issue("Signatur", signatur.public_key(), nutzung="signatur")),
        betreiber_verschluesselung=der(
            betreiber.issue("Verschluesselung", verschluesselung.public_key(), nutzung="verschluesselung")
        ),
    )


def make_second_ca(betreiber: FakeBetreiber) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    """Another issuing CA under the operator's root, with the name of the first, as a replacement has it."""
    schluessel = make_key()
    aussteller = betreiber.wurzel.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
    assert isinstance(aussteller, str)
    return schluessel, make_certificate(
        betreiber.name_ca, schluessel.public_key(), aussteller, betreiber.wurzel_schluessel, ca=True
    )


def make_code_signer(
    betreiber: FakeBetreiber,
    *,
    eku: x509.ObjectIdentifier | None = ExtendedKeyUsageOID.CODE_SIGNING,
    bis: datetime = GUELTIG_BIS,
) -> tuple[ec.EllipticCurvePrivateKey, bytes]:
    """A key and its certificate in DER with the purpose ``eku``."""
    schluessel = make_key()
    bauer = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Firmware")]))
        .issuer_name(betreiber.ca.subject)
        .public_key(schluessel.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(GUELTIG_AB)
        .not_valid_after(bis)
    )
    if eku is not None:
        bauer = bauer.add_extension(x509.ExtendedKeyUsage([eku]), critical=False)
    return schluessel, der(bauer.sign(betreiber.ca_schluessel, hashes.SHA256()))


def announce(
    betreiber: FakeBetreiber, bild: bytes, *, version: str = "1.1.0", modell: str = MODELL, **aenderung: object
) -> Firmwareangebot:
    """A signed announcement of this image; ``aenderung`` replaces fields of the manifest before it is signed."""
    felder = {
        "modell": modell,
        "version": version,
        "sha256": hashlib.sha256(bild).digest(),
        "groesse": len(bild),
    } | aenderung
    schluessel, zertifikat = make_code_signer(betreiber)
    return sign_manifest(Firmwaremanifest(**felder), schluessel, zertifikat)  # type: ignore[arg-type]


class Bildquelle:
    """Gives out an image as the device listener does: pieces of at most ``stueck`` bytes, 416 beyond its end."""

    def __init__(self, bild: bytes, stueck: int = 1000) -> None:
        self.bild = bild
        self.stueck = stueck
        self.status = 200
        self.geholt: list[str] = []
        self.bytes_gesamt = 0

    def get(self, pfad: str) -> Antwort:
        self.geholt.append(pfad)
        von = int(pfad.partition("?von=")[2])
        if self.status != 200 or von >= len(self.bild):
            return Antwort(self.status if self.status != 200 else 416, {}, b'{"code": "bereich"}')
        return Antwort(200, {"content-type": "application/octet-stream"}, self.bild[von : von + self.stueck])

    def post(self, body: bytes) -> Antwort:
        raise AssertionError("an image is only fetched")

    def reconnect(self, kontext: object = None) -> None:
        raise AssertionError("an image is only fetched")

"""The device channel in one process: an enrolled meter, its keys in the test's hand, and both device apps."""

import os
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from flask import Flask
from werkzeug.test import TestResponse

from betreiber.auth.domain import system_akteur
from betreiber.geraete import ZERTIFIKAT_SCHLUESSEL
from betreiber.schluessel.service import create_token
from db.session import create_session
from telegramm import umschlag
from telegramm.einschreibung import Einschreibung, Einschreibungsantwort
from telegramm.messwerte import MESSWERTE, Messwert, Telegramm, Uhrstand
from telegramm.quittung import Quittung, check_quittung
from telegramm.schluessel import generate_private_key, public_key_of_certificate, ski
from tests.hilfen import FesteUhr

VIERTELSTUNDE = 900


@dataclass
class Zaehler:
    """A meter with its three keys; `antwort` is what enrolment gave it."""

    zaehlernummer: str
    stromzaehler_id: int
    tls: EllipticCurvePrivateKey = field(default_factory=generate_private_key)
    signatur: EllipticCurvePrivateKey = field(default_factory=generate_private_key)
    verschluesselung: EllipticCurvePrivateKey = field(default_factory=generate_private_key)
    antwort: Einschreibungsantwort | None = None
    folge: int = 0

    def einschreibung(self, token: str, **werte: bytes) -> bytes:
        """The enrolment request; `werte` replaces parts of it."""
        antrag = Einschreibung(
            zaehler=self.zaehlernummer,
            token=token,
            csr_tls=csr(self.tls, self.zaehlernummer),
            csr_signatur=csr(self.signatur, self.zaehlernummer),
            csr_verschluesselung=csr(self.verschluesselung, self.zaehlernummer),
        )
        return replace(antrag, **werte).to_bytes()

    @property
    def enrolled(self) -> Einschreibungsantwort:
        assert self.antwort is not None
        return self.antwort

    def telegramm(self, uhr: FesteUhr, werte: list[Messwert], **felder: Any) -> Telegramm:
        """The next message of this meter."""
        self.folge += 1
        standard = {
            "art": MESSWERTE,
            "zaehler": self.zaehlernummer,
            "epoche": self.enrolled.epoche,
            "folge": self.folge,
            "anfrage": os.urandom(16),
            "erzeugt": int(uhr.now().timestamp() * 1000),
            "uhr": Uhrstand("GESTELLT", None, None),
            "werte": tuple(werte),
        }
        return Telegramm(**standard | felder)

    def seal(self, klartext: bytes, jetzt: datetime) -> bytes:
        """As the meter seals: to the operator, signed by itself."""
        zertifikat = x509.load_der_x509_certificate(self.enrolled.betreiber_verschluesselung)
        return umschlag.seal(
            klartext,
            empfaenger=public_key_of_certificate(zertifikat),
            unterzeichner=self.signatur,
            signiert_um=jetzt,
        )

    def unseal(self, der: bytes) -> bytes:
        """The plaintext of what the operator signed and encrypted to this meter."""
        zertifikat = x509.load_der_x509_certificate(self.enrolled.betreiber_signatur)
        geprueft = umschlag.parse(der).verify(public_key_of_certificate(zertifikat))
        return geprueft.decrypt({ski(self.verschluesselung.public_key()): self.verschluesselung})

    def open(self, der: bytes, klartext: bytes) -> Quittung:
        """As the meter opens a receipt; raises when anything is wrong with it."""
        quittung = Quittung.from_bytes(self.unseal(der))
        check_quittung(quittung, Telegramm.from_bytes(klartext), klartext)
        return quittung


class Kanal:
    """Both device apps, and meters that speak to them."""

    def __init__(self, geraete: Flask, einschreibung: Flask, uhr: FesteUhr) -> None:
        self.geraete = geraete
        self.einschreibung = einschreibung
        self.uhr = uhr

    def token(self, stromzaehler_id: int) -> str:
        """A fresh enrolment token."""
        with create_session(self.einschreibung.extensions["msb_engine"]) as session:
            return create_token(session, system_akteur("test", self.uhr.now()), stromzaehler_id).token

    def enrol(self, zaehler: Zaehler, koerper: bytes) -> TestResponse:
        """Send an enrolment request; a successful answer is kept."""
        antwort = self.einschreibung.test_client().post(
            "/geraete/v1/einschreibung", data=koerper, content_type="application/cbor"
        )
        if antwort.status_code == 200:
            zaehler.antwort = Einschreibungsantwort.from_bytes(antwort.data)
        return antwort

    def enrolled(self, zaehlernummer: str, stromzaehler_id: int) -> Zaehler:
        """A meter that has its certificates."""
        zaehler = Zaehler(zaehlernummer, stromzaehler_id)
        antwort = self.enrol(zaehler, zaehler.einschreibung(self.token(stromzaehler_id)))
        assert antwort.status_code == 200, antwort.text
        return zaehler

    def post(self, der: bytes, tls: bytes, **kw: Any) -> TestResponse:
        """Send a body over a connection with this client certificate."""
        kw = {"content_type": "application/cms"} | kw
        return self.geraete.test_client().post(
            "/geraete/v1/telegramme", data=der, environ_overrides={ZERTIFIKAT_SCHLUESSEL: tls}, **kw
        )

    def send(self, zaehler: Zaehler, telegramm: Telegramm) -> Quittung:
        """Deliver a message and open the receipt, which must come."""
        klartext = telegramm.to_bytes()
        antwort = self.post(zaehler.seal(klartext, self.uhr.now()), zaehler.enrolled.zertifikat_tls)
        assert antwort.status_code == 200, antwort.text
        return zaehler.open(antwort.data, klartext)

    def refusal(self, zaehler: Zaehler, telegramm: Telegramm) -> tuple[int, str]:
        """Deliver a message that is refused: status and code."""
        der = zaehler.seal(telegramm.to_bytes(), self.uhr.now())
        antwort = self.post(der, zaehler.enrolled.zertifikat_tls)
        return antwort.status_code, antwort.json["code"]

    def deliver(self, zaehler: Zaehler, werte: list[Messwert]) -> Quittung:
        """Deliver readings in one message."""
        return self.send(zaehler, zaehler.telegramm(self.uhr, werte))


def csr(schluessel: EllipticCurvePrivateKey, name: str) -> bytes:
    """A certificate request (PKCS #10) in DER."""
    subjekt = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    antrag = x509.CertificateSigningRequestBuilder().subject_name(subjekt).sign(schluessel, hashes.SHA256())
    return antrag.public_bytes(Encoding.DER)


def messwert(uhrzeit: int, bezug_wh: int, einspeisung_wh: int = 0, leistung_w: int | None = None) -> Messwert:
    return Messwert(uhrzeit, bezug_wh, einspeisung_wh, leistung_w, 0)


def reihe(von: int, stand_wh: int, energien: list[int]) -> list[Messwert]:
    """The registers at the edges of quarter hours: one reading more than energies."""
    werte = [messwert(von, stand_wh)]
    for energie in energien:
        stand_wh += energie
        von += VIERTELSTUNDE
        werte.append(messwert(von, stand_wh))
    return werte

"""The stage of a refusal: an enrolled meter, everything to forge its messages with, and a way to send them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from flask import Flask
from sqlalchemy import Engine, delete, update
from werkzeug.test import TestResponse

from betreiber.geraete import ZERTIFIKAT_SCHLUESSEL
from db.models import Einschreibungstoken, Geraeteschluessel, Stromzaehler, Telegrammstand
from db.session import create_session
from telegramm.messwerte import Messwert
from telegramm.quittung import Quittung
from telegramm.schluessel import public_key_of_certificate
from tests.hilfen import FesteUhr, Welt
from tests.kanal import Kanal, Zaehler, messwert
from tests.telegramm import bauen


@dataclass
class Buehne:
    """`zaehler` hangs at a place with 30 kW since ten days before `jetzt` (seconds since 1970)."""

    kanal: Kanal
    zaehler: Zaehler
    uhr: FesteUhr
    jetzt: int
    engine: Engine
    welt: Welt
    fremde_nummer: str
    kunden_app: Callable[[], Flask]

    @cached_property
    def fremder(self) -> Zaehler:
        """Another enrolled meter."""
        return self.kanal.enrolled(self.fremde_nummer, self.welt.stromzaehler(zaehlernummer=self.fremde_nummer))

    @property
    def empfaenger(self) -> EllipticCurvePublicKey:
        """The operator's encryption key."""
        zertifikat = x509.load_der_x509_certificate(self.zaehler.enrolled.betreiber_verschluesselung)
        return public_key_of_certificate(zertifikat)

    def werte(self) -> list[Messwert]:
        return [messwert(self.jetzt, 1000)]

    def klartext(self, *werte: Messwert, **felder: Any) -> bytes:
        """The plaintext of a message with one good reading, or with those that are given."""
        return self.zaehler.telegramm(self.uhr, list(werte) or self.werte(), **felder).to_bytes()

    def changed(self, change: Callable[[dict[str, Any]], object]) -> bytes:
        """A plaintext in canonical CBOR, after somebody has changed its map."""
        felder = cbor2.loads(self.klartext())
        change(felder)
        return cbor2.dumps(felder, canonical=True)

    def inhalt(self, klartext: bytes | None = None, **teile: Any) -> bytes:
        """The encrypted structure, single parts of it replaced."""
        return bauen.auth_enveloped(klartext or self.klartext(), teile.pop("an", self.empfaenger), **teile)

    def container(self, inhalt: bytes | None = None, **teile: Any) -> bytes:
        """The whole container, single parts of its outer structure replaced."""
        return bauen.signed_data(
            self.inhalt() if inhalt is None else inhalt, teile.pop("von", self.zaehler.signatur), **teile
        )

    def post(self, der: bytes, tls: bytes | None = None, **kw: Any) -> TestResponse:
        return self.kanal.post(der, self.zaehler.enrolled.zertifikat_tls if tls is None else tls, **kw)

    def post_text(self, klartext: bytes) -> TestResponse:
        """Sealed and signed as it should be: only the plaintext may be wrong."""
        return self.post(self.container(self.inhalt(klartext)))

    def post_rows(self, *werte: Messwert, **felder: Any) -> TestResponse:
        return self.post_text(self.klartext(*werte, **felder))

    def post_raw(self, koerper: bytes, methode: str = "POST", **umgebung: str) -> TestResponse:
        """A request as no client library would make it."""
        wie_gunicorn = {"wsgi.input_terminated": True}
        tls = {ZERTIFIKAT_SCHLUESSEL: self.zaehler.enrolled.zertifikat_tls}
        return self.kanal.geraete.test_client().open(
            "/geraete/v1/telegramme",
            method=methode,
            data=koerper,
            content_type="application/cms",
            environ_overrides=tls | wie_gunicorn | umgebung,
        )

    def quittung(self, der: bytes) -> Quittung:
        """A receipt, opened but not compared with what it answers."""
        return Quittung.from_bytes(self.zaehler.unseal(der))

    def set_keys(self, zweck: str, **werte: Any) -> None:
        """Change the row of one of the meter's keys."""
        bedingung = (
            Geraeteschluessel.zweck == zweck,
            Geraeteschluessel.stromzaehler_id == self.zaehler.stromzaehler_id,
        )
        self._execute(update(Geraeteschluessel).where(*bedingung).values(**werte))

    def revoke(self, zweck: str) -> None:
        self.set_keys(zweck, gesperrt_zeitpunkt=datetime.now(UTC))

    def expire(self, zweck: str) -> None:
        # Keys end in real time, which is years from the clock of the tests.
        self.set_keys(zweck, gueltig_bis=datetime.now(UTC) - timedelta(seconds=1))

    def set_zustand(self, zustand: str) -> None:
        eigener = Stromzaehler.stromzaehler_id == self.zaehler.stromzaehler_id
        self._execute(update(Stromzaehler).where(eigener).values(zustand=zustand))

    def forget_stand(self) -> None:
        eigener = Telegrammstand.stromzaehler_id == self.zaehler.stromzaehler_id
        self._execute(delete(Telegrammstand).where(eigener))

    def expire_tokens(self) -> None:
        self._execute(update(Einschreibungstoken).values(gueltig_bis=self.uhr.now()))

    def _execute(self, anweisung: Any) -> None:
        with create_session(self.engine) as session:
            session.execute(anweisung)
            session.commit()

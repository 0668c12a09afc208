"""The floor of the ingest: the operator's server and mTLS with a bare function behind them, to compare with.

`boden` does the primitives of a sealed reading and nothing else: one key SELECT, one verify, one ECDH and AES-GCM
to open, one INSERT with its commit, one ECDH and AES-GCM to seal, one sign. No CMS, no CBOR, no checks, no pool of
an ORM. `leer` answers 200 at once: what HTTP and TLS cost alone. scripts/bench_annahme.py starts both.
"""

import os
import sqlite3
import sys
import threading
from collections.abc import Callable
from typing import Any

import psycopg
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from betreiber.app import Lauscher
from betreiber.geraete import KOERPER_HOECHSTENS
from betreiber.protokoll import init_logging
from betreiber.schluessel.ablage import load_betreiberschluessel
from betreiber.server import serve
from betreiber.settings import Settings
from telegramm.schluessel import encode_point

_ECDSA = ec.ECDSA(hashes.SHA256())
_ECDH = ec.ECDH()
SKI, PUNKT, NONCE = 20, 65, 12
TABELLE = "bench_boden"
SPALTEN = "stromzaehler_id, uhrzeit, stromverbrauch_gesamt_wh, einspeisung_gesamt_wh, stromverbrauch_momentan_w"
CREATE_TABELLE = (
    f"CREATE TABLE IF NOT EXISTS {TABELLE} (stromzaehler_id BIGINT, uhrzeit BIGINT,"
    " stromverbrauch_gesamt_wh BIGINT, einspeisung_gesamt_wh BIGINT, stromverbrauch_momentan_w BIGINT,"
    " PRIMARY KEY (stromzaehler_id, uhrzeit))"
)
DROP_TABELLE = f"DROP TABLE IF EXISTS {TABELLE}"
_SELECT = "SELECT stromzaehler_id, zertifikat FROM geraeteschluessel WHERE ski = {}"
_INSERT = f"INSERT INTO {TABELLE} ({SPALTEN}) VALUES ({{}}, {{}}, {{}}, {{}}, {{}})"


def seal(
    klartext: bytes, empfaenger: ec.EllipticCurvePublicKey, unterzeichner: ec.EllipticCurvePrivateKey
) -> bytes:
    """Ephemeral ECDH, AES-GCM, sign: point | nonce | ciphertext | signature | its length."""
    fluechtig = ec.generate_private_key(ec.SECP256R1())
    nonce = os.urandom(NONCE)
    geheimtext = AESGCM(fluechtig.exchange(_ECDH, empfaenger)[:16]).encrypt(nonce, klartext, None)
    inhalt = encode_point(fluechtig.public_key()) + nonce + geheimtext
    signatur = unterzeichner.sign(inhalt, _ECDSA)
    return inhalt + signatur + bytes([len(signatur)])


def unseal(daten: bytes, eigener: ec.EllipticCurvePrivateKey, unterzeichner: ec.EllipticCurvePublicKey) -> bytes:
    """The way back; raises when a byte is wrong."""
    inhalt, signatur = daten[: -1 - daten[-1]], daten[-1 - daten[-1] : -1]
    unterzeichner.verify(signatur, inhalt, _ECDSA)
    punkt = ec.EllipticCurvePublicKey.from_encoded_point(eigener.curve, inhalt[:PUNKT])
    aes = AESGCM(eigener.exchange(_ECDH, punkt)[:16])
    return aes.decrypt(inhalt[PUNKT : PUNKT + NONCE], inhalt[PUNKT + NONCE :], None)


class _Datenbank:
    """One connection a thread. On SQLite writers queue here: its own way of waiting is to sleep and try again."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._faden = threading.local()
        self._sperre = threading.Lock()
        platzhalter = "?" if url.startswith("sqlite") else "%s"
        self._select = _SELECT.format(platzhalter)
        self._insert = _INSERT.format(*[platzhalter] * 5)

    def select(self, ski: bytes) -> tuple[int, bytes]:
        zeile: tuple[int, bytes] = self._connection().execute(self._select, [ski]).fetchone()
        return zeile

    def insert(self, *werte: int) -> None:
        connection = self._connection()
        if isinstance(connection, sqlite3.Connection):
            with self._sperre:
                connection.execute(self._insert, werte)
        else:
            connection.execute(self._insert, werte)

    def _connection(self) -> Any:
        if not hasattr(self._faden, "connection"):
            self._faden.connection = self._connect()
        return self._faden.connection

    def _connect(self) -> Any:
        """Every statement is a transaction of its own, committed durably."""
        if not self._url.startswith("sqlite"):
            return psycopg.connect(self._url, autocommit=True)
        connection = sqlite3.connect(self._url.removeprefix("sqlite:///"), isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        return connection


class _App:
    """A WSGI function with what the worker of the device listener asks its app for."""

    def __init__(self, settings: Settings, antworten: Callable[[bytes], bytes]) -> None:
        self.config = {"MAX_CONTENT_LENGTH": KOERPER_HOECHSTENS}
        self.extensions = {"msb_settings": settings}
        self._antworten = antworten

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        antwort = self._antworten(environ["wsgi.input"].read())
        start_response("200 OK", [("Content-Type", "application/cms"), ("Content-Length", str(len(antwort)))])
        return [antwort]


def _load_leer(settings: Settings) -> Any:
    # As long as a receipt.
    return _App(settings, lambda _: bytes(600))


def _load_boden(settings: Settings) -> Any:
    satz = load_betreiberschluessel(settings.pki_ordner).saetze[0]
    datenbank = _Datenbank(settings.datenbank)

    def take(daten: bytes) -> bytes:
        stromzaehler_id, zertifikat = datenbank.select(daten[:SKI])
        schluessel = x509.load_der_x509_certificate(zertifikat).public_key()
        if not isinstance(schluessel, ec.EllipticCurvePublicKey):
            raise TypeError("a meter has EC keys")
        klartext = unseal(daten[SKI:], satz.verschluesselung.schluessel, schluessel)
        werte = (int.from_bytes(klartext[n : n + 8], "big") for n in range(0, 32, 8))
        datenbank.insert(stromzaehler_id, *werte)
        return seal(klartext[:300], schluessel, satz.signatur.schluessel)

    return _App(settings, take)


if __name__ == "__main__":
    init_logging("text")
    art = {"boden": _load_boden, "leer": _load_leer}[sys.argv[1]]
    einstellungen = Settings.from_env(os.environ)
    serve(Lauscher.GERAETE, einstellungen, lambda: art(einstellungen))

"""The folder of the operator's keys. Private keys are readable by their owner only.

wurzel.crt wurzel.key            the root; its key is needed for a new issuing CA only and may lie elsewhere
geraete_ca.crt geraete_ca.key    the issuing CA; its key is read by the enrolment process alone
server.crt server.key            TLS of the device and the enrolment listener (with the issuing CA's certificate)
signatur.crt signatur.key        signs receipts
verschluesselung.crt ....key     opens Telegramme
platz.key                        spreads the meters over the upload slots
"""

import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import cast

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from betreiber.schluessel import ca
from betreiber.schluessel.ca import Schluesselpaar
from betreiber.schluessel.domain import Zweck
from telegramm.schluessel import ski


class PkiFehlt(Exception):
    """The folder has no keys; `betreiber pki anlegen` makes them."""


@dataclass(frozen=True)
class Betreiberschluessel:
    """What the device process needs: to open Telegramme and to sign receipts. The CA's key is not among it."""

    signatur: Schluesselpaar
    entschluesselung: dict[bytes, EllipticCurvePrivateKey]
    platz_schluessel: bytes


@dataclass(frozen=True)
class Ausgabestelle:
    """What the enrolment process needs."""

    ca: Schluesselpaar
    kette: tuple[x509.Certificate, ...]
    signatur: x509.Certificate
    verschluesselung: x509.Certificate


def create_pki(ordner: Path, namen: Iterable[str], jetzt: datetime) -> bool:
    """Make all keys that a new operator needs; False when there are some already. `jetzt` is real time."""
    if (ordner / "wurzel.crt").exists():
        return False
    ordner.mkdir(parents=True, exist_ok=True)
    ordner.chmod(0o700)
    wurzel = ca.create_root(jetzt)
    geraete_ca = ca.create_issuing_ca(wurzel, jetzt)
    _store(ordner, "geraete_ca", geraete_ca)
    _store(ordner, "server", ca.create_server(geraete_ca, namen, jetzt), kette=[geraete_ca.zertifikat])
    _store(ordner, "signatur", ca.create_operator(geraete_ca, Zweck.SIGNATUR, jetzt))
    _store(ordner, "verschluesselung", ca.create_operator(geraete_ca, Zweck.VERSCHLUESSELUNG, jetzt))
    _write(ordner / "platz.key", secrets.token_hex(32).encode(), 0o600)
    # The root comes last: where it stands, the folder is complete.
    _store(ordner, "wurzel", wurzel)
    return True


def load_betreiberschluessel(ordner: Path) -> Betreiberschluessel:
    """Read the keys of the device process. Raises PkiFehlt."""
    entschluesselung = _load(ordner, "verschluesselung").schluessel
    return Betreiberschluessel(
        signatur=_load(ordner, "signatur"),
        entschluesselung={ski(entschluesselung.public_key()): entschluesselung},
        platz_schluessel=_read(ordner / "platz.key"),
    )


def load_ausgabestelle(ordner: Path) -> Ausgabestelle:
    """Read the keys of the enrolment process. Raises PkiFehlt."""
    geraete_ca = _load(ordner, "geraete_ca")
    return Ausgabestelle(
        ca=geraete_ca,
        kette=(geraete_ca.zertifikat, _certificate(ordner, "wurzel")),
        signatur=_certificate(ordner, "signatur"),
        verschluesselung=_certificate(ordner, "verschluesselung"),
    )


def _store(ordner: Path, name: str, paar: Schluesselpaar, kette: Iterable[x509.Certificate] = ()) -> None:
    schluessel = paar.schluessel.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    _write(ordner / f"{name}.key", schluessel, 0o600)
    zertifikate = b"".join(zertifikat.public_bytes(Encoding.PEM) for zertifikat in (paar.zertifikat, *kette))
    _write(ordner / f"{name}.crt", zertifikate, 0o644)


def _write(datei: Path, inhalt: bytes, rechte: int) -> None:
    with open(datei, "wb", opener=lambda pfad, flags: os.open(pfad, flags, rechte)) as neu:
        neu.write(inhalt)
        neu.flush()
        os.fsync(neu.fileno())


def _load(ordner: Path, name: str) -> Schluesselpaar:
    zertifikat = _certificate(ordner, name)
    schluessel = load_pem_private_key(_read(ordner / f"{name}.key"), password=None)
    return Schluesselpaar(cast(EllipticCurvePrivateKey, schluessel), zertifikat)


def _certificate(ordner: Path, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(_read(ordner / f"{name}.crt"))


def _read(datei: Path) -> bytes:
    try:
        return datei.read_bytes()
    except FileNotFoundError as error:
        raise PkiFehlt(f"{datei} is missing; a new operator makes its keys with: betreiber pki anlegen") from error

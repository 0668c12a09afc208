"""The folder of the operator's keys, as the processes read it. `pki.py` makes and replaces what lies there.

wurzel.crt wurzel.key            the root; its key is needed for a new issuing CA only and may lie elsewhere
geraete_ca.crt geraete_ca.key    the issuing CA; its key is read by the enrolment process alone
server.crt server.key            TLS of the device and the enrolment listener
signatur.crt signatur.key        signs receipts      } together a Betreibersatz
verschluesselung.crt ....key     opens Telegramme    }
firmware.crt firmware.key        signs firmware; made when there is some
platz.key                        spreads the meters over the upload slots

The first of each lies in the folder itself, what replaces it in a folder of its own: ca/2, server/2, betreiber/2,
betreiber/3. The highest number counts. Such a folder appears whole or not at all: no file is ever overwritten, and
no key stands beside the certificate of another. A .crt holds its issuing CA, too. Private keys are readable by
their owner only.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import cast

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from betreiber.schluessel.ca import VORLAUF, Schluesselpaar
from betreiber.schluessel.domain import PkiFehler
from telegramm.einschreibung import Kette
from telegramm.schluessel import ski

# Where replacements lie, and the files by which a folder is known to be of that kind.
DATEIEN: Mapping[str, tuple[str, ...]] = {
    "ca": ("geraete_ca",),
    "server": ("server",),
    "betreiber": ("signatur", "verschluesselung"),
    "firmware": ("firmware",),
}


class PkiFehlt(PkiFehler):
    """A key is missing or cannot be read; the text names the file and the command that helps."""


@dataclass(frozen=True)
class Betreibersatz:
    """The operator's signature and encryption key of one time. `aktuell`: no newer one replaces it."""

    nummer: int
    signatur: Schluesselpaar
    verschluesselung: Schluesselpaar
    ca: x509.Certificate
    aktuell: bool

    @property
    def seit(self) -> datetime:
        """When it was made (real time)."""
        return self.signatur.zertifikat.not_valid_before_utc + VORLAUF


@dataclass(frozen=True)
class Betreiberschluessel:
    """What the device process needs: to open Telegramme and to sign receipts. The CA's key is not among it."""

    saetze: tuple[Betreibersatz, ...]  # newest first, at least one
    wurzel: x509.Certificate
    platz_schluessel: bytes

    @cached_property
    def entschluesselung(self) -> dict[bytes, EllipticCurvePrivateKey]:
        """The private keys of all sets by their SubjectKeyIdentifier."""
        return _by_ski(satz.verschluesselung.schluessel for satz in self.saetze)

    def satz_zu(self, empfaenger_ski: bytes) -> Betreibersatz:
        """The set to whose encryption key a Telegramm was sealed; its `signatur` signs the receipt. KeyError."""
        for satz in self.saetze:
            if ski(satz.verschluesselung.schluessel.public_key()) == empfaenger_ski:
                return satz
        raise KeyError(empfaenger_ski)

    @cached_property
    def kette(self) -> Kette:
        """The newest set, with the CAs above it, as a receipt carries it."""
        satz = self.saetze[0]
        return Kette(
            ca=(_der(satz.ca), _der(self.wurzel)),
            betreiber_signatur=_der(satz.signatur.zertifikat),
            betreiber_verschluesselung=_der(satz.verschluesselung.zertifikat),
        )


@dataclass(frozen=True)
class Ausgabestelle:
    """What the enrolment process needs: the CA, whom a meter talks to, and the keys that open a renewal."""

    ca: Schluesselpaar
    kette: tuple[x509.Certificate, ...]
    signatur: x509.Certificate
    verschluesselung: x509.Certificate
    entschluesselung: Mapping[bytes, EllipticCurvePrivateKey]


def load_betreiberschluessel(ordner: Path) -> Betreiberschluessel:
    """Read the keys of the device process. Raises PkiFehlt."""
    return Betreiberschluessel(
        saetze=load_saetze(ordner),
        wurzel=load_certificates(ordner / "wurzel.crt")[0],
        platz_schluessel=_read(ordner / "platz.key"),
    )


def load_ausgabestelle(ordner: Path) -> Ausgabestelle:
    """Read the keys of the enrolment process; the one that signs receipts is not among them. Raises PkiFehlt."""
    geraete_ca = load_pair(newest(ordner, "ca") / "geraete_ca")
    newest(ordner, "betreiber")
    pfade = folders(ordner, "betreiber")
    # A meter is given one straight chain: the newest set under this CA. Another one comes with its first receipt.
    satz = next((pfad for pfad in pfade if _issuer(ordner, pfad) == geraete_ca.zertifikat), None)
    if satz is None:
        raise PkiFehlt(f"{ordner}: kein Betreibersatz unter der CA; rufen Sie: betreiber pki betreiber-erneuern")
    return Ausgabestelle(
        ca=geraete_ca,
        kette=(geraete_ca.zertifikat, load_certificates(ordner / "wurzel.crt")[0]),
        signatur=load_certificates(satz / "signatur.crt")[0],
        verschluesselung=load_certificates(satz / "verschluesselung.crt")[0],
        entschluesselung=_by_ski(load_pair(pfad / "verschluesselung").schluessel for pfad in pfade),
    )


def load_firmware_schluessel(ordner: Path) -> Schluesselpaar:
    """Read the key that signs firmware. Raises PkiFehlt; `betreiber pki firmware-schluessel` makes one."""
    if not folders(ordner, "firmware"):
        raise PkiFehlt(f"{ordner} hat keinen Firmwareschlüssel; rufen Sie: betreiber pki firmware-schluessel")
    return load_pair(newest(ordner, "firmware") / "firmware")


def load_saetze(ordner: Path) -> tuple[Betreibersatz, ...]:
    """Every Betreibersatz, newest first, at least one. Raises PkiFehlt."""
    neuester = newest(ordner, "betreiber")
    return tuple(
        Betreibersatz(
            nummer=1 if pfad == ordner else int(pfad.name),
            signatur=load_pair(pfad / "signatur"),
            verschluesselung=load_pair(pfad / "verschluesselung"),
            ca=_issuer(ordner, pfad),
            aktuell=pfad == neuester,
        )
        for pfad in folders(ordner, "betreiber")
    )


def server_files(ordner: Path) -> tuple[Path, Path]:
    """Certificate and key of the device and the enrolment listener. Raises PkiFehlt."""
    pfad = newest(ordner, "server")
    return pfad / "server.crt", pfad / "server.key"


def ca_files(ordner: Path) -> list[Path]:
    """The certificate of every issuing CA: meters come with certificates of the earlier ones, too."""
    return [pfad / "geraete_ca.crt" for pfad in folders(ordner, "ca")]


def folders(ordner: Path, art: str) -> list[Path]:
    """Where keys of one kind lie, newest first."""
    nummern = sorted(numbers(ordner, art), reverse=True)
    alle = [*(ordner / art / str(nummer) for nummer in nummern), ordner]
    return [pfad for pfad in alle if (pfad / f"{DATEIEN[art][0]}.crt").exists()]


def numbers(ordner: Path, art: str) -> list[int]:
    """The numbers of the folders of one kind, whether or not anything is left in them."""
    return [int(pfad.name) for pfad in (ordner / art).glob("*") if pfad.name.isdigit()]


def newest(ordner: Path, art: str) -> Path:
    """Where the keys of one kind lie that count. Raises PkiFehlt."""
    alle = folders(ordner, art)
    if not alle:
        raise missing(ordner / f"{DATEIEN[art][0]}.crt")
    return alle[0]


def load_pair(pfad: Path) -> Schluesselpaar:
    """A private key and its certificate; `pfad` without suffix. Raises PkiFehlt."""
    datei = pfad.with_suffix(".key")
    try:
        schluessel = load_pem_private_key(_read(datei), password=None)
    except (ValueError, TypeError) as error:
        raise _damaged(datei) from error
    zertifikat = load_certificates(pfad.with_suffix(".crt"))[0]
    if schluessel.public_key() != zertifikat.public_key():
        raise PkiFehlt(f"{pfad}.key gehört nicht zu {pfad}.crt; holen Sie beide aus derselben Sicherung.")
    return Schluesselpaar(cast(EllipticCurvePrivateKey, schluessel), zertifikat)


def load_certificates(datei: Path) -> list[x509.Certificate]:
    """The certificates of a file, the holder's own first. Raises PkiFehlt."""
    try:
        return x509.load_pem_x509_certificates(_read(datei))
    except ValueError as error:
        raise _damaged(datei) from error


def _read(datei: Path) -> bytes:
    try:
        return datei.read_bytes()
    except FileNotFoundError as error:
        raise missing(datei) from error


def missing(datei: Path) -> PkiFehlt:
    """What to raise for a file or folder that should be there."""
    return PkiFehlt(f"{datei} fehlt; ein neuer Betreiber macht seine Schlüssel mit: betreiber pki anlegen")


def _damaged(datei: Path) -> PkiFehlt:
    return PkiFehlt(f"{datei} ist beschädigt; holen Sie den Ordner aus der Sicherung.")


def _by_ski(schluessel: Iterable[EllipticCurvePrivateKey]) -> dict[bytes, EllipticCurvePrivateKey]:
    return {ski(teil.public_key()): teil for teil in schluessel}


def _issuer(ordner: Path, pfad: Path) -> x509.Certificate:
    """The CA that issued a Betreibersatz; a folder of an earlier version does not hold it beside the set."""
    signatur, *daneben = load_certificates(pfad / "signatur.crt")
    for ca in (*daneben, *(load_certificates(datei)[0] for datei in ca_files(ordner))):
        if _is_issued_by(signatur, ca):
            return ca
    raise PkiFehlt(f"Die CA von {pfad}/signatur.crt fehlt; holen Sie den Ordner aus der Sicherung.")


def _is_issued_by(zertifikat: x509.Certificate, ca: x509.Certificate) -> bool:
    try:
        zertifikat.verify_directly_issued_by(ca)
    except (InvalidSignature, ValueError):
        return False
    return True


def _der(zertifikat: x509.Certificate) -> bytes:
    return zertifikat.public_bytes(Encoding.DER)

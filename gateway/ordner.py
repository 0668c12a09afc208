"""The folder of one meter: its configuration, keys and certificates.

Layout (everything that is written is written atomically, so that a power cut leaves the old or the new file)::

    gateway.json                     zaehler, addresses, epoche; its presence means "enrolled"
    ca.pem                           the pinned root certificate of the operator
    schluessel/{tls,signatur,verschluesselung}.pem      private keys, mode 0600
    zertifikate/{tls,signatur,verschluesselung}.pem     our certificates, each followed by the issuing CA
    zertifikate/betreiber_{signatur,verschluesselung}.pem
    puffer.sqlite                    readings that wait for a receipt
"""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.fehler import OrdnerFehler

ZWECKE = ("tls", "signatur", "verschluesselung")


@dataclass(frozen=True, slots=True)
class Konfiguration:
    """What enrolment fixed for this meter. ``epoche`` counts enrolments and key changes of the meter."""

    zaehler: str
    telegramm_url: str
    einschreibung_url: str
    epoche: int


def write_atomic(datei: Path, inhalt: bytes, *, mode: int = 0o644) -> None:
    """Write a file so that after a crash at any moment either the old or the new content is there.

    The temporary file is created with ``mode`` already, so that a private key is never readable by others,
    not even for a moment.
    """
    datei.parent.mkdir(parents=True, exist_ok=True)
    fd, name = tempfile.mkstemp(prefix=f".{datei.name}.", dir=datei.parent)
    try:
        with os.fdopen(fd, "wb") as strom:
            os.fchmod(strom.fileno(), mode)
            strom.write(inhalt)
            strom.flush()
            os.fsync(strom.fileno())
        os.replace(name, datei)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    verzeichnis = os.open(datei.parent, os.O_RDONLY)
    try:
        os.fsync(verzeichnis)
    finally:
        os.close(verzeichnis)


class Ordner:
    """Access to the folder of one meter; creates nothing until something is saved."""

    def __init__(self, pfad: Path | str) -> None:
        self.pfad = Path(pfad)

    # --- paths -------------------------------------------------------------------------------------------------
    @property
    def ca_datei(self) -> Path:
        return self.pfad / "ca.pem"

    @property
    def puffer_datei(self) -> Path:
        return self.pfad / "puffer.sqlite"

    def schluessel_datei(self, zweck: str) -> Path:
        return self.pfad / "schluessel" / f"{zweck}.pem"

    def zertifikat_datei(self, name: str) -> Path:
        return self.pfad / "zertifikate" / f"{name}.pem"

    # --- configuration -----------------------------------------------------------------------------------------
    @property
    def is_enrolled(self) -> bool:
        """True once an enrolment has come to its end; the configuration is the last file that it writes."""
        return (self.pfad / "gateway.json").exists()

    def load_konfiguration(self) -> Konfiguration:
        """Read ``gateway.json``; raises OrdnerFehler when it is missing or damaged."""
        datei = self.pfad / "gateway.json"
        try:
            daten = json.loads(datei.read_text(encoding="utf-8"))
            konfiguration = Konfiguration(
                zaehler=daten["zaehler"],
                telegramm_url=daten["telegramm_url"],
                einschreibung_url=daten["einschreibung_url"],
                epoche=daten["epoche"],
            )
        except FileNotFoundError as fehler:
            raise OrdnerFehler(
                f"In {self.pfad} ist kein Zähler eingeschrieben. Zuerst: stromzaehler einschreiben {self.pfad} ..."
            ) from fehler
        except (OSError, ValueError, KeyError, TypeError) as fehler:
            raise OrdnerFehler(
                f"{datei} ist nicht lesbar oder beschädigt; den Ordner aus der Sicherung holen."
            ) from fehler
        texte = (konfiguration.zaehler, konfiguration.telegramm_url, konfiguration.einschreibung_url)
        if not all(isinstance(text, str) for text in texte) or type(konfiguration.epoche) is not int:
            raise OrdnerFehler(f"{datei} ist beschädigt: falscher Typ eines Feldes.")
        return konfiguration

    def save_konfiguration(self, konfiguration: Konfiguration) -> None:
        text = json.dumps(asdict(konfiguration), indent=2, ensure_ascii=False) + "\n"
        write_atomic(self.pfad / "gateway.json", text.encode())

    # --- keys and certificates ---------------------------------------------------------------------------------
    def load_schluessel(self, zweck: str) -> ec.EllipticCurvePrivateKey:
        """The private key for "tls", "signatur" or "verschluesselung" (PEM, PKCS #8, not encrypted)."""
        datei = self.schluessel_datei(zweck)
        try:
            schluessel = serialization.load_pem_private_key(datei.read_bytes(), password=None)
        except (OSError, ValueError, TypeError) as fehler:
            raise OrdnerFehler(f"Der Schlüssel {datei} fehlt oder ist beschädigt.") from fehler
        if not isinstance(schluessel, ec.EllipticCurvePrivateKey):
            raise OrdnerFehler(f"Der Schlüssel {datei} ist kein Schlüssel auf einer elliptischen Kurve.")
        return schluessel

    def save_schluessel(self, zweck: str, schluessel: ec.EllipticCurvePrivateKey) -> None:
        pem = schluessel.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        verzeichnis = self.schluessel_datei(zweck).parent
        verzeichnis.mkdir(parents=True, exist_ok=True)
        verzeichnis.chmod(0o700)
        write_atomic(self.schluessel_datei(zweck), pem, mode=0o600)

    def load_zertifikat(self, name: str) -> x509.Certificate:
        """The first certificate of ``zertifikate/NAME.pem``; raises OrdnerFehler."""
        datei = self.zertifikat_datei(name)
        try:
            return x509.load_pem_x509_certificates(datei.read_bytes())[0]
        except (OSError, ValueError) as fehler:
            raise OrdnerFehler(f"Das Zertifikat {datei} fehlt oder ist beschädigt.") from fehler

    def save_zertifikat(self, name: str, kette: list[x509.Certificate]) -> None:
        pem = b"".join(zertifikat.public_bytes(serialization.Encoding.PEM) for zertifikat in kette)
        write_atomic(self.zertifikat_datei(name), pem)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the folder for one process; the lock falls with the process, also on kill -9.

        Two processes would not corrupt anything (every change is a transaction), but they would produce two
        meters out of one; so the second one is told.
        """
        self.pfad.mkdir(parents=True, exist_ok=True)
        with open(self.pfad / ".sperre", "w", encoding="ascii") as datei:
            try:
                fcntl.flock(datei, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as fehler:
                raise OrdnerFehler(
                    f"Der Zähler in {self.pfad} läuft schon in einem anderen Prozess; diesen zuerst beenden."
                ) from fehler
            yield

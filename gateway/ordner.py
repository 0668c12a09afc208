"""The folder of one meter: its configuration, keys and certificates.

Layout (everything that is written is written atomically, so that a power cut leaves the old or the new file)::

    gateway.json                     zaehler, addresses, epoche, set of keys; its presence means "enrolled"
    puffer.sqlite                    readings that wait for a receipt

and, for each set of keys, in the folder itself (the first set) or in ``satz-.../`` (those that replaced it)::

    ca.pem                           the pinned root certificate of the operator
    schluessel/{tls,signatur,verschluesselung}.pem      private keys, mode 0600
    zertifikate/{tls,signatur,verschluesselung}.pem     our certificates, each followed by the issuing CA
    zertifikate/betreiber.pem        the operator's: signature, encryption, then the issuing CA

``gateway.json`` alone says which set is in use. A new set is complete on disk before that file names it, and the
old one stays until a receipt has come under the new one.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.fehler import OrdnerFehler

ZWECKE = ("tls", "signatur", "verschluesselung")
BETREIBER = "betreiber"
# The place of each of the operator's certificates in its file; the issuing CAs follow.
_BETREIBER_STELLEN = {"betreiber_signatur": 0, "betreiber_verschluesselung": 1}
# The name of a set: its running number and, for one that a token brought, what tells tokens apart.
_SATZ = re.compile(r"satz-([0-9]{1,9})(-[0-9a-f]{8})?")


@dataclass(frozen=True, slots=True)
class Konfiguration:
    """What enrolment fixed for this meter. ``epoche`` counts enrolments and key changes of the meter.

    ``satz`` names the set of keys in use; "" is the first one, which lies in the folder itself.
    ``puffer_angelegt``: there was a buffer, so when its file is missing it is lost and not new.
    """

    zaehler: str
    telegramm_url: str
    einschreibung_url: str
    epoche: int
    satz: str = ""
    puffer_angelegt: bool = False


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
    """Access to the folder of one meter; creates nothing until something is saved.

    Keys and certificates are those of the set ``satz``, without it those of the set that the configuration names.
    """

    def __init__(self, pfad: Path | str, *, satz: str | None = None) -> None:
        self.pfad = Path(pfad)
        self._satz = satz

    # --- sets of keys ------------------------------------------------------------------------------------------
    @property
    def satz(self) -> str:
        """The name of the set: see `Konfiguration`. Raises OrdnerFehler when the configuration is damaged."""
        if self._satz is not None:
            return self._satz
        return self.load_konfiguration().satz if self.is_enrolled else ""

    def next_satz(self, kennung: str = "") -> Ordner:
        """The set that is to replace the one in use: the same place as long as it does not.

        ``kennung`` (8 hex digits) sets apart those that different tokens bring.
        """
        name = f"satz-{_number(self.satz) + 1}" + (f"-{kennung}" if kennung else "")
        return Ordner(self.pfad, satz=name)

    def discard(self) -> None:
        """Remove this set, as `next_satz` has given it: one that is in use never is."""
        if self._satz:
            shutil.rmtree(self.pfad / self._satz)

    def remove_old_saetze(self) -> None:
        """Remove the sets that the one in use has replaced. One that is being prepared stays."""
        name = self.satz
        if not name:
            return
        for teil in ("schluessel", "zertifikate"):
            shutil.rmtree(self.pfad / teil, ignore_errors=True)
        (self.pfad / "ca.pem").unlink(missing_ok=True)
        for eintrag in self.pfad.iterdir():
            if _SATZ.fullmatch(eintrag.name) and eintrag.name != name and _number(eintrag.name) <= _number(name):
                shutil.rmtree(eintrag, ignore_errors=True)

    # --- paths -------------------------------------------------------------------------------------------------
    @property
    def ca_datei(self) -> Path:
        return self.pfad / self.satz / "ca.pem"

    @property
    def puffer_datei(self) -> Path:
        return self.pfad / "puffer.sqlite"

    def schluessel_datei(self, zweck: str) -> Path:
        return self.pfad / self.satz / "schluessel" / f"{zweck}.pem"

    def zertifikat_datei(self, name: str) -> Path:
        return self.pfad / self.satz / "zertifikate" / f"{name}.pem"

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
                satz=daten.get("satz", ""),
                puffer_angelegt=bool(daten.get("puffer_angelegt", False)),
            )
        except FileNotFoundError as fehler:
            raise OrdnerFehler(
                f"In {self.pfad} ist kein Zähler eingeschrieben. Zuerst: stromzaehler einschreiben {self.pfad} ..."
            ) from fehler
        except (OSError, ValueError, KeyError, TypeError) as fehler:
            raise OrdnerFehler(
                f"{datei} ist nicht lesbar oder beschädigt; den Ordner aus der Sicherung holen."
            ) from fehler
        texte = (
            konfiguration.zaehler,
            konfiguration.telegramm_url,
            konfiguration.einschreibung_url,
            konfiguration.satz,
        )
        if not all(isinstance(text, str) for text in texte) or type(konfiguration.epoche) is not int:
            raise OrdnerFehler(f"{datei} ist beschädigt: falscher Typ eines Feldes.")
        if konfiguration.satz and not _SATZ.fullmatch(konfiguration.satz):
            raise OrdnerFehler(f"{datei} ist beschädigt: {konfiguration.satz!r} nennt keinen Schlüsselsatz.")
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
            raise OrdnerFehler(f"Der Schlüssel {datei} fehlt oder ist beschädigt. {self.remedy}") from fehler
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
        """Our certificate "tls", "signatur" or "verschluesselung", or "betreiber_signatur" or
        "betreiber_verschluesselung"; raises OrdnerFehler."""
        # Folders of the first version have a file for each of the operator's certificates.
        if name in _BETREIBER_STELLEN and self.zertifikat_datei(BETREIBER).exists():
            return self._load_kette(BETREIBER, 2)[_BETREIBER_STELLEN[name]]
        return self._load_kette(name)[0]

    def load_ausstellende(self) -> list[x509.Certificate]:
        """The CAs below the pinned root that are known: those above the operator, then those above ourselves.

        They differ once the operator has replaced its issuing CA. Raises OrdnerFehler.
        """
        kette = self._load_kette("tls")[1:]
        if self.zertifikat_datei(BETREIBER).exists():
            kette = self._load_kette(BETREIBER, 2)[len(_BETREIBER_STELLEN) :] + kette
        return list(dict.fromkeys(kette))

    def _load_kette(self, name: str, mindestens: int = 1) -> list[x509.Certificate]:
        datei = self.zertifikat_datei(name)
        try:
            kette = x509.load_pem_x509_certificates(datei.read_bytes())
        except (OSError, ValueError) as fehler:
            raise OrdnerFehler(f"Das Zertifikat {datei} fehlt oder ist beschädigt. {self.remedy}") from fehler
        if len(kette) < mindestens:
            raise OrdnerFehler(f"Das Zertifikat {datei} ist nicht vollständig. {self.remedy}")
        return kette

    @property
    def remedy(self) -> str:
        """What helps when keys or certificates are lost or have ended."""
        return (
            "Neue Schlüssel gibt es mit einem neuen Token des Betreibers; Zählerstand und Puffer bleiben: "
            f"stromzaehler einschreiben {self.pfad} --neu --token TOKEN"
        )

    def save_betreiber(
        self,
        signatur: x509.Certificate,
        verschluesselung: x509.Certificate,
        ausstellende: Sequence[x509.Certificate],
    ) -> None:
        """Save the operator's certificates in one file, so that one never stands beside another's partner."""
        self.save_zertifikat(BETREIBER, [signatur, verschluesselung, *ausstellende])

    def save_zertifikat(self, name: str, kette: Sequence[x509.Certificate]) -> None:
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


def _number(satz: str) -> int:
    """The running number of a set; the first one, which has no name, is 0."""
    treffer = _SATZ.fullmatch(satz)
    return int(treffer[1]) if treffer else 0

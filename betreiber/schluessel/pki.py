"""Make and replace the operator's keys in their folder (layout: `ablage.py`).

Nothing is overwritten: what is new appears whole, in a folder of its own, and counts from then on. The private key
of what it replaces is deleted then; only a Betreibersatz stays, because meters go on using it until they have
heard of the new one. `jetzt` is real time everywhere.
"""

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from betreiber.schluessel import ablage, ca
from betreiber.schluessel.ablage import Betreibersatz, PkiFehlt
from betreiber.schluessel.ca import Schluesselpaar
from betreiber.schluessel.domain import PkiFehler, Zweck
from telegramm.schluessel import dump_private_key

# How long meters are given to hear of a new Betreibersatz: one that was away for a season still finds the way.
UEBERLAPPUNG = timedelta(days=90)


class PkiAbgelehnt(PkiFehler):
    """What was asked for would do harm."""


@dataclass(frozen=True)
class Zertifikatszeile:
    """A certificate of the operator, for people. `art`: the kind, as in `ablage.DATEIEN`, or wurzel.

    Not `aktuell`: it was replaced, and its end needs nobody's care.
    """

    name: str
    art: str
    aktuell: bool
    zertifikat: x509.Certificate

    @property
    def fingerabdruck(self) -> str:
        """SHA-256, as `openssl x509 -fingerprint -sha256` shows it."""
        return self.zertifikat.fingerprint(hashes.SHA256()).hex(":").upper()

    def days_left(self, jetzt: datetime) -> int:
        """Whole days until it ends; below 0 when it has ended."""
        return (self.zertifikat.not_valid_after_utc - jetzt).days


def create_pki(ordner: Path, namen: Iterable[str], jetzt: datetime) -> bool:
    """Make all keys that a new operator needs; False when there are some already.

    Raises PkiAbgelehnt when the folder holds something without being complete.
    """
    ordner.parent.mkdir(parents=True, exist_ok=True)
    # Of two at once the draft of one would get files of the other.
    with _lock(ordner.parent):
        if (ordner / "wurzel.crt").exists():
            return False
        _create(ordner, namen, jetzt)
        return True


def _create(ordner: Path, namen: Iterable[str], jetzt: datetime) -> None:
    wurzel = ca.create_root(jetzt)
    geraete_ca = ca.create_issuing_ca(wurzel, jetzt)
    paare = {"wurzel": wurzel, "geraete_ca": geraete_ca, **_create_satz(geraete_ca, jetzt)}
    paare["server"] = ca.create_server(geraete_ca, namen, jetzt)
    dateien = _pem_files(paare, geraete_ca) | {"platz.key": secrets.token_hex(32).encode()}
    try:
        _place(ordner.with_name(f".{ordner.name}.neu"), ordner, dateien)
    except OSError as error:
        if not ordner.is_dir() or not os.listdir(ordner):
            raise
        raise PkiAbgelehnt(
            f"{ordner} ist nicht leer, aber ohne wurzel.crt. Holen Sie den Ordner aus der Sicherung, oder leeren"
            " Sie ihn: dann müssen alle Zähler neu eingeschrieben werden."
        ) from error


def renew_server(ordner: Path, namen: Iterable[str], jetzt: datetime) -> None:
    """A new key and certificate of the device listeners for these names. Raises PkiFehlt."""
    with _lock(ordner):
        geraete_ca = _issuing_ca(ordner)
        _add(ordner, "server", {"server": ca.create_server(geraete_ca, namen, jetzt)}, geraete_ca)


def renew_operator(ordner: Path, jetzt: datetime, *, vorzeitig: bool = False) -> int:
    """A new Betreibersatz, whose number is returned; the earlier ones stay until they are dropped.

    Raises PkiFehlt, and PkiAbgelehnt when the last change is still under way, unless `vorzeitig`.
    """
    with _lock(ordner):
        saetze = ablage.load_saetze(ordner)
        if saetze[1:] and saetze[0].seit + UEBERLAPPUNG > jetzt and not vorzeitig:
            raise PkiAbgelehnt(
                f"Der Betreibersatz {saetze[0].nummer} ist erst vom {saetze[0].seit:%Y-%m-%d}. Einen weiteren gibt"
                " es mit --vorzeitig, zum Beispiel nach einem Diebstahl."
            )
        geraete_ca = _issuing_ca(ordner)
        return _add(ordner, "betreiber", _create_satz(geraete_ca, jetzt), geraete_ca)


def renew_ca(ordner: Path, wurzel_schluessel: Path, jetzt: datetime) -> None:
    """A new issuing CA, and a new Betreibersatz under it; certificates of the old CA stay valid.

    Raises PkiFehlt, and PkiAbgelehnt for a key that is not the root's.
    """
    with _lock(ordner):
        wurzel = _load_root(ordner, wurzel_schluessel)
        neue = ca.create_issuing_ca(wurzel, jetzt)
        # The set comes first. Interrupted here, the old CA goes on with a set of its own.
        _add(ordner, "betreiber", _create_satz(neue, jetzt), neue)
        _add(ordner, "ca", {"geraete_ca": neue}, neue)


def create_firmware_key(ordner: Path, jetzt: datetime, *, ersetzen: bool) -> bool:
    """A key that signs firmware; False when there is one and it is not to be replaced. Raises PkiFehlt."""
    with _lock(ordner):
        if ablage.folders(ordner, "firmware") and not ersetzen:
            return False
        geraete_ca = _issuing_ca(ordner)
        _add(ordner, "firmware", {"firmware": ca.create_firmware(geraete_ca, jetzt)}, geraete_ca)
        return True


def list_replaced(ordner: Path, jetzt: datetime, *, vorzeitig: bool) -> list[int]:
    """The numbers of every replaced Betreibersatz whose overlap is over; the newest set is never among them.

    A set of which a killed call has left keys behind is among them until they are gone. `vorzeitig`: without
    waiting for the end of the overlap, for a stolen key. Raises PkiFehlt, and PkiAbgelehnt while every replaced
    set is within its overlap.
    """
    saetze = ablage.load_saetze(ordner)
    # A set is replaced when the next newer one is made.
    paare = list(zip(saetze[1:], saetze, strict=False))
    faellig = [satz.nummer for satz, neuerer in paare if vorzeitig or neuerer.seit + UEBERLAPPUNG <= jetzt]
    faellig += _half_dropped(ordner, saetze)
    if paare and not faellig:
        frist = paare[-1][1].seit + UEBERLAPPUNG
        raise PkiAbgelehnt(
            f"Der alte Betreibersatz wird bis {frist:%Y-%m-%d} gebraucht: Zähler, die lange fort waren, kennen nur"
            " ihn. Ist er gestohlen, rufen Sie: betreiber pki betreiber-ablegen --vorzeitig"
        )
    return faellig


def drop_operator(ordner: Path, nummern: Iterable[int]) -> None:
    """Delete the keys of replaced sets. Raises PkiFehlt, and PkiAbgelehnt for the newest."""
    with _lock(ordner):
        neuester = ablage.load_saetze(ordner)[0].nummer
        for nummer in nummern:
            if nummer == neuester:
                raise PkiAbgelehnt(f"Der Betreibersatz {nummer} ist der neueste und wird gebraucht.")
            _remove(ordner, nummer)


def list_certificates(ordner: Path) -> list[Zertifikatszeile]:
    """Every certificate of the operator; no private key is read. Raises PkiFehlt."""
    wurzel = ablage.load_certificates(ordner / "wurzel.crt")[0]
    zeilen = [Zertifikatszeile("wurzel", "wurzel", True, wurzel)]
    for art, namen in ablage.DATEIEN.items():
        for nummer, pfad in enumerate(ablage.folders(ordner, art)):
            for name in namen:
                zertifikat = ablage.load_certificates(pfad / f"{name}.crt")[0]
                kurz = (pfad / name).relative_to(ordner).as_posix()
                zeilen.append(Zertifikatszeile(kurz, art, nummer == 0, zertifikat))
    return zeilen


def _create_satz(geraete_ca: Schluesselpaar, jetzt: datetime) -> dict[str, Schluesselpaar]:
    return {
        "signatur": ca.create_operator(geraete_ca, Zweck.SIGNATUR, jetzt),
        "verschluesselung": ca.create_operator(geraete_ca, Zweck.VERSCHLUESSELUNG, jetzt),
    }


def _issuing_ca(ordner: Path) -> Schluesselpaar:
    return ablage.load_pair(ablage.newest(ordner, "ca") / "geraete_ca")


def _load_root(ordner: Path, schluessel_datei: Path) -> Schluesselpaar:
    zertifikat = ablage.load_certificates(ordner / "wurzel.crt")[0]
    try:
        schluessel = load_pem_private_key(schluessel_datei.read_bytes(), password=None)
    except FileNotFoundError as error:
        raise PkiFehlt(
            f"{schluessel_datei} fehlt. Liegt der Schlüssel der Wurzel woanders, nennen Sie ihn mit"
            " --wurzel-schluessel DATEI."
        ) from error
    except (ValueError, TypeError) as error:
        raise PkiAbgelehnt(f"{schluessel_datei} ist kein privater Schlüssel in PEM ohne Passwort.") from error
    if schluessel.public_key() != zertifikat.public_key():
        raise PkiAbgelehnt(f"{schluessel_datei} ist nicht der Schlüssel von {ordner}/wurzel.crt.")
    return Schluesselpaar(schluessel, zertifikat)  # type: ignore[arg-type]


def _pem_files(paare: Mapping[str, Schluesselpaar], geraete_ca: Schluesselpaar) -> dict[str, bytes]:
    """The files of these pairs; a certificate is followed by that of the issuing CA, unless it is a CA's."""
    dateien = {}
    for name, paar in paare.items():
        kette = [paar.zertifikat]
        if name not in ("wurzel", "geraete_ca"):
            kette.append(geraete_ca.zertifikat)
        dateien[f"{name}.key"] = dump_private_key(paar.schluessel)
        dateien[f"{name}.crt"] = b"".join(teil.public_bytes(Encoding.PEM) for teil in kette)
    return dateien


def _add(ordner: Path, art: str, paare: Mapping[str, Schluesselpaar], geraete_ca: Schluesselpaar) -> int:
    """Put new keys beside the present ones; the number of their folder."""
    alte = ablage.folders(ordner, art)
    nummer = max([*ablage.numbers(ordner, art), 1 if alte else 0]) + 1
    _place(ordner / art / ".neu", ordner / art / str(nummer), _pem_files(paare, geraete_ca))
    if art != "betreiber":
        for pfad in alte:
            for name in ablage.DATEIEN[art]:
                (pfad / f"{name}.key").unlink(missing_ok=True)
    return nummer


def _place(entwurf: Path, ziel: Path, dateien: Mapping[str, bytes]) -> None:
    """Let a folder appear with all of its files, or not at all."""
    shutil.rmtree(entwurf, ignore_errors=True)  # What an interrupted call has left.
    entwurf.mkdir(parents=True, mode=0o700)
    for name, inhalt in dateien.items():
        rechte = 0o600 if name.endswith(".key") else 0o644
        with open(os.open(entwurf / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, rechte), "wb") as neu:
            os.fchmod(neu.fileno(), rechte)
            neu.write(inhalt)
            neu.flush()
            os.fsync(neu.fileno())
    _sync_folder(entwurf)
    entwurf.rename(ziel)
    _sync_folder(ziel.parent)


def _remove(ordner: Path, nummer: int) -> None:
    """Delete a Betreibersatz. It is gone with its first file: an interrupted call leaves no half of it in use."""
    pfad = _satz_folder(ordner, nummer)
    if not pfad.exists():
        return  # Of two calls at once the other one was first.
    for datei in _satz_files(pfad):
        datei.unlink(missing_ok=True)
        _sync_folder(pfad)
    if nummer > 1:
        pfad.rmdir()
        _sync_folder(pfad.parent)


def _half_dropped(ordner: Path, saetze: Sequence[Betreibersatz]) -> list[int]:
    """The numbers of sets that are gone and have left something behind; newer ones than `saetze` are damaged."""
    vorhanden = {satz.nummer for satz in saetze}
    # The first set has no folder of its own: there its files tell.
    erster = [1] if any(datei.exists() for datei in _satz_files(ordner)) else []
    alle = {*erster, *ablage.numbers(ordner, "betreiber")}
    return sorted(nummer for nummer in alle - vorhanden if nummer < max(vorhanden))


def _satz_folder(ordner: Path, nummer: int) -> Path:
    return ordner / "betreiber" / str(nummer) if nummer > 1 else ordner


def _satz_files(pfad: Path) -> list[Path]:
    """The files of a Betreibersatz; first the one by which it is known."""
    return [pfad / f"{name}.{endung}" for name in ablage.DATEIEN["betreiber"] for endung in ("crt", "key")]


def _sync_folder(ordner: Path) -> None:
    nummer = os.open(ordner, os.O_RDONLY)
    try:
        os.fsync(nummer)
    finally:
        os.close(nummer)


@contextmanager
def _lock(ordner: Path) -> Iterator[None]:
    """Of two commands at once the second waits."""
    try:
        nummer = os.open(ordner, os.O_RDONLY)
    except FileNotFoundError as error:
        raise PkiFehlt(
            f"{ordner} fehlt; ein neuer Betreiber macht seine Schlüssel mit: betreiber pki anlegen"
        ) from error
    try:
        fcntl.flock(nummer, fcntl.LOCK_EX)
        yield
    finally:
        os.close(nummer)

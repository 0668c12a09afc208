"""A file as a source of lines, whatever its format: what it is, what it says, how far it has been read."""

import hashlib
from collections.abc import Iterator
from io import BufferedIOBase
from typing import Protocol

from betreiber.errors import EingabeUngueltig
from betreiber.importlauf.csv_datei import read_csv
from betreiber.importlauf.domain import Satz
from betreiber.importlauf.edifact import looks_like_edifact, parse
from betreiber.importlauf.mscons import read_mscons

# A month of one place is 200 kB; an interchange is read as a whole, because only its end says whether it is one.
MSCONS_HOECHSTENS = 64 * 2**20


class Quelle(Protocol):
    """A file: its format, the SHA-256 by which it is known again, and its size in bytes."""

    format: str
    sha256: bytes
    groesse: int

    def read(self) -> Iterator[Satz]:
        """What the file says, from its beginning, ascending by position; as often as wanted."""

    def bytes_read(self) -> int:
        """About how far the last reading has come."""


class CsvQuelle:
    """A CSV file of any size, read line by line."""

    format = "CSV"

    def __init__(self, datei: BufferedIOBase) -> None:
        self._datei = datei
        datei.seek(0)
        self.sha256 = hashlib.file_digest(datei, "sha256").digest()
        self.groesse = datei.tell()

    def read(self) -> Iterator[Satz]:
        self._datei.seek(0)
        return read_csv(self._datei)

    def bytes_read(self) -> int:
        return self._datei.tell()


class MsconsQuelle:
    """An interchange with load profiles."""

    format = "MSCONS"

    def __init__(self, inhalt: bytes, *, test_erlaubt: bool) -> None:
        self.sha256 = hashlib.sha256(inhalt).digest()
        self.groesse = len(inhalt)
        uebertragung = parse(inhalt)
        if uebertragung.test and not test_erlaubt:
            raise EingabeUngueltig(
                "Die Übertragung ist als Test gekennzeichnet (UNB). Mit --probelauf können Sie sie prüfen."
            )
        self._saetze = read_mscons(uebertragung)
        self._gelesen = 0

    def read(self) -> Iterator[Satz]:
        for nummer, satz in enumerate(self._saetze, start=1):
            self._gelesen = nummer
            yield satz

    def bytes_read(self) -> int:
        return self.groesse * self._gelesen // len(self._saetze)


def open_quelle(datei: BufferedIOBase, *, test_erlaubt: bool = False) -> Quelle:
    """Find out what a file is. Raises EingabeUngueltig for one that cannot be used at all.

    `test_erlaubt`: also take an interchange that its sender marked as a test.
    """
    datei.seek(0)
    anfang = datei.read(64)
    datei.seek(0)
    if not looks_like_edifact(anfang):
        return CsvQuelle(datei)
    inhalt = datei.read(MSCONS_HOECHSTENS + 1)
    if len(inhalt) > MSCONS_HOECHSTENS:
        raise EingabeUngueltig(f"Die Übertragung ist größer als {MSCONS_HOECHSTENS >> 20} MiB: teilen Sie sie.")
    return MsconsQuelle(inhalt, test_erlaubt=test_erlaubt)

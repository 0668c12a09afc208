"""A file of the inventory, read line by line: what it is, what it says, how far it has been read."""

import hashlib
import os
from collections.abc import Iterator, Mapping
from io import BufferedIOBase
from typing import Protocol

from betreiber.bestand.domain import Bestandsart, Ergebnis, Satz, Urteil, Zeile
from betreiber.errors import EingabeUngueltig
from betreiber.importlauf.csv_zeilen import ZU_LANG, Unbrauchbar, iter_lines, read_header, split_line

# Of what a line consists whose cells are all empty; spreadsheets leave such ones at the end.
_LEER = b' \t\r\n;,"'


class Zellenleser(Protocol):
    """Which columns there are, and what the cells of a line say."""

    spalten: frozenset[str]
    pflicht: frozenset[str]

    def load(self, zellen: Mapping[str, str]) -> Satz | Urteil:
        """What a line says, or why it is refused."""


class Bestandsdatei:
    """A CSV file of any size: its kind, the SHA-256 by which it is known again, and its size in bytes."""

    def __init__(self, name: str, art: Bestandsart, datei: BufferedIOBase, leser: Zellenleser) -> None:
        """Raises EingabeUngueltig for a file whose header is not that of its kind."""
        self.name = name
        self.art = art
        # Files of readings are noted in the same table.
        self.format = art.upper()
        self._datei = datei
        self._leser = leser
        datei.seek(0)
        self.sha256 = hashlib.file_digest(datei, "sha256").digest()
        self.groesse = datei.seek(0, os.SEEK_END)
        datei.seek(0)
        self._trenner, self._spalten = self._check_header(next(iter_lines(datei), b""))

    def read(self, nach: int) -> Iterator[Zeile]:
        """The lines behind a line, ascending; line 1 is the header. One of empty cells only says nothing."""
        self._datei.seek(0)
        for nummer, roh in enumerate(iter_lines(self._datei), start=1):
            if nummer > max(nach, 1) and (roh is None or roh.strip(_LEER)):
                yield Zeile(nummer, self._read_line(roh))

    def bytes_read(self) -> int:
        """About how far the last reading has come."""
        return self._datei.tell()

    def _read_line(self, roh: bytes | None) -> Satz | Urteil:
        try:
            if roh is None:
                raise Unbrauchbar(ZU_LANG)
            zellen = split_line(roh, self._trenner, len(self._spalten))
        except Unbrauchbar as error:
            return Urteil(Ergebnis.ABGELEHNT, "", "zeile_unlesbar", str(error))
        return self._leser.load(dict(zip(self._spalten, zellen, strict=True)))

    def _check_header(self, roh: bytes | None) -> tuple[str, list[str]]:
        trenner, spalten = read_header(roh)
        if fremd := sorted(set(spalten) - self._leser.spalten):
            raise EingabeUngueltig(
                f"Unbekannte Spalten: {', '.join(fremd)[:200]}. Nehmen Sie sie heraus; erlaubt sind:"
                f" {', '.join(sorted(self._leser.spalten))}."
            )
        if fehlt := sorted(self._leser.pflicht - set(spalten)):
            raise EingabeUngueltig(f"In der Kopfzeile fehlt: {', '.join(fehlt)}.")
        return trenner, spalten

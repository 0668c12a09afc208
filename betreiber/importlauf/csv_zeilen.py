"""The lines of CSV files that people save: their cells, whatever separator, byte order mark and line ends.

A line is what a line end closes, also within quotes: a quote that never ends spoils its own line only.
"""

import csv
from collections.abc import Iterator
from io import BufferedIOBase
from typing import Final

from betreiber.errors import EingabeUngueltig

ZEILE_HOECHSTENS: Final = 4096
ZU_LANG: Final = f"Mehr als {ZEILE_HOECHSTENS} Zeichen: prüfen Sie, ob die Zeilenenden stimmen."


class Unbrauchbar(Exception):
    """A line or a cell cannot be used; the text says why, and what to do."""


def iter_lines(datei: BufferedIOBase) -> Iterator[bytes | None]:
    """Lines with their ends; None for one that is too long, of which no more than a piece is ever in memory."""
    while zeile := datei.readline(ZEILE_HOECHSTENS):
        zu_lang = len(zeile) == ZEILE_HOECHSTENS and not zeile.endswith(b"\n")
        while zeile and not zeile.endswith(b"\n") and zu_lang:
            zeile = datei.readline(ZEILE_HOECHSTENS)
        yield None if zu_lang else zeile


def read_header(roh: bytes | None) -> tuple[str, list[str]]:
    """The separator, and the names of the columns. Raises EingabeUngueltig for what is no header."""
    if roh is not None and roh.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise EingabeUngueltig('Die Datei ist UTF-16. Speichern Sie sie als "CSV UTF-8".')
    try:
        text = (roh or b"").decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        text = ""
    if not text or "\0" in text:
        raise EingabeUngueltig("Die erste Zeile ist keine Kopfzeile in UTF-8: ist das eine CSV-Datei?")
    trenner = ";" if ";" in text else ","
    spalten = [name.strip().strip('"').lower() for name in text.split(trenner)]
    if len(set(spalten)) != len(spalten):
        raise EingabeUngueltig("In der Kopfzeile steht eine Spalte doppelt.")
    return trenner, spalten


def split_line(roh: bytes, trenner: str, anzahl: int) -> list[str]:
    """The cells of a line, trimmed, as many as there are columns. Raises Unbrauchbar."""
    try:
        text = roh.decode().rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise Unbrauchbar('Kein gültiges UTF-8. Speichern Sie die Datei als "CSV UTF-8".') from error
    if "\0" in text:
        raise Unbrauchbar("Die Zeile enthält ein Nullzeichen.")
    try:
        zellen = next(csv.reader([text], delimiter=trenner, strict=True)) if '"' in text else text.split(trenner)
    except csv.Error as error:
        raise Unbrauchbar("Die Anführungszeichen gehen nicht auf.") from error
    if len(zellen) != anzahl:
        raise Unbrauchbar(f"{len(zellen)} Spalten statt {anzahl}.")
    return [zelle.strip() for zelle in zellen]

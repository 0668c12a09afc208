"""A report of what became of each line of a file that was read, as CSV that no spreadsheet computes."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import click


class Berichtsdatei:
    """A report, or none. `kopf`: the names of its columns."""

    def __init__(self, ziel: TextIO | None) -> None:
        self._ziel = ziel

    @classmethod
    @contextmanager
    def open(cls, pfad: Path | None, kopf: Sequence[str]) -> Iterator["Berichtsdatei"]:
        """Go on with the report of that name: an import that goes on tells only of the lines that were left.

        Raises ClickException for a file that is no such report.
        """
        if pfad is None:
            yield cls(None)
            return
        kopfzeile = ";".join(kopf) + "\r\n"
        # What is no text must be seen as no report, whatever its bytes.
        with pfad.open("a+", encoding="utf-8", errors="backslashreplace", newline="") as ziel:
            ziel.seek(0)
            anfang = ziel.read(len(kopfzeile))
            if anfang not in ("", kopfzeile):
                raise click.ClickException(
                    f"{pfad} gibt es schon und ist kein Bericht: nennen Sie eine andere Datei."
                )
            ziel.write("" if anfang else kopfzeile)
            yield cls(ziel)

    def write(self, zeilen: Iterable[Sequence[object]]) -> None:
        """Add lines. What stands in a file that was read is not to be trusted in a spreadsheet."""
        from betreiber.verbrauch.ausgabe import neutralize

        if self._ziel is None:
            return
        csv.writer(self._ziel, delimiter=";").writerows(
            [neutralize(zelle) if isinstance(zelle, str) else zelle for zelle in zeile] for zeile in zeilen
        )
        # The lines are committed next: rather told twice than not at all.
        self._ziel.flush()

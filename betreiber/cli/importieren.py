"""`betreiber ablesungen importieren`: take in files of historic readings."""

import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from betreiber.cli.bericht import Berichtsdatei
from betreiber.cli.rahmen import command_akteur, open_session, progress, with_settings
from betreiber.errors import BetreiberError
from betreiber.settings import Settings
from betreiber.zeit import format_zeitpunkt

if TYPE_CHECKING:
    from betreiber.importlauf.domain import Berichtszeile
    from betreiber.importlauf.service import Ergebnis

# So many refused lines are shown; the report has all.
_ZEIGEN = 10
_KOPF = ("datei", "zeile", "ort", "messzeitpunkt", "ergebnis", "hinweis")
# By what a position in the file counts.
_WORT = {"CSV": "Zeile", "MSCONS": "Segment"}


@click.command()
@click.argument(
    "dateien",
    metavar="DATEI...",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@click.option("--probelauf", is_flag=True, help="Judge every line and say what would happen; store nothing.")
@click.option("--erneut", is_flag=True, help="Take a file in again that was taken in before.")
@click.option(
    "--anfangsstand-wh",
    nargs=2,
    type=click.IntRange(0, 10**15),
    metavar="BEZUG EINSPEISUNG",
    help="Registers at the begin of the only meter of a file of energies, where none is stored.",
)
@click.option(
    "--bericht",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write what became of each line into this CSV file, behind what stands there.",
)
@with_settings
def importieren(
    settings: Settings,
    dateien: tuple[Path, ...],
    probelauf: bool,
    erneut: bool,
    anfangsstand_wh: tuple[int, int] | None,
    bericht: Path | None,
) -> None:
    """Take in historic readings from CSV or MSCONS files, judged like those of the meters (docs/dateien.md).

    What was stored before counts as DOPPELT; an interrupted import goes on where it stopped when it is called
    again. Exit code 1 when lines were refused.

    \b
    Example: betreiber ablesungen importieren --probelauf --bericht bericht.csv lastgang-2025.csv
             betreiber ablesungen importieren --bericht bericht.csv lastgang-2025.csv
    """
    from betreiber.importlauf.service import Auftrag, import_datei

    abgelehnt = 0
    with open_session(settings) as session, Berichtsdatei.open(bericht, _KOPF) as ziel:
        zeilen = _Bericht(ziel)
        for datei in dateien:
            # A name from a system with another character set is no text that can be stored.
            name = os.fsencode(datei.name).decode(errors="replace")
            auftrag = Auftrag(name, settings.aufbewahrung_jahre, probelauf, erneut, anfangsstand_wh)
            zeilen.begin(name)
            try:
                with datei.open("rb") as strom, progress() as balken:
                    ergebnis = import_datei(
                        session, command_akteur(settings), strom, auftrag, report=zeilen.write, progress=balken
                    )
            except BetreiberError as error:
                error.detail = f"{name}: {error.detail}"
                raise
            zeilen.show(ergebnis.format)
            _show(name, ergebnis, probelauf=probelauf)
            abgelehnt += ergebnis.abgelehnt
    sys.exit(1 if abgelehnt else 0)


def _show(name: str, ergebnis: "Ergebnis", *, probelauf: bool) -> None:
    for warnung in ergebnis.warnungen:
        click.echo(f"Achtung: {warnung}", err=True)
    if ergebnis.fertig:
        click.echo(f"{name}: war schon eingelesen; --erneut liest die Datei noch einmal.")
        return
    if ergebnis.ab:
        click.echo(f"{name}: fortgesetzt nach {_WORT[ergebnis.format]} {ergebnis.ab}.")
    vorsatz = "Probelauf, nichts gespeichert: " if probelauf else ""
    click.echo(
        f"{name} ({ergebnis.format}): {vorsatz}{ergebnis.neu} neu, {ergebnis.doppelt} doppelt,"
        f" {ergebnis.abgelehnt} abgelehnt."
    )


class _Bericht:
    """What became of each line: all of it into a report, the first refused lines for the screen."""

    def __init__(self, ziel: Berichtsdatei) -> None:
        self._ziel = ziel
        self._datei = ""
        self._abgelehnt: list[Berichtszeile] = []

    def begin(self, datei: str) -> None:
        self._datei, self._abgelehnt = datei, []

    def write(self, zeilen: "Sequence[Berichtszeile]") -> None:
        for zeile in zeilen:
            if zeile.ergebnis not in ("NEU", "DOPPELT") and len(self._abgelehnt) < _ZEIGEN:
                self._abgelehnt.append(zeile)
        self._ziel.write(self._as_cells(zeile) for zeile in zeilen)

    def show(self, dateiformat: str) -> None:
        for zeile in self._abgelehnt:
            ort = f"{self._datei}, {_WORT[dateiformat]} {zeile.position}"
            click.echo(f"{ort}: {zeile.ergebnis}. {zeile.hinweis}", err=True)

    def _as_cells(self, zeile: "Berichtszeile") -> tuple[object, ...]:
        zeit = "" if zeile.uhrzeit is None else format_zeitpunkt(datetime.fromtimestamp(zeile.uhrzeit, UTC))
        return self._datei, zeile.position, zeile.ort, zeit, zeile.ergebnis, zeile.hinweis

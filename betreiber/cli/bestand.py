"""`betreiber bestand`: take in the customers, places, meters and contracts that an operator has already."""

import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from betreiber.cli.bericht import Berichtsdatei
from betreiber.cli.rahmen import command_akteur, open_session, progress, with_settings
from betreiber.errors import BetreiberError
from betreiber.settings import Settings

if TYPE_CHECKING:
    from betreiber.bestand.datei import Bestandsdatei
    from betreiber.bestand.domain import Berichtszeile
    from betreiber.bestand.service import Summe

# So many refused lines are shown; the report has all.
_ZEIGEN = 10
_KOPF = ("zeile", "datei", "ergebnis", "feld", "code", "meldung")


@click.group()
def bestand() -> None:
    """What the operator has already: customers, metering points, meters, contracts.

    \b
    Example: betreiber bestand importieren --probe altbestand
    """


@bestand.command()
@click.argument(
    "pfade",
    metavar="ORDNER|DATEI...",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, path_type=Path),
)
@click.option("--probe", is_flag=True, help="Judge every line and say what would happen; store nothing.")
@click.option(
    "--fortsetzen",
    is_flag=True,
    help="Begin each file behind the last line that was stored before, unless lines of it were refused.",
)
@click.option(
    "--bericht",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write what became of each line into this CSV file, behind what stands there.",
)
@with_settings
def importieren(
    settings: Settings, pfade: tuple[Path, ...], probe: bool, fortsetzen: bool, bericht: Path | None
) -> None:
    """Take in kunden.csv, messstellen.csv, stromzaehler.csv and vertraege.csv (docs/bestand.md).

    Lines are judged as the API judges them. What is stored already stays as it is: the same files may be taken in
    again, also after a kill. Exit code 1 when lines were refused.

    \b
    Example: betreiber bestand importieren --probe --bericht bericht.csv altbestand
             betreiber bestand importieren --fortsetzen --bericht bericht.csv altbestand
    """
    from betreiber.bestand.service import Auftrag, import_bestand

    with (
        open_dateien(list_files(pfade)) as dateien,
        Berichtsdatei.open(bericht, _KOPF) as ziel,
        open_session(settings) as session,
    ):
        meldungen = _Meldungen(ziel)
        beginn = time.perf_counter()
        with progress() as balken:
            summen = import_bestand(
                session,
                command_akteur(settings),
                dateien,
                Auftrag(probe, fortsetzen),
                report=meldungen.write,
                progress=balken,
            )
        dauer_s = time.perf_counter() - beginn
    meldungen.show()
    for summe in summen:
        _show(summe, probe=probe)
    zeilen = sum(summe.ergebnisse.total() for summe in summen)
    click.echo(f"{zeilen} Zeilen in {dauer_s:.1f} s: {zeilen / max(dauer_s, 0.001):.0f} Zeilen je Sekunde.")
    sys.exit(1 if meldungen.abgelehnt else 0)


def list_files(pfade: Sequence[Path]) -> list[Path]:
    """The files themselves, and the CSV files of folders. Raises ClickException where there are none."""
    dateien = []
    for pfad in pfade:
        gefunden = sorted(pfad.glob("*.csv")) if pfad.is_dir() else [pfad]
        if not gefunden:
            raise click.ClickException(f"In {pfad} steht keine Datei .csv.")
        dateien += gefunden
    return dateien


@contextmanager
def open_dateien(pfade: Sequence[Path]) -> Iterator[list["Bestandsdatei"]]:
    """All files, with their headers checked before the first line is taken in."""
    from betreiber.bestand.datei import Bestandsdatei
    from betreiber.bestand.domain import art_of
    from betreiber.bestand.schemas import SCHEMAS

    with ExitStack() as offen:
        dateien = []
        for pfad in pfade:
            # A name from a system with another character set is no text that can be stored.
            name = os.fsencode(pfad.name).decode(errors="replace")
            try:
                art = art_of(name)
                dateien.append(Bestandsdatei(name, art, offen.enter_context(pfad.open("rb")), SCHEMAS[art]))
            except BetreiberError as error:
                error.detail = f"{name}: {error.detail}"
                raise
        yield dateien


def _show(summe: "Summe", *, probe: bool) -> None:
    if summe.ab and not summe.ergebnisse:
        click.echo(f"{summe.datei}: war schon eingelesen.")
        return
    vorsatz = "Probe, nichts gespeichert: " if probe else ""
    ab = f" (ab Zeile {summe.ab + 1})" if summe.ab else ""
    zahlen: Counter[str] = Counter(summe.ergebnisse)
    click.echo(
        f"{summe.datei}{ab}: {vorsatz}{zahlen['ANGELEGT']} angelegt, {zahlen['GEAENDERT']} geändert,"
        f" {zahlen['UNVERAENDERT']} unverändert, {zahlen['ABGELEHNT']} abgelehnt."
    )
    if summe.abweichend:
        click.echo(f"{summe.datei}: in {summe.abweichend} Zeilen ist anderes gespeichert, und das blieb.")


class _Meldungen:
    """What became of each line: all of it into a report, the first refused lines for the screen."""

    def __init__(self, ziel: Berichtsdatei) -> None:
        self._ziel = ziel
        self._gezeigt: list[Berichtszeile] = []
        self.abgelehnt = 0

    def write(self, zeilen: "Sequence[Berichtszeile]") -> None:
        for zeile in zeilen:
            if zeile.urteil.ergebnis == "ABGELEHNT":
                self.abgelehnt += 1
                if len(self._gezeigt) < _ZEIGEN:
                    self._gezeigt.append(zeile)
        self._ziel.write((zeile.nummer, zeile.datei, *zeile.urteil) for zeile in zeilen)

    def show(self) -> None:
        for datei, nummer, urteil in self._gezeigt:
            click.echo(f"{datei}, Zeile {nummer}: {urteil.meldung}", err=True)
        if weitere := self.abgelehnt - len(self._gezeigt):
            click.echo(f"... und {weitere} weitere: alle stehen im Bericht (--bericht).", err=True)

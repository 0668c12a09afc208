"""`betreiber ablesungen`: the stored readings of all meters."""

import click

from betreiber.cli.importieren import importieren
from betreiber.cli.rahmen import command_akteur, open_session, progress, with_settings
from betreiber.settings import Settings


@click.group()
def ablesungen() -> None:
    """Readings: take in files of historic ones, fold the days that are over.

    \b
    Example: betreiber ablesungen importieren lastgang-2025.csv
    """


@ablesungen.command()
@click.option(
    "--nach-tagen",
    type=click.IntRange(0, 366),
    help="Fold the UTC days that ended at least so many days ago; default: MSB_FALTEN_NACH_TAGEN.",
)
@with_settings
def falten(settings: Settings, nach_tagen: int | None) -> None:
    """Fold the readings of days that are over into one block a day; a job does it every night.

    No answer changes by it, and it may be broken off: what is folded stays folded, the rest comes next time.

    \b
    Example: betreiber ablesungen falten --nach-tagen 0
    """
    from betreiber.ablesung.faltung import fold_days

    tage = settings.falten_nach_tagen if nach_tagen is None else nach_tagen
    with open_session(settings) as session, progress() as fortschritt:
        anzahl = fold_days(session, command_akteur(settings), nach_tagen=tage, fortschritt=fortschritt)
    click.echo(f"Gefaltet: {anzahl} Messwerte")


ablesungen.add_command(importieren)

"""`betreiber loeschen`: delete the readings whose time is over."""

from collections.abc import Mapping

import click

from betreiber.cli.rahmen import command_akteur, open_session, progress, with_settings
from betreiber.settings import Settings


@click.command()
@click.option("--ausfuehren", is_flag=True, help="Delete; without it the command says what it would delete.")
@with_settings
def loeschen(settings: Settings, ausfuehren: bool) -> None:
    """Delete the readings whose time is over (MsbG § 60(6)); a job does it every night.

    Before they go, the energy of each day is summed up for every region with at least five customers. The receipt
    says how many rows of which table went, and by which rule.

    \b
    Example: betreiber loeschen
             betreiber loeschen --ausfuehren
    """
    from betreiber.loeschlauf import service

    akteur = command_akteur(settings)
    if not ausfuehren:
        with open_session(settings, lesen=True) as session:
            probe = service.preview(session, akteur, jahre=settings.aufbewahrung_jahre)
        click.echo(f"Zu löschen, gemessen vor dem {probe.stichtag_datum:%d.%m.%Y}: {probe.stromzaehler} Zähler")
        _show(probe.zeilen)
        click.echo("Gelöscht wird mit: betreiber loeschen --ausfuehren")
        return
    with open_session(settings) as session, progress() as fortschritt:
        lauf = service.delete_expired_readings(
            session, akteur, jahre=settings.aufbewahrung_jahre, fortschritt=fortschritt
        )
    if lauf is None:
        click.echo("Nichts zu löschen.")
        return
    click.echo(f"Gelöscht, gemessen vor dem {lauf.stichtag_datum:%d.%m.%Y} ({lauf.grund}):")
    _show(lauf.ergebnis)


def _show(zeilen: Mapping[str, int]) -> None:
    for tabelle, anzahl in sorted(zeilen.items()):
        click.echo(f"  {tabelle}: {anzahl} Zeilen")

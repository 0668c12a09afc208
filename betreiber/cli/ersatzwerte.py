"""`betreiber ersatzwerte`: substitute what meters did not deliver."""

import click

from betreiber.cli.rahmen import command_akteur, open_session, with_settings
from betreiber.settings import Settings


@click.group()
def ersatzwerte() -> None:
    """Substitute values for missing readings.

    \b
    Example: betreiber ersatzwerte bilden
    """


@ersatzwerte.command()
@click.option("--probelauf", is_flag=True, help="Say what would be formed; write nothing.")
@click.option("--alles", is_flag=True, help="Look for gaps of any age, not only for those of the last weeks.")
@with_settings
def bilden(settings: Settings, probelauf: bool, alles: bool) -> None:
    """Form the Ersatzwerte of everything that is missing and overdue; a job does it every hour.

    \b
    Example: betreiber ersatzwerte bilden --probelauf
    """
    from betreiber.ersatzwert.service import form_ersatzwerte
    from betreiber.jobs.plan import ersatzwert_regeln

    with open_session(settings) as session, click.progressbar(length=0, label="Zähler") as balken:

        def show(fertig: int, gesamt: int) -> None:
            balken.length = gesamt
            balken.update(1)

        ergebnis = form_ersatzwerte(
            session,
            command_akteur(settings),
            ersatzwert_regeln(settings),
            alles=alles,
            probelauf=probelauf,
            fortschritt=show,
        )
    click.echo(f"Zähler geprüft: {ergebnis.zaehler}")
    for verfahren, anzahl in sorted(ergebnis.gebildet.items()):
        click.echo(f"{'Zu bilden' if probelauf else 'Gebildet'}, {verfahren}: {anzahl}")
    for grund, anzahl in sorted(ergebnis.ausgelassen.items()):
        click.echo(f"Lücken, die offen bleiben, {grund}: {anzahl}")

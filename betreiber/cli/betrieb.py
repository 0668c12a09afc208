"""`betreiber start` and what belongs to a running operator."""

import sys
from dataclasses import fields

import click

from betreiber.cli.rahmen import with_settings
from betreiber.settings import Settings, variable_name


@click.command()
@with_settings
def start(settings: Settings) -> None:
    """Run the operator: API and pages, device listener, enrolment, jobs; Ctrl-C stops all of it.

    \b
    Example: MSB_PORT=8080 betreiber start
    """
    from betreiber import leitstand
    from betreiber.druck import check_bibliotheken
    from betreiber.errors import DruckFehlt
    from betreiber.protokoll import init_logging

    init_logging(settings.log_format)
    try:
        check_bibliotheken()
    except DruckFehlt as error:
        click.echo(error.detail, err=True)
    try:
        leitstand.start(settings, lambda zeile: click.echo(zeile))
    except leitstand.StartUnmoeglich as error:
        click.echo(f"Der Betreiber kann nicht starten: {error}", err=True)
        sys.exit(1)


@click.command("neu-laden")
@with_settings
def neu_laden(settings: Settings) -> None:
    """Let the running operator read its keys and certificates anew; requests in progress are finished.

    \b
    Example: betreiber pki server-erneuern && betreiber neu-laden
    """
    from betreiber import leitstand

    try:
        leitstand.reload(settings)
    except leitstand.LaeuftNicht as error:
        click.echo(f"Fehler: {error}", err=True)
        sys.exit(1)
    click.echo("Der Betreiber liest seine Schlüssel neu.")


@click.command(hidden=True)
@click.argument("name")
@click.argument("leitung", type=int)
@with_settings
def prozess(settings: Settings, name: str, leitung: int) -> None:
    """One process of the operator; `betreiber start`, whose process number is LEITUNG, calls this."""
    from betreiber.jobs.plan import run_jobs
    from betreiber.leitstand import JOBS, end_with_parent
    from betreiber.protokoll import init_logging
    from betreiber.server import Lauscher, run_listener

    end_with_parent(leitung)
    init_logging(settings.log_format)
    if name == JOBS:
        run_jobs(settings)
    else:
        run_listener(Lauscher(name), settings)


@click.command()
def einstellungen() -> None:
    """List every setting with its meaning and default.

    \b
    Example: betreiber einstellungen
    """
    for feld in fields(Settings):
        vorgabe = "" if feld.default in ("", None, ()) else f" (default: {feld.default})"
        click.echo(f"{variable_name(feld.name):30} {feld.metadata['doc']}{vorgabe}")

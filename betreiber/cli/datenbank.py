"""`betreiber datenbank`."""

import sys

import click

from betreiber.cli.rahmen import open_engine, with_settings
from betreiber.settings import Settings


@click.group()
def datenbank() -> None:
    """The database: bring it up to date, show its state.

    \b
    Example: betreiber datenbank aktualisieren
    """


@datenbank.command()
@with_settings
def aktualisieren(settings: Settings) -> None:
    """Create the tables, or bring them up to this version; harmless when they are.

    \b
    Example: MSB_DATABASE_URL=postgresql://msb@db/msb betreiber datenbank aktualisieren
    """
    from betreiber.jobs.plan import make_partitionen
    from db import schema

    with open_engine(settings) as engine:
        vorher, _ = schema.state(engine)
        schema.upgrade(engine)
        make_partitionen(settings, engine)
        nachher, _ = schema.state(engine)
    click.echo(f"Datenbank: {vorher or 'leer'} -> {nachher}")


@datenbank.command()
@with_settings
def zustand(settings: Settings) -> None:
    """Show whether the tables are up to date; exit code 1 when not.

    \b
    Example: betreiber datenbank zustand
    """
    from db import schema

    with open_engine(settings) as engine:
        stand, neueste = schema.state(engine)
    click.echo(f"Datenbank: {stand or 'leer'}, neueste Version: {neueste}")
    sys.exit(0 if stand == neueste else 1)

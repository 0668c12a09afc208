"""What the commands share: settings, a database for one command, errors as sentences.

Heavier parts are imported inside the commands, so that --help answers at once.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any

import click
from sqlalchemy.exc import SQLAlchemyError

from betreiber.auth.domain import Akteur, system_akteur
from betreiber.errors import BetreiberError
from betreiber.schluessel.domain import PkiFehler
from betreiber.settings import Settings, SettingsInvalid

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.orm import Session


def with_settings(funktion: Callable[..., Any]) -> Callable[..., Any]:
    """Pass the settings in; turn what is wrong into a sentence and exit code 2 or 1."""

    @wraps(funktion)
    def wrapper(*args: Any, **kw: Any) -> Any:
        try:
            settings = Settings.from_env(os.environ)
        except SettingsInvalid as error:
            click.echo(f"Die Einstellungen sind falsch:\n{error}", err=True)
            sys.exit(2)
        try:
            return funktion(settings, *args, **kw)
        except BetreiberError as error:
            click.echo(f"Fehler: {error.detail}", err=True)
            sys.exit(1)
        except PkiFehler as error:
            click.echo(f"Fehler: {error}", err=True)
            sys.exit(1)
        except SQLAlchemyError as error:
            # Not its text: it may quote the address of the database, password included.
            wo = f"MSB_DATEN={settings.daten}" if settings.auf_sqlite else "MSB_DATABASE_URL"
            click.echo(
                f"Fehler: Die Datenbank ist nicht benutzbar ({type(error).__name__}). Prüfen Sie"
                f" {wo} und: betreiber datenbank zustand",
                err=True,
            )
            sys.exit(1)
        except OSError as error:
            click.echo(f"Fehler: {error.strerror}: {error.filename}", err=True)
            sys.exit(1)

    return wrapper


def command_akteur(settings: Settings) -> Akteur:
    """Who acts when a command is called."""
    return system_akteur("befehlszeile", settings.uhr.now())


@contextmanager
def progress() -> Iterator[Callable[[str, int, int], None]]:
    """Show how far long work is: it tells what it does, how much of it is done, and of how much; a bar each."""
    balken: Any = None

    def show(was: str, fertig: int, gesamt: int) -> None:
        nonlocal balken
        if balken is None or balken.label != was:
            if balken is not None:
                balken.render_finish()
            balken = click.progressbar(length=gesamt, label=was, file=sys.stderr)
            balken.render_progress()
        balken.update(fertig - balken.pos)

    try:
        yield show
    finally:
        if balken is not None:
            balken.render_finish()


@contextmanager
def open_engine(settings: Settings) -> Iterator["Engine"]:
    """The database, for one command."""
    from db.session import create_engine

    engine = create_engine(settings.datenbank, pool_groesse=1)
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def open_session(settings: Settings, *, lesen: bool = False) -> Iterator["Session"]:
    """A session of the database, for one command; `lesen`: it only reads, and keeps no meter waiting."""
    from db.session import create_session

    with open_engine(settings) as engine, create_session(engine, lesen=lesen) as session:
        yield session

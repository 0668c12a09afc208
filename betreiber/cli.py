"""The command `betreiber`: parse, call a service, print."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from datetime import UTC, datetime
from functools import wraps
from typing import TYPE_CHECKING, Any

import click
from sqlalchemy.exc import SQLAlchemyError

from betreiber.auth.domain import Rolle, system_akteur
from betreiber.errors import BetreiberError
from betreiber.felder import INT64_MAX
from betreiber.settings import Settings, SettingsInvalid, variable_name

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.orm import Session


def _with_settings(funktion: Callable[..., Any]) -> Callable[..., Any]:
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
        except SQLAlchemyError as error:
            # Not its text: it may quote the address of the database, password included.
            click.echo(
                f"Fehler: Die Datenbank ist nicht benutzbar ({type(error).__name__}). Prüfen Sie"
                " MSB_DATABASE_URL und: betreiber datenbank zustand",
                err=True,
            )
            sys.exit(1)
        except OSError as error:
            click.echo(f"Fehler: {error.strerror}: {error.filename}", err=True)
            sys.exit(1)

    return wrapper


@contextmanager
def _engine(settings: Settings) -> Iterator["Engine"]:
    """The database, for one command. Imported late, as all of the heavier parts: --help answers at once."""
    from db.session import create_engine

    engine = create_engine(settings.datenbank, pool_groesse=1)
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def _session(settings: Settings) -> Iterator["Session"]:
    from db.session import create_session

    with _engine(settings) as engine, create_session(engine) as session:
        yield session


_PASSWORT_STDIN = click.option(
    "--passwort-stdin", is_flag=True, help="Read the password from standard input instead of asking."
)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def main() -> None:
    """Messstellenbetreiber: the operator of electricity meters.

    \b
    Example: betreiber start
    """
    # What this program writes (database, keys, mails, logs) is its owner's business only.
    os.umask(0o077)


@main.command()
@_with_settings
def start(settings: Settings) -> None:
    """Run the operator: API and pages, device listener, enrolment, jobs; Ctrl-C stops all of it.

    \b
    Example: MSB_PORT=8080 betreiber start
    """
    from betreiber import leitstand
    from betreiber.protokoll import init_logging

    init_logging(settings.log_format)
    try:
        leitstand.start(settings, lambda zeile: click.echo(zeile))
    except leitstand.StartUnmoeglich as error:
        click.echo(f"Der Betreiber kann nicht starten: {error}", err=True)
        sys.exit(1)


@main.command(hidden=True)
@click.argument("name")
@click.argument("leitung", type=int)
@_with_settings
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


@main.command()
def einstellungen() -> None:
    """List every setting with its meaning and default.

    \b
    Example: betreiber einstellungen
    """
    for feld in fields(Settings):
        vorgabe = "" if feld.default in ("", None, ()) else f" (default: {feld.default})"
        click.echo(f"{variable_name(feld.name):30} {feld.metadata['doc']}{vorgabe}")


@main.group()
def datenbank() -> None:
    """The database: bring it up to date, show its state.

    \b
    Example: betreiber datenbank aktualisieren
    """


@datenbank.command()
@_with_settings
def aktualisieren(settings: Settings) -> None:
    """Create the tables, or bring them up to this version; harmless when they are.

    \b
    Example: MSB_DATABASE_URL=postgresql://msb@db/msb betreiber datenbank aktualisieren
    """
    from betreiber.jobs.plan import make_partitionen
    from db import schema

    with _engine(settings) as engine:
        vorher, _ = schema.state(engine)
        schema.upgrade(engine)
        make_partitionen(settings, engine)
        nachher, _ = schema.state(engine)
    click.echo(f"Datenbank: {vorher or 'leer'} -> {nachher}")


@datenbank.command()
@_with_settings
def zustand(settings: Settings) -> None:
    """Show whether the tables are up to date; exit code 1 when not.

    \b
    Example: betreiber datenbank zustand
    """
    from db import schema

    with _engine(settings) as engine:
        stand, neueste = schema.state(engine)
    click.echo(f"Datenbank: {stand or 'leer'}, neueste Version: {neueste}")
    sys.exit(0 if stand == neueste else 1)


@main.group()
def benutzer() -> None:
    """Logins: add, disable and enable one, set its password.

    \b
    Example: betreiber benutzer anlegen --name erika@example.org --rolle sachbearbeitung
    """


@benutzer.command()
@click.option("--name", required=True, help="User name or e-mail address.")
@click.option(
    "--rolle", "rollen", multiple=True, required=True, type=click.Choice([str(rolle) for rolle in Rolle])
)
@click.option("--kunde-id", type=click.IntRange(1, INT64_MAX), help="The customer, for the role kunde.")
@_PASSWORT_STDIN
@_with_settings
def anlegen(
    settings: Settings, name: str, rollen: tuple[str, ...], kunde_id: int | None, passwort_stdin: bool
) -> None:
    """Add a login; asks for the password, which never stands on the command line.

    \b
    Example: betreiber benutzer anlegen --name erika@example.org --rolle sachbearbeitung
    """
    from betreiber.auth.passwort import Passwoerter
    from betreiber.auth.service import create_benutzer

    passwort = _read_passwort(passwort_stdin)
    with _session(settings) as session:
        neu = create_benutzer(
            session,
            system_akteur("befehlszeile", settings.uhr.now()),
            Passwoerter(settings.argon2_zeit, settings.argon2_speicher_kib),
            benutzername=name,
            passwort=passwort,
            rollen=[Rolle(rolle) for rolle in rollen],
            kunde_id=kunde_id,
        )
        click.echo(f"Benutzer {neu.benutzername} angelegt (Nummer {neu.benutzer_id}).")


@benutzer.command()
@click.option("--name", required=True, help="User name.")
@_with_settings
def sperren(settings: Settings, name: str) -> None:
    """Disable a login and end its sessions at once.

    \b
    Example: betreiber benutzer sperren --name erika@example.org
    """
    from betreiber.auth.service import disable_benutzer

    with _session(settings) as session:
        disable_benutzer(session, system_akteur("befehlszeile", settings.uhr.now()), benutzername=name)
    click.echo(f"Benutzer {name} ist gesperrt.")


@benutzer.command()
@click.option("--name", required=True, help="User name.")
@_with_settings
def entsperren(settings: Settings, name: str) -> None:
    """Enable a login again, also one with too many failed logins.

    \b
    Example: betreiber benutzer entsperren --name erika@example.org
    """
    from betreiber.auth.service import enable_benutzer

    with _session(settings) as session:
        enable_benutzer(session, system_akteur("befehlszeile", settings.uhr.now()), benutzername=name)
    click.echo(f"Benutzer {name} ist freigegeben.")


@benutzer.command("passwort")
@click.option("--name", required=True, help="User name.")
@_PASSWORT_STDIN
@_with_settings
def passwort_setzen(settings: Settings, name: str, passwort_stdin: bool) -> None:
    """Set the password of somebody who can get no code by mail, and end the sessions.

    \b
    Example: betreiber benutzer passwort --name erika
    """
    from betreiber.auth.passwort import Passwoerter
    from betreiber.auth.service import set_passwort

    passwort = _read_passwort(passwort_stdin)
    with _session(settings) as session:
        set_passwort(
            session,
            system_akteur("befehlszeile", settings.uhr.now()),
            Passwoerter(settings.argon2_zeit, settings.argon2_speicher_kib),
            benutzername=name,
            passwort=passwort,
        )
    click.echo(f"Das Passwort von {name} ist gesetzt.")


def _read_passwort(aus_stdin: bool) -> str:
    if not aus_stdin:
        passwort: str = click.prompt("Passwort", hide_input=True, confirmation_prompt="Passwort wiederholen")
        return passwort
    try:
        return sys.stdin.readline().rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise click.ClickException("Das Passwort ist kein gültiges UTF-8.") from error


@main.group()
def pki() -> None:
    """Keys and certificates of the operator.

    \b
    Example: betreiber pki anlegen
    """


@pki.command("anlegen")
@_with_settings
def pki_anlegen(settings: Settings) -> None:
    """Make the CA and the operator's keys in the data folder; existing ones are never replaced.

    \b
    Example: MSB_GERAETE_NAMEN=zaehler.example.org betreiber pki anlegen
    """
    from betreiber.schluessel.ablage import create_pki

    neu = create_pki(settings.pki_ordner, settings.geraete_namen, datetime.now(UTC))
    click.echo(f"{settings.pki_ordner}: " + ("Schlüssel angelegt." if neu else "Schlüssel sind schon da."))


if __name__ == "__main__":
    main()

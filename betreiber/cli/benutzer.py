"""`betreiber benutzer`: logins."""

import sys

import click

from betreiber.auth.domain import Rolle
from betreiber.cli.rahmen import command_akteur, open_session, with_settings
from betreiber.felder import INT64_MAX
from betreiber.settings import Settings

_PASSWORT_STDIN = click.option(
    "--passwort-stdin", is_flag=True, help="Read the password from standard input instead of asking."
)


@click.group()
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
@with_settings
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
    with open_session(settings) as session:
        neu = create_benutzer(
            session,
            command_akteur(settings),
            Passwoerter(settings.argon2_zeit, settings.argon2_speicher_kib),
            benutzername=name,
            passwort=passwort,
            rollen=[Rolle(rolle) for rolle in rollen],
            kunde_id=kunde_id,
        )
        click.echo(f"Benutzer {neu.benutzername} angelegt (Nummer {neu.benutzer_id}).")


@benutzer.command()
@click.option("--name", required=True, help="User name.")
@with_settings
def sperren(settings: Settings, name: str) -> None:
    """Disable a login and end its sessions at once.

    \b
    Example: betreiber benutzer sperren --name erika@example.org
    """
    from betreiber.auth.service import disable_benutzer

    with open_session(settings) as session:
        disable_benutzer(session, command_akteur(settings), benutzername=name)
    click.echo(f"Benutzer {name} ist gesperrt.")


@benutzer.command()
@click.option("--name", required=True, help="User name.")
@with_settings
def entsperren(settings: Settings, name: str) -> None:
    """Enable a login again, also one with too many failed logins.

    \b
    Example: betreiber benutzer entsperren --name erika@example.org
    """
    from betreiber.auth.service import enable_benutzer

    with open_session(settings) as session:
        enable_benutzer(session, command_akteur(settings), benutzername=name)
    click.echo(f"Benutzer {name} ist freigegeben.")


@benutzer.command("passwort")
@click.option("--name", required=True, help="User name.")
@_PASSWORT_STDIN
@with_settings
def passwort_setzen(settings: Settings, name: str, passwort_stdin: bool) -> None:
    """Set the password of somebody who can get no code by mail, and end the sessions.

    \b
    Example: betreiber benutzer passwort --name erika
    """
    from betreiber.auth.passwort import Passwoerter
    from betreiber.auth.service import set_passwort

    passwort = _read_passwort(passwort_stdin)
    with open_session(settings) as session:
        set_passwort(
            session,
            command_akteur(settings),
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

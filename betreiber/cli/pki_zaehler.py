"""`betreiber pki`, the commands about keys of meters: tokens, revocation, which keys end."""

import csv
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from betreiber.auth.domain import Akteur
from betreiber.cli.rahmen import command_akteur, open_session, with_settings
from betreiber.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

_ZAEHLER = click.option("--zaehler", required=True, help="Meter number, 14 characters; spaces are allowed.")


@click.command()
@click.option("--zaehler", help="Meter number: print a token for it.")
@click.option(
    "--datei",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="CSV file with a column zaehlernummer: a token for each.",
)
@click.option("--ausgabe", type=click.Path(dir_okay=False, path_type=Path), help="CSV file for the tokens.")
@click.option("--ersetzen", is_flag=True, help="Replace the file of the tokens.")
@with_settings
def token(
    settings: Settings, zaehler: str | None, datei: Path | None, ausgabe: Path | None, ersetzen: bool
) -> None:
    """Make one-time tokens with which meters are enrolled: 14 days, 5 tries.

    For one meter the token is printed; for many they are written to a file (columns zaehlernummer, token) that
    only its owner can read.

    \b
    Example: betreiber pki token --zaehler 1EMH0012345678
             betreiber pki token --datei zaehler.csv --ausgabe tokens.csv
    """
    from betreiber.schluessel.service import create_token, find_stromzaehler_id

    if (zaehler is None) == (datei is None) or (datei is None) != (ausgabe is None):
        raise click.UsageError("Entweder --zaehler NUMMER, oder --datei ZAEHLER.csv mit --ausgabe TOKENS.csv.")
    with open_session(settings) as session:
        akteur = command_akteur(settings)
        if datei is not None and ausgabe is not None:
            _write_tokens(session, akteur, _read_numbers(datei), ausgabe, ersetzen=ersetzen)
        else:
            nummer = find_stromzaehler_id(session, _normalized(zaehler or ""))
            click.echo(create_token(session, akteur, nummer).token)


@click.command()
@_ZAEHLER
@click.option("--grund", help="Why, for the audit log.")
@with_settings
def sperren(settings: Settings, zaehler: str, grund: str | None) -> None:
    """Revoke all keys of a meter: its next request is refused. A new token enrols it again.

    \b
    Example: betreiber pki sperren --zaehler 1EMH0012345678 --grund "Schlüssel verloren"
    """
    from betreiber.schluessel.service import find_stromzaehler_id, lock_schluessel

    with open_session(settings) as session:
        nummer = find_stromzaehler_id(session, _normalized(zaehler))
        sperrung = lock_schluessel(session, command_akteur(settings), nummer, grund)
    click.echo(f"{sperrung.zaehlernummer}: gesperrte Schlüsselsätze: {sperrung.gesperrt}")


@click.command()
@click.option(
    "--tage",
    type=click.IntRange(1, 3650),
    default=60,
    show_default=True,
    help="Keys that end within these days.",
)
@with_settings
def ablaufend(settings: Settings, tage: int) -> None:
    """List the meters whose keys end soon. They renew them by themselves, so most here have been silent for long.

    \b
    Example: betreiber pki ablaufend --tage 30
    """
    from betreiber.schluessel.service import list_ends

    with open_session(settings) as session:
        enden = list_ends(session, datetime.now(UTC) + timedelta(days=tage))
    click.echo(f"Zähler, deren Schlüssel in {tage} Tagen enden: {len(enden)}")
    for ende in enden:
        gehoert = f"{ende.zuletzt_empfangen:%Y-%m-%d}" if ende.zuletzt_empfangen else "nie"
        click.echo(f"{ende.zaehlernummer}  bis {ende.gueltig_bis:%Y-%m-%d}  zuletzt gehört: {gehoert}")


def _normalized(zaehlernummer: str) -> str:
    return zaehlernummer.replace(" ", "").upper()


def _read_numbers(datei: Path) -> list[str]:
    try:
        with datei.open(encoding="utf-8-sig", newline="") as quelle:
            leser = csv.DictReader(quelle)
            if "zaehlernummer" not in (leser.fieldnames or ()):
                raise click.ClickException(f"{datei} hat keine Spalte zaehlernummer.")
            nummern = [_normalized(zeile["zaehlernummer"] or "") for zeile in leser]
    except (UnicodeDecodeError, csv.Error) as error:
        raise click.ClickException(f"{datei} ist keine CSV-Datei in UTF-8.") from error
    doppelte = len(nummern) - len(set(nummern))
    if doppelte:
        raise click.ClickException(f"{datei} nennt {doppelte} Zählernummern mehrfach.")
    return nummern


def _write_tokens(
    session: "Session", akteur: Akteur, nummern: list[str], ausgabe: Path, *, ersetzen: bool
) -> None:
    from betreiber.schluessel.service import create_tokens, find_enrollable

    zaehler = find_enrollable(session, nummern)
    try:
        ziel = os.open(ausgabe, os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if ersetzen else os.O_EXCL), 0o600)
    except FileExistsError as error:
        raise click.ClickException(f"{ausgabe} gibt es schon; --ersetzen überschreibt sie.") from error
    os.fchmod(ziel, 0o600)
    balken = click.progressbar(length=len(nummern), label="Token", file=sys.stderr)
    with os.fdopen(ziel, "w", encoding="utf-8", newline="") as datei, balken:
        schreiber = csv.writer(datei)
        schreiber.writerow(("zaehlernummer", "token"))
        for stapel in create_tokens(session, akteur, zaehler):
            schreiber.writerows((token.zaehlernummer, token.token) for token in stapel)
            # The tokens are in the database already, as hashes: after a power cut nothing else tells them.
            datei.flush()
            os.fsync(ziel)
            balken.update(len(stapel))
    click.echo(f"{len(nummern)} Token in {ausgabe}; sie gelten 14 Tage.")

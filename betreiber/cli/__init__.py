"""The command `betreiber`: parse, call a service, print. One module for each group of commands."""

import os

import click

from betreiber.cli.ablesungen import ablesungen
from betreiber.cli.benutzer import benutzer
from betreiber.cli.bestand import bestand
from betreiber.cli.betrieb import einstellungen, neu_laden, prozess, start
from betreiber.cli.datenbank import datenbank
from betreiber.cli.ersatzwerte import ersatzwerte
from betreiber.cli.firmware import firmware
from betreiber.cli.loeschen import loeschen
from betreiber.cli.pki import pki
from betreiber.cli.sicherung import sichern, wiederherstellen


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def main() -> None:
    """Messstellenbetreiber: the operator of electricity meters.

    \b
    Example: betreiber start
    """
    # What this program writes (database, keys, mails, logs) is its owner's business only.
    os.umask(0o077)


for _befehl in (
    start,
    neu_laden,
    prozess,
    einstellungen,
    datenbank,
    benutzer,
    pki,
    firmware,
    ablesungen,
    bestand,
    ersatzwerte,
    loeschen,
    sichern,
    wiederherstellen,
):
    main.add_command(_befehl)

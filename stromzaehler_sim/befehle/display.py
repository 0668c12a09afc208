"""``stromzaehler display``: the face of a meter."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from stromzaehler_sim.anzeige.display import render
from stromzaehler_sim.befehle.grundlage import ORDNER_DA, readable_errors, stop_on_signal
from stromzaehler_sim.stromzaehler import read_anzeigestand
from stromzaehler_sim.uhr import Uhr


@click.command()
@click.argument("ordner", type=ORDNER_DA)
@click.option("--einmal", is_flag=True, help="Die zwei Zeilen einmal ausgeben und enden.")
def display(ordner: Path, einmal: bool) -> None:
    """Die zweizeilige Anzeige des Zählers zeigen, bis Strg-C.

    \b
    Beispiel:
      stromzaehler display var/z1 --einmal
    """
    with readable_errors(), stop_on_signal() as halt:
        uhr = Uhr.from_env()
        # Going up two lines only makes sense where somebody sees the cursor.
        zurueck = "\x1b[2F\x1b[J" if sys.stdout.isatty() else ""
        davor = ""
        while not halt.is_set():
            click.echo(davor + "\n".join(render(read_anzeigestand(ordner, uhr))))
            davor = zurueck
            if einmal:
                return
            halt.wait(1.0)

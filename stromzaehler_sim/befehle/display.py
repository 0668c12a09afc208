"""``stromzaehler display``: the face of a meter, in the terminal, as a picture or as text."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.ordner import write_atomic
from stromzaehler_sim.anzeige import svg, text
from stromzaehler_sim.anzeige.bedienung import Bedienung
from stromzaehler_sim.anzeige.einstellungen import Einstellungen
from stromzaehler_sim.anzeige.gesicht import Gesicht, build_gesicht, format_zaehler
from stromzaehler_sim.anzeige.messstand import Messquelle, Messstand
from stromzaehler_sim.anzeige.pinprotokoll import PinProtokoll
from stromzaehler_sim.befehle.grundlage import ORDNER_DA, readable_errors, stop_on_signal
from stromzaehler_sim.uhr import ECHTZEIT, Uhr

if TYPE_CHECKING:
    from stromzaehler_sim.anzeige.terminal import DisplayApp

TEXT_S = 1.0


@click.command()
@click.argument("ordner", type=ORDNER_DA)
@click.option("--einmal", is_flag=True, help="Die zwei Zeilen einmal als Text ausgeben und enden.")
@click.option("--svg", "bild", type=click.Path(path_type=Path, dir_okay=False), help="Das Bild in diese Datei.")
@click.option("--pin-brief", is_flag=True, help="Den Brief mit der PIN dieses Zählers ausgeben.")
def display(ordner: Path, einmal: bool, bild: Path | None, pin_brief: bool) -> None:
    """Die Anzeige des Zählers bedienen; ohne Terminal jede Sekunde zwei Zeilen Text, bis Strg-C.

    Die Taste wird kurz (Leertaste: weiter) oder lang (Eingabe: auswählen) gedrückt. Zuerst fragt der Zähler nach
    der PIN; sie steht im PIN-Brief.

    \b
    Beispiel:
      stromzaehler display var/z1
      stromzaehler display var/z1 --pin-brief
      stromzaehler display var/z1 --svg zaehler.svg
    """
    with readable_errors():
        uhr = Uhr.from_env()
        quelle = Messquelle(ordner)
        if pin_brief:
            click.echo(_letter(quelle.zaehler, quelle.settings()))
        elif bild is not None:
            write_atomic(bild, svg.draw(_face(quelle, uhr)).encode())
            click.echo(f"{bild} geschrieben.")
        elif einmal or not sys.stdout.isatty():
            _print_lines(quelle, uhr, einmal=einmal)
        else:
            _run_app(quelle, uhr)


def _face(quelle: Messquelle, uhr: Uhr) -> Gesicht:
    """The meter that nobody operates: the start of the display."""
    bedienung = Bedienung(quelle.settings())
    return build_gesicht(quelle.read(uhr.now(), bedienung), bedienung, ECHTZEIT())


def _print_lines(quelle: Messquelle, uhr: Uhr, *, einmal: bool) -> None:
    with stop_on_signal() as halt:
        while not halt.is_set():
            click.echo("\n".join(text.lines(_face(quelle, uhr))))
            if einmal:
                return
            halt.wait(TEXT_S)


def _run_app(quelle: Messquelle, uhr: Uhr) -> None:
    # An error before the start is a sentence in the shell, not on a screen that vanishes.
    quelle.read(uhr.now(), Bedienung(quelle.settings()))
    build_app(quelle, uhr, hand=ECHTZEIT).run()


def build_app(quelle: Messquelle, uhr: Uhr, *, hand: Callable[[], float]) -> DisplayApp:
    """The display of a meter. It shows the meter's time ``uhr``, and is operated in real time, ``hand``."""
    # Textual takes a good part of a second to load, which the other ways do not need.
    from stromzaehler_sim.anzeige.terminal import DisplayApp

    protokoll = PinProtokoll(quelle.ordner)

    def read(bedienung: Bedienung) -> Messstand:
        protokoll.write()
        return quelle.read(uhr.now(), bedienung)

    def save(neu: Einstellungen) -> None:
        alt = quelle.settings()
        neu.save(quelle.ordner)
        protokoll.note(alt, neu, uhr.now())

    return DisplayApp(read, laden=quelle.settings, sichern=save, hand=hand)


def _letter(zaehler: str, einstellungen: Einstellungen) -> str:
    return (
        f"Ihr Stromzähler {format_zaehler(zaehler)}\n\n"
        f"Ihre PIN für die zweite Zeile der Anzeige:  {einstellungen.pin}\n\n"
        "So geben Sie sie ein: die Taste zweimal kurz drücken (oder kurz mit der Taschenlampe auf die\n"
        "Datenschnittstelle leuchten). Jede Ziffer durch kurzes Drücken hochzählen, die 0 durch zehnmaliges,\n"
        "dann drei Sekunden warten. Nach fünf falschen PINs sperrt der Zähler die Eingabe für zehn Minuten.\n"
        "Bewahren Sie diesen Brief sicher auf: die PIN schützt, was der Zähler über Ihren Haushalt weiß."
    )

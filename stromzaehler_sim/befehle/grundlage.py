"""What the commands share: readable errors, stopping on a signal, a progress bar, types of arguments."""

from __future__ import annotations

import signal
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any
from zoneinfo import ZoneInfo

import click

from gateway.fehler import GatewayFehler, SendeFehler
from gateway.versand import Sendung
from stromzaehler_sim.fehler import SimulationFehler
from telegramm.messwerte import EREIGNISSE, FEHLANZEIGE, ZEIT

BERLIN = ZoneInfo("Europe/Berlin")
ORDNER = click.Path(path_type=Path, file_okay=False)
ORDNER_DA = click.Path(path_type=Path, file_okay=False, exists=True)
DATEI_DA = click.Path(path_type=Path, dir_okay=False, exists=True, readable=True)
ARTEN = {EREIGNISSE: "Protokoll gesendet", FEHLANZEIGE: "Fehlanzeige gesendet", ZEIT: "nach der Zeit gefragt"}


class Meldung(click.ClickException):
    """An error as the user sees it: one German sentence that says what to do next, exit code 1."""

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(f"Fehler: {self.message}", err=True, file=file)


@contextmanager
def readable_errors() -> Iterator[None]:
    """Turn the errors that can happen into a `Meldung`; never a stack trace."""
    try:
        yield
    except SendeFehler as fehler:
        grund = str(fehler).rstrip(".")
        raise Meldung(f"{grund}. Nichts ging verloren; läuft der Betreiber? Später wiederholen.") from fehler
    except (GatewayFehler, SimulationFehler) as fehler:
        raise Meldung(str(fehler)) from fehler
    except (OSError, sqlite3.Error) as fehler:
        raise Meldung(f"Datei oder Platte: {fehler}. Rechte und freien Platz prüfen.") from fehler


@contextmanager
def stop_on_signal() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set, so that work ends between two transactions."""
    halt = threading.Event()
    bisher = {nummer: signal.signal(nummer, lambda *_: halt.set()) for nummer in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield halt
    finally:
        for nummer, handler in bisher.items():
            signal.signal(nummer, handler)


class Balken:
    """A progress bar that appears with the first progress, because only then its length is known."""

    def __init__(self, stapel: ExitStack, titel: str) -> None:
        self._stapel = stapel
        self._titel = titel
        self._update: Callable[[int], None] | None = None
        self._erledigt = 0

    def show(self, erledigt: int, gesamt: int) -> None:
        if self._update is None:
            balken = click.progressbar(length=gesamt, label=self._titel, show_pos=True, file=sys.stderr)
            self._update = self._stapel.enter_context(balken).update
        self._update(erledigt - self._erledigt)
        self._erledigt = erledigt


def describe(sendung: Sendung, wartend: int) -> str:
    """One line about an upload."""
    text = ARTEN.get(sendung.art, f"{sendung.sent} gesendet, {sendung.neu} neu, {sendung.doppelt} doppelt")
    if sendung.abgelehnt:
        gruende = sorted({wert.grund for wert in sendung.abgelehnt})
        text += f", {len(sendung.abgelehnt)} in Quarantäne ({', '.join(gruende)})"
    return f"{text}; {wartend} warten; {sendung.bytes_out} + {sendung.bytes_in} Byte"

"""``stromzaehler start``, ``historie`` and ``sende``: let meters count and send."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import click

from gateway.ordner import Ordner
from gateway.versand import Sendung
from stromzaehler_sim.befehle.grundlage import (
    BERLIN,
    ORDNER_DA,
    Balken,
    Meldung,
    describe,
    readable_errors,
    stop_on_signal,
)
from stromzaehler_sim.firewall.waechter import CODE, install
from stromzaehler_sim.historie import deliver_history
from stromzaehler_sim.stromzaehler import Stromzaehler
from stromzaehler_sim.uhr import Uhr, parse_instant


@click.command()
@click.argument("ordner", type=ORDNER_DA, nargs=-1, required=True)
def start(ordner: tuple[Path, ...]) -> None:
    """Einen oder mehrere Zähler laufen lassen, bis Strg-C.

    \b
    Beispiel:
      stromzaehler start var/z1 var/z2
    Zeitraffer: MSB_UHR_START, MSB_UHR_BEZUG und MSB_UHR_FAKTOR, dieselben wie beim Betreiber.

    Eine Firewall in diesem Prozess lässt nur Verbindungen zum Betreiber zu; nichts lauscht. Führt der Betreiber
    einen Zähler nicht mehr, hält dieser Zähler an; was noch nicht quittiert ist, bleibt in seinem Ordner.
    """
    with readable_errors(), ExitStack() as stapel:
        uhr = Uhr.from_env()
        pfade = list(dict.fromkeys(ordner))
        for pfad in pfade:
            stapel.enter_context(Ordner(pfad).lock())
        waechter = install(Ordner(pfad) for pfad in pfade)
        laufende = [stapel.enter_context(Stromzaehler.open(pfad, uhr)) for pfad in pfade]
        # The guard is one for the process; the first meter writes down what it refuses.
        erster = laufende[0]
        erster.uebergabe.quellen.append(
            lambda: [(int(erster.jetzt()), CODE, text) for text in waechter.take_abgewiesen()]
        )
        halt = stapel.enter_context(stop_on_signal())
        abbrueche: list[BaseException] = []
        faeden = [
            threading.Thread(target=_run, args=(zaehler, uhr, halt, abbrueche), name=zaehler.zaehler)
            for zaehler in laufende
        ]
        click.echo(f"{len(laufende)} Zähler {'läuft' if len(laufende) == 1 else 'laufen'}; Strg-C beendet.")
        for faden in faeden:
            faden.start()
        for faden in faeden:
            while faden.is_alive():
                faden.join(0.5)
        if abbrueche:
            raise Meldung(f"Ein Zähler hielt an: {abbrueche[0]}")
    click.echo("Alle Zähler sind sauber beendet.")


def _run(zaehler: Stromzaehler, uhr: Uhr, halt: threading.Event, abbrueche: list[BaseException]) -> None:
    """The life of one meter in its thread. What it cannot bear ends this meter, not its neighbours."""

    def show(text: str) -> None:
        zeit = datetime.fromtimestamp(uhr.now(), UTC).astimezone(BERLIN)
        click.echo(f"{zeit:%Y-%m-%d %H:%M:%S} {zaehler.zaehler} {text}")

    def show_sendung(sendung: Sendung, wartend: int) -> None:
        show(describe(sendung, wartend))

    try:
        zaehler.run(halt, on_sendung=show_sendung, on_fehler=lambda fehler: show(f"wartet: {fehler}"))
        if zaehler.endgueltig:
            wartend = zaehler.gateway.puffer.waiting()
            show(f"hält an: Der Betreiber führt diesen Zähler nicht mehr. {wartend} Messwerte bleiben im Ordner.")
    except Exception as fehler:
        abbrueche.append(fehler)
        show(f"hält an: {fehler}")


@click.command()
@click.argument("ordner", type=ORDNER_DA)
@click.option("--von", required=True, help="Beginn, z. B. 2025-01-01T00:00:00+01:00.")
@click.option("--bis", help="Ende (ausschließlich die Gegenwart); ohne Angabe bis jetzt.")
@click.option(
    "--neueste-zuerst-tage",
    type=click.IntRange(0, 3660),
    default=7,
    show_default=True,
    help="So viele Tage vor dem Ende werden zuerst geliefert.",
)
@click.option("--aelteste-zuerst", is_flag=True, help="Die älteren Wochen von vorn statt von hinten senden.")
def historie(ordner: Path, von: str, bis: str | None, neueste_zuerst_tage: int, aelteste_zuerst: bool) -> None:
    """Einen Zähler nachträglich zählen lassen und alles liefern, die neueste Woche zuerst.

    Abgebrochen, macht derselbe Aufruf dort weiter, wo er aufhörte.

    \b
    Beispiel:
      stromzaehler historie var/z1 --von 2025-01-01T00:00:00+01:00
    """
    with readable_errors(), ExitStack() as stapel:
        uhr = Uhr.from_env()
        beginn = int(parse_instant(von, "--von"))
        ende = int(parse_instant(bis, "--bis")) if bis else int(uhr.now())
        stapel.enter_context(Ordner(ordner).lock())
        zaehler = stapel.enter_context(Stromzaehler.open(ordner, uhr))
        halt = stapel.enter_context(stop_on_signal())
        balken = Balken(stapel, "Historie")
        bilanz = deliver_history(
            zaehler,
            beginn,
            ende,
            neueste_zuerst_tage,
            aelteste_zuerst=aelteste_zuerst,
            on_progress=balken.show,
            stop_event=halt,
        )
        abgebrochen = halt.is_set()
    click.echo(
        f"{bilanz.sent} Messwerte geliefert: {bilanz.neu} neu, {bilanz.doppelt} doppelt, "
        f"{bilanz.abgelehnt} in Quarantäne."
    )
    if abgebrochen:
        click.echo("Abgebrochen; derselbe Aufruf macht weiter.")


@click.command()
@click.argument("ordner", type=ORDNER_DA)
def sende(ordner: Path) -> None:
    """Einmal alles senden, was wartet.

    \b
    Beispiel:
      stromzaehler sende var/z1
    """
    with readable_errors(), Ordner(ordner).lock(), Stromzaehler.open(ordner) as zaehler:
        bilanz = zaehler.send_waiting(on_sendung=lambda sendung, wartend: click.echo(describe(sendung, wartend)))
    if not bilanz.sendungen:
        click.echo("Es wartet nichts.")

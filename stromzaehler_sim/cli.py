"""The command ``stromzaehler``: parse, call, print. Texts are German, because customers and fitters read them."""

from __future__ import annotations

import hashlib
import signal
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any
from zoneinfo import ZoneInfo

import click

from gateway.einschreibung import enroll
from gateway.fehler import GatewayFehler, SendeFehler
from gateway.ordner import Ordner
from gateway.versand import Sendung
from stromzaehler_sim.display import render
from stromzaehler_sim.fehler import SimulationFehler
from stromzaehler_sim.lastprofil import LastprofilEinstellung
from stromzaehler_sim.stromzaehler import Stromzaehler, read_anzeigestand
from stromzaehler_sim.uhr import Uhr, parse_instant

BERLIN = ZoneInfo("Europe/Berlin")
ORDNER = click.Path(path_type=Path, file_okay=False)
ORDNER_DA = click.Path(path_type=Path, file_okay=False, exists=True)
LAST_OPTIONEN = ("seed", "jahresverbrauch", "pv_kwp", "messreihe", "spalte", "spalte_einspeisung", "wiederholen")
DEFAULT = click.core.ParameterSource.DEFAULT
DATEI_DA = click.Path(path_type=Path, dir_okay=False, exists=True, readable=True)


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


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="messstellenbetreiber", prog_name="stromzaehler")
def main() -> None:
    """Simulierte Stromzähler, die nur nach außen sprechen.

    \b
    Beispiel:
      stromzaehler einschreiben var/z1 --zaehler 1EMH0012345678 --token ABC... \\
        --einschreibung-url https://localhost:8444 --telegramm-url https://localhost:8443 --ca var/ca.pem
      stromzaehler start var/z1
    """


@main.command()
@click.argument("ordner", type=ORDNER)
@click.option("--zaehler", required=True, help="Zählernummer nach DIN 43863-5, z. B. 1EMH0012345678.")
@click.option("--token", required=True, help="Einmal-Token des Betreibers für genau diesen Zähler.")
@click.option(
    "--einschreibung-url", required=True, help="Adresse der Einschreibung, z. B. https://localhost:8444."
)
@click.option("--telegramm-url", required=True, help="Adresse für Telegramme, z. B. https://localhost:8443.")
@click.option("--ca", "ca", required=True, type=DATEI_DA, help="Wurzelzertifikat des Betreibers (PEM).")
@click.option("--fingerabdruck", help="SHA-256 des Wurzelzertifikats (hex); wird verglichen.")
@click.option("--seed", type=int, help="Startwert des Haushaltsmodells; ohne Angabe aus der Zählernummer.")
@click.option("--jahresverbrauch", type=click.IntRange(1, 1_000_000), default=3500, show_default=True, help="kWh.")
@click.option(
    "--pv-kwp", type=click.FloatRange(0, 1000), default=0.0, show_default=True, help="Photovoltaik in kWp."
)
@click.option("--messreihe", type=DATEI_DA, help="CSV statt Modell: 1. Spalte Beginn (UTC), dann Wh als Ganzzahl.")
@click.option("--spalte", help="Spalte des Bezugs in der Messreihe.")
@click.option("--spalte-einspeisung", help="Spalte der Einspeisung in der Messreihe.")
@click.option("--wiederholen", is_flag=True, help="Die ganzen Wochen der Messreihe immer wiederholen.")
@click.pass_context
def einschreiben(
    kontext: click.Context,
    ordner: Path,
    zaehler: str,
    token: str,
    einschreibung_url: str,
    telegramm_url: str,
    ca: Path,
    fingerabdruck: str | None,
    seed: int | None,
    jahresverbrauch: int,
    pv_kwp: float,
    messreihe: Path | None,
    spalte: str | None,
    spalte_einspeisung: str | None,
    wiederholen: bool,
) -> None:
    """Einen Zähler beim Betreiber einschreiben; sein ORDNER wird angelegt.

    Wiederholen schadet nicht: die Schlüssel bleiben dieselben.

    \b
    Beispiel:
      stromzaehler einschreiben var/z1 --zaehler 1EMH0012345678 --token ABC... \\
        --einschreibung-url https://localhost:8444 --telegramm-url https://localhost:8443 \\
        --ca var/ca.pem --jahresverbrauch 4000 --pv-kwp 5
    """
    with readable_errors():
        einstellung = LastprofilEinstellung(
            seed=_seed_of(zaehler) if seed is None else seed,
            jahresverbrauch_kwh=jahresverbrauch,
            pv_kwp=pv_kwp,
            messreihe=None if messreihe is None else str(messreihe.resolve()),
            spalte=spalte,
            spalte_einspeisung=spalte_einspeisung,
            wiederholen=wiederholen,
        )
        # Before the token is used up: a load profile that cannot be built is reported now.
        einstellung.build()
        konfiguration = enroll(
            Ordner(ordner),
            zaehler=zaehler,
            token=token,
            einschreibung_url=_with_path(einschreibung_url, "/geraete/v1/einschreibung"),
            telegramm_url=_with_path(telegramm_url, "/geraete/v1/telegramme"),
            ca_pem=ca.read_bytes(),
            fingerabdruck=fingerabdruck,
        )
        # Enrolling once more must not give a meter that counts another load, unless one is named.
        genannt = any(kontext.get_parameter_source(name) is not DEFAULT for name in LAST_OPTIONEN)
        if genannt or not (ordner / "lastprofil.json").exists():
            einstellung.save(ordner)
    click.echo(f"{konfiguration.zaehler} ist eingeschrieben (Epoche {konfiguration.epoche}).")
    click.echo(f"Weiter mit: stromzaehler start {ordner}")


@main.command()
@click.argument("ordner", type=ORDNER_DA, nargs=-1, required=True)
def start(ordner: tuple[Path, ...]) -> None:
    """Einen oder mehrere Zähler laufen lassen, bis Strg-C.

    \b
    Beispiel:
      stromzaehler start var/z1 var/z2
    Zeitraffer: MSB_UHR_START, MSB_UHR_BEZUG und MSB_UHR_FAKTOR, dieselben wie beim Betreiber.
    """
    with readable_errors(), ExitStack() as stapel:
        uhr = Uhr.from_env()
        laufende = []
        for pfad in dict.fromkeys(ordner):
            stapel.enter_context(Ordner(pfad).lock())
            laufende.append(stapel.enter_context(Stromzaehler.open(pfad, uhr)))
        halt = stapel.enter_context(stop_on_signal())
        abbrueche: list[BaseException] = []
        faeden = [
            threading.Thread(target=_run, args=(zaehler, uhr, halt, abbrueche), name=zaehler.zaehler)
            for zaehler in laufende
        ]
        click.echo(f"{len(laufende)} Zähler laufen; Strg-C beendet.")
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
    except Exception as fehler:
        abbrueche.append(fehler)
        show(f"hält an: {fehler}")


def describe(sendung: Sendung, wartend: int) -> str:
    """One line about an upload."""
    text = f"{sendung.sent} gesendet, {sendung.neu} neu, {sendung.doppelt} doppelt"
    if sendung.abgelehnt:
        gruende = sorted({wert.grund for wert in sendung.abgelehnt})
        text += f", {len(sendung.abgelehnt)} in Quarantäne ({', '.join(gruende)})"
    return f"{text}; {wartend} warten; {sendung.bytes_out} + {sendung.bytes_in} Byte"


@main.command()
@click.argument("ordner", type=ORDNER_DA)
@click.option("--von", required=True, help="Beginn, z. B. 2025-01-01T00:00:00+01:00.")
@click.option("--bis", help="Ende (ausschließlich die Gegenwart); ohne Angabe bis jetzt.")
@click.option("--neueste-zuerst-tage", type=click.IntRange(0, 3660), default=7, show_default=True)
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
        balken = _Balken(stapel)
        bilanz = zaehler.history(
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


class _Balken:
    """A progress bar that appears with the first progress, because only then its length is known."""

    def __init__(self, stapel: ExitStack) -> None:
        self._stapel = stapel
        self._update: Callable[[int], None] | None = None
        self._erledigt = 0

    def show(self, erledigt: int, gesamt: int) -> None:
        if self._update is None:
            balken = click.progressbar(length=gesamt, label="Historie", show_pos=True, file=sys.stderr)
            self._update = self._stapel.enter_context(balken).update
        self._update(erledigt - self._erledigt)
        self._erledigt = erledigt


@main.command()
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


@main.command()
@click.argument("ordner", type=ORDNER_DA)
def sende(ordner: Path) -> None:
    """Einmal alles senden, was wartet.

    \b
    Beispiel:
      stromzaehler sende var/z1
    """
    with readable_errors(), Stromzaehler.open(ordner) as zaehler:
        bilanz = zaehler.send_waiting(on_sendung=lambda sendung, wartend: click.echo(describe(sendung, wartend)))
    if not bilanz.sendungen:
        click.echo("Es wartet nichts.")


def _seed_of(zaehler: str) -> int:
    """A seed of its own for each meter number, the same in every process."""
    return int.from_bytes(hashlib.sha256(zaehler.replace(" ", "").encode()).digest()[:4])


def _with_path(url: str, pfad: str) -> str:
    """Complete an address without a path; one with a path is left as it is."""
    ohne_schema = url.partition("://")[2].rstrip("/")
    return url if "/" in ohne_schema else url.rstrip("/") + pfad


if __name__ == "__main__":
    main()

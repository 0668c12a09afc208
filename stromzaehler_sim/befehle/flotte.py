"""``stromzaehler flotte``: many meters in one process."""

from __future__ import annotations

import json
import re
import resource
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import click

from gateway.fehler import GatewayFehler
from gateway.ordner import Ordner
from stromzaehler_sim.befehle.einschreiben import with_path
from stromzaehler_sim.befehle.grundlage import (
    BERLIN,
    DATEI_DA,
    ORDNER,
    Balken,
    Meldung,
    readable_errors,
    stop_on_signal,
)
from stromzaehler_sim.fehler import FlotteUngueltig, SimulationFehler
from stromzaehler_sim.flotte.bilanz import Flottenbilanz
from stromzaehler_sim.flotte.einschreibung import Zugang, enroll_all, list_meters, read_tokens
from stromzaehler_sim.flotte.flotte import Flotte
from stromzaehler_sim.flotte.leitung import Verbindungsgrenze
from stromzaehler_sim.flotte.mitglied import Mitglied
from stromzaehler_sim.flotte.zusammenfassung import describe
from stromzaehler_sim.uhr import Uhr

EINHEITEN_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}
# A lock for each meter; a connection has its socket and a second descriptor that its bytes are counted with.
DESKRIPTOREN_SONST = 200
DESKRIPTOREN_JE_VERBINDUNG = 2
STAND_ALLE_S = 10.0


class Dauer(click.ParamType):
    """A duration such as 30m, 6h or 1d, in seconds."""

    name = "dauer"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        treffer = re.fullmatch(r"(\d{1,6})([smhd])", str(value))
        if treffer is None:
            self.fail(f"{value!r} ist keine Dauer (Beispiele: 30m, 6h, 1d).", param, ctx)
        return float(int(treffer[1]) * EINHEITEN_S[treffer[2]])


@click.command()
@click.argument("ordner", type=ORDNER)
@click.option("--anzahl", type=click.IntRange(1, 100_000), help="So viele Zähler; ohne Angabe alle im Ordner.")
@click.option("--tokens", type=DATEI_DA, help="CSV zaehlernummer,token: diese Zähler zuerst einschreiben.")
@click.option("--einschreibung-url", help="Adresse der Einschreibung, z. B. https://localhost:8444.")
@click.option("--telegramm-url", help="Adresse für Telegramme, z. B. https://localhost:8443.")
@click.option("--ca", "ca", type=DATEI_DA, help="Wurzelzertifikat des Betreibers (PEM).")
@click.option("--fingerabdruck", help="SHA-256 des Wurzelzertifikats (hex); wird verglichen.")
@click.option(
    "--zeitraffer",
    type=click.FloatRange(min=0, min_open=True),
    help="Wird mit MSB_UHR_FAKTOR verglichen; die Uhr stellen MSB_UHR_START, _BEZUG, _FAKTOR wie beim Betreiber.",
)
@click.option("--dauer", type=Dauer(), help="Simulierte Zeit, z. B. 6h oder 1d; ohne Angabe bis Strg-C.")
@click.option("--faeden", type=click.IntRange(1, 256), default=16, show_default=True, help="Fäden, die senden.")
@click.option(
    "--verbindungen", type=click.IntRange(0, 100_000), default=5000, show_default=True,
    help="So viele Verbindungen bleiben offen; weitere Zähler verbinden sich jedes Mal neu.",
)  # fmt: skip
@click.option(
    "--json", "json_datei", type=click.Path(path_type=Path, dir_okay=False), help="Zusammenfassung hierhin."
)
def flotte(
    ordner: Path,
    anzahl: int | None,
    tokens: Path | None,
    einschreibung_url: str | None,
    telegramm_url: str | None,
    ca: Path | None,
    fingerabdruck: str | None,
    zeitraffer: float | None,
    dauer: float | None,
    faeden: int,
    verbindungen: int,
    json_datei: Path | None,
) -> None:
    """Viele Zähler in einem Prozess laufen lassen; im ORDNER hat jeder einen Ordner für sich.

    Was ohne Quittung ist, bleibt bei Strg-C liegen und wird beim nächsten Start gesendet. Die Speicher der Zähler
    liegen im Arbeitsspeicher und werden alle fünf Minuten und am Ende in die Ordner geschrieben.

    \b
    Beispiel:
      stromzaehler flotte var/flotte --anzahl 1000 --tokens tokens.csv --ca var/ca.pem \\
        --einschreibung-url https://localhost:8444 --telegramm-url https://localhost:8443
      stromzaehler flotte var/flotte --zeitraffer 300 --dauer 1d
    """
    with readable_errors(), ExitStack() as stapel:
        uhr = Uhr.from_env()
        _check_zeitraffer(uhr, zeitraffer)
        stapel.enter_context(Ordner(ordner).lock())
        halt = stapel.enter_context(stop_on_signal())
        if tokens is not None:
            zugang = _zugang(einschreibung_url, telegramm_url, ca, fingerabdruck)
            _enroll(ordner, tokens, anzahl, zugang, halt)
        pfade = _choose(ordner, anzahl)
        bilanz = Flottenbilanz()
        grenze = Verbindungsgrenze(_bound_descriptors(len(pfade), min(verbindungen, len(pfade)), faeden))
        mitglieder = _open(stapel, pfade, uhr, grenze, bilanz, halt)
        if halt.is_set():
            return
        arbeit = Flotte(mitglieder, uhr, bilanz, faeden=faeden)
        click.echo(f"{len(mitglieder)} Zähler laufen; Strg-C beendet.")
        with _Stand(dauer) as anzeige:
            ergebnis = arbeit.run(halt, dauer_s=dauer, on_stand=anzeige.show)
        with ExitStack() as balken:
            sichern = Balken(balken, "Sichern")
            arbeit.save(lambda fertig: sichern.show(fertig, len(mitglieder)))
        click.echo(describe(ergebnis))
        if json_datei is not None:
            json_datei.write_text(json.dumps(ergebnis.as_dict(), indent=2, ensure_ascii=False) + "\n")
        if ergebnis.angehalten:
            raise Meldung(f"{ergebnis.angehalten} Zähler hielten an; die Gründe stehen in der Zusammenfassung.")


def _check_zeitraffer(uhr: Uhr, zeitraffer: float | None) -> None:
    """A clock of our own would part from the operator's, so it is never made here."""
    if zeitraffer is None or zeitraffer == uhr.faktor:
        return
    jetzt = datetime.fromtimestamp(Uhr().now(), UTC).isoformat(timespec="seconds")
    raise FlotteUngueltig(
        f"--zeitraffer {zeitraffer:g}, aber die Uhr läuft {uhr.faktor:g}-fach. Betreiber und Zähler brauchen "
        "dieselbe Uhr. Für beide setzen, dann beide starten:\n"
        f"  export MSB_UHR_START={jetzt} MSB_UHR_BEZUG={jetzt} MSB_UHR_FAKTOR={zeitraffer:g}\n"
        f"Oder alles auf einmal: scripts/flotte --zeitraffer {zeitraffer:g}"
    )


def _zugang(
    einschreibung_url: str | None, telegramm_url: str | None, ca: Path | None, fingerabdruck: str | None
) -> Zugang:
    if einschreibung_url is None or telegramm_url is None or ca is None:
        raise click.UsageError("--tokens braucht --einschreibung-url, --telegramm-url und --ca.")
    return Zugang(
        einschreibung_url=with_path(einschreibung_url, "/geraete/v1/einschreibung"),
        telegramm_url=with_path(telegramm_url, "/geraete/v1/telegramme"),
        ca_pem=ca.read_bytes(),
        fingerabdruck=fingerabdruck,
    )


def _enroll(ordner: Path, datei: Path, anzahl: int | None, zugang: Zugang, halt: threading.Event) -> None:
    """Enrol those of the list that are not yet, as many as the fleet still needs."""
    vorhanden = {pfad.name for pfad in list_meters(ordner)}
    neue = [eintrag for eintrag in read_tokens(datei).items() if eintrag[0] not in vorhanden]
    if anzahl is not None:
        neue = neue[: max(0, anzahl - len(vorhanden))]
    if not neue:
        return
    with ExitStack() as stapel:
        balken = Balken(stapel, "Einschreiben")
        fehler = enroll_all(ordner, neue, zugang, halt, lambda fertig: balken.show(fertig, len(neue)))
    if fehler:
        zaehler, grund = next(iter(fehler.items()))
        raise FlotteUngueltig(
            f"{len(fehler)} von {len(neue)} Zählern sind nicht eingeschrieben, z. B. {zaehler}: {grund} "
            "Derselbe Aufruf macht mit den übrigen weiter."
        )


def _choose(ordner: Path, anzahl: int | None) -> list[Path]:
    pfade = list_meters(ordner)
    if len(pfade) < (anzahl or 1):
        raise FlotteUngueltig(
            f"In {ordner} sind {len(pfade)} Zähler eingeschrieben, nicht {anzahl or 'mindestens einer'}. "
            "Mit --tokens weitere einschreiben; die Tokens gibt es beim Betreiber: betreiber pki token --help"
        )
    return pfade[:anzahl]


def _open(
    stapel: ExitStack,
    pfade: list[Path],
    uhr: Uhr,
    grenze: Verbindungsgrenze,
    bilanz: Flottenbilanz,
    halt: threading.Event,
) -> list[Mitglied]:
    mitglieder: list[Mitglied] = []
    with ExitStack() as oben:
        balken = Balken(oben, "Öffnen")
        for pfad in pfade:
            if halt.is_set():
                break
            try:
                mitglied = Mitglied(pfad, uhr, grenze, bilanz, Random(pfad.name).random)  # noqa: S311 - back-off
            except (GatewayFehler, SimulationFehler) as fehler:
                raise FlotteUngueltig(f"{pfad}: {fehler}") from fehler
            stapel.callback(mitglied.close)
            mitglieder.append(mitglied)
            balken.show(len(mitglieder), len(pfade))
    return mitglieder


def _bound_descriptors(zaehler: int, verbindungen: int, faeden: int) -> int:
    """Raise the limit of open files as far as it goes; the number of connections that it then allows."""
    weich, hart = resource.getrlimit(resource.RLIMIT_NOFILE)
    sonst = zaehler + DESKRIPTOREN_JE_VERBINDUNG * faeden + DESKRIPTOREN_SONST
    bedarf = sonst + DESKRIPTOREN_JE_VERBINDUNG * verbindungen
    if hart != resource.RLIM_INFINITY and bedarf > hart:
        verbindungen = (hart - sonst) // DESKRIPTOREN_JE_VERBINDUNG
        if verbindungen < 0:
            raise FlotteUngueltig(
                f"{zaehler} Zähler brauchen {sonst} offene Dateien, erlaubt sind {hart}. "
                "Weniger Zähler nehmen oder die Grenze heben (ulimit -Hn, LimitNOFILE)."
            )
        click.echo(
            f"Die Grenze von {hart} offenen Dateien lässt nur {verbindungen} offene Verbindungen zu.", err=True
        )
        bedarf = hart
    if weich != resource.RLIM_INFINITY and weich < bedarf:
        resource.setrlimit(resource.RLIMIT_NOFILE, (bedarf, hart))
    return verbindungen


class _Stand:
    """How far the fleet is: a bar over the simulated time; without an end or a terminal a line now and then."""

    def __init__(self, dauer_s: float | None) -> None:
        self._minuten = int(dauer_s // 60) if dauer_s is not None and sys.stderr.isatty() else 0
        self._stapel = ExitStack()
        self._update: Callable[[int, str], None] | None = None
        self._erledigt = 0
        self._naechste_zeile = 0.0
        self._vorher = (time.monotonic(), 0)

    def __enter__(self) -> _Stand:
        if self._minuten:
            balken: Any = click.progressbar(
                length=self._minuten,
                label="Minuten",
                width=16,
                show_pos=True,
                item_show_func=lambda text: text,
                file=sys.stderr,
            )
            self._update = self._stapel.enter_context(balken).update
        return self

    def __exit__(self, *_: object) -> None:
        self._stapel.close()

    def show(self, flotte: Flotte) -> None:
        if self._update is not None:
            erledigt = min(self._minuten, int((flotte.uhr.now() - flotte.simuliert_von) // 60))
            self._update(erledigt - self._erledigt, self._rates(flotte))
            self._erledigt = erledigt
        elif time.monotonic() >= self._naechste_zeile:
            self._naechste_zeile = time.monotonic() + STAND_ALLE_S
            zeit = datetime.fromtimestamp(flotte.uhr.now(), UTC).astimezone(BERLIN)
            click.echo(f"{zeit:%Y-%m-%d %H:%M:%S} {self._rates(flotte)}", err=True)

    def _rates(self, flotte: Flotte) -> str:
        bilanz = flotte.bilanz
        (davor, bestaetigt), jetzt = self._vorher, time.monotonic()
        self._vorher = (jetzt, bilanz.bestaetigt)
        rate = (bilanz.bestaetigt - bestaetigt) / (jetzt - davor) if jetzt > davor else 0.0
        return (
            f"{bilanz.bestaetigt} Telegramme ({rate:.0f}/s), "
            f"{sum(bilanz.abgewiesen.values())} abgewiesen, p99 {bilanz.percentile_ms(0.99):.0f} ms"
        )

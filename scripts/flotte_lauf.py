"""scripts/flotte: a private operator and a fleet of meters on one fast clock; afterwards each reading counts."""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from betreiber.ablesung import speicher
from betreiber.auth.domain import Akteur, system_akteur
from betreiber.einbau.service import create_einbau
from betreiber.kunde.service import create_kunde
from betreiber.messstelle.service import create_messstelle
from betreiber.settings import Settings
from betreiber.stromzaehler.service import create_stromzaehler, create_zuordnung
from betreiber.zeit import SimulierteUhr
from db.models import Quarantaene, Stromzaehler
from db.session import create_engine, create_session
from scripts import fortschritt
from scripts.betreiberprozess import BetreiberFehler, Betreiberprozess
from scripts.stammdaten import malo_id
from stromzaehler_sim.zaehlwerk import Zaehlwerk, zaehlwerk_datei

# A Monday in winter time; any would do.
START = datetime(2026, 3, 2, tzinfo=UTC)
# The registers of the meters themselves grow by some 4 kB a day and meter.
WACHSTUM_HOECHSTENS = 1.25


@dataclass(frozen=True)
class Lauf:
    """What was asked for."""

    anzahl: int
    zeitraffer: float
    dauer: str
    database_url: str | None


def run(lauf: Lauf, ordner: Path) -> int:
    """Set up, run, check, print; 0 only when every reading of every meter is stored exactly once."""
    bezug = datetime.now(UTC)
    umgebung = {
        "MSB_UHR_START": START.isoformat(),
        "MSB_UHR_BEZUG": bezug.isoformat(),
        "MSB_UHR_FAKTOR": f"{lauf.zeitraffer:g}",
    } | ({"MSB_DATABASE_URL": lauf.database_url} if lauf.database_url else {})
    uhr = SimulierteUhr(START, bezug, lauf.zeitraffer)
    betreiber = Betreiberprozess(ordner / "betreiber", umgebung)
    print("Der Betreiber startet ...", flush=True)
    with betreiber:
        engine = create_engine(Settings.from_env(betreiber.umgebung).datenbank)
        try:
            set_up(betreiber, engine, uhr, lauf.anzahl, ordner)
            ergebnis = run_fleet(betreiber, lauf, ordner)
            fehler = check(engine, ergebnis, ordner / "zaehler")
        finally:
            engine.dispose()
    print(f"\n{as_markdown(ergebnis)}\n")
    print("\n".join(fehler) or "Alles geprüft: jeder Messwert jedes Zählers ist genau einmal gespeichert.")
    return 1 if fehler else 0


def set_up(betreiber: Betreiberprozess, engine: Engine, uhr: SimulierteUhr, anzahl: int, ordner: Path) -> None:
    """Customers with an installed meter each, and in tokens.csv the tokens that enrol them."""
    with create_session(engine) as session, (ordner / "zaehler.csv").open("w", encoding="utf-8") as liste:
        liste.write("zaehlernummer\n")
        for nummer in range(1, anzahl + 1):
            liste.write(_create_meter(session, system_akteur("flotte", uhr.now()), nummer) + "\n")
            fortschritt.show(f"Stammdaten: {nummer} von {anzahl} Zählern")
    betreiber.call(
        *("pki", "token", "--datei", str(ordner / "zaehler.csv"), "--ausgabe", str(ordner / "tokens.csv"))
    )
    print(flush=True)


def _create_meter(session: Session, akteur: Akteur, nummer: int) -> str:
    anschrift = {"strasse": "Lindenallee", "hausnummer": str(nummer), "postleitzahl": "50667", "stadtname": "Köln"}
    kunde = create_kunde(
        session,
        akteur,
        {
            "kundennummer": f"K-{nummer:06}",
            "art": "VERBRAUCHER",
            "name": f"Haushalt {nummer}",
            "registriert_datum": START.date(),
            **anschrift,
        },
    )
    messstelle = create_messstelle(
        session,
        akteur,
        {
            "malo_id": malo_id(nummer),
            "melo_id": f"DE00056266802{nummer:020}",
            "bundesland": "NW",
            "anschlussleistung_kw": Decimal("60.000"),
            **anschrift,
        },
    )
    zaehler = create_stromzaehler(
        session,
        akteur,
        {
            "zaehlernummer": f"1SIM00{nummer:08}",
            "hersteller": "SIM",
            "modell": "SIM-3.60",
            "seriennummer": f"{nummer:08}",
        },
    )
    create_einbau(
        session, akteur, zaehler.stromzaehler_id, {"messstelle_id": messstelle.messstelle_id, "von": START}
    )
    create_zuordnung(
        session, akteur, zaehler.stromzaehler_id, {"kunde_id": kunde.kunde_id, "von": START, "bis": None}
    )
    return zaehler.zaehlernummer


def fleet_command(betreiber: Betreiberprozess, lauf: Lauf, ordner: Path) -> list[str]:
    """The fleet as a user would start it."""
    return [
        *(sys.executable, "-m", "stromzaehler_sim.cli", "flotte", str(ordner / "zaehler")),
        *("--anzahl", str(lauf.anzahl), "--tokens", str(ordner / "tokens.csv"), "--ca", str(betreiber.ca)),
        *("--einschreibung-url", betreiber.einschreibung_url, "--telegramm-url", betreiber.telegramm_url),
        *("--zeitraffer", f"{lauf.zeitraffer:g}", "--dauer", lauf.dauer),
        *("--json", str(ordner / "zusammenfassung.json")),
    ]


def run_fleet(betreiber: Betreiberprozess, lauf: Lauf, ordner: Path) -> dict[str, Any]:
    """Run the fleet in a process of its own; its summary. Raises BetreiberFehler."""
    datei = ordner / "zusammenfassung.json"
    # Ctrl-C reaches the fleet, too; it ends by itself, and what it has done is still checked.
    bisher = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        code = subprocess.run(
            fleet_command(betreiber, lauf, ordner), env=betreiber.umgebung, check=False
        ).returncode
    finally:
        signal.signal(signal.SIGINT, bisher)
    if code or not datei.exists():
        raise BetreiberFehler(f"the fleet ended with code {code}; what it printed says why")
    ergebnis: dict[str, Any] = json.loads(datei.read_text(encoding="utf-8"))
    return ergebnis


def check(engine: Engine, ergebnis: dict[str, Any], zaehler: Path) -> list[str]:
    """What is not as it should be, one sentence each."""
    fehler = [
        f"{name}: {ergebnis[name]}"
        for name in ("abgewiesen", "angehalten", "quarantaene", "wartend")
        if ergebnis[name]
    ]
    anzahl, abweichungen = compare(engine, zaehler)
    fehler += abweichungen
    if anzahl != ergebnis["neu"]:
        fehler.append(f"{ergebnis['neu']} Messwerte als neu quittiert, {anzahl} gespeichert")
    speicher = ergebnis["speicher_mib"]
    if speicher["ende"] > WACHSTUM_HOECHSTENS * speicher.get("nach_anlauf", speicher["ende"]):
        fehler.append(f"der Arbeitsspeicher wuchs: {speicher}")
    return fehler


def compare(engine: Engine, zaehler: Path) -> tuple[int, list[str]]:
    """Compare the memory of each meter with what is stored: number of stored readings, one sentence a mistake."""
    anzahl, fehler = 0, []
    with create_session(engine, lesen=True) as session:
        for nummer, gespeichert in _stored(session):
            with Zaehlwerk(zaehlwerk_datei(zaehler / nummer), None) as zaehlwerk:
                gezaehlt = [wert[:3] for wert in zaehlwerk.readings(0, 2**40)]
            anzahl += len(gespeichert)
            if gezaehlt != gespeichert:
                mengen = f"{len(gezaehlt)} Messwerte gezählt, {len(gespeichert)} gespeichert"
                fehler.append(f"{nummer}: {mengen}, {len(set(gezaehlt) - set(gespeichert))} fehlen")
        in_quarantaene = session.scalar(sqlalchemy.select(sqlalchemy.func.count()).select_from(Quarantaene))
    if in_quarantaene:
        fehler.append(f"{in_quarantaene} Messwerte sind in Quarantäne")
    return anzahl, fehler


def _stored(session: Session) -> Iterator[tuple[str, list[tuple[int, int, int]]]]:
    """Number and readings of each meter: (uhrzeit, register of import, of export in Wh), oldest first."""
    for stromzaehler_id, nummer in session.execute(
        sqlalchemy.select(Stromzaehler.stromzaehler_id, Stromzaehler.zaehlernummer)
    ).all():
        werte = speicher.series(session, stromzaehler_id, 0, 2**40).values()
        yield nummer, [ablesung[:3] for ablesung in werte]


def as_markdown(ergebnis: dict[str, Any]) -> str:
    """The summary as a table for docs/flotte.md."""
    zeilen = {
        "meters": ergebnis["zaehler"],
        "duration, simulated": f"{ergebnis['dauer_s']:.0f} s, {ergebnis['simuliert_s'] / 3600:.1f} h",
        "Telegramme sent, acknowledged": f"{ergebnis['gesendet']:,}, {ergebnis['bestaetigt']:,}",
        "readings acknowledged": f"{ergebnis['messwerte']:,}",
        "of these new, doubled, quarantined": "{neu:,}, {doppelt:,}, {quarantaene:,}".format(**ergebnis),
        "readings waiting, messages refused": f"{ergebnis['wartend']:,}, {sum(ergebnis['abgewiesen'].values()):,}",
        "Telegramme/s, readings/s": f"{ergebnis['telegramme_je_s']:,.0f}, {ergebnis['messwerte_je_s']:,.0f}",
        "bytes of Telegramme, of receipts": f"{_mb(ergebnis['bytes_hin'])}, {_mb(ergebnis['bytes_zurueck'])}",
        "bytes on the wire, both ways": _mb(ergebnis["bytes_netz"]),
        "post to valid receipt": _durations(ergebnis["latenz_ms"]),
        "later than the slot": _durations(ergebnis["verspaetung_ms"]),
        "memory at start, warmed up, at end": ", ".join(
            f"{mib:.0f} MiB" for mib in ergebnis["speicher_mib"].values()
        ),
    }
    return "\n".join(
        ["| figure | value |", "|---|---|", *(f"| {name} | {wert} |" for name, wert in zeilen.items())]
    )


def _mb(anzahl: int) -> str:
    return f"{anzahl / 1_000_000:,.1f} MB"


def _durations(werte_ms: dict[str, float]) -> str:
    return ", ".join(f"{name} {wert:.0f} ms" for name, wert in werte_ms.items())


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="scripts/flotte",
        description="Start a private operator on a fast clock, enrol a fleet of simulated meters, let it send, "
        "and compare every reading with the database. Prints a summary as a Markdown table.",
        epilog="example: scripts/flotte --anzahl 1000 --zeitraffer 300 --dauer 1d",
    )
    parser.add_argument("--anzahl", type=int, default=1000, metavar="N", help="meters (default: 1000)")
    parser.add_argument(
        "--zeitraffer", type=float, default=300.0, metavar="N", help="let time run N times as fast"
    )
    parser.add_argument("--dauer", default="1d", help="simulated time, such as 6h or 1d (default: 1d)")
    parser.add_argument("--database", metavar="URL", help="an empty PostgreSQL database; default: SQLite")
    argumente = parser.parse_args()
    os.umask(0o077)  # keys and tokens
    if not 0 < argumente.anzahl < 1_000_000 or not 0 < argumente.zeitraffer <= 10_000:
        parser.error("--anzahl takes 1 to 999999, --zeitraffer a number above 0, at most 10000")
    lauf = Lauf(argumente.anzahl, argumente.zeitraffer, argumente.dauer, argumente.database)
    try:
        with tempfile.TemporaryDirectory(prefix="msb-flotte-") as temporaer:
            return run(lauf, Path(temporaer))
    except (BetreiberFehler, OSError) as error:
        print(f"\nscripts/flotte: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())

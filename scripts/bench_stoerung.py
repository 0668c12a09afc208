"""scripts/bench, the sweep for silent and sick meters over a whole fleet of synthetic rows."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import CTE, ColumnElement, Engine, Text, case, cast, func, insert, literal, null, select

from betreiber.auth.domain import system_akteur
from betreiber.stoerung.domain import Regeln
from betreiber.stoerung.durchlauf import sweep_stoerungen
from db.models import Einbau, Messstelle, Stromzaehler, Tagesstand, Telegrammstand
from db.session import create_session
from db.types import Dezimal, Zeitpunkt
from scripts.bench_last import BenchFehler

ZAEHLER = 300_000
# A tenth of it; the figure is scaled, and rough as all of --quick are.
ZAEHLER_SCHNELL = 30_000
# Beyond the numbers of all meters that other parts make.
AB = 10_000_000
TAGE = 4
# As long as 64 messages make it: the table is as large as that of a fleet at work.
FENSTER = bytes(64 * 24)
# One meter in so many is silent, has a wrong clock, a weak radio, an open cover.
STUMM, FALSCHE_UHR, SCHWACH, OFFEN = 50, 101, 211, 401


def measure(engine: Engine, quick: bool, melde: Callable[[str], None]) -> dict[str, float]:
    """Seconds of the sweep that finds all that is wrong, and of the next one, which finds nothing new."""
    anzahl = ZAEHLER_SCHNELL if quick else ZAEHLER
    jetzt = datetime.now(UTC)
    _fill(engine, anzahl, jetzt, melde)
    zeiten = []
    for runde in range(2):
        melde(f"sweep {runde + 1} of 2 over {anzahl:,} meters")
        anfang = time.perf_counter()
        with create_session(engine) as session:
            ergebnis = sweep_stoerungen(session, system_akteur("bench", jetzt), Regeln(), echtzeit=jetzt)
        zeiten.append((time.perf_counter() - anfang) * ZAEHLER / anzahl)
        if (runde == 0) != (ergebnis.erkannt >= anzahl // STUMM):
            raise BenchFehler(f"sweep {runde + 1} found {ergebnis.erkannt}")
    return {"silent_sweep_300k_s": zeiten[0], "silent_sweep_300k_again_s": zeiten[1]}


def _fill(engine: Engine, anzahl: int, jetzt: datetime, melde: Callable[[str], None]) -> None:
    """Installed, enrolled meters, each at its place, with full days behind it."""
    zahlen = select(literal(1).label("i")).cte("zahlen", recursive=True)
    zahlen = zahlen.union_all(select(zahlen.c.i + 1).where(zahlen.c.i < anzahl))
    for tabelle, spalten in _tables(zahlen, jetzt).items():
        melde(f"{anzahl:,} meters: {tabelle.__tablename__}")
        with engine.begin() as connection:
            connection.execute(insert(tabelle).from_select(list(spalten), select(*spalten.values())))
    heute = int(jetzt.timestamp()) // 86_400
    with engine.begin() as connection:
        for tag in range(heute - TAGE, heute):
            melde(f"{anzahl:,} meters: day {tag}")
            spalten = ["stromzaehler_id", "tag", "anzahl", "gemessen"]
            werte = select(AB + zahlen.c.i, literal(tag), literal(96), literal(96))
            connection.execute(insert(Tagesstand).from_select(spalten, werte))
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")


def _tables(zahlen: CTE, jetzt: datetime) -> dict[Any, dict[str, ColumnElement[Any]]]:
    i = zahlen.c.i
    nummer = func.substr(cast(100_000_000 + i, Text), 2)
    gehoert = literal(jetzt - timedelta(minutes=5), Zeitpunkt())
    einer = literal(1)
    return {
        Stromzaehler: {
            "stromzaehler_id": AB + i,
            "zaehlernummer": literal("1BEN01", Text()) + nummer,
            "hersteller": literal("BEN", Text()),
            "modell": literal("SIM-3.60", Text()),
            "seriennummer": nummer,
            "stellen": literal(6),
            "faktor": einer,
            "inf": literal(False),
            "zustand": literal("EINGEBAUT", Text()),
            "bauart": literal("ELEKTRONISCH", Text()),
            "version": einer,
        },
        Messstelle: {
            "messstelle_id": AB + i,
            "malo_id": literal("600", Text()) + nummer,
            "melo_id": literal("DE0000000000000000000000", Text()) + nummer,
            "strasse": literal("Lindenallee", Text()),
            "hausnummer": literal("1", Text()),
            "postleitzahl": cast(10_000 + i % 8_111, Text),
            "stadtname": literal("Köln", Text()),
            "bundesland": literal("NW", Text()),
            "anschlussleistung_kw": literal(Decimal("30.000"), Dezimal(9, 3)),
            "version": einer,
        },
        Einbau: {
            "einbau_id": AB + i,
            "stromzaehler_id": AB + i,
            "messstelle_id": AB + i,
            "von": literal(jetzt - timedelta(days=100), Zeitpunkt()),
            "version": einer,
        },
        Telegrammstand: {
            "stromzaehler_id": AB + i,
            "epoche": einer,
            "fenster": literal(FENSTER),
            "zuletzt_empfangen": case(
                (i % STUMM == 0, literal(jetzt - timedelta(days=2), Zeitpunkt())), else_=gehoert
            ),
            "neueste_uhrzeit": literal(int(jetzt.timestamp()) // 900 * 900),
            "viertel_anzahl": einer,
            "meldung_nummer": einer,
            "uhr_abweichung_s": case((i % FALSCHE_UHR == 0, 60), else_=null()),
            "protokoll_angefordert": literal(False),
            "rsrp_dbm": case((i % SCHWACH == 0, -125), else_=-95),
            "firmwareversion": literal("3.60", Text()),
            "schluessel_gueltig_bis": literal(jetzt + timedelta(days=400), Zeitpunkt()),
            "manipuliert_zeitpunkt": case((i % OFFEN == 0, gehoert), else_=literal(None, Zeitpunkt())),
        },
    }

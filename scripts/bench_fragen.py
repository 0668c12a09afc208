"""scripts/bench, the questions: the service layer beside its own statements sent bare; API and fleet."""

import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from sqlalchemy import Engine, event, insert, select

from betreiber.auth.domain import system_akteur
from betreiber.verbrauch.service import compute_stromzaehler, iter_flotte
from betreiber.zeit import VIERTELSTUNDE_S, Aufloesung, iter_edges
from db.models import Stromzaehler, Telegrammstand
from db.session import create_session
from scripts.bench_annahme import descendants, rss_mb
from scripts.bench_daten import year_before
from scripts.bench_last import BenchFehler
from scripts.bench_speicher import load_blocks
from scripts.betreiberprozess import ApiKlient, Betreiberprozess
from scripts.stammdaten import PERSONAL, PERSONAL_PASSWORT, Haushalt, create_haushalt, create_staff

STUMM_NACH = timedelta(days=1)
# One meter in so many is silent.
STUMM_JEDER = 50


@dataclass(frozen=True)
class Bestand:
    """A fleet with a year of readings: its meters, the customer of the first one, the year."""

    nummern: Sequence[int]
    haushalt: Haushalt
    von: datetime
    bis: datetime


def fill(betreiber: Betreiberprozess, engine: Engine, anzahl: int, melde: Callable[[str], None]) -> Bestand:
    """One customer with a meter by the API, the other meters and all readings by SQL. The operator is stopped."""
    von, bis, tage = year_before(datetime.now(UTC).date())
    with betreiber:
        create_staff(betreiber, PERSONAL, PERSONAL_PASSWORT, "sachbearbeitung", "wartung")
        with ApiKlient(betreiber.url) as personal:
            personal.login(PERSONAL, PERSONAL_PASSWORT)
            seit = von - timedelta(days=31)
            haushalt = create_haushalt(betreiber, personal, personal, 1, seit, betreiber.daten / "bench-zaehler")
    nummern = [haushalt.stromzaehler_id, *_create_meters(engine, anzahl - 1)]
    load_blocks(engine, nummern, tage, melde)
    return Bestand(nummern, haushalt, von, bis)


def _create_meters(engine: Engine, anzahl: int) -> list[int]:
    """Meters and when each was last heard of."""
    jetzt = datetime.now(UTC)
    with engine.begin() as connection:
        connection.execute(
            insert(Stromzaehler),
            [
                {
                    "zaehlernummer": f"1SIM01{nummer:08}",
                    "hersteller": "SIM",
                    "modell": "SIM-3.60",
                    "seriennummer": f"{nummer:08}",
                    "zustand": "EINGEBAUT",
                }
                for nummer in range(anzahl)
            ],
        )
        gefragt = select(Stromzaehler.stromzaehler_id).where(Stromzaehler.zaehlernummer.like("1SIM01%"))
        nummern = sorted(connection.scalars(gefragt))
        connection.execute(
            insert(Telegrammstand),
            [
                {
                    "stromzaehler_id": nummer,
                    "epoche": 1,
                    "fenster": b"",
                    "zuletzt_empfangen": jetzt - 2 * STUMM_NACH if nummer % STUMM_JEDER == 0 else jetzt,
                }
                for nummer in nummern
            ],
        )
    return nummern


def measure(
    betreiber: Betreiberprozess, engine: Engine, bestand: Bestand, quick: bool, melde: Callable[[str], None]
) -> dict[str, float]:
    """p50 in ms of the questions about one meter, us a meter of those about all. The operator is stopped."""
    runden = 60 if quick else 500
    ergebnis = _measure_service(engine, bestand, runden, melde)
    ergebnis |= _measure_fleet(engine, bestand, 3 if quick else 12, melde)
    with betreiber:
        return ergebnis | _measure_api(betreiber, bestand, runden, melde)


def _measure_service(
    engine: Engine, bestand: Bestand, runden: int, melde: Callable[[str], None]
) -> dict[str, float]:
    """Each question through the service and, right after it, its statements alone, rows fetched."""
    zufall = random.Random(1)
    zeiten: dict[str, list[float]] = {}
    anweisungen: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, anweisung: str, werte: Any, *_rest: Any) -> None:
        # The session of `send` begins its own transaction.
        if anweisung != "BEGIN":
            anweisungen.append((anweisung, werte))

    def ask(nummer: int, von: datetime, bis: datetime, aufloesung: Aufloesung) -> None:
        with create_session(engine, lesen=True) as session:
            reihe = compute_stromzaehler(session, akteur, nummer, von=von, bis=bis, aufloesung=aufloesung)
            if reihe.summe.vorhanden != reihe.summe.erwartet:
                raise BenchFehler(f"meter {nummer}: readings are missing from {von} to {bis}")

    def send() -> None:
        with create_session(engine, lesen=True) as session:
            connection = session.connection()
            for anweisung, werte in anweisungen:
                connection.exec_driver_sql(anweisung, werte).fetchall()

    fragen = [
        ("query_month_by_day", Aufloesung.TAG, _months(bestand)),
        ("query_year_by_month", Aufloesung.MONAT, [(bestand.von, bestand.bis)]),
    ]
    akteur = system_akteur("bench", datetime.now(UTC))
    for runde in range(runden):
        melde(f"service: round {runde + 1} of {runden}")
        for name, aufloesung, zeitraeume in fragen:
            frage = zufall.choice(bestand.nummern), *zufall.choice(zeitraeume), aufloesung
            anweisungen.clear()
            event.listen(engine, "before_cursor_execute", note)
            ask(*frage)
            event.remove(engine, "before_cursor_execute", note)
            zeiten.setdefault(f"{name}_p50_ms", []).append(_ms(ask, *frage))
            zeiten.setdefault(f"{name}_raw_sql_p50_ms", []).append(_ms(send))
    return {name: statistics.median(werte) for name, werte in zeiten.items()}


def _measure_fleet(
    engine: Engine, bestand: Bestand, runden: int, melde: Callable[[str], None]
) -> dict[str, float]:
    """The month of all meters, and the meters from which nothing came for a day."""
    monate = _months(bestand)
    flotte, stumme = [], []
    stumm = select(Telegrammstand.stromzaehler_id).where(
        Telegrammstand.zuletzt_empfangen < datetime.now(UTC) - STUMM_NACH
    )
    for runde in range(runden):
        melde(f"all meters: round {runde + 1} of {runden}")
        with create_session(engine, lesen=True) as session:
            von, bis = monate[runde % len(monate)]
            flotte.append(_ms(list, iter_flotte(session, von, bis)))
            stumme.append(_ms(session.execute, stumm))
    anzahl = len(bestand.nummern)
    return {
        "fleet_month_us_per_meter": statistics.median(flotte) * 1000 / anzahl,
        "silent_us_per_meter": statistics.median(stumme) * 1000 / anzahl,
    }


def _measure_api(
    betreiber: Betreiberprozess, bestand: Bestand, runden: int, melde: Callable[[str], None]
) -> dict[str, float]:
    """The customer of the first meter asks, over one connection."""
    monate, tage, jahre = _months(bestand), [], []
    pfad = f"/v1/stromzaehler/{bestand.haushalt.stromzaehler_id}/verbrauch"
    with ApiKlient(betreiber.url) as kunde:
        kunde.login(bestand.haushalt.benutzername, bestand.haushalt.passwort)

        def ask(von: datetime, bis: datetime, aufloesung: Aufloesung) -> Any:
            return kunde.get(pfad, von=von.isoformat(), bis=bis.isoformat(), aufloesung=aufloesung.value)

        for runde in range(runden):
            melde(f"API: round {runde + 1} of {runden}")
            von, bis = monate[runde % len(monate)]
            tage.append(_ms(ask, von, bis, Aufloesung.TAG))
        for _ in range(max(runden // 50, 3)):
            jahre.append(_ms(ask, bestand.von, bestand.bis, Aufloesung.VIERTELSTUNDE))
        werte = len(ask(bestand.von, bestand.bis, Aufloesung.VIERTELSTUNDE)["werte"])
        if werte != (bestand.bis - bestand.von) // timedelta(seconds=VIERTELSTUNDE_S):
            raise BenchFehler(f"the year has {werte} quarter hours")
    return {
        "api_month_by_day_p50_ms": statistics.median(tage),
        "api_year_quarter_hours_ms": statistics.median(jahre),
        "worker_rss_mb": max(map(rss_mb, descendants(betreiber.pid))),
    }


def _months(bestand: Bestand) -> list[tuple[datetime, datetime]]:
    kanten = list(iter_edges(bestand.von, bestand.bis, Aufloesung.MONAT))
    return list(pairwise(kanten))


def _ms(was: Callable[..., object], *womit: object) -> float:
    anfang = time.perf_counter()
    was(*womit)
    return (time.perf_counter() - anfang) * 1000

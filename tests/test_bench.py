"""scripts/bench: the table, and the fleet that it loads; what it measures is measured by running it."""

from datetime import date

import pytest

from betreiber.ablesung.tagesblock import decode, encode
from scripts.bench_daten import Flotte, Tageslast, year_before
from scripts.bench_tafel import GROESSEN, Ziel, lines

VERLANGT = {
    "ingest_single_per_s",
    "ingest_single_floor_per_s",
    "ingest_single_fresh_handshake_per_s",
    "crypto_floor_per_s",
    "meters_served",
    "ingest_catchup_readings_per_s",
    "query_month_by_day_p50_ms",
    "query_month_by_day_raw_sql_p50_ms",
    "query_year_by_month_p50_ms",
    "api_month_by_day_p50_ms",
    "api_year_quarter_hours_ms",
    "fleet_month_us_per_meter",
    "silent_us_per_meter",
    "silent_sweep_300k_s",
    "bytes_per_reading_rows",
    "bytes_per_reading_folded",
    "bytes_per_reading_folded_register_only",
    "worker_rss_mb",
    "readings",
    "database",
}


def test_the_figures_that_others_read():
    assert {groesse.name for groesse in GROESSEN} == VERLANGT


@pytest.mark.parametrize(
    ("ziel", "wert", "anteil", "erreicht"),
    [
        (Ziel(20), 20, None, True),
        (Ziel(20), 20.1, None, False),
        (Ziel(1000, mindestens=True), 999, None, False),
        (Ziel(0.6, mindestens=True, anteil=True), 5, 0.6, True),
        (Ziel(3, anteil=True), 0.1, 3.5, False),
        # Nothing to compare with was measured.
        (Ziel(3, anteil=True), 0.1, None, True),
    ],
)
def test_goals(ziel, wert, anteil, erreicht):
    assert ziel.met(wert, anteil) is erreicht


def test_the_table():
    werte = {
        "database": "sqlite 3.40.1",
        "ingest_single_per_s": 1500.0,
        "ingest_single_floor_per_s": 3000.0,
        "ingest_catchup_readings_per_s": 50_000.0,
        "bytes_per_reading_folded": 3.0,
        "extra_us": 12.5,
        "peers": {"influxdb": {"bytes_per_reading_folded": 9.0, "query_month_by_day_p50_ms": 2.0}},
    }
    zeilen = [zeile.split() for zeile in lines(werte)]
    assert ["ingest_single_per_s", "1,500", "0.50", ">=", "0.6", "x", "MISSED,", ">=", "1000", "reached"] in zeilen
    # The goal of PostgreSQL would be 60,000.
    assert ["ingest_catchup_readings_per_s", "50,000", ">=", "40000", "reached"] in zeilen
    assert ["extra_us", "12.5"] in zeilen
    assert zeilen[-3:] == [
        ["influxdb:", "times", "ours"],
        ["bytes_per_reading_folded", "9", "3.00"],
        ["query_month_by_day_p50_ms", "2"],
    ]


def test_the_year_holds_both_local_edges():
    von, bis, tage = year_before(date(2026, 11, 20))
    assert (von.isoformat(), bis.isoformat()) == ("2024-12-31T23:00:00+00:00", "2025-12-31T23:00:00+00:00")
    # 20088 = 2024-12-31.
    assert (tage[0], tage[-1]) == (20_088, 20_453)


def test_a_meter_of_the_fleet():
    flotte = Flotte([[Tageslast([tag] * 96, [4 * tag] * 96, [1] * 96) for tag in (10, 20)]])
    erster, zweiter = flotte.readings(1, [20_000, 20_001])
    # Meter 1 begins at 1,235,567 Wh, seven days further in the series, and sends 7919 mod 600 = 119 s later.
    assert (erster[0].uhrzeit, erster[0].bezug_wh, erster[0].leistung_w) == (20_000 * 86_400, 1_235_587, 80)
    assert erster[0].empfangen == 20_000 * 86_400 + 120
    assert zweiter[0].bezug_wh - erster[-1].bezug_wh == 10
    assert decode(20_000, encode(20_000, erster)) == erster

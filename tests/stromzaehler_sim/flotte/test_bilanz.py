"""Counters and percentiles; the expected values are counted by hand."""

from __future__ import annotations

import pytest

from gateway.fehler import Abgewiesen, NichtErreichbar, QuittungUngueltig
from stromzaehler_sim.fehler import LastprofilZuEnde
from stromzaehler_sim.flotte.bilanz import Flottenbilanz, Verteilung, describe_fehler, read_rss_mib
from stromzaehler_sim.flotte.zusammenfassung import describe


def test_percentiles_are_at_most_two_percent_too_high() -> None:
    verteilung = Verteilung()
    for millisekunden in range(1, 101):
        verteilung.add(millisekunden / 1000)
    for anteil, erwartet in ((0.01, 0.001), (0.5, 0.05), (0.9, 0.09), (0.99, 0.099), (1.0, 0.1)):
        assert erwartet <= verteilung.percentile(anteil) <= erwartet * 1.02
    assert verteilung.laengste_s == 0.1


def test_nothing_has_no_percentile_and_the_shortest_is_a_tenth_of_a_millisecond() -> None:
    assert Verteilung().percentile(0.5) == 0.0
    kurz = Verteilung()
    kurz.add(0.00005)
    assert kurz.percentile(0.5) == 0.00005


@pytest.mark.parametrize(
    ("fehler", "name"),
    [
        (Abgewiesen(409, "folge"), "409 folge"),
        (Abgewiesen(503), "503"),
        (NichtErreichbar("https://localhost:1 is down"), "NichtErreichbar"),
        (QuittungUngueltig("x"), "QuittungUngueltig"),
        (LastprofilZuEnde("zu Ende"), "LastprofilZuEnde: zu Ende"),
    ],
)
def test_faults_are_counted_by_status_and_code(fehler: Exception, name: str) -> None:
    assert describe_fehler(fehler) == name


def test_the_summary_as_people_read_it() -> None:
    bilanz = Flottenbilanz(gesendet=1203, bestaetigt=1201, messwerte=12345, neu=12340, doppelt=5)
    bilanz.add_fehler(Abgewiesen(503, "ueberlast"))
    bilanz.add_fehler(Abgewiesen(503, "ueberlast"))
    bilanz.latenz.add(0.02)
    bilanz.note_memory("anfang")
    text = describe(
        bilanz.summarize(zaehler=1000, dauer_s=100.0, simuliert_s=30_000.0, wartend=7, bytes_netz=2_500_000)
    )
    for teil in (
        "Zähler                  1.000",
        "0:01:40 h, simuliert 8:20:00 h",
        "1.201 (12,0/s)",
        "12.340, 5",
        "2 x 503 ueberlast",
        "2,5 MB",
        "p50 20,0 ms",
    ):
        assert teil in text


def test_memory_is_that_of_this_process() -> None:
    assert 10 < read_rss_mib() < 100_000

"""The display: two lines, whole kWh floored, six digits at least."""

from __future__ import annotations

from dataclasses import replace

import pytest

from stromzaehler_sim.anzeige.display import Anzeigestand, register_in_turn, render

# The receipt is of 2026-07-01T10:15:00Z, which is 12:15 in Berlin.
STAND = Anzeigestand(
    bezug_zehntelwh=12_349_999,
    einspeisung_zehntelwh=567_890_000,
    leistung_w=193,
    wartend=3,
    letzte_quittung=1_782_900_900_000,
)


def test_two_lines() -> None:
    assert render(STAND) == ("1.8.0  001234 kWh", "193 W | 3 wartend | Quittung 01.07. 12:15")


@pytest.mark.parametrize(
    ("zehntelwh", "zeile"),
    [
        (0, "1.8.0  000000 kWh"),
        (9_999, "1.8.0  000000 kWh"),
        (10_000, "1.8.0  000001 kWh"),
        (9_999_999_999, "1.8.0  999999 kWh"),
        (10_000_000_000, "1.8.0  1000000 kWh"),
    ],
)
def test_energy_is_floored_to_whole_kwh(zehntelwh: int, zeile: str) -> None:
    assert render(replace(STAND, bezug_zehntelwh=zehntelwh))[0] == zeile


def test_export_in_turn() -> None:
    assert render(replace(STAND, zeigt="2.8.0"))[0] == "2.8.0  056789 kWh"
    assert [register_in_turn(s) for s in (0, 9.9, 10, 19.9, 20)] == ["1.8.0", "1.8.0", "2.8.0", "2.8.0", "1.8.0"]


def test_unknown_is_not_zero() -> None:
    assert render(replace(STAND, leistung_w=None, letzte_quittung=None, wartend=0))[1] == (
        "--- W | 0 wartend | keine Quittung"
    )
    assert render(replace(STAND, leistung_w=-1500))[1].startswith("-1500 W")

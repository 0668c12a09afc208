"""Powers on L1-L3: whole watts, and their sum is always the power of the meter."""

from __future__ import annotations

import pytest

from stromzaehler_sim.last.haushalt import Haushalt
from stromzaehler_sim.last.lastprofil import Messreihe
from stromzaehler_sim.last.phasen import round_to_sum, split_evenly

# 2026-05-04T00:00:00 in Berlin, a Monday.
MONTAG = 1777845600


@pytest.mark.parametrize(
    ("leistung", "phasen"),
    [(0, (0, 0, 0)), (9, (3, 3, 3)), (10, (4, 3, 3)), (11, (4, 4, 3)), (-9, (-3, -3, -3)), (-10, (-3, -3, -4))],
)
def test_even_split(leistung: int, phasen: tuple[int, int, int]) -> None:
    assert split_evenly(leistung) == phasen


def test_the_third_phase_bears_the_rounding() -> None:
    assert round_to_sum([0.6, 0.6, -0.2], 1) == (1, 1, -1)


def test_a_series_is_split_evenly() -> None:
    assert Messreihe({900: (100, 0), 1800: (0, 25)}).phasen(900) == (134, 133, 133)
    assert Messreihe({900: (0, 25)}).phasen(900) == (-33, -33, -34)


@pytest.mark.parametrize(
    "haushalt",
    [
        Haushalt(1),
        Haushalt(2, 3500, 4.0),
        Haushalt(3, 3500, 9.0),
        Haushalt(4, 3500, 0.0, 5000, 0),
        Haushalt(5, 3500, 9.0, 5000, 9000),
    ],
    ids=["plain", "pv", "large pv", "heat pump", "all"],
)
def test_the_sum_of_the_phases_is_the_mean_power(haushalt: Haushalt) -> None:
    for uhrzeit in range(MONTAG, MONTAG + 3 * 86400, 900):
        bezug, einspeisung = haushalt.energy(uhrzeit)
        assert sum(haushalt.phasen(uhrzeit)) == 4 * (bezug - einspeisung)


def test_a_house_loads_its_phases_unevenly_and_always_the_same() -> None:
    slots = range(MONTAG, MONTAG + 86400, 900)
    erste = [Haushalt(6).phasen(uhrzeit) for uhrzeit in slots]
    zweite = Haushalt(6)
    assert [zweite.phasen(uhrzeit) for uhrzeit in reversed(slots)] == erste[::-1]
    assert [Haushalt(7).phasen(uhrzeit) for uhrzeit in slots] != erste
    assert sum(max(phasen) > 1.2 * min(phasen) for phasen in erste) > 48


def test_a_wallbox_loads_all_phases() -> None:
    haushalt = Haushalt(8, 1, 0.0, 0, 48_000)
    voll = [u for u in range(MONTAG, MONTAG + 7 * 86400, 900) if haushalt.energy(u)[0] >= 2750]
    assert voll
    for uhrzeit in voll:
        assert haushalt.phasen(uhrzeit) == pytest.approx((3667, 3667, 3667), abs=5)


def test_a_small_inverter_feeds_in_on_one_phase_a_large_one_on_three() -> None:
    slots = range(MONTAG, MONTAG + 7 * 86400, 900)
    klein, gross = Haushalt(9, 1, 4.0), Haushalt(9, 1, 12.0)
    mittags_klein = [klein.phasen(u) for u in slots if klein.energy(u)[1] > 200]
    mittags_gross = [gross.phasen(u) for u in slots if gross.energy(u)[1] > 200]
    assert mittags_klein
    assert mittags_gross
    assert {sum(w < -100 for w in phasen) for phasen in mittags_klein} == {1}
    assert len({phasen.index(min(phasen)) for phasen in mittags_klein}) == 1
    assert {sum(w < -100 for w in phasen) for phasen in mittags_gross} == {3}

"""Heat pump and wallbox: what they use, when, and that a house without them is the house it was."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from stromzaehler_sim.fehler import LastprofilUngueltig
from stromzaehler_sim.last.haushalt import Haushalt
from stromzaehler_sim.last.kalender import local_hours
from stromzaehler_sim.last.lastprofil import LastprofilEinstellung
from stromzaehler_sim.last.verbraucher import Waermepumpe, Wallbox

BERLIN = ZoneInfo("Europe/Berlin")
TAGE = [date.fromordinal(date(2026, 1, 1).toordinal() + n) for n in range(365)]


def day(geraet: Waermepumpe | Wallbox, tag: date) -> list[float]:
    return geraet.day(tag, local_hours(tag)[0])


@pytest.mark.parametrize(
    ("seed", "kwh", "pv", "pruefsumme"),
    [
        (1, 3200, 0.0, "732ea0c6089ed4fae3dd1b3661eb2000842fbbfc475ce8319cb929f74156e49d"),
        (3, 4600, 5.0, "bb2eda8059f47ef6cd12f56aa9cac02336369cfdd86564fdada0ea2f6b5733db"),
    ],
)
def test_a_house_without_them_counts_as_ever(seed: int, kwh: int, pv: float, pruefsumme: str) -> None:
    """The sum over the series of 2026 as it was before these appliances existed."""
    haushalt = Haushalt(seed, kwh, pv)
    werte = [haushalt.energy(uhrzeit) for uhrzeit in range(1767222000, 1798758000, 900)]
    assert hashlib.sha256(repr(werte).encode()).hexdigest() == pruefsumme


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_heat_pump_follows_the_cold(seed: int) -> None:
    pumpe = Waermepumpe(seed, 4000)
    monate: dict[int, float] = defaultdict(float)
    januar_stunden = [0.0] * 24
    for tag in TAGE:
        werte = day(pumpe, tag)
        assert min(werte) >= 0
        monate[tag.month] += sum(werte)
        if tag.month == 1:
            for i, wert in enumerate(werte):
                januar_stunden[i // 4] += wert
    assert sum(monate.values()) == pytest.approx(4_000_000, rel=0.1)
    assert monate[1] > 10 * monate[7] > 0
    assert monate[1] > monate[3] > monate[5]
    # The early morning is colder than the afternoon.
    assert januar_stunden[7] > januar_stunden[15]


@pytest.mark.parametrize(("seed", "kwh"), [(1, 500), (2, 3000), (3, 12_000), (4, 48_000)])
def test_a_wallbox_charges_at_11_kw_at_most(seed: int, kwh: int) -> None:
    wallbox = Wallbox(seed, kwh)
    tage = [day(wallbox, tag) for tag in TAGE]
    assert sum(map(sum, tage)) == pytest.approx(kwh * 1000, rel=0.15)
    assert max(map(max, tage)) == 2750
    ladungen = [[wert for wert in werte if wert] for werte in tage if any(werte)]
    assert len(ladungen) < 330
    for ladung in ladungen:
        # Full power until the car is full: only the last quarter hour is less.
        assert set(ladung[:-1]) <= {2750}


def test_wallbox_sessions_are_single_and_in_the_evening() -> None:
    wallbox = Wallbox(7, 3000)
    for tag in TAGE:
        belegt = [i for i, wert in enumerate(day(wallbox, tag)) if wert]
        assert belegt == list(range(belegt[0], belegt[-1] + 1)) if belegt else True
        assert not belegt or belegt[0] >= 44


@pytest.mark.parametrize(("monat", "tag", "anzahl"), [(3, 29, 92), (10, 25, 100)])
def test_they_know_the_change_of_the_clocks(monat: int, tag: int, anzahl: int) -> None:
    datum = date(2026, monat, tag)
    assert len(day(Waermepumpe(1, 4000), datum)) == anzahl
    assert len(day(Wallbox(1, 48_000), datum)) == anzahl


def test_a_house_with_all_of_them_is_the_sum() -> None:
    """Slot by slot: with = without + heat pump + wallbox, where nothing is fed in, to the Wh of the rounding."""
    mit, ohne = Haushalt(5, 3500, 0.0, 4000, 3000), Haushalt(5, 3500)
    for tag in (date(2026, 1, 15), date(2026, 3, 29), date(2026, 7, 1), date(2028, 2, 29)):
        stunden, beginn = local_hours(tag)
        zusatz = zip(Waermepumpe(5, 4000).day(tag, stunden), Wallbox(5, 3000).day(tag, stunden), strict=True)
        for i, (pumpe, wallbox) in enumerate(zusatz):
            uhrzeit = beginn + i * 900
            assert mit.energy(uhrzeit)[0] == pytest.approx(ohne.energy(uhrzeit)[0] + pumpe + wallbox, abs=2.01)


def test_photovoltaics_drive_the_heat_pump_first() -> None:
    """At noon on a clear day in May the house with a heat pump feeds in less than the house without one."""
    ohne, mit = Haushalt(4, 3500, 8.0), Haushalt(4, 3500, 8.0, waermepumpe_kwh=6000)
    einspeisung = [0, 0]
    for uhrzeit in range(*(int(datetime(2026, 5, t, tzinfo=BERLIN).timestamp()) for t in (1, 11)), 900):
        einspeisung[0] += ohne.energy(uhrzeit)[1]
        einspeisung[1] += mit.energy(uhrzeit)[1]
    assert einspeisung[0] > einspeisung[1] > 0


@pytest.mark.parametrize(("pumpe", "wallbox"), [(-1, 0), (0, -1), (48_001, 0), (0, 48_001)])
def test_impossible_appliances_are_refused(pumpe: int, wallbox: int) -> None:
    with pytest.raises(LastprofilUngueltig):
        LastprofilEinstellung(waermepumpe_kwh=pumpe, wallbox_kwh=wallbox).build()

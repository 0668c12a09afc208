"""Faults from outside: what they do to energy and status of a quarter hour, and how they get to the meter."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stromzaehler_sim.stoerung import (
    Eingriff,
    Eingriffsart,
    Lage,
    Lageart,
    flow,
    live_phases,
    makes_reading,
    status_bits,
)
from stromzaehler_sim.zaehlwerk import Zaehlwerk

# 2026-03-02T00:00:00Z
MONTAG = 1772409600
NEUSTART, SPANNUNGSAUSFALL, GEHAEUSE_OFFEN, MAGNETFELD = 4, 8, 16, 32


class Haus:
    """100 Wh in every quarter hour: 200 W on L1, 150 W on L2, 50 W on L3."""

    def energy(self, uhrzeit_von: int) -> tuple[int, int]:
        return 100, 0

    def phasen(self, uhrzeit_von: int) -> tuple[int, int, int]:
        return 200, 150, 50


class Sonne:
    """A small inverter on L1 feeds in more than the house draws: 300 W in, 900 W out."""

    def energy(self, uhrzeit_von: int) -> tuple[int, int]:
        return 0, 150

    def phasen(self, uhrzeit_von: int) -> tuple[int, int, int]:
        return -900, 200, 100


def lage(art: Lageart, von: int, bis: int | None) -> Lage:
    return Lage(1, art, MONTAG + von, None if bis is None else MONTAG + bis)


@pytest.mark.parametrize(
    ("lagen", "sekunden", "zehntelwh"),
    [
        ([], 900, 1000),
        ([], 0, 0),
        # 1000 x 1/900 = 1.11, floored
        ([], 1, 1),
        ([], 899, 998),
        # 300 of 900 s
        ([lage(Lageart.STROMAUSFALL, 300, None)], 900, 333),
        ([lage(Lageart.STROMAUSFALL, 300, None)], 301, 333),
        # 300 s before and 400 s after: 1000 x 700/900 = 777.8
        ([lage(Lageart.STROMAUSFALL, 300, 500)], 900, 777),
        ([lage(Lageart.STROMAUSFALL, -5000, 450)], 900, 500),
        ([lage(Lageart.STROMAUSFALL, -5000, 5000)], 900, 0),
        # Without L2 250 W are left: 62.5 Wh
        ([lage(Lageart.OHNE_L2, -5000, None)], 900, 625),
        # Half of the time: (625 + 1000) / 2
        ([lage(Lageart.OHNE_L2, 0, 450)], 900, 812),
        ([lage(Lageart.OHNE_L1, -9, None), lage(Lageart.OHNE_L2, -9, None)], 900, 125),
        ([lage(Lageart.MAGNETFELD, 0, None), lage(Lageart.GEHAEUSE_OFFEN, 0, None)], 900, 1000),
    ],
)
def test_nothing_flows_without_voltage(lagen: list[Lage], sekunden: int, zehntelwh: int) -> None:
    assert flow(Haus(), lagen, MONTAG, sekunden) == (zehntelwh, 0)


def test_feed_in_stops_with_its_phase_and_the_rest_draws() -> None:
    assert flow(Sonne(), [], MONTAG, 900) == (0, 1500)
    # 300 W over a quarter hour are 75 Wh.
    assert flow(Sonne(), [lage(Lageart.OHNE_L1, 0, None)], MONTAG, 900) == (750, 0)
    assert flow(Sonne(), [lage(Lageart.OHNE_L1, 450, None)], MONTAG, 900) == (375, 750)


def test_the_flow_never_falls_within_a_quarter_hour() -> None:
    lagen = [lage(Lageart.STROMAUSFALL, 100, 200), lage(Lageart.OHNE_L3, 150, 700)]
    folge = [flow(Haus(), lagen, MONTAG, sekunden)[0] for sekunden in range(901)]
    assert folge == sorted(folge)
    assert folge[100] == folge[200] == 111


def test_phases_under_voltage() -> None:
    lagen = [lage(Lageart.OHNE_L2, 0, 600), lage(Lageart.STROMAUSFALL, 300, 400)]
    assert live_phases(lagen, MONTAG + 299) == (True, False, True)
    assert live_phases(lagen, MONTAG + 300) == (False, False, False)
    assert live_phases(lagen, MONTAG + 400) == (True, False, True)
    assert live_phases(lagen, MONTAG + 600) == (True, True, True)


@pytest.mark.parametrize(
    ("von", "bis", "ende", "misst", "status"),
    [
        (100, None, 0, True, 0),
        (100, None, 900, False, SPANNUNGSAUSFALL | NEUSTART),
        (100, 200, 900, True, SPANNUNGSAUSFALL | NEUSTART),
        (100, 900, 900, True, SPANNUNGSAUSFALL | NEUSTART),
        (100, 901, 900, False, SPANNUNGSAUSFALL | NEUSTART),
        (100, 901, 1800, True, SPANNUNGSAUSFALL | NEUSTART),
        (100, 901, 2700, True, 0),
        # It failed just after the reading was made.
        (900, 1000, 900, True, 0),
    ],
)
def test_an_outage_costs_the_readings_within_and_marks_the_one_after(
    von: int, bis: int | None, ende: int, misst: bool, status: int
) -> None:
    lagen = [lage(Lageart.STROMAUSFALL, von, bis)]
    assert makes_reading(lagen, MONTAG + ende) is misst
    assert status_bits(lagen, MONTAG + ende) == status


@pytest.mark.parametrize(
    ("art", "status"),
    [
        (Lageart.OHNE_L1, SPANNUNGSAUSFALL),
        (Lageart.OHNE_L2, SPANNUNGSAUSFALL),
        (Lageart.OHNE_L3, SPANNUNGSAUSFALL),
        (Lageart.GEHAEUSE_OFFEN, GEHAEUSE_OFFEN),
        (Lageart.MAGNETFELD, MAGNETFELD),
    ],
)
def test_each_fault_marks_the_quarter_hours_in_which_it_lasted(art: Lageart, status: int) -> None:
    lagen = [lage(art, 950, 1900)]
    assert [status_bits(lagen, MONTAG + ende) for ende in (900, 1800, 2700, 3600)] == [0, status, status, 0]
    assert makes_reading(lagen, MONTAG + 1800)


# --- inbox and table -------------------------------------------------------------------------------------------
@pytest.fixture
def zaehlwerk(tmp_path: Path) -> Iterator[Zaehlwerk]:
    with Zaehlwerk(tmp_path / "z.sqlite", Haus()) as zaehlwerk:
        zaehlwerk.install(MONTAG)
        yield zaehlwerk


def test_the_inbox_keeps_the_order_and_outlives_the_process(zaehlwerk: Zaehlwerk, tmp_path: Path) -> None:
    eingriffe = [Eingriff(Eingriffsart.PHASE_WEG, 2, 60), Eingriff(Eingriffsart.STROMAUSFALL)]
    with Zaehlwerk(tmp_path / "z.sqlite", None) as fremd:
        for eingriff in eingriffe:
            fremd.stoerungen.put(eingriff)
    gesehen = []
    while (erster := zaehlwerk.stoerungen.first()) is not None:
        gesehen.append(erster[1])
        with zaehlwerk.transaction():
            zaehlwerk.stoerungen.remove(erster[0])
    assert gesehen == eingriffe


def test_what_lasts_begins_once_and_ends_once(zaehlwerk: Zaehlwerk) -> None:
    buch = zaehlwerk.stoerungen
    with zaehlwerk.transaction():
        assert buch.begin(Lageart.MAGNETFELD, MONTAG + 10, None)
        assert not buch.begin(Lageart.MAGNETFELD, MONTAG + 20, None)
        assert buch.begin(Lageart.GEHAEUSE_OFFEN, MONTAG + 20, MONTAG + 100)
    assert [each.art for each in buch.lasting(MONTAG + 99)] == [Lageart.MAGNETFELD, Lageart.GEHAEUSE_OFFEN]
    assert buch.ended(MONTAG + 99.9) == []
    with zaehlwerk.transaction():
        # Sooner than was planned, and from nobody knows when to now.
        buch.end(Lageart.GEHAEUSE_OFFEN, MONTAG + 50)
        buch.end(Lageart.MAGNETFELD, MONTAG + 60)
        buch.end(Lageart.OHNE_L1, MONTAG + 60)
    zu_ende = buch.ended(MONTAG + 60)
    assert [(each.art, each.von - MONTAG, (each.bis or 0) - MONTAG) for each in zu_ende] == [
        (Lageart.GEHAEUSE_OFFEN, 20, 50),
        (Lageart.MAGNETFELD, 10, 60),
    ]
    with zaehlwerk.transaction():
        for each in zu_ende:
            buch.settle(each)
    assert (buch.ended(MONTAG + 10_000), buch.lasting(MONTAG + 55)) == ([], [])
    # What is over still belongs to its quarter hour.
    assert len(buch.touching(MONTAG, MONTAG + 900)) == 2
    assert buch.touching(MONTAG + 60, MONTAG + 900) == []


def test_an_outage_over_quarter_hours_leaves_a_gap_and_no_step(zaehlwerk: Zaehlwerk) -> None:
    zaehlwerk.advance(MONTAG + 900)
    with zaehlwerk.transaction():
        zaehlwerk.stoerungen.begin(Lageart.STROMAUSFALL, MONTAG + 1000, MONTAG + 4000)
    zaehlwerk.advance(MONTAG + 5400)
    werte = zaehlwerk.readings(0, 2**40)
    # 100 of 900 s before: 11.1 Wh; 500 of 900 s after: 55.5 Wh; the register holds 0.1 Wh.
    assert [(wert.uhrzeit - MONTAG, wert.bezug_wh, wert.leistung_w, wert.status) for wert in werte] == [
        (0, 0, None, 0),
        (900, 100, 400, 0),
        (4500, 166, 222, SPANNUNGSAUSFALL | NEUSTART),
        (5400, 266, 400, 0),
    ]


def test_old_faults_go_with_the_old_readings(zaehlwerk: Zaehlwerk) -> None:
    with zaehlwerk.transaction():
        zaehlwerk.stoerungen.begin(Lageart.MAGNETFELD, MONTAG, MONTAG + 10)
        zaehlwerk.stoerungen.settle(zaehlwerk.stoerungen.ended(MONTAG + 10)[0])
    zaehlwerk.handed_over(MONTAG + 730 * 86400)
    assert len(zaehlwerk.stoerungen.touching(MONTAG, MONTAG + 900)) == 1
    zaehlwerk.handed_over(MONTAG + 730 * 86400 + 900)
    assert zaehlwerk.stoerungen.touching(MONTAG, MONTAG + 900) == []

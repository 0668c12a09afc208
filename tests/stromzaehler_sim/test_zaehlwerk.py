"""The register: every quarter hour once, never falling, over restarts and kill -9."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from gateway.puffer import Puffer
from stromzaehler_sim.fehler import LastprofilUngueltig, LastprofilZuEnde, ZaehlwerkFehler
from stromzaehler_sim.last.lastprofil import Messreihe
from stromzaehler_sim.zaehlwerk import Zaehlwerk
from telegramm.messwerte import Messwert

# 2026-03-02T00:00:00Z
MONTAG = 1772409600
NEUSTART = 4


class Treppe:
    """A load profile by hand: 10 Wh in, 3 Wh out in every quarter hour."""

    def energy(self, uhrzeit_von: int) -> tuple[int, int]:
        return 10, 3

    def phasen(self, uhrzeit_von: int) -> tuple[int, int, int]:
        return 20, 12, -4


def open_at(tmp_path: Path, **mehr: int) -> Zaehlwerk:
    zaehlwerk = Zaehlwerk(tmp_path / "z.sqlite", Treppe())
    zaehlwerk.install(MONTAG, **mehr)
    return zaehlwerk


def test_counts_each_quarter_hour_and_marks_it_with_its_end(tmp_path: Path) -> None:
    with open_at(tmp_path, bezug_wh=1000, einspeisung_wh=50) as zaehlwerk:
        assert zaehlwerk.advance(MONTAG + 2000) == 2
        assert zaehlwerk.pending() == [
            Messwert(MONTAG, 1000, 50, None, 0),
            Messwert(MONTAG + 900, 1010, 53, 28, 0),
            Messwert(MONTAG + 1800, 1020, 56, 28, 0),
        ]
        stand = zaehlwerk.stand()
        assert stand is not None
        assert (stand.uhrzeit, stand.bezug_zehntelwh, stand.einspeisung_zehntelwh) == (MONTAG + 1800, 10_200, 560)
        assert zaehlwerk.advance(MONTAG + 2699) == 0
        assert zaehlwerk.advance(MONTAG + 2700) == 1


def test_a_restart_computes_what_was_missed_and_marks_the_first(tmp_path: Path) -> None:
    with open_at(tmp_path) as zaehlwerk:
        zaehlwerk.advance(MONTAG + 900)
        zaehlwerk.handed_over(MONTAG + 900)
    with Zaehlwerk(tmp_path / "z.sqlite", Treppe()) as zaehlwerk:
        zaehlwerk.install(MONTAG + 90_000, bezug_wh=5)
        assert zaehlwerk.advance(MONTAG + 3600) == 3
        assert zaehlwerk.pending() == [
            Messwert(MONTAG + 1800, 20, 6, 28, NEUSTART),
            Messwert(MONTAG + 2700, 30, 9, 28, 0),
            Messwert(MONTAG + 3600, 40, 12, 28, 0),
        ]
        zaehlwerk.advance(MONTAG + 4500)
        assert zaehlwerk.pending()[-1].status == 0


def test_a_clock_that_went_back_makes_no_reading(tmp_path: Path) -> None:
    with open_at(tmp_path) as zaehlwerk:
        zaehlwerk.advance(MONTAG + 9000)
        assert zaehlwerk.advance(MONTAG - 10**8) == 0
        assert zaehlwerk.advance(MONTAG + 9900) == 1


def test_weeks_are_counted_in_one_go(tmp_path: Path) -> None:
    with open_at(tmp_path) as zaehlwerk:
        erreicht: list[int] = []
        assert zaehlwerk.advance(MONTAG + 20 * 86400, erreicht.append) == 20 * 96
        assert erreicht == [MONTAG + 7 * 86400, MONTAG + 14 * 86400, MONTAG + 20 * 86400]
        assert zaehlwerk.readings(MONTAG + 86400, MONTAG + 86400 + 900) == [
            Messwert(MONTAG + 86400, 960, 288, 28, 0)
        ]


def test_the_end_of_a_series_stops_the_register_where_it_is(tmp_path: Path) -> None:
    reihe = Messreihe({MONTAG + i * 900: (i, 0) for i in range(3)})
    with Zaehlwerk(tmp_path / "z.sqlite", reihe) as zaehlwerk:
        zaehlwerk.install(MONTAG)
        assert zaehlwerk.advance(MONTAG + 86400) == 3
        with pytest.raises(LastprofilZuEnde):
            zaehlwerk.advance(MONTAG + 86400)
        assert [wert.bezug_wh for wert in zaehlwerk.pending()] == [0, 0, 1, 3]


def test_a_profile_that_would_lower_the_register_is_refused(tmp_path: Path) -> None:
    class Negativ:
        def energy(self, uhrzeit_von: int) -> tuple[int, int]:
            return (5, 0) if uhrzeit_von < MONTAG + 1800 else (-1, 0)

        def phasen(self, uhrzeit_von: int) -> tuple[int, int, int]:
            return 20, 0, 0

    with Zaehlwerk(tmp_path / "z.sqlite", Negativ()) as zaehlwerk:
        zaehlwerk.install(MONTAG)
        with pytest.raises(LastprofilUngueltig):
            zaehlwerk.advance(MONTAG + 9000)
        stand = zaehlwerk.stand()
        assert stand is not None
        assert stand.bezug_zehntelwh == 0


def test_the_register_moves_between_two_readings(tmp_path: Path) -> None:
    with open_at(tmp_path, bezug_wh=1) as zaehlwerk:
        zaehlwerk.advance(MONTAG + 900)
        # 10 Wh and 3 Wh a quarter hour: 100 and 30 tenths in 900 s, floored.
        gesehen = []
        for sekunde in (-5, 0, 8, 9, 30, 899.9, 900, 5000):
            stand = zaehlwerk.live(MONTAG + 900 + sekunde)
            assert stand is not None
            gesehen.append((stand.uhrzeit - MONTAG - 900, stand.bezug_zehntelwh, stand.einspeisung_zehntelwh))
            assert (stand.leistung_w, stand.leistung_phasen_w) == (28, (20, 12, -4))
        assert gesehen == [
            (0, 110, 30),
            (0, 110, 30),
            (8, 110, 30),
            (9, 111, 30),
            (30, 113, 31),
            (899, 209, 59),
            (900, 210, 60),
            (900, 210, 60),
        ]
        zaehlwerk.advance(MONTAG + 1800)
        assert zaehlwerk.pending()[-1][:3] == (MONTAG + 1800, 21, 6)
        stand = zaehlwerk.live(MONTAG + 1800)
        assert stand is not None
        assert (stand.bezug_zehntelwh, stand.einspeisung_zehntelwh) == (210, 60)


def test_the_register_stands_without_a_load(tmp_path: Path) -> None:
    with Zaehlwerk(tmp_path / "z.sqlite", Messreihe({MONTAG: (7, 0)})) as zaehlwerk:
        assert zaehlwerk.live(MONTAG) is None
        zaehlwerk.install(MONTAG)
        zaehlwerk.advance(MONTAG + 900)
        assert zaehlwerk.live(MONTAG + 1000) == zaehlwerk.stand()
    with Zaehlwerk(tmp_path / "z.sqlite", None) as zaehlwerk:
        assert zaehlwerk.live(MONTAG + 1000) == zaehlwerk.stand()
        assert zaehlwerk.stand() is not None


def test_the_memory_reaches_back_two_years_and_to_the_installation(tmp_path: Path) -> None:
    zwei_jahre = 730 * 86400
    with open_at(tmp_path) as zaehlwerk:
        zaehlwerk.advance(MONTAG + zwei_jahre + 4500)
        assert len(zaehlwerk.readings(0, 2**40)) == 730 * 96 + 6
        zaehlwerk.handed_over(MONTAG + zwei_jahre + 3600)
        assert [wert.uhrzeit - MONTAG for wert in zaehlwerk.readings(0, MONTAG + 6000)] == [0, 3600, 4500, 5400]
        assert zaehlwerk.beginn == MONTAG


def test_what_history_still_has_to_deliver_is_not_forgotten(tmp_path: Path) -> None:
    zwei_jahre = 730 * 86400
    with open_at(tmp_path) as zaehlwerk:
        zaehlwerk.advance(MONTAG + 3600)
        zaehlwerk.plan_history(lambda von, bis: [(von + 1800, bis), (von, von + 1800)])
        rang = zaehlwerk.open_batches()[1][0]
        zaehlwerk.batch_done(rang)
        zaehlwerk.handed_over(MONTAG + 2 * zwei_jahre)
        assert [wert.uhrzeit - MONTAG for wert in zaehlwerk.readings(0, 2**40)] == [0, 1800, 2700, 3600]


def test_install_needs_a_quarter_hour_and_no_negative_register(tmp_path: Path) -> None:
    with Zaehlwerk(tmp_path / "z.sqlite", Treppe()) as zaehlwerk:
        with pytest.raises(ZaehlwerkFehler):
            zaehlwerk.install(MONTAG + 1)
        with pytest.raises(ZaehlwerkFehler):
            zaehlwerk.install(MONTAG, bezug_wh=-1)
        with pytest.raises(ZaehlwerkFehler, match="nicht eingebaut"):
            zaehlwerk.advance(MONTAG)
        assert (zaehlwerk.stand(), zaehlwerk.uhrzeit, zaehlwerk.beginn) == (None, None, None)


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "z.sqlite").write_bytes(b"not a database, but long enough to look like a file" * 20)
    with pytest.raises(ZaehlwerkFehler, match=r"z\.sqlite"):
        Zaehlwerk(tmp_path / "z.sqlite", Treppe())


def test_history_plan_takes_what_is_pending_out_of_the_normal_way(tmp_path: Path) -> None:
    with open_at(tmp_path) as zaehlwerk:
        zaehlwerk.advance(MONTAG + 3600)
        zaehlwerk.plan_history(lambda von, bis: [(von + 1800, bis), (von, von + 1800)])
        assert zaehlwerk.pending() == []
        assert [(von - MONTAG, bis - MONTAG) for _, von, bis in zaehlwerk.open_batches()] == [
            (1800, 4500),
            (0, 1800),
        ]
        # What comes later is newer, so it goes before what is left of an earlier plan.
        zaehlwerk.advance(MONTAG + 4500)
        zaehlwerk.plan_history(lambda von, bis: [(von, bis)])
        zaehlwerk.plan_history(lambda von, bis: [(von, bis)])
    with Zaehlwerk(tmp_path / "z.sqlite", Treppe()) as zaehlwerk:
        offen = zaehlwerk.open_batches()
        assert [(von - MONTAG, bis - MONTAG) for _, von, bis in offen] == [(4500, 5400), (1800, 4500), (0, 1800)]
        zaehlwerk.batch_done(offen[1][0])
        assert [von - MONTAG for _, von, _ in zaehlwerk.open_batches()] == [4500, 0]


KIND = """
import sys
from pathlib import Path
from gateway.puffer import Puffer
from stromzaehler_sim.last.haushalt import Haushalt
from stromzaehler_sim.zaehlwerk import Zaehlwerk
ordner = Path(sys.argv[1])
with Zaehlwerk(ordner / "z.sqlite", Haushalt(1)) as zaehlwerk, Puffer(ordner / "p.sqlite") as puffer:
    zaehlwerk.install(1772409600)
    for _ in range(1000):
        zaehlwerk.advance(zaehlwerk.uhrzeit + 1800)
        while werte := zaehlwerk.pending():
            puffer.put_many(werte)
            zaehlwerk.handed_over(werte[-1].uhrzeit)
        stand = zaehlwerk.stand()
        print(stand.uhrzeit, stand.bezug_zehntelwh, flush=True)
"""


def test_kill_9_neither_loses_nor_doubles_nor_lowers(tmp_path: Path) -> None:
    gesehen = (MONTAG, 0)
    for zeilen in (1, 7, 20):
        with subprocess.Popen(
            [sys.executable, "-c", KIND, str(tmp_path)], stdout=subprocess.PIPE, text=True
        ) as kind:
            assert kind.stdout is not None
            for _ in range(zeilen):
                uhrzeit, bezug = kind.stdout.readline().split()
                assert (int(uhrzeit), int(bezug)) > gesehen
                gesehen = (int(uhrzeit), int(bezug))
            os.kill(kind.pid, signal.SIGKILL)
    with Zaehlwerk(tmp_path / "z.sqlite", None) as zaehlwerk, Puffer(tmp_path / "p.sqlite") as puffer:
        stand = zaehlwerk.stand()
        assert stand is not None
        assert (stand.uhrzeit, stand.bezug_zehntelwh) >= gesehen
        alle = zaehlwerk.readings(0, 2**40)
        assert [wert.uhrzeit for wert in alle] == list(range(MONTAG, stand.uhrzeit + 900, 900))
        assert all(alt.bezug_wh <= neu.bezug_wh for alt, neu in pairwise(alle))
        assert alle[-1].bezug_wh == stand.bezug_zehntelwh // 10
        # Nothing was sent, so buffer and what is still to be handed over are together all there is.
        puffer.put_many(zaehlwerk.pending(10**6))
        assert puffer.oldest(10**6) == alle
        assert 1 <= sum(wert.status == NEUSTART for wert in alle) <= 2

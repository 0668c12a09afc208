"""The buffer: what was put is there after any end of the process, and goes only when it is forgotten."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.fehler import OrdnerFehler
from gateway.puffer import KAPAZITAET_MINDESTENS, Puffer
from telegramm.messwerte import Messwert
from tests.gateway.betreiber_fake import MONTAG, make_werte


def test_keeps_readings_over_a_restart_oldest_first(tmp_path: Path) -> None:
    datei = tmp_path / "p.sqlite"
    with Puffer(datei, epoche=3) as puffer:
        assert puffer.put(Messwert(MONTAG + 900, 20, 0, None, 0))
        assert puffer.put(Messwert(MONTAG, 10, 5, -40, 4))
    with Puffer(datei, epoche=3) as puffer:
        assert puffer.oldest(10) == [Messwert(MONTAG, 10, 5, -40, 4), Messwert(MONTAG + 900, 20, 0, None, 0)]
        assert puffer.oldest(1) == [Messwert(MONTAG, 10, 5, -40, 4)]
        assert (puffer.waiting(), puffer.epoche) == (2, 3)


def test_the_same_reading_twice_is_stored_once_and_the_first_value_counts(tmp_path: Path) -> None:
    with Puffer(tmp_path / "p.sqlite") as puffer:
        assert puffer.put_many(make_werte(3)) == 3
        assert puffer.put_many(make_werte(4)) == 1
        assert puffer.put(Messwert(MONTAG, 999_999, 0, 0, 0)) is False
        assert puffer.oldest(1)[0].bezug_wh == 1000
        assert puffer.waiting() == 4


def test_forget_removes_exactly_the_named(tmp_path: Path) -> None:
    with Puffer(tmp_path / "p.sqlite") as puffer:
        puffer.put_many(make_werte(4))
        assert puffer.forget([MONTAG, MONTAG + 1800, MONTAG + 90_000]) == 2
        assert [wert.uhrzeit for wert in puffer.oldest(9)] == [MONTAG + 900, MONTAG + 2700]


@pytest.mark.parametrize(
    "wert",
    [
        Messwert(MONTAG + 1, 0, 0, 0, 0),
        Messwert(MONTAG, -1, 0, 0, 0),
        Messwert(MONTAG, 0, -1, 0, 0),
        Messwert(MONTAG, 2**63, 0, 0, 0),
        Messwert(MONTAG, 0, 0, 0, 2**31),
    ],
)
def test_a_reading_that_could_never_be_sent_is_refused_with_its_batch(tmp_path: Path, wert: Messwert) -> None:
    with Puffer(tmp_path / "p.sqlite") as puffer:
        with pytest.raises(ValueError, match="reading"):
            puffer.put_many([Messwert(MONTAG + 900, 1, 1, 1, 0), wert])
        assert puffer.waiting() == 0


def test_full_buffer_drops_the_oldest_and_remembers_the_span(tmp_path: Path) -> None:
    with Puffer(tmp_path / "p.sqlite", kapazitaet=KAPAZITAET_MINDESTENS) as puffer:
        puffer.put_many(make_werte(3840))
        assert puffer.owed() == []
        puffer.put_many(make_werte(2, MONTAG + 3840 * 900))
        assert puffer.waiting() == 3840
        assert puffer.owed() == [(MONTAG, MONTAG + 1800)]
        # The next two that fall out touch the span before, so the span grows.
        puffer.put_many(make_werte(2, MONTAG + 3842 * 900))
        assert puffer.owed() == [(MONTAG, MONTAG + 3600)]
        assert puffer.oldest(1)[0].uhrzeit == MONTAG + 3600
    with Puffer(tmp_path / "p.sqlite", kapazitaet=KAPAZITAET_MINDESTENS) as puffer:
        assert puffer.owed() == [(MONTAG, MONTAG + 3600)]


def test_dropped_spans_with_a_gap_stay_apart(tmp_path: Path) -> None:
    with Puffer(tmp_path / "p.sqlite", kapazitaet=KAPAZITAET_MINDESTENS) as puffer:
        puffer.put_many([Messwert(MONTAG - 9000, 0, 0, 0, 0), *make_werte(3840)])
        puffer.put_many(make_werte(1, MONTAG + 3840 * 900))
        assert puffer.owed() == [(MONTAG - 9000, MONTAG - 8100), (MONTAG, MONTAG + 900)]


def test_a_buffer_of_the_first_version_keeps_what_it_holds(tmp_path: Path) -> None:
    datei = tmp_path / "p.sqlite"
    alt = sqlite3.connect(datei)
    alt.executescript(
        "CREATE TABLE messwert (uhrzeit INTEGER PRIMARY KEY, bezug_wh INTEGER NOT NULL,"
        " einspeisung_wh INTEGER NOT NULL, leistung_w INTEGER, status INTEGER NOT NULL);"
        "CREATE TABLE zustand (name TEXT PRIMARY KEY, wert INTEGER NOT NULL) WITHOUT ROWID;"
        "CREATE TABLE verlust (von INTEGER PRIMARY KEY, bis INTEGER NOT NULL);"
        "INSERT INTO zustand VALUES ('folge', 41), ('epoche', 1);"
        f"INSERT INTO verlust VALUES ({MONTAG}, {MONTAG + 1800});"
        f"INSERT INTO messwert VALUES ({MONTAG + 1800}, 7, 0, NULL, 0);"
    )
    alt.close()
    for _ in range(2):
        with Puffer(datei, epoche=1) as puffer:
            assert puffer.owed() == [(MONTAG, MONTAG + 1800)]
            assert puffer.oldest(9) == [Messwert(MONTAG + 1800, 7, 0, None, 0)]
            assert puffer.folge == 41


def test_refill_stores_what_is_there_and_names_what_is_gone(tmp_path: Path) -> None:
    with Puffer(tmp_path / "p.sqlite") as puffer:
        puffer.add_owed([(MONTAG, MONTAG + 9000)])
        puffer.put(Messwert(MONTAG + 900, 5, 0, None, 0))
        # Of ten quarter hours one waits, the memory has two, and the last two are too young to be given up.
        neu = puffer.refill(
            (MONTAG, MONTAG + 9000),
            [Messwert(MONTAG + 900, 999, 0, None, 0), Messwert(MONTAG + 1800, 6, 0, None, 0)],
            gone_until=MONTAG + 7200,
        )
        assert neu == 1
        assert [wert.bezug_wh for wert in puffer.oldest(9)] == [5, 6]
        assert puffer.gone() == [(MONTAG, MONTAG + 900), (MONTAG + 2700, MONTAG + 7200)]
        assert puffer.owed() == []


def test_a_refill_in_pieces_leaves_the_rest_owed(tmp_path: Path) -> None:
    with Puffer(tmp_path / "p.sqlite") as puffer:
        puffer.add_owed([(MONTAG, MONTAG + 3600), (MONTAG + 9000, MONTAG + 9900)])
        puffer.refill((MONTAG, MONTAG + 1800), [], gone_until=MONTAG + 99_000)
        assert puffer.owed() == [(MONTAG + 1800, MONTAG + 3600), (MONTAG + 9000, MONTAG + 9900)]
        # Told is told, also when more is gone by then.
        puffer.refill((MONTAG + 1800, MONTAG + 2700), [], gone_until=MONTAG + 99_000)
        puffer.acknowledge(fehlanzeigen=[(MONTAG, MONTAG + 1800)], zustand={"platz_s": 1})
        assert puffer.gone() == [(MONTAG + 1800, MONTAG + 2700)]


def test_a_bundle_is_all_or_nothing(tmp_path: Path) -> None:
    with Puffer(tmp_path / "p.sqlite") as puffer:
        with pytest.raises(ValueError, match="reading"), puffer.bundle():
            puffer.put_meldungen([(MONTAG, "MAGNETFELD", "ein Text")], alarm=True)
            puffer.put(Messwert(MONTAG + 1, 0, 0, 0, 0))
        assert puffer.queued_meldungen() == []


def test_works_in_memory() -> None:
    with Puffer(":memory:", epoche=4) as puffer:
        puffer.put_many(make_werte(3))
        assert (puffer.next_folge(), puffer.waiting(), puffer.epoche) == (0, 3, 4)


def test_less_than_forty_days_is_refused(tmp_path: Path) -> None:
    assert KAPAZITAET_MINDESTENS == 3840
    with pytest.raises(ValueError, match="3840"):
        Puffer(tmp_path / "p.sqlite", kapazitaet=3839)


def test_folge_begins_at_zero_and_is_never_given_twice(tmp_path: Path) -> None:
    datei = tmp_path / "p.sqlite"
    with Puffer(datei) as puffer, Puffer(datei) as zweiter:
        assert [puffer.next_folge(), zweiter.next_folge(), puffer.next_folge()] == [0, 1, 2]
    with Puffer(datei) as puffer:
        assert puffer.folge == 2
        assert puffer.next_folge() == 3


def test_acknowledge_forgets_and_notes_in_one_commit(tmp_path: Path) -> None:
    datei = tmp_path / "p.sqlite"
    with Puffer(datei) as puffer:
        assert (puffer.letzte_quittung, puffer.platz_s) == (None, None)
        puffer.put_many(make_werte(3))
        puffer.acknowledge([MONTAG], zustand={"letzte_quittung": 1_772_409_600_123, "platz_s": 42})
        puffer.acknowledge([MONTAG + 900], zustand={"letzte_quittung": 1_772_409_600_456, "platz_s": 43})
    with Puffer(datei) as puffer:
        assert (puffer.letzte_quittung, puffer.platz_s, puffer.folge) == (1_772_409_600_456, 43, -1)
        assert [wert.uhrzeit for wert in puffer.oldest(9)] == [MONTAG + 1800]


def test_a_later_epoche_numbers_anew_and_an_earlier_one_changes_nothing(tmp_path: Path) -> None:
    datei = tmp_path / "p.sqlite"
    with Puffer(datei, epoche=2) as puffer:
        assert [puffer.next_folge(), puffer.next_folge()] == [0, 1]
    # The buffer has begun an epoche that the configuration does not know of.
    with Puffer(datei, epoche=1) as puffer:
        assert (puffer.epoche, puffer.next_folge()) == (2, 2)
    with Puffer(datei, epoche=3) as puffer:
        assert (puffer.epoche, puffer.next_folge()) == (3, 0)
        assert puffer.begin_epoche(3) is False
        assert puffer.next_folge() == 1


def test_writes_durably(tmp_path: Path) -> None:
    """WAL and synchronous=FULL (2): SIGKILL cannot show a missing fsync, so the setting itself is looked at."""
    with Puffer(tmp_path / "p.sqlite") as puffer:
        verbindung = puffer._verbindung
        assert verbindung.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert verbindung.execute("PRAGMA synchronous").fetchone() == (2,)


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    datei = tmp_path / "p.sqlite"
    datei.write_bytes(b"no database at all, but long enough to be looked at" * 20)
    with pytest.raises(OrdnerFehler, match=r"p\.sqlite"):
        Puffer(datei)


KIND = """
import sys
from gateway.puffer import Puffer
from telegramm.messwerte import Messwert
puffer = Puffer(sys.argv[1])
n = 0
while True:
    folge = puffer.next_folge()
    puffer.put_many([Messwert((2 * n + i) * 900, n, 0, None, 0) for i in range(2)])
    n += 1
    print(n, folge, flush=True)
"""


def test_kill_9_loses_nothing_that_was_confirmed_and_tears_no_batch(tmp_path: Path) -> None:
    datei = tmp_path / "p.sqlite"
    with subprocess.Popen([sys.executable, "-c", KIND, str(datei)], stdout=subprocess.PIPE, text=True) as kind:
        assert kind.stdout is not None
        zeilen = [kind.stdout.readline() for _ in range(50)]
        os.kill(kind.pid, signal.SIGKILL)
        zeilen += [zeile for zeile in kind.stdout.readlines() if zeile.endswith("\n")]
    bestaetigt, folge = (int(zahl) for zahl in zeilen[-1].split())
    with Puffer(datei) as puffer:
        uhrzeiten = [wert.uhrzeit for wert in puffer.oldest(10**6)]
        assert len(uhrzeiten) >= min(2 * bestaetigt, puffer.kapazitaet)
        assert uhrzeiten == list(range(uhrzeiten[0], uhrzeiten[-1] + 900, 900))
        assert len(uhrzeiten) % 2 == 0
        assert puffer.next_folge() > folge
    pruefung = sqlite3.connect(datei)
    assert pruefung.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    pruefung.close()

"""SQLite files in memory and their snapshots."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from stromzaehler_sim.flotte.speicher import Arbeitsspeicher


def content(datei: Path) -> list[tuple[int]]:
    with closing(sqlite3.connect(datei)) as verbindung:
        return verbindung.execute("SELECT a FROM t ORDER BY a").fetchall()


def test_nothing_is_written_before_the_snapshot(tmp_path: Path) -> None:
    datei, speicher = tmp_path / "z.sqlite", Arbeitsspeicher()
    verbindung = speicher.connect(datei)
    verbindung.execute("CREATE TABLE t (a INTEGER)")
    verbindung.execute("INSERT INTO t VALUES (1)")
    assert list(tmp_path.iterdir()) == []
    speicher.save()
    verbindung.execute("INSERT INTO t VALUES (2)")
    verbindung.close()
    assert content(datei) == [(1,)]
    with closing(Arbeitsspeicher().connect(datei)) as wieder:
        assert wieder.execute("SELECT a FROM t").fetchall() == [(1,)]


def test_a_file_of_an_ordinary_meter_is_taken_up_and_given_back(tmp_path: Path) -> None:
    """Also one whose process was killed: what lies in the write-ahead log belongs to it."""
    datei, kopie = tmp_path / "a.sqlite", tmp_path / "b.sqlite"
    with closing(sqlite3.connect(datei, isolation_level=None)) as quelle:
        quelle.execute("PRAGMA journal_mode=WAL")
        quelle.execute("CREATE TABLE t (a INTEGER)")
        quelle.execute("INSERT INTO t VALUES (7)")
        for endung in ("", "-wal"):
            Path(f"{kopie}{endung}").write_bytes(Path(f"{datei}{endung}").read_bytes())
    speicher = Arbeitsspeicher()
    with closing(speicher.connect(kopie)) as verbindung:
        verbindung.execute("INSERT INTO t VALUES (8)")
        speicher.save()
    assert content(kopie) == [(7,), (8,)]
    assert not Path(f"{kopie}-wal").exists()

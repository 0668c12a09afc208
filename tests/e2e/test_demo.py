"""What scripts/demo refuses before it starts anything."""

import fcntl
import os
import sys

from scripts import demo_lauf


def test_a_demo_that_runs_is_neither_joined_nor_thrown_away(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["demo", "--neu"])
    daten = tmp_path / "var" / "demo" / "demo.json"
    daten.parent.mkdir(parents=True)
    daten.touch()
    umask = os.umask(0o022)
    try:
        with (tmp_path / "var" / "demo.sperre").open("w") as laufende:
            fcntl.flock(laufende, fcntl.LOCK_EX)
            assert demo_lauf.main() == 1
    finally:
        os.umask(umask)
    assert "a demo runs in var/demo already" in capsys.readouterr().err
    assert daten.exists()

"""scripts/flotte with a real operator: every reading of every meter once, also when the fleet is killed."""

import contextlib
import re
import signal
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from betreiber.zeit import SimulierteUhr
from db.session import create_engine
from scripts import flotte_lauf
from scripts.betreiberprozess import Betreiberprozess
from tests.e2e.conftest import BILLIG, empty_database
from tests.e2e.test_prozesse import wait_for


@pytest.mark.parametrize("auf", ["sqlite", "postgresql"])
def test_twenty_meters_for_a_few_hours(monkeypatch, capfd, auf):
    argumente = ["flotte", "--anzahl", "20", "--zeitraffer", "1800", "--dauer", "3h"]
    with contextlib.ExitStack() as stapel:
        if auf == "postgresql":
            argumente += ["--database", stapel.enter_context(empty_database("flotte"))]
        monkeypatch.setattr(sys, "argv", argumente)
        assert flotte_lauf.main() == 0
    ausgabe = capfd.readouterr().out
    assert "jeder Messwert jedes Zählers ist genau einmal gespeichert" in ausgabe
    assert "| meters | 20 |" in ausgabe
    # Three hours are twelve quarters; with the first reading thirteen of each meter, more while it ends.
    treffer = re.search(r"\| readings acknowledged \| ([0-9,]+) \|", ausgabe)
    assert treffer is not None
    assert int(treffer[1].replace(",", "")) >= 20 * 13


def test_a_fleet_that_is_killed_heals_at_its_next_start(tmp_path):
    bezug = datetime.now(UTC)
    umgebung = {
        "MSB_UHR_START": flotte_lauf.START.isoformat(),
        "MSB_UHR_BEZUG": bezug.isoformat(),
        "MSB_UHR_FAKTOR": "1800",
    }
    lauf = flotte_lauf.Lauf(5, 1800, "2h", None)
    with Betreiberprozess(tmp_path / "betreiber", BILLIG | umgebung) as betreiber:
        engine = create_engine(f"sqlite:///{betreiber.daten / 'betreiber.db'}")
        flotte_lauf.set_up(betreiber, engine, SimulierteUhr(flotte_lauf.START, bezug, 1800), lauf.anzahl, tmp_path)
        befehl = flotte_lauf.fleet_command(betreiber, lauf, tmp_path)
        with subprocess.Popen(befehl, env=betreiber.umgebung, stderr=subprocess.DEVNULL) as flotte:
            wait_for(lambda: stored(engine) >= 20)
            flotte.send_signal(signal.SIGKILL)
        vorher = stored(engine)
        ergebnis = flotte_lauf.run_fleet(betreiber, lauf, tmp_path)
        anzahl, fehler = flotte_lauf.compare(engine, tmp_path / "zaehler")
        engine.dispose()
    assert fehler == []
    assert ergebnis["wartend"] == ergebnis["quarantaene"] == ergebnis["angehalten"] == 0
    # What the operator had already came once more and was counted as doubled.
    assert ergebnis["doppelt"] >= vorher >= 20
    assert ergebnis["neu"] == anzahl - vorher


def stored(engine):
    """How many readings are stored."""
    with engine.connect() as verbindung:
        return verbindung.exec_driver_sql("SELECT count(*) FROM verbrauch").scalar()

"""``display`` and ``lesen`` on a meter that nobody runs, and InF from the button to the optical port."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from stromzaehler_sim.anzeige.optisch import data_set, telegram
from stromzaehler_sim.cli import main
from tests.stromzaehler_sim.anzeige.geraet import LIEFERZUSTAND, MESSSTAND, build_ordner


def call(*argumente: str | Path) -> Result:
    # Monday midnight, and time that stands nearly still: the register moves by the second.
    umgebung = {"MSB_UHR_START": "2026-03-02T00:00:00Z", "MSB_UHR_BEZUG": datetime.now(UTC).isoformat()}
    umgebung["MSB_UHR_FAKTOR"] = "0.000001"
    return CliRunner(env=umgebung).invoke(main, [str(a) for a in argumente])


@pytest.fixture
def ordner(tmp_path: Path) -> Path:
    return build_ordner(tmp_path / "z1", tage=10, bezug_wh=2_019_100)


def test_inf_off_whole_kwh_and_no_power() -> None:
    assert telegram(data_set(MESSSTAND, inf=False)).splitlines() == [
        "/SIM5\\@stromzaehler",
        "",
        "1-0:96.1.0*255(1EMH0012345678)",
        "1-0:1.8.0*255(002043*kWh)",
        "1-0:2.8.0*255(000056*kWh)",
        "!",
    ]


def test_inf_on_a_tenth_of_a_wh_and_the_powers() -> None:
    assert telegram(data_set(MESSSTAND, inf=True)).splitlines()[2:-1] == [
        "1-0:96.1.0*255(1EMH0012345678)",
        "1-0:1.8.0*255(002043.1047*kWh)",
        "1-0:2.8.0*255(000056.7891*kWh)",
        "1-0:16.7.0*255(193*W)",
        "1-0:36.7.0*255(80*W)",
        "1-0:56.7.0*255(60*W)",
        "1-0:76.7.0*255(53*W)",
    ]


def test_a_power_that_is_not_known_is_not_told() -> None:
    ohne = replace(MESSSTAND, leistung_w=None, leistung_phasen_w=None)
    assert len(data_set(ohne, inf=True)) == 3


def test_lesen_follows_inf_and_not_the_pin(ordner: Path) -> None:
    ergebnis = call("lesen", ordner)
    assert ergebnis.exit_code == 0, ergebnis.output
    # 2,019,100 Wh + 10 x 2,400 Wh
    assert "1-0:1.8.0*255(002043*kWh)" in ergebnis.output
    assert "16.7.0" not in ergebnis.output
    replace(LIEFERZUSTAND, pin_an=False).save(ordner)
    assert call("lesen", ordner).output == ergebnis.output
    replace(LIEFERZUSTAND, inf=True).save(ordner)
    assert "1-0:1.8.0*255(002043.1000*kWh)" in (ausgabe := call("lesen", ordner).output)
    assert "1-0:16.7.0*255(96*W)" in ausgabe


def test_lesen_as_json(ordner: Path) -> None:
    daten = json.loads(call("lesen", ordner, "--json").output)
    assert daten["1-0:1.8.0*255"] == {"wert": "002043", "einheit": "kWh"}
    assert daten["1-0:96.1.0*255"] == {"wert": "1EMH0012345678", "einheit": None}


def test_display_once_as_text(ordner: Path) -> None:
    replace(LIEFERZUSTAND, nur_bezug=True).save(ordner)  # the registers take turns by real time
    ergebnis = call("display", ordner, "--einmal")
    assert ergebnis.exit_code == 0, ergebnis.output
    assert ergebnis.output == "1.8.0  002043 kWh\nL1 L2 L3 | +A | PIN | 2 wartend\n"


def test_display_into_a_pipe_goes_on_until_it_is_told_to_end(ordner: Path) -> None:
    befehl = [sys.executable, "-m", "stromzaehler_sim.cli", "display", str(ordner)]
    with subprocess.Popen(befehl, stdout=subprocess.PIPE, env=os.environ | {"PYTHONUNBUFFERED": "1"}) as prozess:
        assert prozess.stdout is not None
        zeilen = [prozess.stdout.readline().decode() for _ in range(4)]
        prozess.terminate()
        assert prozess.wait(20) == 0
    assert [zeile.rsplit("| ", 1)[-1] for zeile in zeilen[1::2]] == ["2 wartend\n", "2 wartend\n"]


def test_display_as_a_picture(ordner: Path, tmp_path: Path) -> None:
    ergebnis = call("display", ordner, "--svg", tmp_path / "z.svg")
    assert ergebnis.exit_code == 0, ergebnis.output
    assert "1 EMH 00 1234 5678" in (ET.parse(tmp_path / "z.svg").getroot()[0].text or "")


def test_the_letter_with_the_pin(ordner: Path) -> None:
    ausgabe = call("display", ordner, "--pin-brief").output
    pin = json.loads((ordner / "bedienung.json").read_text())["pin"]
    assert f"PIN für die zweite Zeile der Anzeige:  {pin}\n" in ausgabe
    assert call("display", ordner, "--pin-brief").output == ausgabe
    assert "1 EMH 00 1234 5678" in ausgabe


def test_a_folder_without_a_meter_is_told_in_one_sentence(tmp_path: Path) -> None:
    for befehl in ("display", "lesen"):
        ergebnis = call(befehl, tmp_path)
        assert ergebnis.exit_code == 1
        assert "Fehler: " in ergebnis.output
        assert "stromzaehler einschreiben" in ergebnis.output
        assert "Traceback" not in ergebnis.output


def test_a_whole_visit_in_a_real_terminal_switches_inf(ordner: Path) -> None:
    """Real keys to a real process on a pseudo terminal; the PIN is off, so nothing waits for three seconds."""
    replace(LIEFERZUSTAND, pin_an=False).save(ordner)
    innen, aussen = pty.openpty()
    umgebung = os.environ | {"TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"}
    befehl = [sys.executable, "-m", "stromzaehler_sim.cli", "display", str(ordner)]
    with subprocess.Popen(befehl, stdin=aussen, stdout=aussen, stderr=aussen, env=umgebung) as prozess:
        os.close(aussen)
        try:
            ausgabe = read_until(innen, "Impuls")
            # Display test, P, then E, E CLr, 1d, 7d, 30d, 365d, HIS, InF; the long press is the enter key.
            for taste in [*["  "], *[" "] * 8, "\r"]:
                os.write(innen, taste.encode())
            warten_bis = time.monotonic() + 20
            while '"inf": true' not in (ordner / "bedienung.json").read_text():
                ausgabe += read_some(innen)
                assert time.monotonic() < warten_bis, ausgabe[-2000:]
            os.write(innen, b"q")
            while prozess.poll() is None:
                read_some(innen)
            assert prozess.returncode == 0
        finally:
            prozess.kill()
            os.close(innen)
    assert "16.7.0" in call("lesen", ordner).output


def read_some(strom: int) -> str:
    bereit, _, _ = select.select([strom], [], [], 0.1)
    try:
        return os.read(strom, 65536).decode(errors="replace") if bereit else ""
    except OSError:  # the other end is closed
        return ""


def read_until(strom: int, text: str) -> str:
    ausgabe, ende = "", time.monotonic() + 20
    while text not in ausgabe:
        ausgabe += read_some(strom)
        assert time.monotonic() < ende, ausgabe[-2000:]
    return ausgabe

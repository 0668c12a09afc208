"""scripts/replay on a small series made by hand."""

import gzip
import json
import sys
from datetime import UTC, datetime, timedelta

import pytest

from scripts import replay_lauf
from tests.e2e.conftest import BILLIG, empty_database

# 2018-10-28 in Europe/Berlin has 100 quarter hours; the series begins an hour before and ends an hour after it.
VON = datetime(2018, 10, 27, 21, tzinfo=UTC)
ANZAHL = 4 + 100 + 4


@pytest.fixture(autouse=True)
def cheap(monkeypatch):
    for name, wert in BILLIG.items():
        monkeypatch.setenv(name, wert)


def write_series(tmp_path, spalten):
    datei = tmp_path / "reihe.csv.gz"
    with gzip.open(datei, "wt", encoding="utf-8") as text:
        text.write(",".join(["interval_start_utc", *spalten]) + "\n")
        for nummer in range(ANZAHL):
            zeit = (VON + timedelta(minutes=15 * nummer)).isoformat().replace("+00:00", "Z")
            text.write(",".join([zeit, *(str(werte[nummer]) for werte in spalten.values())]) + "\n")
    return datei


def run(tmp_path, monkeypatch, spalten, erwartet, *argumente):
    erwartungen = tmp_path / "summen.json"
    erwartungen.write_text(json.dumps(erwartet))
    datei = write_series(tmp_path, spalten)
    monkeypatch.setattr(sys, "argv", ["replay", str(datei), "--expect", str(erwartungen), *argumente])
    return replay_lauf.main()


# Every quarter hour 10 Wh, the seventh (index 6) 500 Wh: by hand 107 x 10 + 500.
GLEICH = [10] * 6 + [500] + [10] * (ANZAHL - 7)
ERWARTET = {
    "total_wh": 1570,
    "by_month_local": {"2018-10": 1570},
    "max_15min_wh": 500,
    "max_at_utc": "2018-10-27T22:30:00Z",
    "min_15min_wh": 10,
    "day_2018-10-28_wh": 1490,
    "zero_intervals": 0,
}


@pytest.mark.parametrize("auf", ["sqlite", "postgresql"])
def test_equal_sums(tmp_path, monkeypatch, capsys, auf):
    spalten, erwartet = (
        {"a": GLEICH, "b": [0] * ANZAHL},
        {"a": ERWARTET, "b": {"total_wh": 0, "zero_intervals": ANZAHL}},
    )
    if auf == "sqlite":
        assert run(tmp_path, monkeypatch, spalten, erwartet) == 0
    else:
        with empty_database("replay") as url:
            assert run(tmp_path, monkeypatch, spalten, erwartet, "--database", url) == 0
            assert run(tmp_path, monkeypatch, spalten, erwartet, "--database", url) == 2
            assert "not empty" in capsys.readouterr().err
            return
    ausgabe = capsys.readouterr().out
    assert "2 of 2 households equal before folding\n" in ausgabe
    assert f"2 of 2 households equal, {2 * (ANZAHL + 1)} readings" in ausgabe.splitlines()[-1]


def test_a_register_that_goes_backwards_is_not_equal(tmp_path, monkeypatch, capsys):
    rueckwaerts = [10] * ANZAHL
    rueckwaerts[50] = -5
    falsch = {"a": ERWARTET | {"total_wh": 1571}, "b": {"total_wh": 10 * (ANZAHL - 1) - 5}}
    assert run(tmp_path, monkeypatch, {"a": GLEICH, "b": rueckwaerts}, falsch) == 1
    ausgabe = capsys.readouterr().out
    assert "a: total_wh: expected 1571, the API says 1570" in ausgabe
    assert "b: 1 readings are in quarantine" in ausgabe
    assert "0 of 2 households equal" in ausgabe


@pytest.mark.parametrize("wert", ["1.5", "viel", ""])
def test_a_file_that_cannot_be_replayed_names_the_line(tmp_path, monkeypatch, capsys, wert):
    assert run(tmp_path, monkeypatch, {"a": [10, wert, *[10] * (ANZAHL - 2)]}, {"a": ERWARTET}) == 2
    assert "line 3" in capsys.readouterr().err


def test_a_file_that_is_cut_off_or_has_an_empty_line_is_said_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["replay", str(tmp_path / "a.csv.gz"), "--expect", str(tmp_path / "s.json")])
    ganz = gzip.compress(b"interval_start_utc,a\n" + b"2018-10-27T21:00:00Z,10\n")
    for inhalt, grund in (
        (ganz[:-12], "not a gzipped CSV"),
        (gzip.compress(b"\xff\xfe"), "not a gzipped CSV"),
        (gzip.compress(b"zeit,a,a\n"), "each once"),
        (gzip.compress(b"zeit,a\n\n"), "line 2"),
    ):
        (tmp_path / "a.csv.gz").write_bytes(inhalt)
        assert replay_lauf.main() == 2
        assert grund in capsys.readouterr().err

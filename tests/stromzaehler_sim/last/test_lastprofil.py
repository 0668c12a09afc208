"""Where energy comes from: a series as it is written, and a household that looks like one."""

from __future__ import annotations

import gzip
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from stromzaehler_sim.fehler import LastprofilUngueltig, LastprofilZuEnde
from stromzaehler_sim.last.haushalt import Haushalt
from stromzaehler_sim.last.lastprofil import LastprofilEinstellung, Messreihe

BERLIN = ZoneInfo("Europe/Berlin")
# 2018-10-28T23:00:00Z
BEGINN = 1540767600
CSV = """interval_start_utc,a,b
2018-10-28T23:00:00Z,205,7
2018-10-28T23:15:00Z,0,8
2018-10-28T23:45:00Z,30,9
"""


def write(tmp_path: Path, text: str = CSV) -> Path:
    datei = tmp_path / "reihe.csv"
    datei.write_text(text, encoding="utf-8")
    return datei


def test_series_gives_the_named_column(tmp_path: Path) -> None:
    reihe = Messreihe.from_csv(write(tmp_path), "a", spalte_einspeisung="b")
    assert reihe.energy(BEGINN) == (205, 7)
    assert reihe.energy(BEGINN + 900) == (0, 8)
    assert Messreihe.from_csv(write(tmp_path), "b").energy(BEGINN + 2700) == (9, 0)


def test_series_may_be_compressed(tmp_path: Path) -> None:
    datei = tmp_path / "reihe.csv.gz"
    datei.write_bytes(gzip.compress(CSV.encode()))
    assert Messreihe.from_csv(datei, "a").energy(BEGINN) == (205, 0)


@pytest.mark.parametrize("uhrzeit", [BEGINN - 900, BEGINN + 1800, BEGINN + 3600])
def test_series_invents_nothing(tmp_path: Path, uhrzeit: int) -> None:
    with pytest.raises(LastprofilZuEnde):
        Messreihe.from_csv(write(tmp_path), "a").energy(uhrzeit)


def test_repeated_series_keeps_the_weekday() -> None:
    zehn_tage = {BEGINN + i * 900: (i, 0) for i in range(10 * 96)}
    reihe = Messreihe(zehn_tage, wiederholen=True)
    assert reihe.energy(BEGINN + 7 * 86400 + 1800) == (2, 0)
    assert reihe.energy(BEGINN + 700 * 86400 + 900) == (1, 0)
    assert reihe.energy(BEGINN - 900) == (7 * 96 - 1, 0)
    with pytest.raises(LastprofilUngueltig, match="Woche"):
        Messreihe({BEGINN: (1, 0)}, wiederholen=True)


@pytest.mark.parametrize(
    ("text", "grund"),
    [
        ("", "Spalte"),
        ("interval_start_utc,b\n", "Spalte"),
        ("a,b\n2018-10-28T23:00:00Z,1\n", "Spalte"),
        ("t,a\n", "leer"),
        ("t,a\n2018-10-28T23:00:00Z,1.5\n", "Zeile 2"),
        ("t,a\n2018-10-28T23:00:00Z,1\n2018-10-28T23:15:00Z,-1\n", "Zeile 3"),
        ("t,a\n2018-10-28T23:00:00Z,1000001\n", "Zeile 2"),
        ("t,a\n2018-10-28T23:00:00Z\n", "Zeile 2"),
        ("t,a\n2018-10-28T23:00:00,1\n", "Zeitzone"),
        ("t,a\n2018-10-28T23:01:00Z,1\n", "Zeile 2"),
        ("t,a\n2018-10-28T23:00:00Z,1\n2018-10-28T23:00:00Z,1\n", "Zeile 3"),
    ],
)
def test_a_bad_file_is_refused_with_its_line(tmp_path: Path, text: str, grund: str) -> None:
    with pytest.raises(LastprofilUngueltig, match=grund):
        Messreihe.from_csv(write(tmp_path, text), "a")


@pytest.mark.parametrize("name", ["missing.csv", "broken.csv.gz", "latin.csv"])
def test_an_unreadable_file_is_an_error_not_a_trace(tmp_path: Path, name: str) -> None:
    (tmp_path / "broken.csv.gz").write_bytes(b"not gzip")
    (tmp_path / "latin.csv").write_bytes(b"t,a\n\xe4,1\n")
    with pytest.raises(LastprofilUngueltig):
        Messreihe.from_csv(tmp_path / name, "a")


def year(jahr: int) -> range:
    """The starts of all quarter hours of a local year."""
    von, bis = (int(datetime(j, 1, 1, tzinfo=BERLIN).timestamp()) for j in (jahr, jahr + 1))
    return range(von, bis, 900)


@pytest.mark.parametrize(("seed", "kwh"), [(1, 2500), (2, 3500), (3, 4500), (99, 3000)])
def test_household_uses_its_yearly_amount_within_15_percent(seed: int, kwh: int) -> None:
    haushalt = Haushalt(seed, kwh)
    werte = [haushalt.energy(uhrzeit) for uhrzeit in year(2026)]
    assert len(werte) == 35_040
    assert kwh * 850 <= sum(bezug for bezug, _ in werte) <= kwh * 1150
    assert {einspeisung for _, einspeisung in werte} == {0}
    # A fridge never lets a quarter hour of a year be nothing for long; a fuse of 63 A ends at 10.9 kWh.
    assert min(bezug for bezug, _ in werte) >= 0
    assert max(bezug for bezug, _ in werte) < 5000


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_household_peaks_in_the_evening_and_rests_at_night(seed: int) -> None:
    haushalt = Haushalt(seed, 3500)
    stunden = [0] * 24
    for uhrzeit in year(2026):
        stunden[datetime.fromtimestamp(uhrzeit, BERLIN).hour] += haushalt.energy(uhrzeit)[0]
    assert stunden.index(max(stunden)) in range(17, 22)
    abend, nacht = sum(stunden[18:22]) / 4, sum(stunden[1:5]) / 4
    assert abend > 3 * nacht > 0


def test_household_uses_more_in_winter_than_in_summer() -> None:
    haushalt = Haushalt(5, 3500)

    def month(monat: int) -> int:
        von, bis = (int(datetime(2026, m, 1, tzinfo=BERLIN).timestamp()) for m in (monat, monat + 1))
        return sum(haushalt.energy(uhrzeit)[0] for uhrzeit in range(von, bis, 900))

    assert month(1) > month(7)


def test_household_depends_on_seed_and_slot_alone() -> None:
    """Any order of asking, any instance: the same; another seed: another household."""
    slots = list(year(2026))[:2000]
    vorwaerts = [Haushalt(7).energy(u) for u in slots[::97]]
    haushalt = Haushalt(7)
    assert [haushalt.energy(u) for u in reversed(slots[::97])] == vorwaerts[::-1]
    assert [Haushalt(8).energy(u) for u in slots[::97]] != vorwaerts


def test_household_is_the_same_in_every_process() -> None:
    """Python's own hashes differ from process to process; nothing of them may get into the model."""
    befehl = (
        "from stromzaehler_sim.last.haushalt import Haushalt; "
        "print([Haushalt(7).energy(u) for u in range(0, 90000, 900)])"
    )
    ausgaben = {
        subprocess.run(
            [sys.executable, "-c", befehl], env={"PYTHONHASHSEED": salz}, capture_output=True, check=True
        ).stdout
        for salz in ("1", "2")
    }
    assert len(ausgaben) == 1


@pytest.mark.parametrize("tag", [datetime(2026, 3, 29, tzinfo=BERLIN), datetime(2026, 10, 25, tzinfo=BERLIN)])
def test_household_knows_days_of_23_and_25_hours(tag: datetime) -> None:
    """The evening stays in the evening: the maximum of the day does not move with the clocks."""
    haushalt = Haushalt(2, 3500)
    mittag = int(tag.replace(hour=12).timestamp())
    for uhrzeit in range(mittag - 86400, mittag + 86400, 900):
        bezug, einspeisung = haushalt.energy(uhrzeit)
        assert bezug >= 0
        assert einspeisung == 0


def test_photovoltaics_feed_in_by_day_only_and_about_950_kwh_each_kwp() -> None:
    mit, ohne = Haushalt(4, 3500, pv_kwp=8), Haushalt(4, 3500)
    erzeugt = 0
    for uhrzeit in year(2026):
        bezug, einspeisung = mit.energy(uhrzeit)
        assert bezug == 0 or einspeisung == 0 or bezug + einspeisung <= 2
        erzeugt += ohne.energy(uhrzeit)[0] - bezug + einspeisung
        if datetime.fromtimestamp(uhrzeit, BERLIN).hour in (22, 23, 0, 1, 2, 3):
            assert einspeisung <= 1
    assert 8 * 800_000 < erzeugt < 8 * 1_100_000


@pytest.mark.parametrize(("kwh", "kwp"), [(0, 0), (-1, 0), (float("nan"), 0), (2e6, 0), (3500, -1), (3500, 2000)])
def test_impossible_households_are_refused(kwh: float, kwp: float) -> None:
    with pytest.raises(LastprofilUngueltig):
        Haushalt(1, kwh, kwp)


def test_setting_comes_back_from_the_folder(tmp_path: Path) -> None:
    einstellung = LastprofilEinstellung(seed=3, jahresverbrauch_kwh=2800, pv_kwp=4.5)
    einstellung.save(tmp_path)
    assert LastprofilEinstellung.load(tmp_path) == einstellung
    assert isinstance(einstellung.build(), Haushalt)
    reihe = LastprofilEinstellung(messreihe=str(write(tmp_path)), spalte="b").build()
    assert reihe.energy(BEGINN) == (7, 0)
    with pytest.raises(LastprofilUngueltig, match="--spalte"):
        LastprofilEinstellung(messreihe="x.csv").build()


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"unknown": 1}', '{"pv_kwp": "x"}', '{"seed": [1]}', '{"h25": 1}', '{"wallbox_kwh": 2.5}'],
)
def test_damaged_setting_is_an_error_not_a_trace(tmp_path: Path, text: str) -> None:
    with pytest.raises(LastprofilUngueltig, match="stromzaehler einschreiben"):
        LastprofilEinstellung.load(tmp_path)
    (tmp_path / "lastprofil.json").write_text(text)
    with pytest.raises(LastprofilUngueltig, match="beschädigt"):
        LastprofilEinstellung.load(tmp_path)

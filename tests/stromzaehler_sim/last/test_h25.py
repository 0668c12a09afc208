"""H25: compared with demandlib's own way of computing it, and with what the BDEW says of it."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime, timedelta
from importlib.machinery import ModuleSpec
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas
import pytest
from demandlib import bdew

from stromzaehler_sim.fehler import LastprofilUngueltig
from stromzaehler_sim.last.h25 import H25, load_typtage, smoothing, typtag
from stromzaehler_sim.last.lastprofil import LastprofilEinstellung

# demandlib 0.2 calls pandas in a way that pandas 3.1 deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword")

BERLIN = ZoneInfo("Europe/Berlin")


def slots(von: date, bis: date) -> range:
    """The starts of the quarter hours between two local midnights."""
    return range(*(int(datetime(t.year, t.month, t.day, tzinfo=BERLIN).timestamp()) for t in (von, bis)), 900)


def year(jahr: int) -> range:
    return slots(date(jahr, 1, 1), date(jahr + 1, 1, 1))


@pytest.mark.parametrize(("jahr", "kwh"), [(2026, 3500), (2026, 1), (2026, 999_983), (2028, 2500)])
def test_the_year_is_exactly_what_was_asked_for(jahr: int, kwh: int) -> None:
    profil = H25(kwh)
    assert sum(profil.energy(uhrzeit)[0] for uhrzeit in year(jahr)) == kwh * 1000


def test_the_table_gives_a_year_of_a_million_kwh() -> None:
    """The BDEW normalises to 1,000,000 kWh; smoothing and calendar move it by less than one percent."""
    tage = [date(2026, 1, 1) + timedelta(days=n) for n in range(365)]
    kwh = sum(sum(load_typtage()[tag.month, typtag(tag)]) * smoothing(n) for n, tag in enumerate(tage, start=1))
    assert kwh == pytest.approx(1_000_000, rel=0.01)


@pytest.mark.parametrize("jahr", [2026, 2028])
def test_every_quarter_hour_is_that_of_demandlib(jahr: int) -> None:
    """demandlib computes with pandas, in local time; 24 and 31 December, which it does not know, are left out."""
    uhrzeiten = year(jahr)
    index = pandas.date_range(f"{jahr}-01-01", periods=len(uhrzeiten), freq="15min", tz="Europe/Berlin")
    frei = {
        2026: ["01-01", "04-03", "04-05", "04-06", "05-01", "05-14", "05-24", "05-25", "10-03", "12-25", "12-26"],
        2028: ["01-01", "04-14", "04-16", "04-17", "05-01", "05-25", "06-04", "06-05", "10-03", "12-25", "12-26"],
    }
    erwartet = bdew.H25(index, holidays=[datetime.fromisoformat(f"{jahr}-{tag}") for tag in frei[jahr]])
    profil = H25(1_000_000)
    werte = [profil.energy(uhrzeit)[0] for uhrzeit in uhrzeiten]
    # Both are proportional to each other; the factor, which renormalises the year, comes from one summer day.
    juli = index.get_loc(f"{jahr}-07-07")
    faktor = sum(werte[juli]) / float(erwartet.iloc[juli].sum())
    assert faktor == pytest.approx(250, rel=0.005)
    for wert, soll, zeit in zip(werte, erwartet, index, strict=True):
        if (zeit.month, zeit.day) not in ((12, 24), (12, 31)):
            assert wert == pytest.approx(soll * faktor, abs=1.01), zeit


def test_christmas_eve_and_new_years_eve_are_saturdays() -> None:
    assert [typtag(date(2026, 12, tag)) for tag in (23, 24, 25, 26, 27, 31)] == [
        "WT",
        "SA",
        "FT",
        "FT",
        "FT",
        "SA",
    ]
    # 24 and 31 December 2028 are Sundays.
    assert [typtag(date(2028, 12, tag)) for tag in (23, 24, 31)] == ["SA", "FT", "FT"]


@pytest.mark.parametrize(
    ("tag", "anzahl"), [("2026-03-29", 92), ("2026-10-25", 100), ("2026-06-01", 96), ("2028-02-29", 96)]
)
def test_the_table_follows_local_time(tag: str, anzahl: int) -> None:
    """The evening is in the evening also when an hour is missing or comes twice."""
    von = date.fromisoformat(tag)
    uhrzeiten = slots(von, von + timedelta(days=1))
    assert len(uhrzeiten) == anzahl
    profil = H25(1_000_000)
    je_stunde = defaultdict(list)
    for uhrzeit in uhrzeiten:
        je_stunde[datetime.fromtimestamp(uhrzeit, BERLIN).hour].append(profil.energy(uhrzeit)[0])
    assert sorted(je_stunde) == [stunde for stunde in range(24) if anzahl != 92 or stunde != 2]
    if anzahl == 100:
        # The hour that comes twice has the same values twice, to the Wh of the rounding.
        assert je_stunde[2][:4] == pytest.approx(je_stunde[2][4:], abs=1)
    assert sum(je_stunde[19]) > 2 * sum(je_stunde[3])


def test_it_depends_on_the_quarter_hour_alone() -> None:
    uhrzeiten = list(year(2026))[:3000:71]
    vorwaerts = [H25(3500).energy(uhrzeit) for uhrzeit in uhrzeiten]
    profil = H25(3500)
    assert [profil.energy(uhrzeit) for uhrzeit in reversed(uhrzeiten)] == vorwaerts[::-1]
    assert {einspeisung for _, einspeisung in vorwaerts} == {0}
    for uhrzeit, (bezug, _) in zip(uhrzeiten, vorwaerts, strict=True):
        phasen = profil.phasen(uhrzeit)
        assert sum(phasen) == bezug * 4
        assert max(phasen) - min(phasen) <= 1


def test_without_the_extra_it_says_what_to_install() -> None:
    with pytest.raises(LastprofilUngueltig, match=r"pip install 'messstellenbetreiber\[h25\]'"):
        load_typtage(lambda name: None)


@pytest.mark.parametrize("text", [None, "", "a\nb\n", ",Januar\n[kWh],SA\n0,1\n"])
def test_a_foreign_table_is_refused(tmp_path: Path, text: str | None) -> None:
    spec = ModuleSpec("demandlib", None, is_package=True)
    spec.submodule_search_locations = [str(tmp_path)]
    (tmp_path / "bdew" / "bdew_data").mkdir(parents=True)
    if text is not None:
        (tmp_path / "bdew" / "bdew_data" / "h25.csv").write_text(text)
    with pytest.raises(LastprofilUngueltig, match="nicht lesbar"):
        load_typtage(lambda name: spec)


@pytest.mark.parametrize("kwh", [0, -1, 1_000_001])
def test_impossible_yearly_amounts_are_refused(kwh: int) -> None:
    with pytest.raises(LastprofilUngueltig):
        H25(kwh)


def test_the_setting_builds_it() -> None:
    assert isinstance(LastprofilEinstellung(h25=True).build(), H25)

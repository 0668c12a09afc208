"""The standard load profile H25, read from the library that has its table."""

from datetime import date, timedelta

import pytest

from betreiber.ersatzwert.kalender import Tagestyp, tagestyp
from betreiber.ersatzwert.standardprofil import ProfilFehlt, h25_weight, load_h25, read_table
from betreiber.jobs.plan import ersatzwert_regeln
from betreiber.settings import Settings, SettingsInvalid


def test_the_table_has_a_day_for_each_month_and_type():
    tabelle = load_h25()
    assert set(tabelle) == {(monat, typ) for monat in range(1, 13) for typ in Tagestyp}
    assert {len(werte) for werte in tabelle.values()} == {96}


def test_a_year_adds_up_to_what_the_table_is_made_for():
    """H25 is published for 1,000,000 kWh a year; its polynomial keeps that within a hundredth."""
    tage = [date(2026, 1, 1) + timedelta(days=n) for n in range(365)]
    summe = sum(h25_weight(tag, tagestyp(tag), viertel) for tag in tage for viertel in range(96))
    assert summe == pytest.approx(10**12, rel=0.01)


def test_a_household_sleeps_at_night_and_cooks_in_the_evening():
    werktag = [h25_weight(date(2026, 1, 14), Tagestyp.WERKTAG, viertel) for viertel in range(96)]
    assert werktag[74] > 2 * werktag[12]


@pytest.mark.parametrize("inhalt", [None, "", "a\nb\n", "x\n,WT\n1,2\n"])
def test_another_table_is_refused_with_what_to_do(tmp_path, inhalt):
    datei = tmp_path / "h25.csv"
    if inhalt is not None:
        datei.write_text(inhalt)
    with pytest.raises(ProfilFehlt, match="pip install"):
        read_table(datei)


def test_it_is_used_when_the_operator_says_so():
    regeln = {wahl: ersatzwert_regeln(Settings(ersatzwert_lastprofil=wahl)) for wahl in ("eigen", "h25")}
    assert (regeln["eigen"].standardprofil, regeln["h25"].standardprofil) == (None, h25_weight)
    with pytest.raises(SettingsInvalid, match="MSB_ERSATZWERT_LASTPROFIL"):
        Settings.from_env({"MSB_ERSATZWERT_LASTPROFIL": "H0"})

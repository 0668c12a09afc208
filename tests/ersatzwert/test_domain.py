"""The ladder of Ersatzwerte: every expected value is worked out by hand in the comment beside it."""

from datetime import UTC, date, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from betreiber.ablesung.domain import Ablesung, Herkunft, Qualitaet
from betreiber.ablesung.zaehlwerk import Zaehlwerk, begin_factor, begin_rollover
from betreiber.ersatzwert.domain import (
    Auslassung,
    Luecke,
    Regeln,
    Verfahren,
    Vergangenheit,
    find_gaps,
    form,
    is_same_gap,
    same_value,
    share_out,
    sources,
)
from betreiber.ersatzwert.domain import (
    given as given_readings,
)
from betreiber.ersatzwert.kalender import Tagestyp, tagestyp

REGELN = Regeln()
ZAEHLWERK = Zaehlwerk(1)
# Monday 2026-06-15, 00:00 in Berlin.
MONTAG = int(datetime(2026, 6, 14, 22, tzinfo=UTC).timestamp())
TAG = 86_400
VIERTEL = 900


def ablesung(uhrzeit, bezug_wh, einspeisung_wh=0, qualitaet=Qualitaet.ABGELESEN):
    return Ablesung(uhrzeit, bezug_wh, einspeisung_wh, None, qualitaet, 0, uhrzeit, Herkunft.GERAET)


def measured(von, stand_wh, energien):
    """Readings at the edges of quarter hours, one more than energies."""
    werte = [ablesung(von, stand_wh)]
    for nummer, energie in enumerate(energien, start=1):
        stand_wh += energie
        werte.append(ablesung(von + nummer * VIERTEL, stand_wh))
    return werte


def fill(anfang, ende, *, vorher=(), bis=None, regeln=REGELN, zaehlwerk=ZAEHLWERK):
    luecke = Luecke(anfang.uhrzeit, None if ende is None else ende.uhrzeit, bis or ende.uhrzeit)
    vergangenheit = Vergangenheit([*vorher, anfang], zaehlwerk)
    return form(luecke, anfang, ende, vergangenheit, zaehlwerk, regeln, jetzt=1)


def registers(bildung):
    return [wert.bezug_wh for wert in bildung.werte]


def test_a_short_gap_is_a_straight_line():
    """Four missing readings between 1000 and 1103: 103 Wh over five quarter hours, 20.6 each, rounded down."""
    bildung = fill(ablesung(MONTAG, 1000, 50), ablesung(MONTAG + 5 * VIERTEL, 1103, 50))
    assert bildung.verfahren is Verfahren.LINEAR
    assert registers(bildung) == [1020, 1041, 1061, 1082]
    assert [wert.einspeisung_wh for wert in bildung.werte] == [50, 50, 50, 50]
    assert bildung.werte[0] == Ablesung(
        MONTAG + VIERTEL, 1020, 50, None, Qualitaet.ERSATZWERT, 0, 1, Herkunft.ERSATZWERT
    )
    assert bildung.eingaben == {
        "anfang": {"messzeitpunkt": "2026-06-14T22:00:00Z", "bezug_gesamt_wh": 1000, "einspeisung_gesamt_wh": 50},
        "ende": {"messzeitpunkt": "2026-06-14T23:15:00Z", "bezug_gesamt_wh": 1103, "einspeisung_gesamt_wh": 50},
        "differenz": {"bezug_wh": 103, "einspeisung_wh": 0},
    }


def test_three_hours_are_a_straight_line_where_the_operator_says_so():
    """Eleven missing readings, 1200 Wh over twelve quarter hours."""
    regeln = Regeln(linear_hoechstens=11)
    bildung = fill(ablesung(MONTAG, 0), ablesung(MONTAG + 12 * VIERTEL, 1200), regeln=regeln)
    assert (bildung.verfahren, registers(bildung)) == (Verfahren.LINEAR, [n * 100 for n in range(1, 12)])


def test_without_any_history_a_long_gap_between_two_registers_is_a_straight_line():
    bildung = fill(ablesung(MONTAG, 0), ablesung(MONTAG + 12 * VIERTEL, 24))
    assert (bildung.verfahren, registers(bildung)) == (Verfahren.LINEAR, list(range(2, 24, 2)))


def test_three_days_take_the_course_of_comparable_days():
    """Thursday to Saturday are missing: Thursday and Friday look like Wednesday, Saturday like the one before.

    Wednesday: 95 x 10 Wh and 50 Wh in the last quarter hour = 1000 Wh; Saturday 96 x 5 = 480 Wh. Together 2480 Wh;
    the registers say 4960, so everything counts twice.
    """
    samstag, mittwoch = MONTAG - 2 * TAG, MONTAG + 2 * TAG
    donnerstag, sonntag = MONTAG + 3 * TAG, MONTAG + 6 * TAG
    vorher = [
        *measured(samstag, 0, [5] * 96),
        *measured(mittwoch, 10_000, [10] * 95 + [50])[:-1],
    ]
    bildung = fill(ablesung(donnerstag, 11_000), ablesung(sonntag, 15_960), vorher=vorher)
    assert bildung.verfahren is Verfahren.VERGLEICHSTAG
    werte = {wert.uhrzeit: wert.bezug_wh for wert in bildung.werte}
    assert len(werte) == 3 * 96 - 1
    assert werte[donnerstag + VIERTEL] == 11_020
    assert werte[donnerstag + TAG - VIERTEL] == 12_900
    assert werte[donnerstag + TAG] == 13_000
    assert werte[donnerstag + 2 * TAG] == 15_000
    assert werte[sonntag - VIERTEL] == 15_950
    assert bildung.eingaben["vergleichstage"] == {
        "2026-06-18": "2026-06-17",
        "2026-06-19": "2026-06-17",
        "2026-06-20": "2026-06-13",
    }
    assert bildung.eingaben["vergleich"] == {"bezug_wh": 2480, "einspeisung_wh": 0}
    assert bildung.eingaben["quelle_von"] == "2026-06-12T22:00:00Z"


def test_without_a_comparable_day_the_own_profile_gives_the_course():
    """Monday is missing from 12:00 to 18:00; only Sunday was measured, with 10 Wh to 15:00 and 30 Wh from then on.

    12 x 10 + 12 x 30 = 480 Wh; the registers say 960.
    """
    mittag = MONTAG + 12 * 3600
    vorher = measured(MONTAG - TAG, 0, [10] * 60 + [30] * 36)
    bildung = fill(ablesung(mittag, 5000), ablesung(mittag + 24 * VIERTEL, 5960), vorher=vorher)
    assert bildung.verfahren is Verfahren.LASTPROFIL
    assert registers(bildung)[:13] == [*range(5020, 5260, 20), 5300]
    assert registers(bildung)[-1] == 5900
    assert bildung.eingaben["vergleich"] == {"bezug_wh": 480, "einspeisung_wh": 0}
    assert bildung.eingaben["profil"] == "EIGEN"


def test_a_silent_meter_goes_on_as_it_used_to_and_is_preliminary():
    """Two Mondays with 10 and 13 Wh a quarter hour: 11 Wh, rounded down; without a closing register no scale."""
    vorher = [*measured(MONTAG - 14 * TAG, 0, [10] * 96), *measured(MONTAG - 7 * TAG, 1000, [13] * 96)]
    bildung = fill(ablesung(MONTAG, 9000), None, vorher=vorher, bis=MONTAG + 4 * VIERTEL)
    assert bildung.verfahren is Verfahren.LASTPROFIL
    assert registers(bildung) == [9011, 9022, 9033]
    assert {wert.qualitaet for wert in bildung.werte} == {Qualitaet.VORLAEUFIGERWERT}
    assert bildung.eingaben["ende"] is None
    assert "vergleich" not in bildung.eingaben


def test_nothing_is_invented_for_a_meter_that_was_never_measured():
    """One hour was measured, at another time of the day."""
    vorher = measured(MONTAG - TAG, 0, [10] * 4)
    assert fill(ablesung(MONTAG, 100), None, vorher=vorher[:2], bis=MONTAG + TAG) is Auslassung.OHNE_VERGLEICH


def stairs(tag, typ, viertel):
    """A standard profile: on Sundays one part a quarter hour, on other days four."""
    return 1 if typ is Tagestyp.SONNTAG else 4


def test_a_standard_profile_helps_where_the_meter_measured_nothing():
    """On Sunday four quarter hours of 10 Wh, 1 part each: 10 Wh a part. On Monday 4 parts each, and no feed-in."""
    vorher = measured(MONTAG - TAG, 0, [10] * 4)
    anfang, regeln = ablesung(MONTAG, 500, 7), Regeln(standardprofil=stairs)
    bildung = fill(anfang, None, vorher=vorher, bis=MONTAG + 40 * VIERTEL, regeln=regeln)
    assert registers(bildung)[:3] == [540, 580, 620]
    assert bildung.werte[-1].einspeisung_wh == 7
    assert bildung.eingaben["profil"] == "STANDARD"


def test_a_standard_profile_is_only_a_shape():
    """Without a single measured quarter hour nothing tells how high it is."""
    regeln = Regeln(standardprofil=stairs)
    assert fill(ablesung(MONTAG, 0), None, bis=MONTAG + TAG, regeln=regeln) is Auslassung.OHNE_VERGLEICH


def test_import_and_export_each_follow_their_own_course():
    """Export only in the second half of the compared day; the sum of the first is zero there and stays so."""
    vorher = [ablesung(MONTAG - 7 * TAG + n * VIERTEL, 4 * n, max(0, n - 48) * 2) for n in range(97)]
    ende = ablesung(MONTAG + TAG, 384, 96)
    bildung = fill(ablesung(MONTAG, 0, 0), ende, vorher=vorher)
    assert bildung.werte[47][1:3] == (192, 0)
    assert bildung.werte[94][1:3] == (380, 94)


def test_a_direction_without_course_is_a_straight_line():
    """The compared day exported nothing; the gap has 96 Wh of export."""
    vorher = measured(MONTAG - 7 * TAG, 0, [4] * 96)
    bildung = fill(ablesung(MONTAG, 1000), ablesung(MONTAG + TAG, 1384, 96), vorher=vorher)
    assert [wert.einspeisung_wh for wert in bildung.werte] == list(range(1, 96))


def test_a_falling_register_leaves_the_gap_open():
    assert fill(ablesung(MONTAG, 1000), ablesung(MONTAG + 3 * VIERTEL, 999)) is Auslassung.RUECKLAUF


def test_the_transformer_factor_counts_and_registers_stay_whole():
    """10 Wh on the register are 400 Wh behind the transformer; 3 quarter hours: 3.33 Wh each, rounded down."""
    bildung = fill(ablesung(MONTAG, 100), ablesung(MONTAG + 3 * VIERTEL, 110), zaehlwerk=Zaehlwerk(40))
    assert registers(bildung) == [103, 106]


def test_over_a_rollover_the_energy_is_exact():
    """999,999,000 Wh, then 1,000 Wh after the rollover at 10^9 Wh: 2,000 Wh in four quarter hours.

    What is substituted before the section counts on over the last digit: only so it stays in its section.
    """
    abschnitte = begin_rollover(1, (), MONTAG + 4 * VIERTEL, (10**9, 0), 0)
    bildung = fill(
        ablesung(MONTAG, 999_999_000),
        ablesung(MONTAG + 4 * VIERTEL, 1_000),
        zaehlwerk=Zaehlwerk(1, abschnitte),
    )
    assert registers(bildung) == [999_999_500, 1_000_000_000, 1_000_000_500]


def test_where_the_factor_changes_the_rest_of_rounding_may_make_energy_fall():
    """From the third reading on the factor is 50, at 100 Wh: so coarse, rounding takes more than had flowed."""
    abschnitte = begin_factor(1, (), MONTAG + 3 * VIERTEL, 50, {MONTAG + 3 * VIERTEL: (100, 0)}, 0)
    ende = ablesung(MONTAG + 4 * VIERTEL, 101)
    assert fill(ablesung(MONTAG, 98), ende, zaehlwerk=Zaehlwerk(1, abschnitte)) is Auslassung.ABSCHNITT


def test_a_register_below_zero_leaves_the_gap_open():
    """A section that begins in the gap at 500 Wh less: the energy of its first quarter hours is below its zero."""
    abschnitte = begin_rollover(1, (), MONTAG + VIERTEL, (500, 0), 0)
    ende = ablesung(MONTAG + 4 * VIERTEL, 100)
    assert fill(ablesung(MONTAG, 100), ende, zaehlwerk=Zaehlwerk(1, abschnitte)) is Auslassung.ABSCHNITT


def test_days_on_which_clocks_change_are_compared_with_none():
    """Sunday 2026-04-05 after the change on 2026-03-29: the Sunday before that was measured counts."""
    ostern = datetime(2026, 4, 4, 22, tzinfo=UTC).timestamp()
    umstellung = int(datetime(2026, 3, 28, 23, tzinfo=UTC).timestamp())
    sonntag = int(datetime(2026, 3, 21, 23, tzinfo=UTC).timestamp())
    vergangenheit = Vergangenheit(
        [*measured(sonntag, 0, [1] * 96), *measured(umstellung, 100, [1] * 92)], ZAEHLWERK
    )
    assert ostern > umstellung
    assert vergangenheit.comparable_day(date(2026, 4, 5), 28) == date(2026, 3, 22)
    assert vergangenheit.comparable_day(date(2026, 4, 5), 13) is None


def test_the_day_with_25_hours_takes_the_doubled_hour_twice():
    """2026-10-25 from 01:45 local: 02:00 to 02:59 comes twice, each with the 7 Wh of the Sunday before."""
    sonntag = int(datetime(2026, 10, 17, 22, tzinfo=UTC).timestamp())
    energien = [1] * 96
    energien[8:12] = [7] * 4
    anfang = int(datetime(2026, 10, 24, 23, 45, tzinfo=UTC).timestamp())
    ende = ablesung(anfang + 12 * VIERTEL, 1000 + 1 + 8 * 7 + 3)
    bildung = fill(ablesung(anfang, 1000), ende, vorher=measured(sonntag, 0, energien))
    assert bildung.verfahren is Verfahren.VERGLEICHSTAG
    assert registers(bildung) == [1001, 1008, 1015, 1022, 1029, 1036, 1043, 1050, 1057, 1058, 1059]


@pytest.mark.parametrize(
    ("tag", "typ"),
    [
        (date(2026, 6, 15), Tagestyp.WERKTAG),
        (date(2026, 6, 20), Tagestyp.SAMSTAG),
        (date(2026, 6, 21), Tagestyp.SONNTAG),
        (date(2026, 5, 14), Tagestyp.SONNTAG),  # Ascension Day
        (date(2026, 6, 4), Tagestyp.WERKTAG),  # Fronleichnam, not everywhere
        (date(2026, 12, 24), Tagestyp.SAMSTAG),
        (date(2026, 12, 31), Tagestyp.SAMSTAG),
        (date(2028, 12, 24), Tagestyp.SONNTAG),
    ],
)
def test_types_of_days(tag, typ):
    assert tagestyp(tag) is typ


JETZT = MONTAG + TAG


@pytest.mark.parametrize(
    ("laeufe", "einbauten", "luecken"),
    [
        # A gap in the middle, and the meter has been silent since.
        ([(0, 1800), (4500, 9000)], [(0, None)], [(1800, 4500, 4500), (9000, None, 90_900)]),
        # The closing register is there, a part of the gap is overdue.
        ([(0, 1800), (93_600, 95_400)], [(0, None)], [(1800, 93_600, 90_900)]),
        # Nothing is overdue yet.
        ([(0, 90_000)], [(0, None)], []),
        # Removed at 3600, then at another place: expected up to the removal, closed by nothing.
        ([(0, 1800), (9000, 90_000)], [(0, 3600), (9000, None)], [(1800, None, 4500)]),
        ([(0, 3600), (9000, 90_000)], [(0, 3600), (9000, None)], []),
        # A reading in the warehouse, and one of a meter that never hung anywhere.
        ([(0, 3600), (7200, 7200), (9000, 90_000)], [(0, 3600), (9000, None)], []),
        ([(0, 1800), (4500, 90_000)], [], []),
        # Removed between two edges of quarter hours.
        ([(0, 1800)], [(0, 3700)], [(1800, None, 4500)]),
    ],
)
def test_which_gaps_are_overdue(laeufe, einbauten, luecken):
    assert find_gaps(laeufe, einbauten, ueberfaellig_bis=90_000) == luecken


def test_what_somebody_else_has_substituted_ends_a_gap():
    """A foreign substitute at 2700 and one at 3600: the gap from 1800 to 5400 is two."""
    fremd = [
        ablesung(zeit, 1, qualitaet=Qualitaet.ERSATZWERT)._replace(herkunft=Herkunft.IMPORT)
        for zeit in (2700, 3600)
    ]
    eigen = ablesung(4500, 1, qualitaet=Qualitaet.ERSATZWERT)._replace(herkunft=Herkunft.ERSATZWERT)
    stellen = given_readings([ablesung(1800, 1), *fremd, eigen])
    assert stellen == [(2700, 2700), (3600, 3600)]
    laeufe = sorted([(0, 900), (5400, 90_000), *stellen])
    assert find_gaps(laeufe, [(0, None)], 90_000) == [(900, 2700, 2700), (3600, 5400, 5400)]


def test_the_first_missing_reading_of_a_gap():
    assert Luecke(1800, None, 4500).von == 2700


def test_the_same_value_whenever_it_came():
    wert = ablesung(MONTAG, 5)
    assert same_value(wert._replace(empfangen=7), wert)
    assert not same_value(None, wert)
    assert not same_value(wert._replace(bezug_wh=6), wert)


def test_the_same_gap_and_its_sources():
    anfang, ende = ablesung(MONTAG, 1000), ablesung(MONTAG + 3 * VIERTEL, 1100)
    geschlossen = fill(anfang, ende).eingaben
    offen = fill(anfang, None, vorher=measured(MONTAG - TAG, 0, [10] * 96)[:-1], bis=MONTAG + TAG).eingaben
    assert is_same_gap(anfang, ende, ZAEHLWERK, geschlossen)
    assert not is_same_gap(anfang, None, ZAEHLWERK, geschlossen)
    assert is_same_gap(anfang, None, ZAEHLWERK, offen)
    assert not is_same_gap(anfang, ende, Zaehlwerk(2), geschlossen)
    assert not is_same_gap(anfang._replace(bezug_wh=1001), ende, ZAEHLWERK, geschlossen)
    assert sources(ende.uhrzeit, geschlossen) == (MONTAG, MONTAG + 3 * VIERTEL)
    assert sources(MONTAG + TAG, offen) == (MONTAG - TAG, MONTAG + TAG)


@given(st.integers(0, 10**12), st.lists(st.integers(0, 10**6), min_size=1, max_size=200))
def test_shares_are_whole_rise_and_are_exact(summe, gewichte):
    anteile = share_out(summe, gewichte)
    assert (anteile[0], anteile[-1], len(anteile)) == (0, summe, len(gewichte) + 1)
    assert all(alt <= neu for alt, neu in pairwise(anteile))


@given(
    energien=st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 5000)), min_size=96, max_size=96),
    anzahl=st.integers(2, 200),
    differenz=st.tuples(st.integers(0, 10**7), st.integers(0, 10**7)),
    faktor=st.sampled_from([1, 40]),
)
def test_a_closed_gap_ends_at_its_register(energien, anzahl, differenz, faktor):
    """Whatever the day before looked like: as many readings as are missing, rising, up to the closing register."""
    stand, vorher = (0, 0), []
    for nummer, energie in enumerate(energien):
        vorher.append(ablesung(MONTAG - 7 * TAG + nummer * VIERTEL, *stand))
        stand = (stand[0] + energie[0], stand[1] + energie[1])
    vorher.append(ablesung(MONTAG - 6 * TAG, *stand))
    anfang = ablesung(MONTAG, *stand)
    ende = ablesung(MONTAG + anzahl * VIERTEL, stand[0] + differenz[0], stand[1] + differenz[1])
    werte = fill(anfang, ende, vorher=vorher, zaehlwerk=Zaehlwerk(faktor)).werte
    assert [wert.uhrzeit for wert in werte] == list(range(MONTAG + VIERTEL, ende.uhrzeit, VIERTEL))
    for alt, neu in pairwise([anfang, *werte, ende]):
        assert alt.bezug_wh <= neu.bezug_wh
        assert alt.einspeisung_wh <= neu.einspeisung_wh

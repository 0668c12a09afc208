"""Rules of sick meters: what each kind is judged by, hysteresis, degrees, causes. Expected values by hand."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from betreiber.stoerung.domain import (
    ARTEN,
    URSACHEN,
    Einsatz,
    Regel,
    Regeln,
    Ruhezeit,
    Stoerungsart,
    Stufe,
    Ursache,
    day_begin,
    expected_readings,
    is_silent_area,
    is_widespread,
    make_regeln,
)
from betreiber.stoerung.urteil import EIN_ZAEHLER, Mass, Umfeld, find_stufe, find_ursache, judge, measure
from tests.stoerungen.hilfen import GESUND, JETZT, MIN, STD, TAG, found, zuvor

REGELN = Regeln()
S, U = Stoerungsart, Ursache


def test_a_healthy_meter_has_nothing():
    assert found() == {}


def test_every_kind_and_cause_has_a_german_sentence():
    assert set(ARTEN) == set(Stoerungsart)
    assert set(URSACHEN) == set(Ursache)
    assert all(satz.endswith(".") for satz in [*ARTEN.values(), *URSACHEN.values()])


# Three quarter hours and the slot of 600 s: silent from 55 minutes on.
@pytest.mark.parametrize(
    ("anders", "art", "ursache", "stufe"),
    [
        ({"zuletzt_empfangen": JETZT - 55 * MIN}, S.STUMM, U.UNBEKANNT, Stufe.WARNUNG),
        ({"zuletzt_empfangen": JETZT - 24 * STD}, S.STUMM, U.UNBEKANNT, Stufe.ALARM),
        # Seen for the first time: for how long nobody looked is not held against it.
        ({"zuletzt_empfangen": JETZT - 36 * STD}, S.STUMM, U.UNBEKANNT, Stufe.ALARM),
        ({"zuletzt_empfangen": None}, S.STUMM, U.NIE_GEMELDET, Stufe.ALARM),
        ({"zuletzt_empfangen": None, "eingebaut_von": JETZT - STD}, S.STUMM, U.NIE_GEMELDET, Stufe.WARNUNG),
        # 259 of 288 is 89.9 %.
        ({"gemessen": 259}, S.UNVOLLSTAENDIG, U.UNBEKANNT, Stufe.WARNUNG),
        ({"neueste_uhrzeit": int((JETZT - 4 * STD).timestamp())}, S.VERSPAETET, U.UNBEKANNT, Stufe.WARNUNG),
        ({"neueste_uhrzeit": None, "eingebaut_von": JETZT - 5 * STD}, None, None, None),
        ({"uhr_abweichung_s": -28}, S.UHR, U.UHR, Stufe.WARNUNG),
        ({"schluessel_gueltig_bis": JETZT + 30 * TAG}, S.SCHLUESSEL, U.SCHLUESSEL, Stufe.WARNUNG),
        ({"schluessel_gueltig_bis": JETZT + 14 * TAG}, S.SCHLUESSEL, U.SCHLUESSEL, Stufe.ALARM),
        ({"schluessel_gueltig_bis": JETZT + 7 * TAG}, S.SCHLUESSEL, U.SCHLUESSEL, Stufe.AUFTRAG),
        ({"rsrp_dbm": -120}, S.FUNK, U.FUNK, Stufe.WARNUNG),
        ({"manipuliert_zeitpunkt": JETZT - STD}, S.MANIPULATION, U.MANIPULATION, Stufe.AUFTRAG),
        # Told of late, because the meter was silent until now.
        ({"manipuliert_zeitpunkt": JETZT - 60 * TAG}, S.MANIPULATION, U.MANIPULATION, Stufe.AUFTRAG),
        (
            {"abgewiesen_zeitpunkt": JETZT - STD, "abgewiesen_anzahl": 20},
            S.ABWEISUNGEN,
            U.ABGEWIESEN,
            Stufe.WARNUNG,
        ),
    ],
)
def test_each_kind_opens_at_its_bound(anders, art, ursache, stufe):
    lagen = found(**anders)
    erwartet = {} if art is None else {art: (stufe, ursache)}
    assert {name: (lage.stufe, lage.ursache) for name, lage in lagen.items()} == erwartet


@pytest.mark.parametrize(
    "anders",
    [
        {"zuletzt_empfangen": JETZT - 55 * MIN + timedelta(seconds=1)},
        # Heard long ago, installed just now at another place.
        {"zuletzt_empfangen": JETZT - 90 * TAG, "eingebaut_von": JETZT - 50 * MIN},
        {"gemessen": 260},
        # Installed yesterday: no whole day since.
        {"gemessen": 0, "eingebaut_von": JETZT - 20 * STD},
        {"neueste_uhrzeit": int((JETZT - 4 * STD).timestamp()) + 1},
        # Its newest reading is of its last place.
        {"neueste_uhrzeit": int((JETZT - 90 * TAG).timestamp()), "eingebaut_von": JETZT - 50 * MIN},
        {"uhr_abweichung_s": 27},
        {"schluessel_gueltig_bis": JETZT + 30 * TAG + timedelta(seconds=1)},
        {"schluessel_gueltig_bis": None},
        {"rsrp_dbm": -119},
        {"rsrp_dbm": None},
        # Before it was installed, and before a person said what it was.
        {"manipuliert_zeitpunkt": JETZT - 100 * TAG},
        {"manipuliert_zeitpunkt": JETZT - STD, "eingriff_behoben": JETZT - STD},
        {"abgewiesen_zeitpunkt": JETZT - STD, "abgewiesen_anzahl": 19},
        # Of yesterday.
        {"abgewiesen_zeitpunkt": JETZT - 11 * STD, "abgewiesen_anzahl": 500},
        {"eingebaut_von": None},
    ],
)
def test_short_of_a_bound_nothing_opens(anders):
    assert found(**anders) == {}


def test_never_heard_and_nowhere_installed_is_judged_from_now_on():
    assert found(zuletzt_empfangen=None, eingebaut_von=None) == {}


def test_begin_of_each():
    assert found(zuletzt_empfangen=JETZT - STD)[S.STUMM].beginn == JETZT - STD
    # The keys end in 10 days: 20 days ago it was 30.
    bald = found(schluessel_gueltig_bis=JETZT + 10 * TAG)[S.SCHLUESSEL]
    assert bald.beginn == JETZT - 20 * TAG
    assert found(manipuliert_zeitpunkt=JETZT - STD)[S.MANIPULATION].beginn == JETZT - STD
    assert found(rsrp_dbm=-130)[S.FUNK].beginn == JETZT


REGEL = Regel(ab=100, frei=50, ruhe=6 * STD, alarm_nach=TAG, auftrag_nach=2 * TAG)
OFFEN = zuvor(Stufe.WARNUNG, U.FUNK, JETZT - STD)


def step(lage, wert, jetzt=JETZT, regel=REGEL, ursache=U.FUNK):
    return judge(regel, lage, Mass(wert, jetzt), ursache, jetzt)


def degree(regel, ursache, dauer, **anders):
    """How badly after so long, `anders` being what else is known of it."""
    return find_stufe(regel, replace(zuvor(Stufe.WARNUNG, ursache, JETZT - dauer), **anders), JETZT)


def test_hysteresis_no_flapping():
    """Between the bounds nothing changes; good must hold for six hours; one bad number begins anew."""
    assert step(None, 99) is None
    assert step(OFFEN, 99) == OFFEN
    assert step(OFFEN, 51) == OFFEN
    besser = step(OFFEN, 50)
    assert besser == replace(OFFEN, erholt=JETZT)
    assert step(besser, 51, JETZT + STD) == OFFEN
    assert step(besser, 10, JETZT + 6 * STD - MIN) == besser
    vorbei = step(besser, 10, JETZT + 6 * STD)
    assert (vorbei.behoben, vorbei.abgeklungen) == (True, True)


def test_degrees_only_rise():
    alarm = step(OFFEN, 100, JETZT + 23 * STD)
    assert alarm.stufe is Stufe.ALARM
    assert step(alarm, 100, JETZT).stufe is Stufe.ALARM
    assert step(alarm, 100, JETZT + 47 * STD).stufe is Stufe.AUFTRAG
    # Not while it recovers.
    assert step(OFFEN, 60, JETZT + 47 * STD).stufe is Stufe.WARNUNG


def test_the_cause_follows_while_it_is_open():
    assert step(OFFEN, 100, ursache=U.NETZ).ursache is U.NETZ


def test_what_a_person_closed_stays_closed_until_it_was_good():
    zu = replace(OFFEN, behoben=True)
    assert step(zu, 100, JETZT + 3 * TAG) == zu
    besser = step(zu, 50)
    assert step(besser, 100, JETZT + STD) == zu
    assert step(besser, 50, JETZT + 6 * STD).abgeklungen is True


def test_an_intervention_ends_only_by_a_person():
    regel = replace(REGEL, von_selbst=False)
    besser = step(OFFEN, 0, regel=regel)
    spaeter = step(besser, 0, JETZT + 9 * TAG, regel=regel)
    assert (spaeter.behoben, spaeter.abgeklungen) == (False, False)
    von_hand = step(replace(besser, behoben=True), 0, JETZT + 9 * TAG, regel=regel)
    assert von_hand.abgeklungen is True


def test_no_fitter_for_a_network_and_kinds_that_never_rise():
    assert degree(REGEL, U.NETZ, 7 * TAG - MIN) is Stufe.ALARM
    assert degree(REGEL, U.NETZ, 7 * TAG) is Stufe.AUFTRAG
    assert degree(REGEL, U.BETREIBER, 9 * TAG) is Stufe.ALARM
    assert degree(REGEL, U.FUNK, 9 * TAG) is Stufe.AUFTRAG
    assert degree(Regel(1, 0, STD), U.FUNK, 900 * TAG) is Stufe.WARNUNG


def test_the_time_to_an_order_counts_from_when_the_network_was_back():
    """Ten days of silence, the area back two days ago; a minute less, and it is not yet the meter's own."""
    assert degree(REGEL, U.FUNK, 10 * TAG, netz=JETZT - 2 * TAG) is Stufe.AUFTRAG
    assert degree(REGEL, U.FUNK, 10 * TAG, netz=JETZT - 2 * TAG + MIN) is Stufe.ALARM
    fort = step(None, 100, JETZT - 3 * TAG, ursache=U.NETZ)
    wieder = step(fort, 100, JETZT, ursache=U.FUNK)
    assert (wieder.stufe, wieder.netz) == (Stufe.ALARM, JETZT)
    # It stays so while nothing of the area is seen.
    assert step(wieder, 100, JETZT + 2 * TAG - MIN) == wieder
    assert step(wieder, 100, JETZT + 2 * TAG).stufe is Stufe.AUFTRAG
    # Gone once more, and back once more.
    assert step(step(wieder, 100, ursache=U.BETREIBER), 100, JETZT + TAG).netz == JETZT + TAG


def test_the_time_to_an_order_counts_from_when_somebody_looked():
    """The sweep stood still for ten days: what it finds then has two days, less the 100 s before it opens."""
    gesehen = replace(REGEL, gesehen=True)
    gerade = timedelta(seconds=100)
    assert degree(gesehen, U.FUNK, 10 * TAG, erkannt=JETZT - 2 * TAG + gerade) is Stufe.AUFTRAG
    assert degree(gesehen, U.FUNK, 10 * TAG, erkannt=JETZT - 2 * TAG + gerade + MIN) is Stufe.ALARM
    assert degree(REGEL, U.FUNK, 10 * TAG, erkannt=JETZT) is Stufe.AUFTRAG


STILL = JETZT - 2 * STD


@pytest.mark.parametrize(
    ("ursache", "anders"),
    [
        (U.UNBEKANNT, {}),
        (U.GESPERRT, {"zustand": "GESPERRT"}),
        (U.AUSGEBAUT, {"zustand": "AUSGEBAUT"}),
        (U.NIE_GEMELDET, {"zuletzt_empfangen": None}),
        (U.SCHLUESSEL, {"schluessel_gueltig_bis": JETZT}),
        (U.ABGEWIESEN, {"abgewiesen_zeitpunkt": STILL + MIN}),
        # Refused with the last message, which came.
        (U.UNBEKANNT, {"abgewiesen_zeitpunkt": STILL}),
        (U.MANIPULATION, {"manipuliert_zeitpunkt": STILL - 23 * STD, "spannungslos_zeitpunkt": STILL}),
        (U.UNBEKANNT, {"manipuliert_zeitpunkt": STILL - 25 * STD}),
        (U.UNBEKANNT, {"manipuliert_zeitpunkt": STILL - 23 * STD, "eingriff_behoben": STILL}),
        (U.UNBEKANNT, {"manipuliert_zeitpunkt": STILL - 23 * STD, "einsatz": Einsatz.LAEUFT}),
        (U.SPANNUNGSLOS, {"spannungslos_zeitpunkt": STILL - 15 * MIN, "rsrp_dbm": -125}),
        (U.UNBEKANNT, {"spannungslos_zeitpunkt": STILL - 16 * MIN}),
        (U.FUNK, {"rsrp_dbm": -116, "uhr_abweichung_s": 90}),
        (U.UHR, {"rsrp_dbm": -115, "uhr_abweichung_s": 90}),
        (U.UNBEKANNT, {"rsrp_dbm": None, "schluessel_gueltig_bis": None}),
    ],
)
def test_the_cause_of_silence(ursache, anders):
    zeichen = GESUND._replace(**{"zuletzt_empfangen": STILL} | anders)
    assert find_ursache(S.STUMM, zeichen, REGELN, JETZT, EIN_ZAEHLER) is ursache


def test_a_silent_postcode_is_the_network():
    assert is_silent_area(5, 4, REGELN)
    assert not is_silent_area(5, 3, REGELN)
    assert not is_silent_area(4, 4, REGELN)
    schwach = GESUND._replace(zuletzt_empfangen=STILL, rsrp_dbm=-125)
    assert find_ursache(S.STUMM, schwach, REGELN, JETZT, Umfeld(netz=True)) is U.NETZ
    # The power of the whole area is gone, and its meters have said so.
    ohne_strom = GESUND._replace(zuletzt_empfangen=STILL, spannungslos_zeitpunkt=STILL)
    assert find_ursache(S.STUMM, ohne_strom, REGELN, JETZT, Umfeld(netz=True)) is U.NETZ


def test_what_a_great_part_of_the_fleet_has_is_the_operator():
    assert is_widespread(500, 100, REGELN)
    assert not is_widespread(501, 100, REGELN)
    assert not is_widespread(99, 99, REGELN)
    alle = Umfeld(netz=True, verbreitet=frozenset({S.STUMM, S.UHR}))
    still = GESUND._replace(zuletzt_empfangen=STILL, schluessel_gueltig_bis=JETZT, uhr_abweichung_s=90)
    assert find_ursache(S.STUMM, still, REGELN, JETZT, alle) is U.BETREIBER
    assert find_ursache(S.UHR, still, REGELN, JETZT, alle) is U.BETREIBER
    assert find_ursache(S.SCHLUESSEL, still, REGELN, JETZT, alle) is U.SCHLUESSEL
    # Who is locked or removed is so for a reason of their own.
    assert find_ursache(S.STUMM, still._replace(zustand="GESPERRT"), REGELN, JETZT, alle) is U.GESPERRT


def test_what_is_missing_beside_messages_is_explained_by_what_was_refused_of_them():
    zeichen = GESUND._replace(abgewiesen_zeitpunkt=GESUND.zuletzt_empfangen)
    assert find_ursache(S.UNVOLLSTAENDIG, zeichen, REGELN, JETZT, EIN_ZAEHLER) is U.ABGEWIESEN


# Installed 40 minutes ago, last heard 200 days before; all that it told is of its former place.
FRUEHER = {
    "zuletzt_empfangen": JETZT - 200 * TAG,
    "rsrp_dbm": -130,
    "uhr_abweichung_s": 90,
    "manipuliert_zeitpunkt": JETZT - STD,
    "abgewiesen_zeitpunkt": JETZT - STD,
    "abgewiesen_anzahl": 50,
}


def test_signs_of_a_former_place_do_not_count():
    assert found(**FRUEHER, eingebaut_von=JETZT - 40 * MIN) == {}
    still = found(**FRUEHER, eingebaut_von=JETZT - 56 * MIN)
    assert {art: (lage.ursache, lage.beginn) for art, lage in still.items()} == {
        S.STUMM: (U.NIE_GEMELDET, JETZT - 56 * MIN)
    }
    # Its keys are its own wherever it hangs; and heard at the new place all counts again.
    kurz = found(**FRUEHER, eingebaut_von=JETZT - 40 * MIN, schluessel_gueltig_bis=JETZT)
    assert set(kurz) == {S.SCHLUESSEL}
    gehoert = found(**FRUEHER | {"zuletzt_empfangen": JETZT - 39 * MIN}, eingebaut_von=JETZT - 40 * MIN)
    assert set(gehoert) == {S.FUNK, S.UHR, S.ABWEISUNGEN}


@pytest.mark.parametrize(
    ("eingriff", "behoben", "danach"),
    [
        (None, JETZT, False),
        (JETZT, None, True),
        (JETZT, JETZT, False),
        (JETZT + MIN, JETZT, True),
    ],
)
def test_an_intervention_after_the_word_of_a_person(eingriff, behoben, danach):
    zeichen = GESUND._replace(manipuliert_zeitpunkt=eingriff, eingriff_behoben=behoben)
    assert zeichen.eingriff() == (eingriff if danach else None)


@pytest.mark.parametrize(("zustand", "ursache"), [("AUSGEBAUT", U.AUSGEBAUT), ("GESPERRT", U.GESPERRT)])
def test_a_meter_that_is_out_of_service_has_none(zustand, ursache):
    lagen = {S.STUMM: zuvor(Stufe.ALARM, U.FUNK, STILL), S.UHR: zuvor(Stufe.ALARM, U.UHR, STILL, behoben=True)}
    neue = found(lagen, zustand=zustand)
    assert {art: (lage.ursache, lage.behoben, lage.abgeklungen) for art, lage in neue.items()} == {
        S.STUMM: (ursache, True, True),
        S.UHR: (U.UHR, True, True),
    }


def test_a_sweep_that_runs_twice_changes_nothing():
    erste = found(zuletzt_empfangen=STILL)
    assert found(erste, zuletzt_empfangen=STILL) == {}


@pytest.mark.parametrize(
    ("von", "erwartet"),
    [
        (None, 288),
        (datetime(2026, 6, 12, tzinfo=UTC), 288),
        (datetime(2026, 6, 12, 0, 1, tzinfo=UTC), 192),
        (datetime(2026, 6, 13, 23, tzinfo=UTC), 96),
        (datetime(2026, 6, 14, 1, tzinfo=UTC), 0),
        (datetime(2026, 6, 15, 9, tzinfo=UTC), 0),
    ],
)
def test_expected_readings(von, erwartet):
    assert expected_readings(von, JETZT, 3) == erwartet


def test_the_day_is_that_of_utc():
    assert day_begin(datetime.fromisoformat("2026-06-16T01:30+02:00")) == datetime(2026, 6, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("von", "bis", "zeitpunkt", "ruhig"),
    [
        # 22 o'clock in Berlin in summer is 20 o'clock UTC, in winter 21.
        (22, 6, "2026-06-15T20:00Z", True),
        (22, 6, "2026-06-15T19:59Z", False),
        (22, 6, "2026-12-15T20:00Z", False),
        (22, 6, "2026-06-16T03:59Z", True),
        (22, 6, "2026-06-16T04:00Z", False),
        (12, 14, "2026-06-15T10:30Z", True),
        (12, 14, "2026-06-15T12:00Z", False),
        (0, 0, "2026-06-15T22:00Z", False),
        (20, 24, "2026-06-15T21:30Z", True),
    ],
)
def test_quiet_hours(von, bis, zeitpunkt, ruhig):
    assert Ruhezeit(von, bis).covers(datetime.fromisoformat(zeitpunkt)) is ruhig


def test_what_an_operator_may_set():
    regeln = make_regeln(
        intervalle=4,
        alarm_stunden=12,
        auftrag_stunden=20,
        abdeckung_prozent=95,
        verspaetet_stunden=2,
        empfaenger="betrieb@example.org",
        ruhezeit="0-0",
    )
    assert found(regeln=regeln, zuletzt_empfangen=JETZT - 69 * MIN) == {}
    assert found(regeln=regeln, zuletzt_empfangen=JETZT - 70 * MIN)[S.STUMM].stufe is Stufe.WARNUNG
    assert found(regeln=regeln, zuletzt_empfangen=JETZT - 12 * STD)[S.STUMM].stufe is Stufe.ALARM
    begann = JETZT - 20 * STD
    alarm = replace(zuvor(Stufe.ALARM, U.UNBEKANNT, begann), erkannt=begann + 70 * MIN)
    assert found({S.STUMM: alarm}, regeln=regeln, zuletzt_empfangen=begann)[S.STUMM].stufe is Stufe.AUFTRAG
    assert set(found(regeln=regeln, gemessen=273)) == {S.UNVOLLSTAENDIG}  # 94.8 %
    assert found(regeln=regeln, gemessen=274) == {}  # 95.1 %
    assert set(found(regeln=regeln, neueste_uhrzeit=int((JETZT - 2 * STD).timestamp()))) == {S.VERSPAETET}
    assert regeln.abdeckung_promille == 950
    assert (regeln.empfaenger, regeln.ruhezeit) == ("betrieb@example.org", Ruhezeit(0, 0))


def test_more_readings_than_expected_are_no_negative_gap():
    assert measure(GESUND._replace(gemessen=290), REGELN, JETZT, JETZT)[S.UNVOLLSTAENDIG].wert == 0

"""Whatever happens in whatever order, the operator has every reading once, and the right one.

Hypothesis draws the order of losses, doubles, deaths, outages and restored backups; meter and operator are real,
with real files and a real database. Time is in the hand of the test.
"""

import os
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gateway.fehler import OrdnerFehler
from stromzaehler_sim.stoerung import Eingriffsart
from tests.e2e.verlauf import Verlauf

GRUENDLICH = bool(os.environ.get("MSB_TEST_GRUENDLICH"))
BEISPIELE = 250 if GRUENDLICH else 15
VIERTEL = 900

SCHICKSALE = (
    "anfrage_verloren",
    "antwort_verloren",
    "verdoppelt",
    "umgestellt",
    "verwechselt",
    "absturz_vorher",
    "absturz_nachher",
)
EREIGNISSE = st.one_of(
    st.tuples(st.just("zeit"), st.integers(1, 6)),
    st.tuples(st.just("stillstand"), st.integers(1, 300)),
    st.tuples(st.sampled_from(SCHICKSALE), st.just(1)),
    st.tuples(st.just("funkloch"), st.integers(1, 12)),
    st.tuples(st.just("neustart"), st.just(0)),
    st.tuples(st.just("absturz"), st.just(0)),
    st.tuples(st.just("tod_vor_commit"), st.integers(1, 12)),
    st.tuples(st.just("tod_nach_commit"), st.integers(1, 12)),
    st.tuples(st.just("stromausfall"), st.integers(1, 20_000)),
    st.tuples(st.just("puffer_verlust"), st.just(0)),
    st.tuples(st.just("sicherung"), st.just(0)),
    st.tuples(st.just("rueckspielen"), st.just(0)),
)


def happen(verlauf, was, wert):
    match was:
        case "zeit":
            verlauf.pass_time(wert)
        case "stillstand":
            verlauf.skip_time(wert)
        case "funkloch":
            verlauf.strippe.schicksal = "weg"
            verlauf.pass_time(wert)
            verlauf.strippe.schicksal = "gut"
        case "neustart":
            verlauf.restart()
        case "absturz":
            verlauf.crash()
        case "tod_vor_commit" | "tod_nach_commit":
            verlauf.uhrwerk.bis_zum_tod, verlauf.uhrwerk.davor = wert, was == "tod_vor_commit"
            verlauf.pass_time(2)
        case "stromausfall":
            verlauf.fail_power(wert)
        case "puffer_verlust":
            verlauf.do(Eingriffsart.PUFFER_VERLUST)
        case "sicherung":
            verlauf.save_database()
        case "rueckspielen":
            verlauf.restore_database()
        case _:
            verlauf.strippe.schicksal = was
            verlauf.pass_time(1)


@pytest.fixture
def neuer_verlauf(kanal, welt, uhr, tmp_path):
    """Makes meters with one operator, each from the present on."""
    verlaeufe = []

    def make():
        verlaeufe.append(Verlauf(kanal, welt, uhr, tmp_path / f"zaehler-{len(verlaeufe)}"))
        return verlaeufe[-1]

    yield make
    for verlauf in verlaeufe:
        verlauf.close()


def check(verlauf):
    assert verlauf.stored() == verlauf.expected()
    assert verlauf.quarantined() == []
    # What was told to be lost is what an outage took, and nothing else.
    assert verlauf.told_lost().isdisjoint(uhrzeit for uhrzeit, _, _ in verlauf.expected())


@settings(
    max_examples=BEISPIELE,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(ereignisse=st.lists(EREIGNISSE, min_size=1, max_size=12))
@example(ereignisse=[("sicherung", 0), ("zeit", 3), ("rueckspielen", 0), ("zeit", 1)])
@example(ereignisse=[("zeit", 2), ("stromausfall", 4000), ("absturz", 0), ("stromausfall", 10)])
@example(ereignisse=[("antwort_verloren", 1), ("tod_nach_commit", 3), ("puffer_verlust", 0), ("umgestellt", 1)])
def test_any_order_of_events_leaves_every_reading_once(neuer_verlauf, ereignisse):
    verlauf = neuer_verlauf()
    for was, wert in ereignisse:
        happen(verlauf, was, wert)
    verlauf.heal()
    check(verlauf)


def test_a_buffer_that_overflows_loses_nothing_that_the_meter_remembers(neuer_verlauf):
    verlauf = neuer_verlauf()
    verlauf.pass_time(2)
    verlauf.strippe.schicksal = "weg"
    verlauf.skip_time(62 * 96)
    assert verlauf.zaehler.gateway.puffer.waiting() == verlauf.zaehler.gateway.puffer.kapazitaet
    assert "PUFFER_VOLL" in [eintrag.code for eintrag in verlauf.zaehler.zaehlwerk.protokoll.newest()]
    verlauf.heal()
    check(verlauf)


def test_three_weeks_offline_heal_without_a_hand(neuer_verlauf):
    verlauf = neuer_verlauf()
    verlauf.strippe.schicksal = "weg"
    verlauf.pass_time(21 * 96)
    # A day is enough.
    verlauf.heal(96)
    check(verlauf)


def test_death_at_each_commit_of_a_quarter_hour(neuer_verlauf):
    """The same quarter hour, over and over, with the process dying at another place each time."""
    for davor in (True, False):
        verlauf = neuer_verlauf()
        verlauf.pass_time(2)
        for stelle in range(1, 9):
            verlauf.uhrwerk.bis_zum_tod, verlauf.uhrwerk.davor = stelle, davor
            verlauf.pass_time(1)
        verlauf.heal()
        check(verlauf)


def test_lost_keys_end_in_a_new_enrolment_with_a_new_epoche(neuer_verlauf):
    verlauf = neuer_verlauf()
    verlauf.pass_time(3)
    epoche = verlauf.zaehler.gateway.puffer.epoche
    # What waits here was never sent under the old keys.
    verlauf.strippe.schicksal = "weg"
    verlauf.pass_time(5)
    with pytest.raises(OrdnerFehler, match="--neu"):
        verlauf.do(Eingriffsart.SCHLUESSEL_VERLUST)
    verlauf.zaehler.close()
    verlauf.enrol_again()
    assert verlauf.zaehler.gateway.puffer.epoche > epoche
    verlauf.heal()
    check(verlauf)


def test_a_clock_that_fell_back_to_1970_stamps_nothing_until_it_is_right(neuer_verlauf):
    verlauf = neuer_verlauf()
    verlauf.pass_time(2)
    vorher = len(verlauf.stored())
    verlauf.strippe.schicksal = "weg"
    verlauf.do(Eingriffsart.UHR_VERLUST)
    verlauf.uhr.advance(timedelta(seconds=3 * VIERTEL))
    verlauf.step()
    assert verlauf.zaehler.jetzt() < 86_400
    assert verlauf.zaehler.gateway.puffer.waiting() == 0
    assert len(verlauf.stored()) == vorher
    verlauf.heal()
    assert abs(verlauf.zaehler.jetzt() - verlauf.jetzt) < 1
    check(verlauf)

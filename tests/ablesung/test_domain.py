"""Which readings are plausible, by hand."""

from decimal import Decimal

import pytest

from betreiber.ablesung.domain import Befund, Fenster, Grenzen, Stand, judge, max_power, upload_slot, value_hash
from tests.kanal import messwert

T = 900_000
OFFEN = Grenzen(fruehestens=0, spaetestens=10**10, hoechstleistung_w=None)
HAUS = Grenzen(fruehestens=0, spaetestens=10**10, hoechstleistung_w=4000)


def one(wert, grenzen=OFFEN, bekannt=(), vorher=None, nachher=None):
    (befund,) = judge([wert], {stand.uhrzeit: stand for stand in bekannt}, vorher, nachher, grenzen)
    return befund


def test_max_power():
    assert max_power([], 1) is None
    assert max_power([Decimal("30.000"), Decimal("14.490")], 1) == 37_500
    # Behind a transformer 200/5 the meter sees the fortieth part: 37,500 / 40 = 937.5.
    assert max_power([Decimal("30.000")], 40) == 937


def test_the_first_reading_has_no_neighbours():
    assert one(messwert(T, 5)) is Befund.NEU


def test_without_a_known_connection_any_rise_is_believed():
    assert one(messwert(T, 10**12, leistung_w=10**9), vorher=Stand(T - 900, 0, 0, None)) is Befund.NEU


@pytest.mark.parametrize(
    ("bezug_wh", "befund"),
    # 4 kW in a quarter hour: 1000 Wh, and one step of a display that shows whole kWh.
    [(2000, Befund.NEU), (2001, Befund.LEISTUNG)],
)
def test_energy_beyond_the_connection(bezug_wh, befund):
    vorher = Stand(T - 900, 0, 0, None)
    assert one(messwert(T, bezug_wh), HAUS, vorher=vorher) is befund
    assert one(messwert(T, 0, bezug_wh), HAUS, vorher=vorher) is befund
    assert one(messwert(T, 0), HAUS, nachher=Stand(T + 900, bezug_wh, 0, None)) is befund


@pytest.mark.parametrize(
    ("uhrzeit", "befund"), [(T, Befund.NEU), (T - 900, Befund.ZU_ALT), (T + 900, Befund.ZUKUNFT)]
)
def test_bounds_are_allowed_themselves(uhrzeit, befund):
    assert one(messwert(uhrzeit, 1), Grenzen(T, T, None)) is befund


def test_readings_of_one_message_are_judged_against_each_other():
    werte = [messwert(T, 10), messwert(T + 900, 5), messwert(T + 1800, 9), messwert(T + 2700, 12)]
    assert judge(werte, {}, None, None, OFFEN) == [Befund.NEU, Befund.RUECKLAUF, Befund.RUECKLAUF, Befund.NEU]


def test_a_known_reading_between_is_a_neighbour():
    bekannt = Stand(T + 900, 20, 0, None)
    werte = [messwert(T, 21), messwert(T + 1800, 19)]
    assert judge(werte, {bekannt.uhrzeit: bekannt}, None, None, OFFEN) == [Befund.RUECKLAUF, Befund.RUECKLAUF]


def test_equal_is_doppelt_and_anything_else_a_conflict():
    stand = Stand(T, 10, 1, 100)
    assert one(messwert(T, 10, 1, 100), bekannt=[stand]) is Befund.DOPPELT
    for anders in ((11, 1, 100), (10, 2, 100), (10, 1, 101), (10, 1, None)):
        assert one(messwert(T, *anders), bekannt=[stand]) is Befund.KONFLIKT


def test_the_hash_of_a_value_tells_values_apart_and_times_not():
    werte = [messwert(T, 10), messwert(T, 11), messwert(T, 10, 1), messwert(T, 10, leistung_w=0)]
    assert len({value_hash(wert) for wert in werte}) == 4
    assert value_hash(messwert(T, 10)) == value_hash(messwert(T + 900, 10))


def test_the_window_keeps_64_numbers():
    gespeichert = b""
    for folge in range(65):
        gespeichert = Fenster(gespeichert).with_added(folge, bytes([folge]) * 32)
    fenster = Fenster(gespeichert)
    assert len(gespeichert) == 64 * 40
    assert (fenster.find(0), fenster.find(1), fenster.find(64)) == (None, b"\x01" * 32, b"\x40" * 32)


def test_upload_slots_are_spread_and_stay():
    plaetze = [upload_slot(b"schluessel", f"1EMH00{n:08}") for n in range(6000)]
    assert (min(plaetze), max(plaetze)) == (0, 599)
    # 6000 meters on 600 seconds are 10 each; a good hash stays below 30 with overwhelming probability.
    assert max(plaetze.count(platz) for platz in range(600)) < 30
    assert plaetze[7] == upload_slot(b"schluessel", "1EMH0000000007")

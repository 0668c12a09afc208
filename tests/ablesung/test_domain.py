"""Which readings are plausible, by hand."""

from dataclasses import replace
from decimal import Decimal

import pytest

from betreiber.ablesung.domain import (
    Befund,
    Fenster,
    Grenzen,
    Stand,
    find_rejected,
    judge,
    max_power,
    rollover_wh,
    upload_slot,
    value_hash,
)
from betreiber.ablesung.zaehlwerk import Uebergang, Zaehlwerk, begin_anew, begin_factor, begin_rollover
from tests.kanal import messwert

T = 900_000
OFFEN = Grenzen(fruehestens=0, spaetestens=10**10, hoechstleistung_w=None)
HAUS = Grenzen(fruehestens=0, spaetestens=10**10, hoechstleistung_w=4000)
# Five digits: the register rolls over at 100,000 kWh.
FUENFSTELLIG = replace(HAUS, ueberlauf_wh=100_000_000)


def one(wert, grenzen=OFFEN, bekannt=(), vorher=None, nachher=None):
    urteil = judge([wert], {stand.uhrzeit: stand for stand in bekannt}, vorher, nachher, grenzen)
    (befund,) = urteil.befunde
    return befund


def test_max_power():
    assert max_power([]) is None
    assert max_power([Decimal("30.000"), Decimal("14.490")]) == 37_500


def test_digits_say_where_a_register_rolls_over():
    assert (rollover_wh(5), rollover_wh(6)) == (100_000_000, 1_000_000_000)


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


VIER = [messwert(T + 900 * nummer, 100 * nummer, 10 * nummer, 400) for nummer in range(1, 5)]


@pytest.mark.parametrize(
    ("zweite", "befund"),
    [
        (VIER[1], Befund.NEU),
        (messwert(T + 1800, 2101, 20), Befund.LEISTUNG),
        (messwert(T + 1800, 200, 2011), Befund.LEISTUNG),
        (messwert(T + 1800, 200, 20, -4001), Befund.LEISTUNG),
        (messwert(T + 1800, 99, 20), Befund.RUECKLAUF),
        (messwert(T + 1800, 200, 9), Befund.RUECKLAUF),
    ],
)
def test_among_good_readings_the_bad_one_is_found(zweite, befund):
    werte = [VIER[0], zweite, *VIER[2:]]
    erwartet = [Befund.NEU, befund, Befund.NEU, Befund.NEU]
    assert judge(werte, {}, Stand(T, 0, 0, None), None, HAUS).befunde == erwartet


def test_bounds_within_a_message():
    grenzen = replace(HAUS, fruehestens=T + 1800, spaetestens=T + 2700)
    befunde = judge(VIER, {}, None, None, grenzen).befunde
    assert befunde == [Befund.ZU_ALT, Befund.NEU, Befund.NEU, Befund.ZUKUNFT]
    assert find_rejected(befunde) == [0, 3]
    assert find_rejected([Befund.NEU, Befund.DOPPELT]) == []


def test_readings_of_one_message_are_judged_against_each_other():
    werte = [messwert(T, 10), messwert(T + 900, 5), messwert(T + 1800, 9), messwert(T + 2700, 12)]
    assert judge(werte, {}, None, None, OFFEN).befunde == [
        Befund.NEU,
        Befund.RUECKLAUF,
        Befund.RUECKLAUF,
        Befund.NEU,
    ]


def test_a_known_reading_between_is_a_neighbour():
    bekannt = Stand(T + 900, 20, 0, None)
    werte = [messwert(T, 21), messwert(T + 1800, 19)]
    befunde = judge(werte, {bekannt.uhrzeit: bekannt}, None, None, OFFEN).befunde
    assert befunde == [Befund.RUECKLAUF, Befund.RUECKLAUF]


@pytest.mark.parametrize(
    ("vorher_wh", "nachher_wh", "befund"),
    [
        # 4 kW in a quarter hour are 1000 Wh, and one step of the display 1000 Wh more.
        (99_999_000, 999, Befund.NEU),
        (99_999_000, 1_001, Befund.RUECKLAUF),
        (99_999_999, 0, Befund.NEU),
        (50_000_000, 49_999_999, Befund.RUECKLAUF),
        # A register that shows more than its digits can was not described rightly: nothing explains its fall.
        (100_000_000, 0, Befund.RUECKLAUF),
    ],
)
def test_a_rollover_is_explained_by_digits_and_power(vorher_wh, nachher_wh, befund):
    assert one(messwert(T, nachher_wh), FUENFSTELLIG, vorher=Stand(T - 900, vorher_wh, 0, None)) is befund
    assert one(messwert(T, 0, nachher_wh), FUENFSTELLIG, vorher=Stand(T - 900, 0, vorher_wh, None)) is befund
    assert one(messwert(T, vorher_wh), FUENFSTELLIG, nachher=Stand(T + 900, nachher_wh, 0, None)) is befund


@pytest.mark.parametrize("grenzen", [HAUS, replace(FUENFSTELLIG, hoechstleistung_w=None)])
def test_without_digits_or_power_nothing_explains_a_fall(grenzen):
    assert one(messwert(T, 0), grenzen, vorher=Stand(T - 900, 99_999_999, 0, None)) is Befund.RUECKLAUF


def test_what_a_rollover_tells_about_its_neighbours():
    vorher, nachher = Stand(T - 900, 99_999_900, 7, None), Stand(T + 900, 200, 7, None)
    # After the rollover, and before it: which registers fell towards the reading, and from it.
    spaet = judge([messwert(T, 100, 7)], {}, vorher, nachher, FUENFSTELLIG)
    assert spaet.uebergaenge == [Uebergang(T - 900, T, True, False), Uebergang(T, T + 900, False, False)]
    frueh = judge([messwert(T, 99_999_950, 7)], {}, vorher, nachher, FUENFSTELLIG)
    assert frueh.uebergaenge == [Uebergang(T - 900, T, False, False), Uebergang(T, T + 900, True, False)]
    # Of registers that rise there is nothing to tell.
    assert judge([messwert(T, 100, 7)], {}, None, nachher, FUENFSTELLIG).uebergaenge == []
    # Unless one was thought to have rolled over there.
    bekannt = replace(FUENFSTELLIG, zaehlwerk=Zaehlwerk(1, begin_rollover(1, (), T, (100_000_000, 0), 0)))
    widerlegt = judge([messwert(T, 99_999_950, 7)], {}, vorher, None, bekannt)
    assert widerlegt.uebergaenge == [Uebergang(T - 900, T, False, False)]
    danach = judge([messwert(T + 900, 110, 7)], {}, Stand(T, 100, 7, None), None, bekannt)
    assert danach.uebergaenge == []


def test_the_power_behind_a_transformer():
    wandler = replace(HAUS, zaehlwerk=Zaehlwerk(40))
    # 4 kW behind 200/5: the meter may measure 100 W and count 25 Wh in a quarter hour, and a step of its display.
    assert one(messwert(T, 5, leistung_w=100), wandler) is Befund.NEU
    assert one(messwert(T, 5, leistung_w=-101), wandler) is Befund.LEISTUNG
    vorher = Stand(T - 900, 0, 0, None)
    assert one(messwert(T, 1025), wandler, vorher=vorher) is Befund.NEU
    assert one(messwert(T, 1026), wandler, vorher=vorher) is Befund.LEISTUNG


def test_the_factor_of_the_section_counts():
    # From T on the factor is 40 instead of 1.
    abschnitte = begin_factor(1, (), T, 40, {T: (2000, 0)}, 0)
    wandler = replace(HAUS, zaehlwerk=Zaehlwerk(1, abschnitte))
    assert one(messwert(T, 2000, leistung_w=101), wandler) is Befund.LEISTUNG
    assert one(messwert(T - 900, 1500, leistung_w=4000), wandler) is Befund.NEU
    # Up to T 1000 Wh are possible and a step of 1000 Wh; from T on 25 Wh as the meter counts, and a step.
    assert one(messwert(T, 2000), wandler, vorher=Stand(T - 900, 0, 0, None)) is Befund.NEU
    assert one(messwert(T + 900, 3025), wandler, vorher=Stand(T, 2000, 0, None)) is Befund.NEU
    assert one(messwert(T + 900, 3026), wandler, vorher=Stand(T, 2000, 0, None)) is Befund.LEISTUNG


def test_a_register_that_began_anew_did_not_fall():
    # At T it ended at 5000 and began at 10.
    neu = replace(HAUS, zaehlwerk=Zaehlwerk(1, begin_anew(1, (), T, (5000, 0), (10, 0), 0)))
    nachher = Stand(T, 10, 0, None)
    assert one(messwert(T - 900, 4900), neu, nachher=nachher) is Befund.NEU
    assert one(messwert(T - 900, 5001), neu, nachher=nachher) is Befund.RUECKLAUF
    assert one(messwert(T + 900, 9), neu, vorher=nachher) is Befund.RUECKLAUF
    # That it rolled over explains one turn, not two: at its end and again since its new begin.
    zweimal = begin_anew(1, (), T, (0, 0), (99_999_999, 0), 0)
    ueberlaufend = replace(FUENFSTELLIG, zaehlwerk=Zaehlwerk(1, zweimal))
    assert one(messwert(T, 0), ueberlaufend, vorher=Stand(T - 900, 99_999_999, 0, None)) is Befund.RUECKLAUF


def test_equal_is_doppelt_and_anything_else_a_conflict():
    stand = Stand(T, 10, 1, 100)
    assert one(messwert(T, 10, 1, 100), bekannt=[stand]) is Befund.DOPPELT
    for anders in ((11, 1, 100), (10, 2, 100), (10, 1, 101), (10, 1, None)):
        assert one(messwert(T, *anders), bekannt=[stand]) is Befund.KONFLIKT


def confirmed(werte, abgelesen, grenzen=OFFEN, bekannt=(), nachher=None):
    """The display shows whole kWh: the rest of one may be there."""
    alle = {stand.uhrzeit: stand for stand in (*abgelesen, *bekannt)}
    hoechstens = {stand.uhrzeit: (stand.bezug_wh + 999, stand.einspeisung_wh) for stand in abgelesen}
    return judge(werte, alle, None, nachher, grenzen, hoechstens).befunde


def test_what_people_read_gives_way_to_the_same_with_more():
    gelesen = Stand(T, 15_390_000, 0, None)
    for leistung_w in (400, None):
        assert confirmed([messwert(T, 15_390_512, leistung_w=leistung_w)], [gelesen]) == [Befund.NEU]
    assert confirmed([messwert(T, 15_390_000, leistung_w=400)], [gelesen]) == [Befund.NEU]
    # Nothing more than that.
    assert confirmed([messwert(T, 15_390_000, leistung_w=None)], [gelesen]) == [Befund.DOPPELT]
    assert confirmed([messwert(T, 15_391_000)], [gelesen]) == [Befund.KONFLIKT]
    # What nobody read at a display, as a correction, stays.
    assert one(messwert(T, 15_390_512), bekannt=[gelesen]) is Befund.KONFLIKT


def test_what_was_cut_off_does_not_make_the_register_fall():
    gelesen = Stand(T, 15_390_000, 0, None)
    werte = [messwert(T - 900, 15_390_400), messwert(T, 15_390_512), messwert(T + 900, 15_390_600)]
    assert confirmed(werte, [gelesen]) == [Befund.NEU] * 3
    # The others are judged by it all the same where the meter says another one there, or one that cannot be.
    andere = [werte[0], messwert(T, 15_391_512), werte[2]]
    assert confirmed(andere, [gelesen]) == [Befund.NEU, Befund.KONFLIKT, Befund.NEU]
    unmoeglich = [werte[0], messwert(T, 15_390_512, leistung_w=9_999), werte[2]]
    assert confirmed(unmoeglich, [gelesen], HAUS) == [Befund.NEU, Befund.KONFLIKT, Befund.NEU]


def test_what_was_cut_off_counts_as_no_less_than_what_is_before_it():
    gelesen = Stand(T, 15_390_000, 0, None)

    def around(*werte):
        return confirmed([messwert(T + 900 * schritt, wh) for schritt, wh in werte], [gelesen])

    assert around((-1, 15_390_999)) == [Befund.NEU]
    assert around((-1, 15_391_000)) == [Befund.RUECKLAUF]
    # What follows has to be as much as that.
    assert around((-1, 15_390_400), (1, 15_390_399)) == [Befund.NEU, Befund.RUECKLAUF]
    assert around((-1, 15_390_400), (1, 15_390_400)) == [Befund.NEU, Befund.NEU]
    # Of what nobody read at a display every Wh counts.
    assert one(messwert(T - 900, 15_390_001), nachher=gelesen) is Befund.RUECKLAUF
    hoechstens = {T: (15_390_999, 0)}
    assert judge([messwert(T - 900, 15_390_400)], {}, None, gelesen, OFFEN, hoechstens).befunde == [Befund.NEU]


def test_one_that_is_impossible_does_not_keep_another_one_from_taking_its_place():
    gelesen = [Stand(T, 1_000, 0, None), Stand(T + 1800, 2_000, 0, None)]
    werte = [messwert(T, 1_200, leistung_w=9_999), messwert(T + 900, 1_300), messwert(T + 1800, 2_100)]
    assert confirmed(werte, gelesen, HAUS) == [Befund.KONFLIKT, Befund.NEU, Befund.NEU]


def test_the_hash_of_a_value_tells_values_apart_and_times_not():
    werte = [messwert(T, 10), messwert(T, 11), messwert(T, 10, 1), messwert(T, 10, leistung_w=0)]
    assert len({value_hash(wert) for wert in werte}) == 4
    assert value_hash(messwert(T, 10)) == value_hash(messwert(T + 900, 10))


def test_the_window_keeps_64_numbers():
    gespeichert = b""
    for folge in range(65):
        gespeichert = Fenster(gespeichert).with_added(folge, bytes([folge]) * 32)
    fenster = Fenster(gespeichert)
    assert len(gespeichert) == 64 * 24
    assert (fenster.find(0), fenster.find(1), fenster.find(64)) == (None, b"\x01" * 16, b"\x40" * 16)


def test_upload_slots_are_spread_and_stay():
    plaetze = [upload_slot(b"schluessel", f"1EMH00{n:08}") for n in range(6000)]
    assert (min(plaetze), max(plaetze)) == (0, 599)
    # 6000 meters on 600 seconds are 10 each; a good hash stays below 30 with overwhelming probability.
    assert max(plaetze.count(platz) for platz in range(600)) < 30
    assert plaetze[7] == upload_slot(b"schluessel", "1EMH0000000007")

"""What is lit: lines, arrows, bars, symbols, by hand from the state of the meter."""

from __future__ import annotations

from dataclasses import replace

import pytest

from stromzaehler_sim.anzeige.bedienung import Bedienung, Schritt
from stromzaehler_sim.anzeige.gesicht import Gesicht, Symbol, Zeile, bars, build_gesicht, format_zaehler
from stromzaehler_sim.anzeige.messstand import Messstand
from stromzaehler_sim.anzeige.text import lines
from tests.stromzaehler_sim.anzeige.geraet import LIEFERZUSTAND, MESSSTAND, MONTAG, ZUSTAND


def face(messstand: Messstand = MESSSTAND, schritt: Schritt = Schritt.NORMAL, sekunde: float = 0) -> Gesicht:
    return build_gesicht(messstand, Bedienung(LIEFERZUSTAND, schritt), MONTAG + sekunde)


def test_line_1_shows_both_registers_in_turn_each_for_ten_seconds() -> None:
    assert face().zeile_1 == Zeile("002043", "1.8.0", ("kWh",))
    assert face(sekunde=10).zeile_1 == Zeile("000056", "2.8.0", ("kWh",))
    assert [face(sekunde=s).zeile_1.kennung for s in (9.9, 19.9, 20)] == ["1.8.0", "2.8.0", "1.8.0"]


def test_line_1_of_a_meter_configured_without_feed_in() -> None:
    bedienung = Bedienung(replace(LIEFERZUSTAND, nur_bezug=True))
    assert [build_gesicht(MESSSTAND, bedienung, MONTAG + s).zeile_1.kennung for s in (0, 10)] == ["1.8.0", "1.8.0"]


@pytest.mark.parametrize(
    ("zehntelwh", "zeichen"),
    [
        (0, "000000"),
        (9_999, "000000"),
        (10_000, "000001"),
        (9_999_999_999, "999999"),
        (10_000_000_000, "1000000"),
        (10**12 - 1, "99999999"),
        (10**12, "000000"),  # the register is full and begins anew
    ],
)
def test_whole_kwh_floored_with_at_least_six_digits(zehntelwh: int, zeichen: str) -> None:
    assert face(replace(MESSSTAND, bezug_zehntelwh=zehntelwh)).zeile_1.zeichen == zeichen


def test_inf_changes_nothing_on_line_1() -> None:
    bedienung = Bedienung(replace(LIEFERZUSTAND, inf=True))
    assert build_gesicht(MESSSTAND, bedienung, MONTAG).zeile_1 == Zeile("002043", "1.8.0", ("kWh",))


@pytest.mark.parametrize(
    ("leistung_w", "zeichen", "bezug", "einspeisung"),
    [
        (193, "193", True, False),
        (-1500, "-1500", False, True),
        (0, "0", False, False),
        (None, "------", False, False),
    ],
)
def test_power_with_its_sign_and_its_arrow(
    leistung_w: int | None, zeichen: str, bezug: bool, einspeisung: bool
) -> None:
    gesicht = face(replace(MESSSTAND, leistung_w=leistung_w), Schritt.LEISTUNG)
    assert gesicht.zeile_2 == Zeile(zeichen, "P", ("W",))
    assert (gesicht.bezug, gesicht.einspeisung) == (bezug, einspeisung)


@pytest.mark.parametrize(
    ("wh", "zeichen"),
    [
        (None, "------"),
        (0, "0.0"),
        (99, "0.0"),
        (100, "0.1"),
        (73_499, "73.4"),
        (4_000_000, "4000.0"),
        (9_999_999_999, "9999999.9"),
        (10**10, "0.0"),
    ],
)
def test_energy_with_one_decimal_floored_and_what_is_unknown_is_never_zero(wh: int | None, zeichen: str) -> None:
    assert face(replace(MESSSTAND, verbrauch_wh=wh), Schritt.WOCHE).zeile_2 == Zeile(zeichen, "7d", ("kWh",))


@pytest.mark.parametrize(
    ("rsrp_dbm", "balken"),
    [(None, 0), (-140, 0), (-121, 0), (-120, 1), (-114, 1), (-113, 2), (-105, 3), (-91, 3), (-90, 4), (-44, 4)],
)
def test_bars_from_the_rsrp(rsrp_dbm: int | None, balken: int) -> None:
    assert bars(replace(ZUSTAND, rsrp_dbm=rsrp_dbm)) == balken


@pytest.mark.parametrize("sim", ["KEINE", "PIN_GESPERRT", "NICHT_EINGEBUCHT"])
def test_no_bars_before_the_meter_is_attached(sim: str) -> None:
    assert bars(replace(ZUSTAND, sim=sim, rsrp_dbm=-70)) == 0


@pytest.mark.parametrize(
    ("zustand", "symbole"),
    [
        (ZUSTAND, {Symbol.PIN}),
        (None, {Symbol.PIN}),
        (replace(ZUSTAND, sim="KEINE"), {Symbol.PIN, Symbol.SIM_FEHLT}),
        (replace(ZUSTAND, sim="PIN_GESPERRT"), {Symbol.PIN, Symbol.SIM_PIN}),
        (replace(ZUSTAND, sendet=True), {Symbol.PIN, Symbol.SENDET}),
        (replace(ZUSTAND, quittiert=False), {Symbol.PIN, Symbol.UNQUITTIERT}),
        (replace(ZUSTAND, gesperrt=True), {Symbol.PIN, Symbol.GESPERRT}),
        (replace(ZUSTAND, uhr="UNSICHER"), {Symbol.PIN, Symbol.UHR}),
        (replace(ZUSTAND, uhr="UNGUELTIG"), {Symbol.PIN, Symbol.UHR}),
    ],
)
def test_symbols_from_the_report_of_the_running_meter(zustand, symbole) -> None:
    assert face(replace(MESSSTAND, zustand=zustand)).symbole == symbole


@pytest.mark.parametrize(("alter_s", "frisch"), [(0, True), (300, True), (301, False), (-301, False)])
def test_a_killed_meter_does_not_send_for_ever(alter_s: int, frisch: bool) -> None:
    """Five real minutes after its last report nothing is said of the radio; the phases stay."""
    bericht = replace(ZUSTAND, stand=MONTAG - alter_s, sendet=True, quittiert=False, phasen=(True, False, True))
    gesicht = face(replace(MESSSTAND, zustand=bericht))
    assert (Symbol.SENDET in gesicht.symbole, Symbol.UNQUITTIERT in gesicht.symbole) == (frisch, frisch)
    assert (gesicht.rat, gesicht.balken) == (("LTE-M", 3) if frisch else ("", 0))
    assert gesicht.phasen == (True, False, True)


def test_phases_waiting_readings_and_the_pulse_led() -> None:
    gesicht = face(replace(MESSSTAND, wartend=12, zustand=replace(ZUSTAND, phasen=(True, False, True))))
    assert (gesicht.phasen, gesicht.wartend, gesicht.balken, gesicht.rat) == ((True, False, True), 12, 3, "LTE-M")
    # 20,431,047 + 567,891 tenths of a Wh is even, one more is odd: lit for every other 0.1 Wh.
    assert not gesicht.led
    assert face(replace(MESSSTAND, bezug_zehntelwh=20_431_048)).led


@pytest.mark.parametrize("schritt", [Schritt.NORMAL, Schritt.TEST, Schritt.LEISTUNG])
def test_without_voltage_nothing_is_lit(schritt: Schritt) -> None:
    zustand = replace(ZUSTAND, phasen=(False, False, False), sendet=True)
    gesicht = face(replace(MESSSTAND, wartend=3, bezug_zehntelwh=20_431_048, zustand=zustand), schritt)
    assert (gesicht.zeile_1, gesicht.zeile_2, gesicht.symbole) == (Zeile(), Zeile(), frozenset())
    assert lines(gesicht) == ("keine Spannung", "")
    assert not any((*gesicht.phasen, gesicht.bezug, gesicht.balken, gesicht.wartend, gesicht.led))


def test_the_display_test_lights_everything() -> None:
    gesicht = face(schritt=Schritt.TEST)
    assert gesicht.symbole == frozenset(Symbol)
    assert (gesicht.zeile_1.zeichen, gesicht.zeile_2.zeichen) == ("8." * 8, "8." * 8)
    assert all((*gesicht.phasen, gesicht.bezug, gesicht.einspeisung, gesicht.led))
    assert (gesicht.balken, gesicht.wartend) == (4, 8888)


def test_meter_numbers_as_printed() -> None:
    assert format_zaehler("1EMH0012345678") == "1 EMH 00 1234 5678"


def test_the_face_as_text() -> None:
    gesicht = face(replace(MESSSTAND, verbrauch_wh=73_499, wartend=3), Schritt.WOCHE)
    assert lines(gesicht) == ("1.8.0  002043 kWh", "7d  73,4 kWh | L1 L2 L3 | +A | LTE-M 3/4 | 3 wartend")
    ohne = replace(
        MESSSTAND, leistung_w=-5, zustand=replace(ZUSTAND, sim="KEINE", rat="", phasen=(True, False, True))
    )
    assert lines(face(ohne))[1] == "L1 L3 | -A | PIN | SIM fehlt | 0 wartend"

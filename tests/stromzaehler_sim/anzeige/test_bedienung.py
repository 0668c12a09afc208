"""The operation of the meter as tables: an instant, a press, and what line 2 shows after it.

The expected lines are written by hand from the manuals that docs/anzeige.md names. PIN 3021: three pulses, wait,
no pulse, wait, two pulses, wait, one pulse, wait.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from stromzaehler_sim.anzeige.bedienung import Bedienung, Schritt, advance, press
from stromzaehler_sim.anzeige.einstellungen import Einstellungen
from stromzaehler_sim.anzeige.gesicht import Symbol, build_gesicht
from stromzaehler_sim.anzeige.hinweise import hint
from tests.stromzaehler_sim.anzeige.geraet import LIEFERZUSTAND, MESSSTAND, MONTAG

Zug = tuple[float, str, str]
"""(seconds after the start, "", "kurz" or "lang", line 2 after it)"""

TEST = "888888 8.8.8.8.8.8.8.8."
KURZ, LANG, WARTEN = "kurz", "lang", ""
# The way in: display test, entry, and the right PIN, judged at second 20.
ANMELDEN: list[Zug] = [
    (0, WARTEN, ""),
    (1, KURZ, TEST),
    (2, KURZ, "Pin -0----"),
    (3, KURZ, "Pin -1----"),
    (4, KURZ, "Pin -2----"),
    (5, KURZ, "Pin -3----"),
    (7, WARTEN, "Pin -3----"),
    (8, WARTEN, "Pin -30---"),
    (11, WARTEN, "Pin -300--"),
    (12, KURZ, "Pin -301--"),
    (13, KURZ, "Pin -302--"),
    (16, WARTEN, "Pin -3020-"),
    (17, KURZ, "Pin -3021-"),
    (19, WARTEN, "Pin -3021-"),
    (20, WARTEN, "P 193"),
]
# What the memory tells in these tests, whatever is asked: 73.49 kWh.
STAND = replace(MESSSTAND, verbrauch_wh=73_490)


def line_2(bedienung: Bedienung, instant: float) -> str:
    zeile = build_gesicht(STAND, bedienung, instant).zeile_2
    return f"{zeile.kennung} {zeile.zeichen}".strip()


def play(zuege: Sequence[Zug], einstellungen: Einstellungen = LIEFERZUSTAND) -> Bedienung:
    """Do what the table says, check each line, and return the last state."""
    bedienung = Bedienung(einstellungen)
    for sekunde, druck, erwartet in zuege:
        instant = MONTAG + sekunde
        if druck:
            bedienung = press(
                bedienung,
                instant,
                lang=druck == LANG,
                uhrzeit=STAND.uhrzeit,
                bezug_zehntelwh=STAND.bezug_zehntelwh,
            )
        else:
            bedienung = advance(bedienung, instant)
        assert line_2(bedienung, instant) == erwartet, f"second {sekunde}, {druck or 'waiting'}"
    return bedienung


def open_menu(*zuege: Zug, einstellungen: Einstellungen = LIEFERZUSTAND) -> Bedienung:
    return play([*ANMELDEN, *zuege], einstellungen)


def test_right_pin_opens_line_2_and_a_lock_closes_it() -> None:
    assert Symbol.PIN in build_gesicht(STAND, Bedienung(LIEFERZUSTAND), MONTAG).symbole
    assert Symbol.PIN not in build_gesicht(STAND, open_menu(), MONTAG + 20).symbole


def test_the_menu_in_its_order_by_short_presses_and_round_again() -> None:
    zeilen = "E 73.4|E CLr|1d 73.4|7d 73.4|30d 73.4|365d 73.4|HIS CLr|InF OFF|Pin On|P 193|E 73.4"
    open_menu(*[(21 + n, KURZ, zeile) for n, zeile in enumerate(zeilen.split("|"))])


def test_a_long_press_does_nothing_where_there_is_nothing_to_choose() -> None:
    bedienung = open_menu((21, LANG, "P 193"), (22, KURZ, "E 73.4"), (23, LANG, "E 73.4"))
    assert bedienung.einstellungen == LIEFERZUSTAND


def test_clearing_e_counts_from_the_register_of_that_moment() -> None:
    bedienung = open_menu((21, KURZ, "E 73.4"), (22, KURZ, "E CLr"), (23, LANG, "E 73.4"))
    assert bedienung.einstellungen.null_zehntelwh == 20_431_047


def test_clearing_the_history_starts_it_at_that_moment() -> None:
    zuege = [(21 + n, KURZ, z) for n, z in enumerate("E 73.4|E CLr|1d 73.4|7d 73.4|30d 73.4|365d 73.4".split("|"))]
    bedienung = open_menu(*zuege, (27, KURZ, "HIS CLr"), (28, LANG, "1d 73.4"))
    assert bedienung.einstellungen.historie_ab == MONTAG
    assert bedienung.einstellungen.null_zehntelwh == 0


def test_inf_and_pin_are_switched_by_long_presses_and_apart_from_each_other() -> None:
    zuege = [(21 + n, KURZ, z) for n, z in enumerate("E 73.4|E CLr|1d 73.4|7d 73.4|30d 73.4|365d 73.4".split("|"))]
    zuege += [(27, KURZ, "HIS CLr"), (28, KURZ, "InF OFF"), (33, LANG, "InF On")]
    an = open_menu(*zuege).einstellungen
    assert (an.inf, an.pin_an) == (True, True)
    zuege += [(38, LANG, "InF OFF"), (39, KURZ, "Pin On"), (44, LANG, "Pin OFF")]
    aus = open_menu(*zuege).einstellungen
    assert (aus.inf, aus.pin_an) == (False, False)


def test_stored_values_are_entered_and_left_by_long_presses() -> None:
    open_menu(
        (21, KURZ, "E 73.4"),
        (22, KURZ, "E CLr"),
        (23, KURZ, "1d 73.4"),
        (24, KURZ, "7d 73.4"),
        (29, LANG, "7d-0 73.4"),
        (30, KURZ, "7d-1 73.4"),
        (31, KURZ, "7d-2 73.4"),
        (36, LANG, "7d 73.4"),
        (37, KURZ, "30d 73.4"),
        (38, KURZ, "365d 73.4"),
        (43, LANG, "365d-0 73.4"),
        (44, KURZ, "365d-1 73.4"),
        (45, KURZ, "365d-0 73.4"),
    )


def test_the_memory_is_asked_for_the_window_that_is_shown() -> None:
    bedienung = open_menu((21, KURZ, "E 73.4"), (22, KURZ, "E CLr"), (23, KURZ, "1d 73.4"), (24, KURZ, "7d 73.4"))
    assert bedienung.fenster == (7, 0)
    bedienung = press(press(bedienung, MONTAG + 30, lang=True), MONTAG + 31)
    assert bedienung.fenster == (7, 1)
    assert Bedienung(LIEFERZUSTAND).fenster is None


@pytest.mark.parametrize(
    ("nach_s", "zeile"),
    [(139, "P 193"), (140, "")],  # the last press of the way in was at second 17; one more is at 20
)
def test_after_120_s_without_a_press_everything_begins_anew(nach_s: int, zeile: str) -> None:
    bedienung = open_menu((20, LANG, "P 193"), (nach_s, WARTEN, zeile))
    if not zeile:
        assert bedienung == Bedienung(LIEFERZUSTAND)
        # The PIN must be entered again.
        bedienung = press(bedienung, MONTAG + 200)
        bedienung = press(bedienung, MONTAG + 201)
        assert line_2(bedienung, MONTAG + 201) == "Pin -0----"


def test_a_press_makes_the_120_s_begin_again() -> None:
    open_menu((100, KURZ, "E 73.4"), (219, WARTEN, "E 73.4"), (220, WARTEN, ""))


def test_the_display_test_ends_by_itself_after_3_s() -> None:
    play([(1, KURZ, TEST), (3, WARTEN, TEST), (4, WARTEN, "Pin -0----")])


def test_the_first_digit_waits_for_a_press_and_who_goes_away_has_entered_nothing() -> None:
    bedienung = play([(1, KURZ, TEST), (2, KURZ, "Pin -0----"), (60, WARTEN, "Pin -0----"), (122, WARTEN, "")])
    assert bedienung.einstellungen.fehlversuche == 0


def test_the_digit_being_counted_blinks() -> None:
    bedienung = play([(1, KURZ, TEST), (2, KURZ, "Pin -0----"), (3, KURZ, "Pin -1----")])
    assert line_2(bedienung, MONTAG + 3.5) == "Pin - ----"


def test_a_digit_that_was_counted_too_far_goes_round() -> None:
    zuege: list[Zug] = [(1, KURZ, TEST), (2, KURZ, "Pin -0----")]
    zuege += [(3 + n, KURZ, f"Pin -{(n + 1) % 10}----") for n in range(11)]
    play(zuege)


def test_a_long_press_fixes_a_digit_that_was_counted_and_only_that_one() -> None:
    """Who confirms with the enter key gets on; the key that repeats itself, or a held button, enters no zeros."""
    anfang: list[Zug] = [
        (1, KURZ, TEST),
        (2, KURZ, "Pin -0----"),
        (3, LANG, "Pin -0----"),
        (9, LANG, "Pin -0----"),
    ]
    eins: list[Zug] = [(10, KURZ, "Pin -1----"), (11, LANG, "Pin -10---"), (12, LANG, "Pin -10---")]
    play([*anfang, *eins, (13, WARTEN, "Pin -10---"), (14, WARTEN, "Pin -100--")])
    # Held from second 11 to 15.6: fixed by waiting at 13, and the press that ends then does nothing more.
    gehalten: list[Zug] = [(10, KURZ, "Pin -1----"), (13, WARTEN, "Pin -10---"), (15.6, LANG, "Pin -1 ---")]
    play([*anfang, *gehalten, (16, WARTEN, "Pin -100--")])


def test_the_whole_pin_with_the_enter_key() -> None:
    zuege: list[Zug] = [(1, KURZ, TEST), (2, KURZ, "Pin -0----")]
    zuege += [(3, KURZ, "Pin -1----"), (4, KURZ, "Pin -2----"), (5, KURZ, "Pin -3----"), (6, LANG, "Pin -30---")]
    zuege += [(7 + n, KURZ, f"Pin -3{(n + 1) % 10}---") for n in range(10)]
    zuege += [
        (17, LANG, "Pin -300--"),
        (18, KURZ, "Pin -301--"),
        (19, KURZ, "Pin -302--"),
        (20, LANG, "Pin -3020-"),
    ]
    play([*zuege, (21, KURZ, "Pin -3021-"), (22, LANG, "P 193")])


def enter(bedienung: Bedienung, pin: str, instant: float) -> tuple[Bedienung, float]:
    """Count up each digit and wait for it to be fixed; returns the instant after the last wait."""
    for ziffer in pin:
        for _ in range(int(ziffer)):
            bedienung, instant = press(bedienung, instant), instant + 1
        instant += 2 if int(ziffer) else 3  # three seconds after the last press, or after the digit began
        bedienung = advance(bedienung, instant)
    return bedienung, instant


WRONG = "1111"  # 4 x (one press, fixed after 3 s)


def test_a_wrong_pin_is_said_and_the_entry_begins_again() -> None:
    bedienung = play([(1, KURZ, TEST), (2, KURZ, "Pin -0----")])
    bedienung, instant = enter(bedienung, WRONG, MONTAG + 3)
    assert line_2(bedienung, instant) == "Pin Err"
    assert bedienung.einstellungen.fehlversuche == 1
    # A press while it is said counts for nothing.
    assert line_2(press(bedienung, instant + 1), instant + 1) == "Pin Err"
    bedienung = advance(bedienung, instant + 3)
    assert line_2(bedienung, instant + 3) == "Pin -0----"
    bedienung, instant = enter(bedienung, "3021", instant + 4)
    assert line_2(bedienung, instant) == "P 193"
    assert bedienung.einstellungen.fehlversuche == 0


def lock(einstellungen: Einstellungen, beginn: float) -> tuple[Bedienung, float]:
    """Five wrong PINs from the start; returns the instant of the lock."""
    bedienung = press(press(Bedienung(einstellungen), beginn), beginn + 1)
    instant = beginn + 2
    for _ in range(5):
        bedienung, instant = enter(bedienung, WRONG, instant)
        bedienung = advance(bedienung, instant := instant + 4)
    return bedienung, bedienung.einstellungen.gesperrt_bis


def test_the_fifth_wrong_pin_locks_for_ten_minutes_and_the_dashes_blink() -> None:
    bedienung, bis = lock(LIEFERZUSTAND, MONTAG)
    # 2 s to the entry, 5 x 12 s of digits, 4 x 4 s of "Err" between them, then 600 s.
    assert bis == MONTAG + 2 + 60 + 16 + 600
    assert line_2(bedienung, MONTAG + 90) == "Pin ------"
    assert line_2(bedienung, MONTAG + 90.5) == "Pin"
    assert line_2(press(bedienung, MONTAG + 91), MONTAG + 91) == "Pin ------"


def test_the_lock_survives_a_restart_and_ends() -> None:
    einstellungen = lock(LIEFERZUSTAND, MONTAG)[0].einstellungen
    zuege: list[Zug] = [(600, WARTEN, ""), (601, KURZ, TEST), (602, KURZ, "Pin ------")]
    play([*zuege, (677, WARTEN, "Pin ------"), (678, WARTEN, "Pin -0----")], einstellungen)


def test_each_lock_is_twice_as_long_up_to_a_day_and_the_right_pin_forgives() -> None:
    einstellungen, dauern = LIEFERZUSTAND, []
    beginn = float(MONTAG)
    for _ in range(9):
        bedienung, bis = lock(einstellungen, beginn)
        dauern.append(bis - beginn - 78)
        einstellungen, beginn = bedienung.einstellungen, bis
    assert dauern == [600, 1200, 2400, 4800, 9600, 19_200, 38_400, 76_800, 86_400]
    bedienung = press(press(Bedienung(einstellungen), beginn), beginn + 1)
    bedienung, _ = enter(bedienung, "3021", beginn + 2)
    assert bedienung.einstellungen == LIEFERZUSTAND


def test_a_clock_that_fell_back_does_not_lock_for_ever() -> None:
    bedienung = replace(lock(LIEFERZUSTAND, MONTAG)[0], schritt=Schritt.NORMAL)
    assert not bedienung.is_locked(1_000_000)


def test_with_the_pin_off_nothing_is_asked_and_line_2_shows_the_power() -> None:
    ohne = replace(LIEFERZUSTAND, pin_an=False)
    bedienung = play([(0, WARTEN, "P 193"), (1, KURZ, TEST), (2, KURZ, "P 193"), (3, KURZ, "E 73.4")], ohne)
    assert Symbol.PIN not in build_gesicht(STAND, bedienung, MONTAG).symbole


def test_hints_say_what_to_do_in_every_state() -> None:
    gesperrt, bis = lock(LIEFERZUSTAND, MONTAG)
    assert "noch 10 Minuten gesperrt" in hint(gesperrt, bis - 600 + 1)
    assert "noch 1 Minute gesperrt" in hint(Bedienung(gesperrt.einstellungen), bis - 1)
    assert "darunter die Leistung" in hint(Bedienung(replace(LIEFERZUSTAND, pin_an=False)), MONTAG)
    bedienung = play([(1, KURZ, TEST)])
    assert "Anzeigetest" in hint(bedienung, MONTAG)
    bedienung = press(bedienung, MONTAG + 2)
    assert "1. Ziffer" in hint(bedienung, MONTAG)
    zaehlt = hint(press(bedienung, MONTAG + 3), MONTAG)
    assert zaehlt == "PIN, 1. Ziffer: kurz zählt hoch; 3 s warten oder lang: nächste Ziffer."
    assert len(zaehlt) <= 76
    falsch, instant = enter(bedienung, WRONG, MONTAG + 3)
    assert "4 Versuche bis zur Sperre" in hint(falsch, instant)
    frueher = replace(open_menu(), schritt=Schritt.TAG, zurueck=3)
    assert "3 von 729 zurück" in hint(frueher, MONTAG)
    menue = open_menu()
    texte = []
    for nummer in range(10):
        texte.append(hint(menue, MONTAG + 20))
        menue = press(menue, MONTAG + 20 + nummer)
    assert len(set(texte)) == 10
    assert all("Kurz: weiter" in text for text in texte)
    assert max(map(len, texte)) <= 76  # one line of the terminal
    assert "letzten 7 Tage" in texte[4]

"""The clock of the device, on sources and links in the hand of the test; expected values by hand."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.uhr import Geraeteuhr, Massnahme, Uhrzustand
from telegramm.messwerte import StatusBit, Uhrstand
from tests.gateway.betreiber_fake import MONTAG

WOCHE = 7 * 86_400


class Quelle:
    """A source of time that the test moves; ``fehler`` is how far it is off."""

    def __init__(self, wahr: float = MONTAG, fehler: float = 0.0, drift_ppm: float = 0.0) -> None:
        self.wahr = float(wahr)
        self.fehler = fehler
        self.drift = drift_ppm / 1e6

    def __call__(self) -> float:
        return self.wahr + self.fehler

    def advance(self, sekunden: float) -> None:
        self.wahr += sekunden
        self.fehler += sekunden * self.drift


def receive(uhr: Geraeteuhr, quelle: Quelle, *, hin: float = 0.0, zurueck: float = 0.0) -> Massnahme:
    """A request and its receipt, which tells the true time; the link takes its time both ways."""
    gesendet = uhr.now()
    quelle.advance(hin)
    zeit_ms = int(quelle.wahr * 1000)
    quelle.advance(zurueck)
    return uhr.abgleich(zeit_ms, gesendet, uhr.now())


@pytest.mark.parametrize(
    ("fehler", "massnahme", "danach"),
    [
        (0.0, Massnahme.NACHGEFUEHRT, 0.0),
        (9.0, Massnahme.NACHGEFUEHRT, 9.0),
        (-9.0, Massnahme.NACHGEFUEHRT, -9.0),
        (9.5, Massnahme.GESTELLT, 0.0),
        (-27.0, Massnahme.GESTELLT, 0.0),
        (27.5, Massnahme.MISSTRAUT, 27.5),
        (-3600.0, Massnahme.MISSTRAUT, -3600.0),
    ],
)
def test_slew_set_or_distrust(fehler: float, massnahme: Massnahme, danach: float) -> None:
    quelle = Quelle(fehler=fehler)
    uhr = Geraeteuhr(quelle)
    assert receive(uhr, quelle) is massnahme
    assert uhr.now() - MONTAG == danach
    erwartet = Uhrzustand.UNSICHER if massnahme is Massnahme.MISSTRAUT else Uhrzustand.GESTELLT
    assert uhr.zustand is erwartet


def test_slewing_takes_its_time_and_never_turns_back() -> None:
    quelle = Quelle(fehler=8.0)
    uhr = Geraeteuhr(quelle, slew_ppm=500)
    receive(uhr, quelle)
    gezeigt = [uhr.now()]
    # 8 s at 500 ppm: 16,000 s; half of it after 8,000 s.
    for _ in range(80):
        quelle.advance(100)
        gezeigt.append(uhr.now())
    assert gezeigt == sorted(gezeigt)
    assert uhr.now() - quelle.wahr == pytest.approx(4.0, abs=1e-5)
    quelle.advance(8000)
    assert uhr.now() - quelle.wahr == pytest.approx(0.0, abs=1e-5)
    quelle.advance(8000)
    assert uhr.now() - quelle.wahr == pytest.approx(0.0, abs=1e-5)


def test_both_limits_are_settings() -> None:
    quelle = Quelle(fehler=3.0)
    uhr = Geraeteuhr(quelle, stellgrenze_s=1.0, setzgrenze_s=2.0)
    assert receive(uhr, quelle) is Massnahme.MISSTRAUT
    for grenzen in ({"stellgrenze_s": 0.0}, {"stellgrenze_s": 30.0}, {"slew_ppm": 0.0}, {"slew_ppm": 1e6}):
        with pytest.raises(ValueError, match="limits"):
            Geraeteuhr(quelle, **grenzen)


def test_the_middle_of_the_round_trip_counts_and_a_long_one_says_nothing() -> None:
    quelle = Quelle(fehler=5.0)
    uhr = Geraeteuhr(quelle)
    assert receive(uhr, quelle, hin=1.0, zurueck=1.0) is Massnahme.NACHGEFUEHRT
    assert uhr.abweichung_ms == 5000
    # Four seconds there and none back look like two seconds; the bound of 2 s on both sides covers it.
    quelle = Quelle()
    uhr = Geraeteuhr(quelle)
    receive(uhr, quelle, hin=4.0, zurueck=0.0)
    assert uhr.abweichung_ms == -2000
    # Within 9.25 s of the middle anything is possible.
    quelle = Quelle(fehler=-9.0)
    uhr = Geraeteuhr(quelle)
    assert receive(uhr, quelle, hin=9.25, zurueck=9.25) is Massnahme.IGNORIERT
    assert (uhr.zustand, uhr.uhrstand()) == (Uhrzustand.GESTELLT, Uhrstand("GESTELLT", None, None))
    assert uhr.abgleich(MONTAG * 1000, MONTAG + 5, MONTAG) is Massnahme.IGNORIERT


def test_a_deviation_beyond_the_bound_is_real_however_long_the_way_was() -> None:
    # All of the 40 s on the way there: the middle is 20 s early, and the clock 20 s from right is at the bound.
    uhr = Geraeteuhr(quelle := Quelle())
    assert receive(uhr, quelle, hin=40.0, zurueck=0.0) is Massnahme.IGNORIERT
    uhr = Geraeteuhr(quelle := Quelle(fehler=25.0))
    assert receive(uhr, quelle, hin=20.0, zurueck=20.0) is Massnahme.GESTELLT
    assert uhr.now() == MONTAG + 40


@pytest.mark.parametrize(("hin", "zurueck"), [(10.0, 10.0), (5.0, 50.0), (50.0, 5.0)])
def test_a_lost_time_comes_back_over_the_slowest_link(hin: float, zurueck: float) -> None:
    uhr = Geraeteuhr(quelle := Quelle(fehler=-MONTAG))
    # The two ways may change places between the two receipts.
    assert receive(uhr, quelle, hin=zurueck, zurueck=hin) is Massnahme.MISSTRAUT
    assert receive(uhr, quelle, hin=hin, zurueck=zurueck) is Massnahme.GESTELLT
    assert abs(uhr.now() - quelle.wahr) == abs(hin - zurueck) / 2


def test_a_step_of_an_hour_is_believed_by_the_second_receipt() -> None:
    quelle = Quelle()
    uhr = Geraeteuhr(quelle)
    receive(uhr, quelle)
    quelle.advance(900)
    quelle.fehler = 3600
    assert receive(uhr, quelle) is Massnahme.MISSTRAUT
    assert uhr.status(MONTAG + 4500) == StatusBit.UHR_UNSICHER
    quelle.advance(900)
    assert receive(uhr, quelle) is Massnahme.GESTELLT
    assert uhr.now() == MONTAG + 1800
    assert uhr.uhrstand() == Uhrstand("GESTELLT", MONTAG + 1800, 3_600_000)


def test_one_receipt_that_is_far_off_changes_nothing() -> None:
    quelle = Quelle()
    uhr = Geraeteuhr(quelle)
    assert uhr.abgleich((MONTAG + 365 * 86_400) * 1000, MONTAG, MONTAG) is Massnahme.MISSTRAUT
    assert uhr.zustand is Uhrzustand.UNSICHER
    quelle.advance(900)
    # It does not block the ones after it, and the clock is trusted again.
    assert receive(uhr, quelle) is Massnahme.NACHGEFUEHRT
    assert (uhr.zustand, uhr.now()) == (Uhrzustand.GESTELLT, MONTAG + 900)


def test_two_that_are_far_off_but_disagree_set_nothing() -> None:
    uhr = Geraeteuhr(quelle := Quelle())
    for jahr in (1, 2, 4, 7):
        assert uhr.abgleich((MONTAG + jahr * 31_536_000) * 1000, quelle(), quelle()) is Massnahme.MISSTRAUT
    assert uhr.now() == MONTAG


def test_time_before_the_last_receipt_is_refused_until_two_agree_that_it_was_wrong() -> None:
    quelle = Quelle()
    uhr = Geraeteuhr(quelle)
    receive(uhr, quelle)
    assert uhr.abgleich(MONTAG * 1000 - 1, uhr.now(), uhr.now()) is Massnahme.VERWEIGERT
    # The operator's clock was a year ahead for a while, and the meter has followed it.
    jahr = 31_536_000
    for _ in range(2):
        quelle.advance(900)
        letzte = uhr.abgleich(int(quelle.wahr + jahr) * 1000, uhr.now(), uhr.now())
    assert letzte is Massnahme.GESTELLT
    quelle.advance(900)
    assert receive(uhr, quelle) is Massnahme.VERWEIGERT
    quelle.advance(900)
    assert receive(uhr, quelle) is Massnahme.GESTELLT
    quelle.advance(900)
    assert receive(uhr, quelle) is Massnahme.NACHGEFUEHRT
    assert uhr.now() == quelle.wahr


def test_a_clock_that_fell_back_to_1970_is_set_by_two_receipts() -> None:
    quelle = Quelle(fehler=-MONTAG)
    uhr = Geraeteuhr(quelle)
    assert uhr.zustand is Uhrzustand.UNGUELTIG
    assert uhr.status(900) == StatusBit.UHR_UNSICHER
    assert receive(uhr, quelle, hin=0.25, zurueck=0.25) is Massnahme.MISSTRAUT
    assert uhr.zustand is Uhrzustand.UNGUELTIG
    assert receive(uhr, quelle, hin=0.25, zurueck=0.25) is Massnahme.GESTELLT
    assert (uhr.zustand, uhr.now()) == (Uhrzustand.GESTELLT, MONTAG + 1)
    # The quarter hour in which it was set is marked, the next one is not.
    assert uhr.status(MONTAG + 900) == StatusBit.UHR_GESTELLT
    assert uhr.status(MONTAG + 1800) == StatusBit(0)


def test_losing_the_time_while_running_is_noticed() -> None:
    quelle = Quelle()
    uhr = Geraeteuhr(quelle)
    receive(uhr, quelle)
    quelle.fehler = -MONTAG
    assert uhr.zustand is Uhrzustand.UNGUELTIG
    # It stays so, even if the source comes to itself: nobody knows what it is worth.
    quelle.fehler = 0
    assert uhr.zustand is Uhrzustand.UNGUELTIG


@pytest.mark.parametrize(("rueckstand", "zustand"), [(26.0, Uhrzustand.GESTELLT), (60.0, Uhrzustand.UNGUELTIG)])
def test_after_a_restart_a_clock_behind_the_last_receipt_is_not_valid(
    rueckstand: float, zustand: Uhrzustand
) -> None:
    quelle = Quelle()
    alt = Geraeteuhr(quelle)
    receive(alt, quelle)
    uhr = Geraeteuhr(Quelle(MONTAG - rueckstand))
    uhr.import_state(alt.export_state())
    assert uhr.zustand is zustand


def test_a_restart_keeps_the_correction_in_the_midst_of_slewing() -> None:
    quelle = Quelle(fehler=8.0)
    uhr = Geraeteuhr(quelle)
    receive(uhr, quelle)
    quelle.advance(4000)
    # Only the state of the last receipt is on disk.
    zweite = Geraeteuhr(quelle)
    zweite.import_state(uhr.export_state() | {"platz_s": 5})
    assert zweite.now() == pytest.approx(uhr.now(), abs=1e-5)
    assert zweite.uhrstand() == uhr.uhrstand() == Uhrstand("GESTELLT", MONTAG, 8000)
    quelle.advance(12_001)
    assert zweite.now() == pytest.approx(quelle.wahr, abs=1e-5)


def test_a_restart_keeps_doubt_and_marks() -> None:
    quelle = Quelle(fehler=20.0)
    uhr = Geraeteuhr(quelle)
    receive(uhr, quelle)
    quelle.advance(60)
    uhr.abgleich(0, uhr.now(), uhr.now())
    zweite = Geraeteuhr(quelle)
    zweite.import_state(uhr.export_state())
    assert zweite.status(MONTAG + 900) == StatusBit.UHR_UNSICHER | StatusBit.UHR_GESTELLT
    zweite.import_state({"platz_s": 5})
    assert zweite.zustand is Uhrzustand.UNSICHER


def test_the_correction_of_a_lost_time_ends_with_the_loss() -> None:
    quelle = Quelle(fehler=-MONTAG)
    uhr = Geraeteuhr(quelle)
    receive(uhr, quelle)
    receive(uhr, quelle)
    quelle.fehler = 0
    quelle.advance(3600)
    zweite = Geraeteuhr(quelle)
    zweite.import_state(uhr.export_state())
    assert (zweite.now(), zweite.zustand) == (quelle.wahr, Uhrzustand.UNSICHER)


def test_a_drift_is_followed_while_there_are_receipts() -> None:
    zufall = random.Random(1)
    quelle = Quelle(drift_ppm=100)
    uhr = Geraeteuhr(quelle)
    abweichungen = []
    for _ in range(3 * WOCHE // 900):
        quelle.advance(899)
        massnahme = receive(uhr, quelle, hin=zufall.uniform(0, 1), zurueck=zufall.uniform(0, 1))
        assert massnahme is Massnahme.NACHGEFUEHRT
        abweichungen.append(abs(uhr.now() - quelle.wahr))
    # The source itself is 181 s off by now: 3 weeks x 100 ppm.
    assert quelle.fehler == pytest.approx(181.4, abs=1)
    # 0.09 s in a quarter hour, and half a second of unequal ways.
    assert max(abweichungen) < 1


def test_three_weeks_without_a_link_at_100_ppm() -> None:
    quelle = Quelle(drift_ppm=100)
    uhr = Geraeteuhr(quelle)
    receive(uhr, quelle)
    quelle.advance(3 * WOCHE)
    assert receive(uhr, quelle, hin=0.1, zurueck=0.1) is Massnahme.MISSTRAUT
    assert receive(uhr, quelle, hin=0.1, zurueck=0.1) is Massnahme.GESTELLT
    assert abs(uhr.now() - quelle.wahr) < 0.2


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.floats(0, 20_000),
            st.one_of(st.floats(-40, 40), st.floats(-1e6, 1e6)),
            st.floats(0, 12),
            st.floats(0, 12),
        ),
        max_size=30,
    ),
    st.floats(-200, 200),
)
def test_time_goes_on_unless_the_clock_is_set(
    receipts: list[tuple[float, float, float, float]], drift: float
) -> None:
    """Whatever operators say and links do: time only jumps where a set is reported, and that quarter is marked."""
    quelle = Quelle(drift_ppm=drift)
    uhr = Geraeteuhr(quelle)
    letzte = uhr.now()
    for pause, luege, hin, zurueck in receipts:
        quelle.advance(pause / 2)
        assert uhr.now() >= letzte - 1e-6
        quelle.advance(pause / 2)
        gesendet = uhr.now()
        quelle.advance(hin)
        zeit_ms = max(0, int((quelle.wahr + luege) * 1000))
        quelle.advance(zurueck)
        vorher = uhr.now()
        assert vorher >= gesendet - 1e-6
        gestellt = uhr.abgleich(zeit_ms, gesendet, vorher) is Massnahme.GESTELLT
        letzte = uhr.now()
        if gestellt:
            assert StatusBit.UHR_GESTELLT in uhr.status(math.ceil(letzte / 900) * 900)
        else:
            assert vorher - 1e-6 <= letzte <= vorher + 1e-6
        stand = uhr.uhrstand()
        assert stand.letzter_abgleich is None or stand.letzter_abgleich >= 0

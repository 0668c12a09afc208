"""How a register goes on: rollover, exchange of electronics, another factor; by hand, and in any order."""

from bisect import bisect_left
from itertools import accumulate, pairwise
from random import Random

from hypothesis import example, given
from hypothesis import strategies as st

from betreiber.ablesung.domain import Befund, Grenzen, Stand, judge
from betreiber.ablesung.zaehlwerk import (
    Abschnitt,
    Abschnittsgrund,
    Uebergang,
    Zaehlwerk,
    begin_anew,
    begin_factor,
    begin_rollover,
    breaks,
    build,
    end_section,
    follow_rollovers,
    move_edge,
)
from tests.kanal import messwert

UEBERLAUF, WECHSEL, FAKTOR = Abschnittsgrund.UEBERLAUF, Abschnittsgrund.WECHSEL, Abschnittsgrund.FAKTOR
U = 100_000_000  # five digits before the decimal point


def test_without_sections_the_factor_counts():
    zaehlwerk = Zaehlwerk(40)
    assert zaehlwerk.energie(900, 10, 3) == (400, 120)
    assert zaehlwerk.difference((0, 10, 3, None), (900, 12, 4, None)) == (80, 40)
    assert zaehlwerk.faktor_at(900) == 40


def test_rollover():
    abschnitte = begin_rollover(40, (), 900, (U, 0), 5)
    assert abschnitte == (Abschnitt(900, UEBERLAUF, 40, 40 * U, 0, 5),)
    # 10 Wh up to the rollover and 20 after it, times 40.
    assert Zaehlwerk(40, abschnitte).difference((0, U - 10, 7, None), (900, 20, 7, None)) == (1200, 0)


def test_the_register_begins_anew():
    abschnitte = begin_anew(1, (), 900, (5000, 300), (12, 0), 5)
    assert abschnitte == (Abschnitt(900, WECHSEL, 1, 4988, 300, 5),)
    # 5000 - 4900 before, 50 - 12 after.
    assert Zaehlwerk(1, abschnitte).difference((0, 4900, 290, None), (1800, 50, 4, None)) == (138, 14)


def test_another_factor():
    abschnitte = begin_factor(30, (), 900, 40, {900: (1000, 10)}, 5)
    # At 1000 Wh of the register 30,000 Wh had flowed; 40,000 - 10,000 is the same.
    assert abschnitte == (Abschnitt(900, FAKTOR, 40, -10_000, -100, 5),)
    zaehlwerk = Zaehlwerk(30, abschnitte)
    # 10 x 30 before, 5 x 40 after.
    assert zaehlwerk.difference((0, 990, 10, None), (1800, 1005, 10, None)) == (500, 0)
    assert (zaehlwerk.faktor_at(899), zaehlwerk.faktor_at(900)) == (30, 40)


def test_a_factor_that_holds_already_begins_nothing():
    assert begin_factor(40, (), 900, 40, {900: (1000, 10)}, 5) == ()


def test_a_declared_factor_outlasts_an_equal_one_before_it():
    staende = {900: (1000, 10), 1800: (1100, 20)}
    beide = begin_factor(30, begin_factor(30, (), 900, 40, staende, 5), 1800, 50, staende, 6)
    gleich = begin_factor(30, beide, 900, 50, staende, 7)
    # 1000 x 30 - 1000 x 50, and nothing more at the second edge.
    assert gleich == (Abschnitt(900, FAKTOR, 50, -20_000, -200, 7), Abschnitt(1800, FAKTOR, 50, -20_000, -200, 6))
    # 1000 x (30 - 45), and 1100 x (45 - 50) more.
    assert begin_factor(30, gleich, 900, 45, staende, 8) == (
        Abschnitt(900, FAKTOR, 45, -15_000, -150, 8),
        Abschnitt(1800, FAKTOR, 50, -20_500, -250, 6),
    )


def test_an_earlier_section_moves_the_later_ones():
    spaeter = begin_rollover(1, (), 3600, (U, 0), 5)
    abschnitte = begin_factor(1, spaeter, 900, 2, {900: (99_999_000, 0)}, 6)
    # Energy: 99,999,000 - 2 x 99,999,000 at the factor, and 2 x 100,000,000 more at the rollover.
    assert abschnitte == (
        Abschnitt(900, FAKTOR, 2, -99_999_000, 0, 6),
        Abschnitt(3600, UEBERLAUF, 2, 100_001_000, 0, 5),
    )
    assert end_section(1, abschnitte, 900, FAKTOR) == spaeter


def test_what_begins_at_the_same_instant():
    abschnitte = begin_factor(1, (), 900, 40, {900: (20, 0)}, 5)
    beide = begin_rollover(1, abschnitte, 900, (U, 0), 6)
    # 10 Wh up to the rollover and 20 after it, both still at factor 1; from then on 40.
    zaehlwerk = Zaehlwerk(1, beide)
    assert zaehlwerk.difference((0, U - 10, 0, None), (900, 20, 0, None)) == (30, 0)
    assert zaehlwerk.difference((900, 20, 0, None), (1800, 21, 0, None)) == (40, 0)
    assert end_section(1, beide, 900, UEBERLAUF) == abschnitte
    # Said again, the same is corrected and not added.
    assert begin_rollover(1, beide, 900, (U, 0), 6) == beide


def test_a_corrected_edge():
    wechsel = begin_anew(1, (), 900, (5000, 0), (12, 0), 5)
    assert move_edge(1, wechsel, 900, (12, 0), (10, 1)) == begin_anew(1, (), 900, (5000, 0), (10, 1), 5)
    faktor = begin_factor(1, (), 900, 40, {900: (20, 0)}, 5)
    assert move_edge(1, faktor, 900, (20, 0), (25, 0)) == begin_factor(1, (), 900, 40, {900: (25, 0)}, 5)
    ueberlauf = begin_rollover(1, (), 900, (U, 0), 5)
    assert move_edge(1, ueberlauf, 900, (20, 0), (25, 0)) == ueberlauf
    assert move_edge(1, wechsel, 1800, (12, 0), (10, 1)) == wechsel


def test_a_late_reading_moves_the_rollover():
    abschnitte = begin_rollover(1, (), 2700, (U, 0), 5)
    vor = [Uebergang(0, 900, False, False), Uebergang(900, 2700, True, False)]
    assert follow_rollovers(1, abschnitte, vor, U, 6)[0][:-1] == abschnitte[0][:-1]
    nach = [Uebergang(0, 900, True, False), Uebergang(900, 2700, False, False)]
    assert follow_rollovers(1, abschnitte, nach, U, 6) == begin_rollover(1, (), 900, (U, 0), 6)
    # Sections of other kinds stay.
    wechsel = begin_anew(1, abschnitte, 900, (5000, 0), (5000, 0), 5)
    assert follow_rollovers(1, wechsel, [Uebergang(0, 2700, False, False)], U, 6) == (
        Abschnitt(900, WECHSEL, 1, 0, 0, 5),
    )


def test_without_rollovers():
    abschnitte = begin_factor(1, begin_rollover(1, (), 900, (U, 0), 5), 1800, 40, {1800: (20, 0)}, 6)
    assert list(Zaehlwerk(1, abschnitte).without_rollovers().abschnitte) == [
        Abschnitt(1800, FAKTOR, 40, -780, 0, 6)
    ]


brueche = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.sampled_from(Abschnittsgrund),
        st.integers(0, U),
        st.integers(0, U),
        st.integers(1, 50),
    ),
    max_size=6,
)


@given(st.integers(1, 50), brueche)
def test_sections_say_what_they_were_built_from(faktor, werte):
    abschnitte = ()
    for ab, grund, bezug_wh, einspeisung_wh, neuer_faktor in werte:
        if grund is FAKTOR:
            abschnitte = begin_factor(faktor, abschnitte, ab, neuer_faktor, {ab: (bezug_wh, einspeisung_wh)}, 0)
        else:
            abschnitte = begin_anew(faktor, abschnitte, ab, (bezug_wh, einspeisung_wh), (0, 0), 0)
    assert build(faktor, breaks(faktor, abschnitte)) == abschnitte


class Buch:
    """What the storage keeps of one meter: readings and sections."""

    def __init__(self) -> None:
        self.staende = {}
        self.abschnitte = ()

    def take(self, werte):
        """Take a message in, ascending by time."""
        zeiten = sorted(self.staende)
        vor = bisect_left(zeiten, werte[0].uhrzeit) - 1
        nach = bisect_left(zeiten, werte[-1].uhrzeit + 1)
        urteil = judge(
            werte,
            {zeit: self.staende[zeit] for zeit in zeiten[vor + 1 : nach]},
            self.staende[zeiten[vor]] if vor >= 0 else None,
            self.staende[zeiten[nach]] if nach < len(zeiten) else None,
            Grenzen(0, 10**10, 37_500, ueberlauf_wh=U, zaehlwerk=Zaehlwerk(2, self.abschnitte)),
        )
        assert set(urteil.befunde) <= {Befund.NEU, Befund.DOPPELT}
        self.staende |= {wert.uhrzeit: Stand(*wert[:4]) for wert in werte}
        self.abschnitte = follow_rollovers(2, self.abschnitte, urteil.uebergaenge, U, 0)


@given(
    st.integers(0, U - 1),
    st.integers(0, U - 1),
    # At 37.5 kW and factor 2 the register may rise by 4687 Wh in a quarter hour.
    st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 4000)), min_size=1, max_size=12),
    st.randoms(use_true_random=False),
)
@example(U - 3000, U - 9000, [(2000, 2000)] * 8, Random(4))
def test_any_order_gives_the_same_sections_and_the_energy_that_flowed(bezug_wh, einspeisung_wh, energien, zufall):
    geflossen = list(
        accumulate(energien, lambda a, b: (a[0] + b[0], a[1] + b[1]), initial=(bezug_wh, einspeisung_wh))
    )
    werte = [messwert(900 * n, bezug % U, einspeisung % U) for n, (bezug, einspeisung) in enumerate(geflossen)]
    der_reihe_nach, durcheinander = Buch(), Buch()
    der_reihe_nach.take(werte)
    stuecke = [zufall.sample(werte, zufall.randint(1, len(werte))) for _ in range(3)] + [werte]
    for stueck in stuecke:
        durcheinander.take(sorted(stueck))
    assert durcheinander.staende == der_reihe_nach.staende
    assert durcheinander.abschnitte == der_reihe_nach.abschnitte
    zaehlwerk = Zaehlwerk(2, der_reihe_nach.abschnitte)
    for (alt, neu), (bezug, einspeisung) in zip(pairwise(werte), energien, strict=True):
        assert zaehlwerk.difference(alt[:4], neu[:4]) == (2 * bezug, 2 * einspeisung)

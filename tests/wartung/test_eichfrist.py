"""The rules of the Eichfrist that the table of scenarios does not show: texts, order, what may be billed."""

from datetime import UTC, date, datetime

import pytest

from betreiber.errors import EingabeUngueltig
from betreiber.wartung.domain import Eichungsart, Freigabe, Rechtsgrund, Tatsache
from betreiber.wartung.eichfrist import (
    Dauer,
    check_verlaengerung,
    compute_eichfrist,
    find_dauer,
    split_abrechenbar,
)

EICHUNG, EINGRIFF = Eichungsart.EICHUNG, Eichungsart.EINGRIFF
ANTRAG, LOS = Eichungsart.ANTRAG, Eichungsart.LOSVERLAENGERUNG


def frist(*tatsachen, jahr=2026):
    return compute_eichfrist("ELEKTRONISCH", jahr, [Tatsache(art, *rest) for art, *rest in tatsachen])


def test_every_sentence_names_its_law():
    assert frist().begruendung == (
        "Mit 2026 gekennzeichnet: In diesem Jahr begann vermutlich die Eichfrist (MessEV § 34 Abs. 1).",
        "Elektronische Zähler: 8 Jahre (MessEV § 34, Anlage 7), bis zum Ende des Kalenderjahres: 31.12.2034.",
    )
    alles = frist((LOS, date(2033, 1, 15), date(2036, 12, 31), "L-1"), (EICHUNG, date(2037, 2, 1)))
    assert [satz for satz in alles.begruendung if "(Mess" not in satz] == []


def test_nothing_known_is_said():
    unbekannt = frist(jahr=None)
    assert (unbekannt.ende_datum, unbekannt.antragsfrist_datum) == (None, None)
    assert unbekannt.antragswarnung_datum("NW") is None
    assert unbekannt.begruendung == (
        "Die Eichfrist ist unbekannt: Tragen Sie das Kennzeichnungsjahr oder die letzte Eichung ein.",
    )


def test_what_the_law_does_not_name_lasts_two_years():
    assert compute_eichfrist("SONSTIGES", 2026, []).ende_datum == date(2028, 12, 31)


@pytest.mark.parametrize(("beginn", "jahre"), [(date(2027, 12, 31), 8), (date(2028, 1, 1), 10)])
def test_the_period_in_force_at_the_begin_counts(beginn, jahre):
    dauern = [Dauer("ELEKTRONISCH", date.min, 8, "alt"), Dauer("ELEKTRONISCH", date(2028, 1, 1), 10, "neu")]
    assert find_dauer("ELEKTRONISCH", beginn, dauern).jahre == jahre


@pytest.mark.parametrize(
    ("tatsachen", "ende", "rechtzeitig"),
    [
        ([(ANTRAG, date(2034, 10, 22))], date(2034, 12, 31), True),
        ([(ANTRAG, date(2034, 10, 23))], date(2034, 12, 31), False),
        ([(ANTRAG, date(2034, 10, 1)), (ANTRAG, date(2034, 11, 1))], date(2034, 12, 31), True),
        # A verification, or an intervention, makes an application a matter of the past.
        ([(ANTRAG, date(2034, 10, 1)), (EICHUNG, date(2034, 11, 2))], date(2042, 12, 31), False),
        ([(ANTRAG, date(2034, 10, 1)), (EINGRIFF, date(2034, 11, 2))], date(2034, 11, 2), False),
        # An application of the day of the verification asked for that one.
        ([(ANTRAG, date(2034, 10, 1)), (EICHUNG, date(2034, 10, 1))], date(2042, 12, 31), False),
        # After an early end nothing can be applied for in time.
        ([(EINGRIFF, date(2030, 1, 2)), (ANTRAG, date(2030, 1, 3))], date(2030, 1, 2), False),
        # An intervention after the end changes nothing.
        ([(EINGRIFF, date(2035, 1, 2))], date(2034, 12, 31), False),
        # Lots that do not count: too early, too late, no longer than the period, after an early end.
        ([(LOS, date(2032, 12, 30), date(2039, 12, 31), "L")], date(2034, 12, 31), False),
        ([(LOS, date(2035, 1, 1), date(2039, 12, 31), "L")], date(2034, 12, 31), False),
        ([(LOS, date(2034, 1, 1), date(2034, 12, 31), "L")], date(2034, 12, 31), False),
        (
            [(EINGRIFF, date(2034, 1, 1)), (LOS, date(2034, 1, 2), date(2039, 12, 31), "L")],
            date(2034, 1, 1),
            False,
        ),
        # Facts are told in the order of their days, whatever the order in which they were entered.
        (
            [(EICHUNG, date(2037, 2, 1)), (LOS, date(2033, 1, 15), date(2036, 12, 31), "L")],
            date(2044, 12, 31),
            False,
        ),
    ],
)
def test_application_intervention_and_lot(tatsachen, ende, rechtzeitig):
    ergebnis = frist(*tatsachen)
    assert (ergebnis.ende_datum, ergebnis.zeiten[-1].antrag_rechtzeitig) == (ende, rechtzeitig)


@pytest.mark.parametrize(
    ("tag", "erwartet"),
    [
        # While a period runs nothing needs the application, whether it is the one before or the one after.
        (date(2024, 12, 31), False),
        (date(2025, 1, 1), True),
        (date(2025, 4, 30), True),
        (date(2025, 5, 1), False),
        # For the end of the second period, 31 December 2032, nobody applied.
        (date(2033, 1, 1), False),
    ],
)
def test_an_application_is_for_the_days_behind_its_own_period(tag, erwartet):
    spaet = frist((ANTRAG, date(2024, 9, 1)), (EICHUNG, date(2025, 5, 1)), jahr=2016)
    assert spaet.has_antrag(tag) is erwartet


def test_an_application_for_today_s_period_is_none_for_days_long_past():
    spaet = frist((EICHUNG, date(2025, 5, 1)), (ANTRAG, date(2032, 10, 1)), jahr=2016)
    assert [spaet.has_antrag(tag) for tag in (date(2025, 1, 1), date(2033, 1, 1))] == [False, True]


def test_an_application_before_an_extension_is_none_for_the_days_behind_it():
    """Applied for the end of 2026, then extended by a lot to the end of 2031: for that nobody applied."""
    verlaengert = (ANTRAG, date(2026, 3, 1)), (LOS, date(2026, 6, 1), date(2031, 12, 31), "L")
    danach = (ANTRAG, date(2031, 10, 22))
    tag = date(2032, 1, 5)
    assert [frist(*t, jahr=2018).has_antrag(tag) for t in (verlaengert, (*verlaengert, danach))] == [False, True]


def test_what_a_verification_superseded_needs_no_application():
    """Ended early a year after the verification: the application was for the period before."""
    eingriff = frist(
        (ANTRAG, date(2034, 9, 1)), (EICHUNG, date(2034, 11, 2)), (EINGRIFF, date(2035, 11, 2)), jahr=2026
    )
    assert [eingriff.has_antrag(tag) for tag in (date(2034, 11, 1), date(2035, 1, 1), date(2035, 11, 3))] == [
        False
    ] * 3


def test_without_any_period_there_is_no_application():
    assert not frist(jahr=None).has_antrag(date(2030, 1, 1))


@pytest.mark.parametrize(
    ("tatsachen", "ende"),
    [
        ([(EINGRIFF, date(2030, 1, 2))], date(2030, 1, 2)),
        ([(ANTRAG, date(2030, 1, 2))], None),
        ([(LOS, date(2030, 1, 2), date(2039, 12, 31), "L")], None),
    ],
)
def test_without_a_marking(tatsachen, ende):
    assert frist(*tatsachen, jahr=None).ende_datum == ende


@pytest.mark.parametrize(
    ("antrag", "bis", "feld"),
    [
        (date(2032, 12, 30), date(2039, 12, 31), "datum"),
        (date(2035, 1, 1), date(2039, 12, 31), "datum"),
        (date(2034, 1, 1), date(2034, 12, 31), "bis_datum"),
        (date(2032, 12, 31), date(2035, 1, 1), None),
        (date(2034, 12, 31), date(2035, 1, 1), None),
    ],
)
def test_which_extension_is_taken(antrag, bis, feld):
    tatsache = Tatsache(LOS, antrag, bis, "L")
    if feld is None:
        check_verlaengerung(frist(), tatsache)
        assert frist((LOS, antrag, bis, "L")).ende_datum == bis
        return
    with pytest.raises(EingabeUngueltig) as fehler:
        check_verlaengerung(frist(), tatsache)
    assert (fehler.value.code, set(fehler.value.errors)) == ("losverlaengerung_unzulaessig", {feld})


@pytest.mark.parametrize(
    ("tatsachen", "ende"),
    [
        ([], date(2042, 12, 31)),
        # A year and a day after the end on 31 December 2034, and a year.
        ([(Eichungsart.NICHTBENUTZUNG, date(2033, 5, 1), date(2036, 1, 1))], date(2044, 12, 31)),
        ([(Eichungsart.NICHTBENUTZUNG, date(2033, 5, 1), date(2035, 12, 31))], date(2042, 12, 31)),
        ([(Eichungsart.NICHTBENUTZUNG, date(2030, 5, 1), date(2032, 5, 1))], date(2042, 12, 31)),
    ],
)
def test_a_late_verification_counts_from_the_old_end(tatsachen, ende):
    assert frist(*tatsachen, (EICHUNG, date(2036, 5, 10))).ende_datum == ende


def days(ergebnis):
    return [(zeit.von, zeit.bis) for zeit in ergebnis.zeiten]


def test_a_period_that_is_over_before_its_verification_makes_no_day_billable():
    """Marked 2017, until 2025; verified in 2035: from the end of 2025 to the end of 2033."""
    spaet = frist((EICHUNG, date(2035, 5, 10)), jahr=2017)
    assert (spaet.ende_datum, days(spaet)) == (date(2033, 12, 31), [(None, date(2025, 12, 31))])
    assert (spaet.antragsfrist_datum, spaet.antragswarnung_datum("NW")) == (None, None)
    assert spaet.begruendung[-1] == (
        "Diese Eichfrist war am Tag der Eichung schon vorbei und macht keinen Tag abrechenbar: Tauschen Sie den"
        " Zähler, oder weisen Sie nach, dass er nach dem Ende der alten mehr als ein Jahr nicht benutzt wurde"
        " (MessEV § 34 Abs. 1)."
    )
    assert parts(spaet, [], utc(2035, 5, 1), utc(2036, 1, 1)) == [
        (utc(2035, 5, 1), utc(2036, 1, 1), False, "EICHFRIST_ABGELAUFEN")
    ]
    # On its last day a period is one; the next verification goes on from the end of the one before.
    assert days(frist((EICHUNG, date(2033, 12, 31)), jahr=2017))[1:] == [(date(2033, 12, 31),) * 2]
    zweimal = frist((EICHUNG, date(2035, 5, 10)), (EICHUNG, date(2036, 6, 1)), jahr=2017)
    assert days(zweimal)[1:] == [(date(2036, 6, 1), date(2041, 12, 31))]
    assert days(frist((EICHUNG, date(2035, 5, 10)), (EINGRIFF, date(2036, 6, 1)), jahr=2017)) == days(spaet)


def test_with_the_application_there_is_nothing_to_warn_of():
    rechtzeitig, zu_spaet = frist((ANTRAG, date(2034, 10, 22))), frist((ANTRAG, date(2034, 10, 23)))
    assert (rechtzeitig.antragsfrist_datum, rechtzeitig.antragswarnung_datum("NW")) == (date(2034, 10, 22), None)
    assert zu_spaet.antragswarnung_datum("NW") == date(2034, 10, 20)


def utc(*teile):
    return datetime(*teile, tzinfo=UTC)


def parts(ergebnis, freigaben, von, bis):
    return [
        (teil.von, teil.bis, teil.abrechenbar, teil.grund)
        for teil in split_abrechenbar(ergebnis, freigaben, von, bis)
    ]


def test_after_the_end_nothing_is_billed():
    # 31 December 2034 ends at 23:00 UTC.
    assert parts(frist(), [], utc(2034, 12, 31, 12), utc(2035, 1, 2)) == [
        (utc(2034, 12, 31, 12), utc(2034, 12, 31, 23), True, "EICHFRIST"),
        (utc(2034, 12, 31, 23), utc(2035, 1, 2), False, "EICHFRIST_ABGELAUFEN"),
    ]


def test_between_the_end_and_a_late_verification_nothing_is_billed():
    spaet = frist((EICHUNG, date(2035, 5, 10)))
    assert parts(spaet, [], utc(2034, 12, 1), utc(2035, 6, 1)) == [
        (utc(2034, 12, 1), utc(2034, 12, 31, 23), True, "EICHFRIST"),
        (utc(2034, 12, 31, 23), utc(2035, 5, 9, 22), False, "EICHFRIST_ABGELAUFEN"),
        (utc(2035, 5, 9, 22), utc(2035, 6, 1), True, "EICHFRIST"),
    ]


def test_a_verification_in_time_leaves_no_gap():
    assert parts(frist((EICHUNG, date(2033, 5, 10))), [], utc(2033, 5, 1), utc(2036, 1, 1)) == [
        (utc(2033, 5, 1), utc(2033, 5, 9, 22), True, "EICHFRIST"),
        (utc(2033, 5, 9, 22), utc(2036, 1, 1), True, "EICHFRIST"),
    ]


def test_what_was_superseded_does_not_run_on():
    """Marked 2020, it would have run until the end of 2028; opened on 1 March 2025, which ends at 23:00 UTC."""
    offen = frist((EICHUNG, date(2024, 5, 1)), (EINGRIFF, date(2025, 3, 1)), jahr=2020)
    assert [(zeit.von, zeit.bis) for zeit in offen.zeiten] == [
        (None, date(2024, 4, 30)),
        (date(2024, 5, 1), date(2025, 3, 1)),
    ]
    assert parts(offen, [], utc(2024, 1, 1), utc(2030, 1, 1)) == [
        (utc(2024, 1, 1), utc(2024, 4, 30, 22), True, "EICHFRIST"),
        (utc(2024, 4, 30, 22), utc(2025, 3, 1, 23), True, "EICHFRIST"),
        (utc(2025, 3, 1, 23), utc(2030, 1, 1), False, "EICHFRIST_ABGELAUFEN"),
    ]


def test_a_period_that_never_ran_is_none():
    zweimal = frist((EICHUNG, date(2024, 5, 1)), (EICHUNG, date(2024, 5, 1)), jahr=None)
    assert [(zeit.von, zeit.bis) for zeit in zweimal.zeiten] == [(date(2024, 5, 1), date(2032, 12, 31))]


def test_a_ground_of_the_law_makes_readings_billable_on_its_days():
    gruende = [
        Freigabe(date(2035, 1, 1), date(2035, 1, 31), Rechtsgrund.ANTRAG_RECHTZEITIG, "Antrag 7"),
        Freigabe(date(2035, 3, 1), None, Rechtsgrund.BEHOERDE_GESTATTET, "Bescheid 8"),
        # The Eichfrist needs no ground while it runs.
        Freigabe(date(2034, 6, 1), date(2034, 6, 30), Rechtsgrund.INSTANDGESETZT, "Werkstatt 9"),
    ]
    assert parts(frist((ANTRAG, date(2034, 9, 1))), gruende, utc(2034, 1, 1), utc(2036, 1, 1)) == [
        (utc(2034, 1, 1), utc(2034, 12, 31, 23), True, "EICHFRIST"),
        (utc(2034, 12, 31, 23), utc(2035, 1, 31, 23), True, "ANTRAG_RECHTZEITIG"),
        (utc(2035, 1, 31, 23), utc(2035, 2, 28, 23), False, "EICHFRIST_ABGELAUFEN"),
        (utc(2035, 2, 28, 23), utc(2036, 1, 1), True, "BEHOERDE_GESTATTET"),
    ]


@pytest.mark.parametrize("bis_datum", [None, date(2045, 1, 1)])
@pytest.mark.parametrize("rechtsgrund", Rechtsgrund)
def test_a_ground_ends_with_the_verification_that_follows(rechtsgrund, bis_datum):
    """Over on 31 December 2024, applied for, verified on 1 May 2025; over again on 31 December 2032."""
    ergebnis = frist(
        (ANTRAG, date(2024, 9, 1)), (EICHUNG, date(2025, 5, 1)), (ANTRAG, date(2032, 9, 1)), jahr=2016
    )
    alter = Freigabe(date(2025, 1, 1), bis_datum, rechtsgrund, "Beleg 1")
    anfang = [
        (utc(2024, 12, 31, 23), utc(2025, 4, 30, 22), True, rechtsgrund),
        (utc(2025, 4, 30, 22), utc(2032, 12, 31, 23), True, "EICHFRIST"),
    ]
    assert parts(ergebnis, [alter], utc(2024, 12, 31, 23), utc(2033, 6, 1)) == [
        *anfang,
        (utc(2032, 12, 31, 23), utc(2033, 6, 1), False, "EICHFRIST_ABGELAUFEN"),
    ]
    neuer = Freigabe(date(2033, 1, 1), None, rechtsgrund, "Beleg 2")
    assert parts(ergebnis, [alter, neuer], utc(2024, 12, 31, 23), utc(2033, 6, 1)) == [
        *anfang,
        (utc(2032, 12, 31, 23), utc(2033, 6, 1), True, rechtsgrund),
    ]


def test_an_application_that_does_not_stand_there_releases_nothing():
    """Also where another fact makes it too late: opened in March, so that the Eichfrist was over then."""
    freigabe = Freigabe(date(2035, 1, 1), None, Rechtsgrund.ANTRAG_RECHTZEITIG, "Antrag 7")
    antrag = (ANTRAG, date(2034, 9, 1))
    for tatsachen, abrechenbar in (([], False), ([antrag], True), ([(EINGRIFF, date(2034, 3, 1)), antrag], False)):
        (teil,) = split_abrechenbar(frist(*tatsachen), [freigabe], utc(2035, 2, 1), utc(2035, 3, 1))
        assert teil.abrechenbar is abrechenbar


def test_what_is_unknown_is_billed_and_said():
    assert parts(frist(jahr=None), [], utc(2030, 1, 1), utc(2030, 2, 1)) == [
        (utc(2030, 1, 1), utc(2030, 2, 1), True, "EICHFRIST_UNBEKANNT")
    ]
    # Before the first verification of a meter without a marking nothing is known either.
    assert parts(frist((EICHUNG, date(2030, 1, 16)), jahr=None), [], utc(2030, 1, 1), utc(2030, 2, 1)) == [
        (utc(2030, 1, 1), utc(2030, 1, 15, 23), True, "EICHFRIST_UNBEKANNT"),
        (utc(2030, 1, 15, 23), utc(2030, 2, 1), True, "EICHFRIST"),
    ]

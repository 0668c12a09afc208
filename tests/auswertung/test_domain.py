"""Load profile, peaks, statistics and comparison, by hand."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from betreiber.auswertung.domain import (
    Differenz,
    Kennzahlen,
    Spitze,
    Vergleichszeitraum,
    clip_quarters,
    compare,
    compute_kennzahlen,
    find_periods,
    is_whole,
    iter_lastgang,
    iter_spitzen,
    mean_power,
)
from betreiber.verbrauch.domain import Verbrauchswert, Wertqualitaet

A, E, F = Wertqualitaet.ABGELESEN, Wertqualitaet.ERSATZWERT, Wertqualitaet.FEHLT
BEGINN = datetime(2026, 3, 28, 23, tzinfo=UTC)


def at(viertel: int) -> datetime:
    return BEGINN + timedelta(minutes=15 * viertel)


def wert(
    viertel: int,
    bezug_wh: int | None,
    einspeisung_wh: int | None = 0,
    qualitaet: Wertqualitaet = A,
    laenge: int = 1,
) -> Verbrauchswert:
    von, bis = at(viertel), at(viertel + laenge)
    return Verbrauchswert(von, bis, bezug_wh, einspeisung_wh, qualitaet, laenge, laenge, 0, 0)


def test_mean_power_is_exact_for_quarter_hours_and_hours():
    assert mean_power(103, 900) == Decimal("0.412")
    assert mean_power(1_234_567, 3600) == Decimal("1234.567")
    assert str(mean_power(0, 900)) == "0.000"


def test_mean_power_of_a_cut_hour_is_rounded_half_up():
    # 100 Wh in 45 minutes are 133.33 W, 1 Wh in 30 minutes 2 W, 1 Wh in 2700 s 1.33 W, 5 Wh in 45 minutes 6.67 W.
    assert [mean_power(wh, 2700) for wh in (100, 1, 5)] == [Decimal("0.133"), Decimal("0.001"), Decimal("0.007")]
    assert mean_power(1, 7200) == Decimal("0.001")  # half a W


def test_a_load_profile_keeps_gaps():
    teile = list(iter_lastgang([wert(0, 25, 3), wert(1, None, None, F), wert(2, 400, 0, E, laenge=4)]))
    assert [(teil.bezug_kw, teil.einspeisung_kw, teil.qualitaet) for teil in teile] == [
        (Decimal("0.100"), Decimal("0.012"), A),
        (None, None, F),
        (Decimal("0.400"), Decimal("0.000"), E),
    ]
    assert (teile[2].von, teile[2].bis) == (at(2), at(6))


def test_a_peak_is_the_first_of_the_highest_and_import_stands_apart_from_export():
    viertel = [wert(0, 10, 0), wert(1, 50, 7, E), wert(2, 50, 0), wert(3, None, None, F), wert(4, 5, 8)]
    erste, zweite = iter_spitzen([at(0), at(4), at(8)], viertel)
    assert (erste.von, erste.bis) == (at(0), at(4))
    assert erste.bezug == Spitze(Decimal("0.200"), at(1), E)
    assert erste.einspeisung == Spitze(Decimal("0.028"), at(1), E)
    assert (erste.erwartet, erste.vorhanden, erste.ersetzt, erste.fehlend) == (4, 4, 0, 0)
    assert (zweite.von, zweite.bezug, zweite.einspeisung) == (
        at(4),
        Spitze(Decimal("0.020"), at(4), A),
        Spitze(Decimal("0.032"), at(4), A),
    )


def test_no_peak_of_nothing_and_no_bucket_of_another_time():
    (einzige,) = iter_spitzen([at(0), at(4), at(8)], [wert(5, None, None, F)])
    assert (einzige.von, einzige.bis, einzige.bezug, einzige.einspeisung) == (at(4), at(8), None, None)
    assert list(iter_spitzen([at(0), at(4)], [])) == []


def test_statistics():
    # Mean 5, squares of the deviations 9, 1, 1, 1, 0, 0, 4, 16: 32 by 8.
    assert compute_kennzahlen([2, 4, 4, 4, 5, 5, 7, 9]) == Kennzahlen(
        8, 2, 9, Decimal("0.005000"), Decimal("0.000004000")
    )
    # Mean 1/3 Wh; variance of the population 2/9 Wh², of a sample it would be 1/3.
    assert compute_kennzahlen([0, 0, 1]) == Kennzahlen(3, 0, 1, Decimal("0.000333"), Decimal("0.000000222"))
    # Half a thousandth goes up: 1/2000 Wh.
    assert compute_kennzahlen([1] + [0] * 1999).mittelwert_kwh == Decimal("0.000001")
    assert compute_kennzahlen([]) == Kennzahlen(0, None, None, None, None)


def test_statistics_of_large_numbers_lose_nothing():
    riesig = 10**15
    assert compute_kennzahlen([riesig, riesig + 2]) == Kennzahlen(
        2, riesig, riesig + 2, Decimal("1000000000000.001000"), Decimal("0.000001000")
    )


@pytest.mark.parametrize(
    ("datum", "zeitraum", "kanten"),
    [
        # The day on which summer time begins, and the one before it; UTC.
        (date(2026, 3, 29), "tag", ["2026-03-28T23", "2026-03-29T22", "2026-03-27T23", "2026-03-28T23"]),
        # A Sunday belongs to the week that began on Monday.
        (date(2026, 10, 25), "woche", ["2026-10-18T22", "2026-10-25T23", "2026-10-11T22", "2026-10-18T22"]),
        (date(2028, 3, 31), "monat", ["2028-02-29T23", "2028-03-31T22", "2028-01-31T23", "2028-02-29T23"]),
        (date(2026, 1, 1), "monat", ["2025-12-31T23", "2026-01-31T23", "2025-11-30T23", "2025-12-31T23"]),
        (date(2028, 2, 29), "jahr", ["2027-12-31T23", "2028-12-31T23", "2026-12-31T23", "2027-12-31T23"]),
    ],
)
def test_a_period_and_the_one_before_it(datum, zeitraum, kanten):
    erwartet = [datetime.fromisoformat(f"{kante}:00:00+00:00") for kante in kanten]
    (von, bis), (vorher_von, vorher_bis) = find_periods(datum, Vergleichszeitraum(zeitraum))
    assert [von, bis, vorher_von, vorher_bis] == erwartet


def test_comparison():
    assert compare(1150, 1000) == Differenz(150, Decimal("15.0"))
    assert compare(2, 3) == Differenz(-1, Decimal("-33.3"))
    assert compare(2001, 2000) == Differenz(1, Decimal("0.1"))  # 0.05 %
    assert compare(5, 0) == Differenz(5, None)
    assert compare(0, 5) == Differenz(-5, Decimal("-100.0"))
    assert compare(None, 5) == compare(5, None) == Differenz(None, None)


def test_a_part_of_a_period_is_not_the_whole():
    ganz, erste, zweite = wert(0, 1, laenge=4), wert(0, 1, laenge=2), wert(2, 1, laenge=2)
    for teile, erwartet in (
        ([ganz], True),
        ([zweite, erste], True),
        ([ganz, zweite], True),
        ([erste], False),
        ([zweite], False),
        ([zweite, zweite], False),
        ([], False),
    ):
        assert is_whole(ganz.von, ganz.bis, teile) is erwartet


@pytest.mark.parametrize(
    ("beginn", "ende", "erwartet"),
    [
        (at(-4), None, (at(0), at(8))),
        (at(2), at(4), (at(2), at(4))),
        (at(1) + timedelta(seconds=1), at(4) - timedelta(microseconds=1), (at(2), at(3))),
        (at(1) + timedelta(seconds=1), at(2) - timedelta(seconds=1), (at(2), at(1))),
        (at(-4), at(12), (at(0), at(8))),
    ],
)
def test_whole_quarter_hours_of_a_part(beginn, ende, erwartet):
    assert clip_quarters(beginn, ende, at(0), at(8)) == erwartet

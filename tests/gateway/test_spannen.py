"""Spans of quarter hours, against sets of quarter hours."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.spannen import Spanne, merge, of_readings, since, subtract

kanten = st.integers(0, 40).map(lambda viertel: viertel * 900)
spannen = st.lists(st.tuples(kanten, kanten).map(sorted).filter(lambda s: s[0] < s[1]).map(tuple), max_size=8)


def quarters(liste: list[Spanne]) -> set[int]:
    return {uhrzeit for von, bis in liste for uhrzeit in range(von, bis, 900)}


@given(spannen, spannen)
def test_as_sets_of_quarter_hours(eine: list[Spanne], andere: list[Spanne]) -> None:
    for ergebnis, erwartet in (
        (merge(eine), quarters(eine)),
        (subtract(eine, andere), quarters(eine) - quarters(andere)),
        (of_readings(sorted(quarters(eine))), quarters(eine)),
    ):
        assert quarters(ergebnis) == erwartet
        # Ascending, not empty, and apart from each other, as a message demands it.
        kanten = [kante for spanne in ergebnis for kante in spanne]
        assert kanten == sorted(set(kanten))


def test_since_cuts_at_the_next_quarter_hour() -> None:
    assert since(1000, (0, 3600)) == [(1800, 3600)]
    assert since(900, (0, 3600)) == [(900, 3600)]
    assert since(-5, (900, 3600)) == [(900, 3600)]
    assert since(3600, (0, 3600)) == []

"""Holidays and local days; the dates are those of the calendars of the years."""

from __future__ import annotations

from datetime import date

import pytest

from stromzaehler_sim.last.kalender import feiertage, local_date, local_hours

OSTERN = ["1818-03-22", "2008-03-23", "2024-03-31", "2025-04-20", "2026-04-05", "2027-03-28", "2038-04-25"]


@pytest.mark.parametrize("tag", OSTERN)
def test_easter(tag: str) -> None:
    ostern = date.fromisoformat(tag)
    assert ostern in feiertage(ostern.year)
    assert ostern.replace(day=ostern.day - 1) not in feiertage(ostern.year)


def test_the_holidays_of_2026() -> None:
    erwartet = "01-01 04-03 04-05 04-06 05-01 05-14 05-24 05-25 10-03 12-25 12-26"
    assert sorted(feiertage(2026)) == [date.fromisoformat(f"2026-{tag}") for tag in erwartet.split()]


@pytest.mark.parametrize(
    ("tag", "beginn", "anzahl"),
    [("2026-03-29", 1774738800, 92), ("2026-10-25", 1792879200, 100), ("2026-03-30", 1774821600, 96)],
)
def test_days_at_the_change_of_the_clocks(tag: str, beginn: int, anzahl: int) -> None:
    stunden, von = local_hours(date.fromisoformat(tag))
    assert (von, len(stunden), stunden[0], stunden[-1]) == (beginn, anzahl, 0.0, 23.75)
    assert local_date(beginn) == local_date(beginn + anzahl * 900 - 1) == date.fromisoformat(tag)
    assert local_date(beginn - 1) < date.fromisoformat(tag)

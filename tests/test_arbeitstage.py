"""Working days, against calendars on paper."""

from datetime import date

import pytest

from betreiber.arbeitstage import arbeitstag_ab, arbeitstag_bis, feiertage, is_arbeitstag
from betreiber.messstelle.domain import Bundesland


@pytest.mark.parametrize(
    ("tag", "bundesland", "arbeitstag"),
    [
        (date(2026, 11, 20), "NW", True),  # an ordinary Friday
        (date(2026, 11, 21), "NW", False),  # Saturday
        (date(2026, 11, 22), "NW", False),  # Sunday
        (date(2026, 6, 4), "NW", False),  # Fronleichnam
        (date(2026, 6, 4), "BE", True),
        (date(2026, 3, 9), "BE", True),  # the 8th, a Sunday, is the holiday there
        (date(2028, 3, 8), "BE", False),  # Frauentag on a Wednesday
        (date(2026, 11, 18), "SN", False),  # Buß- und Bettag
        (date(2026, 11, 18), "NW", True),
        (date(2026, 5, 14), None, False),  # Christi Himmelfahrt, everywhere
        (date(2026, 6, 4), None, True),
    ],
)
def test_working_days_depend_on_the_bundesland(tag, bundesland, arbeitstag):
    assert is_arbeitstag(tag, bundesland) is arbeitstag


@pytest.mark.parametrize(
    ("tag", "vorher"),
    [
        (date(2034, 10, 22), date(2034, 10, 20)),
        (date(2034, 10, 20), date(2034, 10, 20)),
        # Easter Monday after Easter, Saturday and Good Friday.
        (date(2026, 4, 6), date(2026, 4, 2)),
        # New Year's Day 2027 is a Friday.
        (date(2027, 1, 3), date(2026, 12, 31)),
    ],
)
def test_the_last_working_day_up_to_a_day(tag, vorher):
    assert arbeitstag_bis(tag, "NW") == vorher


def test_every_bundesland_is_known():
    gemeinsam = feiertage(2026)
    assert {date(2026, 4, 3), date(2026, 4, 6), date(2026, 5, 14), date(2026, 5, 25)} < gemeinsam
    assert {date(2024, 3, 29), date(2024, 4, 1), date(2024, 10, 3), date(2024, 12, 26)} < feiertage(2024)
    assert len(gemeinsam) == 9
    assert all(gemeinsam <= feiertage(2026, land) for land in Bundesland)


@pytest.mark.parametrize(
    ("tag", "bundesland", "danach"),
    [
        # Thursday, 4 June 2026 is Fronleichnam in Köln, and a working day in Berlin.
        (date(2026, 6, 4), "NW", date(2026, 6, 5)),
        (date(2026, 6, 4), "BE", date(2026, 6, 4)),
        # Christmas 2026 is a Friday and a Saturday.
        (date(2026, 12, 25), "NW", date(2026, 12, 28)),
    ],
)
def test_the_first_working_day_from_a_day_on(tag, bundesland, danach):
    assert arbeitstag_ab(tag, bundesland) == danach

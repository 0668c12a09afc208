"""Working days: Monday to Friday, without the public holidays of a Bundesland. Pure."""

from datetime import date, timedelta
from functools import lru_cache

import holidays

SAMSTAG = 5


@lru_cache(maxsize=512)  # Sixteen Länder for three decades.
def feiertage(jahr: int, bundesland: str | None = None) -> frozenset[date]:
    """The public holidays of a year; without a `bundesland` (ISO 3166-2:DE) those that all Länder share."""
    return frozenset(holidays.country_holidays("DE", subdiv=bundesland, years=jahr))


def is_arbeitstag(tag: date, bundesland: str | None = None) -> bool:
    """Whether people work on that day.

    ASSUMPTION: on holidays of single Gemeinden (Mariä Himmelfahrt in Bavaria, Augsburg's Friedensfest) they do;
    wrong by a day on which nobody opens there.
    """
    return tag.weekday() < SAMSTAG and tag not in feiertage(tag.year, bundesland)


def arbeitstag_bis(tag: date, bundesland: str | None = None) -> date:
    """The day itself when it is a working day, or else the last working day before it."""
    while not is_arbeitstag(tag, bundesland):
        tag -= timedelta(days=1)
    return tag


def arbeitstag_ab(tag: date, bundesland: str | None = None) -> date:
    """The day itself when it is a working day, or else the first working day after it."""
    while not is_arbeitstag(tag, bundesland):
        tag += timedelta(days=1)
    return tag


def arbeitstage_nach(tag: date, anzahl: int, bundesland: str | None = None) -> date:
    """So many working days after a day."""
    for _ in range(anzahl):
        tag = arbeitstag_ab(tag + timedelta(days=1), bundesland)
    return tag

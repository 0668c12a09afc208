"""Which days resemble each other: working days, Saturdays, Sundays with the public holidays. Pure."""

from datetime import date, timedelta
from enum import StrEnum
from functools import lru_cache


class Tagestyp(StrEnum):
    """Days that resemble each other, as the standard load profiles of the BDEW sort them."""

    WERKTAG = "WERKTAG"
    SAMSTAG = "SAMSTAG"
    SONNTAG = "SONNTAG"


def tagestyp(tag: date) -> Tagestyp:
    """The type of a day; 24 and 31 December count as Saturdays, unless they are Sundays (BDEW)."""
    if tag.weekday() == 6 or tag in feiertage(tag.year):
        return Tagestyp.SONNTAG
    return (
        Tagestyp.SAMSTAG
        if tag.weekday() == 5 or (tag.month, tag.day) in ((12, 24), (12, 31))
        else Tagestyp.WERKTAG
    )


@lru_cache(maxsize=8)
def feiertage(jahr: int) -> frozenset[date]:
    """The public holidays that all German states share, with the Sundays of Easter and Whitsun.

    ASSUMPTION: holidays of single states count as ordinary days; wrong by the difference between a working day and
    a Sunday on the few days of a year on which a state has one of its own.
    """
    ostern = _easter(jahr)
    fest = [date(jahr, monat, tag) for monat, tag in ((1, 1), (5, 1), (10, 3), (12, 25), (12, 26))]
    return frozenset([*fest, *(ostern + timedelta(days=tage) for tage in (-2, 0, 1, 39, 49, 50))])


def _easter(jahr: int) -> date:
    """Easter Sunday of the Gregorian calendar (Meeus, Astronomical Algorithms, chapter 8)."""
    a, (b, c) = jahr % 19, divmod(jahr, 100)
    d, e = divmod(b, 4)
    g = (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    m = (32 + 2 * e + 2 * i - h - k) % 7
    n = (a + 11 * h + 22 * m) // 451
    monat, tag = divmod(h + m - 7 * n + 114, 31)
    return date(jahr, monat, tag + 1)

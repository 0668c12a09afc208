"""Which days resemble each other: working days, Saturdays, Sundays with the public holidays. Pure."""

from datetime import date
from enum import StrEnum

from betreiber.arbeitstage import feiertage


class Tagestyp(StrEnum):
    """Days that resemble each other, as the standard load profiles of the BDEW sort them."""

    WERKTAG = "WERKTAG"
    SAMSTAG = "SAMSTAG"
    SONNTAG = "SONNTAG"


def tagestyp(tag: date) -> Tagestyp:
    """The type of a day; 24 and 31 December count as Saturdays, unless they are Sundays (BDEW).

    ASSUMPTION: holidays of single states count as ordinary days; wrong by the difference between a working day and
    a Sunday on the few days of a year on which a state has one of its own.
    """
    if tag.weekday() == 6 or tag in feiertage(tag.year):
        return Tagestyp.SONNTAG
    return (
        Tagestyp.SAMSTAG
        if tag.weekday() == 5 or (tag.month, tag.day) in ((12, 24), (12, 31))
        else Tagestyp.WERKTAG
    )

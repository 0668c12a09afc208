"""Local days of Germany: their quarter hours, their holidays, and seeded randomness for each."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from random import Random
from zoneinfo import ZoneInfo

from stromzaehler_sim.uhr import VIERTELSTUNDE_S

BERLIN = ZoneInfo("Europe/Berlin")


def make_random(name: str) -> Random:
    """A generator whose stream depends on the name alone; strings are hashed the same way in every process."""
    return Random(name)  # noqa: S311  (a load model needs no secret randomness)


def local_midnight(tag: date) -> int:
    """The first instant of a day in Germany, in seconds since 1970."""
    return int(datetime(tag.year, tag.month, tag.day, tzinfo=BERLIN).timestamp())


def local_date(uhrzeit: int) -> date:
    """The day in Germany to which an instant (s since 1970) belongs."""
    return datetime.fromtimestamp(uhrzeit, BERLIN).date()


def local_hours(tag: date) -> tuple[list[float], int]:
    """The local time of day (h) of each of the 92, 96 or 100 quarter hours, and the day's start (s since 1970)."""
    beginn = local_midnight(tag)
    anzahl = (local_midnight(tag + timedelta(days=1)) - beginn) // VIERTELSTUNDE_S
    if anzahl == 96:
        return [i / 4 for i in range(96)], beginn
    stunden = []
    for i in range(anzahl):
        lokal = datetime.fromtimestamp(beginn + i * VIERTELSTUNDE_S, UTC).astimezone(BERLIN)
        stunden.append(lokal.hour + lokal.minute / 60)
    return stunden, beginn


@lru_cache(maxsize=8)
def feiertage(jahr: int) -> frozenset[date]:
    """The public holidays that all German states share, with the two Sundays of Easter and Whitsun.

    ASSUMPTION: holidays of single states (Fronleichnam, Allerheiligen, ...) count as ordinary days.
    """
    ostern = _easter(jahr)
    beweglich = (-2, 0, 1, 39, 49, 50)
    fest = ((1, 1), (5, 1), (10, 3), (12, 25), (12, 26))
    return frozenset(
        [date(jahr, monat, tag) for monat, tag in fest] + [ostern + timedelta(days=tage) for tage in beweglich]
    )


def _easter(jahr: int) -> date:
    """Easter Sunday of the Gregorian calendar, by the anonymous algorithm of Nature 1876 (Meeus, ch. 8)."""
    a, (b, c) = jahr % 19, divmod(jahr, 100)
    d, e = divmod(b, 4)
    g = (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    m = (32 + 2 * e + 2 * i - h - k) % 7
    n = (a + 11 * h + 22 * m) // 451
    monat, tag = divmod(h + m - 7 * n + 114, 31)
    return date(jahr, monat, tag + 1)

"""Time: the operator's clock, and the calendar of Europe/Berlin as edges of UTC periods.

Instants are UTC and aware; periods are half-open, [von, bis). Local time appears only where an edge of a day,
week, month or year is looked for: a local day has 92, 96 or 100 quarter hours.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Protocol
from zoneinfo import ZoneInfo

BERLIN = ZoneInfo("Europe/Berlin")
VIERTELSTUNDE_S = 900


class Uhr(Protocol):
    """Where the time comes from. It is passed in, so that tests and simulations hold it in their hand."""

    def now(self) -> datetime:
        """The present instant, UTC and aware."""


class Systemuhr:
    """The clock of the machine."""

    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass(frozen=True)
class SimulierteUhr:
    """A clock that showed `start` when the machine's showed `bezug`, and runs `faktor` times as fast."""

    start: datetime
    bezug: datetime
    faktor: float

    def now(self) -> datetime:
        return self.start + (datetime.now(UTC) - self.bezug) * self.faktor


class Aufloesung(StrEnum):
    """Length of the buckets of an answer."""

    VIERTELSTUNDE = "viertelstunde"
    STUNDE = "stunde"
    TAG = "tag"
    WOCHE = "woche"
    MONAT = "monat"
    JAHR = "jahr"
    GESAMT = "gesamt"


def local_date(zeitpunkt: datetime) -> date:
    """The calendar date in Europe/Berlin at an instant."""
    return zeitpunkt.astimezone(BERLIN).date()


@lru_cache(4096)  # Eleven years; the edges of a month by day cost as much as one of its statements.
def day_start(tag: date) -> datetime:
    """The instant at which a local day begins, in UTC."""
    return datetime(tag.year, tag.month, tag.day, tzinfo=BERLIN).astimezone(UTC)


def format_zeitpunkt(zeitpunkt: datetime) -> str:
    """RFC 3339 in UTC: 2026-01-31T00:00:00Z."""
    return zeitpunkt.astimezone(UTC).isoformat().replace("+00:00", "Z")


def on_quarter_hour(zeitpunkt: datetime) -> bool:
    """Whether an instant is an edge of a quarter hour (they are the same in UTC and in Europe/Berlin)."""
    return zeitpunkt.microsecond == 0 and int(zeitpunkt.timestamp()) % VIERTELSTUNDE_S == 0


def iter_edges(von: datetime, bis: datetime, aufloesung: Aufloesung) -> Iterator[datetime]:
    """The edges of the buckets of [von, bis): first `von`, then every inner edge, last `bis`.

    The first and the last bucket are clipped to the period; a week begins on Monday (ISO 8601).
    """
    yield von
    if aufloesung in (Aufloesung.VIERTELSTUNDE, Aufloesung.STUNDE):
        # A local hour begins with a UTC hour: the offset of Europe/Berlin is a whole number of hours.
        schritt = timedelta(hours=1) if aufloesung is Aufloesung.STUNDE else timedelta(seconds=VIERTELSTUNDE_S)
        seit = int(von.timestamp())
        kante = datetime.fromtimestamp(seit - seit % int(schritt.total_seconds()), UTC) + schritt
        while kante < bis:
            yield kante
            kante += schritt
    elif aufloesung is not Aufloesung.GESAMT:
        tag = _next_start(local_date(von), aufloesung)
        while (kante := day_start(tag)) < bis:
            yield kante
            tag = _next_start(tag, aufloesung)
    yield bis


def calendar_period(tag: date, aufloesung: Aufloesung) -> tuple[datetime, datetime]:
    """The local day, ISO week, month or year in which a date lies, as [von, bis) in UTC."""
    erster = tag
    if aufloesung is Aufloesung.WOCHE:
        erster -= timedelta(days=tag.weekday())
    elif aufloesung is Aufloesung.MONAT:
        erster = tag.replace(day=1)
    elif aufloesung is Aufloesung.JAHR:
        erster = date(tag.year, 1, 1)
    return day_start(erster), day_start(_next_start(erster, aufloesung))


def _next_start(tag: date, aufloesung: Aufloesung) -> date:
    """The first day of the bucket that follows the one in which `tag` lies."""
    if aufloesung is Aufloesung.TAG:
        return tag + timedelta(days=1)
    if aufloesung is Aufloesung.WOCHE:
        return tag + timedelta(days=7 - tag.weekday())
    if aufloesung is Aufloesung.MONAT:
        return date(tag.year + tag.month // 12, tag.month % 12 + 1, 1)
    return date(tag.year + 1, 1, 1)

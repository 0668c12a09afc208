"""Which readings are missing, and for which of them a receipt asks. Pure: no database, no HTTP, no clock.

Two instants of a meter's `telegrammstand` tell whether there is a gap: up to `lueckenlos_bis` nothing is missing,
`neueste_uhrzeit` is the newest quarter hour that is known. Both advance with the message that is stored anyway, so
a meter without a gap costs nothing. One with a gap is searched once a quarter hour, with the first message in it
that is taken in, whatever it brings. That is often enough to ask for a week of readings a quarter hour, and a
meter that catches up does not make every one of its messages cost a search. That the receipt then names what the
meter is about to send anyway does no harm: a meter passes over what waits in its buffer.

A quarter hour is known when its reading is stored, when it lies in quarantine, or when the meter has said that it
lost it (FEHLANZEIGE). Everything else from the installation on is asked for again until it is known, and so is
what a restored backup of the database has lost.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence

from betreiber.ablesung.domain import Spanne
from betreiber.zeit import VIERTELSTUNDE_S

SPANNEN_HOECHSTENS = 16
# What a meter sends in seven messages.
ANFORDERUNG_HOECHSTENS_S = 7 * 86_400


def first_quarter(zeit: int) -> int:
    """The first edge of a quarter hour at or after an instant, both in seconds since 1970."""
    return -(-zeit // VIERTELSTUNDE_S) * VIERTELSTUNDE_S


def advance(lueckenlos_bis: int, zeiten: Iterable[int]) -> int:
    """Up to where nothing is missing once the readings at `zeiten`, ascending, are known, too."""
    for zeit in zeiten:
        if zeit > lueckenlos_bis + VIERTELSTUNDE_S:
            break
        lueckenlos_bis = max(lueckenlos_bis, zeit)
    return lueckenlos_bis


def missing(von: int, bis: int, bekannt: Iterable[Spanne]) -> list[Spanne]:
    """The parts of [von, bis) that none of `bekannt` covers: ascending, disjoint, not touching one another."""
    luecken = []
    for anfang, ende in sorted(bekannt):
        if anfang >= bis:
            break
        if anfang > von:
            luecken.append((von, anfang))
        von = max(von, ende)
    if von < bis:
        luecken.append((von, bis))
    return luecken


def overlaps(spanne: Spanne, luecken: Sequence[Spanne]) -> bool:
    """Whether a part of a span is missing; `luecken` as `missing` gives them. An empty span has no part."""
    von, bis = spanne
    stelle = bisect_right(luecken, von, key=lambda luecke: luecke[1])
    return von < bis and stelle < len(luecken) and luecken[stelle][0] < bis


def choose(luecken: Sequence[Spanne]) -> tuple[Spanne, ...]:
    """What one receipt asks for: the oldest gaps, at most 16 and a week of quarter hours together."""
    gefragt = []
    rest = ANFORDERUNG_HOECHSTENS_S
    for von, bis in luecken[:SPANNEN_HOECHSTENS]:
        if rest == 0:
            break
        bis = min(bis, von + rest)
        gefragt.append((von, bis))
        rest -= bis - von
    return tuple(gefragt)

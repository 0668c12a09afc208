"""Until when readings are kept, and what may be told of them afterwards. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

# Groups of fewer customers say something about each of them (MsbG § 52(3)).
KUNDEN_MINDESTENS = 5
# How much of a postcode names a region: the whole one, else ever larger surroundings.
_STELLEN = (5, 3, 2, 1)


class Loeschgrund(StrEnum):
    """Why readings were deleted."""

    AUFBEWAHRUNG = "MsbG § 60 Abs. 6: Aufbewahrungsdauer abgelaufen"


# A customer's share of a day: whose, the postcode of the place.
Anteil = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Regionssumme:
    """Energy of one day of at least five customers. `einspeisung_wh` None: one to four of them fed in."""

    region: str
    kunden: int
    bezug_wh: int
    einspeisung_wh: int | None


def retention_end(heute: date, jahre: int) -> date:
    """The local day before which readings are deleted: `jahre` full calendar years after theirs are over.

    MsbG § 60(6) allows three: readings of 2022 go on 1 January 2026.
    """
    return date(heute.year - jahre, 1, 1)


def sum_regions(anteile: Mapping[Anteil, tuple[int, int]]) -> list[Regionssumme]:
    """Energy (Wh: taken from the grid, fed into it) of customers of one day, summed by region.

    A postcode in which five customers took energy is a region of its own. What is left joins its neighbours of the
    same first three digits, then two, then one; whoever is left then is not told of. So no region contains
    another one, and no difference of two sums says something about fewer than five.
    """
    summen = []
    rest = dict(anteile)
    for stellen in _STELLEN:
        gruppen: dict[str, list[Anteil]] = {}
        for anteil in rest:
            gruppen.setdefault(anteil[1][:stellen], []).append(anteil)
        for region, gruppe in sorted(gruppen.items()):
            if _count_kunden(anteil for anteil in gruppe if rest[anteil][0]) >= KUNDEN_MINDESTENS:
                summen.append(_sum(region, {anteil: rest.pop(anteil) for anteil in gruppe}))
    return summen


def _sum(region: str, gruppe: Mapping[Anteil, tuple[int, int]]) -> Regionssumme:
    einspeiser = _count_kunden(anteil for anteil, (_, einspeisung_wh) in gruppe.items() if einspeisung_wh)
    return Regionssumme(
        region,
        _count_kunden(gruppe),
        sum(bezug_wh for bezug_wh, _ in gruppe.values()),
        None if 0 < einspeiser < KUNDEN_MINDESTENS else sum(wh for _, wh in gruppe.values()),
    )


def _count_kunden(anteile: Iterable[Anteil]) -> int:
    return len({kunde_id for kunde_id, _ in anteile})

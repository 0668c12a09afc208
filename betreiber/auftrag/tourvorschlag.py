"""Tours: in which order the places of a day lie, and which day and fitter an order gets. Pure."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Stopp:
    """An order that waits for a day; the rest of its place only orders it on the way."""

    auftrag_id: int
    bundesland: str
    ort: tuple[str, str, int, str]


@dataclass(frozen=True, slots=True)
class Tourvorschlag:
    """Who goes to which order on which day."""

    auftrag_id: int
    termin_datum: date
    benutzer_id: int


def place_on_the_way(postleitzahl: str, strasse: str, hausnummer: str) -> tuple[str, str, int, str]:
    """Where a place comes on a tour: by postcode and street, house number 9 before 10 and 10 before 10a."""
    zahl = re.match(r"[0-9]+", hausnummer)
    return postleitzahl, strasse.casefold(), int(zahl[0]) if zahl else 0, hausnummer.casefold()


def find_room(
    tage: Iterable[date], monteure: Sequence[int], belegt: Mapping[tuple[date, int], int], hoechstens: int
) -> dict[tuple[date, int], int]:
    """How many more stops each fitter can take on each day, in the order in which days fill up.

    `belegt`: the stops that a fitter has on a day already; `hoechstens`: how many they may have. A full day
    is left out.
    """
    frei = {(tag, monteur): hoechstens - belegt.get((tag, monteur), 0) for tag in tage for monteur in monteure}
    return {wann: plaetze for wann, plaetze in frei.items() if plaetze > 0}


def count_room(frei: Mapping[tuple[date, int], int], is_arbeitstag: Callable[[date], bool]) -> int:
    """How many stops fit at most into the working days."""
    return sum(plaetze for (tag, _), plaetze in frei.items() if is_arbeitstag(tag))


def propose_touren(
    stopps: Iterable[Stopp], frei: Mapping[tuple[date, int], int], is_arbeitstag: Callable[[date, str], bool]
) -> list[Tourvorschlag]:
    """Give each order the first day and fitter with room, in the order of the way: neighbours share a tour.

    Nobody is sent on a day that is no working day in the Bundesland of the place. Orders without room are left
    out.
    """
    plaetze = dict(frei)
    vorschlaege = []
    for stopp in sorted(stopps, key=lambda stopp: (*stopp.ort, stopp.auftrag_id)):
        for tag, monteur in plaetze:
            if is_arbeitstag(tag, stopp.bundesland):
                vorschlaege.append(Tourvorschlag(stopp.auftrag_id, tag, monteur))
                plaetze[tag, monteur] -= 1
                # What is full is not looked at again by thousands of others.
                if not plaetze[tag, monteur]:
                    del plaetze[tag, monteur]
                break
    return vorschlaege

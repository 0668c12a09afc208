"""Tours: in which order the places of a day lie, and which day and fitter an order gets. Pure."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby


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


def choose_stopps(
    stopps: Iterable[Stopp], frei: Mapping[tuple[date, int], int], is_arbeitstag: Callable[[date, str], bool]
) -> list[Stopp]:
    """Those for which there is room, if each takes some in the order of `stopps`: the most urgent ones first."""
    return [stopp for stopp, _ in _fill(stopps, frei, is_arbeitstag)]


def propose_touren(
    stopps: Iterable[Stopp], frei: Mapping[tuple[date, int], int], is_arbeitstag: Callable[[date, str], bool]
) -> list[Tourvorschlag]:
    """Give each order the first day and fitter with room, in the order of the way: neighbours share a tour.

    Nobody is sent on a day that is no working day in the Bundesland of the place. Orders without room are left
    out; if that is so for the holidays of others, those go first whose Bundesland leaves the least room.
    """
    weg = sorted(stopps, key=lambda stopp: (*stopp.ort, stopp.auftrag_id))
    laender = {stopp.bundesland for stopp in weg}
    platz = {land: sum(frei[wann] for wann in frei if is_arbeitstag(wann[0], land)) for land in laender}
    knappe_zuerst = sorted(weg, key=lambda stopp: platz[stopp.bundesland])
    plaene = [[*_fill(folge, frei, is_arbeitstag)] for folge in (weg, knappe_zuerst)]
    return [Tourvorschlag(stopp.auftrag_id, *wann) for stopp, wann in max(plaene, key=len)]


def _fill(
    stopps: Iterable[Stopp], frei: Mapping[tuple[date, int], int], is_arbeitstag: Callable[[date, str], bool]
) -> Iterator[tuple[Stopp, tuple[date, int]]]:
    """Those that find room, with the first day and fitter that has some left; `frei`: by day."""
    reihe = list(stopps)
    laender = {stopp.bundesland for stopp in reihe}
    plan: dict[int, tuple[date, int]] = {}
    offene = reihe
    # Day by day, each with those for whom the days before had no room: nobody looks at every full or free day.
    for tag, plaetze in groupby(frei, key=lambda wann: wann[0]):
        mit_arbeit = {land for land in laender if is_arbeitstag(tag, land)}
        folge = [wann for wann in plaetze for _ in range(frei[wann])]
        dran = [stopp for stopp in offene if stopp.bundesland in mit_arbeit][: len(folge)]
        plan |= {stopp.auftrag_id: wann for stopp, wann in zip(dran, folge, strict=False)}
        offene = [stopp for stopp in offene if stopp.auftrag_id not in plan]
    return ((stopp, plan[stopp.auftrag_id]) for stopp in reihe if stopp.auftrag_id in plan)

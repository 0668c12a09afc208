"""Verbrauch from registers. Pure: no database, no HTTP, no clock.

Verbrauch of [von, bis) is register(bis) - register(von), times the transformer factor (ADR 0006). Where one of
the two readings is missing there is no value: null is not zero, and no neighbour takes its place.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import pairwise

from betreiber.ablesung.domain import Ablesung, Qualitaet
from betreiber.errors import EingabeUngueltig
from betreiber.zeit import VIERTELSTUNDE_S, Aufloesung

FEINE_AUFLOESUNGEN = frozenset({Aufloesung.VIERTELSTUNDE, Aufloesung.STUNDE})
HOECHSTENS_FEIN = timedelta(days=400)
HOECHSTENS_GROB = timedelta(days=11 * 366)
# Ten meters by quarter hour for 400 days: some 10 s and 400 MB.
WERTE_HOECHSTENS = 400_000


class Wertqualitaet(StrEnum):
    """How a value came about; the worst of its parts counts, in this order."""

    ABGELESEN = "ABGELESEN"
    VORLAEUFIGERWERT = "VORLAEUFIGERWERT"
    ERSATZWERT = "ERSATZWERT"
    FEHLT = "FEHLT"


_RANG = {qualitaet: rang for rang, qualitaet in enumerate(Wertqualitaet)}


@dataclass(frozen=True, slots=True)
class Verbrauchswert:
    """Energy of [von, bis). `erwartet` quarter hours, of which `vorhanden` have readings at both their ends."""

    von: datetime
    bis: datetime
    bezug_wh: int | None
    einspeisung_wh: int | None
    qualitaet: Wertqualitaet
    erwartet: int
    vorhanden: int


def check_zeitraum(von: datetime, bis: datetime, aufloesung: Aufloesung) -> None:
    """Raise EingabeUngueltig unless [von, bis) is a period, and not longer than the resolution allows."""
    if bis <= von:
        raise EingabeUngueltig("bis muss nach von liegen.", feld="bis", code="zeitraum_ungueltig")
    hoechstens = HOECHSTENS_FEIN if aufloesung in FEINE_AUFLOESUNGEN else HOECHSTENS_GROB
    if bis - von > hoechstens:
        raise EingabeUngueltig(
            f"Höchstens {hoechstens.days} Tage mit der Auflösung {aufloesung}. Fragen Sie kürzere Zeiträume ab.",
            feld="bis",
            code="zeitraum_zu_lang",
        )


def check_umfang(zaehler: int, werte: int) -> None:
    """Raise EingabeUngueltig when so many values of so many meters are too much for one answer."""
    if zaehler * werte > WERTE_HOECHSTENS:
        raise EingabeUngueltig(
            "Das sind zu viele Werte auf einmal. Fragen Sie kürzere Zeiträume, eine gröbere Auflösung oder"
            " einzelne Zähler ab.",
            feld="bis",
            code="zeitraum_zu_lang",
        )


def find_runs(zeiten: Iterable[int]) -> list[tuple[int, int]]:
    """The stretches of ascending times that follow each other by a quarter hour, as (first, last)."""
    laeufe: list[tuple[int, int]] = []
    for zeit in zeiten:
        if laeufe and zeit - laeufe[-1][1] == VIERTELSTUNDE_S:
            laeufe[-1] = (laeufe[-1][0], zeit)
        else:
            laeufe.append((zeit, zeit))
    return laeufe


def compute_verbrauch(
    kanten: Sequence[int], staende: Mapping[int, Ablesung], laeufe: Sequence[tuple[int, int]], faktor: int
) -> list[Verbrauchswert]:
    """Turn n edges (seconds since 1970, ascending) into n-1 values.

    `staende`: the readings at the edges, as far as there are some; `laeufe`: the stretches without a gap, as
    `find_runs` gives them; `faktor`: the transformer factor of the meter.
    """
    anfaenge = [anfang for anfang, _ in laeufe]
    werte = []
    for von, bis in pairwise(kanten):
        alt, neu = staende.get(von), staende.get(bis)
        bezug_wh = einspeisung_wh = None
        qualitaet = Wertqualitaet.FEHLT
        if alt is not None and neu is not None:
            bezug_wh = (neu.bezug_wh - alt.bezug_wh) * faktor
            einspeisung_wh = (neu.einspeisung_wh - alt.einspeisung_wh) * faktor
            qualitaet = worst(_wertqualitaet(alt.qualitaet), _wertqualitaet(neu.qualitaet))
        werte.append(
            Verbrauchswert(
                datetime.fromtimestamp(von, UTC),
                datetime.fromtimestamp(bis, UTC),
                bezug_wh,
                einspeisung_wh,
                qualitaet,
                (bis - von) // VIERTELSTUNDE_S,
                _count_covered(von, bis, laeufe, anfaenge),
            )
        )
    return werte


def sum_werte(von: datetime, bis: datetime, teile: Sequence[Verbrauchswert]) -> Verbrauchswert:
    """The sum of several values as the value of [von, bis); without a value as soon as one part has none."""
    bezuege = [teil.bezug_wh for teil in teile if teil.bezug_wh is not None]
    einspeisungen = [teil.einspeisung_wh for teil in teile if teil.einspeisung_wh is not None]
    vollstaendig = bool(teile) and len(bezuege) == len(teile)
    return Verbrauchswert(
        von,
        bis,
        sum(bezuege) if vollstaendig else None,
        sum(einspeisungen) if vollstaendig else None,
        worst(*(teil.qualitaet for teil in teile)) if vollstaendig else Wertqualitaet.FEHLT,
        sum(teil.erwartet for teil in teile),
        sum(teil.vorhanden for teil in teile),
    )


def group_by_edges(
    kanten: Sequence[datetime], teile: Iterable[Verbrauchswert]
) -> list[tuple[datetime, datetime, list[Verbrauchswert]]]:
    """Sort values into the buckets in which they begin; buckets without any are left out."""
    eimer: dict[int, list[Verbrauchswert]] = {}
    for teil in teile:
        eimer.setdefault(bisect_right(kanten, teil.von) - 1, []).append(teil)
    return [(kanten[nummer], kanten[nummer + 1], eimer[nummer]) for nummer in sorted(eimer)]


def worst(*qualitaeten: Wertqualitaet) -> Wertqualitaet:
    """The least certain of some qualities."""
    return max(qualitaeten, key=_RANG.__getitem__)


def _wertqualitaet(qualitaet: Qualitaet) -> Wertqualitaet:
    return Wertqualitaet[qualitaet.name]


def _count_covered(von: int, bis: int, laeufe: Sequence[tuple[int, int]], anfaenge: Sequence[int]) -> int:
    """How many quarter hours of [von, bis) lie within a stretch."""
    nummer = max(bisect_right(anfaenge, von) - 1, 0)
    gedeckt = 0
    while nummer < len(laeufe) and laeufe[nummer][0] < bis:
        anfang, ende = laeufe[nummer]
        gedeckt += max(0, min(ende, bis) - max(anfang, von))
        nummer += 1
    return gedeckt // VIERTELSTUNDE_S

"""Verbrauch from registers. Pure: no database, no HTTP, no clock.

Verbrauch of [von, bis) is the energy that had flowed at `bis` less that at `von`, from the register readings at
these two instants (ADR 0006). Where one of them is missing there is no value: null is not zero, and no neighbour
takes its place. What lies between changes the counts and not the energy.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import partial
from itertools import pairwise
from typing import NamedTuple

from betreiber.ablesung.domain import Lauf, Qualitaet, Registerstand
from betreiber.ablesung.zaehlwerk import Zaehlwerk
from betreiber.errors import EingabeUngueltig
from betreiber.zeit import VIERTELSTUNDE_S, Aufloesung

FEINE_AUFLOESUNGEN = frozenset({Aufloesung.VIERTELSTUNDE, Aufloesung.STUNDE})
HOECHSTENS_FEIN = timedelta(days=400)
HOECHSTENS_GROB = timedelta(days=11 * 366)
# Ten meters by quarter hour for 400 days: some 10 s and 400 MB.
WERTE_HOECHSTENS = 400_000


class Wertqualitaet(StrEnum):
    """How a value came about: the worse of the readings at its two ends, in this order.

    What lies between them has no part in it: a month whose edges were measured is ABGELESEN, however many of its
    quarter hours are Ersatzwerte (`ersetzt`), because its energy is the difference of two measured registers. Of
    several meters or intervals the worst one counts.
    """

    ABGELESEN = "ABGELESEN"
    VORLAEUFIGERWERT = "VORLAEUFIGERWERT"
    ERSATZWERT = "ERSATZWERT"
    FEHLT = "FEHLT"


_RANG = {qualitaet: rang for rang, qualitaet in enumerate(Wertqualitaet)}
_WERTQUALITAET = {qualitaet: Wertqualitaet[qualitaet.name] for qualitaet in Qualitaet}
# Of the readings at the two ends of a value.
_SCHLECHTERE = {
    (eine, andere): max(_WERTQUALITAET[eine], _WERTQUALITAET[andere], key=_RANG.__getitem__)
    for eine in Qualitaet
    for andere in Qualitaet
}


class Zahlenformat(StrEnum):
    """How a CSV file writes numbers: DE 1,5 between semicolons, INT 1.5 between commas."""

    DE = "de"
    INT = "int"


class Verbrauchswert(NamedTuple):
    """Energy of [von, bis), and how many of its quarter hours are known.

    Of `erwartet` quarter hours, `vorhanden` have measured readings at both their ends, `ersetzt` a substitute at
    one or both, `fehlend` no reading at one or both.
    """

    von: datetime
    bis: datetime
    bezug_wh: int | None
    einspeisung_wh: int | None
    qualitaet: Wertqualitaet
    erwartet: int
    vorhanden: int
    ersetzt: int
    fehlend: int


_OHNE_WERT = (None, None, Wertqualitaet.FEHLT)
# A year has 35,040 of them: this is twice as fast as the call of the class.
_AS_WERT = partial(tuple.__new__, Verbrauchswert)


class Flottenwert(NamedTuple):
    """Energy of one meter of many."""

    stromzaehler_id: int
    bezug_wh: int | None
    einspeisung_wh: int | None
    qualitaet: Wertqualitaet


@dataclass(frozen=True, slots=True)
class Reihe:
    """Verbrauch of one meter in [von, bis), as of a moment of receipt; `stand` None: of all that has come."""

    stromzaehler_id: int
    zaehlernummer: str
    von: datetime
    bis: datetime
    aufloesung: Aufloesung
    stand: datetime | None
    werte: Iterable[Verbrauchswert]
    summe: Verbrauchswert


class Deckung(NamedTuple):
    """The stretches without a gap, ascending: of readings of any kind, and of measured ones only."""

    bekannt: Sequence[Lauf]
    gemessen: Sequence[Lauf]


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


def find_runs(zeiten: Iterable[int]) -> list[Lauf]:
    """The stretches of ascending times that follow each other by a quarter hour."""
    laeufe: list[Lauf] = []
    anfang = ende = None
    for zeit in zeiten:
        if anfang is None or ende is None:
            anfang = zeit
        elif zeit - ende != VIERTELSTUNDE_S:
            laeufe.append((anfang, ende))
            anfang = zeit
        ende = zeit
    if anfang is not None and ende is not None:
        laeufe.append((anfang, ende))
    return laeufe


def find_coverage(staende: Mapping[int, Registerstand]) -> Deckung:
    """The stretches of a series, which is ascending."""
    bekannt = find_runs(staende)
    gemessen = [zeit for zeit, stand in staende.items() if stand[2] is Qualitaet.ABGELESEN]
    return Deckung(bekannt, bekannt if len(gemessen) == len(staende) else find_runs(gemessen))


def compute_verbrauch(
    kanten: Sequence[int], staende: Mapping[int, Registerstand], deckung: Deckung, zaehlwerk: Zaehlwerk
) -> list[Verbrauchswert]:
    """Turn n edges (seconds since 1970, ascending) into n-1 values.

    `staende`: the readings at the edges, as far as there are some. `zaehlwerk` makes them comparable over a
    rollover, an exchange of the electronics and another transformer factor.
    """
    energie = zaehlwerk.energie
    # Most registers show what has flowed.
    energien = [
        stand if zaehlwerk.ist_energie or stand is None else (*energie(kante, stand[0], stand[1]), stand[2])
        for kante, stand in zip(kanten, map(staende.get, kanten), strict=True)
    ]
    zeitpunkte = [datetime.fromtimestamp(kante, UTC) for kante in kanten]
    bekannt = _count_quarters(kanten, deckung.bekannt)
    gemessen = bekannt if deckung.gemessen is deckung.bekannt else _count_quarters(kanten, deckung.gemessen)
    return [
        _AS_WERT(
            (
                von,
                bis,
                *(
                    _OHNE_WERT
                    if alt is None or neu is None
                    else (neu[0] - alt[0], neu[1] - alt[1], _SCHLECHTERE[alt[2], neu[2]])
                ),
                erwartet,
                vorhanden,
                gedeckt - vorhanden,
                erwartet - gedeckt,
            )
        )
        for (von, bis), (alt, neu), erwartet, gedeckt, vorhanden in zip(
            pairwise(zeitpunkte),
            pairwise(energien),
            [(ende - anfang) // VIERTELSTUNDE_S for anfang, ende in pairwise(kanten)],
            bekannt,
            gemessen,
            strict=True,
        )
    ]


def compute_flottenwert(
    stromzaehler_id: int,
    kanten: tuple[int, int],
    staende: tuple[Registerstand | None, Registerstand | None],
    zaehlwerk: Zaehlwerk,
) -> Flottenwert:
    """The energy between two readings of one meter."""
    alt, neu = staende
    if alt is None or neu is None:
        return Flottenwert(stromzaehler_id, None, None, Wertqualitaet.FEHLT)
    qualitaet = _SCHLECHTERE[alt[2], neu[2]]
    if zaehlwerk.ist_energie:  # As with most meters.
        return Flottenwert(stromzaehler_id, neu[0] - alt[0], neu[1] - alt[1], qualitaet)
    bezug_alt_wh, einspeisung_alt_wh = zaehlwerk.energie(kanten[0], alt[0], alt[1])
    bezug_neu_wh, einspeisung_neu_wh = zaehlwerk.energie(kanten[1], neu[0], neu[1])
    return Flottenwert(
        stromzaehler_id, bezug_neu_wh - bezug_alt_wh, einspeisung_neu_wh - einspeisung_alt_wh, qualitaet
    )


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
        max((teil.qualitaet for teil in teile), key=_RANG.__getitem__) if vollstaendig else Wertqualitaet.FEHLT,
        sum(teil.erwartet for teil in teile),
        sum(teil.vorhanden for teil in teile),
        sum(teil.ersetzt for teil in teile),
        sum(teil.fehlend for teil in teile),
    )


def group_by_edges(
    kanten: Sequence[datetime], teile: Iterable[Verbrauchswert]
) -> list[tuple[datetime, datetime, list[Verbrauchswert]]]:
    """Sort values into the buckets in which they begin; buckets without any are left out."""
    eimer: dict[int, list[Verbrauchswert]] = {}
    for teil in teile:
        eimer.setdefault(bisect_right(kanten, teil.von) - 1, []).append(teil)
    return [(kanten[nummer], kanten[nummer + 1], eimer[nummer]) for nummer in sorted(eimer)]


def _count_quarters(kanten: Sequence[int], laeufe: Sequence[Lauf]) -> list[int]:
    """How many quarter hours between every two edges lie within a stretch; both ascending."""
    anzahlen = []
    erster = 0
    for von, bis in pairwise(kanten):
        while erster < len(laeufe) and laeufe[erster][1] <= von:
            erster += 1
        gedeckt = 0
        for nummer in range(erster, len(laeufe)):
            anfang, ende = laeufe[nummer]
            if anfang <= von and bis <= ende:
                # As good as always: one stretch covers all.
                gedeckt = bis - von
            elif anfang < bis:
                gedeckt += min(ende, bis) - max(anfang, von)
            if ende >= bis:
                break
        anzahlen.append(gedeckt // VIERTELSTUNDE_S)
    return anzahlen

"""Spans of quarter hours: half-open [von, bis) in seconds since 1970, on quarter-hour edges. Pure.

A span stands for the readings at von, von + 900, ..., bis - 900.
"""

from __future__ import annotations

from collections.abc import Iterable

from telegramm.felder import VIERTELSTUNDE_S

Spanne = tuple[int, int]


def merge(spannen: Iterable[Spanne]) -> list[Spanne]:
    """The same quarter hours in as few spans as possible, ascending."""
    ergebnis: list[Spanne] = []
    for von, bis in sorted(spannen):
        if ergebnis and von <= ergebnis[-1][1]:
            ergebnis[-1] = (ergebnis[-1][0], max(bis, ergebnis[-1][1]))
        else:
            ergebnis.append((von, bis))
    return ergebnis


def subtract(spannen: Iterable[Spanne], weg: Iterable[Spanne]) -> list[Spanne]:
    """What is left of ``spannen`` without the quarter hours of ``weg``, ascending."""
    abzug = merge(weg)
    ergebnis: list[Spanne] = []
    for von, bis in merge(spannen):
        for weg_von, weg_bis in abzug:
            if weg_bis <= von or weg_von >= bis:
                continue
            if weg_von > von:
                ergebnis.append((von, weg_von))
            von = weg_bis
        if von < bis:
            ergebnis.append((von, bis))
    return ergebnis


def since(zeitpunkt: int, spanne: Spanne) -> list[Spanne]:
    """The quarter hours of a span whose readings lie at or after an instant, in s since 1970."""
    von = max(spanne[0], -(-zeitpunkt // VIERTELSTUNDE_S) * VIERTELSTUNDE_S)
    return [(von, spanne[1])] if von < spanne[1] else []


def of_readings(uhrzeiten: Iterable[int]) -> list[Spanne]:
    """The spans that readings at these instants cover."""
    return merge((uhrzeit, uhrzeit + VIERTELSTUNDE_S) for uhrzeit in uhrzeiten)

"""How a register goes on: rollover, exchange of its electronics, another transformer factor. Pure.

A stored reading stays as the device showed it. What has flowed up to an instant is `faktor` x register + versatz of
the section in which it lies, so that a difference over the edge of two sections is exact, whatever happened there.
"""

from bisect import bisect_right
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple


class Abschnittsgrund(StrEnum):
    """Why a new section began."""

    UEBERLAUF = "UEBERLAUF"
    WECHSEL = "WECHSEL"
    FAKTOR = "FAKTOR"


class Abschnitt(NamedTuple):
    """A section of a register from `ab` on; times in seconds since 1970, offsets in Wh behind the transformer."""

    ab: int
    grund: Abschnittsgrund
    faktor: int
    bezug_versatz_wh: int
    einspeisung_versatz_wh: int
    erfasst: int


class Zaehlwerk:
    """Turns registers into energy that can be compared over all sections of a meter."""

    def __init__(self, faktor: int, abschnitte: Sequence[Abschnitt] = ()) -> None:
        """`faktor`: of the meter, up to the first section; `abschnitte`: ascending."""
        self._faktor = faktor
        self._abschnitte = abschnitte
        self._anfaenge = [abschnitt.ab for abschnitt in abschnitte]

    def energie(self, uhrzeit: int, bezug_wh: int, einspeisung_wh: int) -> tuple[int, int]:
        """The Wh that had flowed at `uhrzeit` when the registers showed this: taken from the grid, fed into it."""
        stelle = bisect_right(self._anfaenge, uhrzeit)
        if stelle == 0:
            return bezug_wh * self._faktor, einspeisung_wh * self._faktor
        abschnitt = self._abschnitte[stelle - 1]
        return (
            bezug_wh * abschnitt.faktor + abschnitt.bezug_versatz_wh,
            einspeisung_wh * abschnitt.faktor + abschnitt.einspeisung_versatz_wh,
        )

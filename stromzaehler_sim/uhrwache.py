"""Watches the meter's clock: a jump against the quartz is a fault of the clock, and time that is lost is told.

The world's time stands for the quartz here: it goes on evenly whatever the clock chip shows.
"""

from __future__ import annotations

from gateway.uhr import SETZGRENZE_S, Geraeteuhr, Uhrzustand
from stromzaehler_sim.stoerung import Lageart
from stromzaehler_sim.uhr import Uhr
from stromzaehler_sim.umwelt import Umwelt


class Uhrwache:
    """Looks after the clock of one meter. Usable by one thread at a time."""

    def __init__(self, uhr: Uhr, geraeteuhr: Geraeteuhr, umwelt: Umwelt) -> None:
        self._uhr = uhr
        self._geraeteuhr = geraeteuhr
        self._umwelt = umwelt
        self._ungueltig = umwelt.lasts(Lageart.UHR_UNGUELTIG, uhr.now())
        self.note()

    def note(self) -> None:
        """The clock is what it is: jumps are told from here on."""
        self._versatz_s = self._measure()

    def watch(self) -> float:
        """By how many seconds the clock jumped since `note`. After a large jump its time counts as lost.

        A reading that is stamped with a time that may be wrong by days could never be taken back, so the meter
        asks first. The log is told when the time is lost, and what is stamped afterwards is marked.
        """
        sprung_s = self._jump()
        if abs(sprung_s) > SETZGRENZE_S:
            self._geraeteuhr.misstraue()
        ungueltig = self._geraeteuhr.zustand is Uhrzustand.UNGUELTIG
        if ungueltig != self._ungueltig:
            self._ungueltig = ungueltig
            self._umwelt.note_clock(ungueltig=ungueltig, uhrzeit=self._geraeteuhr.now())
        return sprung_s

    def _measure(self) -> tuple[float, float]:
        """Between which two values the clock's deviation from the quartz lies.

        Under an accelerated clock seconds pass between two lines of code.
        """
        vorher = self._uhr.now()
        zeigt = self._geraeteuhr.now()
        return zeigt - self._uhr.now(), zeigt - vorher

    def _jump(self) -> float:
        kleinster, groesster = self._versatz_s
        von, bis = self._measure()
        if von > groesster:
            return von - groesster
        return min(0.0, bis - kleinster)

"""What the running meter lets its display know, and what its modem adds to the log."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from gateway.uhr import Geraeteuhr
from stromzaehler_sim.geraetezustand import ERNEUERN_S, Geraetezustand
from stromzaehler_sim.mobilfunk import Modem, Modemstatus, SimZustand
from stromzaehler_sim.protokoll import Code, Protokoll
from stromzaehler_sim.uhr import ECHTZEIT

# A meter on a cable: its display shows full bars.
KABEL_RSRP_DBM = -80

_SIM_CODES = {
    SimZustand.KEINE: Code.SIM_FEHLT,
    SimZustand.PIN_GESPERRT: Code.SIM_PIN_GESPERRT,
    SimZustand.NICHT_EINGEBUCHT: Code.SIM_NICHT_EINGEBUCHT,
    SimZustand.EINGEBUCHT: Code.SIM_EINGEBUCHT,
}


class Bekanntgabe:
    """Writes `Geraetezustand` when it changes, and every minute as a sign of life. Usable by one thread at a time.

    ``echtzeit`` is real time in s since 1970.
    """

    def __init__(
        self,
        ordner: Path,
        modem: Modem,
        uhr: Geraeteuhr,
        protokoll: Protokoll,
        *,
        echtzeit: Callable[[], float] = ECHTZEIT,
    ) -> None:
        self._ordner = ordner
        self._modem = modem
        self._uhr = uhr
        self._protokoll = protokoll
        self._echtzeit = echtzeit
        self._zuletzt = Geraetezustand()
        self._sim: SimZustand | None = None
        self._iccid = ""

    def publish(
        self, *, sendet: bool, quittiert: bool, gesperrt: bool, phasen: tuple[bool, bool, bool], firmware: str
    ) -> None:
        """Tell the display. A file that cannot be written is no reason to stop: the next report tries again."""
        status = self._modem.status()
        self._log_sim(status)
        jetzt = self._echtzeit()
        zustand = Geraetezustand(
            stand=jetzt,
            sendet=sendet,
            quittiert=quittiert,
            gesperrt=gesperrt,
            sim=status.sim.value if status.funk else SimZustand.EINGEBUCHT.value,
            rat=status.rat,
            rsrp_dbm=status.rsrp_dbm if status.funk else KABEL_RSRP_DBM,
            rsrq_db=status.rsrq_db,
            uhr=self._uhr.zustand.value,
            phasen=phasen,
            firmware=firmware,
        )
        unveraendert = zustand == replace(self._zuletzt, stand=jetzt)
        if not unveraendert or abs(jetzt - self._zuletzt.stand) >= ERNEUERN_S:
            self._zuletzt = zustand
            with suppress(OSError):
                zustand.save(self._ordner)

    def _log_sim(self, status: Modemstatus) -> None:
        """Entries for a card that was changed, taken out, locked or attached."""
        if not status.funk:
            return
        if self._iccid and status.iccid and status.iccid != self._iccid:
            self._protokoll.add(
                self._uhr.now(), Code.SIM_GEWECHSELT, f"SIM-Karte gewechselt, ICCID {status.iccid}."
            )
        self._iccid = status.iccid or self._iccid
        if status.sim is not self._sim:
            self._sim = status.sim
            self._protokoll.add(self._uhr.now(), _SIM_CODES[status.sim])

"""From the meter to the gateway: new readings and new entries of the log go into the buffer, each once.

Both are known by watermarks. That of the readings is moved after the buffer has them on disk, and the buffer
ignores doubles; that of the log is in the buffer itself, in the transaction that brings the entries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import groupby

from gateway.meldungen import Eintrag as Meldungseintrag
from gateway.puffer import Puffer
from stromzaehler_sim.protokoll import Code
from stromzaehler_sim.zaehlwerk import Zaehlwerk

PROTOKOLL_BIS = "protokoll_bis"

Meldequelle = Callable[[], Iterable[Meldungseintrag]]
"""Gives new entries for the log, each once: a modem, a firewall."""


class Uebergabe:
    """The way of one meter. ``quellen`` may be added to. Usable by one thread at a time."""

    def __init__(self, zaehlwerk: Zaehlwerk, *quellen: Meldequelle) -> None:
        self._zaehlwerk = zaehlwerk
        self.quellen = list(quellen)
        self._puffer_voll = False
        # Taken from a source, which forgets it, and not yet in the log.
        self._offen: list[Meldungseintrag] = []

    def hand_over(self, puffer: Puffer, jetzt: float) -> bool:
        """Hand over what is new, at the meter's time ``jetzt``; True when an alarm is among it."""
        while werte := self._zaehlwerk.pending():
            puffer.put_many(werte)
            self._zaehlwerk.handed_over(werte[-1].uhrzeit)
            self._watch(puffer, jetzt)
        for quelle in self.quellen:
            self._offen.extend(quelle())
        while self._offen:
            uhrzeit, code, text = self._offen[0]
            self._zaehlwerk.protokoll.add(uhrzeit, Code[code], text)
            del self._offen[0]
        return self._hand_over_log(puffer)

    def _hand_over_log(self, puffer: Puffer) -> bool:
        protokoll, alarm = self._zaehlwerk.protokoll, False
        while neue := protokoll.pending():
            bis = puffer.lage().zustand.get(PROTOKOLL_BIS, 0)
            offen = [eintrag for eintrag in neue if eintrag.nummer > bis]
            with puffer.bundle():
                for dringend, gruppe in groupby(offen, lambda eintrag: eintrag.code.is_alarm):
                    alarm = alarm or dringend
                    puffer.put_meldungen(((e.uhrzeit, e.code.value, e.text) for e in gruppe), alarm=dringend)
                puffer.set_zustand({PROTOKOLL_BIS: max(bis, neue[-1].nummer)})
            protokoll.handed_over(neue[-1].nummer)
        return alarm

    def _watch(self, puffer: Puffer, jetzt: float) -> None:
        """Tell once that the buffer is full."""
        voll = puffer.waiting() >= puffer.kapazitaet
        if voll and not self._puffer_voll:
            self._zaehlwerk.protokoll.add(jetzt, Code.PUFFER_VOLL)
        self._puffer_voll = voll

"""What goes out next: readings, entries of the log, or the news that readings are gone.

Of readings the oldest go first, those of a backlog by UTC days. But while it is sent, the newest ones have their
turn in between as soon as there are any that the operator has not seen: it shall know the present before it knows
all of the past. Alarms and gaps go before readings, but never twice in a row while readings wait.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway import spannen
from gateway.puffer import Lage, Puffer
from gateway.sendeplan import WERTE_JE_TELEGRAMM
from gateway.spannen import Spanne
from gateway.uhr import Geraeteuhr, Uhrzustand
from telegramm.felder import MAX_ZEILEN, VIERTELSTUNDE_S
from telegramm.messwerte import EREIGNISSE, FEHLANZEIGE, MESSWERTE, Meldung, Messwert

TAG_S = 86_400
# The memory is asked for a week at a time, and for one message at most for a year.
FRAGE_S = 7 * TAG_S
FRAGEN_JE_TELEGRAMM = 53
# For so long a span that was filled once is not filled again: an operator that asks on and on costs no more.
RUHE_S = 6 * 3600
# A younger reading may not have been made yet, or not handed over: nobody says that it is gone.
JUNG_S = 3600


class Gedaechtnis(Protocol):
    """What the meter itself still remembers."""

    def readings(self, von: int, bis: int) -> list[Messwert]:
        """The readings of [von, bis) in seconds since 1970, oldest first."""


@dataclass(frozen=True, slots=True)
class Inhalt:
    """What one Telegramm carries; ``art`` decides which of the three is filled."""

    art: str
    werte: Sequence[Messwert] = ()
    ereignisse: Sequence[Meldung] = ()
    luecken: Sequence[Spanne] = ()


def _first_day(werte: Sequence[Messwert]) -> Sequence[Messwert]:
    """Those of the first UTC day: the operator stores the readings of a day together, and so each day once."""
    return [wert for wert in werte if wert.uhrzeit // TAG_S == werte[0].uhrzeit // TAG_S]


class Ausgang:
    """Chooses the content of each message. What is owed is only looked up while the clock is right.

    Without a memory nothing is remembered, so whatever is owed is gone and told so: a device whose buffer was full
    must say it.
    """

    def __init__(self, puffer: Puffer, gedaechtnis: Gedaechtnis | None, uhr: Geraeteuhr) -> None:
        self._puffer = puffer
        self._gedaechtnis = gedaechtnis
        self._uhr = uhr
        self._vorrang_zuletzt = False
        self._meldungen_zuletzt = False
        self._rueckstand_zuletzt = False
        self._neueste_gesendet = -1
        self._gefuellt: list[Spanne] = []
        self._gefuellt_seit = 0.0

    def choose(self, hoechstens: int) -> tuple[Inhalt | None, Lage]:
        """The next content, None when nothing waits, and the state of the buffer from which it was chosen.

        A choice counts as a turn, whether it can be sent or not: what the operator does not take must not stand
        in the way of the rest.
        """
        lage = self._puffer.lage()
        if lage.schulden and lage.wartend < WERTE_JE_TELEGRAMM and self._pay():
            lage = self._puffer.lage()
        vorrang = lage.meldungen or lage.fehlanzeigen
        if vorrang and not (self._vorrang_zuletzt and lage.wartend):
            self._vorrang_zuletzt = True
            return self._choose_priority(lage), lage
        self._vorrang_zuletzt = False
        return (self._choose_readings(lage, hoechstens) if lage.wartend else None), lage

    def waits(self, lage: Lage) -> bool:
        """Whether `choose` would find something."""
        return bool(lage.wartend or self.is_urgent(lage))

    def is_urgent(self, lage: Lage) -> bool:
        """Whether something waits that is not for the next slot."""
        return lage.meldungen or lage.fehlanzeigen or (lage.schulden and self._can_pay())

    def note_sent(self, inhalt: Inhalt) -> None:
        """The operator has this content."""
        if inhalt.werte:
            self._neueste_gesendet = max(self._neueste_gesendet, inhalt.werte[-1].uhrzeit)

    def owe(self, luecken: Sequence[Spanne]) -> list[Spanne]:
        """What of the gaps that the operator asks for is to be owed: nothing that waits already, nothing from the
        future, nothing twice."""
        if not luecken:
            return []
        self._end_rest()
        zukunft = (math.floor(self._uhr.now() / VIERTELSTUNDE_S) + 1) * VIERTELSTUNDE_S
        vergangen = [(von, min(bis, zukunft)) for von, bis in luecken if von < zukunft]
        wartend = [spanne for gesucht in vergangen for spanne in self._puffer.waiting_in(gesucht)]
        return spannen.subtract(vergangen, [*self._gefuellt, *wartend])

    def _choose_priority(self, lage: Lage) -> Inhalt:
        self._meldungen_zuletzt = lage.meldungen and not (self._meldungen_zuletzt and lage.fehlanzeigen)
        if self._meldungen_zuletzt:
            return Inhalt(EREIGNISSE, ereignisse=self._puffer.queued_meldungen())
        return Inhalt(FEHLANZEIGE, luecken=self._puffer.gone()[:MAX_ZEILEN])

    def _choose_readings(self, lage: Lage, hoechstens: int) -> Inhalt:
        rueckstand = lage.wartend > hoechstens
        neu = lage.neueste is not None and lage.neueste > self._neueste_gesendet
        aktuell = rueckstand and self._rueckstand_zuletzt and neu
        self._rueckstand_zuletzt = rueckstand and not aktuell
        if aktuell:
            return Inhalt(MESSWERTE, self._puffer.newest(hoechstens))
        werte = self._puffer.oldest(hoechstens)
        return Inhalt(MESSWERTE, _first_day(werte) if rueckstand else werte)

    def _can_pay(self) -> bool:
        return self._uhr.zustand is Uhrzustand.GESTELLT

    def _pay(self) -> bool:
        """Pay owed spans, the oldest first, until a Telegramm is full; False when that must wait."""
        if not self._can_pay():
            return False
        self._end_rest()
        neu = 0
        with self._puffer.bundle():
            for _ in range(FRAGEN_JE_TELEGRAMM):
                offen = self._puffer.owed()
                if not offen or neu >= WERTE_JE_TELEGRAMM:
                    break
                von, bis = offen[0][0], min(offen[0][1], offen[0][0] + FRAGE_S)
                werte = self._gedaechtnis.readings(von, bis) if self._gedaechtnis is not None else []
                neu += self._puffer.refill((von, bis), werte, gone_until=int(self._uhr.now()) - JUNG_S)
                self._gefuellt = spannen.merge([*self._gefuellt, (von, bis)])
        return True

    def _end_rest(self) -> None:
        """After a while, what was filled once may be filled again."""
        jetzt = self._uhr.now()
        if abs(jetzt - self._gefuellt_seit) > RUHE_S:
            self._gefuellt, self._gefuellt_seit = [], jetzt

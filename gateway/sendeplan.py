"""When to send next. Pure: instants come in as arguments, randomness is passed in, nobody sleeps here.

All times are seconds of the meter's clock since 1970; under an accelerated clock slots and pauses shrink with it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

VIERTELSTUNDE_S = 900
PLAETZE_S = 600  # The slots that the operator hands out lie in 0..599 s after the quarter.
WERTE_JE_TELEGRAMM = 96
PAUSE_ANFANG_S = 2.0
PAUSE_HOECHSTENS_S = 900.0


def next_slot(jetzt: float, platz_s: float) -> float:
    """The first instant after ``jetzt`` that lies ``platz_s`` seconds after a full quarter hour."""
    viertel = math.floor((jetzt - platz_s) / VIERTELSTUNDE_S) + 1
    return viertel * VIERTELSTUNDE_S + platz_s


def backoff(fehlversuche: int, zufall: Callable[[], float], retry_after: float | None = None) -> float:
    """Seconds to wait after the n-th failure in a row (n >= 1): full jitter under an exponential ceiling.

    The ceiling is 2, 4, 8, ... 900 s. A Retry-After is a lower limit that the jitter is added to: whoever came
    back exactly then would meet everybody else who was sent away at the same moment.
    ``zufall`` returns a number in [0, 1).
    """
    decke = min(PAUSE_HOECHSTENS_S, PAUSE_ANFANG_S * 2.0 ** min(fehlversuche - 1, 30))
    return max(0.0, retry_after or 0.0) + zufall() * decke


@dataclass(frozen=True, slots=True)
class Sendeplan:
    """The plan of one meter: the instant of the next try and how many failed in a row."""

    naechste: float
    platz_s: float
    fehlversuche: int = 0

    @classmethod
    def begin(cls, jetzt: float, platz_s: int | None, zufall: Callable[[], float]) -> Sendeplan:
        """The plan after a start. A meter that never got a slot draws one, so that new fleets spread, too."""
        platz = zufall() * PLAETZE_S if platz_s is None else float(platz_s)
        return cls(naechste=next_slot(jetzt, platz), platz_s=platz)

    def is_due(self, jetzt: float) -> bool:
        return jetzt >= self.naechste

    def after_success(self, jetzt: float, platz_s: int, wartend: int) -> Sendeplan:
        """After a receipt: at once while more than a full Telegramm waits, else at the next slot."""
        naechste = jetzt if wartend > WERTE_JE_TELEGRAMM else next_slot(jetzt, platz_s)
        return Sendeplan(naechste=naechste, platz_s=float(platz_s))

    def after_failure(
        self, jetzt: float, zufall: Callable[[], float], retry_after: float | None = None
    ) -> Sendeplan:
        versuche = self.fehlversuche + 1
        return replace(self, naechste=jetzt + backoff(versuche, zufall, retry_after), fehlversuche=versuche)

    def without_work(self, jetzt: float) -> Sendeplan:
        """The slot came, but nothing waits: on to the next one."""
        return Sendeplan(naechste=next_slot(jetzt, self.platz_s), platz_s=self.platz_s)

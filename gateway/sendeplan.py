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
# Between two messages while the volume of data is used up.
BUENDEL_S = 6 * 3600
# Where trying does not help: once a day, spread over an hour.
TAG_S = 86400.0
STREUUNG_TAG_S = 3600.0


def next_slot(jetzt: float, platz_s: float, abstand_s: int = VIERTELSTUNDE_S) -> float:
    """The first instant after ``jetzt`` that lies ``platz_s`` seconds after a multiple of ``abstand_s``."""
    naechstes = math.floor((jetzt - platz_s) / abstand_s) + 1
    return naechstes * abstand_s + platz_s


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
    """The plan of one meter: the instant of the next try and how many failed in a row.

    ``gesperrt``: the operator refuses this meter, so it asks once a day only.
    """

    naechste: float
    platz_s: float
    fehlversuche: int = 0
    gesperrt: bool = False

    @classmethod
    def begin(cls, jetzt: float, platz_s: int | None, zufall: Callable[[], float]) -> Sendeplan:
        """The plan after a start. A meter that never got a slot draws one, so that new fleets spread, too."""
        platz = zufall() * PLAETZE_S if platz_s is None else float(platz_s)
        return cls(naechste=next_slot(jetzt, platz), platz_s=platz)

    def is_due(self, jetzt: float) -> bool:
        return jetzt >= self.naechste

    def after_success(
        self,
        jetzt: float,
        platz_s: int,
        wartend: int,
        *,
        eilig: bool = False,
        abstand_s: int = VIERTELSTUNDE_S,
    ) -> Sendeplan:
        """After a receipt: at once while more than a Telegramm waits or it is ``eilig``, else at the next slot.

        ``abstand_s`` is the time from slot to slot: `BUENDEL_S` while the volume of data is used up.
        """
        sofort = eilig or wartend > WERTE_JE_TELEGRAMM
        naechste = jetzt if sofort else next_slot(jetzt, platz_s, abstand_s)
        return Sendeplan(naechste=naechste, platz_s=float(platz_s))

    def after_failure(
        self,
        jetzt: float,
        zufall: Callable[[], float],
        retry_after: float | None = None,
        *,
        taeglich: bool = False,
    ) -> Sendeplan:
        """After a failed try: back-off, or a day when the SendeFehler is ``taeglich``."""
        versuche = self.fehlversuche + 1
        pause = TAG_S + zufall() * STREUUNG_TAG_S if taeglich else backoff(versuche, zufall, retry_after)
        return replace(self, naechste=jetzt + pause, fehlversuche=versuche, gesperrt=taeglich)

    def without_work(self, jetzt: float, *, abstand_s: int = VIERTELSTUNDE_S) -> Sendeplan:
        """The slot came, but nothing waits: on to the next one."""
        return Sendeplan(naechste=next_slot(jetzt, self.platz_s, abstand_s), platz_s=self.platz_s)

    def on_alarm(self, jetzt: float) -> Sendeplan:
        """An alarm is sent now. One that cannot be sent waits for the back-off like everything else."""
        return self if self.fehlversuche else replace(self, naechste=min(self.naechste, jetzt))

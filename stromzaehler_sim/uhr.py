"""Two clocks: `Uhr` is the time of the world, `Rtc` what the clock chip of a meter makes of it.

The world's time is real time, or a simulated one that meters and operator share:
simulated = start + (real - bezug) * faktor. They compute it from the same settings, so that they agree without
talking to each other. The clock chip is a faulty copy: it runs too fast or too slow, and it can be wrong or lost.
The gateway makes it right again.
"""

from __future__ import annotations

import hashlib
import math
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol

from stromzaehler_sim.fehler import UhrUngueltig

VIERTELSTUNDE_S = 900
# A real clock may be set while we sleep; looking at it again now and then bounds the surprise.
SCHLAF_HOECHSTENS_S = 30.0


class Halt(Protocol):
    """The part of `threading.Event` that sleeping needs."""

    def is_set(self) -> bool: ...

    def wait(self, timeout: float | None = None) -> bool: ...


class Uhr:
    """A clock in seconds since 1970: ``start + (jetzt() - bezug) * faktor``.

    ``start`` is the simulated instant that belongs to the real instant ``bezug``; ``faktor`` > 0 is how many
    simulated seconds pass in a real one. Without arguments it is real time.
    """

    def __init__(
        self,
        start: float = 0.0,
        bezug: float = 0.0,
        faktor: float = 1.0,
        jetzt: Callable[[], float] = time.time,
    ) -> None:
        if not (math.isfinite(faktor) and faktor > 0):
            raise UhrUngueltig("Der Faktor der Uhr muss größer als 0 sein.")
        self.start = start
        self.bezug = bezug
        self.faktor = faktor
        self._jetzt = jetzt

    @classmethod
    def from_env(cls, umgebung: Mapping[str, str] = os.environ, jetzt: Callable[[], float] = time.time) -> Uhr:
        """Read MSB_UHR_START, MSB_UHR_BEZUG (RFC 3339 with offset) and MSB_UHR_FAKTOR; raises UhrUngueltig.

        Without MSB_UHR_BEZUG the clock equals real time at MSB_UHR_START; without any setting it is real time.
        """
        text_start = umgebung.get("MSB_UHR_START", "").strip()
        text_bezug = umgebung.get("MSB_UHR_BEZUG", "").strip()
        text_faktor = umgebung.get("MSB_UHR_FAKTOR", "").strip() or "1"
        try:
            faktor = float(text_faktor)
        except ValueError as fehler:
            raise UhrUngueltig(f"MSB_UHR_FAKTOR: {text_faktor!r} ist keine Zahl (Beispiel: 60).") from fehler
        if not text_start:
            if text_bezug or faktor != 1.0:
                raise UhrUngueltig("MSB_UHR_BEZUG und MSB_UHR_FAKTOR brauchen MSB_UHR_START.")
            return cls(jetzt=jetzt)
        start = parse_instant(text_start, "MSB_UHR_START")
        bezug = parse_instant(text_bezug, "MSB_UHR_BEZUG") if text_bezug else start
        return cls(start, bezug, faktor, jetzt)

    def now(self) -> float:
        """The present instant of this clock, in seconds since 1970."""
        return self.start + (self._jetzt() - self.bezug) * self.faktor

    def sleep_until(self, instant: float, stop_event: Halt) -> bool:
        """Sleep until this clock shows ``instant``. False when ``stop_event`` was set before."""
        while True:
            if stop_event.is_set():
                return False
            rest = (instant - self.now()) / self.faktor
            if rest <= 0:
                return True
            stop_event.wait(min(rest, SCHLAF_HOECHSTENS_S))


ECHTZEIT = Uhr().now
"""Real time: that of certificates, of the hand at the display and of processes."""


@dataclass(frozen=True, slots=True)
class Rtc:
    """A clock chip: ahead of the world by ``versatz_s`` at the world's instant ``bezug``, and by ``gang_ppm`` more
    microseconds in every second after it. It goes on while the meter is without voltage."""

    bezug: float = 0.0
    versatz_s: float = 0.0
    gang_ppm: int = 0

    def show(self, welt: float) -> float:
        """What it shows at the world's instant ``welt``, in seconds since 1970."""
        return welt + self.versatz_s + self.gang_ppm * (welt - self.bezug) / 1e6

    def move(self, welt: float, sekunden: float) -> Rtc:
        """The clock after somebody moved it by ``sekunden``."""
        return replace(self, bezug=welt, versatz_s=self.show(welt) - welt + sekunden)

    def lose(self, welt: float) -> Rtc:
        """The clock after it lost its time: it begins anew in 1970, as a chip does."""
        return self.move(welt, -self.show(welt))

    def run_at(self, welt: float, gang_ppm: int) -> Rtc:
        """The clock after its quartz was replaced: from now on it runs at ``gang_ppm``."""
        return replace(self.move(welt, 0.0), gang_ppm=gang_ppm)


def draw_gang_ppm(zaehler: str) -> int:
    """The error of the quartz of a meter in ppm, from its number. ±20 ppm are usual without compensation."""
    return int.from_bytes(hashlib.sha256(f"Quarz {zaehler}".encode()).digest()[:4]) % 41 - 20


def parse_instant(text: str, name: str) -> float:
    """An RFC 3339 instant as seconds since 1970. A time without offset is refused, because it is ambiguous."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as fehler:
        raise UhrUngueltig(f"{name}: {text!r} ist kein Zeitpunkt (Beispiel: 2026-03-01T00:00:00Z).") from fehler
    if instant.tzinfo is None:
        raise UhrUngueltig(f"{name}: {text!r} hat keine Zeitzone (Beispiel: 2026-03-01T00:00:00Z).")
    return instant.astimezone(UTC).timestamp()


def quarter_before(instant: float) -> int:
    """The last full quarter hour at or before ``instant``, in seconds since 1970."""
    return math.floor(instant / VIERTELSTUNDE_S) * VIERTELSTUNDE_S

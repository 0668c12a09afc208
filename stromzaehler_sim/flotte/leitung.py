"""The line of one meter of a fleet: it notes when an exchange began, and a fleet keeps only so many lines open."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable

from gateway.verbindung import Antwort, Uebertragung, Weg


class Verbindungsgrenze:
    """How many lines may keep their connection alive; thread-safe.

    First come, first served: the slots make a fleet go round in a circle, so throwing out whoever was idle longest
    would always hit the one that is needed next.
    """

    def __init__(self, hoechstens: int) -> None:
        self._hoechstens = hoechstens
        self._gehalten: set[Leitung] = set()
        self._lock = threading.Lock()

    def may_keep(self, leitung: Leitung) -> bool:
        """Whether this line, whose connection is open, may leave it open."""
        with self._lock:
            if len(self._gehalten) < self._hoechstens:
                self._gehalten.add(leitung)
            return leitung in self._gehalten

    def release(self, leitung: Leitung) -> None:
        """The connection of this line is gone."""
        with self._lock:
            self._gehalten.discard(leitung)


class Leitung(Weg):
    """A `Weg` around the real connection. Usable by one thread at a time.

    ``versuche`` counts the messages that were posted, ``begonnen`` is when the last one was (s, of ``monotonic``).
    """

    def __init__(
        self,
        innen: Uebertragung,
        grenze: Verbindungsgrenze,
        monotonic: Callable[[], float] = time.perf_counter,
    ) -> None:
        super().__init__(innen)
        self._grenze = grenze
        self._monotonic = monotonic
        self.versuche = 0
        self.begonnen = 0.0

    def post(self, body: bytes) -> Antwort:
        self.versuche += 1
        self.begonnen = self._monotonic()
        return super().post(body)

    def reconnect(self, kontext: ssl.SSLContext | None = None) -> None:
        self._grenze.release(self)
        super().reconnect(kontext)

    def elapsed(self) -> float:
        """Seconds since the last post began."""
        return self._monotonic() - self.begonnen

    def exchange(self, laenge: int, carry: Callable[[], Antwort]) -> Antwort:
        try:
            antwort = carry()
        except BaseException:
            self._grenze.release(self)
            raise
        if not self._grenze.may_keep(self):
            self._innen.reconnect()
        return antwort

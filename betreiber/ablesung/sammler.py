"""Let requests that wait at the same time share the work that costs as much for many as for one: group commit.

A commit costs a write to the disk and a dozen round trips, whether it holds one message or thirty. Whoever comes
while nobody works leads: it takes everybody who waits, itself among them, works for all of them in one call and
hands out the results; then the first of those who came meanwhile leads. So there is no thread for it, nobody waits
for company, and under load the groups grow by themselves.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

A = TypeVar("A")
E = TypeVar("E")


class _Platz(Generic[A, E]):
    """Somebody who waits: for a result, or for being the one who leads."""

    __slots__ = ("_signal", "auftrag", "ergebnis", "fehler", "fertig")

    def __init__(self, auftrag: A) -> None:
        self.auftrag = auftrag
        self.ergebnis: E | None = None
        self.fehler: Exception | None = None
        self.fertig = False
        # A lock that is taken already: to take it again is the cheapest way to wait for somebody.
        self._signal = threading.Lock()
        self._signal.acquire()

    def wait(self) -> None:
        self._signal.acquire()

    def wake(self) -> None:
        self._signal.release()

    def finish(self, ergebnis: E | None, fehler: Exception | None) -> None:
        self.ergebnis, self.fehler, self.fertig = ergebnis, fehler, True


class Sammler(Generic[A, E]):
    """Runs `ausfuehren` for groups of at most `hoechstens` orders, in the order in which they came.

    `ausfuehren` returns one result for each order. When it raises, each order of the group is run again, alone, so
    that one that cannot be run fails nobody but itself: it must be able to run twice. Errors that `alle_betrifft`
    names, such as a database that is gone, are those of the whole group at once.
    """

    def __init__(
        self,
        ausfuehren: Callable[[Sequence[A]], Sequence[E]],
        *,
        alle_betrifft: Callable[[Exception], bool],
        hoechstens: int,
    ) -> None:
        self._ausfuehren = ausfuehren
        self._alle_betrifft = alle_betrifft
        self._hoechstens = hoechstens
        self._sperre = threading.Lock()
        self._wartend: list[_Platz[A, E]] = []
        self._besetzt = False

    def submit(self, auftrag: A) -> E:
        """Run an order, together with those of others; its result, or the error that it raised."""
        platz: _Platz[A, E] = _Platz(auftrag)
        with self._sperre:
            self._wartend.append(platz)
            fuehrt, self._besetzt = not self._besetzt, True
        if not fuehrt:
            platz.wait()
        if not platz.fertig:
            self._lead(platz)
        if platz.fehler is not None:
            raise platz.fehler
        return platz.ergebnis  # type: ignore[return-value]

    def _lead(self, eigener: _Platz[A, E]) -> None:
        """Work for the first of those who wait, among them whoever leads; then let the next one lead."""
        with self._sperre:
            gruppe, self._wartend = self._wartend[: self._hoechstens], self._wartend[self._hoechstens :]
        try:
            self._run(gruppe)
        finally:
            with self._sperre:
                naechster = self._wartend[0] if self._wartend else None
                self._besetzt = naechster is not None
            if naechster is not None:
                naechster.wake()
            for platz in gruppe:
                if platz is not eigener:
                    platz.wake()

    def _run(self, gruppe: Sequence[_Platz[A, E]]) -> None:
        fehler = self._try(gruppe)
        for nummer, platz in enumerate(gruppe):
            if fehler is None:
                return
            if len(gruppe) == 1 or self._alle_betrifft(fehler):
                # One after the other they would wait a long time to learn the same.
                for betroffener in gruppe[nummer:]:
                    betroffener.finish(None, fehler)
                return
            einzeln = self._try([platz])
            if einzeln is not None:
                platz.finish(None, einzeln)
                fehler = einzeln

    def _try(self, gruppe: Sequence[_Platz[A, E]]) -> Exception | None:
        try:
            ergebnisse = self._ausfuehren([platz.auftrag for platz in gruppe])
        except Exception as error:  # Whoever waits raises it.
            return error
        for platz, ergebnis in zip(gruppe, ergebnisse, strict=True):
            platz.finish(ergebnis, None)
        return None

"""The fleet at work: a heap of due instants and a small pool of threads that send.

A meter is in the heap, in the queue, or in the hands of one thread, never in two of them: so it has one message in
flight, and nothing of a meter needs a lock. When all threads are busy a meter waits in the queue, and what its
quarter hours gave meanwhile goes in one Telegramm: so a fleet that cannot keep up bundles by itself.
"""

from __future__ import annotations

import heapq
import itertools
import queue
import threading
import time
from collections.abc import Callable, Sequence

from stromzaehler_sim.flotte.bilanz import Flottenbilanz, Zusammenfassung
from stromzaehler_sim.flotte.mitglied import Mitglied
from stromzaehler_sim.uhr import VIERTELSTUNDE_S, Halt, Uhr

ABZUG_ALLE_S = 300.0
ANLAUF_S = 2 * VIERTELSTUNDE_S
SCHLAF_HOECHSTENS_S = 0.25

OnStand = Callable[["Flotte"], None]


class Flotte:
    """Meters that count and send together, by ``faeden`` threads.

    A snapshot of each meter is written every ``abzug_alle_s`` seconds of real time.
    """

    def __init__(
        self,
        mitglieder: Sequence[Mitglied],
        uhr: Uhr,
        bilanz: Flottenbilanz,
        *,
        faeden: int = 16,
        abzug_alle_s: float = ABZUG_ALLE_S,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.mitglieder = mitglieder
        self.uhr = uhr
        self.bilanz = bilanz
        self._faeden = faeden
        self._abzug_alle_s = abzug_alle_s
        self._monotonic = monotonic
        self._heap: list[tuple[float, int, Mitglied]] = []
        self._nummer = itertools.count()
        self._bereit: queue.SimpleQueue[Mitglied | None] = queue.SimpleQueue()
        # Guards the heap, the number of meters that still take part, and the phase.
        self._lage = threading.Condition()
        self._dabei = 0
        self._letzte_runde = False
        self._halt = False
        self.begonnen = 0.0
        self.simuliert_von = 0.0

    def run(self, halt: Halt, *, dauer_s: float | None = None, on_stand: OnStand | None = None) -> Zusammenfassung:
        """Let all meters count and send, until ``halt`` is set or ``dauer_s`` of simulated time are over.

        In the end of ``dauer_s`` each meter sends what waits. ``on_stand`` is called some times a second. The
        snapshots are not written: see `save`.
        """
        self.bilanz.note_memory("anfang")
        for mitglied in self.mitglieder:
            mitglied.begin()
        self.begonnen, self.simuliert_von = self._monotonic(), self.uhr.now()
        with self._lage:
            self._dabei = len(self.mitglieder)
            for nummer, mitglied in enumerate(self.mitglieder, start=1):
                mitglied.abzug_faellig = self.begonnen + self._abzug_alle_s * nummer / self._dabei
                self._push(mitglied)
        faeden = [threading.Thread(target=self._work, name=f"sender-{n}") for n in range(self._faeden)]
        for faden in faeden:
            faden.start()
        try:
            self._dispatch(halt, dauer_s, on_stand)
        finally:
            with self._lage:
                self._halt = True
            for _ in faeden:
                self._bereit.put(None)
            for faden in faeden:
                faden.join()
        self.bilanz.note_memory("ende")
        return self.bilanz.summarize(
            zaehler=len(self.mitglieder),
            dauer_s=self._monotonic() - self.begonnen,
            simuliert_s=self.uhr.now() - self.simuliert_von,
            wartend=self.wartend,
            bytes_netz=sum(mitglied.bytes_netz for mitglied in self.mitglieder),
        )

    @property
    def wartend(self) -> int:
        """Readings of all meters that wait for a receipt."""
        return sum(mitglied.wartend for mitglied in self.mitglieder)

    def save(self, on_progress: Callable[[int], None] | None = None) -> None:
        """Write the snapshots of all meters. Only when nobody sends. Raises OSError, sqlite3.Error."""
        for fertig, mitglied in enumerate(self.mitglieder, start=1):
            mitglied.save()
            if on_progress is not None:
                on_progress(fertig)

    # --- dispatcher --------------------------------------------------------------------------------------------
    def _dispatch(self, halt: Halt, dauer_s: float | None, on_stand: OnStand | None) -> None:
        warm, naechster_stand = False, self.begonnen
        while not halt.is_set():
            jetzt = self.uhr.now()
            vergangen = jetzt - self.simuliert_von
            if not warm and vergangen >= ANLAUF_S and self.bilanz.bestaetigt >= 2 * len(self.mitglieder):
                # Everybody has a connection now.
                warm = True
                self.bilanz.note_memory("nach_anlauf")
            if on_stand is not None and self._monotonic() >= naechster_stand:
                naechster_stand = self._monotonic() + SCHLAF_HOECHSTENS_S
                on_stand(self)
            with self._lage:
                if dauer_s is not None and vergangen >= dauer_s and not self._letzte_runde:
                    self._begin_last_round()
                if self._dabei == 0:
                    return
                while self._heap and self._heap[0][0] <= jetzt:
                    self._bereit.put(heapq.heappop(self._heap)[2])
                rest = (self._heap[0][0] - self.uhr.now()) / self.uhr.faktor if self._heap else SCHLAF_HOECHSTENS_S
                if rest > 0:
                    self._lage.wait(min(rest, SCHLAF_HOECHSTENS_S))

    def _begin_last_round(self) -> None:
        """Everybody at once: from here on a meter leaves when nothing of it waits."""
        self._letzte_runde = True
        for _, _, mitglied in self._heap:
            self._bereit.put(mitglied)
        self._heap.clear()

    def _push(self, mitglied: Mitglied) -> None:
        # The number keeps the heap from comparing meters, and those due at the same instant in order.
        heapq.heappush(self._heap, (mitglied.faellig(), next(self._nummer), mitglied))
        if self._heap[0][2] is mitglied:
            self._lage.notify()

    # --- senders -----------------------------------------------------------------------------------------------
    def _work(self) -> None:
        while (mitglied := self._bereit.get()) is not None and not self._halt:
            try:
                fertig = self._turn(mitglied)
            except Exception as fehler:
                # Whatever it is that this meter cannot bear, the others go on.
                self.bilanz.stop_meter(fehler)
                fertig = True
            with self._lage:
                if fertig:
                    self._dabei -= 1
                    self._lage.notify()
                elif self._letzte_runde and not mitglied.fehlversuche:
                    self._bereit.put(mitglied)
                else:
                    self._push(mitglied)

    def _turn(self, mitglied: Mitglied) -> bool:
        """One turn of a meter; True when it does not take part any longer."""
        if self._letzte_runde:
            return mitglied.step_at_once()
        mitglied.step()
        if self._monotonic() >= mitglied.abzug_faellig:
            mitglied.abzug_faellig = self._monotonic() + self._abzug_alle_s
            mitglied.save()
        return mitglied.endgueltig

"""A fleet of real meters, an operator in the same process, and a clock that runs many thousand times as fast.

Nothing here depends on how fast the machine is: on a slow one the meters bundle more readings in a Telegramm.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from random import Random

from gateway.ordner import Ordner
from gateway.verbindung import Antwort
from stromzaehler_sim.flotte.bilanz import Flottenbilanz, Zusammenfassung
from stromzaehler_sim.flotte.einschreibung import draw_household
from stromzaehler_sim.flotte.flotte import Flotte
from stromzaehler_sim.flotte.leitung import Verbindungsgrenze
from stromzaehler_sim.flotte.mitglied import Mitglied
from stromzaehler_sim.uhr import Uhr
from telegramm.messwerte import Messwert, Telegramm
from telegramm.quittung import Quittung
from tests.gateway.betreiber_fake import MONTAG, FakeBetreiber, Leitung, enrolled

FAKTOR = 15_000.0
STUNDE = 3600.0


class Operator(FakeBetreiber):
    """Stores the readings of many meters, by meter number; used by many threads."""

    def __init__(self, uhr: Uhr) -> None:
        super().__init__()
        self._uhr = uhr
        self._lock = threading.Lock()
        self.je_zaehler: dict[str, dict[int, Messwert]] = {}

    def store(self, telegramm: Telegramm, klartext: bytes) -> Quittung:
        with self._lock:
            self.gespeichert = self.je_zaehler.setdefault(telegramm.zaehler, {})
            self.zeit = int(self._uhr.now() * 1000)
            # As the real one it compares registers: the first reading after a restart is marked as such.
            werte = tuple(wert._replace(status=0) for wert in telegramm.werte)
            return super().store(replace(telegramm, werte=werte), klartext)


class Welt:
    """``post`` is what lies between a meter and the operator: a test replaces it to tear lines.

    ``ende`` is when the last round of the running fleet begins, or a moment before.
    """

    def __init__(self, pfad: Path, anzahl: int) -> None:
        self.uhr = Uhr(MONTAG, time.time(), FAKTOR)
        self.betreiber = Operator(self.uhr)
        self.pfade = [pfad / f"1SIM00{nummer:08}" for nummer in range(1, anzahl + 1)]
        self.leitungen: dict[str, Leitung] = {}
        self.post: Callable[[str, bytes], Antwort] = lambda zaehler, body: self.betreiber.answer(body)
        self.bilanz = Flottenbilanz()
        self.ende = 0.0
        for ordner in self.pfade:
            enrolled(ordner, self.betreiber, ordner.name)
            draw_household(ordner.name).save(ordner)

    def line(self, ordner: Ordner) -> Leitung:
        zaehler = ordner.pfad.name
        self.leitungen[zaehler] = Leitung(lambda body: self.post(zaehler, body))
        return self.leitungen[zaehler]

    def run(
        self,
        *,
        stunden: float | None = 2,
        halt: threading.Event | None = None,
        save: bool = True,
        faeden: int = 4,
        verbindungen: int = 100,
    ) -> Zusammenfassung:
        """Run the fleet once, from opening to closing; ``save`` False is how a kill leaves it."""
        self.bilanz = Flottenbilanz()
        grenze = Verbindungsgrenze(verbindungen)
        mitglieder = [
            Mitglied(ordner, self.uhr, grenze, self.bilanz, Random(ordner.name).random, self.line)
            for ordner in self.pfade
        ]
        try:
            flotte = Flotte(mitglieder, self.uhr, self.bilanz, faeden=faeden)
            dauer_s = None if stunden is None else stunden * STUNDE
            self.ende = self.uhr.now() + (dauer_s or 0.0)
            ergebnis = flotte.run(halt if halt is not None else threading.Event(), dauer_s=dauer_s)
            if save:
                flotte.save()
            return ergebnis
        finally:
            for mitglied in mitglieder:
                mitglied.close()

    def stored(self, ordner: Path) -> list[Messwert]:
        """What the operator has of a meter, oldest first."""
        return [wert for _, wert in sorted(self.betreiber.je_zaehler.get(ordner.name, {}).items())]

    def complete(self, ordner: Path) -> bool:
        """Whether every quarter hour from the first to the last reading is there, and the registers never fall."""
        paare = list(pairwise(self.stored(ordner)))
        return bool(paare) and all(
            nach.uhrzeit == vor.uhrzeit + 900 and nach.bezug_wh >= vor.bezug_wh for vor, nach in paare
        )

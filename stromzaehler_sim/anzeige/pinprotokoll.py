"""Wrong PINs on their way into the log of the meter."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from pathlib import Path

from gateway.puffer import connect
from stromzaehler_sim.anzeige.einstellungen import Einstellungen
from stromzaehler_sim.fehler import SimulationFehler
from stromzaehler_sim.protokoll import Code
from stromzaehler_sim.zaehlwerk import Zaehlwerk, zaehlwerk_datei


class PinProtokoll:
    """Notes wrong PINs and writes them as soon as it can. The display neither waits for that nor fails by it."""

    def __init__(self, ordner: Path) -> None:
        self._datei = zaehlwerk_datei(ordner)
        self._offen: list[float] = []

    def note(self, alt: Einstellungen, neu: Einstellungen, uhrzeit: float) -> None:
        """Remember a wrong PIN when the settings count one more; ``uhrzeit`` is the meter's, in s since 1970."""
        if (neu.sperren, neu.fehlversuche) > (alt.sperren, alt.fehlversuche):
            self._offen.append(uhrzeit)

    def write(self) -> None:
        """Write what is noted. While the meter itself writes, or the disk is full, it stays for the next call."""
        if not self._offen:
            return
        with suppress(sqlite3.Error, SimulationFehler):
            with Zaehlwerk(self._datei, None, connect=_connect) as zaehlwerk, zaehlwerk.transaction():
                for uhrzeit in self._offen:
                    zaehlwerk.protokoll.insert(uhrzeit, Code.PIN_FALSCH)
            self._offen.clear()


def _connect(datei: Path) -> sqlite3.Connection:
    """As `connect`, but a database that is busy is an error at once."""
    verbindung = connect(datei)
    verbindung.execute("PRAGMA busy_timeout = 0")
    return verbindung

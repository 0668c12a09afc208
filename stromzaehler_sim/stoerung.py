"""Faults from outside: what somebody does to the meter or its supply, and what that does to the readings.

A fault comes through a small inbox in `zaehlwerk.sqlite`: whoever plays fate writes an `Eingriff`, and the running
meter picks it up. What lasts (no voltage, open cover, magnet) is kept as a `Lage` with its two ends, so energy and
status of a quarter hour are a pure function of load profile and table, also after a kill -9 in the middle of it.

"Killed" and "without voltage" are different things: while the program was down the house went on and its energy is
counted afterwards (see `Zaehlwerk`); while the meter was without voltage nothing flowed and nothing is counted.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import NamedTuple

from gateway.puffer import transaction
from stromzaehler_sim.last.lastprofil import Lastprofil
from stromzaehler_sim.last.phasen import Phasen
from stromzaehler_sim.uhr import VIERTELSTUNDE_S
from telegramm.messwerte import StatusBit

ZEHNTEL = 10

SCHEMA = """
CREATE TABLE IF NOT EXISTS eingriff (
    nummer INTEGER PRIMARY KEY AUTOINCREMENT, art TEXT NOT NULL, wert INTEGER, dauer_s INTEGER
);
CREATE TABLE IF NOT EXISTS lage (
    nummer INTEGER PRIMARY KEY AUTOINCREMENT, art TEXT NOT NULL, von INTEGER NOT NULL, bis INTEGER,
    beendet INTEGER NOT NULL DEFAULT 0
);
"""


class Lageart(StrEnum):
    """What can last at a meter."""

    STROMAUSFALL = "STROMAUSFALL"
    GEHAEUSE_OFFEN = "GEHAEUSE_OFFEN"
    MAGNETFELD = "MAGNETFELD"
    OHNE_L1 = "OHNE_L1"
    OHNE_L2 = "OHNE_L2"
    OHNE_L3 = "OHNE_L3"
    UHR_UNGUELTIG = "UHR_UNGUELTIG"


OHNE_PHASE = (Lageart.OHNE_L1, Lageart.OHNE_L2, Lageart.OHNE_L3)
_BIT = {
    Lageart.STROMAUSFALL: StatusBit.SPANNUNGSAUSFALL,
    Lageart.GEHAEUSE_OFFEN: StatusBit.GEHAEUSE_OFFEN,
    Lageart.MAGNETFELD: StatusBit.MAGNETFELD,
    **dict.fromkeys(OHNE_PHASE, StatusBit.SPANNUNGSAUSFALL),
    # The quarter hours are stamped afterwards, by a clock that did not know them.
    Lageart.UHR_UNGUELTIG: StatusBit.UHR_UNSICHER,
}


class Eingriffsart(StrEnum):
    """What can be done to a meter, as typed at ``stromzaehler stoere``."""

    STROMAUSFALL = "stromausfall"
    WIEDERKEHR = "wiederkehr"
    DECKEL_AUF = "deckel-auf"
    DECKEL_ZU = "deckel-zu"
    MAGNET_AN = "magnet-an"
    MAGNET_AUS = "magnet-aus"
    PHASE_WEG = "phase-weg"
    PHASE_DA = "phase-da"
    UHR_VERLUST = "uhr-verlust"
    UHR_VERSATZ = "uhr-versatz"
    UHR_GANG = "uhr-gang"
    PUFFER_VERLUST = "puffer-verlust"
    SCHLUESSEL_VERLUST = "schluessel-verlust"


class Eingriff(NamedTuple):
    """One thing that was done. ``wert`` is the phase (1...3), the seconds of ``uhr-versatz`` or the ppm of
    ``uhr-gang``; ``dauer_s`` lets what lasts end by itself, in seconds of the meter's clock."""

    art: Eingriffsart
    wert: int | None = None
    dauer_s: int | None = None


@dataclass(frozen=True, slots=True)
class Lage:
    """A fault that lasts over [von, bis), in s since 1970; ``bis`` is None as long as nobody knows its end."""

    nummer: int
    art: Lageart
    von: int
    bis: int | None

    def covers(self, instant: float) -> bool:
        return self.von <= instant and (self.bis is None or instant < self.bis)

    def touches(self, von: int, bis: int) -> bool:
        """True when it lasts at some moment of [von, bis)."""
        return self.von < bis and (self.bis is None or von < self.bis)


# --- what a quarter hour makes of it ---------------------------------------------------------------------------
def flow(profil: Lastprofil, lagen: Sequence[Lage], uhrzeit_von: int, sekunden: int) -> tuple[int, int]:
    """Energy (bezug, einspeisung) in 0.1 Wh of the first ``sekunden`` of the quarter hour at ``uhrzeit_von``.

    Power is even within the quarter hour and nothing flows on a phase without voltage. Floored once, so it never
    falls while ``sekunden`` grows to 900. Raises what the load profile raises.
    """
    kanten = {0, sekunden}
    for lage in lagen:
        kanten |= {kante - uhrzeit_von for kante in (lage.von, lage.bis) if kante is not None}
    bezug = einspeisung = 0
    for a, b in pairwise(sorted(kante for kante in kanten if 0 <= kante <= sekunden)):
        mehr_bezug, mehr_einspeisung = _energy(profil, uhrzeit_von, live_phases(lagen, uhrzeit_von + a))
        bezug += mehr_bezug * (b - a)
        einspeisung += mehr_einspeisung * (b - a)
    return bezug // VIERTELSTUNDE_S, einspeisung // VIERTELSTUNDE_S


def _energy(profil: Lastprofil, uhrzeit_von: int, unter_spannung: tuple[bool, ...]) -> tuple[int, int]:
    """Energy in 0.1 Wh of a whole quarter hour in which only these phases had voltage.

    ASSUMPTION: what hangs on a phase stands still without it, and the meter balances the other phases. A measured
    series that draws and feeds in within the same quarter hour is balanced, too, while a phase is missing.
    """
    if all(unter_spannung):
        bezug_wh, einspeisung_wh = profil.energy(uhrzeit_von)
        return bezug_wh * ZEHNTEL, einspeisung_wh * ZEHNTEL
    saldo_w = sum(phase_powers(profil, uhrzeit_von, unter_spannung))
    # 1 W over a quarter hour is 2.5 tenths of a Wh.
    return max(0, saldo_w) * 5 // 2, max(0, -saldo_w) * 5 // 2


def phase_powers(profil: Lastprofil, uhrzeit_von: int, unter_spannung: tuple[bool, ...]) -> Phasen:
    """The powers in W on L1-L3 in a quarter hour in which only these phases have voltage."""
    l1, l2, l3 = (watt if da else 0 for watt, da in zip(profil.phasen(uhrzeit_von), unter_spannung, strict=True))
    return l1, l2, l3


def live_phases(lagen: Iterable[Lage], instant: float) -> tuple[bool, bool, bool]:
    """Which of L1, L2, L3 have voltage."""
    arten = {lage.art for lage in lagen if lage.covers(instant)}
    if Lageart.STROMAUSFALL in arten:
        return False, False, False
    l1, l2, l3 = (art not in arten for art in OHNE_PHASE)
    return l1, l2, l3


def makes_reading(lagen: Iterable[Lage], ende: int) -> bool:
    """False when the meter was without voltage at the end of a quarter hour: it had no reading to make."""
    return not any(
        lage.art is Lageart.STROMAUSFALL and lage.von < ende and (lage.bis is None or ende < lage.bis)
        for lage in lagen
    )


def status_bits(lagen: Iterable[Lage], ende: int) -> int:
    """The `StatusBit`s of the reading at ``ende``: what happened in the quarter hour that it ends."""
    status = 0
    for lage in lagen:
        if lage.touches(ende - VIERTELSTUNDE_S, ende):
            status |= _BIT[lage.art]
            if lage.art is Lageart.STROMAUSFALL:
                # Whoever makes a reading has voltage again, and started anew to make it.
                status |= StatusBit.NEUSTART
    return status


# --- on disk ---------------------------------------------------------------------------------------------------
class Stoerungsbuch:
    """Inbox and table of what lasts, in the database of the register."""

    def __init__(self, verbindung: sqlite3.Connection) -> None:
        self._verbindung = verbindung

    def put(self, eingriff: Eingriff) -> None:
        """Do something to the meter: it will notice within a second, or when it is started."""
        with transaction(self._verbindung):
            self._verbindung.execute("INSERT INTO eingriff (art, wert, dauer_s) VALUES (?, ?, ?)", eingriff)

    def first(self) -> tuple[int, Eingriff] | None:
        """The oldest thing done that the meter has not noticed yet, with its number."""
        zeile = self._verbindung.execute(
            "SELECT nummer, art, wert, dauer_s FROM eingriff ORDER BY nummer LIMIT 1"
        ).fetchone()
        return None if zeile is None else (zeile[0], Eingriff(Eingriffsart(zeile[1]), *zeile[2:]))

    def remove(self, nummer: int) -> None:
        """Inside a transaction: the meter noticed it."""
        self._verbindung.execute("DELETE FROM eingriff WHERE nummer = ?", (nummer,))

    def begin(self, art: Lageart, von: int, bis: int | None) -> bool:
        """Inside a transaction: from now on ``art`` lasts; False when it did already."""
        if any(lage.art is art for lage in self.lasting(von)):
            return False
        self._verbindung.execute("INSERT INTO lage (art, von, bis) VALUES (?, ?, ?)", (art, von, bis))
        return True

    def end(self, art: Lageart, bis: int) -> None:
        """Inside a transaction: ``art`` lasts no longer. Its end is told by `ended`."""
        self._verbindung.execute(
            "UPDATE lage SET bis = max(von, ?) WHERE art = ? AND beendet = 0 AND (bis IS NULL OR bis > ?)",
            (bis, art, bis),
        )

    def ended(self, instant: float) -> list[Lage]:
        """What came to its end until ``instant`` and was not yet settled, oldest end first."""
        return self._select("WHERE beendet = 0 AND bis <= ? ORDER BY bis, nummer", (int(instant),))

    def settle(self, lage: Lage) -> None:
        """Inside a transaction: the end of ``lage`` was told."""
        self._verbindung.execute("UPDATE lage SET beendet = 1 WHERE nummer = ?", (lage.nummer,))

    def lasting(self, instant: float) -> list[Lage]:
        """What lasts at ``instant``."""
        return [lage for lage in self._select("WHERE beendet = 0", ()) if lage.covers(instant)]

    def touching(self, von: int, bis: int) -> list[Lage]:
        """What lasts at some moment of [von, bis)."""
        return self._select("WHERE von < ? AND (bis IS NULL OR bis > ?) ORDER BY nummer", (bis, von))

    def forget(self, vor: int) -> None:
        """Inside a transaction: drop what ended before ``vor`` (s since 1970)."""
        self._verbindung.execute("DELETE FROM lage WHERE beendet = 1 AND bis < ?", (vor,))

    def _select(self, bedingung: str, werte: tuple[int, ...]) -> list[Lage]:
        zeilen = self._verbindung.execute(f"SELECT nummer, art, von, bis FROM lage {bedingung}", werte)  # noqa: S608
        return [Lage(nummer, Lageart(art), von, bis) for nummer, art, von, bis in zeilen]

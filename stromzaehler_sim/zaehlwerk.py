"""The register of the meter and its memory of readings: it never falls, whatever happens to the process.

One SQLite file (WAL, synchronous=FULL). The register and the readings that it made change in one transaction; what
was made and not yet handed to the gateway is known by a watermark that is moved only after the gateway has it on
disk. Killed in between, the same readings are handed over again, and the buffer of the gateway ignores doubles. So
nothing is lost, doubled or lowered at any moment.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from gateway.puffer import connect, transaction
from stromzaehler_sim.fehler import LastprofilUngueltig, LastprofilZuEnde, ZaehlwerkFehler
from stromzaehler_sim.last.lastprofil import Lastprofil
from stromzaehler_sim.uhr import VIERTELSTUNDE_S
from telegramm.messwerte import Messwert, StatusBit

ZEHNTEL = 10
# Readings computed in one transaction; a year that was missed is computed in some fifty of them.
SCHRITT = 7 * 96

_SCHEMA = """
CREATE TABLE IF NOT EXISTS messwert (
    uhrzeit INTEGER PRIMARY KEY, bezug_wh INTEGER NOT NULL, einspeisung_wh INTEGER NOT NULL,
    leistung_w INTEGER, status INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS register (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    uhrzeit INTEGER NOT NULL, bezug_zehntelwh INTEGER NOT NULL, einspeisung_zehntelwh INTEGER NOT NULL,
    uebergeben_bis INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS historie (rang INTEGER PRIMARY KEY, von INTEGER NOT NULL, bis INTEGER NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Registerstand:
    """The register at ``uhrzeit`` (s since 1970), in 0.1 Wh as the meter holds it."""

    uhrzeit: int
    bezug_zehntelwh: int
    einspeisung_zehntelwh: int
    leistung_w: int | None


Leistung = Callable[[int, int, int], int | None]
"""(uhrzeit, bezug_wh, einspeisung_wh of the quarter hour before it) -> momentary power in W, signed, or None."""


def mean_power(uhrzeit: int, bezug_wh: int, einspeisung_wh: int) -> int:
    """The mean power of the quarter hour in W, negative when more was fed in than drawn."""
    return (bezug_wh - einspeisung_wh) * 4


class Zaehlwerk:
    """The register of one meter. Usable by one thread at a time. Without a load profile it can only be read.

    ASSUMPTION: the simulated house kept drawing energy while the program was down, so the missed quarter hours are
    computed afterwards; the first reading after a restart carries the status NEUSTART. A real meter without supply
    would not have counted.
    ASSUMPTION: the load profile of a meter is not changed back in time; only quarter hours not yet counted follow
    a new one.
    ASSUMPTION: the memory keeps every reading (about 1.3 MB a year); a real meter keeps two years.
    """

    def __init__(
        self, datei: Path | str, lastprofil: Lastprofil | None, *, leistung: Leistung = mean_power
    ) -> None:
        self._lastprofil = lastprofil
        self._leistung = leistung
        try:
            self._verbindung = connect(Path(datei))
        except sqlite3.Error as fehler:
            raise ZaehlwerkFehler(
                f"Das Zählwerk {datei} lässt sich nicht öffnen: {fehler}. Rechte und Platz prüfen."
            ) from fehler
        try:
            if not self._verbindung.execute("PRAGMA table_info(historie)").fetchall():
                self._verbindung.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")
            self._neustart = self.uhrzeit is not None
        except sqlite3.Error as fehler:
            self._verbindung.close()
            raise ZaehlwerkFehler(f"Das Zählwerk {datei} ist beschädigt: {fehler}.") from fehler

    # --- register ----------------------------------------------------------------------------------------------
    def install(self, uhrzeit: int, *, bezug_wh: int = 0, einspeisung_wh: int = 0) -> None:
        """Set the register once, at the quarter hour of installation; its first reading is made here.

        Later calls change nothing. Raises ZaehlwerkFehler for a time that is no quarter hour.
        """
        if uhrzeit % VIERTELSTUNDE_S or min(bezug_wh, einspeisung_wh) < 0:
            raise ZaehlwerkFehler("Ein Zählwerk beginnt zu einer vollen Viertelstunde und nicht unter 0.")
        with transaction(self._verbindung):
            if self.uhrzeit is not None:
                return
            self._verbindung.execute(
                "INSERT INTO register VALUES (1, ?, ?, ?, ?)",
                (uhrzeit, bezug_wh * ZEHNTEL, einspeisung_wh * ZEHNTEL, uhrzeit - VIERTELSTUNDE_S),
            )
            self._verbindung.execute(
                "INSERT INTO messwert VALUES (?, ?, ?, NULL, 0)", (uhrzeit, bezug_wh, einspeisung_wh)
            )

    def advance(self, bis_uhrzeit: int, on_progress: Callable[[int], None] | None = None) -> int:
        """Count every quarter hour up to ``bis_uhrzeit`` (s since 1970) and return how many readings that made.

        The readings are in the memory (`readings`, `pending`). An instant in the past makes none: when the clock
        was set back the register waits until time has caught up. ``on_progress`` gets the instant reached.
        Raises ZaehlwerkFehler before `install`, and what the load profile raises; what was counted stays counted.
        """
        anzahl = 0
        while True:
            with transaction(self._verbindung):
                neu = self._advance_step(bis_uhrzeit)
            if neu:
                self._neustart = False
            anzahl += len(neu)
            if on_progress is not None and neu:
                on_progress(neu[-1].uhrzeit)
            if len(neu) < SCHRITT:
                return anzahl

    def _advance_step(self, bis_uhrzeit: int) -> list[Messwert]:
        zeile = self._verbindung.execute(
            "SELECT uhrzeit, bezug_zehntelwh, einspeisung_zehntelwh FROM register"
        ).fetchone()
        if zeile is None or self._lastprofil is None:
            raise ZaehlwerkFehler("Das Zählwerk ist noch nicht eingebaut oder hat kein Lastprofil.")
        uhrzeit, bezug, einspeisung = zeile
        werte: list[Messwert] = []
        status = int(StatusBit.NEUSTART) if self._neustart else 0
        while uhrzeit + VIERTELSTUNDE_S <= bis_uhrzeit and len(werte) < SCHRITT:
            try:
                mehr_bezug, mehr_einspeisung = self._lastprofil.energy(uhrzeit)
            except LastprofilZuEnde:
                if not werte:
                    raise
                break
            if mehr_bezug < 0 or mehr_einspeisung < 0:
                raise LastprofilUngueltig(f"Das Lastprofil gibt für {uhrzeit} eine negative Energie.")
            uhrzeit += VIERTELSTUNDE_S
            bezug += mehr_bezug * ZEHNTEL
            einspeisung += mehr_einspeisung * ZEHNTEL
            leistung = self._leistung(uhrzeit, mehr_bezug, mehr_einspeisung)
            # Registers are floored to Wh for the outside: a meter never shows energy that has not flowed yet.
            werte.append(Messwert(uhrzeit, bezug // ZEHNTEL, einspeisung // ZEHNTEL, leistung, status))
            status = 0
        if werte:
            self._verbindung.executemany("INSERT INTO messwert VALUES (?, ?, ?, ?, ?)", werte)
            self._verbindung.execute(
                "UPDATE register SET uhrzeit = ?, bezug_zehntelwh = ?, einspeisung_zehntelwh = ?",
                (uhrzeit, bezug, einspeisung),
            )
        return werte

    @property
    def uhrzeit(self) -> int | None:
        """The instant up to which was counted, None before `install`."""
        zeile = self._verbindung.execute("SELECT uhrzeit FROM register").fetchone()
        return None if zeile is None else int(zeile[0])

    @property
    def beginn(self) -> int | None:
        """The instant of the first reading, None before `install`."""
        zeile = self._verbindung.execute("SELECT min(uhrzeit) FROM messwert").fetchone()
        return None if zeile[0] is None else int(zeile[0])

    def stand(self) -> Registerstand | None:
        """The register as it stands, None before `install`."""
        zeile = self._verbindung.execute(
            "SELECT r.uhrzeit, bezug_zehntelwh, einspeisung_zehntelwh, leistung_w "
            "FROM register r LEFT JOIN messwert m ON m.uhrzeit = r.uhrzeit"
        ).fetchone()
        return None if zeile is None else Registerstand(*zeile)

    def readings(self, von: int, bis: int) -> list[Messwert]:
        """The readings of [von, bis) from the memory, oldest first."""
        zeilen = self._verbindung.execute(
            "SELECT * FROM messwert WHERE uhrzeit >= ? AND uhrzeit < ? ORDER BY uhrzeit", (von, bis)
        )
        return [Messwert._make(zeile) for zeile in zeilen]

    # --- handing over to the gateway ---------------------------------------------------------------------------
    def pending(self, hoechstens: int = SCHRITT) -> list[Messwert]:
        """The oldest readings that the gateway has not yet got. Follow it with `handed_over`."""
        zeilen = self._verbindung.execute(
            "SELECT * FROM messwert WHERE uhrzeit > (SELECT uebergeben_bis FROM register) "
            "ORDER BY uhrzeit LIMIT ?",
            (hoechstens,),
        )
        return [Messwert._make(zeile) for zeile in zeilen]

    def handed_over(self, bis_uhrzeit: int) -> None:
        """The gateway has every reading up to and including ``bis_uhrzeit`` on disk."""
        with transaction(self._verbindung):
            self._verbindung.execute("UPDATE register SET uebergeben_bis = max(uebergeben_bis, ?)", (bis_uhrzeit,))

    def plan_history(self, batches: Callable[[int, int], list[tuple[int, int]]]) -> None:
        """Take everything that is pending out of the normal way and plan it as back history.

        ``batches(von, bis)`` cuts the half-open period of the pending readings into batches [von, bis) in the
        order of delivery; they go before those of an earlier plan, because they are newer. Plan and watermark
        change in one transaction, so a plan survives a crash whole.
        """
        with transaction(self._verbindung):
            zeile = self._verbindung.execute(
                "SELECT min(m.uhrzeit), max(m.uhrzeit) FROM messwert m, register r "
                "WHERE m.uhrzeit > r.uebergeben_bis"
            ).fetchone()
            if zeile[0] is None:
                return
            von, bis = int(zeile[0]), int(zeile[1]) + VIERTELSTUNDE_S
            plan = batches(von, bis)
            erster = self._verbindung.execute("SELECT coalesce(min(rang), 1) FROM historie").fetchone()[0]
            self._verbindung.executemany(
                "INSERT INTO historie VALUES (?, ?, ?)",
                [(rang, *spanne) for rang, spanne in enumerate(plan, start=erster - len(plan))],
            )
            self._verbindung.execute("UPDATE register SET uebergeben_bis = ?", (bis - VIERTELSTUNDE_S,))

    def open_batches(self) -> list[tuple[int, int, int]]:
        """The batches of back history not yet handed over, as (rang, von, bis) in the order of delivery."""
        return list(self._verbindung.execute("SELECT rang, von, bis FROM historie ORDER BY rang"))

    def batch_done(self, rang: int) -> None:
        """The gateway has every reading of this batch on disk."""
        with transaction(self._verbindung):
            self._verbindung.execute("DELETE FROM historie WHERE rang = ?", (rang,))

    def close(self) -> None:
        self._verbindung.close()

    def __enter__(self) -> Zaehlwerk:
        return self

    def __exit__(
        self, art: type[BaseException] | None, fehler: BaseException | None, spur: TracebackType | None
    ) -> None:
        self.close()

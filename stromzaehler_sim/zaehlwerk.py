"""The register of the meter and its memory of readings: it never falls, whatever happens to the process.

One SQLite file (WAL, synchronous=FULL). The register and the readings that it made change in one transaction; what
was made and not yet handed to the gateway is known by a watermark that is moved only after the gateway has it on
disk. Killed in between, the same readings are handed over again, and the buffer of the gateway ignores doubles. So
nothing is lost, doubled or lowered at any moment. What lasts at the meter (`stoerung`) and its log (`protokoll`)
are in the same file, so that a fault, its effect on the register and its entry are one transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from gateway.puffer import Connect, connect, transaction
from stromzaehler_sim import protokoll, stoerung
from stromzaehler_sim.fehler import LastprofilUngueltig, LastprofilZuEnde, ZaehlwerkFehler
from stromzaehler_sim.last.lastprofil import Lastprofil
from stromzaehler_sim.last.phasen import Phasen
from stromzaehler_sim.protokoll import Protokoll
from stromzaehler_sim.stoerung import ZEHNTEL, Lage, Stoerungsbuch
from stromzaehler_sim.uhr import VIERTELSTUNDE_S, Rtc, quarter_before
from telegramm.messwerte import Messwert, StatusBit

# The memory of a meter: two years of quarter hours, and the reading of its installation.
GEDAECHTNIS_S = 730 * 86400
# Readings computed in one transaction; a year that was missed is computed in some fifty of them.
SCHRITT = 7 * 96

_SCHEMA = f"""
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
CREATE TABLE IF NOT EXISTS rtc (
    id INTEGER PRIMARY KEY CHECK (id = 1), bezug REAL NOT NULL, versatz_s REAL NOT NULL, gang_ppm INTEGER NOT NULL
);
{stoerung.SCHEMA}
{protokoll.SCHEMA}
"""


@dataclass(frozen=True, slots=True)
class Registerstand:
    """The register at ``uhrzeit`` (s since 1970), in 0.1 Wh as the meter holds it; powers in W, signed."""

    uhrzeit: int
    bezug_zehntelwh: int
    einspeisung_zehntelwh: int
    leistung_w: int | None
    leistung_phasen_w: Phasen | None = None


class Zaehlwerk:
    """The register of one meter. Usable by one thread at a time. Without a load profile it can only be read.

    ASSUMPTION: the simulated house kept drawing energy while the program was down, so the missed quarter hours are
    computed afterwards; the first reading after a restart carries the status NEUSTART. Without voltage
    (`stoerung`) a meter does not count.
    ASSUMPTION: the house lives by the meter's clock, which is right within seconds: a clock that is wrong by more
    moves energy between neighbouring quarter hours.
    ASSUMPTION: the load profile of a meter is not changed back in time; only quarter hours not yet counted follow
    a new one.
    """

    def __init__(self, datei: Path | str, lastprofil: Lastprofil | None, *, connect: Connect = connect) -> None:
        self._lastprofil = lastprofil
        try:
            self._verbindung = connect(Path(datei))
        except sqlite3.Error as fehler:
            raise ZaehlwerkFehler(
                f"Das Zählwerk {datei} lässt sich nicht öffnen: {fehler}. Rechte und Platz prüfen."
            ) from fehler
        try:
            if not self._verbindung.execute("PRAGMA table_info(protokoll)").fetchall():
                self._verbindung.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")
            self._neustart = self.uhrzeit is not None
        except sqlite3.Error as fehler:
            self._verbindung.close()
            raise ZaehlwerkFehler(f"Das Zählwerk {datei} ist beschädigt: {fehler}.") from fehler
        self.stoerungen = Stoerungsbuch(self._verbindung)
        self.protokoll = Protokoll(self._verbindung)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One transaction over register, faults and log."""
        with transaction(self._verbindung):
            yield

    # --- clock chip --------------------------------------------------------------------------------------------
    def load_rtc(self) -> Rtc | None:
        """The clock chip as it was set last, None when nobody touched it yet."""
        zeile = self._verbindung.execute("SELECT bezug, versatz_s, gang_ppm FROM rtc").fetchone()
        return None if zeile is None else Rtc(*zeile)

    def save_rtc(self, rtc: Rtc) -> None:
        """Inside a transaction."""
        self._verbindung.execute(
            "INSERT OR REPLACE INTO rtc VALUES (1, ?, ?, ?)", (rtc.bezug, rtc.versatz_s, rtc.gang_ppm)
        )

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

    def advance(
        self,
        bis_uhrzeit: int,
        on_progress: Callable[[int], None] | None = None,
        *,
        status: Callable[[int], int] = lambda uhrzeit: 0,
    ) -> int:
        """Count every quarter hour up to ``bis_uhrzeit`` (s since 1970) and return how many readings that made.

        The readings are in the memory (`readings`, `pending`). An instant in the past makes none: when the clock
        was set back the register waits until time has caught up. ``on_progress`` gets the instant reached.
        ``status`` gives further bits for the reading of an instant, those of the clock.
        Raises ZaehlwerkFehler before `install`, and what the load profile raises; what was counted stays counted.
        """
        stand, anzahl = self.uhrzeit, 0
        if stand is not None and bis_uhrzeit < stand + VIERTELSTUNDE_S:
            return 0
        while True:
            with transaction(self._verbindung):
                schritte, neu = self._advance_step(bis_uhrzeit, status)
            if neu:
                self._neustart = False
            anzahl += len(neu)
            if on_progress is not None and neu:
                on_progress(neu[-1].uhrzeit)
            if schritte < SCHRITT:
                return anzahl

    def _advance_step(self, bis_uhrzeit: int, status: Callable[[int], int]) -> tuple[int, list[Messwert]]:
        """Count up to `SCHRITT` quarter hours: how many those were, and their readings."""
        zeile = self._verbindung.execute(
            "SELECT uhrzeit, bezug_zehntelwh, einspeisung_zehntelwh FROM register"
        ).fetchone()
        if zeile is None or self._lastprofil is None:
            raise ZaehlwerkFehler("Das Zählwerk ist noch nicht eingebaut oder hat kein Lastprofil.")
        beginn, bezug, einspeisung = zeile
        ende = min(bis_uhrzeit, beginn + SCHRITT * VIERTELSTUNDE_S)
        lagen = self.stoerungen.touching(beginn, ende)
        werte: list[Messwert] = []
        neustart = int(StatusBit.NEUSTART) if self._neustart else 0
        gezaehlt = beginn
        for uhrzeit in range(beginn + VIERTELSTUNDE_S, ende + 1, VIERTELSTUNDE_S):
            try:
                mehr_bezug, mehr_einspeisung = self._flow(lagen, gezaehlt, VIERTELSTUNDE_S)
            except LastprofilZuEnde:
                if gezaehlt == beginn:
                    raise
                break
            gezaehlt = uhrzeit
            bezug += mehr_bezug
            einspeisung += mehr_einspeisung
            if stoerung.makes_reading(lagen, uhrzeit):
                leistung = (mehr_bezug - mehr_einspeisung) * 4 // ZEHNTEL
                bits = neustart | stoerung.status_bits(lagen, uhrzeit) | status(uhrzeit)
                # Registers are floored to Wh for the outside: a meter never shows energy that has not flowed yet.
                werte.append(Messwert(uhrzeit, bezug // ZEHNTEL, einspeisung // ZEHNTEL, leistung, bits))
                neustart = 0
        self._verbindung.executemany("INSERT INTO messwert VALUES (?, ?, ?, ?, ?)", werte)
        self._verbindung.execute(
            "UPDATE register SET uhrzeit = ?, bezug_zehntelwh = ?, einspeisung_zehntelwh = ?",
            (gezaehlt, bezug, einspeisung),
        )
        return (gezaehlt - beginn) // VIERTELSTUNDE_S, werte

    def _flow(self, lagen: Sequence[Lage], uhrzeit_von: int, sekunden: int) -> tuple[int, int]:
        if self._lastprofil is None:
            raise ZaehlwerkFehler("Das Zählwerk hat kein Lastprofil.")
        bezug, einspeisung = stoerung.flow(self._lastprofil, lagen, uhrzeit_von, sekunden)
        if bezug < 0 or einspeisung < 0:
            raise LastprofilUngueltig(f"Das Lastprofil gibt für {uhrzeit_von} eine negative Energie.")
        return bezug, einspeisung

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
        """The register at the last full quarter hour, None before `install`."""
        zeile = self._verbindung.execute(
            "SELECT r.uhrzeit, bezug_zehntelwh, einspeisung_zehntelwh, leistung_w "
            "FROM register r LEFT JOIN messwert m ON m.uhrzeit = r.uhrzeit"
        ).fetchone()
        return None if zeile is None else Registerstand(*zeile)

    def live(self, instant: float) -> Registerstand | None:
        """The register as it moves within the running quarter hour, and the present powers; None before `install`.

        ``instant`` in s since 1970. Never falls while time goes on, and is never above what the reading at the end
        of the quarter hour will say: where that one is late, the register waits there. Without a load profile, or
        at the end of one, it is `stand`.
        """
        stand = self.stand()
        if stand is None or self._lastprofil is None:
            return stand
        sekunden = min(VIERTELSTUNDE_S, max(0, int(instant) - stand.uhrzeit))
        jetzt = stand.uhrzeit + sekunden
        lagen = self.stoerungen.touching(stand.uhrzeit, stand.uhrzeit + VIERTELSTUNDE_S)
        try:
            bezug, einspeisung = self._flow(lagen, stand.uhrzeit, sekunden)
            unter_spannung = stoerung.live_phases(lagen, jetzt)
            # At its very end the running quarter hour is already the next one.
            phasen = stoerung.phase_powers(self._lastprofil, quarter_before(jetzt), unter_spannung)
        except LastprofilZuEnde:
            return stand
        return Registerstand(
            jetzt,
            stand.bezug_zehntelwh + bezug,
            stand.einspeisung_zehntelwh + einspeisung,
            sum(phasen),
            phasen,
        )

    def readings(self, von: int, bis: int) -> list[Messwert]:
        """The readings of [von, bis) that the meter still remembers, oldest first."""
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
            self._forget_old(bis_uhrzeit - GEDAECHTNIS_S)

    def _forget_old(self, vor: int) -> None:
        """Drop what is older than the memory, but not the first reading, nor what history has yet to deliver."""
        self._verbindung.execute(
            "DELETE FROM messwert WHERE uhrzeit > (SELECT min(uhrzeit) FROM messwert) "
            "AND uhrzeit < (SELECT min(?, coalesce(min(von), ?)) FROM historie)",
            (vor, vor),
        )
        self.stoerungen.forget(vor)

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


def zaehlwerk_datei(ordner: Path) -> Path:
    """Where the register of the meter in ``ordner`` lies."""
    return ordner / "zaehlwerk.sqlite"

"""The buffer: readings stay on disk until a valid receipt names them.

SQLite in WAL mode with ``synchronous=FULL``: what `put_many` or `next_folge` returned from survives a kill -9
and a power cut. One object holds one connection and is used by one thread at a time; several processes may open
the same file, because every change is one immediate transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from gateway.fehler import OrdnerFehler
from telegramm.messwerte import Messwert

VIERTELSTUNDE_S = 900
KAPAZITAET_MINDESTENS = 40 * 96
KAPAZITAET = 60 * 96

_SCHEMA = """
CREATE TABLE IF NOT EXISTS messwert (
    uhrzeit INTEGER PRIMARY KEY CHECK (uhrzeit >= 0 AND uhrzeit % 900 = 0),
    bezug_wh INTEGER NOT NULL CHECK (bezug_wh >= 0),
    einspeisung_wh INTEGER NOT NULL CHECK (einspeisung_wh >= 0),
    leistung_w INTEGER,
    status INTEGER NOT NULL CHECK (status BETWEEN 0 AND 2147483647)
);
CREATE TABLE IF NOT EXISTS zustand (name TEXT PRIMARY KEY, wert INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS verlust (von INTEGER PRIMARY KEY, bis INTEGER NOT NULL);
INSERT OR IGNORE INTO zustand (name, wert) VALUES ('folge', -1);
"""


def connect(datei: Path) -> sqlite3.Connection:
    """Open a SQLite file durably (WAL, synchronous=FULL) with explicit transactions.

    ``check_same_thread`` is off, because a meter is opened by the main thread and run by its own; the rule
    "one thread at a time" is kept by the owner of the object.
    """
    verbindung = sqlite3.connect(datei, timeout=30.0, isolation_level=None, check_same_thread=False)
    verbindung.execute("PRAGMA journal_mode=WAL")
    verbindung.execute("PRAGMA synchronous=FULL")
    return verbindung


@contextmanager
def transaction(verbindung: sqlite3.Connection) -> Iterator[None]:
    """One immediate write transaction: all of it or nothing."""
    verbindung.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        verbindung.execute("ROLLBACK")
        raise
    verbindung.execute("COMMIT")


class Puffer:
    """Readings waiting for their receipt, and the few numbers that must outlive the process.

    ``kapazitaet`` is the number of readings kept (at least 40 days of 96). When it is exceeded the oldest go, and
    their span is remembered in `losses`, so that the operator can be told instead of waiting for ever.
    """

    def __init__(self, datei: Path | str, *, epoche: int = 0, kapazitaet: int = KAPAZITAET) -> None:
        if kapazitaet < KAPAZITAET_MINDESTENS:
            raise ValueError(f"kapazitaet must be at least {KAPAZITAET_MINDESTENS} readings (40 days)")
        self.kapazitaet = kapazitaet
        try:
            self._verbindung = connect(Path(datei))
        except sqlite3.Error as fehler:
            raise OrdnerFehler(
                f"Der Puffer {datei} lässt sich nicht öffnen: {fehler}. Rechte und Platz prüfen."
            ) from fehler
        try:
            # Opening an existing buffer writes nothing, so that a display may look while another process sends.
            if not self._verbindung.execute("PRAGMA table_info(verlust)").fetchall():
                self._verbindung.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")
            self._set_epoche(epoche)
        except sqlite3.Error as fehler:
            self._verbindung.close()
            raise OrdnerFehler(f"Der Puffer {datei} ist beschädigt: {fehler}.") from fehler
        except OrdnerFehler:
            self._verbindung.close()
            raise

    def _set_epoche(self, epoche: int) -> None:
        bisher = self._value("epoche")
        if bisher == epoche:
            return
        if bisher is not None and epoche < bisher:
            raise OrdnerFehler(
                f"Die Epoche {epoche} der Konfiguration liegt vor der des Puffers ({bisher}): "
                "der Ordner ist aus zwei Ständen gemischt. Den Zähler neu einschreiben."
            )
        with transaction(self._verbindung):
            self._set("epoche", epoche)

    # --- readings ----------------------------------------------------------------------------------------------
    def put_many(self, messwerte: Iterable[Messwert]) -> int:
        """Store readings in one transaction and return how many were new.

        A reading whose ``uhrzeit`` is already waiting is left as it is: the first value that was recorded counts.
        Raises ValueError, and stores none, when one of them could never be sent (see `Messwert` for the rules).
        """
        try:
            with transaction(self._verbindung):
                vorher = self._verbindung.total_changes
                self._verbindung.executemany(
                    "INSERT INTO messwert VALUES (?, ?, ?, ?, ?) ON CONFLICT (uhrzeit) DO NOTHING", messwerte
                )
                neu = self._verbindung.total_changes - vorher
                self._drop_oldest(self.waiting() - self.kapazitaet)
        except (sqlite3.IntegrityError, OverflowError) as fehler:
            raise ValueError(f"a reading breaks a rule: {fehler}") from fehler
        return neu

    def put(self, messwert: Messwert) -> bool:
        """Store one reading; False when its ``uhrzeit`` was already waiting."""
        return self.put_many([messwert]) == 1

    def oldest(self, n: int) -> list[Messwert]:
        """Up to ``n`` waiting readings, oldest first."""
        zeilen = self._verbindung.execute("SELECT * FROM messwert ORDER BY uhrzeit LIMIT ?", (n,))
        return [Messwert._make(zeile) for zeile in zeilen]

    def forget(self, uhrzeiten: Iterable[int]) -> int:
        """Remove the readings of these instants and return how many were there."""
        with transaction(self._verbindung):
            return self._forget(uhrzeiten)

    def waiting(self) -> int:
        """The number of readings without a receipt."""
        return int(self._verbindung.execute("SELECT count(*) FROM messwert").fetchone()[0])

    def losses(self) -> list[tuple[int, int]]:
        """Spans [von, bis) in epoch seconds whose readings were dropped because the buffer was full."""
        return list(self._verbindung.execute("SELECT von, bis FROM verlust ORDER BY von"))

    def forget_loss(self, von: int) -> None:
        """Forget the dropped span that begins at ``von``, once the operator knows of it."""
        with transaction(self._verbindung):
            self._verbindung.execute("DELETE FROM verlust WHERE von = ?", (von,))

    # --- sending -----------------------------------------------------------------------------------------------
    def next_folge(self) -> int:
        """Reserve the next running number; it is on disk before this returns, so it is never used twice."""
        with transaction(self._verbindung):
            return self._next_folge()

    def acknowledge(
        self, uhrzeiten: Sequence[int], *, zeit: int, platz_s: int, reserve_folge: bool = False
    ) -> int | None:
        """Take note of a valid receipt in one transaction: forget its readings, keep its time and slot.

        ``zeit`` is the operator's time in ms, ``platz_s`` the upload slot in seconds after the quarter. With
        ``reserve_folge`` the running number of the next Telegramm is reserved in the same commit and returned.
        """
        with transaction(self._verbindung):
            self._forget(uhrzeiten)
            self._set("letzte_quittung", zeit)
            self._set("platz_s", platz_s)
            return self._next_folge() if reserve_folge else None

    @property
    def epoche(self) -> int:
        return self._value("epoche") or 0

    @property
    def folge(self) -> int:
        """The running number that was reserved last, -1 before the first."""
        wert = self._value("folge")
        return -1 if wert is None else wert

    @property
    def letzte_quittung(self) -> int | None:
        """The operator's time of the last valid receipt in ms since 1970, None before the first."""
        return self._value("letzte_quittung")

    @property
    def platz_s(self) -> int | None:
        """The upload slot of the last receipt, in seconds after the quarter."""
        return self._value("platz_s")

    def close(self) -> None:
        self._verbindung.close()

    def __enter__(self) -> Puffer:
        return self

    def __exit__(
        self, art: type[BaseException] | None, fehler: BaseException | None, spur: TracebackType | None
    ) -> None:
        self.close()

    # --- inside a transaction ----------------------------------------------------------------------------------
    def _forget(self, uhrzeiten: Iterable[int]) -> int:
        vorher = self._verbindung.total_changes
        self._verbindung.executemany("DELETE FROM messwert WHERE uhrzeit = ?", ((u,) for u in uhrzeiten))
        return self._verbindung.total_changes - vorher

    def _next_folge(self) -> int:
        zeile = self._verbindung.execute(
            "UPDATE zustand SET wert = wert + 1 WHERE name = 'folge' RETURNING wert"
        ).fetchone()
        return int(zeile[0])

    def _drop_oldest(self, anzahl: int) -> None:
        if anzahl <= 0:
            return
        zeilen = self._verbindung.execute("SELECT uhrzeit FROM messwert ORDER BY uhrzeit LIMIT ?", (anzahl,))
        verloren = [int(zeile[0]) for zeile in zeilen]
        self._forget(verloren)
        spannen = self.losses() + [(uhrzeit, uhrzeit + VIERTELSTUNDE_S) for uhrzeit in verloren]
        self._verbindung.execute("DELETE FROM verlust")
        self._verbindung.executemany("INSERT INTO verlust VALUES (?, ?)", _merge(spannen))

    def _value(self, name: str) -> int | None:
        zeile = self._verbindung.execute("SELECT wert FROM zustand WHERE name = ?", (name,)).fetchone()
        return None if zeile is None else int(zeile[0])

    def _set(self, name: str, wert: int) -> None:
        self._verbindung.execute(
            "INSERT INTO zustand VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET wert = excluded.wert",
            (name, wert),
        )


def _merge(spannen: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Join half-open spans that touch or overlap."""
    ergebnis: list[tuple[int, int]] = []
    for von, bis in sorted(spannen):
        if ergebnis and von <= ergebnis[-1][1]:
            ergebnis[-1] = (ergebnis[-1][0], max(bis, ergebnis[-1][1]))
        else:
            ergebnis.append((von, bis))
    return ergebnis

"""The buffer: readings stay on disk until a valid receipt names them.

SQLite in WAL mode with ``synchronous=FULL``: what `put_many` or `next_folge` returned from survives a kill -9
and a power cut. One object holds one connection and is used by one thread at a time; several processes may open
the same file, because every change is one immediate transaction.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from gateway import meldungen, spannen
from gateway.fehler import OrdnerFehler
from gateway.meldungen import Eintrag, Meldungen
from gateway.spannen import Spanne
from telegramm.messwerte import Meldung, Messwert

KAPAZITAET_MINDESTENS = 40 * 96
KAPAZITAET = 60 * 96
STAND = 2

_SCHEMA = """
CREATE TABLE IF NOT EXISTS messwert (
    uhrzeit INTEGER PRIMARY KEY CHECK (uhrzeit >= 0 AND uhrzeit % 900 = 0),
    bezug_wh INTEGER NOT NULL CHECK (bezug_wh >= 0),
    einspeisung_wh INTEGER NOT NULL CHECK (einspeisung_wh >= 0),
    leistung_w INTEGER,
    status INTEGER NOT NULL CHECK (status BETWEEN 0 AND 2147483647)
);
CREATE TABLE IF NOT EXISTS zustand (name TEXT PRIMARY KEY, wert INTEGER NOT NULL) WITHOUT ROWID;
INSERT OR IGNORE INTO zustand (name, wert) VALUES ('folge', -1);
CREATE TABLE IF NOT EXISTS schuld (von INTEGER PRIMARY KEY, bis INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS fehlanzeige (von INTEGER PRIMARY KEY, bis INTEGER NOT NULL);
"""
# What the first version called dropped spans is owed, too.
_VON_STAND_1 = "INSERT OR IGNORE INTO schuld SELECT von, bis FROM verlust; DROP TABLE verlust;"

_LAGE = """
SELECT (SELECT count(*) FROM messwert), (SELECT max(uhrzeit) FROM messwert),
       EXISTS (SELECT 1 FROM meldung WHERE nummer IS NOT NULL), EXISTS (SELECT 1 FROM fehlanzeige),
       EXISTS (SELECT 1 FROM schuld), (SELECT json_group_object(name, wert) FROM zustand)
"""

# The primary codes of SQLite for a file that is no database, is torn, or lacks our tables.
_BESCHAEDIGT = {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_ERROR}


def connect(datei: Path) -> sqlite3.Connection:
    """Open a SQLite file durably (WAL, synchronous=FULL) with explicit transactions.

    ``check_same_thread`` is off, because a meter is opened by the main thread and run by its own; the rule
    "one thread at a time" is kept by the owner of the object.
    """
    verbindung = sqlite3.connect(datei, timeout=30.0, isolation_level=None, check_same_thread=False)
    try:
        verbindung.execute("PRAGMA journal_mode=WAL")
        verbindung.execute("PRAGMA synchronous=FULL")
    except sqlite3.Error:
        verbindung.close()
        raise
    return verbindung


def count_waiting(datei: Path) -> int:
    """The readings without a receipt in the buffer of a meter, which is neither made nor changed; 0 without one.

    A buffer that somebody else made in its place would hide from the meter that its own one is lost. Raises
    OrdnerFehler for a damaged one.
    """
    if not datei.exists():
        return 0
    adresse = f"{datei.absolute().as_uri()}?mode=rw"
    try:
        with closing(sqlite3.connect(adresse, uri=True, timeout=30.0)) as verbindung:
            return int(verbindung.execute("SELECT count(*) FROM messwert").fetchone()[0])
    except sqlite3.Error as fehler:
        raise _unusable(datei, fehler) from fehler


def _unusable(datei: Path | str, fehler: sqlite3.Error) -> OrdnerFehler:
    """Only a file that is damaged is to be removed: one that is full or locked still holds its readings."""
    if getattr(fehler, "sqlite_errorcode", sqlite3.SQLITE_OK) & 0xFF not in _BESCHAEDIGT:
        return OrdnerFehler(f"Der Puffer {datei} lässt sich nicht öffnen: {fehler}. Rechte und Platz prüfen.")
    return OrdnerFehler(
        f"Der Puffer {datei} ist beschädigt: {fehler}. Den Zähler anhalten, diese Datei löschen und ihn wieder "
        "starten: Er beginnt eine neue Epoche und liefert aus seinem Gedächtnis nach, was dem Betreiber fehlt."
    )


Connect = Callable[[Path], sqlite3.Connection]
"""What opens a file: `connect`, or what holds it elsewhere, e.g. in memory."""


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


class Lage(NamedTuple):
    """What there is to send, and the numbers that outlive the process, in one look."""

    wartend: int  # readings without a receipt
    neueste: int | None  # uhrzeit of the newest of them
    meldungen: bool  # entries of the log are queued
    fehlanzeigen: bool  # spans that are gone and not yet told
    schulden: bool  # spans that are owed
    zustand: Mapping[str, int]


class Puffer:
    """What waits for its receipt, and the few numbers that must outlive the process.

    ``kapazitaet`` is the number of readings kept (at least 40 days of 96). When it is exceeded the oldest go, and
    their span is owed (`owed`): it is filled again from the memory of the meter, or the operator is told.
    ``epoche`` is the one of the configuration; a later one that began in between counts.
    """

    def __init__(
        self,
        datei: Path | str,
        *,
        epoche: int = 0,
        kapazitaet: int = KAPAZITAET,
        connect: Connect = connect,
    ) -> None:
        if kapazitaet < KAPAZITAET_MINDESTENS:
            raise ValueError(f"kapazitaet must be at least {KAPAZITAET_MINDESTENS} readings (40 days)")
        self.kapazitaet = kapazitaet
        try:
            self._verbindung = connect(Path(datei))
        except sqlite3.Error as fehler:
            raise _unusable(datei, fehler) from fehler
        self._meldungen = Meldungen(self._verbindung)
        try:
            # Opening an existing buffer writes nothing, so that a display may look while another process sends.
            if self._verbindung.execute("PRAGMA user_version").fetchone()[0] < STAND:
                alt = self._verbindung.execute("PRAGMA table_info(verlust)").fetchall()
                self._verbindung.executescript(
                    "BEGIN IMMEDIATE;"
                    f"{_SCHEMA}{meldungen.SCHEMA}{_VON_STAND_1 if alt else ''}"
                    f"PRAGMA user_version = {STAND}; COMMIT;"
                )
            self.begin_epoche(epoche)
            # What is damaged shows here, while the person can still be told what helps.
            self.lage()
        except sqlite3.Error as fehler:
            self._verbindung.close()
            raise _unusable(datei, fehler) from fehler

    @contextmanager
    def bundle(self) -> Iterator[None]:
        """Everything that is changed inside is one transaction, whichever methods change it."""
        if self._verbindung.in_transaction:
            yield
        else:
            with transaction(self._verbindung):
                yield

    def lage(self) -> Lage:
        """What there is to send. One statement, because it is asked before every message."""
        wartend, neueste, *da, zustand = self._verbindung.execute(_LAGE).fetchone()
        meldungen, fehlanzeigen, schulden = map(bool, da)
        return Lage(wartend, neueste, meldungen, fehlanzeigen, schulden, json.loads(zustand))

    # --- readings ----------------------------------------------------------------------------------------------
    def put_many(self, messwerte: Iterable[Messwert]) -> int:
        """Store readings in one transaction and return how many were new.

        A reading whose ``uhrzeit`` is already waiting is left as it is: the first value that was recorded counts.
        Raises ValueError, and stores none, when one of them could never be sent (see `Messwert` for the rules).
        """
        try:
            with self.bundle():
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

    def newest(self, n: int) -> list[Messwert]:
        """The ``n`` newest waiting readings, oldest first."""
        zeilen = self._verbindung.execute("SELECT * FROM messwert ORDER BY uhrzeit DESC LIMIT ?", (n,)).fetchall()
        return [Messwert._make(zeile) for zeile in reversed(zeilen)]

    def forget(self, uhrzeiten: Iterable[int]) -> int:
        """Remove the readings of these instants and return how many were there."""
        with self.bundle():
            vorher = self._verbindung.total_changes
            self._verbindung.execute(
                "DELETE FROM messwert WHERE uhrzeit IN (SELECT value FROM json_each(?))",
                (json.dumps(list(uhrzeiten)),),
            )
            return self._verbindung.total_changes - vorher

    def waiting(self) -> int:
        """The number of readings without a receipt."""
        return int(self._verbindung.execute("SELECT count(*) FROM messwert").fetchone()[0])

    # --- spans -------------------------------------------------------------------------------------------------
    def owed(self) -> list[Spanne]:
        """Spans whose readings the operator is still to get: it asked for them, or a full buffer dropped them."""
        return self._spannen("schuld")

    def add_owed(self, neue: Iterable[Spanne]) -> None:
        """Owe further spans."""
        with self.bundle():
            self._set_spannen("schuld", [*self.owed(), *neue])

    def waiting_in(self, spanne: Spanne) -> list[Spanne]:
        """The part of the span whose readings wait."""
        zeilen = self._verbindung.execute(
            "SELECT uhrzeit FROM messwert WHERE uhrzeit >= ? AND uhrzeit < ? ORDER BY uhrzeit", spanne
        )
        return spannen.of_readings(int(zeile[0]) for zeile in zeilen.fetchall())

    def refill(self, spanne: Spanne, messwerte: Iterable[Messwert], *, gone_until: int) -> int:
        """Pay one owed span with ``messwerte``, all that the memory has of it; return how many now wait anew.

        Quarter hours before ``gone_until`` (s since 1970) that are neither among them nor wait already are gone
        for good: see `gone`.
        """
        with self.bundle():
            neu = self.put_many(messwerte)
            fehlend = spannen.subtract([spanne], [*self.waiting_in(spanne), *spannen.since(gone_until, spanne)])
            self._set_spannen("fehlanzeige", [*self.gone(), *fehlend])
            self._set_spannen("schuld", spannen.subtract(self.owed(), [spanne]))
        return neu

    def gone(self) -> list[Spanne]:
        """Spans that the meter no longer has, and that the operator does not know of yet."""
        return self._spannen("fehlanzeige")

    # --- log ---------------------------------------------------------------------------------------------------
    def put_meldungen(self, eintraege: Iterable[Eintrag], *, alarm: bool = False) -> None:
        """Store entries of the device log in one transaction: alarms are sent, others wait to be asked for.

        At most 2,000 are kept; of more the oldest go, alarms last. Raises ValueError, and stores none, when one of
        them could never be sent.
        """
        with self.bundle():
            self._meldungen.put(eintraege, alarm=alarm)

    def queue_meldungen(self, uhrzeit: int) -> None:
        """The operator asks for the log: everything goes out, closed by an entry PROTOKOLL_GESENDET."""
        with self.bundle():
            self._meldungen.queue_all(uhrzeit)

    def queued_meldungen(self) -> list[Meldung]:
        """The entries of the next message about the log, at most 200."""
        return self._meldungen.queued()

    # --- sending -----------------------------------------------------------------------------------------------
    def next_folge(self) -> int:
        """Reserve the next running number; it is on disk before this returns, so it is never used twice."""
        with self.bundle():
            zeile = self._verbindung.execute(
                "UPDATE zustand SET wert = wert + 1 WHERE name = 'folge' RETURNING wert"
            ).fetchone()
        return int(zeile[0])

    def acknowledge(
        self,
        uhrzeiten: Sequence[int] = (),
        *,
        meldungen: Sequence[int] = (),
        fehlanzeigen: Sequence[Spanne] = (),
        luecken: Sequence[Spanne] = (),
        zustand: Mapping[str, int],
    ) -> None:
        """Take note of a valid receipt in one transaction: forget what was sent, owe what is asked for.

        ``uhrzeiten``, ``meldungen`` (numbers) and ``fehlanzeigen`` were sent, ``luecken`` are asked for,
        ``zustand`` are the numbers to keep.
        """
        with self.bundle():
            if uhrzeiten:
                self.forget(uhrzeiten)
            if meldungen:
                self._meldungen.remove(meldungen)
            if fehlanzeigen:
                self._set_spannen("fehlanzeige", spannen.subtract(self.gone(), fehlanzeigen))
            if luecken:
                self.add_owed(luecken)
            self.set_zustand(zustand)

    def begin_epoche(self, epoche: int) -> bool:
        """Begin an epoch that is later than the present one, with numbers from 0; False when it is not later."""
        bisher = self._value("epoche")
        if bisher is not None and epoche <= bisher:
            return False
        with self.bundle():
            self.set_zustand({"epoche": epoche, "folge": -1})
        return True

    def set_zustand(self, werte: Mapping[str, int]) -> None:
        """Keep these numbers, by name; the others stay."""
        with self.bundle():
            self._verbindung.execute(
                f"INSERT INTO zustand VALUES {', '.join(['(?, ?)'] * len(werte))} "  # noqa: S608 - question marks
                "ON CONFLICT (name) DO UPDATE SET wert = excluded.wert",
                [teil for paar in werte.items() for teil in paar],
            )

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

    @property
    def gesperrt(self) -> bool:
        """The last answer was that the operator refuses this meter."""
        return bool(self._value("gesperrt"))

    def close(self) -> None:
        self._verbindung.close()

    def __enter__(self) -> Puffer:
        return self

    def __exit__(
        self, art: type[BaseException] | None, fehler: BaseException | None, spur: TracebackType | None
    ) -> None:
        self.close()

    # --- inside a transaction ----------------------------------------------------------------------------------
    def _drop_oldest(self, anzahl: int) -> None:
        if anzahl <= 0:
            return
        zeilen = self._verbindung.execute("SELECT uhrzeit FROM messwert ORDER BY uhrzeit LIMIT ?", (anzahl,))
        verloren = [int(zeile[0]) for zeile in zeilen.fetchall()]
        self.forget(verloren)
        self.add_owed(spannen.of_readings(verloren))

    def _spannen(self, tabelle: str) -> list[Spanne]:
        return list(self._verbindung.execute(f"SELECT von, bis FROM {tabelle} ORDER BY von"))  # noqa: S608 - ours

    def _set_spannen(self, tabelle: str, neue: Iterable[Spanne]) -> None:
        self._verbindung.execute(f"DELETE FROM {tabelle}")  # noqa: S608 - one of two names of ours
        self._verbindung.executemany(
            f"INSERT INTO {tabelle} VALUES (?, ?)",  # noqa: S608 - as above
            spannen.merge(neue),
        )

    def _value(self, name: str) -> int | None:
        zeile = self._verbindung.execute("SELECT wert FROM zustand WHERE name = ?", (name,)).fetchone()
        return None if zeile is None else int(zeile[0])

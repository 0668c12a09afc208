"""The entries of the device log on their way to the operator; part of the buffer and of its transactions.

An alarm is queued at once, an ordinary entry stays here until the operator asks for the log. The running number is
given when an entry is queued: numbers ascend in the order of sending, and tell the operator what it has.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from telegramm.fehler import InhaltUngueltig
from telegramm.felder import CODE, check_int, check_pattern, check_text
from telegramm.messwerte import Meldung

EINTRAEGE_HOECHSTENS = 2000
MELDUNGEN_JE_TELEGRAMM = 200
# Texts of entries in one message; with their heads they stay well under the 64 KiB of a container.
TEXT_BYTES_JE_TELEGRAMM = 32_000

PROTOKOLL_VERLUST = "PROTOKOLL_VERLUST"
PROTOKOLL_GESENDET = "PROTOKOLL_GESENDET"

Eintrag = tuple[int, str, str]
"""(uhrzeit in s since 1970, code, text), with the rules of `Meldung`."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS meldung (
    id INTEGER PRIMARY KEY AUTOINCREMENT, nummer INTEGER UNIQUE,
    uhrzeit INTEGER NOT NULL, code TEXT NOT NULL, text TEXT NOT NULL
);
INSERT OR IGNORE INTO zustand (name, wert) VALUES ('meldung', -1);
"""


class Meldungen:
    """Access to the table ``meldung``. Every method that changes it runs inside a transaction of the buffer."""

    def __init__(self, verbindung: sqlite3.Connection) -> None:
        self._verbindung = verbindung

    def put(self, eintraege: Iterable[Eintrag], *, alarm: bool) -> None:
        """Store entries; raises ValueError for one that could never be sent."""
        for uhrzeit, code, text in eintraege:
            try:
                check_int("uhrzeit", uhrzeit)
                check_pattern("code", code, CODE)
                check_text("text", text, 500)
            except InhaltUngueltig as fehler:
                raise ValueError(f"an entry of the log breaks a rule: {fehler}") from fehler
            self._insert(uhrzeit, code, text, alarm=alarm)
            self._limit(uhrzeit)

    def queue_all(self, uhrzeit: int) -> None:
        """Queue every entry, and a last one that tells the end. Does nothing while such an end is under way."""
        if self._waits(PROTOKOLL_GESENDET):
            return
        offen = self._verbindung.execute("SELECT id FROM meldung WHERE nummer IS NULL ORDER BY id").fetchall()
        self._verbindung.executemany(
            "UPDATE meldung SET nummer = ? WHERE id = ?", [(self._next_nummer(), zeile[0]) for zeile in offen]
        )
        self._insert(uhrzeit, PROTOKOLL_GESENDET, f"Protokoll gesendet: {len(offen)} Einträge.", alarm=True)

    def queued(self) -> list[Meldung]:
        """The queued entries of one message, by their numbers; empty when none is queued."""
        zeilen = self._verbindung.execute(
            "SELECT nummer, uhrzeit, code, text FROM meldung WHERE nummer IS NOT NULL ORDER BY nummer LIMIT ?",
            (MELDUNGEN_JE_TELEGRAMM,),
        )
        meldungen: list[Meldung] = []
        rest = TEXT_BYTES_JE_TELEGRAMM
        for zeile in zeilen.fetchall():
            meldung = Meldung._make(zeile)
            rest -= len(meldung.text.encode()) + len(meldung.code)
            if meldungen and rest < 0:
                break
            meldungen.append(meldung)
        return meldungen

    def remove(self, nummern: Iterable[int]) -> None:
        """The operator has these entries."""
        self._verbindung.executemany("DELETE FROM meldung WHERE nummer = ?", ((nummer,) for nummer in nummern))

    def _insert(self, uhrzeit: int, code: str, text: str, *, alarm: bool) -> None:
        nummer = self._next_nummer() if alarm else None
        self._verbindung.execute(
            "INSERT INTO meldung (nummer, uhrzeit, code, text) VALUES (?, ?, ?, ?)", (nummer, uhrzeit, code, text)
        )

    def _limit(self, uhrzeit: int) -> None:
        """Drop what is too much, ordinary entries first, the oldest first; one entry tells of it."""
        anzahl = int(self._verbindung.execute("SELECT count(*) FROM meldung").fetchone()[0])
        if anzahl <= EINTRAEGE_HOECHSTENS:
            return
        # One more for the entry that tells of it: it must not push out another each time.
        self._verbindung.execute(
            "DELETE FROM meldung WHERE id IN (SELECT id FROM meldung WHERE code <> ? "
            "ORDER BY nummer IS NOT NULL, id LIMIT ?)",
            (PROTOKOLL_VERLUST, anzahl - EINTRAEGE_HOECHSTENS + 1),
        )
        if not self._waits(PROTOKOLL_VERLUST):
            self._insert(
                uhrzeit,
                PROTOKOLL_VERLUST,
                "Das Protokoll war voll, die ältesten Einträge fielen heraus.",
                alarm=True,
            )

    def _waits(self, code: str) -> bool:
        zeile = self._verbindung.execute("SELECT 1 FROM meldung WHERE code = ? LIMIT 1", (code,)).fetchone()
        return zeile is not None

    def _next_nummer(self) -> int:
        zeile = self._verbindung.execute(
            "UPDATE zustand SET wert = wert + 1 WHERE name = 'meldung' RETURNING wert"
        ).fetchone()
        return int(zeile[0])

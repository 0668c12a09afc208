"""The SQLite files of a meter, held in memory: a thousand meters that each wait for a disk would measure the disk.

A snapshot goes to the files of the folder now and then and at the end. After a kill it is older than what the
operator has seen; then the gateway begins a new epoche, and because the load profile depends on the time alone,
the same readings come once more and the operator counts them as doubled.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from gateway.ordner import write_atomic


class Arbeitsspeicher:
    """The files of one meter; `connect` takes the place of `gateway.puffer.connect`. For one thread at a time.

    Snapshots are written in the order of the names of the files: the buffer before the register. If only the first
    of them gets to the disk, readings are handed over twice, which does no harm.
    """

    def __init__(self) -> None:
        self._offen: dict[Path, sqlite3.Connection] = {}

    def connect(self, datei: Path) -> sqlite3.Connection:
        """A database in memory with the content of the file, empty when there is none. Raises sqlite3.Error."""
        verbindung = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        if datei.exists():
            with closing(sqlite3.connect(datei)) as quelle:
                quelle.backup(verbindung)
        self._offen[datei] = verbindung
        return verbindung

    def save(self) -> None:
        """Write the snapshots; each file is replaced whole. Raises OSError, sqlite3.Error."""
        for datei, verbindung in sorted(self._offen.items(), key=lambda eintrag: eintrag[0].name):
            write_atomic(datei, verbindung.serialize())

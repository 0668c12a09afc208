"""How each database is copied: SQLite by its online backup, PostgreSQL by pg_dump and pg_restore."""

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

from sqlalchemy import URL

from betreiber.sicherung.domain import SicherungUngueltig


def copy_sqlite(quelle: Path, ziel: Path) -> None:
    """Copy a SQLite database as it is at this moment, also while somebody writes into it.

    In one step: a copy in parts would begin anew with every reading that comes in.
    """
    with closing(sqlite3.connect(quelle)) as von, closing(sqlite3.connect(ziel)) as nach:
        von.backup(nach)


def dump_postgresql(url: URL, ziel: Path, schnappschuss: str) -> None:
    """Write all of a PostgreSQL database into a file, as that snapshot sees it. Raises SicherungUngueltig."""
    _run("pg_dump", url, "--format=custom", "--no-owner", f"--snapshot={schnappschuss}", f"--file={ziel}")


def restore_postgresql(url: URL, quelle: Path) -> None:
    """Put a dump into an empty database, wholly or not at all. Raises SicherungUngueltig."""
    optionen = ("--no-owner", "--no-comments", "--single-transaction", "--exit-on-error")
    _run("pg_restore", url, *optionen, str(quelle))


def _run(programm: str, url: URL, *argumente: str) -> None:
    # The list of processes is open to everybody on the machine: the password goes another way.
    passwort = {"PGPASSWORD": str(url.password)} if url.password else {}
    adresse = url._replace(drivername="postgresql", password=None).render_as_string()
    lauf = subprocess.run(  # noqa: S603 - a program of PostgreSQL, arguments of our own
        [find_program(programm), f"--dbname={adresse}", *argumente],
        env=os.environ | passwort,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if lauf.returncode != 0:
        raise SicherungUngueltig(f"{programm} ist gescheitert:\n{lauf.stderr.strip()}")


def find_program(programm: str, ordner: Path = Path("/usr/lib/postgresql")) -> str:
    """A program of PostgreSQL: on the PATH, else of the newest version in Debian's folder.

    Raises SicherungUngueltig.
    """
    versionen = sorted(ordner.glob(f"*/bin/{programm}"), key=lambda pfad: int(pfad.parts[-3]))
    gefunden = shutil.which(programm) or (str(versionen[-1]) if versionen else None)
    if gefunden is None:
        raise SicherungUngueltig(
            f"{programm} fehlt. Unter Debian bringt es das Paket postgresql-client (apt-get install"
            " postgresql-client); es darf nicht älter sein als der Server."
        )
    return gefunden

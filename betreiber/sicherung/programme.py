"""How each database is copied: SQLite by its online backup, PostgreSQL by its own programs."""

import os
import shutil
import sqlite3
import subprocess
import tempfile
from contextlib import closing, suppress
from pathlib import Path
from subprocess import DEVNULL, PIPE
from typing import IO, cast

from sqlalchemy import URL

from betreiber.sicherung.domain import SicherungUngueltig

_LEEREN = b"BEGIN;\nDROP SCHEMA public CASCADE;\nCREATE SCHEMA public;\n"


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
    """Let a dump take the place of all that is in a database, wholly or not at all. Raises SicherungUngueltig.

    pg_restore alone cannot empty a database and fill it in one transaction: it writes SQL, and psql runs it. What
    breaks off has no COMMIT, and changes nothing.
    """
    adresse, umgebung = _address(url)
    lesen = [find_program("pg_restore"), "--no-owner", "--no-comments", "--file=-", str(quelle)]
    schreiben = [find_program("psql"), f"--dbname={adresse}", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"]
    with tempfile.TemporaryFile("w+") as meldungen:
        with (
            subprocess.Popen(lesen, stdin=DEVNULL, stdout=PIPE, stderr=meldungen) as von,  # noqa: S603 - as below
            subprocess.Popen(  # noqa: S603 - as below
                schreiben, env=umgebung, stdin=PIPE, stdout=DEVNULL, stderr=meldungen
            ) as nach,
            # psql has ended at an error.
            suppress(BrokenPipeError),
            cast("IO[bytes]", nach.stdin) as sql,
        ):
            sql.write(_LEEREN)
            shutil.copyfileobj(cast("IO[bytes]", von.stdout), sql)
            if von.wait() == 0:
                sql.write(b"COMMIT;\n")
        if von.returncode or nach.returncode:
            meldungen.seek(0)
            raise SicherungUngueltig(
                f"pg_restore ist gescheitert, die Datenbank ist, wie sie war:\n{meldungen.read().strip()}"
            )


def _run(programm: str, url: URL, *argumente: str) -> None:
    adresse, umgebung = _address(url)
    lauf = subprocess.run(  # noqa: S603 - a program of PostgreSQL, arguments of our own
        [find_program(programm), f"--dbname={adresse}", *argumente],
        env=umgebung,
        stdin=DEVNULL,
        capture_output=True,
        text=True,
    )
    if lauf.returncode != 0:
        raise SicherungUngueltig(f"{programm} ist gescheitert:\n{lauf.stderr.strip()}")


def _address(url: URL) -> tuple[str, dict[str, str]]:
    """The address of a database for a program of PostgreSQL, and the environment that it needs."""
    # The list of processes is open to everybody on the machine: the password goes another way.
    passwort = {"PGPASSWORD": str(url.password)} if url.password else {}
    adresse = url._replace(drivername="postgresql", password=None).render_as_string()
    return adresse, os.environ | passwort


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

"""A private PostgreSQL cluster for the tests: in a temporary folder, on a free port, stopped at the end.

fsync is off here: no test pulls the plug of the machine. That the operator's own servers run with it is checked
where it matters, at the start of `betreiber`.
"""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

# Databases of all workers, write-ahead log and what long runs leave.
PLATZ_BYTES = 6 * 2**30
GRUND = "no PostgreSQL server is installed (Debian: apt-get install postgresql)"


def find_programs() -> Path | None:
    """The folder with initdb and pg_ctl, the newest version that Debian's packages installed."""
    ordner = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda pfad: int(pfad.parts[-3]))
    if ordner:
        return ordner[-1].parent
    gefunden = shutil.which("initdb")
    return Path(gefunden).parent if gefunden else None


def _in_memory() -> str | None:
    """A folder in memory with room enough; None: on the disk.

    There a test's copy of the template, a thousand small files, takes 20 ms instead of some hundred.
    """
    speicher = Path("/dev/shm")
    if speicher.is_dir() and os.access(speicher, os.W_OK) and shutil.disk_usage(speicher).free > PLATZ_BYTES:
        return str(speicher)
    return None


class Cluster:
    """Starts on construction; `url` names its maintenance database."""

    def __init__(self, programme: Path) -> None:
        self._programme = programme
        self._ordner = Path(tempfile.mkdtemp(prefix="msb-pg-", dir=_in_memory()))
        # PostgreSQL refuses to run as root.
        self._als = "postgres" if os.geteuid() == 0 else None
        if self._als:
            konto = pwd.getpwnam(self._als)
            os.chown(self._ordner, konto.pw_uid, konto.pw_gid)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        daten = self._ordner / "daten"
        self._run("initdb", "-D", str(daten), "-U", "msb", "-A", "trust", "-E", "UTF8", "--no-sync")
        einstellungen = (
            f"-p {port} -k {self._ordner} -c listen_addresses=127.0.0.1 -c fsync=off"
            " -c synchronous_commit=off -c full_page_writes=off -c max_connections=200"
        )
        self._run("pg_ctl", "-D", str(daten), "-w", "-o", einstellungen, "-l", str(self._ordner / "log"), "start")
        self.url = f"postgresql://msb@127.0.0.1:{port}/postgres"

    def stop(self) -> None:
        self._run("pg_ctl", "-D", str(self._ordner / "daten"), "-m", "immediate", "-w", "stop")
        shutil.rmtree(self._ordner, ignore_errors=True)

    def _run(self, programm: str, *argumente: str) -> None:
        subprocess.run(
            [str(self._programme / programm), *argumente],
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            user=self._als,
            cwd=self._ordner,
        )

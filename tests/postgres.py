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


# Its input ends with the process that started it, however that ends, and also while the cluster is being made.
_LEBEN = """
trap '' PIPE
{
  "$1/initdb" -D daten -U msb -A trust -E UTF8 --no-sync &&
  "$1/pg_ctl" -D daten -w -o "$2" -l log start
} </dev/null >/dev/null 2>&1 && echo bereit && read -r _
"$1/pg_ctl" -D daten -m immediate -w stop </dev/null >/dev/null 2>&1
cd / && rm -rf "$3"
"""


class Cluster:
    """Starts on construction; `url` names its maintenance database. Ends with this process, also a killed one."""

    def __init__(self, programme: Path) -> None:
        self.ordner = ordner = Path(tempfile.mkdtemp(prefix="msb-pg-", dir=_in_memory()))
        # PostgreSQL refuses to run as root.
        als = "postgres" if os.geteuid() == 0 else None
        if als:
            konto = pwd.getpwnam(als)
            os.chown(ordner, konto.pw_uid, konto.pw_gid)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        einstellungen = (
            f"-p {port} -k {ordner} -c listen_addresses=127.0.0.1 -c fsync=off"
            " -c synchronous_commit=off -c full_page_writes=off -c max_connections=200"
        )
        self._waechter = subprocess.Popen(
            ["sh", "-c", _LEBEN, "sh", str(programme), einstellungen, str(ordner)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            user=als,
            cwd=ordner,
            # What a terminal or `timeout` sends to the group of the tests must not end it before its work.
            start_new_session=True,
        )
        assert self._waechter.stdout is not None
        if not self._waechter.stdout.readline():
            raise RuntimeError(f"PostgreSQL does not start: try {programme}/initdb and pg_ctl by hand")
        self.url = f"postgresql://msb@127.0.0.1:{port}/postgres"

    def stop(self) -> None:
        # A line, because a process that a test has left may hold the pipe open, too.
        self._waechter.communicate(b"\n")

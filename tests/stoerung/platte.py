"""Small file systems, and how they fill up."""

import contextlib
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest


@contextlib.contextmanager
def small_disk(groesse):
    """A file system of its own in memory, open to the database server."""
    ordner = Path(tempfile.mkdtemp(prefix="msb-platte-"))
    befehl = ["mount", "-t", "tmpfs", "-o", f"size={groesse},mode=0755", "tmpfs", str(ordner)]
    try:
        if shutil.which("mount") is None or subprocess.run(befehl, capture_output=True).returncode:
            pytest.skip("this machine lets us mount no file system")
        try:
            ordner.chmod(0o755)
            yield ordner
        finally:
            subprocess.run(["umount", "--lazy", str(ordner)], check=True)
    finally:
        ordner.rmdir()


def fill(ordner):
    """Leave no room."""
    with (ordner / "ballast").open("wb", buffering=0) as datei, contextlib.suppress(OSError):
        while datei.write(bytes(4096)):
            pass

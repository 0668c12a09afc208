"""kill -9 at every change of a file: what a meter leaves behind then must do for its next start."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import warnings
from collections.abc import Callable
from itertools import count
from pathlib import Path

AENDERUNGEN = {"open", "os.rename", "os.mkdir", "os.chmod", "os.remove", "os.rmdir", "shutil.rmtree"}


def run_and_kill(pfad: Path, tun: Callable[[], object], nummer: int) -> bool:
    """Run ``tun`` in a child that SIGKILL ends before its change ``nummer`` of a file below ``pfad``.

    False when it came through.
    """
    with warnings.catch_warnings():
        # From Python 3.12 on a fork beside other threads warns. The test run has some; the child waits for none.
        warnings.simplefilter("ignore", DeprecationWarning)
        kind = os.fork()
    if kind == 0:  # pragma: no cover - the child has no coverage to tell
        davor = iter(range(1, nummer))

        def kill_in_time(ereignis: str, argumente: tuple[object, ...]) -> None:
            if ereignis not in AENDERUNGEN or (ereignis == "open" and not _writes(argumente[2])):
                return
            # Names without a folder are those of a tree that is being removed.
            name = str(argumente[0])
            hier = name == str(pfad) or name.startswith(f"{pfad}/") or not name.startswith("/")
            if hier and next(davor, None) is None:
                os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(kill_in_time)
        try:
            tun()
        except BaseException:
            os._exit(1)
        os._exit(0)
    _, ende = os.waitpid(kind, 0)
    assert os.WIFSIGNALED(ende) or os.WEXITSTATUS(ende) == 0
    return os.WIFSIGNALED(ende)


def kill_everywhere(vorlage: Path, tun: Callable[[Path], object], pruefen: Callable[[Path], object]) -> int:
    """Kill ``tun`` before each of its changes of a file, each time in a fresh copy of the folder ``vorlage``.

    After each kill ``pruefen`` looks at the folder, and ``tun`` must come through. Returns the number of kills.
    """
    for nummer in count(1):
        pfad = vorlage.with_name(f"{vorlage.name}-{nummer}")
        shutil.copytree(vorlage, pfad)
        if not run_and_kill(pfad, lambda pfad=pfad: tun(pfad), nummer):
            return nummer - 1
        pruefen(pfad)
        tun(pfad)
        pruefen(pfad)
    raise AssertionError


def _writes(flags: object) -> bool:
    """Whether a file is opened to be changed; to kill before it is only read is to kill after the last change."""
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR))

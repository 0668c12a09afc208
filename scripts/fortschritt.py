"""Progress of long work: one line that is written over in a terminal, now and then a line in a file."""

import sys
import time

_ABSTAND_S = 5.0
_zuletzt = -_ABSTAND_S


def show(text: str) -> None:
    """Show how far the work is."""
    global _zuletzt
    if sys.stdout.isatty():
        print(f"\r\033[K{text}", end="", flush=True)
    elif time.monotonic() - _zuletzt >= _ABSTAND_S:
        _zuletzt = time.monotonic()
        print(text, flush=True)

"""Let several requests wait at the same time, so that they are taken up as one group."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

from betreiber.ablesung.sammler import Sammler

T = TypeVar("T")


@contextmanager
def let_wait(sammler: Sammler[Any, Any], anzahl: int) -> Iterator[Callable[[int], None]]:
    """As if somebody led until `anzahl` orders wait; gives a function that waits until so many do."""

    def queued(so_viele: int) -> None:
        frist = time.monotonic() + 30
        while len(sammler._wartend) < so_viele:
            assert time.monotonic() < frist, "an order has not come"
            time.sleep(0.001)

    sammler._besetzt = True
    yield queued
    queued(anzahl)
    sammler._wartend[0].wake()


def at_once(sammler: Sammler[Any, Any], *aufrufe: Callable[[], T]) -> list[T]:
    """Call all of them, each in a thread; they wait together, in this order, before any of them goes on."""
    with ThreadPoolExecutor(len(aufrufe)) as pool:
        with let_wait(sammler, len(aufrufe)) as queued:
            offen = []
            for aufruf in aufrufe:
                offen.append(pool.submit(aufruf))
                queued(len(offen))
        return [einer.result() for einer in offen]

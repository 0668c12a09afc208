"""What the servers of the tests share: a port of this machine, a thread for each connection, an orderly end."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self


class Horcher:
    """Accepts connections until the end of the ``with`` block and gives each to `accepted`."""

    def __init__(self, pfad: str) -> None:
        self._horcher = socket.create_server(("127.0.0.1", 0))
        self._faeden = [threading.Thread(target=self._accept)]
        self._offen: list[socket.socket] = []
        self.url = f"https://localhost:{self._horcher.getsockname()[1]}{pfad}"

    def accepted(self, roh: socket.socket) -> None:
        raise NotImplementedError

    def run(self, ziel: Callable[..., None], *argumente: object) -> None:
        """Let a thread run that is waited for in the end."""
        faden = threading.Thread(target=ziel, args=argumente)
        self._faeden.append(faden)
        faden.start()

    def __enter__(self) -> Self:
        self._faeden[0].start()
        return self

    def __exit__(
        self, art: type[BaseException] | None, fehler: BaseException | None, spur: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):
            self._horcher.shutdown(socket.SHUT_RDWR)
        self._horcher.close()
        self._faeden[0].join()
        for sock in self._offen:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for faden in self._faeden[1:]:
            faden.join()
        for sock in self._offen:
            sock.close()

    def _accept(self) -> None:
        while True:
            try:
                roh, _ = self._horcher.accept()
            except OSError:
                return
            self.accepted(roh)

"""A TCP relay on loopback that counts what it passes on: an independent count of the bytes of a connection."""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType
from urllib.parse import urlsplit


class Relais:
    """Passes every connection on to the port of ``ziel``. ``hin`` and ``zurueck`` are bytes of TCP payload."""

    def __init__(self, ziel: str) -> None:
        teile = urlsplit(ziel)
        self._ziel = teile.port
        self._horcher = socket.create_server(("127.0.0.1", 0))
        self._faeden = [threading.Thread(target=self._accept)]
        self._offen: list[socket.socket] = []
        self.url = f"https://localhost:{self._horcher.getsockname()[1]}{teile.path}"
        self.hin = 0
        self.zurueck = 0

    def __enter__(self) -> Relais:
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
                vorn, _ = self._horcher.accept()
            except OSError:
                return
            hinten = socket.create_connection(("127.0.0.1", self._ziel))
            self._offen += [vorn, hinten]
            for von, nach, richtung in ((vorn, hinten, "hin"), (hinten, vorn, "zurueck")):
                faden = threading.Thread(target=self._pass_on, args=(von, nach, richtung))
                self._faeden.append(faden)
                faden.start()

    def _pass_on(self, von: socket.socket, nach: socket.socket, richtung: str) -> None:
        with contextlib.suppress(OSError):
            while stueck := von.recv(65536):
                setattr(self, richtung, getattr(self, richtung) + len(stueck))
                nach.sendall(stueck)
            nach.shutdown(socket.SHUT_WR)

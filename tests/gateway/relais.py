"""A TCP relay on loopback that counts what it passes on: an independent count of the bytes of a connection."""

from __future__ import annotations

import contextlib
import socket
from urllib.parse import urlsplit

from tests.gateway.horcher import Horcher


class Relais(Horcher):
    """Passes every connection on to the port of ``ziel``. ``hin`` and ``zurueck`` are bytes of TCP payload."""

    def __init__(self, ziel: str) -> None:
        teile = urlsplit(ziel)
        super().__init__(teile.path)
        self._ziel = teile.port
        self.hin = 0
        self.zurueck = 0

    def accepted(self, roh: socket.socket) -> None:
        hinten = socket.create_connection(("127.0.0.1", self._ziel))
        self._offen += [roh, hinten]
        self.run(self._pass_on, roh, hinten, "hin")
        self.run(self._pass_on, hinten, roh, "zurueck")

    def _pass_on(self, von: socket.socket, nach: socket.socket, richtung: str) -> None:
        with contextlib.suppress(OSError):
            while stueck := von.recv(65536):
                setattr(self, richtung, getattr(self, richtung) + len(stueck))
                nach.sendall(stueck)
            nach.shutdown(socket.SHUT_WR)

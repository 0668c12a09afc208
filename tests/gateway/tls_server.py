"""A small TLS server on loopback: answers each request with bytes or by a function, and notes what it read."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.gateway.betreiber_fake import FakeBetreiber, make_key, pem
from tests.gateway.horcher import Horcher


def write_key(datei: Path, schluessel: ec.EllipticCurvePrivateKey) -> Path:
    datei.write_bytes(
        schluessel.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return datei


def server_context(pfad: Path, betreiber: FakeBetreiber, **zertifikat: object) -> ssl.SSLContext:
    """A server certificate of the fake operator, written to ``pfad``, in a context with TLS 1.3."""
    schluessel = make_key()
    leaf = betreiber.issue("server", schluessel.public_key(), server=True, **zertifikat)
    (pfad / "server.pem").write_bytes(pem(leaf) + pem(betreiber.ca))
    kontext = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    kontext.minimum_version = ssl.TLSVersion.TLSv1_3
    kontext.load_cert_chain(pfad / "server.pem", write_key(pfad / "server.key", schluessel))
    return kontext


def http(status: str, body: bytes = b"", *kopf: str, laenge: int | None = None) -> bytes:
    zeilen = [f"HTTP/1.1 {status}", *kopf, f"Content-Length: {len(body) if laenge is None else laenge}", "", ""]
    return "\r\n".join(zeilen).encode() + body


class TlsServer(Horcher):
    """Serves in threads of its own until the end of the ``with`` block."""

    def __init__(
        self, kontext: ssl.SSLContext, antwort: bytes | Callable[[bytes], bytes], *, close: bool = False
    ) -> None:
        super().__init__("/geraete/v1/telegramme")
        self._kontext = kontext
        self._antwort = antwort
        self._close = close
        self.gelesen = b""
        self.anfragen: list[bytes] = []
        self.verbindungen = 0
        self.client_zertifikate: list[bytes | None] = []

    def accepted(self, roh: socket.socket) -> None:
        self.verbindungen += 1
        self.run(self._serve, roh)

    def _serve(self, roh: socket.socket) -> None:
        with roh, contextlib.suppress(OSError), self._kontext.wrap_socket(roh, server_side=True) as tls:
            self._offen.append(tls)
            self.client_zertifikate.append(tls.getpeercert(binary_form=True))
            while anfrage := self._read_request(tls):
                self.anfragen.append(anfrage)
                tls.sendall(self._antwort(anfrage) if callable(self._antwort) else self._antwort)
                if self._close:
                    return

    def _read_request(self, tls: ssl.SSLSocket) -> bytes:
        """One request with its body; every byte of application data is noted in ``gelesen``."""
        daten = b""
        while True:
            kopf, trenner, body = daten.partition(b"\r\n\r\n")
            if trenner:
                laenge = sum(
                    int(zeile.split(b":")[1])
                    for zeile in kopf.split(b"\r\n")
                    if zeile.lower().startswith(b"content-length:")
                )
                if len(body) >= laenge:
                    return daten
            stueck = tls.recv(65536)
            if not stueck:
                return b""
            self.gelesen += stueck
            daten += stueck

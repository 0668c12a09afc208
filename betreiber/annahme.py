"""The worker of a listener: many connections may wait for bytes, few requests are worked on at once.

gunicorn gives a connection one of its threads from the first byte on, so a handful of slow clients would hold them
all. Here many threads receive; a request goes to the app only when it is there as a whole, and the app has as many
places as `MSB_THREADS` says. Who takes too long is cut off.

The one exception are bodies larger than most may be: the app sees the head first, who sends it and whether it may
be so large. Such a body is received when the app asks for it, without a place meanwhile, and not into memory.
"""

import contextlib
import gc
import math
import socket
import ssl
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from io import BytesIO
from tempfile import SpooledTemporaryFile
from typing import IO, Any

import structlog
from flask import Flask, Response
from gunicorn.http.errors import (
    ForbiddenProxyRequest,
    InvalidRequestLine,
    LimitRequestHeaders,
    LimitRequestLine,
    ParseException,
)
from gunicorn.workers.gthread import ThreadWorker
from werkzeug.exceptions import ClientDisconnected

from betreiber.errors import NichtVerfuegbar
from betreiber.extensions import refusal
from betreiber.geraete import refuse_overload, refuse_unreadable

# Threads of a worker that wait for bytes. They cost little; those that work are MSB_THREADS.
EMPFAENGER = 256
ABSCHIED_HOECHSTENS_S = 2
# Of a large body so much is in memory at a time.
STUECK_BYTES = 64 * 1024
# All large bodies of a process together: what takes more is told to come back. Of slow ones counts what has come.
NACHSENDUNGEN_HOECHSTENS_BYTES = 64 * 1024 * 1024
# What is on its way when the operator stops; gunicorn kills what is left after 15 s.
STOPP_HOECHSTENS_S = 10
_STATUS: dict[type[Exception], int] = {LimitRequestLine: 414, LimitRequestHeaders: 431, ForbiddenProxyRequest: 403}
log = structlog.get_logger()


class Annahme(ThreadWorker):
    """Receives, then lets the app work, then sends; each with its own limit."""

    # From the handshake to the last byte of a request: 64 KiB take half a minute on a narrow line to a meter.
    empfang_hoechstens_s: float = 60
    # A file of 5 MB, and a year of quarter hours, which are as much: a slow line needs minutes for them.
    nachsendung_hoechstens_s: float = 300
    abgabe_hoechstens_s: float = 300
    wsgi: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._plaetze = threading.BoundedSemaphore(self.cfg.threads)
        # By thread: the connection that it serves, and until when it may wait for the other side.
        self._fristen: dict[int, tuple[float, Any]] = {}
        self._schluss = math.inf
        self._ablage = Ablage(NACHSENDUNGEN_HOECHSTENS_BYTES)

    def get_thread_pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(max_workers=EMPFAENGER)

    def load_wsgi(self) -> None:
        super().load_wsgi()
        # What is there from the begin stays: to look at it again costs a large answer a third of its time.
        gc.collect()
        gc.freeze()
        self.flask: Flask = self.wsgi
        hoechstens = self.flask.config["MAX_CONTENT_LENGTH"]

        def bounded(environ: dict[str, Any], start_response: Any) -> Any:
            _receive(environ, hoechstens)
            _, verbindung = self._fristen.pop(threading.get_ident())
            if int(environ.get("CONTENT_LENGTH") or 0) <= hoechstens:
                antwort = self.work(environ, start_response)
            else:
                nachsendung = _Nachsendung(environ, lambda: self._without_place(verbindung), self._ablage)
                with contextlib.closing(nachsendung) as environ["wsgi.input"]:
                    antwort = self.work(environ, start_response)
            self._limit(verbindung, self.abgabe_hoechstens_s)
            return antwort

        self.wsgi = bounded

    def work(self, environ: dict[str, Any], start_response: Any) -> Any:
        """Let the app answer a request that is there as a whole, once there is a place."""
        with self._plaetze:
            return self.flask(environ, start_response)

    def handle(self, conn: Any) -> Any:
        self._limit(conn, self.empfang_hoechstens_s)
        try:
            ergebnis = super().handle(conn)
        finally:
            self._fristen.pop(threading.get_ident(), None)
        if ergebnis is False:
            _part(conn.sock)
        return ergebnis

    def notify(self) -> None:
        """gunicorn's main loop calls this every second."""
        super().notify()
        jetzt = time.monotonic()
        if not self.alive:
            self._schluss = min(self._schluss, jetzt + STOPP_HOECHSTENS_S)
        for frist, verbindung in list(self._fristen.values()):
            if jetzt > min(frist, self._schluss):
                # Whoever waits for this connection sees its end. SSLSocket's own shutdown would take its TLS away.
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(verbindung.sock, socket.SHUT_RDWR)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """Answer what is no HTTP; gunicorn would quote it in the log, and in a page of its own."""
        structlog.contextvars.clear_contextvars()
        if isinstance(exc, ssl.SSLError):
            log.warning("tls_refused", grund=exc.reason)
            return
        kennung = uuid.uuid4().hex
        structlog.contextvars.bind_contextvars(request_id=kennung)
        if isinstance(exc, ParseException):
            status = _STATUS.get(type(exc), 400)
            log.warning("request_unreadable", fehler=type(exc).__name__, status=status)
        else:
            status = 500
            log.error("unexpected_error", exc_info=exc)
        antwort = self.refuse_unreadable(status, exc)
        antwort.headers |= {"Connection": "close", "X-Request-ID": kennung}
        kopf = "".join(f"{name}: {wert}\r\n" for name, wert in antwort.headers)
        with contextlib.suppress(OSError):
            client.sendall(f"HTTP/1.1 {antwort.status}\r\n{kopf}\r\n".encode("latin-1") + antwort.get_data())

    def refuse_unreadable(self, status: int, exc: Exception) -> Response:
        raise NotImplementedError

    @contextlib.contextmanager
    def _without_place(self, verbindung: Any) -> Iterator[None]:
        """Wait for the other side in the midst of a request, while others are worked on."""
        self._plaetze.release()
        self._limit(verbindung, self.nachsendung_hoechstens_s)
        try:
            yield
        finally:
            self._fristen.pop(threading.get_ident())
            self._plaetze.acquire()

    def _limit(self, verbindung: Any, hoechstens_s: float) -> None:
        self._fristen[threading.get_ident()] = (time.monotonic() + hoechstens_s, verbindung)


class OeffentlicheAnnahme(Annahme):
    """Refuses as the API does."""

    def refuse_unreadable(self, status: int, exc: Exception) -> Response:
        detail = None
        if isinstance(exc, InvalidRequestLine):
            detail = "Die Adresse ist nicht lesbar. Umlaute und Leerzeichen müssen kodiert sein, ü als %C3%BC."
        return refusal(status, detail)


class GeraeteAnnahme(Annahme):
    """Refuses with a code only, as the device listeners do."""

    def load_wsgi(self) -> None:
        super().load_wsgi()
        wartend = self.flask.extensions["msb_settings"].geraete_wartend
        self._einlass = threading.BoundedSemaphore(self.cfg.threads + wartend)

    def work(self, environ: dict[str, Any], start_response: Any) -> Any:
        """Whoever finds the places taken and the queue full is told so at once: nothing has been looked at."""
        if not self._einlass.acquire(blocking=False):
            return refuse_overload()(environ, start_response)
        try:
            return super().work(environ, start_response)
        finally:
            self._einlass.release()

    def refuse_unreadable(self, status: int, exc: Exception) -> Response:
        return refuse_unreadable(status)


def _part(verbindung: socket.socket) -> None:
    """Wait a moment until the other side has read the answer and closes.

    gunicorn does so in its main loop, where one client that does not close would hold up all others. It still
    does, but finds nothing left to wait for.
    """
    frist = time.monotonic() + ABSCHIED_HOECHSTENS_S
    with contextlib.suppress(OSError):
        socket.socket.shutdown(verbindung, socket.SHUT_WR)
        while (rest := frist - time.monotonic()) > 0:
            verbindung.settimeout(rest)
            if not socket.socket.recv(verbindung, 4096):
                break
    with contextlib.suppress(OSError):
        socket.socket.shutdown(verbindung, socket.SHUT_RDWR)


class Ablage:
    """How many bytes of large bodies may lie on the disk at a time: it is not filled by many at once."""

    def __init__(self, hoechstens: int) -> None:
        self._frei = hoechstens
        self._schloss = threading.Lock()

    def take(self, anzahl: int) -> None:
        """Raises NichtVerfuegbar where there is no room for so many more."""
        with self._schloss:
            if anzahl > self._frei:
                log.warning("uploads_full")
                raise NichtVerfuegbar("Gerade kommen zu viele Dateien an. Bitte gleich noch einmal.", nach_s=10)
            self._frei -= anzahl

    def give_back(self, anzahl: int) -> None:
        with self._schloss:
            self._frei += anzahl


class _Nachsendung:
    """A large body, received when the app first reads of it. `warten` is entered for that time."""

    def __init__(
        self, environ: dict[str, Any], warten: Callable[[], AbstractContextManager[None]], ablage: Ablage
    ) -> None:
        self._strom, self._laenge = environ["wsgi.input"], int(environ["CONTENT_LENGTH"])
        self._warten, self._ablage, self._belegt = warten, ablage, 0
        self._datei: IO[bytes] | None = None

    def read(self, hoechstens: int = -1) -> bytes:
        """Raises ClientDisconnected when not all of it comes, NichtVerfuegbar when too much comes at once."""
        if self._datei is None:
            with self._warten():
                self._datei = self._spool(self._laenge)
        return self._datei.read(hoechstens)

    def close(self) -> None:
        if self._datei is not None:
            self._datei.close()
        self._ablage.give_back(self._belegt)

    def _spool(self, laenge: int) -> IO[bytes]:
        """So many bytes in a temporary file."""
        datei = SpooledTemporaryFile(STUECK_BYTES)
        try:
            while laenge > 0:
                stueck = _read(self._strom, min(STUECK_BYTES, laenge))
                self._ablage.take(len(stueck))
                self._belegt += len(stueck)
                laenge -= len(stueck)
                datei.write(stueck)
        except BaseException:
            datei.close()
            raise
        datei.seek(0)
        return datei


def _read(strom: Any, hoechstens: int) -> bytes:
    try:
        stueck: bytes = strom.read(hoechstens)
    except OSError as error:
        raise ClientDisconnected from error
    if not stueck:
        raise ClientDisconnected
    return stueck


def _receive(environ: dict[str, Any], hoechstens: int) -> None:
    """Take the body in, so that the app never waits for a client. One that is larger than most stays where it is.

    Raises ParseException for chunks that are none.
    """
    if environ.get("HTTP_TRANSFER_ENCODING"):
        koerper = environ["wsgi.input"].read(hoechstens + 1)
        if len(koerper) > hoechstens:
            # werkzeug would cut a chunked body at the limit and hand on the rest. No route takes as much as this.
            del environ["HTTP_TRANSFER_ENCODING"]
            environ["CONTENT_LENGTH"] = str(sys.maxsize)
    elif 0 < int(environ.get("CONTENT_LENGTH") or 0) <= hoechstens:
        koerper = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    else:
        return
    environ["wsgi.input"] = BytesIO(koerper)

"""What the two device listeners share: reading a body, naming the meter, refusals that say a code only."""

import hashlib
import json
import time
import uuid
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any

import structlog
from flask import Flask, Response, current_app, request
from sqlalchemy.exc import IntegrityError
from werkzeug.exceptions import HTTPException

from betreiber import metrik
from betreiber.auth.domain import Akteur, Umfang
from betreiber.errors import BetreiberError, GeraeteFehler
from betreiber.extensions import DATENBANKFEHLER, database_fault
from telegramm.fehler import (
    AlgorithmusUnzulaessig,
    CmsUngueltig,
    EntschluesselungGescheitert,
    SignaturUngueltig,
    TelegrammFehler,
)

log = structlog.get_logger()
KOERPER_HOECHSTENS = 64 * 1024
# Meters add jitter of their own, so that they do not come back together.
RETRY_AFTER_S = "30"
# Where tests put a client certificate; from a network nobody can set it, headers arrive as HTTP_*.
ZERTIFIKAT_SCHLUESSEL = "msb.client_certificate"
# Headers that no meter sends with a Telegramm: what they mean is the framework's business.
_UNUEBLICH = frozenset(
    {"HTTP_AUTHORIZATION", "HTTP_CONTENT_ENCODING", "HTTP_TRANSFER_ENCODING", "HTTP_X_REQUEST_ID"}
)
_STATUS: dict[type[TelegrammFehler], int] = {
    CmsUngueltig: 400,
    AlgorithmusUnzulaessig: 400,
    EntschluesselungGescheitert: 400,
    SignaturUngueltig: 401,
}


def init_geraete(app: Flask) -> None:
    """Error handlers of a device listener."""
    app.config["MAX_CONTENT_LENGTH"] = KOERPER_HOECHSTENS
    app.before_request(_refuse_tokens)
    app.register_error_handler(TelegrammFehler, _answer_telegramm)
    app.register_error_handler(BetreiberError, _answer_error)
    app.register_error_handler(HTTPException, _answer_http)
    # A violated constraint is a race that was lost: tried again, the request finds what the other one wrote.
    for art in (*DATENBANKFEHLER, IntegrityError):
        app.register_error_handler(art, _answer_database)
    app.register_error_handler(Exception, _answer_unknown)


def read_body(medientyp: str) -> bytes:
    """The body of a request. Raises GeraeteFehler: no length (411), too long (413), another type (415)."""
    if request.content_length is None:
        raise GeraeteFehler(411, "laenge")
    if request.content_length > KOERPER_HOECHSTENS:
        raise GeraeteFehler(413, "zu_gross")
    if request.mimetype != medientyp or "Content-Encoding" in request.headers:
        raise GeraeteFehler(415, "medientyp")
    koerper = request.get_data(cache=False)
    if len(koerper) != request.content_length:
        raise GeraeteFehler(411, "laenge")
    return koerper


def current_geraet(zaehlernummer: str) -> Akteur:
    """The meter as the one who acts."""
    jetzt = current_app.extensions["msb_uhr"].now()
    return Akteur(name=f"stromzaehler:{zaehlernummer}", zeitpunkt=jetzt, umfang=Umfang.EIGENE)


def client_fingerprint() -> bytes:
    """SHA-256 of the TLS client certificate of this connection; the listener lets nobody in without one."""
    return _fingerprint(request.environ)


def _fingerprint(environ: dict[str, Any]) -> bytes:
    der = environ.get(ZERTIFIKAT_SCHLUESSEL)
    if der is None:
        der = environ["gunicorn.socket"].getpeercert(True)
    return hashlib.sha256(der).digest()


class Direktweg:
    """WSGI: answers the one request that a fleet sends all day, without the framework around the app.

    The framework and its log cost as much as a message's cryptography. Here is only what every good request has in
    common; whatever is unusual about one goes the long way, and so does every refusal, so that there is one place
    that answers, counts and logs them. Requests that went well are counted and not logged.
    """

    def __init__(self, app: Flask, pfad: str, medientyp: str, antworten: Callable[[bytes, bytes], bytes]) -> None:
        """`antworten` makes the answer of a body and the SHA-256 of the client certificate."""
        self._app = app
        self._langer_weg = app.wsgi_app
        self._pfad = pfad
        self._medientyp = medientyp
        self._antworten = antworten
        self._anfragen = metrik.ANFRAGEN.labels("POST", pfad, 200)
        self._antwortzeit = metrik.ANTWORTZEIT.labels(pfad)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        beginn = time.perf_counter()
        koerper = self._read_body(environ)
        if koerper is None:
            return self._langer_weg(environ, start_response)
        try:
            antwort = self._antworten(koerper, _fingerprint(environ))
        except Exception as error:  # The handlers of the app know what to answer.
            return self._refuse(error, environ)(environ, start_response)
        kopf = [
            ("Content-Type", self._medientyp),
            ("Content-Length", str(len(antwort))),
            ("X-Request-ID", uuid.uuid4().hex),
        ]
        start_response("200 OK", kopf)
        self._anfragen.inc()
        self._antwortzeit.observe(time.perf_counter() - beginn)
        return [antwort]

    def _read_body(self, environ: dict[str, Any]) -> bytes | None:
        """The body of an ordinary request; None for every other one, which is left as it was."""
        laenge = environ.get("CONTENT_LENGTH", "")
        if (
            environ["PATH_INFO"] != self._pfad
            or environ["REQUEST_METHOD"] != "POST"
            or environ.get("CONTENT_TYPE") != self._medientyp
            or not (laenge.isascii() and laenge.isdigit() and int(laenge) <= KOERPER_HOECHSTENS)
            or not _UNUEBLICH.isdisjoint(environ)
        ):
            return None
        koerper: bytes = environ["wsgi.input"].read(int(laenge))
        if len(koerper) == int(laenge):
            return koerper
        environ["wsgi.input"] = BytesIO(koerper)
        return None

    def _refuse(self, error: Exception, environ: dict[str, Any]) -> Response:
        with self._app.request_context(environ):
            self._app.preprocess_request()
            return self._app.finalize_request(self._app.handle_user_exception(error))


def _refuse(status: int, code: str, headers: dict[str, str] | None = None, **mehr: str) -> Response:
    metrik.ABWEISUNGEN.labels(code).inc()
    inhalt = json.dumps({"type": "about:blank", "status": status, "code": code} | mehr)
    return Response(inhalt, status, headers=headers, mimetype="application/problem+json")


def refuse_unreadable(status: int) -> Response:
    """The answer to what no app has seen: it was no HTTP, or, with 500, a bug."""
    return _refuse(500, "interner_fehler") if status == 500 else _refuse(400, "anfrage")


def refuse_overload() -> Response:
    """The answer to a request for which there is no room; it has not been looked at."""
    return _refuse(503, "ueberlastet", {"Retry-After": RETRY_AFTER_S})


def _refuse_tokens() -> None:
    # Here a key says who asks. Somebody with a token is at the wrong door, whatever else is in the request.
    if "Authorization" in request.headers:
        raise GeraeteFehler(401, "unbekannt")


def _answer_telegramm(error: TelegrammFehler) -> Response:
    return _refuse(_STATUS.get(type(error), 422), error.code)


def _answer_error(error: BetreiberError) -> Response:
    mehr = {"zustand": error.zustand} if isinstance(error, GeraeteFehler) and error.zustand else {}
    return _refuse(error.status, error.code, error.headers, **mehr)


def _answer_database(error: Exception) -> Response:
    # The meter keeps its readings and comes again.
    log.error("database_unavailable", fehler=database_fault(error))
    return _refuse(503, "nicht_verfuegbar", {"Retry-After": RETRY_AFTER_S})


def _answer_unknown(_error: Exception) -> Response:
    log.exception("unexpected_error")
    return _refuse(500, "interner_fehler")


def _answer_http(error: HTTPException) -> Response:
    codes = {404: "pfad", 405: "methode", 413: "zu_gross"}
    return _refuse(error.code or 500, codes.get(error.code or 500, "anfrage"))

"""Structured logs: one JSON object a line, with a request id, without personal data, tokens or keys."""

import logging
import re
import sys
import time
import traceback
import uuid
from pathlib import Path
from types import TracebackType

import structlog
from flask import Flask, Response, g, request

from betreiber import metrik

# Any other method is one name in logs and metrics: a client could make up as many as it likes.
_METHODEN = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
_REQUEST_ID = re.compile(r"[A-Za-z0-9\-]{8,64}")
log = structlog.get_logger()


def init_logging(log_format: str) -> None:
    """Send everything, the standard library's logs too, to standard error as JSON (or as text for people).

    JSON names an exception by its class and its place only: its text may quote a row or what a client sent.
    """
    als_json = log_format == "json"
    vorher: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.ExceptionRenderer(describe_error)
        if als_json
        else structlog.processors.format_exc_info,
    ]
    zeichner = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if als_json
        else structlog.dev.ConsoleRenderer(colors=False)
    )
    structlog.configure(
        processors=[*vorher, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processor=zeichner, foreign_pre_chain=vorher))
    wurzel = logging.getLogger()
    wurzel.handlers = [handler]
    wurzel.setLevel(logging.INFO)
    # It tells of every look at the state of the schema.
    logging.getLogger("alembic").setLevel(logging.WARNING)


def describe_error(exc_info: tuple[type[BaseException], BaseException, TracebackType | None]) -> str:
    """Classes and places of an exception and of its causes, the innermost place first."""
    error: BaseException | None = exc_info[1]
    teile = []
    while error is not None:
        rahmen = reversed(traceback.extract_tb(error.__traceback__))
        orte = " < ".join(f"{Path(ort.filename).name}:{ort.lineno} {ort.name}" for ort in rahmen)
        teile.append(f"{type(error).__qualname__} at {orte or 'no place'}")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "; caused by ".join(teile)


def init_request_log(app: Flask) -> None:
    """Give each request an id (a client's own is kept) and log one line when it is answered."""

    @app.before_request
    def _begin() -> None:
        eigene = request.headers.get("X-Request-ID", "")
        g.msb_request_id = eigene if _REQUEST_ID.fullmatch(eigene) else uuid.uuid4().hex
        g.msb_beginn = time.perf_counter()
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=g.msb_request_id)

    @app.after_request
    def _end(antwort: Response) -> Response:
        if "msb_beginn" not in g:
            return antwort
        # The rule, not the path: ids of customers do not belong into logs and metrics.
        route = request.url_rule.rule if request.url_rule else "unbekannt"
        dauer_s = time.perf_counter() - g.msb_beginn
        antwort.headers["X-Request-ID"] = g.msb_request_id
        methode = request.method if request.method in _METHODEN else "andere"
        metrik.ANFRAGEN.labels(methode, route, antwort.status_code).inc()
        metrik.ANTWORTZEIT.labels(route).observe(dauer_s)
        log.info("request", method=methode, route=route, status=antwort.status_code, ms=round(dauer_s * 1e3, 1))
        return antwort

"""Structured logs: one JSON object a line, with a request id, without personal data, tokens or keys."""

import logging
import re
import sys
import time
import uuid

import structlog
from flask import Flask, Response, g, request

from betreiber import metrik

_REQUEST_ID = re.compile(r"[A-Za-z0-9\-]{8,64}")
log = structlog.get_logger()


def init_logging(log_format: str) -> None:
    """Send everything, the standard library's logs too, to standard error as JSON (or as text for people)."""
    vorher: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    zeichner = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if log_format == "json"
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
        metrik.ANFRAGEN.labels(request.method, route, antwort.status_code).inc()
        metrik.ANTWORTZEIT.labels(route).observe(dauer_s)
        log.info(
            "request", method=request.method, route=route, status=antwort.status_code, ms=round(dauer_s * 1e3, 1)
        )
        return antwort

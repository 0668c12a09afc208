"""One listener as a gunicorn server with threads: the public one, the one for devices, the one for enrolment."""

import resource
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog
from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger
from prometheus_client import multiprocess

from betreiber.annahme import GeraeteAnnahme, OeffentlicheAnnahme
from betreiber.app import Lauscher, create_app, create_geraete_app
from betreiber.schluessel.ablage import ca_files, server_files
from betreiber.settings import Settings

# A handshake costs four times a request: a meter with a backlog, or a fleet on a fast clock, keeps its connection.
KEEPALIVE_GERAETE_S = 20
# Idle connections cost a few kilobytes each, but at gunicorn's default of 1000 meters would wait for each other:
# 333 meters a second, each kept for 20 s, are 6,660.
VERBINDUNGEN_GERAETE = 10_000
KEEPALIVE_OEFFENTLICH_S = 5
ANTWORT_HOECHSTENS_S = 60


class _Protokoll(Logger):
    """Hands gunicorn's log to the logging of the operator."""

    def setup(self, cfg: Any) -> None:
        self.error_log.handlers = []
        self.error_log.propagate = True


class _Server(BaseApplication):
    def __init__(self, optionen: dict[str, Any], laden: Callable[[], Flask]) -> None:
        self._optionen = optionen
        self._laden = laden
        super().__init__()

    def load_config(self) -> None:
        for name, wert in self._optionen.items():
            self.cfg.set(name, wert)

    def load(self) -> Flask:
        return self._laden()


def run_listener(lauscher: Lauscher, settings: Settings) -> None:
    """Serve one listener in this process and its workers until SIGTERM or SIGINT."""
    serve(
        lauscher,
        settings,
        (lambda: create_app(settings))
        if lauscher is Lauscher.OEFFENTLICH
        else (lambda: create_geraete_app(settings, lauscher)),
    )


def serve(lauscher: Lauscher, settings: Settings, laden: Callable[[], Flask]) -> None:
    """Serve an app as that listener; `laden` makes it, in each worker."""
    optionen = {
        "proc_name": f"betreiber-{lauscher}",
        "worker_class": OeffentlicheAnnahme if lauscher is Lauscher.OEFFENTLICH else GeraeteAnnahme,
        "timeout": ANTWORT_HOECHSTENS_S,
        "graceful_timeout": 15,
        "control_socket_disable": True,
        "logger_class": _Protokoll,
        "child_exit": _forget_worker,
        # What a proxy says is read by the app. gunicorn would let it set PATH_INFO and SCRIPT_NAME, too.
        "forwarded_allow_ips": "",
        **_options(lauscher, settings),
    }
    structlog.contextvars.bind_contextvars(lauscher=str(lauscher))
    _allow_open_files()
    _Server(optionen, laden).run()


def _allow_open_files() -> None:
    """As many descriptors as this process may have: each connection is one, and the soft limit is often 1024."""
    _, hoechstens = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hoechstens, hoechstens))


def device_context(pki: Path, *, client_certificate: bool) -> ssl.SSLContext:
    """TLS 1.3 only; with `client_certificate` nobody comes in without a certificate of ours."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    # A meter keeps its connection and never resumes one: tickets are kilobytes over a narrow line for nothing.
    context.num_tickets = 0
    context.load_cert_chain(*server_files(pki))
    if client_certificate:
        context.verify_mode = ssl.CERT_REQUIRED
        for datei in (pki / "wurzel.crt", *ca_files(pki)):
            context.load_verify_locations(datei)
    return context


def _options(lauscher: Lauscher, settings: Settings) -> dict[str, Any]:
    if lauscher is Lauscher.OEFFENTLICH:
        optionen: dict[str, Any] = {
            "bind": f"{settings.host}:{settings.port}",
            "workers": settings.prozesse,
            "threads": settings.threads,
            "keepalive": KEEPALIVE_OEFFENTLICH_S,
        }
        if settings.tls_zertifikat:
            optionen |= {
                "certfile": settings.tls_zertifikat,
                "keyfile": settings.tls_schluessel,
                "ssl_context": _once(_public_context),
            }
        return optionen
    geraete = lauscher is Lauscher.GERAETE
    return {
        "bind": f"{settings.geraete_host}:{settings.geraete_port if geraete else settings.einschreibung_port}",
        "workers": settings.geraete_prozesse if geraete else 1,
        "threads": settings.geraete_gleichzeitig if geraete else settings.threads,
        "keepalive": KEEPALIVE_GERAETE_S,
        "worker_connections": VERBINDUNGEN_GERAETE,
        # It makes gunicorn speak TLS; which files those are is the context's business.
        "certfile": str(settings.pki_ordner / "wurzel.crt"),
        "ssl_context": _once(lambda *_: device_context(settings.pki_ordner, client_certificate=geraete)),
    }


def _public_context(config: Any, standard: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
    context = standard()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _once(machen: Callable[[Any, Any], ssl.SSLContext]) -> Callable[[Any, Any], ssl.SSLContext]:
    """gunicorn asks for the context at every connection: it is made once in each worker."""
    contexts: list[ssl.SSLContext] = []

    def context(config: Any, standard: Any) -> ssl.SSLContext:
        if not contexts:
            contexts.append(machen(config, standard))
        return contexts[0]

    return context


def _forget_worker(_server: Any, worker: Any) -> None:
    multiprocess.mark_process_dead(worker.pid)

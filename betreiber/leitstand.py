"""`betreiber start`: one command that runs every process of the operator, watches them, and stops them cleanly."""

import ctypes
import fcntl
import math
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import structlog
from prometheus_client import CollectorRegistry, generate_latest, multiprocess
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import ThreadingWSGIServer
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from betreiber.app import Lauscher, development_secret
from betreiber.schluessel.ablage import load_ausgabestelle, load_betreiberschluessel
from betreiber.schluessel.domain import ERNEUERUNG_AB, PkiFehler
from betreiber.schluessel.pki import create_pki, list_certificates
from betreiber.schluessel.service import list_ends
from betreiber.server import device_context
from betreiber.settings import Settings
from db import schema
from db.session import create_engine, create_session

log = structlog.get_logger()
JOBS = "jobs"
HALT_S = 20
ZAEHLUNG_S = 600
# A process that lives shorter than this did not start; three times in a row is a reason to give up.
ANLAUF_S = 5.0
ANLAEUFE = 3
PR_SET_PDEATHSIG = 1
NUMMER_DATEI = "betreiber.pid"


class StartUnmoeglich(Exception):
    """The operator cannot start; the text says what to do."""


class LaeuftNicht(Exception):
    """No operator runs in this data folder."""


@dataclass
class _Prozess:
    name: str
    adresse: tuple[str, int] | None
    popen: subprocess.Popen[bytes] | None = None
    gestartet: float = 0.0
    anlaeufe: int = 0
    neustart_ab: float = 0.0
    neu_laden: bool = False


@dataclass
class _Leitstand:
    settings: Settings
    prozesse: list[_Prozess]
    umgebung: dict[str, str]
    halt: threading.Event = field(default_factory=threading.Event)
    neu_laden: threading.Event = field(default_factory=threading.Event)

    def alive(self) -> bool:
        """Whether every process runs."""
        return all(prozess.popen is not None and prozess.popen.poll() is None for prozess in self.prozesse)

    def watch(self) -> None:
        """Start what is not running, until told to halt. Raises StartUnmoeglich when a process never comes up."""
        while not self.halt.is_set():
            for prozess in self.prozesse:
                self._keep_running(prozess)
            if self.neu_laden.is_set():
                self.neu_laden.clear()
                log.info("reload")
                for prozess in self.prozesse:
                    prozess.neu_laden = prozess.adresse is not None
            self._reload()
            self.halt.wait(0.2)

    def _reload(self) -> None:
        """Let listeners begin new workers, which read keys and certificates, and end the old ones.

        One that is still starting hears of it later: before it listens for SIGHUP, that would end it.
        """
        for prozess in self.prozesse:
            if prozess.neu_laden and prozess.popen is not None and _catches(prozess.popen.pid, signal.SIGHUP):
                prozess.popen.send_signal(signal.SIGHUP)  # gunicorn's word for it
                prozess.neu_laden = False

    def _keep_running(self, prozess: _Prozess) -> None:
        if prozess.popen is not None:
            if prozess.popen.poll() is None:
                return
            log.error("process_ended", prozess=prozess.name, code=prozess.popen.returncode)
            kurz = time.monotonic() - prozess.gestartet < ANLAUF_S
            prozess.anlaeufe = prozess.anlaeufe + 1 if kurz else 0
            prozess.popen = None
            if prozess.anlaeufe >= ANLAEUFE:
                raise StartUnmoeglich(f"the process {prozess.name} does not start; the log above says why")
            prozess.neustart_ab = time.monotonic() + prozess.anlaeufe
        if time.monotonic() >= prozess.neustart_ab:
            prozess.gestartet = time.monotonic()
            # A session of its own: Ctrl-C reaches this process only, which then stops the others in order.
            prozess.popen = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [sys.executable, "-m", "betreiber.cli", "prozess", prozess.name, str(os.getpid())],
                env=self.umgebung,
                start_new_session=True,
                stdin=subprocess.DEVNULL,
            )

    def stop(self) -> None:
        """Ask every process to end, and insist after a while."""
        laufende = [prozess.popen for prozess in self.prozesse if prozess.popen is not None]
        for popen in laufende:
            if popen.poll() is None:
                popen.terminate()
        frist = time.monotonic() + HALT_S
        for popen in laufende:
            try:
                popen.wait(max(0.1, frist - time.monotonic()))
            except subprocess.TimeoutExpired:
                os.killpg(popen.pid, signal.SIGKILL)
                popen.wait()


def start(settings: Settings, melden: Callable[[str], None]) -> None:
    """Run the operator until SIGTERM or SIGINT. `melden` gets the lines that a person should see.

    Raises StartUnmoeglich.
    """
    settings.daten.mkdir(parents=True, exist_ok=True)
    # From the next line on it may be told to read its keys anew: before it has read any, it need not.
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    with hold_data_folder(settings.daten):
        _run(settings, melden)


def reload(settings: Settings) -> None:
    """Let the operator that runs in this data folder read its keys anew.

    They are read here first: a process that cannot read them would end. Raises PkiFehler, LaeuftNicht.
    """
    load_betreiberschluessel(settings.pki_ordner)
    if settings.einschreibung_aktiv:
        load_ausgabestelle(settings.pki_ordner)
    device_context(settings.pki_ordner, client_certificate=True)
    fort = LaeuftNicht(f"In {settings.daten} läuft kein Betreiber; beim Start liest er seine Schlüssel.")
    try:
        with (settings.daten / NUMMER_DATEI).open(encoding="ascii") as datei:
            with suppress(BlockingIOError):
                fcntl.flock(datei, fcntl.LOCK_SH | fcntl.LOCK_NB)
                raise fort
            # Read last: before the lock it may be the number of one that has ended.
            nummer = int(datei.read() or 0)
    except FileNotFoundError:
        raise fort from None
    if nummer == 0:
        raise fort  # It has begun this very moment. To the kernel, 0 would mean ourselves.
    os.kill(nummer, signal.SIGUSR1)


@contextmanager
def hold_data_folder(daten: Path) -> Iterator[None]:
    """Be the only one who works in this folder, by a lock that ends with the process. Raises StartUnmoeglich."""
    datei = daten / NUMMER_DATEI
    with datei.open("a+", encoding="ascii") as nummer:
        try:
            fcntl.flock(nummer, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StartUnmoeglich(f"an operator runs in {datei.parent} already; stop it first") from error
        nummer.truncate(0)
        nummer.write(str(os.getpid()))
        nummer.flush()
        yield


def _run(settings: Settings, melden: Callable[[str], None]) -> None:
    prepare(settings)
    metrik_ordner = settings.daten / "metrik"
    shutil.rmtree(metrik_ordner, ignore_errors=True)
    metrik_ordner.mkdir(parents=True)
    leitstand = _Leitstand(
        settings,
        list(_processes(settings)),
        os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(metrik_ordner.absolute())},
    )
    _check_ports(settings, leitstand.prozesse)
    for nummer in (signal.SIGTERM, signal.SIGINT):
        signal.signal(nummer, lambda *_: leitstand.halt.set())
    # Not SIGHUP: a terminal that is closed sends that, and then the operator is to end.
    signal.signal(signal.SIGUSR1, lambda *_: leitstand.neu_laden.set())
    auskunft = make_server(
        settings.betrieb_host,
        settings.betrieb_port,
        _health_app(leitstand, metrik_ordner),
        ThreadingWSGIServer,
        _Still,
    )
    threading.Thread(target=auskunft.serve_forever, daemon=True).start()
    threading.Thread(target=_announce, args=(leitstand, melden), daemon=True).start()
    try:
        leitstand.watch()
    finally:
        melden("Der Betreiber hält an ...")
        leitstand.stop()
        auskunft.shutdown()
        melden("Angehalten.")


def prepare(settings: Settings) -> None:
    """Everything that must be there before a process starts.

    Outside produktion what is missing is made: database, keys, secret. In produktion that is a person's decision:
    raises StartUnmoeglich with the command to call.
    """
    engine = create_engine(settings.datenbank)
    try:
        stand, neueste = schema.state(engine)
        if stand != neueste and settings.produktion:
            raise StartUnmoeglich("the database is not up to date; call: betreiber datenbank aktualisieren")
        if stand != neueste:
            schema.upgrade(engine)
        _check_durability(engine)
    except SQLAlchemyError as error:
        raise StartUnmoeglich(
            f"the database cannot be used: {type(error).__name__}; check MSB_DATABASE_URL"
        ) from error
    finally:
        engine.dispose()
    if not (settings.pki_ordner / "wurzel.crt").exists():
        if settings.produktion:
            raise StartUnmoeglich("there are no keys yet; call: betreiber pki anlegen")
        create_pki(settings.pki_ordner, settings.geraete_namen, datetime.now(UTC))
    if not settings.jwt_secret:
        development_secret(settings.daten)


def end_with_parent(leitung: int) -> None:
    """End this process when the one that started it, `leitung`, is gone, however it went (Linux)."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    # It may have gone before the signal was asked for. In a container it is process 1: its number alone tells.
    if os.getppid() != leitung:
        sys.exit("the leading process is gone")


def _catches(pid: int, nummer: signal.Signals) -> bool:
    """Whether a process has a handler for a signal (Linux, proc_pid_status(5): SigCgt is a mask of them)."""
    try:
        zeilen = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return False  # It has ended.
    maske = next(zeile.split()[1] for zeile in zeilen if zeile.startswith("SigCgt:"))
    return bool(int(maske, 16) >> (nummer - 1) & 1)


def _check_durability(engine: Any) -> None:
    """A receipt promises that readings survive a power cut: warn of a server that only seems to store."""
    if engine.dialect.name != "postgresql":
        return
    with engine.connect() as connection:
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            if connection.exec_driver_sql(f"SHOW {name}").scalar() == "off":
                log.warning("database_not_durable", einstellung=name)


def _processes(settings: Settings) -> Iterable[_Prozess]:
    yield _Prozess(Lauscher.OEFFENTLICH, (settings.host, settings.port))
    yield _Prozess(Lauscher.GERAETE, (settings.geraete_host, settings.geraete_port))
    if settings.einschreibung_aktiv:
        yield _Prozess(Lauscher.EINSCHREIBUNG, (settings.geraete_host, settings.einschreibung_port))
    yield _Prozess(JOBS, None)


def _check_ports(settings: Settings, prozesse: Iterable[_Prozess]) -> None:
    adressen = [prozess.adresse for prozess in prozesse if prozess.adresse]
    for host, port in [*adressen, (settings.betrieb_host, settings.betrieb_port)]:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                raise StartUnmoeglich(
                    f"{host}:{port} cannot be used: {error.strerror}; choose another with MSB_PORT, "
                    "MSB_GERAETE_PORT, MSB_EINSCHREIBUNG_PORT or MSB_BETRIEB_PORT"
                ) from error


def _reachable(adresse: tuple[str, int]) -> bool:
    try:
        with socket.create_connection(adresse, timeout=1):
            return True
    except OSError:
        return False


def _ready(leitstand: _Leitstand) -> bool:
    adressen = [prozess.adresse for prozess in leitstand.prozesse if prozess.adresse]
    if not leitstand.alive() or not all(map(_reachable, adressen)):
        return False
    engine = create_engine(leitstand.settings.datenbank, pool_groesse=1)
    try:
        stand, neueste = schema.state(engine)
    except SQLAlchemyError:
        return False
    finally:
        engine.dispose()
    return stand == neueste


def _announce(leitstand: _Leitstand, melden: Callable[[str], None]) -> None:
    while not leitstand.halt.wait(0.2):
        if _ready(leitstand):
            settings = leitstand.settings
            schema_name = "https" if settings.tls_zertifikat else "http"
            melden(f"Bereit: {schema_name}://{settings.host}:{settings.port} (API-Beschreibung unter /docs)")
            melden(f"Zähler: https://{settings.geraete_host}:{settings.geraete_port}, Anhalten mit Ctrl-C")
            return


class _Still(WSGIRequestHandler):
    """No access log for probes."""

    def log_message(self, format: str, *args: Any) -> None:
        return


class _Fristen(Collector):
    """What ends, so that nobody is surprised. Meters are counted every ten minutes: it reads all of their keys."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.gezaehlt = -math.inf
        self.zaehler: int | None = None

    def collect(self) -> Iterable[Metric]:
        jetzt = datetime.now(UTC)
        tage = GaugeMetricFamily(
            "msb_zertifikat_resttage", "Days until a certificate of the operator ends", labels=["name"]
        )
        with suppress(PkiFehler):  # The processes that need the keys say so.
            for zeile in list_certificates(self.settings.pki_ordner):
                if zeile.aktuell:
                    tage.add_metric([Path(zeile.name).name], zeile.days_left(jetzt))
        yield tage
        if time.monotonic() - self.gezaehlt >= ZAEHLUNG_S:
            self.gezaehlt = time.monotonic()
            self.zaehler = self._count(jetzt)
        if self.zaehler is not None:
            yield GaugeMetricFamily(
                "msb_zaehler_schluessel_enden",
                "Meters whose keys end within 60 days",
                value=self.zaehler,
            )

    def _count(self, jetzt: datetime) -> int | None:
        engine = create_engine(self.settings.datenbank, pool_groesse=1)
        try:
            with create_session(engine, lesen=True) as session:
                return len(list_ends(session, jetzt + ERNEUERUNG_AB))
        except SQLAlchemyError:
            return None  # /readyz says so.
        finally:
            engine.dispose()


def _health_app(leitstand: _Leitstand, metrik_ordner: Path) -> Any:
    fristen = _Fristen(leitstand.settings)

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        pfad = environ["PATH_INFO"]
        if pfad == "/metrics":
            sammlung = CollectorRegistry()
            multiprocess.MultiProcessCollector(sammlung, path=str(metrik_ordner))
            sammlung.register(fristen)
            start_response("200 OK", [("Content-Type", "text/plain; version=0.0.4; charset=utf-8")])
            return [generate_latest(sammlung)]
        pruefung = {"/healthz": leitstand.alive, "/readyz": lambda: _ready(leitstand)}.get(pfad)
        if pruefung is None:
            start_response("404 Not Found", [("Content-Type", "text/plain")])
            return [b"paths: /healthz /readyz /metrics\n"]
        gut = pruefung()
        start_response("200 OK" if gut else "503 Service Unavailable", [("Content-Type", "text/plain")])
        return [b"ok\n" if gut else b"not ready\n"]

    return app

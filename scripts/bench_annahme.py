"""scripts/bench, the ingest: sealed readings over mTLS into a real operator, and a floor in the same rounds."""

import hashlib
import math
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Engine, text

from betreiber.schluessel.ablage import Betreiberschluessel, load_ausgabestelle, load_betreiberschluessel
from betreiber.settings import Settings
from db.session import create_engine
from scripts import bench_boden
from scripts.bench_last import BenchFehler, Last, Lastzaehler, Messung, create_zaehler
from scripts.betreiberprozess import Betreiberprozess, free_port

# Slots lie in the first 600 s of a quarter hour, and each meter sends one message in each.
PLAETZE_S = 600
VERBINDUNGEN = 64
# Readings of the last day, none of them so new that the limit of messages a quarter hour counts.
EINZELN_JE_ZAEHLER = 90
NACHHOLEN_JE_ZAEHLER = 60
NACHHOLEN_WERTE = 96
TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class _Umfang:
    runden: int
    dauer_s: float


@dataclass
class _Ziel:
    """A listener that is measured: where it is, and the processes whose time counts."""

    last: Last
    pid: int

    def cpu_s(self) -> float:
        return sum(map(_cpu_s, descendants(self.pid)))


@dataclass
class _Bank:
    betreiber: Betreiberprozess
    engine: Engine
    schluessel: Betreiberschluessel
    ziele: dict[str, _Ziel]
    umfang: _Umfang
    melde: Callable[[str], None]

    def zaehler(self, anzahl: int, erste: int) -> list[Lastzaehler]:
        ordner = self.betreiber.daten / "bench"
        ordner.mkdir(exist_ok=True)
        stelle = load_ausgabestelle(self.betreiber.daten / "pki")
        return create_zaehler(self.engine, stelle, ordner, anzahl, erste)


def measure(ordner: Path, database: str | None, quick: bool, melde: Callable[[str], None]) -> dict[str, float]:
    """Start an operator in `ordner` (on SQLite there, or in `database`), load it, and say what it did.

    `melde` is told of the progress. Rates are medians of rounds in which floor and operator take turns; `..._us`
    is CPU time of the server's processes a message, without the database's own. Raises BenchFehler.
    """
    umfang = _Umfang(2, 2.0) if quick else _Umfang(5, 4.0)
    umgebung = {"MSB_DATABASE_URL": database} if database else {}
    with Betreiberprozess(ordner, umgebung) as betreiber:
        settings = Settings.from_env(betreiber.umgebung)
        engine = create_engine(settings.datenbank)
        try:
            with _floor(betreiber, engine) as (boden, leer):
                ziele = {"": _Ziel(_last(betreiber, "MSB_GERAETE_PORT"), _device_process(betreiber))}
                ziele |= {"_floor": boden, "_bare": leer}
                schluessel = load_betreiberschluessel(settings.pki_ordner)
                bank = _Bank(betreiber, engine, schluessel, ziele, umfang, melde)
                ergebnis = _measure_single(bank)
                ergebnis |= _measure_handshakes(bank)
                ergebnis |= _measure_catchup(bank)
                ergebnis["worker_rss_mb"] = max(map(rss_mb, descendants(ziele[""].pid)))
        finally:
            engine.dispose()
    melde("cryptography alone")
    ergebnis["crypto_floor_per_s"] = _measure_crypto(1.0 if quick else 3.0)
    # Every meter sends once in a quarter hour, in its slot, over a connection of its own.
    ergebnis["meters_served"] = math.floor(ergebnis["ingest_single_fresh_handshake_per_s"] * PLAETZE_S)
    return ergebnis


def _measure_single(bank: _Bank) -> dict[str, float]:
    """One reading a message, kept alive: operator, floor and bare server in turns."""
    raten: dict[str, list[float]] = {}
    for runde in range(bank.umfang.runden):
        for name, ziel in bank.ziele.items():
            bank.melde(f"single readings: round {runde + 1} of {bank.umfang.runden}, {name or 'operator'}")
            zaehler = bank.zaehler(VERBINDUNGEN, _quarter_hours_ago(EINZELN_JE_ZAEHLER + 4))
            if name:
                telegramme = [[z.seal_boden(bank.schluessel) for _ in range(EINZELN_JE_ZAEHLER)] for z in zaehler]
            else:
                telegramme = [[z.seal(bank.schluessel, 1) for _ in range(EINZELN_JE_ZAEHLER)] for z in zaehler]
            vorher = ziel.cpu_s()
            messung = ziel.last.keep_alive(zaehler, telegramme, bank.umfang.dauer_s)
            cpu_us = (ziel.cpu_s() - vorher) / (messung.anzahl + VERBINDUNGEN) * 1e6
            raten.setdefault(f"ingest_single{name}_per_s", []).append(messung.anzahl / messung.sekunden)
            raten.setdefault(f"ingest_single{name}_cpu_us", []).append(cpu_us)
            if not name:
                _check(bank, zaehler, messung, 1)
    return {name: statistics.median(werte) for name, werte in raten.items()}


def _measure_handshakes(bank: _Bank) -> dict[str, float]:
    """One reading a message, each over a new connection."""
    ziel, raten = bank.ziele[""], []
    for runde in range(bank.umfang.runden):
        bank.melde(f"new connections: round {runde + 1} of {bank.umfang.runden}")
        zaehler = bank.zaehler(16, _quarter_hours_ago(EINZELN_JE_ZAEHLER + 4))
        telegramme = [[z.seal(bank.schluessel, 1) for _ in range(EINZELN_JE_ZAEHLER)] for z in zaehler]
        messung = ziel.last.handshake_each(zaehler, telegramme, bank.umfang.dauer_s)
        _check(bank, zaehler, messung, 1)
        raten.append(messung.anzahl / messung.sekunden)
    return {"ingest_single_fresh_handshake_per_s": statistics.median(raten)}


def _measure_catchup(bank: _Bank) -> dict[str, float]:
    """After an outage: a message a day, as the gateway sends a backlog."""
    ziel, raten, cpu = bank.ziele[""], [], []
    for runde in range(bank.umfang.runden):
        bank.melde(f"catching up: round {runde + 1} of {bank.umfang.runden}")
        zaehler = bank.zaehler(VERBINDUNGEN // 2, _quarter_hours_ago(100 * 96) // 86_400 * 86_400)
        telegramme = [
            [z.seal(bank.schluessel, NACHHOLEN_WERTE) for _ in range(NACHHOLEN_JE_ZAEHLER)] for z in zaehler
        ]
        vorher = ziel.cpu_s()
        messung = ziel.last.keep_alive(zaehler, telegramme, bank.umfang.dauer_s)
        cpu.append((ziel.cpu_s() - vorher) / (messung.anzahl + len(zaehler)) * 1e6)
        _check(bank, zaehler, messung, NACHHOLEN_WERTE)
        raten.append(messung.anzahl * NACHHOLEN_WERTE / messung.sekunden)
    return {
        "ingest_catchup_readings_per_s": statistics.median(raten),
        "ingest_catchup_cpu_us": statistics.median(cpu),
    }


def _check(bank: _Bank, zaehler: Sequence[Lastzaehler], messung: Messung, werte: int) -> None:
    """The last receipts open, and every reading of their messages was new. Raises BenchFehler."""
    for einer, antwort in zip(zaehler, messung.antworten, strict=False):
        quittung = einer.open(antwort, bank.schluessel)
        if (quittung.neu, quittung.abgelehnt) != (werte, ()):
            raise BenchFehler(f"a receipt says {quittung}")


def _measure_crypto(dauer_s: float) -> float:
    """Messages a second and core if there were nothing but cryptography: the primitives of a message."""
    eigener, geraet = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    ecdsa, ecdh = ec.ECDSA(hashes.SHA256()), ec.ECDH()
    klartext = bytes(400)
    signatur = geraet.sign(klartext, ecdsa)
    anzahl, anfang = 0, time.perf_counter()
    while time.perf_counter() < anfang + dauer_s:
        hashlib.sha256(klartext)
        geraet.public_key().verify(signatur, klartext, ecdsa)
        for _ in range(2):
            AESGCM(eigener.exchange(ecdh, geraet.public_key())[:16]).encrypt(bytes(12), klartext, None)
        eigener.sign(klartext, ecdsa)
        anzahl += 1
    return anzahl / (time.perf_counter() - anfang)


@contextmanager
def _floor(betreiber: Betreiberprozess, engine: Engine) -> Iterator[tuple[_Ziel, _Ziel]]:
    """The two floor servers, with the operator's settings and keys, on ports of their own."""
    with engine.begin() as connection:
        connection.execute(text(bench_boden.CREATE_TABELLE))
    metrik = betreiber.daten / "bench" / "metrik"
    metrik.mkdir(parents=True, exist_ok=True)
    prozesse, ziele = [], []
    try:
        for art in ("boden", "leer"):
            umgebung = betreiber.umgebung | {
                "MSB_GERAETE_PORT": str(free_port()),
                "PROMETHEUS_MULTIPROC_DIR": str(metrik),
            }
            with betreiber.log.open("ab") as log:
                prozesse.append(
                    subprocess.Popen(
                        [sys.executable, "-m", "scripts.bench_boden", art],
                        env=umgebung,
                        stdout=log,
                        stderr=subprocess.STDOUT,
                        stdin=subprocess.DEVNULL,
                    )
                )
            port = int(umgebung["MSB_GERAETE_PORT"])
            _wait_until_open(port)
            ziele.append(_Ziel(Last(port, betreiber.ca), prozesse[-1].pid))
        yield ziele[0], ziele[1]
    finally:
        for prozess in prozesse:
            prozess.terminate()
            prozess.wait(30)
        with engine.begin() as connection:
            connection.execute(text(bench_boden.DROP_TABELLE))


def _wait_until_open(port: int) -> None:
    import socket

    frist = time.monotonic() + 30
    while time.monotonic() < frist:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise BenchFehler(f"nobody listens on port {port}; the log of the operator says why")


def _last(betreiber: Betreiberprozess, port: str) -> Last:
    return Last(int(betreiber.umgebung[port]), betreiber.ca)


def _quarter_hours_ago(anzahl: int) -> int:
    return (int(time.time()) // 900 - anzahl) * 900


def _device_process(betreiber: Betreiberprozess) -> int:
    """The arbiter of the device listener: a child of the leading process."""
    for pid in descendants(betreiber.pid):
        if b"prozess\0geraete" in Path(f"/proc/{pid}/cmdline").read_bytes():
            return pid
    raise BenchFehler("there is no device process")


def descendants(pid: int) -> list[int]:
    """A process and all below it, parents first (Linux)."""
    eltern = {}
    for ordner in Path("/proc").glob("[0-9]*"):
        try:
            eltern[int(ordner.name)] = int((ordner / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue  # It has ended.
    alle = [pid]
    for einer in alle:
        alle += [kind for kind, von in eltern.items() if von == einer]
    return alle


def _cpu_s(pid: int) -> float:
    """Seconds of CPU that a process has used, in user and in kernel mode (proc_pid_stat(5))."""
    felder = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(felder[11]) + int(felder[12])) / TICK


def rss_mb(pid: int) -> float:
    treffer = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(treffer[1]) / 1000 if treffer else 0.0

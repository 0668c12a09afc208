"""scripts/bench --peers: the same readings and questions in InfluxDB and VictoriaMetrics, over HTTP on loopback.

Each is asked as its own documentation would: InfluxDB by GROUP BY time, VictoriaMetrics by range queries. What
it answers is counted, so that a question that finds nothing is no fast one.
"""

import json
import random
import shutil
import statistics
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime, timedelta
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import requests

from betreiber.ablesung.tagesblock import VIERTELSTUNDEN
from betreiber.zeit import Aufloesung, iter_edges
from scripts.bench_daten import load_fleet
from scripts.bench_last import BenchFehler
from scripts.betreiberprozess import free_port

START_HOECHSTENS_S = 60
# Both merge their files in the background: the size counts when it has not changed for so long.
RUHIG_S = 6
RUHE_HOECHSTENS_S = 300


class Peer(ABC):
    """A server in a folder of its own, as a context manager."""

    programm: str

    def __init__(self, ordner: Path) -> None:
        self.ordner = ordner
        self.port = free_port()
        self._http = requests.Session()
        self._http.trust_env = False

    @abstractmethod
    def command(self) -> list[str]:
        """How it is started."""

    @abstractmethod
    def load(
        self, zaehler: int, zeiten: Sequence[int], register: Sequence[int], leistungen: Sequence[int]
    ) -> None:
        """Take in the readings of one meter."""

    @abstractmethod
    def flush(self) -> None:
        """Bring everything to its files."""

    @abstractmethod
    def by_steps(self, zaehler: int, von: int, bis: int, schritt_s: int) -> int:
        """The register of a meter in even steps; how many values came."""

    @abstractmethod
    def fleet(self, von: int, bis: int) -> int:
        """The energy of all meters between two moments; how many meters came."""

    def __enter__(self) -> "Peer":
        self.ordner.mkdir(parents=True)
        with (self.ordner / "log").open("wb") as log:
            self._prozess = subprocess.Popen(self.command(), stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        frist = time.monotonic() + START_HOECHSTENS_S
        while not self._ready():
            if time.monotonic() > frist or self._prozess.poll() is not None:
                self._stop()
                raise BenchFehler(f"{self.programm} did not start: {(self.ordner / 'log').read_text()[-500:]}")
            time.sleep(0.1)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def _stop(self) -> None:
        self._http.close()
        self._prozess.terminate()
        self._prozess.wait(60)

    def _ready(self) -> bool:
        try:
            return self.call("GET", "/ping" if self.programm == "influxd" else "/health") is not None
        except (requests.RequestException, BenchFehler):
            return False

    def call(self, methode: str, pfad: str, **kw: Any) -> bytes:
        """One request. Raises BenchFehler for a refusal."""
        antwort = self._http.request(methode, f"http://127.0.0.1:{self.port}{pfad}", timeout=600, **kw)
        if not antwort.ok:
            raise BenchFehler(f"{self.programm}: {pfad}: {antwort.status_code} {antwort.text[:200]}")
        return antwort.content

    def size(self) -> int:
        """Bytes of its files, once they have come to rest."""
        groesse, seit = -1, time.monotonic()
        frist = seit + RUHE_HOECHSTENS_S
        while time.monotonic() < min(seit + RUHIG_S, frist):
            time.sleep(0.5)
            jetzt = sum(512 * datei.stat().st_blocks for datei in self.ordner.rglob("*") if datei.is_file())
            if jetzt != groesse:
                groesse, seit = jetzt, time.monotonic()
        return groesse


class InfluxDb(Peer):
    """InfluxDB 1: a measurement with the meter as its tag, register and power as integer fields."""

    programm = "influxd"

    def command(self) -> list[str]:
        ordner = self.ordner
        (ordner / "conf").write_text(
            f'reporting-disabled = true\nbind-address = "127.0.0.1:{free_port()}"\n'
            f'[meta]\ndir = "{ordner}/meta"\n'
            f'[data]\ndir = "{ordner}/data"\nwal-dir = "{ordner}/wal"\nquery-log-enabled = false\n'
            'cache-snapshot-write-cold-duration = "1s"\ncompact-full-write-cold-duration = "1s"\n'
            f'[http]\nbind-address = "127.0.0.1:{self.port}"\nlog-enabled = false\nmax-body-size = 0\n'
        )
        return [self.programm, "-config", str(ordner / "conf")]

    def load(
        self, zaehler: int, zeiten: Sequence[int], register: Sequence[int], leistungen: Sequence[int]
    ) -> None:
        if zaehler == 1:
            self.call("POST", "/query", params={"q": "CREATE DATABASE bench"})
        zeilen = [
            f"ablesung,zaehler={zaehler} bezug={stand}i,leistung={leistung}i {zeit}"
            for zeit, stand, leistung in zip(zeiten, register, leistungen, strict=True)
        ]
        self.call("POST", "/write", params={"db": "bench", "precision": "s"}, data="\n".join(zeilen))

    def flush(self) -> None:
        time.sleep(2)

    def by_steps(self, zaehler: int, von: int, bis: int, schritt_s: int) -> int:
        (reihe,) = self._query(
            f"SELECT first(bezug) FROM ablesung WHERE zaehler = '{zaehler}' AND time >= {von}s AND time <= {bis}s"
            f" GROUP BY time({schritt_s}s, {von % schritt_s}s) fill(none)"
        )
        return len(reihe["values"])

    def fleet(self, von: int, bis: int) -> int:
        return len(
            self._query(
                f"SELECT spread(bezug) FROM ablesung WHERE time >= {von}s AND time <= {bis}s GROUP BY zaehler"
            )
        )

    def _query(self, frage: str) -> list[Any]:
        antwort = json.loads(self.call("GET", "/query", params={"db": "bench", "q": frage}))
        reihen: list[Any] = antwort["results"][0]["series"]
        return reihen


class VictoriaMetrics(Peer):
    """VictoriaMetrics: a series for the register and one for the power of each meter."""

    programm = "victoria-metrics"

    def command(self) -> list[str]:
        return [
            self.programm,
            f"-storageDataPath={self.ordner / 'daten'}",
            f"-httpListenAddr=127.0.0.1:{self.port}",
            "-retentionPeriod=10y",
            "-search.maxUniqueTimeseries=10000000",
        ]

    def load(
        self, zaehler: int, zeiten: Sequence[int], register: Sequence[int], leistungen: Sequence[int]
    ) -> None:
        millisekunden = [1000 * zeit for zeit in zeiten]
        zeilen = [
            json.dumps(
                {
                    "metric": {"__name__": name, "zaehler": str(zaehler)},
                    "values": werte,
                    "timestamps": millisekunden,
                }
            )
            for name, werte in (("bezug", register), ("leistung", leistungen))
        ]
        self.call("POST", "/api/v1/import", data="\n".join(zeilen))

    def flush(self) -> None:
        self.call("GET", "/internal/force_flush")
        self.call("GET", "/internal/force_merge")

    def by_steps(self, zaehler: int, von: int, bis: int, schritt_s: int) -> int:
        frage = {
            "query": f'bezug{{zaehler="{zaehler}"}}',
            "start": von,
            "end": bis,
            "step": schritt_s,
            "nocache": 1,
        }
        (reihe,) = self._query("/api/v1/query_range", frage)
        return len(reihe["values"])

    def fleet(self, von: int, bis: int) -> int:
        anfang, ende = (
            {
                reihe["metric"]["zaehler"]: float(reihe["value"][1])
                for reihe in self._query("/api/v1/query", {"query": "bezug", "time": zeit, "nocache": 1})
            }
            for zeit in (von, bis)
        )
        return len({zaehler: ende[zaehler] - stand for zaehler, stand in anfang.items()})

    def _query(self, pfad: str, frage: dict[str, Any]) -> list[Any]:
        reihen: list[Any] = json.loads(self.call("GET", pfad, params=frage))["data"]["result"]
        return reihen


PEERS: dict[str, type[Peer]] = {"influxdb": InfluxDb, "victoria_metrics": VictoriaMetrics}


def measure(
    ordner: Path,
    anzahl: int,
    jahr: tuple[datetime, datetime],
    tage: Sequence[int],
    quick: bool,
    melde: Callable[[str], None],
) -> dict[str, dict[str, float]]:
    """The figures of each peer that is installed, under the names of ours. Raises BenchFehler."""
    ergebnis = {}
    for name, art in PEERS.items():
        if shutil.which(art.programm) is None:
            melde(f"{name} is not installed (Debian: influxdb, victoria-metrics)")
            continue
        with art(ordner / name) as peer:
            for zaehler, *spalten in _iter_readings(anzahl, tage):
                peer.load(zaehler, *spalten)
                melde(f"{name}: meters loaded: {zaehler} of {anzahl}")
            peer.flush()
            ergebnis[name] = {
                "bytes_per_reading_folded": peer.size() / (anzahl * len(tage) * VIERTELSTUNDEN),
                **_ask(peer, anzahl, *jahr, 20 if quick else 200),
            }
        shutil.rmtree(ordner / name)
    return ergebnis


def _ask(peer: Peer, anzahl: int, von: datetime, bis: datetime, runden: int) -> dict[str, float]:
    """Months and years in even steps, which is kinder to the peers than the local calendar."""
    zufall = random.Random(1)
    monate = list(iter_edges(von, bis, Aufloesung.MONAT))[:-1]
    beginn, monat_s = int(von.timestamp()), int((bis - von).total_seconds()) // 12
    tage, jahre, flotten = [], [], []
    for _ in range(runden):
        zaehler, anfang = zufall.randint(1, anzahl), int(zufall.choice(monate).timestamp())
        tage.append(_ms(31, peer.by_steps, zaehler, anfang, anfang + 30 * 86_400, 86_400))
        jahre.append(_ms(13, peer.by_steps, zaehler, beginn, beginn + 12 * monat_s, monat_s))
    for _ in range(max(runden // 20, 3)):
        anfang = int(zufall.choice(monate).timestamp())
        flotten.append(_ms(anzahl, peer.fleet, anfang, anfang + int(timedelta(days=30).total_seconds())))
    return {
        "query_month_by_day_p50_ms": statistics.median(tage),
        "query_year_by_month_p50_ms": statistics.median(jahre),
        "fleet_month_us_per_meter": statistics.median(flotten) * 1000 / anzahl,
    }


def _ms(erwartet: int, was: Callable[..., int], *womit: int) -> float:
    anfang = time.perf_counter()
    gefunden = was(*womit)
    dauer = (time.perf_counter() - anfang) * 1000
    if gefunden != erwartet:
        raise BenchFehler(f"{was.__qualname__}: {gefunden} values came instead of {erwartet}")
    return dauer


def _iter_readings(anzahl: int, tage: Sequence[int]) -> Iterator[tuple[int, list[int], list[int], list[int]]]:
    """Meter, and its times, registers and powers."""
    with ProcessPoolExecutor() as pool:
        yield from pool.map(_readings, range(1, anzahl + 1), repeat(tage), chunksize=2)


def _readings(zaehler: int, tage: Sequence[int]) -> tuple[int, list[int], list[int], list[int]]:
    ablesungen = list(chain.from_iterable(load_fleet().readings(zaehler, tage)))
    return (
        zaehler,
        [ablesung.uhrzeit for ablesung in ablesungen],
        [ablesung.bezug_wh for ablesung in ablesungen],
        [ablesung.leistung_w or 0 for ablesung in ablesungen],
    )

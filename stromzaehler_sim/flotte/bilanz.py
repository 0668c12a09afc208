"""What a fleet did: counters, latencies in buckets of two percent, memory of the process."""

from __future__ import annotations

import math
import threading
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path

from gateway.fehler import Abgewiesen, SendeFehler
from gateway.versand import Sendung

KLEINSTE_S = 0.0001
STUFE = 1.02


class Verteilung:
    """Counts durations in buckets whose edges grow by two percent: constant memory, however long it counts."""

    def __init__(self) -> None:
        self._anzahl: Counter[int] = Counter()
        self.laengste_s = 0.0

    def add(self, sekunden: float) -> None:
        self._anzahl[math.ceil(math.log(max(sekunden, KLEINSTE_S) / KLEINSTE_S, STUFE))] += 1
        self.laengste_s = max(self.laengste_s, sekunden)

    def percentile(self, anteil: float) -> float:
        """The duration in s that a share ``anteil`` (0...1) did not exceed, at most two percent too high."""
        rest = math.ceil(anteil * self._anzahl.total())
        for stufe in sorted(self._anzahl):
            rest -= self._anzahl[stufe]
            if rest <= 0:
                return min(self.laengste_s, KLEINSTE_S * STUFE**stufe)
        return 0.0


@dataclass(frozen=True, slots=True)
class Zusammenfassung:
    """The figures at the end. Durations in ms, rates in 1/s of real time, memory in MiB, sizes in bytes."""

    zaehler: int
    dauer_s: float
    simuliert_s: float
    gesendet: int  # Telegramme that were posted
    bestaetigt: int  # valid receipts
    messwerte: int
    neu: int
    doppelt: int
    quarantaene: int
    wartend: int
    angehalten: int
    abgewiesen: dict[str, int]
    bytes_hin: int
    bytes_zurueck: int
    bytes_netz: int
    telegramme_je_s: float
    messwerte_je_s: float
    latenz_ms: dict[str, float]
    verspaetung_ms: dict[str, float]
    speicher_mib: dict[str, float]

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


@dataclass
class Flottenbilanz:
    """Sums over all meters of a fleet; thread-safe. Instants are seconds of a monotonic clock."""

    gesendet: int = 0
    bestaetigt: int = 0
    messwerte: int = 0
    neu: int = 0
    doppelt: int = 0
    quarantaene: int = 0
    angehalten: int = 0
    bytes_hin: int = 0
    bytes_zurueck: int = 0
    abgewiesen: Counter[str] = field(default_factory=Counter)
    latenz: Verteilung = field(default_factory=Verteilung)
    verspaetung: Verteilung = field(default_factory=Verteilung)
    speicher_mib: dict[str, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add_sendung(self, sendung: Sendung, latenz_s: float) -> None:
        """An acknowledged Telegramm; ``latenz_s`` from the start of posting to the valid receipt."""
        with self._lock:
            self.bestaetigt += 1
            self.messwerte += sendung.sent
            self.neu += sendung.neu
            self.doppelt += sendung.doppelt
            self.quarantaene += len(sendung.abgelehnt)
            self.bytes_hin += sendung.bytes_out
            self.bytes_zurueck += sendung.bytes_in
            self.latenz.add(latenz_s)

    def add_fehler(self, fehler: Exception) -> None:
        """Something that was not acknowledged, or that a meter told of itself."""
        with self._lock:
            self.abgewiesen[describe_fehler(fehler)] += 1

    def add_step(self, gesendet: int, verspaetung_s: float) -> None:
        """A meter had its turn, ``verspaetung_s`` after it was due, and posted that many Telegramme."""
        with self._lock:
            self.gesendet += gesendet
            self.verspaetung.add(verspaetung_s)

    def stop_meter(self, fehler: Exception) -> None:
        """A meter cannot go on; its neighbours can."""
        with self._lock:
            self.angehalten += 1
            self.abgewiesen[f"angehalten: {fehler}"] += 1

    def percentile_ms(self, anteil: float) -> float:
        """The latency in ms that a share of all receipts did not exceed so far."""
        with self._lock:
            return self.latenz.percentile(anteil) * 1000

    def note_memory(self, wann: str) -> None:
        self.speicher_mib[wann] = round(read_rss_mib(), 1)

    def summarize(
        self, *, zaehler: int, dauer_s: float, simuliert_s: float, wartend: int, bytes_netz: int
    ) -> Zusammenfassung:
        return Zusammenfassung(
            zaehler=zaehler,
            dauer_s=round(dauer_s, 1),
            simuliert_s=round(simuliert_s, 1),
            gesendet=self.gesendet,
            bestaetigt=self.bestaetigt,
            messwerte=self.messwerte,
            neu=self.neu,
            doppelt=self.doppelt,
            quarantaene=self.quarantaene,
            wartend=wartend,
            angehalten=self.angehalten,
            abgewiesen=dict(self.abgewiesen),
            bytes_hin=self.bytes_hin,
            bytes_zurueck=self.bytes_zurueck,
            bytes_netz=bytes_netz,
            telegramme_je_s=round(self.bestaetigt / dauer_s, 1) if dauer_s else 0.0,
            messwerte_je_s=round(self.messwerte / dauer_s, 1) if dauer_s else 0.0,
            latenz_ms=_milliseconds(self.latenz),
            verspaetung_ms=_milliseconds(self.verspaetung),
            speicher_mib=dict(self.speicher_mib),
        )


def describe_fehler(fehler: Exception) -> str:
    """The key under which a fault is counted: status and code where the operator gave them."""
    if isinstance(fehler, Abgewiesen):
        return f"{fehler.status} {fehler.code}".strip()
    return type(fehler).__name__ if isinstance(fehler, SendeFehler) else f"{type(fehler).__name__}: {fehler}"


def read_rss_mib() -> float:
    """The memory of this process that lies in RAM, in MiB; 0 where the system does not tell (not Linux)."""
    try:
        zeilen = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0.0
    return next((int(zeile.split()[1]) / 1024 for zeile in zeilen if zeile.startswith("VmRSS:")), 0.0)


def _milliseconds(verteilung: Verteilung) -> dict[str, float]:
    stellen = {"p50": 0.5, "p90": 0.9, "p99": 0.99}
    werte = {name: round(verteilung.percentile(anteil) * 1000, 1) for name, anteil in stellen.items()}
    return werte | {"max": round(verteilung.laengste_s * 1000, 1)}

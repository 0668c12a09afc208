"""The figures of scripts/bench as a table: what each is held against, and what is to be reached. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Ziel:
    """A bound of a figure, or of its share of what it is held against; on one database only, or on both."""

    grenze: float
    mindestens: bool = False
    anteil: bool = False
    database: str = ""

    def met(self, wert: float, anteil: float | None) -> bool:
        """Whether it is reached; what was not measured is no reason for a no."""
        gemessen = anteil if self.anteil else wert
        if gemessen is None:
            return True
        return gemessen >= self.grenze if self.mindestens else gemessen <= self.grenze

    def __str__(self) -> str:
        return f"{'>=' if self.mindestens else '<='} {self.grenze:g}{' x' if self.anteil else ''}"


@dataclass(frozen=True)
class Groesse:
    """A figure, by its key in the JSON."""

    name: str
    gegen: str | None = None
    ziele: tuple[Ziel, ...] = ()


GROESSEN = (
    Groesse(
        "ingest_single_per_s",
        "ingest_single_floor_per_s",
        (Ziel(0.6, mindestens=True, anteil=True), Ziel(1000, mindestens=True)),
    ),
    Groesse("ingest_single_floor_per_s"),
    Groesse("ingest_single_fresh_handshake_per_s", "ingest_single_per_s"),
    Groesse("crypto_floor_per_s"),
    Groesse("meters_served"),
    Groesse(
        "ingest_catchup_readings_per_s",
        ziele=(
            Ziel(60_000, mindestens=True, database="postgresql"),
            Ziel(40_000, mindestens=True, database="sqlite"),
        ),
    ),
    Groesse("query_month_by_day_p50_ms", "query_month_by_day_raw_sql_p50_ms", (Ziel(1), Ziel(3, anteil=True))),
    Groesse("query_month_by_day_raw_sql_p50_ms"),
    Groesse("query_year_by_month_p50_ms", "query_year_by_month_raw_sql_p50_ms", (Ziel(1), Ziel(3, anteil=True))),
    Groesse("api_month_by_day_p50_ms", "query_month_by_day_p50_ms", (Ziel(5),)),
    Groesse("api_year_quarter_hours_ms", ziele=(Ziel(300),)),
    Groesse("fleet_month_us_per_meter", ziele=(Ziel(20),)),
    Groesse("silent_us_per_meter"),
    Groesse("silent_sweep_300k_s", ziele=(Ziel(10),)),
    Groesse("bytes_per_reading_rows"),
    Groesse("bytes_per_reading_folded", "bytes_per_reading_rows", (Ziel(4.2),)),
    Groesse("bytes_per_reading_folded_register_only", "bytes_per_reading_rows", (Ziel(2.4),)),
    Groesse("worker_rss_mb", ziele=(Ziel(150),)),
    Groesse("readings"),
    Groesse("database"),
)
_BREITE = max(len(groesse.name) for groesse in GROESSEN)


def lines(werte: Mapping[str, Any]) -> Iterator[str]:
    """The table: a figure a line; then what was measured besides, and the peers as multiples of ours."""
    yield f"{'':{_BREITE}} {'figure':>14} {'ratio':>8}  goal"
    for groesse in GROESSEN:
        if groesse.name in werte:
            yield _line(groesse, werte)
    benannt = {groesse.name for groesse in GROESSEN}
    for name, wert in werte.items():
        if name not in benannt and name != "peers":
            yield f"{name:{_BREITE}} {_number(wert):>14}"
    for peer, figuren in werte.get("peers", {}).items():
        yield f"{peer}: times ours"
        for name, wert in figuren.items():
            anteil = f"{wert / werte[name]:8.2f}" if name in werte else ""
            yield f"  {name:{_BREITE - 2}} {_number(wert):>14} {anteil}"


def _line(groesse: Groesse, werte: Mapping[str, Any]) -> str:
    wert = werte[groesse.name]
    anteil = wert / werte[groesse.gegen] if groesse.gegen in werte else None
    ziele = [ziel for ziel in groesse.ziele if str(werte.get("database", "")).startswith(ziel.database)]
    urteil = ", ".join(f"{ziel} {'reached' if ziel.met(wert, anteil) else 'MISSED'}" for ziel in ziele)
    text = f"{groesse.name:{_BREITE}} {_number(wert):>14} {'' if anteil is None else f'{anteil:.2f}':>8}  {urteil}"
    return text.rstrip()


def _number(wert: Any) -> str:
    if isinstance(wert, float):
        return f"{wert:,.0f}" if abs(wert) >= 1000 else f"{wert:.3g}"
    return f"{wert:,}" if isinstance(wert, int) else str(wert)

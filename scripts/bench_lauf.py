"""scripts/bench: what the operator takes in, answers and stores, beside what it is built on, in one run."""

import argparse
import json
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy

from betreiber.ablesung.tagesblock import VIERTELSTUNDEN
from db.session import create_engine
from scripts import bench_annahme, bench_fragen, bench_peers, bench_speicher, bench_stoerung, fortschritt
from scripts.bench_daten import year_before
from scripts.bench_last import BenchFehler
from scripts.bench_tafel import lines
from scripts.betreiberprozess import BetreiberFehler, Betreiberprozess
from scripts.replay_lauf import EingabeFehler, check_empty

TEILE = ("speicher", "fragen", "annahme", "stoerungen")
# 1,000 meters and one year.
MESSWERTE = 35_040_000
MESSWERTE_SCHNELL = 700_000


def run(argumente: argparse.Namespace, ordner: Path) -> dict[str, Any]:
    """Measure what was asked for; the figures by their names."""
    ergebnis: dict[str, Any] = {}
    teile = argumente.nur or TEILE
    database = argumente.database or f"sqlite:///{ordner / 'bench.db'}"
    betreiber = Betreiberprozess(ordner / "betreiber", {"MSB_DATABASE_URL": database})
    betreiber.call("datenbank", "aktualisieren")
    engine = create_engine(database)
    try:
        ergebnis["database"] = _describe(engine)
        if "speicher" in teile:
            ergebnis |= bench_speicher.measure(engine, argumente.quick, fortschritt.show)
        if "fragen" in teile:
            _, _, tage = year_before(datetime.now(UTC).date())
            anzahl = max(argumente.rows // (len(tage) * VIERTELSTUNDEN), 2)
            ergebnis["readings"] = anzahl * len(tage) * VIERTELSTUNDEN
            bestand = bench_fragen.fill(betreiber, engine, anzahl, fortschritt.show)
            ergebnis |= bench_fragen.measure(betreiber, engine, bestand, argumente.quick, fortschritt.show)
            if argumente.peers:
                ergebnis["peers"] = bench_peers.measure(
                    ordner, anzahl, (bestand.von, bestand.bis), tage, argumente.quick, fortschritt.show
                )
    finally:
        engine.dispose()
    if "annahme" in teile:
        annahme = bench_annahme.measure(ordner / "annahme", argumente.database, argumente.quick, fortschritt.show)
        annahme["worker_rss_mb"] = max(annahme["worker_rss_mb"], ergebnis.get("worker_rss_mb", 0))
        ergebnis |= annahme
    if "stoerungen" in teile:
        # Last: its meters are as many as all others together, and then some.
        engine = create_engine(database)
        try:
            ergebnis |= bench_stoerung.measure(engine, argumente.quick, fortschritt.show)
        finally:
            engine.dispose()
    return ergebnis


def _describe(engine: sqlalchemy.Engine) -> str:
    with engine.connect() as connection:
        version = ".".join(map(str, connection.dialect.server_version_info or ()))
    return f"{engine.dialect.name} {version}"


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description="Measure the operator: readings that it takes in, questions that it answers, bytes that it "
        "stores; each beside a floor or the bare statements in the same run. docs/leistung.md says what and how.",
        epilog="example: scripts/bench --database postgresql://msb@localhost/bench --json bench.json",
    )
    parser.add_argument(
        "--rows", type=int, metavar="N", help="readings to ask about; default: 1,000 meters, 1 year"
    )
    parser.add_argument(
        "--database", metavar="URL", help="an empty database; default: SQLite in a temporary folder"
    )
    parser.add_argument("--quick", action="store_true", help="under a minute: few readings, rough figures")
    parser.add_argument(
        "--peers", action="store_true", help="the same readings and questions in InfluxDB and VictoriaMetrics"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here, too")
    parser.add_argument("--nur", action="append", choices=TEILE, help="this part only; may be given twice")
    argumente = parser.parse_args()
    argumente.rows = argumente.rows or (MESSWERTE_SCHNELL if argumente.quick else MESSWERTE)
    with tempfile.TemporaryDirectory(prefix="msb-bench-") as ordner:
        try:
            if argumente.database:
                check_empty(argumente.database)
            ergebnis = run(argumente, Path(ordner))
        except (EingabeFehler, BenchFehler, BetreiberFehler, OSError, sqlalchemy.exc.SQLAlchemyError) as error:
            print(f"\nscripts/bench: {error}", file=sys.stderr)
            return 2
        except KeyboardInterrupt:
            print("\nStopped.", file=sys.stderr)
            return 130
    print("\n" + "\n".join(lines(ergebnis)))
    if argumente.json:
        argumente.json.write_text(json.dumps(ergebnis, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""scripts/replay: measured load -> simulated meters -> sealed Telegramme -> operator -> public API, compared."""

import argparse
import csv
import gzip
import json
import os
import sys
import tempfile
import time
import zlib
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate
from pathlib import Path
from typing import IO, Any

import sqlalchemy

from betreiber.zeit import VIERTELSTUNDE_S, day_start, local_date
from gateway import Gateway
from scripts import fortschritt
from scripts.betreiberprozess import ApiKlient, BetreiberFehler, Betreiberprozess
from scripts.stammdaten import PERSONAL, PERSONAL_PASSWORT, Haushalt, create_haushalt, create_staff, verbrauch
from telegramm.messwerte import Messwert

# Any register but zero would do: a difference must not depend on where it began.
ANFANGSSTAND_WH = 1_234_567


class EingabeFehler(Exception):
    """A file that cannot be replayed; the text says why."""


@dataclass(frozen=True)
class Reihen:
    """Energy by quarter hour: begin of each interval (seconds since 1970), and Wh by household."""

    zeiten: list[int]
    haushalte: dict[str, list[int]]

    @property
    def von(self) -> datetime:
        return datetime.fromtimestamp(self.zeiten[0], UTC)

    @property
    def bis(self) -> datetime:
        return datetime.fromtimestamp(self.zeiten[-1] + VIERTELSTUNDE_S, UTC)


def read_series(datei: Path) -> Reihen:
    """Read the CSV: first column interval start in UTC, one column of integer Wh a household."""
    try:
        with gzip.open(datei, "rt", encoding="utf-8", newline="") as text:
            return _parse_series(datei, text)
    except (EOFError, UnicodeDecodeError, csv.Error, zlib.error) as error:
        raise EingabeFehler(f"{datei}: not a gzipped CSV in UTF-8: {error}") from error


def _parse_series(datei: Path, text: IO[str]) -> Reihen:
    zeilen = csv.reader(text)
    kopf = next(zeilen, [])
    if len(kopf) < 2 or len(set(kopf)) < len(kopf):
        raise EingabeFehler(f"{datei}: a first line with the names of the households, each once, is expected")
    zeiten: list[int] = []
    spalten: list[list[int]] = [[] for _ in kopf[1:]]
    for nummer, zeile in enumerate(zeilen, start=2):
        try:
            zeitpunkt = datetime.fromisoformat(zeile[0] if zeile else "")
            werte = [int(wert) for wert in zeile[1:]]
        except ValueError as error:
            raise EingabeFehler(f"{datei}, line {nummer}: {error}") from error
        zeit = int(zeitpunkt.timestamp())
        if zeitpunkt.tzinfo is None or zeit % VIERTELSTUNDE_S or len(werte) != len(spalten):
            raise EingabeFehler(
                f"{datei}, line {nummer}: a quarter hour in UTC and {len(spalten)} values expected"
            )
        if zeiten and zeit != zeiten[-1] + VIERTELSTUNDE_S:
            raise EingabeFehler(f"{datei}, line {nummer}: the quarter hours do not follow each other")
        zeiten.append(zeit)
        for spalte, wert in zip(spalten, werte, strict=True):
            spalte.append(wert)
    if not zeiten:
        raise EingabeFehler(f"{datei}: no values")
    return Reihen(zeiten, dict(zip(kopf[1:], spalten, strict=True)))


def readings(zeiten: Sequence[int], energien: Sequence[int]) -> list[Messwert]:
    """The registers at the edges of the intervals, and the mean power of each."""
    staende = list(accumulate(energien, initial=ANFANGSSTAND_WH))
    leistungen = [None, *(wh * 4 for wh in energien)]
    kanten = [*zeiten, zeiten[-1] + VIERTELSTUNDE_S]
    return [
        Messwert(zeit, stand, 0, leistung, 0)
        for zeit, stand, leistung in zip(kanten, staende, leistungen, strict=True)
    ]


def deliver(ordner: Path, zeiten: list[int], energien: list[int]) -> tuple[int, int, int]:
    """Send one meter's readings through the channel: (sent, stored as new, quarantined)."""
    with Gateway.open(ordner, jetzt=time.time) as meter:
        meter.puffer.put_many(readings(zeiten, energien))
        bilanz = meter.versand.send_all(versuche=10)
        if meter.puffer.waiting():
            raise BetreiberFehler(f"{ordner.name}: {meter.puffer.waiting()} readings were not taken")
        return bilanz.sent, bilanz.neu, bilanz.abgelehnt


def deliver_all(haushalte: dict[str, Haushalt], reihen: Reihen) -> tuple[int, float, dict[str, int]]:
    """All meters, several at once: (acknowledged, seconds, quarantined by household)."""
    anzahl, quarantaene = 0, {}
    beginn = time.monotonic()
    # More senders than processors: each one waits for its receipt, which waits for a disk.
    with ProcessPoolExecutor(max_workers=4 * (os.cpu_count() or 1)) as pool:
        laufende = {
            pool.submit(deliver, haushalt.ordner, reihen.zeiten, reihen.haushalte[name]): name
            for name, haushalt in haushalte.items()
        }
        for fertig, lauf in enumerate(as_completed(laufende), start=1):
            gesendet, _, abgelehnt = lauf.result()
            anzahl += gesendet
            quarantaene[laufende[lauf]] = abgelehnt
            fortschritt.show(f"readings delivered: {fertig} of {len(laufende)} meters, {anzahl} readings")
    return anzahl, time.monotonic() - beginn, quarantaene


def ask(kunde: ApiKlient, reihen: Reihen, gefragt: Iterable[str]) -> dict[str, Any]:
    """What the public API says, under the names of the file with the expected sums."""
    von, bis = reihen.von, reihen.bis
    antwort: dict[str, Any] = {"total_wh": verbrauch(kunde, von, bis, "gesamt")["summe"]["bezug_wh"]}
    monate = verbrauch(kunde, von, bis, "monat")["werte"]
    antwort["by_month_local"] = {_month(wert["von"]): wert["bezug_wh"] for wert in monate}
    viertelstunden = [wert["bezug_wh"] for wert in verbrauch(kunde, von, bis, "viertelstunde")["werte"]]
    if None not in viertelstunden:
        spitze = max(viertelstunden)
        spitze_zeit = datetime.fromtimestamp(reihen.zeiten[viertelstunden.index(spitze)], UTC)
        antwort["max_15min_wh"] = spitze
        antwort["max_at_utc"] = spitze_zeit.isoformat().replace("+00:00", "Z")
        antwort["min_15min_wh"] = min(viertelstunden)
        antwort["zero_intervals"] = viertelstunden.count(0)
    woche = verbrauch(kunde, von, min(von + timedelta(days=7), bis), "gesamt")
    antwort["first_week_wh"] = woche["summe"]["bezug_wh"]
    for name in gefragt:
        if name.startswith("day_"):
            tag = date.fromisoformat(name.removeprefix("day_").removesuffix("_wh"))
            ein_tag = verbrauch(kunde, day_start(tag), day_start(tag + timedelta(days=1)), "tag")
            antwort[name] = ein_tag["summe"]["bezug_wh"]
    return antwort


def ask_all(
    betreiber: Betreiberprozess,
    haushalte: dict[str, Haushalt],
    reihen: Reihen,
    erwartet: dict[str, dict[str, Any]],
    quarantaene: dict[str, int],
) -> set[str]:
    """Ask as every customer, print what differs, and return the households of which all is equal."""
    gleich = set()
    for nummer, (name, haushalt) in enumerate(haushalte.items(), start=1):
        with ApiKlient(betreiber.url) as kunde:
            kunde.login(haushalt.benutzername, haushalt.passwort)
            unterschiede = compare(name, erwartet[name], ask(kunde, reihen, erwartet[name]))
        if quarantaene[name]:
            unterschiede.append(f"{name}: {quarantaene[name]} readings are in quarantine")
        if not unterschiede:
            gleich.add(name)
        fortschritt.show(f"households asked: {nummer} of {len(haushalte)}")
        for zeile in unterschiede:
            print(f"\n{zeile}", end="")
    return gleich


def compare(name: str, erwartet: dict[str, Any], gefunden: dict[str, Any]) -> list[str]:
    """One line for each difference."""
    return [
        f"{name}: {groesse}: expected {wert}, the API says {gefunden.get(groesse)}"
        for groesse, wert in erwartet.items()
        if gefunden.get(groesse) != wert
    ]


def run(datei: Path, erwartungen: Path, database: str | None, ordner: Path) -> bool:
    """The whole replay; True when every household is equal."""
    reihen = read_series(datei)
    erwartet = json.loads(erwartungen.read_text(encoding="utf-8"))
    fehlend = sorted(set(reihen.haushalte) - set(erwartet))
    if fehlend:
        raise EingabeFehler(f"{erwartungen}: no expected sums for {', '.join(fehlend)}")
    # Old series are let in by settings, and stay; nothing else is different from any other operator.
    umgebung = {"MSB_ABLESUNG_HOECHSTALTER_TAGE": "36500", "MSB_LOESCHLAUF_AKTIV": "0"}
    if database:
        check_empty(database)
        umgebung["MSB_DATABASE_URL"] = database
    with Betreiberprozess(ordner / "betreiber", umgebung) as betreiber:
        create_staff(betreiber, PERSONAL, PERSONAL_PASSWORT, "sachbearbeitung", "wartung")
        personal = ApiKlient(betreiber.url)
        personal.login(PERSONAL, PERSONAL_PASSWORT)
        haushalte = {}
        for nummer, name in enumerate(reihen.haushalte, start=1):
            haushalte[name] = create_haushalt(
                betreiber, personal, personal, nummer, reihen.von, ordner / "zaehler" / str(nummer)
            )
            fortschritt.show(f"meters enrolled: {nummer} of {len(reihen.haushalte)}")
        anzahl, sekunden, quarantaene = deliver_all(haushalte, reihen)
        gleich = ask_all(betreiber, haushalte, reihen, erwartet, quarantaene)
        print(f"\n{len(gleich)} of {len(haushalte)} households equal before folding", flush=True)
        betreiber.call("ablesungen", "falten", "--nach-tagen", "0")
        gleich &= ask_all(betreiber, haushalte, reihen, erwartet, quarantaene)
    print(
        f"\n{len(gleich)} of {len(haushalte)} households equal, {anzahl} readings,"
        f" {anzahl / sekunden:.0f} readings/s",
        flush=True,
    )
    return len(gleich) == len(haushalte)


def check_empty(database: str) -> None:
    """Refuse a database with tables: a replay must not mix with an operator's data."""
    engine = sqlalchemy.create_engine(database)
    try:
        tabellen = sqlalchemy.inspect(engine).get_table_names()
    except sqlalchemy.exc.SQLAlchemyError as error:
        raise EingabeFehler(f"the database cannot be used: {error}") from error
    finally:
        engine.dispose()
    if tabellen:
        raise EingabeFehler("the database is not empty; make a new one, for example with: createdb replay")


def _month(zeitpunkt: str) -> str:
    return local_date(datetime.fromisoformat(zeitpunkt)).strftime("%Y-%m")


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="scripts/replay",
        description="Replay measured household load through meters, channel and operator, and compare what the "
        "public API says with the expected sums, before the days are folded and after. Exit code 0 only if every "
        "household is equal both times.",
        epilog="example: scripts/replay load.csv.gz --expect sums.json --database postgresql://msb@localhost/replay",
    )
    parser.add_argument("file", type=Path, help="CSV, gzipped: interval start in UTC, then integer Wh a household")
    parser.add_argument(
        "--expect", type=Path, required=True, metavar="SUMS.json", help="expected sums by household"
    )
    parser.add_argument(
        "--database", metavar="URL", help="an empty database; default: SQLite in a temporary folder"
    )
    argumente = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="msb-replay-") as ordner:
        try:
            return 0 if run(argumente.file, argumente.expect, argumente.database, Path(ordner)) else 1
        except (EingabeFehler, BetreiberFehler, OSError, json.JSONDecodeError) as error:
            print(f"\nscripts/replay: {error}", file=sys.stderr)
            return 2
        except KeyboardInterrupt:
            print("\nStopped.", file=sys.stderr)
            return 130


if __name__ == "__main__":
    sys.exit(main())

"""scripts/bench, the storage: bytes a reading as rows and as blocks, and the fleet for the questions.

Bytes are what the tables and all their indexes grow by. The rows are folded night by night, as the sweep does it:
pages fill differently when a day of all meters comes at once.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Engine, delete, insert, text

from betreiber.ablesung import speicher
from betreiber.ablesung.tagesblock import TAG_S, VIERTELSTUNDEN
from db.models import Tagesstand, Telegrammstand, Verbrauch, VerbrauchTag
from db.session import create_session
from scripts.bench_daten import iter_blocks, load_fleet

ERSTER_TAG = 20_089  # 2025-01-01
# So many meters' blocks are in memory at once.
ZAEHLER_JE_LADUNG = 1000
_GROESSE_POSTGRESQL = """
SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relname = ANY (:tabellen) OR oid IN
(SELECT inhrelid FROM pg_inherits JOIN pg_class ON pg_class.oid = inhparent WHERE relname = ANY (:tabellen))
"""
_GROESSE_SQLITE = (
    "SELECT sum(pgsize) FROM dbstat WHERE name IN (SELECT name FROM sqlite_schema WHERE tbl_name IN"
    " (SELECT value FROM json_each(:tabellen)))"
)


def measure(engine: Engine, quick: bool, melde: Callable[[str], None]) -> dict[str, float]:
    """Bytes a reading of an empty database; it is empty again afterwards."""
    zaehler, tage = (40, 28) if quick else (80, 49)
    zeilen, gefaltet = _fill_and_fold(engine, zaehler, tage, True, melde)
    _, register = _fill_and_fold(engine, zaehler, tage, False, melde)
    return {
        "bytes_per_reading_rows": zeilen,
        "bytes_per_reading_folded": gefaltet,
        "bytes_per_reading_folded_register_only": register,
    }


def _fill_and_fold(
    engine: Engine, anzahl: int, tage: int, leistung: bool, melde: Callable[[str], None]
) -> tuple[float, float]:
    was = "with power" if leistung else "registers only"
    nummern = range(1, anzahl + 1)
    messwerte = anzahl * tage * VIERTELSTUNDEN
    vorher = _bytes(engine, Verbrauch, Tagesstand), _bytes(engine, VerbrauchTag)
    flotte = load_fleet()
    with create_session(engine) as session:
        connection = session.connection()
        for nummer in nummern:
            melde(f"rows, {was}: meter {nummer} of {anzahl}")
            _insert_rows(
                connection,
                nummer,
                flotte.readings(nummer, range(ERSTER_TAG, ERSTER_TAG + tage), leistung=leistung),
            )
        session.commit()
        zeilen = _bytes(engine, Verbrauch, Tagesstand) - vorher[0]
        for tag in range(tage):
            melde(f"folding, {was}: day {tag + 1} of {tage}")
            speicher.fold(session, nummern, ERSTER_TAG + tag + 1)
            session.commit()
    gefaltet = _bytes(engine, VerbrauchTag) - vorher[1]
    _empty(engine)
    return zeilen / messwerte, gefaltet / messwerte


def _insert_rows(connection: Connection, nummer: int, tage: Iterator[Sequence[speicher.Ablesung]]) -> None:
    spalten = [spalte.name for spalte in Verbrauch.__table__.columns]
    for ablesungen in tage:
        zeilen = [dict(zip(spalten, (nummer, *ablesung), strict=True)) for ablesung in ablesungen]
        connection.execute(insert(Verbrauch), zeilen)
        tag = ablesungen[0].uhrzeit // TAG_S
        anzahl = {"anzahl": len(ablesungen), "gemessen": len(ablesungen)}
        connection.execute(insert(Tagesstand), {"stromzaehler_id": nummer, "tag": tag, **anzahl})


def _empty(engine: Engine) -> None:
    """Away with the rows; on PostgreSQL with their pages, too."""
    tabellen = [Verbrauch, VerbrauchTag, Tagesstand, Telegrammstand]
    with engine.begin() as connection:
        for tabelle in tabellen:
            if engine.dialect.name == "postgresql":
                connection.execute(text(f"TRUNCATE {tabelle.__tablename__}"))
            else:
                connection.execute(delete(tabelle))


def _bytes(engine: Engine, *tabellen: Any) -> int:
    namen = [tabelle.__tablename__ for tabelle in tabellen]
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            return int(connection.scalar(text(_GROESSE_POSTGRESQL), {"tabellen": namen}))
        return int(connection.scalar(text(_GROESSE_SQLITE), {"tabellen": json.dumps(namen)}))


def load_blocks(engine: Engine, nummern: Sequence[int], tage: Sequence[int], melde: Callable[[str], None]) -> None:
    """The year of meters 1, 2, ... of the fleet as blocks of the meters `nummern`.

    By COPY on PostgreSQL and executemany on SQLite, day by day of all meters, as the nights would.
    """
    bloecke: list[list[bytes]] = []
    for zaehler, einer in iter_blocks(len(nummern), tage):
        bloecke.append(einer)
        melde(f"a year of readings: meter {zaehler} of {len(nummern)}")
        if len(bloecke) == ZAEHLER_JE_LADUNG or zaehler == len(nummern):
            anfang = zaehler - len(bloecke)
            zeilen = (
                (nummer, tag, VIERTELSTUNDEN, VIERTELSTUNDEN, block)
                for tag, nacht in zip(tage, zip(*bloecke, strict=True), strict=True)
                for nummer, block in zip(nummern[anfang:], nacht, strict=False)
            )
            _copy(engine, zeilen)
            bloecke = []
    # As autovacuum does with days that are over.
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE" if engine.dialect.name == "postgresql" else "ANALYZE"))


def _copy(engine: Engine, zeilen: Iterator[tuple[int, int, int, int, bytes]]) -> None:
    with engine.begin() as connection:
        cursor: Any = connection.connection.cursor()
        if engine.dialect.name == "postgresql":
            with cursor.copy(
                "COPY verbrauch_tag (stromzaehler_id, tag, anzahl, gemessen, inhalt) FROM STDIN (FORMAT BINARY)"
            ) as copy:
                copy.set_types(["int8", "int4", "int2", "int2", "bytea"])
                for zeile in zeilen:
                    copy.write_row(zeile)
        else:
            cursor.executemany(
                "INSERT INTO verbrauch_tag (stromzaehler_id, tag, anzahl, gemessen, inhalt)"
                " VALUES (?, ?, ?, ?, ?)",
                zeilen,
            )

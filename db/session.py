"""Engines and sessions, the same for SQLite and PostgreSQL.

Writers on SQLite begin with BEGIN IMMEDIATE: two writers then wait for each other instead of failing when the
second one upgrades its lock. Who only reads says so (`lesen=True`) and never waits.
"""

import math
import sqlite3
import time
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy
from psycopg.types.array import ArrayBinaryLoader, ListBinaryDumper
from sqlalchemy import Engine, event
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.exc import (
    IntegrityError,
    InterfaceError,
    InvalidatePoolError,
    OperationalError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

NUR_LESEN = "msb_nur_lesen"
_EIN_STAND = "msb_ein_stand"
# A connection that was used so lately is taken to be there: asking costs as much as a statement.
UNGEFRAGT_S = 2.0
# SQLSTATE of PostgreSQL: lock_not_available, deadlock_detected.
_EINER_WARTET = frozenset({"55P03", "40P01"})


def create_engine(
    url: str, *, pool_groesse: int = 10, wartezeit_s: float = 5.0, ungefragt_s: float = UNGEFRAGT_S
) -> Engine:
    """An engine with the settings that durability and correctness need.

    What a statement is given never appears in an error: it may be personal.
    `url`: `sqlite:///FILE` or `postgresql://...`. `wartezeit_s`: how long a writer waits for another, and how
    long anybody waits for a free connection. `ungefragt_s`: how long after its last use a connection is taken to
    be there.
    """
    adresse = make_url(url)
    if adresse.get_backend_name() == "sqlite":
        if adresse.database:
            Path(adresse.database).parent.mkdir(parents=True, exist_ok=True)
        engine = sqlalchemy.create_engine(
            adresse,
            connect_args={"timeout": wartezeit_s, "isolation_level": None, "check_same_thread": False},
            pool_size=pool_groesse,
            hide_parameters=True,
            max_overflow=0,
            pool_timeout=wartezeit_s,
        )
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    if adresse.get_backend_name() != "postgresql":
        raise ValueError(
            f"unknown database {adresse.get_backend_name()!r}: use sqlite:///FILE or postgresql://..."
        )
    engine = sqlalchemy.create_engine(
        adresse,
        pool_size=pool_groesse,
        hide_parameters=True,
        max_overflow=0,
        pool_timeout=wartezeit_s,
        connect_args={
            "connect_timeout": int(wartezeit_s) or 1,
            "cursor_factory": _Binaercursor,
            # A server that is gone without a word is noticed while an answer is waited for.
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": int(wartezeit_s * 1000),
            "options": f"-c timezone=UTC -c lock_timeout={int(wartezeit_s * 1000)}",
        },
    )
    event.listen(engine, "connect", _adapt)
    event.listen(engine, "begin", _begin_postgresql)
    _ask_idle_ones(engine, ungefragt_s)
    return engine


def create_session(engine: Engine, *, lesen: bool = False) -> Session:
    """A session. With `lesen`, its transactions only read and see one state of the database."""
    if not lesen:
        return Session(engine, expire_on_commit=False)
    art = _Lesesitzung if engine.dialect.name == "postgresql" else Session
    return art(_for_reading(engine), expire_on_commit=False)


@lru_cache(maxsize=8)
def _for_reading(engine: Engine) -> Engine:
    """The same connections, for transactions that only read; kept, because to make it costs as much as a query."""
    return engine.execution_options(**{NUR_LESEN: True, _EIN_STAND: True})


class _Binaercursor(psycopg.Cursor[Any]):
    """Gets values as they are: blocks of bytes as text are twice as long, and cost twice as much to read."""

    def __init__(self, connection: Any, **wie: Any) -> None:
        super().__init__(connection, **wie)
        self.format = psycopg.pq.Format.BINARY


class _Lesesitzung(Session):
    """Ends what only read with COMMIT: at a ROLLBACK psycopg forgets which statements PostgreSQL has prepared."""

    def close(self) -> None:
        # A transaction that failed, or whose server is gone, is rolled back.
        with suppress(SQLAlchemyError):
            if self.in_transaction():
                self.commit()
        super().close()


def begin_read(session: Session) -> None:
    """Let the next transaction of a writing session only read, so that it takes no write lock on SQLite."""
    session.connection(execution_options={NUR_LESEN: True})


def is_unavailable(error: Exception) -> bool:
    """Whether the database refuses everybody just now: it is away, or full, or every connection is in use.

    A lock that somebody else held for too long, or a deadlock (PostgreSQL), is the matter of one transaction.
    """
    if not isinstance(error, (OperationalError, InterfaceError, PoolTimeout)):
        return False
    return getattr(getattr(error, "orig", None), "sqlstate", None) not in _EINER_WARTET


def violated_overlap(error: IntegrityError) -> str | None:
    """The EXCLUDE constraint that refused an interval (PostgreSQL, SQLSTATE 23P01); None for another cause."""
    ursache: Any = error.orig
    return ursache.diag.constraint_name if getattr(ursache, "sqlstate", None) == "23P01" else None


class _Vektor(ArrayBinaryLoader):
    """What the catalogue of PostgreSQL calls a vector, as the text that SQLAlchemy reads."""

    def load(self, data: Any) -> Any:
        return " ".join(map(str, super().load(data)))


def _adapt(connection: Any, _record: Any) -> None:
    # As text, each value of a list is searched for what needs a quote.
    connection.adapters.register_dumper(list, ListBinaryDumper)
    for name in ("int2vector", "oidvector"):
        connection.adapters.register_loader(name, _Vektor)


def _ask_idle_ones(engine: Engine, ungefragt_s: float) -> None:
    """Let the pool make connections anew that lay idle and whose server is gone meanwhile.

    As pool_pre_ping does, which asks each time. When the server has gone within the last seconds, the first to use
    a connection learns it as a refusal (503), and all connections are made anew.
    """
    zuletzt = "msb_zuletzt_benutzt"

    def note(_connection: Any, record: Any) -> None:
        record.info[zuletzt] = time.monotonic()

    def ask(connection: Any, record: Any, _proxy: Any) -> None:
        # A new one was not used yet.
        if time.monotonic() - record.info.get(zuletzt, math.inf) < ungefragt_s:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError from error

    event.listen(engine, "checkin", note)
    event.listen(engine, "checkout", ask)


def _prepare_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "trusted_schema=OFF"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_postgresql(connection: Connection) -> None:
    """Let a transaction that only reads see one state of the database.

    As the options isolation_level and postgresql_readonly do, which set and reset both at each use.
    """
    treiber: Any = connection.connection.dbapi_connection
    ein_stand = connection.get_execution_options().get(_EIN_STAND, False)
    if treiber.read_only is not ein_stand:
        treiber.read_only = ein_stand
        treiber.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ if ein_stand else None


def _begin_sqlite(connection: Connection) -> None:
    lesen = connection.get_execution_options().get(NUR_LESEN, False)
    connection.exec_driver_sql("BEGIN" if lesen else "BEGIN IMMEDIATE")

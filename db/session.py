"""Engines and sessions, the same for SQLite and PostgreSQL.

Writers on SQLite begin with BEGIN IMMEDIATE: two writers then wait for each other instead of failing when the
second one upgrades its lock. Who only reads says so (`lesen=True`) and never waits.
"""

import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy import Engine, event
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.exc import IntegrityError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

NUR_LESEN = "msb_nur_lesen"
# SQLSTATE of PostgreSQL: lock_not_available, deadlock_detected.
_EINER_WARTET = frozenset({"55P03", "40P01"})


def create_engine(url: str, *, pool_groesse: int = 10, wartezeit_s: float = 5.0) -> Engine:
    """An engine with the settings that durability and correctness need.

    What a statement is given never appears in an error: it may be personal.
    `url`: `sqlite:///FILE` or `postgresql://...`. `wartezeit_s`: how long a writer waits for another, and how
    long anybody waits for a free connection.
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
    return sqlalchemy.create_engine(
        adresse,
        pool_size=pool_groesse,
        hide_parameters=True,
        max_overflow=0,
        pool_timeout=wartezeit_s,
        pool_pre_ping=True,
        connect_args={
            "connect_timeout": int(wartezeit_s) or 1,
            # A server that is gone without a word is noticed while an answer is waited for.
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": int(wartezeit_s * 1000),
            "options": f"-c timezone=UTC -c lock_timeout={int(wartezeit_s * 1000)}",
        },
    )


def create_session(engine: Engine, *, lesen: bool = False) -> Session:
    """A session. With `lesen`, its transactions only read and see one state of the database."""
    if not lesen:
        return Session(engine, expire_on_commit=False)
    optionen: dict[str, Any] = {NUR_LESEN: True}
    if engine.dialect.name == "postgresql":
        optionen |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        return _Lesesitzung(engine.execution_options(**optionen), expire_on_commit=False)
    return Session(engine.execution_options(**optionen), expire_on_commit=False)


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


def _prepare_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "trusted_schema=OFF"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    lesen = connection.get_execution_options().get(NUR_LESEN, False)
    connection.exec_driver_sql("BEGIN" if lesen else "BEGIN IMMEDIATE")

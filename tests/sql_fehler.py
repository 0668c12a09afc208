"""The n-th SQL statement of some work fails, for every n: nothing half-done may stay, and a repetition heals.

The failure is the database's own: the statement is swapped for one that it refuses as it refuses when it has no
room, so that on PostgreSQL the transaction is broken off, too. COMMIT counts as a statement.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import OperationalError
from werkzeug.test import TestResponse

from db.base import Base
from db.session import NUR_LESEN
from db.types import ZeilenId

# Both fail with OperationalError: a table that is not there; a text over the limit (SQLSTATE 54000).
_UNMOEGLICH = {
    "sqlite": "INSERT INTO gibt_es_nicht VALUES (1)",
    "postgresql": "SELECT repeat('x', 2000000000)",
}
# Work that needs more statements than this is too long for a test of this kind.
HOECHSTENS = 300

Inhalt = dict[str, list[Any]]


def fail_each_statement(engine: Engine, tun: Callable[[], Any], *, in_schritten: bool = False) -> int:
    """Let statement 1, 2, ... of `tun` fail until it passes; returns how many there are.

    Each failure must be told, by OperationalError or by an answer 503 with Retry-After, and must leave the whole
    database as it was. With `in_schritten` the work may commit on its way: then the same call, repeated, must end
    where an undisturbed one ends. At last the work has been done once.
    """
    with Abbild(engine) as abbild:
        vorher = abbild.read()
        ende = vorher
        if in_schritten:
            tun()
            ende = abbild.read()
            abbild.restore()
        for nummer in range(1, HOECHSTENS):
            with failing_statement(nummer) as geschehen:
                gelungen = _succeeds(tun)
            if not geschehen:
                assert gelungen, "refused although nothing failed"
                break
            wo = f"statement {nummer}: {geschehen[0]}"
            if not in_schritten:
                assert not gelungen, f"{wo} failed and nobody was told"
                assert changes(vorher, abbild.read()) == {}, wo
            elif changes(vorher, abbild.read()):
                assert _succeeds(tun), f"cannot be repeated after {wo}"
                assert changes(ende, abbild.read()) == {}, wo
                abbild.restore()
        else:
            raise AssertionError(f"more than {HOECHSTENS} statements")
        if in_schritten:
            assert changes(ende, abbild.read()) == {}
    return nummer - 1


def changes(vorher: Inhalt, nachher: Inhalt) -> dict[str, tuple[list[Any], list[Any]]]:
    """By table: the rows that are gone, and those that came."""
    return {
        name: (
            [zeile for zeile in zeilen if zeile not in nachher[name]],
            [zeile for zeile in nachher[name] if zeile not in zeilen],
        )
        for name, zeilen in vorher.items()
        if zeilen != nachher[name]
    }


@contextmanager
def failing_statement(nummer: int) -> Iterator[list[str]]:
    """Let the statement of that number fail, whatever engine runs it; the list then names it."""
    gezaehlt = 0
    geschehen: list[str] = []

    def due(anweisung: str) -> bool:
        nonlocal gezaehlt
        gezaehlt += 1
        if gezaehlt == nummer:
            geschehen.append(anweisung)
        return gezaehlt == nummer

    def swap(connection: Connection, _cursor: Any, anweisung: str, werte: Any, _: Any, viele: bool) -> Any:
        if due(anweisung):
            # A list is a row each, and one mapping is many rows in one statement.
            return _UNMOEGLICH[connection.dialect.name], [()] if viele and isinstance(werte, list) else ()
        return anweisung, werte

    def refuse_commit(connection: Connection) -> None:
        # What only read is done when it ends, however it ends.
        if not connection.get_execution_options().get(NUR_LESEN) and due("COMMIT"):
            # A database that cannot commit has rolled back.
            connection.connection.rollback()
            try:
                connection.connection.cursor().execute(_UNMOEGLICH[connection.dialect.name])
            except (sqlite3.OperationalError, psycopg.OperationalError) as error:
                connection.connection.rollback()
                raise OperationalError("COMMIT", None, error) from error

    event.listen(Engine, "before_cursor_execute", swap, retval=True)
    event.listen(Engine, "commit", refuse_commit)
    try:
        yield geschehen
    finally:
        event.remove(Engine, "before_cursor_execute", swap)
        event.remove(Engine, "commit", refuse_commit)


@contextmanager
def lost_answer_to_commit() -> Iterator[None]:
    """What is committed is there, but whoever committed is told of a broken connection."""

    def lose(connection: Connection) -> None:
        connection.connection.commit()
        raise OperationalError("COMMIT", None, ConnectionResetError())

    event.listen(Engine, "commit", lose)
    try:
        yield
    finally:
        event.remove(Engine, "commit", lose)


def _succeeds(tun: Callable[[], Any]) -> bool:
    """Whether the work was done; a refusal must be one that tells to come again."""
    try:
        antwort = tun()
    except OperationalError:
        return False
    if isinstance(antwort, TestResponse) and antwort.status_code >= 400:
        assert antwort.status_code == 503, antwort.text
        assert int(antwort.headers["Retry-After"]) > 0
        return False
    return True


class Abbild:
    """All tables of a database: read, and put back to what they held at the begin.

    Running numbers of rows, and what names them, are left out of what is compared: PostgreSQL gives none twice.
    """

    def __init__(self, engine: Engine) -> None:
        self._sqlite = engine.dialect.name == "sqlite"
        self._spalten = {
            tabelle.name: ", ".join(
                spalte.name
                for spalte in tabelle.columns
                if spalte.type is not ZeilenId and spalte.name != "objekt_id"
            )
            for tabelle in Base.metadata.sorted_tables
        }
        if self._sqlite:
            self._datei = sqlite3.connect(str(engine.url.database), isolation_level=None)
            self._vorher = sqlite3.connect(":memory:")
            self._datei.backup(self._vorher)
            return
        url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._server = psycopg.connect(url, autocommit=True)
        self._server.execute("CREATE SCHEMA vorher")
        for name in self._spalten:
            self._server.execute(f"CREATE TABLE vorher.{name} AS TABLE public.{name}")
        self._abfrage = " UNION ALL ".join(
            f"SELECT '{name}', array_agg(ROW({spalten})::text) FROM {name}"
            for name, spalten in self._spalten.items()
        )

    def __enter__(self) -> "Abbild":
        return self

    def __exit__(self, *_: Any) -> None:
        if self._sqlite:
            self._vorher.close()
            self._datei.close()
        else:
            self._server.execute("SET client_min_messages = warning; DROP SCHEMA vorher CASCADE")
            self._server.close()

    def read(self) -> Inhalt:
        """What is committed, by table."""
        if self._sqlite:
            return {
                name: sorted(map(repr, self._datei.execute(f"SELECT {spalten} FROM {name}")))
                for name, spalten in self._spalten.items()
            }
        return {name: sorted(zeilen or ()) for name, zeilen in self._server.execute(self._abfrage)}

    def restore(self) -> None:
        """Put back what was there at the begin."""
        if self._sqlite:
            self._vorher.backup(self._datei)
            return
        with self._server.transaction():
            # Neither foreign keys nor the triggers of append-only tables.
            self._server.execute("SET LOCAL session_replication_role = replica")
            for name in self._spalten:
                self._server.execute(f"DELETE FROM public.{name}")
                self._server.execute(f"INSERT INTO public.{name} SELECT * FROM vorher.{name}")

"""The tables of readings, and how SQL and domain values meet; the statements of both databases read alike."""

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Connection,
    Dialect,
    Executable,
    FromClause,
    Row,
    SQLColumnExpression,
    Table,
    Text,
    bindparam,
    column,
    func,
    select,
    table,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import FunctionElement
from sqlalchemy.types import TypeDecorator

from betreiber.ablesung.domain import Ablesung, Herkunft, Qualitaet
from db.models import Neuberechnung, Tagesstand, Verbrauch, VerbrauchFassung, VerbrauchTag

TAG_S = 86_400
# From so many rows on COPY is worth a table of its own.
KOPIEREN_AB = 1000
VERBRAUCH: Table = Verbrauch.__table__  # type: ignore[assignment]
VERBRAUCH_TAG: Table = VerbrauchTag.__table__  # type: ignore[assignment]
FASSUNG: Table = VerbrauchFassung.__table__  # type: ignore[assignment]
TAGESSTAND: Table = Tagesstand.__table__  # type: ignore[assignment]
NEUBERECHNUNG: Table = Neuberechnung.__table__  # type: ignore[assignment]
V, T, F, S = VERBRAUCH.c, VERBRAUCH_TAG.c, FASSUNG.c, TAGESSTAND.c
# The fields of an Ablesung, in its order.
SPALTEN = (
    "uhrzeit",
    "stromverbrauch_gesamt_wh",
    "einspeisung_gesamt_wh",
    "stromverbrauch_momentan_w",
    "qualitaet",
    "status",
    "empfangen",
    "herkunft",
)
ABLESUNG = tuple(V[name] for name in SPALTEN)
# A look-up is several times faster than the call of an enum.
_QUALITAET = {int(qualitaet): qualitaet for qualitaet in Qualitaet}
_HERKUNFT = {int(herkunft): herkunft for herkunft in Herkunft}


def as_ablesung(zeile: Sequence[Any] | Row[Any]) -> Ablesung:
    """A reading from the columns SPALTEN, which come first."""
    uhrzeit, bezug_wh, einspeisung_wh, leistung_w, qualitaet, status, empfangen, herkunft = zeile[:8]
    return Ablesung(
        uhrzeit,
        bezug_wh,
        einspeisung_wh,
        leistung_w,
        _QUALITAET[qualitaet],
        status,
        empfangen,
        _HERKUNFT[herkunft],
    )


def as_qualitaet(wert: int) -> Qualitaet:
    """The quality that is stored as this number."""
    return _QUALITAET[wert]


class Zahlen(TypeDecorator[Sequence[int]]):
    """Many integers as one parameter, so that a statement is built once for any number of them."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        return dialect.type_descriptor(postgresql.ARRAY(BigInteger) if is_postgresql(dialect) else Text())

    def process_bind_param(self, value: Sequence[int] | None, dialect: Dialect) -> Any:
        return value if is_postgresql(dialect) else json.dumps(value)


class Among(FunctionElement[bool]):
    """`column` is one of the integers in the parameter."""

    type = Boolean()
    inherit_cache = True
    # Otherwise SQLAlchemy asks on SQLite whether it "= 1", and SQLite looks at every row instead of at its key.
    _is_implicitly_boolean = True


def among(spalte: SQLColumnExpression[int], name: str) -> Among:
    """Whether a column is one of the integers that the statement gets as `name`."""
    return Among(spalte, bindparam(name, type_=Zahlen()))


@compiles(Among, "postgresql")
def _among_postgresql(element: Among, compiler: SQLCompiler, **kw: Any) -> str:
    spalte, werte = (compiler.process(teil, **kw) for teil in element.clauses)
    return f"{spalte} = ANY ({werte})"


@compiles(Among, "sqlite")
def _among_sqlite(element: Among, compiler: SQLCompiler, **kw: Any) -> str:
    spalte, werte = (compiler.process(teil, **kw) for teil in element.clauses)
    return f"{spalte} IN (SELECT value FROM json_each({werte}))"  # noqa: S608 - built by SQLAlchemy


def is_postgresql(wer: Dialect | Session) -> bool:
    """Which of the two databases it is."""
    dialekt = wer.get_bind().dialect if isinstance(wer, Session) else wer
    return dialekt.name == "postgresql"


class ForEach:
    """A statement that is asked for many tuples of integers at once, built once for any number of them."""

    def __init__(self, spalten: Sequence[str], build: Callable[[FromClause], Executable]) -> None:
        """`build` makes the statement over a table of the tuples, which has these columns."""
        self._spalten = spalten
        felder = [bindparam(name, type_=postgresql.ARRAY(BigInteger)) for name in spalten]
        self._postgresql = build(func.unnest(*felder).table_valued(*spalten, name="gefragt").render_derived())
        stelle = func.json_each(bindparam("tupel")).table_valued("value")
        werte = (func.json_extract(stelle.c.value, f"$[{nr}]").label(name) for nr, name in enumerate(spalten))
        self._sqlite = build(select(*werte).subquery("gefragt"))

    def execute(self, session: Session, tupel: Sequence[Sequence[int]]) -> Iterable[Any]:
        """The rows of all of them, in no order."""
        if is_postgresql(session):
            felder = dict(zip(self._spalten, map(list, zip(*tupel, strict=True)), strict=True))
            return session.execute(self._postgresql, felder)
        return session.execute(self._sqlite, {"tupel": json.dumps(tupel)})


class BulkInsert:
    """Rows of a table in one statement, built once for any number of them.

    PostgreSQL gets an array a column, many times cheaper than a statement a row; a great many rows go by COPY to a
    table of their own first, for half of the work. On SQLite executemany is fastest.
    """

    def __init__(
        self,
        tabelle: Table,
        spalten: Sequence[str],
        konflikt: Callable[[Any], Any] = lambda anweisung: anweisung,
    ) -> None:
        """`konflikt` adds what to do with a row whose key is there."""
        self._spalten = spalten
        felder = [bindparam(name, type_=postgresql.ARRAY(tabelle.c[name].type)) for name in spalten]
        felder_als_zeilen = func.unnest(*felder).table_valued(*spalten).render_derived(name="neu")
        kopie = table("neu", *map(column, spalten))
        self._postgresql, self._aus_kopie = (
            konflikt(
                postgresql.insert(tabelle).from_select(list(spalten), select(*(quelle.c[n] for n in spalten)))
            )
            for quelle in (felder_als_zeilen, kopie)
        )
        namen = ", ".join(spalten)
        self._anlegen = text(
            f"CREATE TEMPORARY TABLE neu ON COMMIT DROP AS SELECT {namen} FROM {tabelle.name} WITH NO DATA"  # noqa: S608
        )
        self._kopieren = f"COPY neu ({namen}) FROM STDIN"
        self._sqlite: Executable = konflikt(sqlite.insert(tabelle))

    def execute(self, session: Session, zeilen: Sequence[Sequence[Any]]) -> None:
        """Insert them, each with its values in the order of the columns; nothing to do for none."""
        if not zeilen:
            return
        if not is_postgresql(session):
            session.execute(self._sqlite, [dict(zip(self._spalten, zeile, strict=True)) for zeile in zeilen])
        elif len(zeilen) < KOPIEREN_AB:
            felder = dict(zip(self._spalten, map(list, zip(*zeilen, strict=True)), strict=True))
            session.execute(self._postgresql, felder)
        else:
            session.execute(self._anlegen)
            self._copy(session.connection(), zeilen)
            session.execute(self._aus_kopie)
            session.execute(_KOPIE_WEG)

    def _copy(self, connection: Connection, zeilen: Iterable[Sequence[Any]]) -> None:
        treiber: Any = connection.dialect.loaded_dbapi
        cursor: Any = connection.connection.cursor()
        try:
            with cursor.copy(self._kopieren) as kopie:
                for zeile in zeilen:
                    kopie.write_row(zeile)
        except treiber.Error as error:
            # SQLAlchemy knows nothing of COPY; whoever catches its errors has to get this one, too.
            raise DBAPIError.instance(self._kopieren, None, error, treiber.Error) from error
        finally:
            cursor.close()


_KOPIE_WEG = text("DROP TABLE neu")

"""Connections of PostgreSQL: servers that go away, transactions that only read, values that travel as bytes."""

from collections.abc import Iterator

import pytest
import sqlalchemy
from sqlalchemy import Engine, inspect, text
from sqlalchemy.exc import InternalError, OperationalError

from db.session import create_engine, create_session, is_unavailable


@pytest.fixture(params=[0.0], ids=["asked"])
def postgres_engine(request: pytest.FixtureRequest, postgres_url: str) -> Iterator[Engine]:
    """`params`: seconds after its use in which a connection is not asked."""
    engine = create_engine(postgres_url, pool_groesse=2, ungefragt_s=request.param)
    yield engine
    engine.dispose()


def backend(engine: Engine) -> int:
    with create_session(engine) as session:
        return session.scalar(text("SELECT pg_backend_pid()"))


def terminate(engine: Engine, nummer: int) -> None:
    andere = sqlalchemy.create_engine(engine.url)
    with andere.connect() as connection:
        assert connection.scalar(text("SELECT pg_terminate_backend(:nummer, 5000)"), {"nummer": nummer})
    andere.dispose()


def test_a_connection_that_lay_idle_is_made_anew_when_its_server_has_gone(postgres_engine):
    nummer = backend(postgres_engine)
    assert backend(postgres_engine) == nummer
    terminate(postgres_engine, nummer)
    assert backend(postgres_engine) != nummer


@pytest.mark.parametrize("postgres_engine", [3600.0], indirect=True, ids=["not asked"])
def test_one_in_use_is_refused_once_and_then_made_anew(postgres_engine):
    nummer = backend(postgres_engine)
    terminate(postgres_engine, nummer)
    with pytest.raises(OperationalError) as fehler:
        backend(postgres_engine)
    assert is_unavailable(fehler.value)
    assert backend(postgres_engine) != nummer


def test_who_only_reads_sees_one_state_and_cannot_write(postgres_engine):
    with create_session(postgres_engine) as session:
        session.execute(text("CREATE TABLE probe (zahl int)"))
        session.commit()
    with create_session(postgres_engine, lesen=True) as leser, create_session(postgres_engine) as schreiber:
        zaehlen = text("SELECT count(*) FROM probe")
        assert leser.scalar(zaehlen) == 0
        schreiber.execute(text("INSERT INTO probe VALUES (1)"))
        schreiber.commit()
        assert leser.scalar(zaehlen) == 0
        with pytest.raises(InternalError, match="read-only"):
            leser.execute(text("INSERT INTO probe VALUES (2)"))
    # The same connections write again, and see what others commit meanwhile.
    with create_session(postgres_engine) as schreiber, create_session(postgres_engine) as anderer:
        assert schreiber.scalar(zaehlen) == 1
        anderer.execute(text("INSERT INTO probe VALUES (2)"))
        anderer.commit()
        assert schreiber.scalar(zaehlen) == 2


def test_values_and_lists_travel_as_bytes_and_come_back_as_they_were(postgres_engine):
    frage = text(
        "SELECT CAST(:zahlen AS bigint[]), CAST(:leer AS bigint[]), CAST(:bytes AS bytea[]),"
        " CAST('12.340' AS numeric), CAST('{\"a\": [1, null]}' AS json), CAST('2026-03-29' AS date),"
        " CAST('2026-03-29T01:00:00Z' AS timestamptz)"
    )
    werte = {"zahlen": [1, None, 2**40, -(2**63)], "leer": [], "bytes": [b"\x00\xff", None, b""]}
    with create_session(postgres_engine) as session:
        zeile = session.execute(frage, werte).one()
    assert list(zeile[:3]) == list(werte.values())
    assert [str(wert) for wert in zeile[3:]] == [
        "12.340",
        "{'a': [1, None]}",
        "2026-03-29",
        "2026-03-29 01:00:00+00:00",
    ]


def test_tables_can_be_inspected(postgres_engine):
    assert inspect(postgres_engine).get_indexes("einbau")

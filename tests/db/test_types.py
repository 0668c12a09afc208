"""Column types: what goes in comes out, on both databases, and what would lose something is refused."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, insert, select, text
from sqlalchemy.exc import DataError, StatementError

from db.types import Dezimal, Zeitpunkt

ZEIT = datetime(2026, 3, 29, 0, 59, 59, 123456, tzinfo=UTC)


@pytest.fixture
def probe(engine):
    """A table with one column of each type."""
    tabelle = Table(
        "probe",
        MetaData(),
        Column("probe_id", Integer, primary_key=True),
        Column("zeitpunkt", Zeitpunkt),
        Column("preis_ct_kwh", Dezimal(10, 4)),
        sqlite_strict=True,
    )
    tabelle.create(engine)
    return tabelle


def store(engine, probe, **werte):
    """What is read back after a row was written."""
    with engine.begin() as connection:
        connection.execute(insert(probe).values(probe_id=1, **werte))
        (spalte,) = werte
        return connection.scalar(select(probe.c[spalte]))


@pytest.mark.parametrize(
    "zeitpunkt",
    [
        ZEIT,
        datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
        datetime(1900, 1, 1, tzinfo=UTC),
        datetime(2199, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    ],
)
def test_an_instant_comes_back_to_the_microsecond(engine, probe, zeitpunkt):
    gelesen = store(engine, probe, zeitpunkt=zeitpunkt)
    assert gelesen == zeitpunkt
    assert gelesen.tzinfo is UTC


def test_an_instant_of_another_zone_comes_back_in_utc(engine, probe):
    gelesen = store(engine, probe, zeitpunkt=datetime(2026, 3, 29, 3, tzinfo=timezone(timedelta(hours=2))))
    assert (gelesen, gelesen.utcoffset()) == (datetime(2026, 3, 29, 1, tzinfo=UTC), timedelta(0))


def test_a_naive_instant_is_refused(engine, probe):
    with pytest.raises(StatementError, match="naive datetime cannot be stored"):
        store(engine, probe, zeitpunkt=ZEIT.replace(tzinfo=None))


def test_instants_are_compared_in_the_database(engine, probe):
    store(engine, probe, zeitpunkt=ZEIT)
    with engine.connect() as connection:
        davor = select(probe.c.probe_id).where(probe.c.zeitpunkt < ZEIT + timedelta(microseconds=1))
        assert connection.scalars(davor).all() == [1]
        assert connection.scalars(select(probe.c.probe_id).where(probe.c.zeitpunkt < ZEIT)).all() == []


@pytest.mark.parametrize("text", ["0.1000", "31.4200", "-0.0001", "999999.9999", "0.0000"])
def test_a_decimal_comes_back_exactly(engine, probe, text):
    gelesen = store(engine, probe, preis_ct_kwh=Decimal(text))
    assert isinstance(gelesen, Decimal)
    assert str(gelesen) == text


def test_a_decimal_with_more_places_is_refused_not_rounded(engine, probe):
    with pytest.raises(StatementError, match="more decimal places"):
        store(engine, probe, preis_ct_kwh=Decimal("0.00005"))


def test_null_stays_null(engine, probe):
    assert store(engine, probe, zeitpunkt=None) is None


def test_null_decimal_stays_null(engine, probe):
    assert store(engine, probe, preis_ct_kwh=None) is None


def test_a_thousand_tenths_are_a_hundred(engine, probe):
    """What a float column would not give."""
    zeilen = [{"probe_id": n, "preis_ct_kwh": Decimal("0.1")} for n in range(1000)]
    with engine.begin() as connection:
        connection.execute(insert(probe), zeilen)
        assert sum(connection.scalars(select(probe.c.preis_ct_kwh))) == Decimal("100.0000")


def test_a_null_character_does_not_reach_the_database_by_accident(engine):
    """PostgreSQL cannot store it, SQLite can: the API refuses it before (tests/test_felder.py)."""
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            with pytest.raises(DataError):
                connection.execute(text("SELECT CAST(:wert AS TEXT)"), {"wert": "a\x00b"})
        else:
            assert connection.scalar(text("SELECT :wert"), {"wert": "a\x00b"}) == "a\x00b"

"""What the database itself keeps: append-only logs, intervals, settings of SQLite, partitions."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.orm.exc import StaleDataError

from db.models import Audit, Ereignis, KundeStromzaehler, Verbrauch
from db.schema import ensure_partitionen
from db.session import create_engine, create_session, violated_overlap
from tests.hilfen import Welt

JANUAR, FEBRUAR, MAERZ, APRIL = (datetime(2026, monat, 1, tzinfo=UTC) for monat in (1, 2, 3, 4))
ZEILEN = {
    Audit: {"akteur": "a", "aktion": "GEAENDERT", "objekt_art": "kunde", "objekt_id": 1, "alt": {}, "neu": {}},
    Ereignis: {"akteur": "a", "art": "KUNDE_ANGELEGT", "objekt_art": "kunde", "objekt_id": 1, "daten": {}},
}


@pytest.fixture
def postgres(postgres_url):
    engine = create_engine(postgres_url)
    yield engine
    engine.dispose()


@pytest.mark.parametrize("art", [Audit, Ereignis])
@pytest.mark.parametrize("befehl", ["UPDATE {} SET akteur = 'b'", "DELETE FROM {}"])
def test_logs_are_append_only(engine, art, befehl):
    with create_session(engine) as session:
        session.add(art(zeitpunkt=JANUAR, **ZEILEN[art]))
        session.commit()
        with pytest.raises(DBAPIError, match="append-only"):
            session.execute(text(befehl.format(art.__tablename__)))
        session.rollback()
        assert session.scalars(select(art.akteur)).all() == ["a"]


@pytest.mark.parametrize("tabelle", ["audit", "ereignis"])
def test_logs_cannot_be_truncated(postgres, tabelle):
    with postgres.connect() as connection, pytest.raises(DBAPIError, match="append-only"):
        connection.execute(text(f"TRUNCATE {tabelle}"))


@pytest.fixture
def paar(postgres, uhr):
    """A meter and two customers, on PostgreSQL."""
    welt = Welt(postgres, uhr)
    return welt, welt.stromzaehler(), welt.kunde(), welt.kunde()


@pytest.mark.parametrize(
    ("von", "bis"),
    [(FEBRUAR, APRIL), (JANUAR, None), (datetime(2025, 1, 1, tzinfo=UTC), FEBRUAR), (JANUAR, MAERZ)],
)
def test_postgresql_refuses_two_customers_of_a_meter(paar, von, bis):
    welt, zaehler, kunde, anderer = paar
    welt.zuordnung(kunde, zaehler, JANUAR, MAERZ)
    with pytest.raises(IntegrityError) as fehler:
        welt.zuordnung(anderer, zaehler, von, bis)
    assert violated_overlap(fehler.value) == "ex_kunde_stromzaehler_stromzaehler_id"


def test_intervals_are_half_open(paar):
    welt, zaehler, kunde, anderer = paar
    welt.zuordnung(kunde, zaehler, JANUAR, FEBRUAR)
    welt.zuordnung(anderer, zaehler, FEBRUAR, None)


def test_postgresql_refuses_a_meter_at_two_places_and_a_place_with_two_meters(paar):
    welt, zaehler, _, _ = paar
    hier, dort = welt.messstelle(), welt.messstelle()
    welt.einbau(zaehler, hier, JANUAR)
    with pytest.raises(IntegrityError) as fehler:
        welt.einbau(zaehler, dort, FEBRUAR)
    assert violated_overlap(fehler.value) == "ex_einbau_stromzaehler_id"
    with pytest.raises(IntegrityError) as fehler:
        welt.einbau(welt.stromzaehler(), hier, FEBRUAR, MAERZ)
    assert violated_overlap(fehler.value) == "ex_einbau_messstelle_id"


def test_an_interval_must_end_after_its_begin(engine, welt):
    with pytest.raises(IntegrityError) as fehler:
        welt.zuordnung(welt.kunde(), welt.stromzaehler(), FEBRUAR, FEBRUAR)
    assert violated_overlap(fehler.value) is None


def test_foreign_keys_hold(engine, welt):
    with pytest.raises(IntegrityError):
        welt.zuordnung(4711, welt.stromzaehler(), JANUAR)


def test_of_two_writers_the_second_learns_that_it_is_late(engine, welt):
    nummer = welt.zuordnung(welt.kunde(), welt.stromzaehler(), JANUAR)
    with create_session(engine, lesen=True) as session:
        gelesen = session.get(KundeStromzaehler, nummer)
    with create_session(engine) as session:
        session.execute(update(KundeStromzaehler).values(version=2, bis=MAERZ))
        session.commit()
    with create_session(engine) as session:
        zeile = session.merge(gelesen, load=False)
        zeile.bis = FEBRUAR
        with pytest.raises(StaleDataError):
            session.commit()


def test_sqlite_is_set_to_keep_what_it_acknowledged(sqlite_url):
    engine = create_engine(sqlite_url)
    with engine.connect() as connection:
        soll = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "trusted_schema": 0}
        assert {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in soll} == soll
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
    engine.dispose()


def test_who_only_reads_waits_for_no_writer(sqlite_url):
    engine = create_engine(sqlite_url, wartezeit_s=0.1)
    with create_session(engine) as schreibt, create_session(engine, lesen=True) as liest:
        schreibt.execute(text("SELECT 1"))  # BEGIN IMMEDIATE holds the lock of the one writer
        assert liest.scalar(text("SELECT count(*) FROM kunde")) == 0
        with create_session(engine) as zweiter, pytest.raises(DBAPIError, match="locked"):
            zweiter.execute(text("SELECT 1"))
    engine.dispose()


def test_who_only_reads_sees_one_state(engine, welt):
    welt.kunde()
    with create_session(engine, lesen=True) as liest:
        zaehlen = text("SELECT count(*) FROM kunde")
        assert liest.scalar(zaehlen) == 1
        welt.kunde()
        assert liest.scalar(zaehlen) == 1
        liest.rollback()
        assert liest.scalar(zaehlen) == 2


def test_who_only_reads_cannot_write_on_postgresql(postgres):
    with create_session(postgres, lesen=True) as liest, pytest.raises(DBAPIError, match="read-only"):
        liest.execute(text("DELETE FROM kunde"))
    with create_session(postgres) as schreibt:  # over the same connection
        schreibt.execute(text("DELETE FROM kunde"))


def test_nobody_waits_for_a_lock_for_ever(postgres_url, uhr):
    engine = create_engine(postgres_url, wartezeit_s=0.1)
    nummer = Welt(engine, uhr).kunde()
    sperren = text(f"SELECT 1 FROM kunde WHERE kunde_id = {nummer} FOR UPDATE")
    with create_session(engine) as erster, create_session(engine) as zweiter:
        erster.execute(sperren)
        with pytest.raises(OperationalError, match="lock timeout"):
            zweiter.execute(sperren)
    engine.dispose()


def test_an_unknown_database_is_named():
    with pytest.raises(ValueError, match="unknown database 'mysql'"):
        create_engine("mysql://localhost/msb")


def reading(zeitpunkt, stand):
    return {
        "stromzaehler_id": 1,
        "uhrzeit": int(zeitpunkt.timestamp()),
        "stromverbrauch_gesamt_wh": stand,
        "einspeisung_gesamt_wh": 0,
        "qualitaet": 0,
        "status": 0,
        "empfangen": 0,
    }


def place_of(connection, zeitpunkt):
    return connection.scalar(
        text("SELECT tableoid::regclass::text FROM verbrauch WHERE uhrzeit = :zeit"),
        {"zeit": int(zeitpunkt.timestamp())},
    )


def test_partitions_are_made_once_for_every_month_that_is_touched(postgres):
    ende = datetime(2026, 3, 1, 0, 0, 1, tzinfo=UTC)
    namen = ["verbrauch_p2026_01", "verbrauch_p2026_02", "verbrauch_p2026_03"]
    assert ensure_partitionen(postgres, datetime(2026, 1, 31, 23, tzinfo=UTC), ende) == namen
    assert ensure_partitionen(postgres, JANUAR, MAERZ) == []
    assert ensure_partitionen(postgres, datetime(2025, 12, 31, tzinfo=UTC), JANUAR) == ["verbrauch_p2025_12"]


def test_a_reading_finds_its_partition_or_the_default_one(postgres):
    ensure_partitionen(postgres, JANUAR, FEBRUAR)
    letzte = datetime(2026, 1, 31, 23, 45, tzinfo=UTC)
    with postgres.begin() as connection:
        connection.execute(insert(Verbrauch), [reading(JANUAR, 1), reading(letzte, 2), reading(FEBRUAR, 3)])
        assert place_of(connection, JANUAR) == "verbrauch_p2026_01"
        assert place_of(connection, letzte) == "verbrauch_p2026_01"
        assert place_of(connection, FEBRUAR) == "verbrauch_p_default"


def test_a_month_with_readings_in_the_default_partition_stays_there(postgres):
    """PostgreSQL refuses such a partition; the months around it are made, and no reading is lost."""
    with postgres.begin() as connection:
        connection.execute(insert(Verbrauch), [reading(FEBRUAR, 1)])
    assert ensure_partitionen(postgres, JANUAR, APRIL) == ["verbrauch_p2026_01", "verbrauch_p2026_03"]
    with postgres.begin() as connection:
        assert place_of(connection, FEBRUAR) == "verbrauch_p_default"
        assert connection.scalar(text("SELECT count(*) FROM verbrauch")) == 1


def test_sqlite_has_no_partitions(sqlite_url):
    engine = create_engine(sqlite_url)
    assert ensure_partitionen(engine, JANUAR, APRIL) == []
    engine.dispose()


def test_a_reading_session_keeps_what_postgresql_has_prepared(postgres_url):
    """At a ROLLBACK psycopg forgets it, and every statement would be parsed and planned anew."""
    engine = create_engine(postgres_url, pool_groesse=1)
    for _ in range(10):
        with create_session(engine, lesen=True) as session:
            session.execute(select(Verbrauch.uhrzeit).where(Verbrauch.stromzaehler_id == 1)).all()
    vorbereitet = text("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%FROM verbrauch%'")
    with create_session(engine, lesen=True) as session:
        assert session.scalar(vorbereitet) == 1
    engine.dispose()


def test_a_reading_session_that_failed_leaves_a_usable_connection(postgres_url):
    engine = create_engine(postgres_url, pool_groesse=1)
    with create_session(engine, lesen=True) as session, pytest.raises(DBAPIError):
        session.execute(text("SELECT 1 / 0"))
    with create_session(engine, lesen=True) as session:
        assert session.scalar(text("SELECT 1")) == 1
    engine.dispose()

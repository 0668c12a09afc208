"""Nothing is lost: an event is withheld as long as one with a smaller number may yet be committed."""

import threading
from contextlib import ExitStack, suppress

import pytest
from sqlalchemy import select, text

from db.models import Ereignis
from db.session import create_engine, create_session
from tests.ereignis.folge import ask, ids, read_on, record, write


@pytest.fixture
def datenbank(postgres_url):
    """Writers beside each other are PostgreSQL's: on SQLite they come one after another."""
    return postgres_url


@pytest.fixture
def schreiber(engine):
    """Two transactions, each on a connection of its own."""
    with ExitStack() as offen:
        yield [offen.enter_context(create_session(engine)) for _ in "AB"]


@pytest.fixture
def gesehen(client, als):
    """What somebody reads who goes on from where they were: meters, in the order in which they came."""
    person = als("admin")
    stand = {"seit": 0}

    def read():
        antwort = ask(client, person, seit=stand["seit"])
        stand["seit"] = antwort["bis"]
        return [ereignis["objekt_id"] for ereignis in antwort["ereignisse"]]

    return read


def test_a_late_commit_is_not_lost(schreiber, gesehen):
    a, b = schreiber
    record(a, "DATEN_EMPFANGEN", 1)
    record(b, "DATEN_EMPFANGEN", 2)
    b.commit()
    assert gesehen() == []
    a.commit()
    assert gesehen() == [1, 2]
    assert gesehen() == []


def test_who_gives_up_holds_nobody_up(schreiber, gesehen):
    a, b = schreiber
    record(a, "DATEN_EMPFANGEN", 1)
    record(b, "DATEN_EMPFANGEN", 2)
    b.commit()
    assert gesehen() == []
    a.rollback()
    assert gesehen() == [2]


def test_what_was_before_the_oldest_writer_is_handed_out(engine, schreiber, gesehen):
    a, b = schreiber
    write(engine, ("DATEN_EMPFANGEN", 7))
    record(a, "DATEN_EMPFANGEN", 1)
    record(b, "DATEN_EMPFANGEN", 2)
    b.commit()
    assert gesehen() == [7]
    a.commit()
    assert gesehen() == [1, 2]


def test_the_transaction_that_began_first_draws_its_number_last(schreiber, gesehen):
    """So the number of a transaction says nothing about the numbers that it draws."""
    a, b = schreiber
    b.execute(text("SELECT pg_current_xact_id()"))
    record(a, "DATEN_EMPFANGEN", 1)
    record(b, "DATEN_EMPFANGEN", 2)
    b.commit()
    assert gesehen() == []
    a.commit()
    assert gesehen() == [1, 2]


def test_a_second_statement_of_the_oldest_writer(schreiber, gesehen):
    a, b = schreiber
    record(a, "DATEN_EMPFANGEN", 1)
    record(b, "DATEN_EMPFANGEN", 2)
    b.commit()
    record(a, "DATEN_EMPFANGEN", 3)
    assert gesehen() == []
    a.commit()
    assert gesehen() == [1, 2, 3]


def test_a_savepoint_that_is_taken_back(schreiber, gesehen):
    """What it announced is taken back with it, and announced anew."""
    a, b = schreiber
    with pytest.raises(KeyError), a.begin_nested():
        record(a, "DATEN_EMPFANGEN", 1)
        raise KeyError
    record(a, "DATEN_EMPFANGEN", 2)
    record(b, "DATEN_EMPFANGEN", 3)
    b.commit()
    assert gesehen() == []
    a.commit()
    assert gesehen() == [2, 3]


def test_writers_of_other_things_hold_nobody_up(engine, schreiber, gesehen):
    a, _ = schreiber
    a.execute(text("SELECT pg_current_xact_id()"))
    write(engine, ("DATEN_EMPFANGEN", 2))
    assert gesehen() == [2]


def test_writers_of_another_database_hold_nobody_up(engine, gesehen, postgres_url):
    """Announcements are those of one database, although all of a server's are listed together."""
    verwaltung = create_engine(postgres_url.rsplit("/", 1)[0] + "/postgres")
    with verwaltung.connect() as fremd:
        fremd.execute(text("SELECT pg_advisory_xact_lock_shared(CAST(77 AS bigint) << 48)"))
        write(engine, ("DATEN_EMPFANGEN", 2))
        assert gesehen() == [2]
    verwaltung.dispose()


def test_numbers_are_drawn_one_at_a_time(session):
    """A sequence that gives each connection some in advance would give late writers small numbers."""
    assert (
        session.scalar(
            text("SELECT seqcache FROM pg_sequence WHERE seqrelid = 'ereignis_ereignis_id_seq'::regclass")
        )
        == 1
    )


def test_many_events_are_announced_once(session):
    for nummer in range(20):
        record(session, "DATEN_EMPFANGEN", nummer)
    assert (
        session.scalar(
            text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()")
        )
        == 1
    )


def test_reading_on_while_others_write(client, als, engine, session):
    """2,500 events of four writers, whose transactions overlap and of which some are taken back."""
    person, fertig = als("admin"), threading.Event()

    def write_some(erste):
        with create_session(engine) as schreiber:
            for nummer in range(erste, erste + 625):
                if nummer % 9 == 0:
                    with suppress(KeyError), schreiber.begin_nested():
                        record(schreiber, "UHR_STIMMT", nummer)
                        raise KeyError
                record(schreiber, "DATEN_EMPFANGEN", nummer)
                if nummer % 7 == 0:
                    schreiber.commit()
            schreiber.commit()

    faeden = [threading.Thread(target=write_some, args=(1 + 625 * n,)) for n in range(4)]
    for faden in faeden:
        faden.start()
    waechter = threading.Thread(target=lambda: ([faden.join() for faden in faeden], fertig.set()))
    waechter.start()
    gelesen, seit, fertig_vorher = [], 0, False
    while True:
        neue = read_on(client, person, seit=seit, pro_seite=97)
        gelesen += neue
        seit = gelesen[-1]["ereignis_id"] if gelesen else 0
        if fertig_vorher:
            break
        fertig_vorher = fertig.is_set()
    waechter.join()
    assert ids(gelesen) == list(session.scalars(select(Ereignis.ereignis_id).order_by(Ereignis.ereignis_id)))
    assert sorted(ereignis["objekt_id"] for ereignis in gelesen) == list(range(1, 2501))

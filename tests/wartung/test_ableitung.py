"""The stored dates follow what they depend on: at each write through the API, and every night."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select, update

from betreiber.auth.domain import system_akteur
from betreiber.jobs.plan import derive_wartungen
from betreiber.wartung.queries import write_derived
from betreiber.wartung.service import record_ablesung, refresh, sweep_wartungen
from db.models import Audit, Stromzaehler, Wartung
from db.session import create_session
from tests.hilfen import recorded_statements

JAN = datetime(2026, 1, 1, tzinfo=UTC)


def stored(session, stromzaehler_id):
    session.expire_all()
    zeile = session.get(Wartung, stromzaehler_id)
    ergebnis = zeile and (zeile.naechste_wartung_datum, zeile.anlass, zeile.eichfrist_ende_datum, zeile.version)
    session.rollback()
    return ergebnis


def test_a_date_by_hand_wins_until_it_is_taken_back(client, als, welt, session):
    stromzaehler_id = welt.stromzaehler(kennzeichnung_jahr=2026)
    pfad, person = f"/v1/stromzaehler/{stromzaehler_id}/wartung", als("wartung")
    antwort = client.patch(pfad, json={"naechste_wartung_datum": "2040-01-02"}, als=person, version=0)
    assert (antwort.json["naechste_wartung_datum"], antwort.json["anlass"]) == ("2040-01-02", "MANUELL")
    assert antwort.json["begruendung"][-1] == (
        "Von Hand auf den 02.01.2040 gesetzt; das geht den anderen Terminen vor."
    )
    assert stored(session, stromzaehler_id) == (date(2040, 1, 2), "MANUELL", date(2034, 12, 31), 1)
    antwort = client.patch(pfad, json={"naechste_wartung_datum": None}, als=person, version=1)
    assert (antwort.json["naechste_wartung_datum"], antwort.json["anlass"]) == ("2034-12-31", "EICHFRIST")
    assert (antwort.json["antragsfrist_datum"], antwort.json["antragswarnung_datum"]) == (
        "2034-10-22",
        "2034-10-20",
    )
    assert stored(session, stromzaehler_id) == (date(2034, 12, 31), "EICHFRIST", date(2034, 12, 31), 2)


def test_the_warning_knows_the_holidays_where_the_meter_hangs(client, als, welt, uhr):
    """31 October 2039, a Monday, is a holiday in Sachsen only; before and after it hangs there it is none."""
    stromzaehler_id = welt.stromzaehler(kennzeichnung_jahr=2026)
    welt.einbau(stromzaehler_id, welt.messstelle(bundesland="SN"), JAN, JAN + timedelta(days=30))
    pfad, person = f"/v1/stromzaehler/{stromzaehler_id}", als("wartung")
    uhr.jetzt = datetime(2033, 1, 15, 12, tzinfo=UTC)
    person = client.login(person.benutzername)
    los = {"art": "LOSVERLAENGERUNG", "datum": "2033-01-15", "bis_datum": "2040-01-09", "los": "L", "beleg": "B"}
    assert client.post(f"{pfad}/eichungen", json=los, als=person).status_code == 201
    assert client.get(f"{pfad}/wartung", als=person).json["antragswarnung_datum"] == "2039-10-31"


def test_refresh_belongs_to_the_caller_s_transaction(welt, session, uhr):
    stromzaehler_id = welt.stromzaehler(kennzeichnung_jahr=2024)
    refresh(session, system_akteur("jobs", uhr.now()), stromzaehler_id)
    session.rollback()
    assert stored(session, stromzaehler_id) is None
    for _ in range(2):
        refresh(session, system_akteur("jobs", uhr.now()), stromzaehler_id)
        session.commit()
    assert stored(session, stromzaehler_id) == (date(2032, 12, 31), "EICHFRIST", date(2032, 12, 31), 1)
    assert len(session.scalars(select(Audit)).all()) == 1


def test_a_meter_that_nothing_makes_due_gets_no_row(welt, session, uhr):
    stromzaehler_id = welt.stromzaehler()
    refresh(session, system_akteur("jobs", uhr.now()), stromzaehler_id)
    session.commit()
    assert stored(session, stromzaehler_id) is None


def test_a_reading_by_hand_moves_the_next_one(welt, session, uhr):
    stromzaehler_id = welt.stromzaehler(zustand="EINGEBAUT")
    welt.wartung(stromzaehler_id, einbau_datum=date(2026, 1, 1), kontrollablesung_monate=12)
    akteur = system_akteur("jobs", uhr.now())
    for tag in (date(2026, 5, 1), date(2026, 3, 1)):
        record_ablesung(session, akteur, stromzaehler_id, tag)
    session.commit()
    assert stored(session, stromzaehler_id)[:2] == (date(2027, 5, 1), "KONTROLLABLESUNG")


@pytest.fixture
def flotte(welt, uhr):
    """Meters of all sorts, some without a row, one that was verified, one that is scrapped."""
    flotte = {
        "neu": welt.stromzaehler(kennzeichnung_jahr=2026),
        "unbekannt": welt.stromzaehler(),
        "geeicht": welt.stromzaehler(kennzeichnung_jahr=2017),
        "garantie": welt.stromzaehler(gewaehrleistung_ende_datum=date(2026, 6, 20)),
        "haengt": welt.stromzaehler(zustand="EINGEBAUT", nutzungsdauer_jahre=20),
        "verschrottet": welt.stromzaehler(kennzeichnung_jahr=2017, zustand="VERSCHROTTET"),
    }
    welt.einbau(flotte["haengt"], welt.messstelle(), datetime(2024, 3, 1, tzinfo=UTC))
    welt.wartung(flotte["haengt"], einbau_datum=date(2024, 3, 1))
    welt.eichung(flotte["geeicht"], datum=date(2025, 5, 4))
    welt.eichung(flotte["geeicht"], datum=date(2026, 5, 4), zurueckgenommen_zeitpunkt=uhr.now())
    return flotte


def sweep(engine, uhr, monate=36, **stapel):
    with create_session(engine) as session:
        return sweep_wartungen(session, system_akteur("jobs", uhr.now()), kontrollablesung_monate=monate, **stapel)


def test_the_night_derives_all_meters_and_finds_nothing_the_second_time(engine, session, uhr, flotte):
    assert [sweep(engine, uhr, stapel=2), sweep(engine, uhr, stapel=2)] == [5, 0]
    assert {name: stored(session, nummer) for name, nummer in flotte.items()} == {
        "neu": (date(2034, 12, 31), "EICHFRIST", date(2034, 12, 31), 1),
        "unbekannt": (None, None, None, 1),
        "geeicht": (date(2033, 12, 31), "EICHFRIST", date(2033, 12, 31), 1),
        "garantie": (date(2026, 6, 20), "GEWAEHRLEISTUNG", None, 1),
        # Read again three years after the installation; 20 years of service end in 2044.
        "haengt": (date(2027, 3, 1), "KONTROLLABLESUNG", None, 2),
        "verschrottet": None,
    }
    assert session.get(Wartung, flotte["geeicht"]).letzte_eichung_datum == date(2025, 5, 4)
    assert session.scalars(select(Audit)).all() == []
    session.rollback()
    # What the calendar, the register and the settings change.
    uhr.advance(timedelta(days=6))
    session.get(Stromzaehler, flotte["unbekannt"]).kennzeichnung_jahr = 2022
    session.commit()
    assert sweep(engine, uhr, monate=0) == 5
    assert stored(session, flotte["garantie"])[:2] == (None, None)
    assert stored(session, flotte["unbekannt"])[0] == date(2030, 12, 31)
    assert stored(session, flotte["haengt"])[:2] == (date(2044, 3, 1), "NUTZUNGSDAUER")


def test_the_night_asks_as_often_for_many_as_for_few(engine, uhr, welt, flotte):
    with recorded_statements(engine) as wenige:
        sweep(engine, uhr)
    for _ in range(20):
        welt.stromzaehler(kennzeichnung_jahr=2026)
    with recorded_statements(engine) as viele:
        assert sweep(engine, uhr, monate=24) == 25
    assert len(viele) == len(wenige)


@pytest.mark.parametrize("datenbank", ["sqlite"], indirect=True)
def test_the_night_holds_the_write_lock_only_to_write(engine, uhr, flotte):
    """SQLite has one for all: devices that deliver wait for it."""
    with recorded_statements(engine) as anweisungen:
        assert sweep(engine, uhr) == 5
    (sperre,) = [n for n, anweisung in enumerate(anweisungen) if anweisung == "BEGIN IMMEDIATE"]
    danach = [anweisung.split()[0] for anweisung in anweisungen[sperre + 1 :]]
    assert danach[: danach.index("BEGIN")] == ["INSERT", "UPDATE"]
    with engine.connect() as anderer:
        anderer.execute(update(Stromzaehler).values(modell="X"))
        assert sweep(engine, uhr) == 0


def test_the_night_leaves_alone_who_wrote_meanwhile(welt, session):
    """Rows that appeared, or changed, after the round had read them."""
    da, geaendert = welt.stromzaehler(), welt.stromzaehler()
    welt.wartung(da, naechste_wartung_datum=date(2026, 7, 1))
    welt.wartung(geaendert, naechste_wartung_datum=date(2026, 8, 1))
    werte = {"naechste_wartung_datum": date(2030, 1, 1), "anlass": "EICHFRIST"}
    write_derived(
        session,
        [{"stromzaehler_id": da, "version": 1, **werte}],
        [{"stromzaehler_id": geaendert, "version": 7, **werte}],
    )
    session.commit()
    assert stored(session, da)[0] == date(2026, 7, 1)
    assert stored(session, geaendert)[0] == date(2026, 8, 1)
    write_derived(session, [], [{"stromzaehler_id": geaendert, "version": 1, **werte}])
    session.commit()
    assert stored(session, geaendert)[::3] == (date(2030, 1, 1), 2)


def test_the_job_takes_the_interval_from_the_settings(settings, engine, session, flotte):
    assert derive_wartungen(settings, engine) == 5
    assert session.get(Wartung, flotte["neu"]).kontrollablesung_monate == 36

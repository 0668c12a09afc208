"""Orders that Störungen ask for: one a meter, none twice, none for what is over."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from betreiber.auftrag.stoerungsauftraege import open_auftraege
from betreiber.auth.domain import system_akteur
from betreiber.jobs.plan import open_orders
from db.models import Audit, Auftrag, Ereignis, Stoerung
from db.session import create_session
from tests.auftrag.conftest import JAN


@pytest.fixture
def stoerung(engine, uhr):
    """Puts a Störung into the database; returns its id."""

    def add(stromzaehler_id, art="STUMM", stufe="AUFTRAG", ursache="FUNK"):
        zeile = Stoerung(
            stromzaehler_id=stromzaehler_id,
            art=art,
            stufe=stufe,
            ursache=ursache,
            beginn_zeitpunkt=uhr.now() - timedelta(hours=36),
            erkannt_zeitpunkt=uhr.now(),
            daten={},
        )
        with create_session(engine) as session:
            session.add(zeile)
            session.commit()
        return zeile.stoerung_id

    return add


@pytest.fixture
def beheben(engine, uhr):
    def close(stoerung_id):
        with create_session(engine) as session:
            zeile = session.get(Stoerung, stoerung_id)
            zeile.behoben_zeitpunkt = zeile.abgeklungen_zeitpunkt = uhr.now()
            zeile.behoben_durch = "system:jobs"
            session.commit()

    return close


@pytest.fixture
def sweep(engine, uhr):
    def run():
        with create_session(engine) as session:
            return open_auftraege(session, system_akteur("jobs", uhr.now()))

    return run


def orders(session):
    """Störung and state of every order, oldest first; leaves no transaction in which others would wait."""
    zeilen = session.execute(select(Auftrag.stoerung_id, Auftrag.zustand).order_by(Auftrag.auftrag_id)).all()
    session.rollback()
    return zeilen


def only_order(session):
    """The address of the one order there is."""
    pfad = f"/v1/auftraege/{session.scalars(select(Auftrag.auftrag_id)).one()}"
    session.rollback()
    return pfad


def test_one_order_for_what_needs_a_fitter(lage, welt, stoerung, sweep, session):
    andere = {name: welt.stromzaehler(zustand="EINGEBAUT") for name in ("alarm", "lager")}
    welt.einbau(andere["alarm"], welt.messstelle(), JAN)
    nummer = stoerung(lage.stromzaehler_id)
    stoerung(andere["alarm"], stufe="ALARM")
    stoerung(andere["lager"])  # hangs nowhere: there is no place to go to
    assert [sweep(), sweep()] == [1, 0]
    auftrag = session.scalars(select(Auftrag)).one()
    assert (auftrag.art, auftrag.zustand, auftrag.stoerung_id) == ("REPARATUR", "OFFEN", nummer)
    assert (auftrag.stromzaehler_id, auftrag.messstelle_id) == (lage.stromzaehler_id, lage.messstelle_id)
    assert auftrag.anlass.startswith("STUMM seit 14.06.2026 00:00: Der Zähler meldet sich nicht.")
    ereignis = session.scalars(select(Ereignis)).one()
    assert (ereignis.art, ereignis.akteur) == ("AUFTRAG_ANGELEGT", "system:jobs")
    assert ereignis.daten["stoerung_id"] == nummer


@pytest.mark.parametrize("ursache", ["NETZ", "BETREIBER"])
def test_nobody_goes_where_it_is_not_the_meter(lage, stoerung, sweep, session, ursache):
    """Also not a second time, to a meter at which somebody failed while its network was away."""
    stoerung(lage.stromzaehler_id, ursache=ursache)
    assert sweep() == 0
    assert orders(session) == []


def test_one_visit_a_meter(lage, stoerung, beheben, sweep, session):
    stumm, schluessel = stoerung(lage.stromzaehler_id), stoerung(lage.stromzaehler_id, "SCHLUESSEL")
    assert [sweep(), sweep()] == [1, 0]
    assert orders(session) == [(stumm, "OFFEN")]
    # When the data are back and the keys are not, the visit is about the keys.
    beheben(stumm)
    assert [sweep(), sweep()] == [2, 0]
    assert orders(session) == [(stumm, "STORNIERT"), (schluessel, "OFFEN")]


def test_an_order_is_cancelled_while_nobody_went(client, lage, stoerung, beheben, sweep, planen, session):
    nummer = stoerung(lage.stromzaehler_id)
    sweep()
    pfad = planen(only_order(session))
    beheben(nummer)
    assert [sweep(), sweep()] == [1, 0]
    antwort = client.get(pfad, als=lage.planer).json
    assert (antwort["zustand"], antwort["stoerung_id"]) == ("STORNIERT", nummer)
    assert antwort["grund"] == "Die Störung ist behoben, bevor jemand hinfuhr."
    session.rollback()
    spuren = session.scalars(select(Audit).where(Audit.objekt_art == "auftrag").order_by(Audit.audit_id)).all()
    assert (spuren[-1].akteur, spuren[-1].neu["zustand"]) == ("system:jobs", "STORNIERT")


def test_who_is_on_the_way_arrives(client, lage, stoerung, beheben, sweep, planen, session):
    nummer = stoerung(lage.stromzaehler_id)
    sweep()
    pfad = planen(only_order(session))
    client.patch(pfad, json={"zustand": "UNTERWEGS"}, als=lage.monteur, version=2)
    beheben(nummer)
    assert sweep() == 0
    assert orders(session) == [(nummer, "UNTERWEGS")]


def test_what_a_planner_cancelled_stays_cancelled(client, lage, stoerung, sweep, session):
    nummer = stoerung(lage.stromzaehler_id)
    sweep()
    pfad = only_order(session)
    client.patch(pfad, json={"zustand": "STORNIERT", "grund": "Netzausfall im Ort"}, als=lage.planer, version=1)
    assert sweep() == 0
    assert orders(session) == [(nummer, "STORNIERT")]


def test_a_repair_has_three_days_to_show_its_effect(client, lage, stoerung, sweep, planen, session, uhr):
    nummer = stoerung(lage.stromzaehler_id)
    sweep()
    pfad = planen(only_order(session))
    assert client.post(f"{pfad}/erledigung", als=lage.monteur, version=2).status_code == 200
    uhr.advance(timedelta(hours=71))
    assert sweep() == 0
    uhr.advance(timedelta(hours=1))
    assert [sweep(), sweep()] == [1, 0]
    assert orders(session) == [(nummer, "ERLEDIGT"), (nummer, "OFFEN")]


@pytest.fixture
def fertig(client, lage, sweep, planen, session):
    """Lets a fitter do the one order there is."""

    def complete():
        assert sweep() == 1
        pfad = planen(only_order(session))
        assert client.post(f"{pfad}/erledigung", als=lage.monteur, version=2).status_code == 200

    return complete


def test_a_repair_is_of_the_meter_not_of_one_stoerung(lage, stoerung, fertig, sweep, session, uhr):
    stumm = stoerung(lage.stromzaehler_id)
    stoerung(lage.stromzaehler_id, "SCHLUESSEL")
    fertig()
    uhr.advance(timedelta(hours=71))
    assert sweep() == 0
    uhr.advance(timedelta(hours=1))
    assert [sweep(), sweep()] == [1, 0]
    assert orders(session) == [(stumm, "ERLEDIGT"), (stumm, "OFFEN")]


def test_what_begins_after_the_repair_does_not_wait(lage, stoerung, fertig, sweep, session, uhr):
    stumm = stoerung(lage.stromzaehler_id)
    fertig()
    # It begins 36 hours before it is found: one hour after the repair.
    uhr.advance(timedelta(hours=37))
    neue = stoerung(lage.stromzaehler_id, "SCHLUESSEL")
    assert sweep() == 1
    assert orders(session) == [(stumm, "ERLEDIGT"), (neue, "OFFEN")]


def test_a_manipulation_that_was_looked_into_waits_for_a_person(
    lage, stoerung, beheben, fertig, sweep, session, uhr
):
    alte = stoerung(lage.stromzaehler_id, "MANIPULATION")
    fertig()
    uhr.advance(timedelta(days=400))
    assert sweep() == 0
    beheben(alte)
    neue = stoerung(lage.stromzaehler_id, "MANIPULATION")
    assert sweep() == 1
    assert orders(session) == [(alte, "ERLEDIGT"), (neue, "OFFEN")]


def test_a_failed_order_is_followed_by_another(client, lage, stoerung, sweep, planen, session):
    nummer = stoerung(lage.stromzaehler_id)
    sweep()
    pfad = planen(only_order(session))
    client.post(f"{pfad}/besuche", json={"grund": "Haus verschlossen"}, als=lage.monteur, version=2)
    assert [sweep(), sweep()] == [1, 0]
    assert orders(session) == [(nummer, "FEHLGESCHLAGEN"), (nummer, "OFFEN")]


def test_the_job(settings, engine, lage, stoerung):
    stoerung(lage.stromzaehler_id)
    assert [open_orders(settings, engine) for _ in range(2)] == [1, 0]

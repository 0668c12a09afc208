"""Orders that Störungen ask for: one a meter, none twice, none for what is over."""

from datetime import timedelta

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import insert, select

from betreiber.auftrag.stoerungsauftraege import open_auftraege
from betreiber.auftrag.zaehlung import note_zustand
from betreiber.auth.domain import system_akteur
from betreiber.jobs.plan import open_orders
from db.models import Audit, Auftrag, Ereignis, Stoerung, Zutrittsankuendigung
from db.session import create_session
from tests.auftrag.conftest import JAN
from tests.hilfen import recorded_statements


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
    # When the data are back and the keys are not, the same visit is about the keys.
    beheben(stumm)
    assert [sweep(), sweep()] == [1, 0]
    assert orders(session) == [(schluessel, "OFFEN")]
    auftrag = session.scalars(select(Auftrag)).one()
    assert auftrag.anlass.startswith("SCHLUESSEL seit 14.06.2026 00:00: ")


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


def test_a_visit_that_a_letter_announced_is_for_a_planner_to_decide(
    lage, stoerung, beheben, sweep, planen, session, uhr
):
    nummer = stoerung(lage.stromzaehler_id)
    sweep()
    planen(only_order(session))
    auftrag = session.scalars(select(Auftrag)).one()
    brief = {
        "auftrag_id": auftrag.auftrag_id,
        "angelegt_zeitpunkt": uhr.now(),
        "versand_datum": uhr.now().date(),
        "termin_datum": auftrag.termin_datum,
        "ersatztermin_datum": auftrag.termin_datum + timedelta(days=7),
        "zeitfenster": "08:00-12:00",
        "inhalt": b"%PDF",
    }
    session.execute(insert(Zutrittsankuendigung), brief)
    session.commit()
    beheben(nummer)
    assert [sweep(), sweep()] == [1, 0]
    assert orders(session) == [(None, "GEPLANT")]
    session.expire_all()
    anlass = session.scalars(select(Auftrag.anlass)).one()
    assert anlass.startswith(
        "Die Störung ist behoben, der Besuch aber schriftlich angekündigt: bitte entscheiden. "
    )
    assert "STUMM seit 14.06.2026 00:00" in anlass


def test_what_a_planner_is_changing_is_left_for_the_next_sweep(lage, welt, stoerung, beheben, sweep, engine):
    """On SQLite one of the two waits for the other."""
    if engine.dialect.name != "postgresql":
        return
    andere = welt.stromzaehler(zustand="EINGEBAUT")
    welt.einbau(andere, welt.messstelle(), JAN)
    nummern = [stoerung(lage.stromzaehler_id), stoerung(andere)]
    assert sweep() == 2
    for nummer in nummern:
        beheben(nummer)
    with create_session(engine) as planer:
        auftrag = planer.scalars(select(Auftrag).where(Auftrag.stoerung_id == nummern[0])).one()
        auftrag.anlass = "Zählerschrank prüfen"
        planer.flush()
        assert sweep() == 1
        planer.commit()
    with create_session(engine, lesen=True) as lesend:
        assert orders(lesend) == [(nummern[0], "OFFEN"), (nummern[1], "STORNIERT")]
    assert [sweep(), sweep()] == [1, 0]


def test_many_are_made_and_cancelled_in_batches(welt, stoerung, beheben, engine, uhr, session):
    nummern = []
    for _ in range(5):
        zaehler = welt.stromzaehler(zustand="EINGEBAUT")
        welt.einbau(zaehler, welt.messstelle(), JAN)
        nummern.append(stoerung(zaehler))
    akteur = system_akteur("jobs", uhr.now())
    with create_session(engine) as eigene:
        assert open_auftraege(eigene, akteur, hoechstens=2) == 5
        assert orders(session) == [(nummer, "OFFEN") for nummer in nummern]
        for nummer in nummern:
            beheben(nummer)
        assert open_auftraege(eigene, akteur, hoechstens=2) == 5
    assert orders(session) == [(nummer, "STORNIERT") for nummer in nummern]


@pytest.mark.parametrize(
    ("art", "erwartet"), [("REPARATUR", 0), ("WECHSEL", 0), ("AUSBAU", 0), ("KONTROLLABLESUNG", 1)]
)
def test_whoever_comes_anyway_is_enough(lage, welt, stoerung, sweep, art, erwartet):
    welt.auftrag(lage.messstelle_id, stromzaehler_id=lage.stromzaehler_id, art=art)
    stoerung(lage.stromzaehler_id)
    assert sweep() == erwartet


def test_an_area_that_stays_silent_for_a_week_is_looked_at(lage, stoerung, sweep, session, uhr):
    """It began 36 hours before it was found: 132 hours later a week is over."""
    nummer = stoerung(lage.stromzaehler_id, ursache="NETZ")
    uhr.advance(timedelta(hours=131, minutes=59))
    assert sweep() == 0
    uhr.advance(timedelta(minutes=1))
    assert sweep() == 1
    assert orders(session) == [(nummer, "OFFEN")]


def test_where_nothing_is_to_do_nothing_is_locked(lage, stoerung, sweep, engine):
    """It looks only, by the index of what asks for an order, and while somebody else writes."""
    stoerung(lage.stromzaehler_id, stufe="ALARM")
    with create_session(engine) as andere:
        andere.execute(select(Auftrag))  # On SQLite it holds the lock of the writers from here on.
        with recorded_statements(engine) as anweisungen:
            assert sweep() == 0
    assert {text for text in anweisungen if not text.startswith("SELECT")} <= {"BEGIN"}
    (suche,) = [text for text in anweisungen if "FROM stoerung" in text]
    assert "stoerung.stufe = 'AUFTRAG'" in suche
    plan = {"sqlite": "EXPLAIN QUERY PLAN ", "postgresql": "EXPLAIN "}[engine.dialect.name]
    frage = (
        "SELECT stoerung_id FROM stoerung"
        " WHERE stoerung_id > 0 AND behoben_zeitpunkt IS NULL AND stufe = 'AUFTRAG' ORDER BY stoerung_id"
    )
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        assert "ix_stoerung_auftrag" in str(connection.exec_driver_sql(plan + frage).all())


def test_a_savepoint_counts_nothing_yet(session, lage):
    def count():
        return REGISTRY.get_sample_value("msb_auftraege_total", {"art": "AUSBAU", "zustand": "OFFEN"}) or 0

    vorher = count()
    with session.begin_nested():
        note_zustand(session, Auftrag(art="AUSBAU", zustand="OFFEN"))
    assert count() == vorher
    session.commit()
    assert count() == vorher + 1


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

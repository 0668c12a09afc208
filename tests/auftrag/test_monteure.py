"""Whom a planner can send: the logins of fitters."""

import pytest
from sqlalchemy import event, select, text

from betreiber.auftrag.touren import list_monteure
from betreiber.auth.domain import Rolle
from db.models import Benutzer


@pytest.fixture
def benennen(session, welt):
    """Makes a login of these roles with a name; returns its number."""

    def add(name, *rollen, aktiv=True, kunde_id=None):
        alter = welt.benutzer(rollen[0], kunde_id=kunde_id)
        benutzer = session.scalars(select(Benutzer).where(Benutzer.benutzername == alter)).one()
        benutzer.benutzername, benutzer.rollen, benutzer.aktiv = name, list(rollen), aktiv
        session.commit()
        return benutzer.benutzer_id

    return add


def test_fitters_by_name_and_nobody_else(client, welt, als, benennen):
    planer = als("wartung")
    dora = benennen("dora", "monteur")
    anna = benennen("anna", "wartung", "monteur")
    carl = benennen("carl", "monteur", aktiv=False)
    benennen("bert", "wartung")
    benennen("monteur", "kunde", kunde_id=welt.kunde())
    antwort = client.get("/v1/monteure", als=planer)
    assert antwort.status_code == 200
    assert antwort.json == {
        "eintraege": [
            {"benutzer_id": anna, "benutzername": "anna", "aktiv": True},
            {"benutzer_id": carl, "benutzername": "carl", "aktiv": False},
            {"benutzer_id": dora, "benutzername": "dora", "aktiv": True},
        ],
        "seite": 1,
        "pro_seite": 50,
        "gesamt": 3,
    }
    zweite = client.get("/v1/monteure?seite=2&pro_seite=2", als=planer).json
    assert [zeile["benutzer_id"] for zeile in zweite["eintraege"]] == [dora]
    assert zweite["gesamt"] == 3


def test_an_order_is_planned_with_what_the_list_says(client, lage, anlegen):
    (monteur,) = client.get("/v1/monteure", als=lage.planer).json["eintraege"]
    plan = {"zustand": "GEPLANT", "benutzer_id": monteur["benutzer_id"], "termin_datum": "2026-06-16"}
    assert client.patch(anlegen(), json=plan, als=lage.planer, version=1).status_code == 200


@pytest.mark.parametrize("rolle", [rolle.value for rolle in Rolle])
def test_each_role(client, als, welt, rolle):
    person = als(rolle, kunde_id=welt.kunde() if rolle == "kunde" else None)
    antwort = client.get("/v1/monteure", als=person)
    assert antwort.status_code == (200 if rolle == "wartung" else 403)


def test_nobody(client):
    assert client.get("/v1/monteure").status_code == 401


def test_customers_are_not_read(engine, session):
    """Their logins, which are many, are left out by the index, not row by row."""
    gefragt = []

    def note(_connection, _cursor, anweisung, werte, *_):
        gefragt.append((anweisung, werte))

    session.connection()
    event.listen(engine, "before_cursor_execute", note)
    list_monteure(session, seite=1, pro_seite=50)
    event.remove(engine, "before_cursor_execute", note)
    if engine.dialect.name == "postgresql":
        # It reads an empty table as a whole.
        session.execute(text("SET LOCAL enable_seqscan = off"))
    erklaeren = "EXPLAIN" if engine.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
    assert len(gefragt) == 2
    for anweisung, werte in gefragt:
        plan = session.connection().exec_driver_sql(f"{erklaeren} {anweisung}", werte)
        assert "ix_benutzer_kunde_id" in "\n".join(str(zeile[-1]) for zeile in plan)

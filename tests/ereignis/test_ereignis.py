"""Events and audit rows: what a value becomes in JSON, and that they share the fate of their cause."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from sqlalchemy import select

from betreiber.auth.domain import Rolle, system_akteur
from betreiber.ereignis.domain import Ereignisart
from betreiber.ereignis.service import apply_changes, record_audit, record_ereignis
from db.models import Audit, Ereignis, Kunde

AKTEUR = system_akteur("test", datetime(2026, 6, 15, 10, tzinfo=UTC))
WERTE = {
    "am": date(2026, 1, 31),
    "um": datetime(2026, 1, 31, 1, tzinfo=UTC),
    "preis": Decimal("31.4200"),
    "anzahl": 7,
    "aktiv": True,
    "rolle": Rolle.ADMIN,
    "nichts": None,
    "liste": ["a", 1],
}
ALS_JSON = {
    "am": "2026-01-31",
    "um": "2026-01-31T01:00:00Z",
    "preis": "31.4200",
    "anzahl": 7,
    "aktiv": True,
    "rolle": "admin",
    "nichts": None,
    "liste": ["a", 1],
}


def test_an_audit_row_says_who_did_what_when(session):
    record_audit(session, AKTEUR, "GEAENDERT", "tarif", 2**40, alt={"preis": Decimal("1.10")}, neu=WERTE)
    session.commit()
    session.expunge_all()
    zeile = session.scalars(select(Audit)).one()
    assert (zeile.zeitpunkt, zeile.akteur) == (AKTEUR.zeitpunkt, "system:test")
    assert (zeile.aktion, zeile.objekt_art, zeile.objekt_id) == ("GEAENDERT", "tarif", 2**40)
    assert (zeile.alt, zeile.neu) == ({"preis": "1.10"}, ALS_JSON)


def test_an_event(session):
    record_ereignis(session, AKTEUR, Ereignisart.KUNDE_ANGELEGT, "kunde", 7)
    record_ereignis(session, AKTEUR, Ereignisart.DATEN_EMPFANGEN, "stromzaehler", 8, WERTE)
    session.commit()
    session.expunge_all()
    erste, zweite = session.scalars(select(Ereignis).order_by(Ereignis.ereignis_id))
    assert (erste.art, erste.objekt_id, erste.daten) == ("KUNDE_ANGELEGT", 7, {})
    assert (zweite.art, zweite.akteur, zweite.daten) == ("DATEN_EMPFANGEN", "system:test", ALS_JSON)


def test_what_is_not_committed_did_not_happen(session):
    record_ereignis(session, AKTEUR, Ereignisart.KUNDE_ANGELEGT, "kunde", 7)
    record_audit(session, AKTEUR, "ANGELEGT", "kunde", 7)
    session.rollback()
    assert session.scalars(select(Ereignis)).all() == []
    assert session.scalars(select(Audit)).all() == []


@pytest.mark.parametrize("tabelle", [Ereignis, Audit])
@pytest.mark.parametrize("weg", ["change", "remove"])
def test_what_is_written_stays(session, tabelle, weg):
    record_ereignis(session, AKTEUR, Ereignisart.KUNDE_ANGELEGT, "kunde", 7)
    record_audit(session, AKTEUR, "ANGELEGT", "kunde", 7)
    session.commit()
    zeile = session.scalars(select(tabelle)).one()
    if weg == "change":
        zeile.akteur = "jemand anders"
    else:
        session.delete(zeile)
    with pytest.raises(Exception, match="append-only"):
        session.flush()
    session.rollback()
    assert session.scalars(select(tabelle.akteur)).one() == "system:test"


def test_only_what_differs_is_a_change():
    kunde = Kunde(name="Erika", telefon=None, e_mail="a@example.org")
    alt, neu = apply_changes(kunde, {"name": "Erika", "telefon": "0221 1", "e_mail": None})
    assert (alt, neu) == ({"telefon": None, "e_mail": "a@example.org"}, {"telefon": "0221 1", "e_mail": None})
    assert (kunde.name, kunde.telefon, kunde.e_mail) == ("Erika", "0221 1", None)
    assert apply_changes(kunde, {"name": "Erika"}) == ({}, {})


def test_names_of_events_are_part_of_the_api():
    assert all(art == art.name == art.upper() for art in Ereignisart)

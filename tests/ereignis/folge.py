"""What the tests of the feed share: writing events, and reading on until there are no more."""

from datetime import UTC, datetime

from betreiber.auth.domain import system_akteur
from betreiber.ereignis.domain import Ereignisart
from betreiber.ereignis.service import record_ereignis
from db.session import create_session

JETZT = datetime(2026, 6, 15, 10, tzinfo=UTC)


def record(session, art, objekt_id, *, objekt_art="stromzaehler", zeitpunkt=JETZT, daten=None):
    """Add one event and give it its number, without a commit."""
    akteur = system_akteur("test", zeitpunkt)
    record_ereignis(session, akteur, Ereignisart(art), objekt_art, objekt_id, daten)
    session.flush()


def write(engine, *ereignisse):
    """Commit events: (art, objekt_id) or (art, objekt_id, {arguments of record})."""
    with create_session(engine) as session:
        for art, objekt_id, *weiteres in ereignisse:
            record(session, art, objekt_id, **(weiteres[0] if weiteres else {}))
        session.commit()


def ask(client, person, **auswahl):
    """One answer of the feed."""
    antwort = client.get("/v1/ereignisse", als=person, query_string=auswahl)
    assert antwort.status_code == 200, antwort.text
    return antwort.json


def read_on(client, person, **auswahl):
    """Every event from `seit` on, as the rule of docs/ereignisse.md says: until `bis` stays as it is."""
    seit = auswahl.pop("seit", 0)
    alle = []
    while True:
        antwort = ask(client, person, seit=seit, **auswahl)
        alle += antwort["ereignisse"]
        if antwort["bis"] == seit:
            return alle
        seit = antwort["bis"]


def arten(ereignisse):
    return [ereignis["art"] for ereignis in ereignisse]


def ids(ereignisse):
    return [ereignis["ereignis_id"] for ereignis in ereignisse]

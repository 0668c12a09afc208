"""What the tests of mails share."""

from datetime import UTC, datetime

from sqlalchemy import select

from betreiber.auth.domain import system_akteur
from betreiber.ereignis.nachricht import enqueue_nachricht, send_nachrichten
from db.models import Nachricht

JETZT = datetime(2026, 6, 15, 10, tzinfo=UTC)
AKTEUR = system_akteur("test", JETZT)
ABSENDER = "kundenservice@example.org"


def enqueue(session, *namen, zeitpunkt=JETZT):
    for name in namen:
        enqueue_nachricht(
            session, system_akteur("test", zeitpunkt), f"{name}@example.org", "Betreff", f"für {name}"
        )
    session.commit()


def waiting(session):
    session.rollback()
    namen = [adresse.partition("@")[0] for adresse in session.scalars(select(Nachricht.empfaenger))]
    session.rollback()
    return sorted(namen)


def sweep(session, versand, zeitpunkt=JETZT):
    return send_nachrichten(session, system_akteur("test", zeitpunkt), versand, ABSENDER)

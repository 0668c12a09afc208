"""A meter, the sweep and what it recorded."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from betreiber.auth.domain import system_akteur
from betreiber.ersatzwert.domain import Regeln
from betreiber.ersatzwert.service import form_ersatzwerte
from db.models import Ersatzwertbildung
from db.session import create_session

TAG = 86_400
VIERTEL = 900
# Monday 2026-06-01, 00:00 in Berlin: two weeks before the clock of the tests.
MONTAG = int(datetime(2026, 5, 31, 22, tzinfo=UTC).timestamp())


@pytest.fixture
def zaehler(welt):
    """A meter that hangs at a place since a day before the first reading."""
    stromzaehler_id = welt.stromzaehler()
    welt.einbau(stromzaehler_id, welt.messstelle(), instant(MONTAG - TAG))
    return stromzaehler_id


@pytest.fixture
def sweep(engine, uhr):
    def sweep(**kw):
        with create_session(engine) as session:
            return form_ersatzwerte(session, system_akteur("test", uhr.now()), Regeln(), **kw)

    return sweep


@pytest.fixture
def bildungen(engine):
    def bildungen(*, abgeloest=False):
        with create_session(engine, lesen=True) as session:
            zeilen = session.scalars(select(Ersatzwertbildung).order_by(Ersatzwertbildung.von)).all()
            return [
                ((zeile.von - MONTAG) // VIERTEL, (zeile.bis - MONTAG) // VIERTEL, zeile.verfahren)
                for zeile in zeilen
                if (zeile.abgeloest is not None) == abgeloest
            ]

    return bildungen


def instant(sekunden):
    return datetime.fromtimestamp(sekunden, UTC)

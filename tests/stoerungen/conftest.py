"""What these tests share."""

import pytest
from sqlalchemy import select

from db.models import Nachricht
from db.session import create_session
from tests.stoerungen.hilfen import Buehne


@pytest.fixture
def buehne(engine, welt, uhr):
    return Buehne(engine, welt, uhr)


@pytest.fixture
def mails(engine):
    def read():
        with create_session(engine, lesen=True) as session:
            return list(session.scalars(select(Nachricht).order_by(Nachricht.nachricht_id)))

    return read

"""The n-th SQL statement fails in a deletion run: called again, it ends as if nothing had happened."""

from sqlalchemy import select

from betreiber.auth.domain import system_akteur
from betreiber.loeschlauf.service import delete_expired_readings
from db.models import Tagessumme
from db.session import create_session
from tests.loeschlauf.conftest import VOR
from tests.sql_fehler import fail_each_statement


def test_a_run_that_is_broken_off_goes_on(engine, uhr, strasse):
    belege = []

    def delete():
        with create_session(engine) as session:
            beleg = delete_expired_readings(session, system_akteur("test", uhr.now()), jahre=3)
            belege.append(beleg.ergebnis)

    assert fail_each_statement(engine, delete, in_schritten=True) > 20
    assert belege[-1] == {"verbrauch": 6 * VOR, "tagesstand": 6}
    with create_session(engine, lesen=True) as session:
        assert session.scalars(select(Tagessumme.bezug_wh)).all() == [5760]

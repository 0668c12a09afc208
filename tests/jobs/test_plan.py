"""Jobs: thin sweeps that may run twice, and that fail without words of anybody's data."""

from datetime import UTC, datetime, timedelta

import pytest
from huey import MemoryHuey
from sqlalchemy import select
from structlog.testing import capture_logs

from betreiber.ereignis.nachricht import DateiVersand, SmtpVersand
from betreiber.jobs.plan import _logged, clean_up, mail_versand, make_partitionen, schedule, send_mails
from betreiber.settings import Settings
from betreiber.zeit import Systemuhr
from db.models import Anmeldeversuch, Nachricht


def test_mails_go_out(settings, engine, session):
    jetzt = Systemuhr().now()
    session.add(Nachricht(angelegt_zeitpunkt=jetzt, empfaenger="a@example.org", betreff="B", text="T"))
    session.commit()
    assert [send_mails(settings, engine) for _ in range(2)] == [1, 0]
    assert len(list(settings.mail_pfad.glob("*.eml"))) == 1


def test_clean_up(settings, engine, session):
    alt = Systemuhr().now() - timedelta(hours=1)
    session.add(Anmeldeversuch(name_sha256=b"x" * 32, zeitpunkt=alt))
    session.commit()
    assert [clean_up(settings, engine) for _ in range(2)] == [1, 0]
    assert session.scalars(select(Anmeldeversuch)).all() == []


def test_partitions_of_the_months_to_come(settings, engine):
    anzahl = make_partitionen(settings, engine)
    assert anzahl in ((4, 5) if engine.dialect.name == "postgresql" else (0,))
    assert make_partitionen(settings, engine) == 0


def test_how_mails_leave(tmp_path):
    assert isinstance(mail_versand(Settings(daten=tmp_path)), DateiVersand)
    assert isinstance(mail_versand(Settings(smtp_url="smtps://mail.example.org")), SmtpVersand)


@pytest.mark.parametrize(("anzahl", "zeilen"), [(0, 0), (3, 1)])
def test_only_work_is_logged(tmp_path, anzahl, zeilen):
    with capture_logs() as log:
        _logged("aufgabe", lambda *_: anzahl, Settings(), None)()
    assert log == [{"event": "job", "name": "aufgabe", "anzahl": 3, "log_level": "info"}] * zeilen


def test_the_day_to_apply_is_looked_for_each_hour(tmp_path):
    """A run that failed costs an hour of the day, not the day."""
    huey = MemoryHuey(utc=True)
    schedule(huey, Settings(daten=tmp_path), None)
    tag = datetime(2034, 10, 20, tzinfo=UTC)
    minuten = [tag + timedelta(minutes=n) for n in range(24 * 60)]
    faellig = [m for m in minuten if "eichantraege_melden" in [t.name for t in huey.read_periodic(m)]]
    assert faellig == [tag.replace(hour=stunde, minute=41) for stunde in range(24)]


def test_a_job_that_fails_is_logged_and_tried_again():
    versuche = []

    def job(*_):
        versuche.append(1)
        if len(versuche) == 1:
            raise RuntimeError("kaputt")
        return 1

    aufgabe = _logged("aufgabe", job, Settings(), None)
    with capture_logs() as log:
        aufgabe()
        aufgabe()
    assert [(zeile["event"], zeile["log_level"]) for zeile in log] == [("job_failed", "error"), ("job", "info")]
    assert aufgabe.__name__ == "aufgabe"

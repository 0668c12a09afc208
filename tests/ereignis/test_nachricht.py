"""Mails: an outbox that loses nothing, a sweep that one bad mail does not hold up."""

import email
import smtplib
import stat
from datetime import timedelta
from email.policy import default

import pytest
from structlog.testing import capture_logs

from betreiber.ereignis.nachricht import DateiVersand, enqueue_nachricht
from tests.ereignis.hilfen import ABSENDER, AKTEUR, JETZT, enqueue, sweep, waiting


class FakeVersand:
    """Notes what is sent; raises what it is told for a recipient."""

    def __init__(self, engine, **fehler):
        self.engine, self.fehler, self.mails = engine, fehler, []

    def send(self, mail, zeitpunkt):
        assert self.engine.pool.checkedout() == 0  # A slow mail server must not hold up the database.
        name = mail["To"].partition("@")[0]
        if name in self.fehler:
            raise self.fehler[name]
        self.mails.append(name)


def refused(adresse):
    return smtplib.SMTPRecipientsRefused({adresse: (550, b"unknown")})


def test_oldest_first_and_once(session, engine):
    enqueue(session, "a", "b", "c")
    versand = FakeVersand(engine)
    assert sweep(session, versand) == 3
    assert versand.mails == ["a", "b", "c"]
    assert sweep(session, versand) == 0
    assert waiting(session) == []


def test_a_mail_that_was_not_committed_is_not_sent(session, engine):
    enqueue_nachricht(session, AKTEUR, "a@example.org", "Betreff", "Text")
    session.rollback()
    assert sweep(session, FakeVersand(engine)) == 0


def test_a_refused_mail_stays_and_holds_up_none_behind_it(session, engine):
    enqueue(session, "a", "b", "c")
    versand = FakeVersand(engine, a=refused("a@example.org"), b=ValueError("bad header"))
    with capture_logs() as zeilen:
        assert sweep(session, versand) == 1
    assert versand.mails == ["c"]
    assert waiting(session) == ["a", "b"]
    assert [(zeile["event"], zeile["fehler"]) for zeile in zeilen] == [
        ("mail_refused", "SMTPRecipientsRefused"),
        ("mail_refused", "ValueError"),
    ]
    assert "example.org" not in str(zeilen)
    versand.fehler.clear()
    assert sweep(session, versand) == 2


def test_two_hundred_refused_mails_hold_up_none_behind_them(session, engine):
    namen = [f"x{nummer}" for nummer in range(201)]
    enqueue(session, *namen, "gut")
    versand = FakeVersand(engine, **{name: refused(name) for name in namen})
    assert sweep(session, versand) == 1
    assert versand.mails == ["gut"]


def test_without_a_server_everything_stays(session, engine):
    enqueue(session, "a", "b", "c")
    versand = FakeVersand(engine, b=ConnectionRefusedError(111, "refused"))
    with capture_logs() as zeilen:
        assert sweep(session, versand) == 1
    assert waiting(session) == ["b", "c"]
    assert [zeile["event"] for zeile in zeilen] == ["mail_not_sent"]


def test_after_fourteen_days_a_refused_mail_is_given_up(session, engine):
    enqueue(session, "alt", zeitpunkt=JETZT - timedelta(days=14))
    enqueue(session, "jung", zeitpunkt=JETZT - timedelta(days=14) + timedelta(seconds=1))
    versand = FakeVersand(engine, alt=refused("alt"), jung=refused("jung"))
    assert sweep(session, versand) == 0
    assert waiting(session) == ["jung"]


def test_an_old_mail_waits_for_a_server_that_is_away(session, engine):
    enqueue(session, "alt", zeitpunkt=JETZT - timedelta(days=30))
    assert sweep(session, FakeVersand(engine, alt=TimeoutError())) == 0
    assert waiting(session) == ["alt"]


def test_a_crash_after_sending_sends_twice_and_loses_none(session, engine):
    enqueue(session, "a", "b")

    class Absturz(BaseException):
        pass

    with pytest.raises(Absturz):
        sweep(session, FakeVersand(engine, b=Absturz()))
    assert waiting(session) == ["b"]


def test_mails_as_files(session, tmp_path):
    ordner = tmp_path / "mail"
    enqueue_nachricht(session, AKTEUR, "erika@example.org", "Ihr Zugäng", "Grüße,\nCode: abc\n")
    session.commit()
    assert sweep(session, DateiVersand(ordner)) == 1
    (datei,) = ordner.iterdir()
    assert datei.name == "20260615T100000-1.eml"
    assert stat.S_IMODE(datei.stat().st_mode) == 0o600
    assert stat.S_IMODE(ordner.stat().st_mode) == 0o700
    mail = email.message_from_bytes(datei.read_bytes(), policy=default)
    assert (mail["From"], mail["To"], mail["Subject"]) == (ABSENDER, "erika@example.org", "Ihr Zugäng")
    assert mail["Date"].datetime == JETZT
    assert (mail["Message-ID"], mail["Auto-Submitted"]) == ("<nachricht-1@example.org>", "auto-generated")
    assert mail.get_content() == "Grüße,\nCode: abc\n"


def test_a_folder_that_cannot_be_written_keeps_the_mails(session, tmp_path):
    (tmp_path / "mail").write_text("eine Datei")
    enqueue(session, "a")
    assert sweep(session, DateiVersand(tmp_path / "mail")) == 0
    assert waiting(session) == ["a"]


def test_a_subject_of_two_lines_is_refused_not_sent(session, engine):
    enqueue_nachricht(session, AKTEUR, "a@example.org", "Betreff\nBcc: alle@example.org", "Text")
    session.commit()
    assert sweep(session, FakeVersand(engine)) == 0
    assert waiting(session) == ["a"]

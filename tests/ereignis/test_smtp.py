"""Mails over SMTP: never without TLS, never to a server that nobody vouches for."""

import email
import ssl
from email.message import EmailMessage
from email.policy import default

import pytest

from betreiber.ereignis.nachricht import SmtpVersand
from tests.ereignis.hilfen import JETZT, enqueue, sweep, waiting
from tests.ereignis.smtp_server import SmtpServer


@pytest.fixture(params=["smtps", "smtp"])
def server(request, tmp_path):
    server = SmtpServer(tmp_path, verschluesselt=request.param == "smtps")
    server.url = f"{request.param}://msb:p%40ss%3Awort@localhost:{server.port}"
    yield server
    server.close()


@pytest.fixture
def datenbank(sqlite_url):
    """The database matters to the sweep, not to how a mail travels."""
    return sqlite_url


def test_mails_over_tls_with_a_login(session, server):
    enqueue(session, "a", "unbekannt", "b")
    server.abgelehnt.add("unbekannt@example.org")
    assert sweep(session, SmtpVersand(server.url, server.client_context)) == 2
    assert [empfaenger for empfaenger, _ in server.mails] == ["a@example.org", "b@example.org"]
    mail = email.message_from_bytes(server.mails[0][1], policy=default)
    assert mail.get_content().strip() == "für a"
    assert server.anmeldungen == ["\0msb\0p@ss:wort"] * 3
    assert waiting(session) == ["unbekannt"]


def test_a_server_that_asks_for_no_login(session, server):
    enqueue(session, "a")
    url = f"{server.url.partition(':')[0]}://localhost:{server.port}"
    assert sweep(session, SmtpVersand(url, server.client_context)) == 1
    assert (len(server.mails), server.anmeldungen) == (1, [])


def test_a_server_that_nobody_vouches_for_gets_nothing(session, server):
    enqueue(session, "a")
    versand = SmtpVersand(server.url)
    with pytest.raises(ssl.SSLCertVerificationError):
        versand.send(EmailMessage(), JETZT)
    assert sweep(session, versand) == 0
    assert (server.mails, server.anmeldungen) == ([], [])
    assert waiting(session) == ["a"]


def test_a_server_without_tls_gets_neither_mail_nor_password(session, tmp_path):
    server = SmtpServer(tmp_path, verschluesselt=False, starttls=False)
    try:
        enqueue(session, "a")
        assert sweep(session, SmtpVersand(f"smtp://msb:x@localhost:{server.port}", server.client_context)) == 0
        assert (server.mails, server.anmeldungen) == ([], [])
    finally:
        server.close()
    assert waiting(session) == ["a"]

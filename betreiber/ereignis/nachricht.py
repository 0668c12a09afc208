"""Mails: an outbox written in the transaction of its cause, and the sweep that sends what waits there.

Sending is at least once: a crash between sending and deleting sends a mail twice, never not at all. Its
Message-ID stays the same, so that the receiver's programs recognize the second one.

ASSUMPTION: one job process sends; a second one would send every mail a second time.
"""

import os
import smtplib
import ssl
from collections.abc import Sequence
from datetime import datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

import structlog
from sqlalchemy import Row, delete, select
from sqlalchemy.orm import Session

from betreiber.auth.domain import Akteur
from db.models import Nachricht
from db.session import begin_read

log = structlog.get_logger()
STAPEL = 100
# By then every code that a mail may bear has expired.
AUFGEBEN_NACH = timedelta(days=14)
# Errors of one mail; every other OSError (smtplib's errors are some) says that no mail can be sent now.
_UNZUSTELLBAR = (smtplib.SMTPRecipientsRefused, smtplib.SMTPDataError, smtplib.SMTPNotSupportedError, ValueError)


class Versand(Protocol):
    """How a mail leaves the house."""

    def send(self, mail: EmailMessage, zeitpunkt: datetime) -> None:
        """Send one mail. Raises what smtplib raises."""


class DateiVersand:
    """Writes each mail as a file, for demos and tests."""

    def __init__(self, ordner: Path) -> None:
        self.ordner = ordner

    def send(self, mail: EmailMessage, zeitpunkt: datetime) -> None:
        self.ordner.mkdir(parents=True, exist_ok=True, mode=0o700)
        ziel = self.ordner / f"{zeitpunkt:%Y%m%dT%H%M%S}-{mail['X-Nachricht']}.eml"
        # A mail bears codes: for our eyes only; and who watches the folder sees whole files only.
        entwurf = ziel.with_suffix(".neu")
        with open(os.open(entwurf, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as datei:
            datei.write(mail.as_bytes())
        entwurf.replace(ziel)


class SmtpVersand:
    """Sends through a mail server: `smtps://user:password@host:port`, or `smtp://` with STARTTLS."""

    def __init__(self, url: str, context: ssl.SSLContext | None = None) -> None:
        self.url = urlsplit(url)
        self.context = context or ssl.create_default_context()

    def send(self, mail: EmailMessage, zeitpunkt: datetime) -> None:
        host, verschluesselt = self.url.hostname or "", self.url.scheme == "smtps"
        server: smtplib.SMTP
        if verschluesselt:
            server = smtplib.SMTP_SSL(host, self.url.port or 465, timeout=30, context=self.context)
        else:
            server = smtplib.SMTP(host, self.url.port or 587, timeout=30)
        with server:
            if not verschluesselt:
                server.starttls(context=self.context)
            if self.url.username:
                server.login(unquote(self.url.username), unquote(self.url.password or ""))
            server.send_message(mail)


def enqueue_nachricht(session: Session, akteur: Akteur, empfaenger: str, betreff: str, text: str) -> None:
    """Put a mail into the outbox; it is sent after the commit of the caller's transaction."""
    session.add(Nachricht(angelegt_zeitpunkt=akteur.zeitpunkt, empfaenger=empfaenger, betreff=betreff, text=text))


def send_nachrichten(session: Session, akteur: Akteur, versand: Versand, absender: str) -> int:
    """Sweep: send what waits, oldest first. Returns how many went out.

    No transaction stays open while a server is spoken to. A mail that fails stays for 14 days and holds up none
    behind it; when no mail can be sent, the sweep ends until the next one.
    """
    anzahl = letzte = 0
    while stapel := _fetch_stapel(session, letzte):
        for nachricht_id, angelegt, empfaenger, betreff, text in stapel:
            letzte = nachricht_id
            try:
                mail = _compose(absender, empfaenger, betreff, text, akteur.zeitpunkt, nachricht_id)
                versand.send(mail, akteur.zeitpunkt)
            except _UNZUSTELLBAR as error:
                log.warning("mail_refused", nachricht_id=nachricht_id, fehler=type(error).__name__)
                if angelegt > akteur.zeitpunkt - AUFGEBEN_NACH:
                    continue
            except OSError as error:
                log.error("mail_not_sent", fehler=type(error).__name__)
                return anzahl
            else:
                anzahl += 1
            session.execute(delete(Nachricht).where(Nachricht.nachricht_id == nachricht_id))
            session.commit()
    return anzahl


def _fetch_stapel(session: Session, nach: int) -> Sequence[Row[int, datetime, str, str, str]]:
    begin_read(session)
    stapel = session.execute(
        select(
            Nachricht.nachricht_id,
            Nachricht.angelegt_zeitpunkt,
            Nachricht.empfaenger,
            Nachricht.betreff,
            Nachricht.text,
        )
        .where(Nachricht.nachricht_id > nach)
        .order_by(Nachricht.nachricht_id)
        .limit(STAPEL)
    ).all()
    session.rollback()
    return stapel


def _compose(
    absender: str, empfaenger: str, betreff: str, text: str, zeitpunkt: datetime, nachricht_id: int
) -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"], mail["Date"] = absender, empfaenger, betreff, zeitpunkt
    mail["Message-ID"] = f"<nachricht-{nachricht_id}@{absender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Nachricht"] = str(nachricht_id)
    mail.set_content(text)
    return mail

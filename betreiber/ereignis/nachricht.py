"""Mails: an outbox written in the transaction of its cause, and the sweep that sends what waits there.

Sending is at least once: a crash between sending and deleting sends a mail twice, never not at all.
"""

import smtplib
import ssl
from datetime import datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from sqlalchemy import select
from sqlalchemy.orm import Session

from betreiber.auth.domain import Akteur
from db.models import Nachricht


class Versand(Protocol):
    """How a mail leaves the house."""

    def send(self, mail: EmailMessage, zeitpunkt: datetime) -> None:
        """Send one mail; raises OSError (smtplib's errors are some) when it cannot be sent now."""


class DateiVersand:
    """Writes each mail as a file, for demos and tests."""

    def __init__(self, ordner: Path) -> None:
        self.ordner = ordner

    def send(self, mail: EmailMessage, zeitpunkt: datetime) -> None:
        self.ordner.mkdir(parents=True, exist_ok=True, mode=0o700)
        name = f"{zeitpunkt:%Y%m%dT%H%M%S}-{mail['X-Nachricht']}.eml"
        (self.ordner / name).write_bytes(mail.as_bytes())


class SmtpVersand:
    """Sends through a mail server: `smtps://user:password@host:port`, or `smtp://` with STARTTLS."""

    def __init__(self, url: str) -> None:
        self.url = urlsplit(url)

    def send(self, mail: EmailMessage, zeitpunkt: datetime) -> None:
        host, kontext = self.url.hostname or "", ssl.create_default_context()
        if self.url.scheme == "smtps":
            server: smtplib.SMTP = smtplib.SMTP_SSL(host, self.url.port or 465, timeout=30, context=kontext)
        else:
            server = smtplib.SMTP(host, self.url.port or 587, timeout=30)
            server.starttls(context=kontext)
        with server:
            if self.url.username:
                server.login(unquote(self.url.username), unquote(self.url.password or ""))
            server.send_message(mail)


def enqueue_nachricht(session: Session, akteur: Akteur, empfaenger: str, betreff: str, text: str) -> None:
    """Put a mail into the outbox; it is sent after the commit of the caller's transaction."""
    session.add(Nachricht(angelegt_zeitpunkt=akteur.zeitpunkt, empfaenger=empfaenger, betreff=betreff, text=text))


def send_nachrichten(session: Session, akteur: Akteur, versand: Versand, absender: str) -> int:
    """Sweep: send what waits, oldest first, at most 100; a mail that fails stays. Returns how many went out."""
    anzahl = 0
    # Two sweeps at once share the work: each skips what the other has locked.
    offen = select(Nachricht).order_by(Nachricht.nachricht_id).limit(100).with_for_update(skip_locked=True)
    for nachricht in session.scalars(offen):
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = absender, nachricht.empfaenger, nachricht.betreff
        mail["X-Nachricht"] = str(nachricht.nachricht_id)
        mail.set_content(nachricht.text)
        try:
            versand.send(mail, akteur.zeitpunkt)
        except OSError:
            continue
        session.delete(nachricht)
        anzahl += 1
    session.commit()
    return anzahl

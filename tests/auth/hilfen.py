"""What the tests of logging in share."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from betreiber.auth.passwort import Passwoerter
from db.models import Nachricht

ANMELDUNG = "/v1/anmeldung"
ERNEUERUNG = "/v1/anmeldung/erneuerung"
NEUES_PASSWORT = "Kaktus auf dem Balkon"


class ZaehlendePasswoerter(Passwoerter):
    """Counts its work; `beim_pruefen` runs in the middle of a check."""

    def __init__(self, zeit: int = 1, speicher_kib: int = 64) -> None:
        super().__init__(zeit, speicher_kib)
        self.geprueft = self.gehasht = 0
        self.beim_pruefen: Callable[[], None] = lambda: None
        self.beim_hashen: Callable[[], None] = lambda: None

    def hash(self, passwort: str) -> str:
        self.gehasht += 1
        self.beim_hashen()
        return super().hash(passwort)

    def verify(self, passwort_hash: str | None, passwort: str) -> bool:
        self.geprueft += 1
        self.beim_pruefen()
        return super().verify(passwort_hash, passwort)


def try_login(client: Any, benutzername: str, passwort: str) -> Any:
    return client.post(ANMELDUNG, json={"benutzername": benutzername, "passwort": passwort})


def refresh(client: Any, token: str) -> Any:
    return client.post(ERNEUERUNG, json={"erneuerungstoken": token})


def mails(session: Any) -> list[Any]:
    """What waits in the outbox. Leaves no transaction open: on SQLite it would stop every writer."""
    session.rollback()
    zeilen = session.execute(select(Nachricht.empfaenger, Nachricht.text).order_by(Nachricht.nachricht_id)).all()
    session.rollback()
    return list(zeilen)


def code_in(nachricht: Any) -> str:
    """The code of a mail: 128 bits."""
    return re.search(r"^[0-9a-f]{32}$", nachricht.text, re.M).group()


def check_problem(antwort: Any, status: int, code: str) -> None:
    """One shape for every refusal."""
    assert (antwort.status_code, antwort.content_type) == (status, "application/problem+json"), antwort.text
    assert (antwort.json["code"], antwort.json["status"]) == (code, status)
    assert antwort.json["detail"]


@pytest.fixture
def passwoerter(app):
    """Takes the place of the app's hasher."""
    app.extensions["msb_passwoerter"] = ZaehlendePasswoerter()
    return app.extensions["msb_passwoerter"]

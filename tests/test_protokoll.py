"""Logs: one JSON line a request, and nothing in it that somebody could misuse or make up."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import structlog
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from betreiber.protokoll import describe_error
from tests.auth.hilfen import ANMELDUNG

WURZEL = Path(__file__).parents[1]
PROGRAMM = """
import logging, sys
from pathlib import Path
from betreiber.app import create_app
from betreiber.protokoll import init_logging
from betreiber.settings import Settings
from db.schema import upgrade
from db.session import create_engine

init_logging("json")
daten = Path(sys.argv[1])
settings = Settings(daten=daten, jwt_secret="g" * 32, argon2_zeit=1, argon2_speicher_kib=64)
logging.disable()
upgrade(create_engine(settings.datenbank))
logging.disable(logging.NOTSET)
app = create_app(settings)
client = app.test_client()
daten = {"benutzername": "GEHEIM@example.org", "passwort": "GEHEIM123456"}
client.post("/v1/anmeldung?passwort=GEHEIM", json=daten)
client.get("/v1/kunden/4711?suche=GEHEIM", headers={"Authorization": "Bearer GEHEIM", "User-Agent": "GEHEIM"})
client.get("/GEHEIM/4711", headers={"X-Request-ID": "kunde-12345678"})
client.get("/v1/anmeldung", headers={"X-Request-ID": 'x" , "level": "error'})

def fail():
    try:
        int("GEHEIM")
    except ValueError as error:
        raise RuntimeError("GEHEIM") from error

app.view_functions["anmeldung.AnmeldungView"] = fail
client.post("/v1/anmeldung", json={})
logging.getLogger("anderswo").warning("zwei\\nZeilen \\x1b[31m %s", "ä")
try:
    fail()
except RuntimeError:
    logging.getLogger("anderswo").exception("gescheitert")
"""


@pytest.fixture(scope="module")
def zeilen(tmp_path_factory):
    """What an operator of its own process writes to standard error."""
    lauf = subprocess.run(
        [sys.executable, "-c", PROGRAMM, str(tmp_path_factory.mktemp("daten"))],
        cwd=WURZEL,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert lauf.stdout == ""
    assert "GEHEIM" not in lauf.stderr
    assert "\x1b" not in lauf.stderr
    return [json.loads(zeile) for zeile in lauf.stderr.splitlines()]


def test_one_line_a_request(zeilen):
    anfragen = [zeile for zeile in zeilen if zeile["event"] == "request"]
    assert [(zeile["method"], zeile["route"], zeile["status"]) for zeile in anfragen] == [
        ("POST", "/v1/anmeldung", 401),
        ("GET", "/v1/kunden/<id:kunde_id>", 401),
        ("GET", "unbekannt", 404),
        ("GET", "/v1/anmeldung", 401),
        ("POST", "/v1/anmeldung", 500),
    ]
    for zeile in anfragen:
        assert set(zeile) == {"event", "level", "method", "ms", "request_id", "route", "status", "timestamp"}
    assert "4711" not in str(anfragen)


def test_a_sane_request_id_of_the_client_is_kept_and_another_replaced(zeilen):
    ids = [zeile["request_id"] for zeile in zeilen if zeile["event"] == "request"]
    assert ids[2] == "kunde-12345678"
    assert all(re.fullmatch(r"[0-9a-f]{32}", eigene) for eigene in [*ids[:2], *ids[3:]])
    assert len(set(ids)) == len(ids)


def test_an_exception_is_named_by_class_and_place_and_request(zeilen):
    fehler, anfrage = [zeile for zeile in zeilen if zeile.get("request_id") == zeilen[4]["request_id"]][:2]
    assert (fehler["event"], fehler["level"], anfrage["status"]) == ("unexpected_error", "error", 500)
    assert re.match(r"RuntimeError at <string>:\d+ fail < ", fehler["exception"])
    assert re.search(r"; caused by ValueError at <string>:\d+ fail$", fehler["exception"])


def test_other_libraries_write_json_too(zeilen):
    erste, zweite = zeilen[-2:]
    assert (erste["event"], erste["level"]) == ("zwei\nZeilen \x1b[31m ä", "warning")
    assert (zweite["event"], zweite["level"]) == ("gescheitert", "error")
    assert zweite["exception"].startswith("RuntimeError at <string>:")


def test_an_exception_that_was_never_raised():
    assert describe_error((ValueError, ValueError("GEHEIM"), None)) == "ValueError at no place"


def test_a_cause_that_was_hidden_stays_hidden():
    try:
        try:
            raise KeyError("GEHEIM")
        except KeyError:
            raise LookupError from None
    except LookupError as error:
        assert "KeyError" not in describe_error((LookupError, error, error.__traceback__))


@pytest.fixture
def datenbank(sqlite_url):
    return sqlite_url


@pytest.mark.parametrize(
    ("gesendet", "behalten"),
    [
        ("abcdefgh", True),
        ("0" * 64, True),
        ("550e8400-e29b-41d4-a716-446655440000", True),
        ("abcdefg", False),
        ("0" * 65, False),
        ("", False),
        ("äbcdefghi", False),
        ("abcdefgh ij", False),
        ("abcdefgh{}", False),
        ("abcdefgh\x7f", False),
    ],
)
def test_request_ids(client, gesendet, behalten):
    antwort = client.get(ANMELDUNG, headers={"X-Request-ID": gesendet})
    assert (antwort.headers["X-Request-ID"] == gesendet) is behalten


def test_methods_that_a_client_makes_up_are_one_name(client):
    """A name of its own for each would fill the memory of the metrics."""
    with capture_logs() as zeilen:
        for nummer in range(20):
            client.request(f"METHODE{nummer}", ANMELDUNG)
    assert {zeile["method"] for zeile in zeilen} == {"andere"}
    namen = {
        probe.labels.get("method")
        for familie in REGISTRY.collect()
        if familie.name == "msb_anfragen"
        for probe in familie.samples
    }
    assert "andere" in namen
    assert not any(name.startswith("METHODE") for name in namen)


def test_one_request_does_not_lend_its_id_to_the_next(client):
    client.get(ANMELDUNG, headers={"X-Request-ID": "die-erste-anfrage"})
    client.get(ANMELDUNG)
    assert structlog.contextvars.get_contextvars()["request_id"] != "die-erste-anfrage"

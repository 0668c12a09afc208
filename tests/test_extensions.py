"""What the API refuses before a view sees it: one shape, a stable code, German words, never a 500."""

import json
import re

import pytest

from betreiber.extensions import _HTTP
from tests.auth.hilfen import ANMELDUNG, check_problem

JSON = {"content_type": "application/json"}
SICHERHEIT = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


@pytest.fixture
def datenbank(sqlite_url):
    """Nothing here reaches a database with anything to say."""
    return sqlite_url


def check_headers(antwort):
    assert {name: antwort.headers.get(name) for name in SICHERHEIT} == SICHERHEIT
    assert re.fullmatch(r"[0-9a-f]{32}", antwort.headers["X-Request-ID"])


UNLESBAR = {
    "nothing": b"",
    "no JSON": b"benutzername=erika",
    "NaN": b'{"benutzername": NaN}',
    "Infinity": b'{"benutzername": Infinity}',
    "minus Infinity": b'{"benutzername": -Infinity}',
    "a key twice": b'{"benutzername": "a", "benutzername": "b"}',
    "a key twice, deep inside": b'{"benutzername": [{"a": 1, "a": 1}]}',
    "a key twice, written in two ways": b'{"a": 1, "\\u0061": 1}',
    "60,000 brackets": b"[" * 60_000,
    "10,000 objects deep": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "invalid UTF-8": b'{"benutzername": "\xff"}',
    "overlong UTF-8": b'{"benutzername": "\xc0\x80"}',
    "a surrogate in UTF-8": b'{"benutzername": "\xed\xa0\x80"}',
    "UTF-16": '{"benutzername": "a"}'.encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf{}",
    "a raw NUL": b'{"benutzername": "a\x00b"}',
    "a number of 5,000 digits": b'{"benutzername": ' + b"9" * 5000 + b"}",
    "two values": b"{} {}",
    "a comment": b"{/* */}",
}


@pytest.mark.parametrize("inhalt", UNLESBAR.values(), ids=UNLESBAR)
def test_unreadable_body(client, inhalt):
    antwort = client.post(ANMELDUNG, data=inhalt, **JSON)
    check_problem(antwort, 400, "anfrage_ungueltig")
    assert antwort.json["errors"] == {"json": ["Kein gültiges JSON in UTF-8."]}
    check_headers(antwort)


@pytest.mark.parametrize("inhalt", [b"[]", b"[{}]", b"null", b'"text"', b"17", b"true", b"1e999"])
def test_a_body_that_is_no_object(client, inhalt):
    antwort = client.post(ANMELDUNG, data=inhalt, **JSON)
    check_problem(antwort, 422, "eingabe_ungueltig")
    assert antwort.json["errors"] == {"json": {"_schema": ["Ein Objekt mit Feldern wird erwartet."]}}


def test_every_wrong_field_is_named_at_once(client):
    antwort = client.post(ANMELDUNG, json={"benutzername": 1.9, "rolle": "admin"})
    check_problem(antwort, 422, "eingabe_ungueltig")
    assert antwort.json["errors"]["json"] == {
        "benutzername": ["Ein Text wird erwartet."],
        "passwort": ["Pflichtfeld fehlt."],
        "rolle": ["Unbekanntes Feld."],
    }


@pytest.mark.parametrize("name", ["\ud800", "\udfff", "\x00", "\u202e", "ä", "<script>", "__proto__", ""])
def test_names_of_unknown_fields(client, name):
    antwort = client.post(ANMELDUNG, data=json.dumps({name: 1}), **JSON)
    check_problem(antwort, 422, "eingabe_ungueltig")
    assert antwort.json["errors"]["json"][name] == ["Unbekanntes Feld."]
    check_headers(antwort)


@pytest.mark.parametrize("groesse", [64 * 1024 + 1, 2**20])
def test_too_much(client, groesse):
    antwort = client.post(ANMELDUNG, data=b" " * groesse, **JSON)
    check_problem(antwort, 413, "zu_gross")
    check_headers(antwort)


def test_the_largest_body_is_read(client):
    koerper = b'{"passwort": "x", "benutzername": "a"' + b" " * (64 * 1024 - 38) + b"}"
    assert len(koerper) == 64 * 1024
    check_problem(client.post(ANMELDUNG, data=koerper, **JSON), 401, "nicht_angemeldet")


@pytest.mark.parametrize(
    "art", [None, "", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "text/json", "x"]
)
def test_wrong_content_type(client, art):
    antwort = client.post(ANMELDUNG, data=b"{}", headers={} if art is None else {"Content-Type": art})
    check_problem(antwort, 415, "medientyp_unbekannt")
    check_headers(antwort)


@pytest.mark.parametrize("methode", ["PATCH", "PUT", "TRACE", "BREW"])
def test_wrong_method(client, methode):
    antwort = client.request(methode, ANMELDUNG)
    check_problem(antwort, 405, "methode_nicht_erlaubt")
    assert set(antwort.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST", "DELETE"}
    check_headers(antwort)


@pytest.mark.parametrize(
    "pfad",
    [
        "/v1/nichts",
        "/v2/kunden",
        "/v1/kunden/",
        "/v1/anmeldung/",
        "/v1//anmeldung",
        "/v1/kunden/0",
        "/v1/kunden/01",
        "/v1/kunden/-1",
        "/v1/kunden/1.0",
        "/v1/kunden/1e3",
        "/v1/kunden/%D9%A1",
        "/v1/kunden/1%00",
        "/v1/kunden/%FF",
        "/v1/kunden/9223372036854775808",
        "/v1/kunden/" + "9" * 3000,
        "/v1/kunden/1/../2",
        "/static/../settings.py",
        "/static/%2e%2e/settings.py",
        "/static/..%2fsettings.py",
        "/.env",
    ],
)
def test_no_such_address(client, als, pfad):
    antwort = client.get(pfad, als=als("sachbearbeitung"))
    check_problem(antwort, 404, "nicht_gefunden")
    check_headers(antwort)
    assert antwort.json == client.get("/v1/kunden/9223372036854775807", als=als("sachbearbeitung")).json


def test_head_and_options(client, als):
    kopf = client.request("HEAD", ANMELDUNG, als=als("admin"))
    assert (kopf.status_code, kopf.data) == (200, b"")
    check_headers(kopf)
    wahl = client.request("OPTIONS", ANMELDUNG)
    assert (wahl.status_code, wahl.data) == (200, b"")
    assert set(wahl.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST", "DELETE"}
    assert "Access-Control-Allow-Origin" not in wahl.headers
    check_headers(wahl)


@pytest.mark.parametrize(
    "frage", ["gibtesnicht=1", "seite=1&seite=1", "seite=%00", "seite=%FF", "seite=+1", "seite=1e3"]
)
def test_bad_query(client, als, frage):
    antwort = client.get(f"/v1/kunden?{frage}", als=als("sachbearbeitung"))
    check_problem(antwort, 422, "eingabe_ungueltig")
    assert set(antwort.json["errors"]["query"]) == {frage.partition("=")[0]}
    check_headers(antwort)


def test_security_headers_stand_on_good_answers_too(client, als):
    check_headers(client.get(ANMELDUNG, als=als("admin")))
    check_headers(client.get("/openapi.json"))
    check_headers(client.get("/"))
    seite = client.get("/docs")
    assert "default-src 'none'" in seite.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in seite.headers["Content-Security-Policy"]


def test_an_unexpected_error_says_nothing_of_its_cause(app, client):
    def fail():
        raise RuntimeError("geheime Einzelheit")

    app.view_functions["anmeldung.AnmeldungView"] = fail
    antwort = client.post(ANMELDUNG, json={})
    check_problem(antwort, 500, "interner_fehler")
    assert "geheim" not in antwort.text
    assert "Traceback" not in antwort.text
    check_headers(antwort)


def test_every_refusal_of_flask_has_german_words():
    for status, (code, titel, detail) in _HTTP.items():
        assert re.fullmatch(r"[a-z_]+", code), status
        assert titel and detail.endswith((".", "errors.")), status

"""Tokens that our own key signed and that are nonsense all the same: 401 before any of it reaches the database."""

import json
import time
import warnings

import jwt
import pytest

from tests.auth.hilfen import ANMELDUNG, check_problem, refresh

GEHEIMNIS = "g" * 32  # that of the settings in tests/conftest.py
IN_EINER_STUNDE = int(time.time()) + 3600  # tokens live on real time

UNSINN = {
    "a user that is no number": {"sub": "abc"},
    "a user beyond 64 bits": {"sub": "9" * 19},
    "a user of 5,000 digits": {"sub": "9" * 5000},
    "a negative user": {"sub": "-1"},
    "a user in Arabic digits": {"sub": "\u0661"},
    "a user that is an integer": {"sub": 1},
    "an empty user": {"sub": ""},
    "a session with a NUL": {"fam": "a\x00" + "b" * 20},
    "a session with half a surrogate pair": {"fam": "\ud800" + "b" * 21},
    "a session that is a list": {"fam": ["x"]},
    "a session that is an object": {"fam": {"a": 1}},
    "a session that is none": {"fam": None},
    "a session of a megabyte": {"fam": "x" * 2**20},
    "issued in the future": {"iat": IN_EINER_STUNDE},
    "an expiry that is no number": {"exp": "morgen"},
    "an audience that is a number": {"aud": 1},
    "an unknown type": {"type": "anders"},
}


@pytest.fixture
def tokens(als):
    """The contents of a good access and a good refresh token."""
    person = als("sachbearbeitung")
    return [
        jwt.decode(token, options={"verify_signature": False})
        for token in (person.zugriffstoken, person.erneuerungstoken)
    ]


def sign(inhalt):
    """PyJWT's signature under claims that PyJWT itself would refuse to make."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return jwt.PyJWS().encode(json.dumps(inhalt).encode(), GEHEIMNIS)


def ask(client, token):
    return client.get(ANMELDUNG, headers={"Authorization": f"Bearer {token}"})


def test_nonsense_in_an_access_token(client, tokens):
    assert ask(client, sign(tokens[0])).status_code == 200
    gefunden = {}
    for name, unsinn in UNSINN.items():
        antwort = ask(client, sign(tokens[0] | unsinn))
        gefunden[name] = (antwort.status_code, antwort.json["code"])
    assert gefunden == dict.fromkeys(UNSINN, (401, "nicht_angemeldet"))


def test_nonsense_in_a_refresh_token_does_not_end_the_session(client, tokens):
    for anders in ({"jti": None}, {"jti": ["x"]}, {"jti": "x\x00"}, {"fam": None}, {"fam": 7}):
        check_problem(refresh(client, sign(tokens[1] | anders)), 401, "nicht_angemeldet")
    assert refresh(client, sign(tokens[1])).status_code == 200


def test_a_refresh_token_lives_thirty_days_and_an_access_token_fifteen_minutes(tokens):
    assert [inhalt["exp"] - inhalt["iat"] for inhalt in tokens] == [900, 30 * 86_400]


def test_a_token_names_no_person_and_no_role(tokens):
    """Anybody can read it; and roles are looked up, so that a change counts at once."""
    for inhalt in tokens:
        assert set(inhalt) == {"sub", "fam", "jti", "type", "fresh", "iat", "nbf", "exp", "iss", "aud"}


def test_garbage_in_the_header(client):
    for token in ("\xff\xfe.\xe4.\xf6", "A" * 60_000, "a,b", "\x7f", "a.b.c\t", ",", ""):
        check_problem(ask(client, token), 401, "nicht_angemeldet")
    for kopf in ("\xc3", ",", "Bearer,", "Token x"):
        check_problem(client.get(ANMELDUNG, headers={"Authorization": kopf}), 401, "nicht_angemeldet")

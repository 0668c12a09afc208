"""Tokens that are not ours, not for this, or no longer good: 401, never 500."""

from datetime import UTC, datetime, timedelta

import jwt
import pytest

ROUTE = "/v1/anmeldung"
GEHEIMNIS = "g" * 32  # that of the settings in tests/conftest.py
JETZT = datetime.now(UTC)  # tokens live on real time


@pytest.fixture
def inhalt(als):
    """What a good access token says."""
    return jwt.decode(als("sachbearbeitung").zugriffstoken, options={"verify_signature": False})


def sign(inhalt, geheimnis=GEHEIMNIS, algorithm="HS256", headers=None, **anders):
    werte = {name: wert for name, wert in (inhalt | anders).items() if wert is not None}
    return jwt.encode(werte, geheimnis, algorithm=algorithm, headers=headers)


def ask(client, token):
    return client.get(ROUTE, headers={"Authorization": f"Bearer {token}"})


def check_refused(antwort):
    assert (antwort.status_code, antwort.mimetype) == (401, "application/problem+json"), antwort.text
    assert antwort.json["code"] == "nicht_angemeldet"
    assert set(antwort.json) == {"type", "status", "code", "title", "detail"}


def test_the_forger_of_these_tests_could_do_it(client, inhalt):
    """With the secret and all claims right the answer is 200: what is refused below has the cause it names."""
    assert ask(client, sign(inhalt)).status_code == 200


FALSCH = {
    "expired": {"exp": JETZT - timedelta(minutes=1)},
    "not yet valid": {"nbf": JETZT + timedelta(hours=1)},
    "wrong audience": {"aud": "messstellenbetreiber"},
    "no audience": {"aud": None},
    "wrong issuer": {"iss": "somebody"},
    "no issuer": {"iss": None},
    "a refresh token's type": {"type": "refresh"},
    "another user": {"sub": "4711"},
    "a user that is no number": {"sub": "erika"},
    "a user beyond 64 bits": {"sub": "9" * 30},
    "a negative user": {"sub": "-1"},
    "no user": {"sub": None},
    "another session": {"fam": "x" * 22},
    "no session": {"fam": None},
    "a session that is a list": {"fam": ["x"]},
}


@pytest.mark.parametrize("anders", FALSCH.values(), ids=FALSCH)
def test_wrong_claim(client, inhalt, anders):
    check_refused(ask(client, sign(inhalt, **anders)))


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_another_algorithm(client, inhalt, algorithm):
    check_refused(ask(client, sign(inhalt, "g" * 64, algorithm)))
    with pytest.warns(jwt.InsecureKeyLengthWarning):
        gefaelscht = sign(inhalt, GEHEIMNIS, algorithm)
    check_refused(ask(client, gefaelscht))


def test_no_algorithm(client, inhalt):
    ohne = sign(inhalt, None, "none")
    check_refused(ask(client, ohne))
    _, koerper, signatur = sign(inhalt).split(".")
    check_refused(ask(client, f"{ohne.split('.')[0]}.{koerper}.{signatur}"))


@pytest.mark.parametrize(
    "headers", [{"kid": "../../dev/null"}, {"jku": "https://example.org/keys"}, {"jwk": {"kty": "oct", "k": "Zw"}}]
)
def test_a_key_of_the_forger(client, inhalt, headers):
    check_refused(ask(client, sign(inhalt, "f" * 32, headers=headers)))


def test_one_bit_of_the_signature(client, inhalt):
    kopf, koerper, signatur = sign(inhalt).split(".")
    anders = ("B" if signatur[0] == "A" else "A") + signatur[1:]
    check_refused(ask(client, f"{kopf}.{koerper}.{anders}"))


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "..", "null", "eyJ" * 1000, "ä"])
def test_no_token_at_all(client, token):
    check_refused(ask(client, token))


@pytest.mark.parametrize("kopf", ["Bearer", "Basic eDp5", "bearer x", "", "Bearer a b"])
def test_no_bearer(client, kopf):
    check_refused(client.get(ROUTE, headers={"Authorization": kopf}))
    check_refused(client.get(ROUTE))


def test_refresh_as_access_and_back(client, als):
    person = als("sachbearbeitung")
    check_refused(ask(client, person.erneuerungstoken))
    check_refused(client.post("/v1/anmeldung/erneuerung", json={"erneuerungstoken": person.zugriffstoken}))


def test_tokens_elsewhere_than_in_the_header_do_not_count(client, als):
    token = als("sachbearbeitung").zugriffstoken
    check_refused(client.get(ROUTE, query_string={"jwt": token, "access_token": token}))
    check_refused(client.get(ROUTE, headers={"Cookie": f"access_token_cookie={token}"}))

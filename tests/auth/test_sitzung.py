"""Sessions: refresh tokens are good once, and what ends a session ends all of its tokens at once."""

from datetime import timedelta
from threading import Barrier, Thread

import pytest
from sqlalchemy import select

from betreiber.auth.domain import system_akteur
from betreiber.auth.service import disable_benutzer, enable_benutzer
from db.models import Audit, Sitzungsfamilie
from tests.auth.hilfen import ANMELDUNG, ERNEUERUNG, NEUES_PASSWORT, check_problem, refresh, try_login
from tests.hilfen import PASSWORT, Klient, Person


@pytest.fixture
def person(als):
    return als("sachbearbeitung")


def renewed(person, antwort):
    return Person(person.benutzername, antwort.json["zugriffstoken"], antwort.json["erneuerungstoken"])


def check_dead(client, *personen):
    for person in personen:
        check_problem(client.get(ANMELDUNG, als=person), 401, "nicht_angemeldet")
        check_problem(refresh(client, person.erneuerungstoken), 401, "nicht_angemeldet")


def test_refresh_replaces_both_tokens(client, person):
    antwort = refresh(client, person.erneuerungstoken)
    assert antwort.status_code == 200
    neu = renewed(person, antwort)
    assert len({person.zugriffstoken, person.erneuerungstoken, neu.zugriffstoken, neu.erneuerungstoken}) == 4
    assert client.get(ANMELDUNG, als=neu).status_code == 200
    assert refresh(client, neu.erneuerungstoken).status_code == 200


def test_reuse_ends_the_whole_session(client, person, session):
    neu = renewed(person, refresh(client, person.erneuerungstoken))
    check_problem(refresh(client, person.erneuerungstoken), 401, "nicht_angemeldet")
    check_dead(client, person, neu)
    zeile = session.scalars(select(Audit).where(Audit.aktion == "ERNEUERUNGSTOKEN_WIEDERVERWENDET")).one()
    assert (zeile.objekt_art, zeile.alt, zeile.neu) == ("benutzer", {}, {})


def test_reuse_of_one_session_leaves_the_others(client, person):
    andere = client.login(person.benutzername)
    refresh(client, person.erneuerungstoken)
    refresh(client, person.erneuerungstoken)
    assert client.get(ANMELDUNG, als=andere).status_code == 200


def test_two_refreshes_at_once(app, client, person):
    """One wins; the other is a reuse and ends the session, because nobody can tell which of the two is a thief."""
    start, antworten = Barrier(2), []

    def run():
        eigener = Klient(app)
        start.wait()
        antworten.append(refresh(eigener, person.erneuerungstoken))

    faeden = [Thread(target=run) for _ in range(2)]
    for faden in faeden:
        faden.start()
    for faden in faeden:
        faden.join()
    assert sorted(antwort.status_code for antwort in antworten) == [200, 401]
    gewinner = next(antwort for antwort in antworten if antwort.status_code == 200)
    check_dead(client, renewed(person, gewinner), person)


def test_a_session_ends_after_thirty_days(client, person, uhr):
    uhr.advance(timedelta(days=30) - timedelta(seconds=1))
    neu = renewed(person, refresh(client, person.erneuerungstoken))
    uhr.advance(timedelta(seconds=1))
    check_problem(refresh(client, neu.erneuerungstoken), 401, "nicht_angemeldet")


def test_logout_ends_this_session_only(client, person):
    andere = client.login(person.benutzername)
    assert client.delete(ANMELDUNG, als=person).status_code == 204
    check_dead(client, person)
    assert client.delete(ANMELDUNG, als=person).status_code == 401
    assert client.get(ANMELDUNG, als=andere).status_code == 200


def test_change_of_the_password_ends_every_session(client, person):
    andere = client.login(person.benutzername)
    daten = {"passwort_alt": PASSWORT, "passwort_neu": NEUES_PASSWORT}
    antwort = client.put("/v1/passwort", json=daten, als=person)
    assert (antwort.status_code, antwort.data) == (204, b"")
    check_dead(client, person, andere)
    assert try_login(client, person.benutzername, PASSWORT).status_code == 401
    assert try_login(client, person.benutzername, NEUES_PASSWORT).status_code == 200


def test_a_disabled_account_is_out_at_once_and_for_good(client, person, session, uhr):
    akteur = system_akteur("test", uhr.now())
    disable_benutzer(session, akteur, benutzername=person.benutzername.upper())
    check_dead(client, person)
    assert try_login(client, person.benutzername, PASSWORT).status_code == 401
    enable_benutzer(session, akteur, benutzername=person.benutzername)
    check_dead(client, person)  # Old sessions do not come back.
    assert try_login(client, person.benutzername, PASSWORT).status_code == 200
    aktionen = session.scalars(select(Audit.aktion).order_by(Audit.audit_id)).all()
    assert aktionen == ["GESPERRT", "ENTSPERRT"]


def test_a_disabled_account_keeps_no_open_session(client, person, session, uhr):
    """Even if a family was left open, an account that is not active is nobody."""
    disable_benutzer(session, system_akteur("test", uhr.now()), benutzername=person.benutzername)
    session.scalars(select(Sitzungsfamilie)).one().beendet_zeitpunkt = None
    session.commit()
    check_dead(client, person)


@pytest.mark.parametrize("token", ["x", "a.b.c", "äöü.€.x", " ", "x" * 2000])
def test_what_is_no_refresh_token(client, token):
    check_problem(client.post(ERNEUERUNG, json={"erneuerungstoken": token}), 401, "nicht_angemeldet")


@pytest.mark.parametrize(
    "daten", [{}, {"erneuerungstoken": None}, {"erneuerungstoken": "x" * 2001}, {"token": "x"}]
)
def test_bad_input(client, daten):
    check_problem(client.post(ERNEUERUNG, json=daten), 422, "eingabe_ungueltig")

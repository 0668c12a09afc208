"""Change and reset of a password."""

from datetime import timedelta

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from betreiber.auth.domain import system_akteur
from betreiber.auth.service import delete_expired, disable_benutzer, set_passwort
from betreiber.errors import NichtGefunden
from db.models import Anmeldeversuch, Audit, Benutzer, Einmalcode, Sitzungsfamilie
from tests.auth.hilfen import ANMELDUNG, NEUES_PASSWORT, check_problem, code_in, mails, refresh, try_login
from tests.hilfen import PASSWORT

PFAD = "/v1/passwort"


def change(client, person, alt=PASSWORT, neu=NEUES_PASSWORT):
    return client.put(PFAD, json={"passwort_alt": alt, "passwort_neu": neu}, als=person)


def request_reset(client, name):
    return client.post(f"{PFAD}/ruecksetzungen", json={"benutzername": name})


def reset(client, code, neu=NEUES_PASSWORT):
    return client.put(f"{PFAD}/ruecksetzung", json={"code": code, "passwort_neu": neu})


@pytest.mark.parametrize("rolle", ["kunde", "monteur", "admin"])
def test_everybody_changes_the_own_password(client, als, welt, rolle):
    person = als(rolle, kunde_id=welt.kunde() if rolle == "kunde" else None)
    assert change(client, person).status_code == 204
    assert try_login(client, person.benutzername, NEUES_PASSWORT).status_code == 200


def test_the_old_password_is_asked_for(client, als):
    person = als("admin")
    antwort = change(client, person, alt="falsch")
    check_problem(antwort, 422, "passwort_falsch")
    assert set(antwort.json["errors"]) == {"passwort_alt"}
    assert client.get(ANMELDUNG, als=person).status_code == 200


def test_wrong_old_passwords_count_like_failed_logins(client, als, passwoerter):
    person = als("admin")
    passwoerter.geprueft = 0
    for _ in range(5):
        change(client, person, alt="falsch")
        try_login(client, person.benutzername, "falsch")
    check_problem(change(client, person), 429, "zu_viele_versuche")
    check_problem(try_login(client, person.benutzername, PASSWORT), 429, "zu_viele_versuche")
    assert passwoerter.geprueft == 10


@pytest.mark.parametrize("neu", ["elf Zeichen", "x" * 201, "aaaaaaaaaaaaaa", "mein admin1 Passwort"])
def test_a_weak_new_password_names_its_field(client, als, neu):
    antwort = change(client, als("admin"), neu=neu)
    check_problem(antwort, 422, "eingabe_ungueltig")
    fehler = antwort.json["errors"]
    assert set(fehler.get("json", fehler)) == {"passwort_neu"}


def test_of_two_changes_at_once_the_second_is_told(client, als, passwoerter):
    person = als("admin")

    def faster():
        passwoerter.beim_pruefen = lambda: None
        assert change(client, person, neu="schneller als der andere").status_code == 204

    passwoerter.beim_pruefen = faster
    check_problem(change(client, person), 401, "nicht_angemeldet")
    assert try_login(client, person.benutzername, "schneller als der andere").status_code == 200


def test_a_reset_by_mail(client, als, session):
    person = als("sachbearbeitung")
    antwort = request_reset(client, person.benutzername.upper())
    assert (antwort.status_code, antwort.json) == (202, None)
    (mail,) = mails(session)
    assert mail.empfaenger == person.benutzername
    antwort = reset(client, code_in(mail))
    assert (antwort.status_code, antwort.data) == (204, b"")
    assert client.get(ANMELDUNG, als=person).status_code == 401
    assert refresh(client, person.erneuerungstoken).status_code == 401
    assert try_login(client, person.benutzername, PASSWORT).status_code == 401
    assert try_login(client, person.benutzername, NEUES_PASSWORT).status_code == 200
    assert session.scalars(select(Audit.aktion)).all() == ["PASSWORT_ZURUECKGESETZT"]


def test_an_unknown_user_gets_the_same_answer(client, welt, session):
    bekannt, unbekannt = (request_reset(client, name) for name in (welt.benutzer("admin"), "niemand@example.org"))
    for antwort in (bekannt, unbekannt):
        del antwort.headers["X-Request-ID"]
    assert bekannt.status_code == unbekannt.status_code == 202
    assert list(bekannt.headers) == list(unbekannt.headers)
    assert bekannt.data == unbekannt.data
    assert len(mails(session)) == 1


def test_who_has_no_address_gets_no_mail(client, welt, session):
    session.add(
        Benutzer(benutzername="erika", passwort_hash="x", rollen=["admin"], angelegt_zeitpunkt=welt._uhr.now())
    )
    session.commit()
    assert request_reset(client, "erika").status_code == 202
    assert mails(session) == []


def test_a_customer_whose_name_is_no_address_gets_the_mail_at_that_of_the_customer(client, welt, session):
    kunde_id = welt.kunde(e_mail="kontakt@example.org")
    session.add(
        Benutzer(
            benutzername="erika",
            passwort_hash="x",
            rollen=["kunde"],
            kunde_id=kunde_id,
            angelegt_zeitpunkt=welt._uhr.now(),
        )
    )
    session.commit()
    request_reset(client, "erika")
    assert [mail.empfaenger for mail in mails(session)] == ["kontakt@example.org"]


def test_a_code_is_good_once_and_for_an_hour(client, welt, session, uhr):
    name = welt.benutzer("admin")
    request_reset(client, name)
    uhr.advance(timedelta(hours=1) - timedelta(seconds=1))
    request_reset(client, name)
    erster, zweiter = (code_in(mail) for mail in mails(session))
    uhr.advance(timedelta(seconds=1))
    check_problem(reset(client, erster), 422, "code_ungueltig")
    assert reset(client, zweiter).status_code == 204
    check_problem(reset(client, zweiter, "noch ein anderes Passwort"), 422, "code_ungueltig")


@pytest.mark.parametrize("wodurch", ["reset", "change", "clerk", "disabled"])
def test_a_new_password_makes_open_codes_useless(client, als, session, uhr, wodurch):
    """Somebody who could read the mailbox an hour ago must not get in after the password was changed."""
    person = als("admin")
    akteur = system_akteur("test", uhr.now())
    for _ in range(2):
        request_reset(client, person.benutzername)
    erster, zweiter = (code_in(mail) for mail in mails(session))
    if wodurch == "reset":
        assert reset(client, erster).status_code == 204
    elif wodurch == "change":
        assert change(client, person).status_code == 204
    elif wodurch == "disabled":
        disable_benutzer(session, akteur, benutzername=person.benutzername)
    else:
        hasher = client._client.application.extensions["msb_passwoerter"]
        set_passwort(session, akteur, hasher, benutzername=person.benutzername, passwort=NEUES_PASSWORT)
        assert client.get(ANMELDUNG, als=person).status_code == 401
    check_problem(reset(client, zweiter), 422, "code_ungueltig")


def test_a_disabled_account_gets_no_code(client, welt, session, uhr):
    name = welt.benutzer("admin")
    disable_benutzer(session, system_akteur("test", uhr.now()), benutzername=name)
    assert request_reset(client, name).status_code == 202
    assert mails(session) == []


def test_a_reset_opens_a_name_that_was_closed_by_failures(client, welt, session):
    """Otherwise anybody could lock a customer out for good."""
    name = welt.benutzer("admin")
    for _ in range(10):
        try_login(client, name, "falsch")
    assert try_login(client, name, PASSWORT).status_code == 429
    request_reset(client, name)
    assert reset(client, code_in(mails(session)[0])).status_code == 204
    assert try_login(client, name, NEUES_PASSWORT).status_code == 200


@pytest.mark.parametrize("bekannt", [True, False])
def test_a_mailbox_cannot_be_flooded(client, welt, session, uhr, bekannt):
    name = welt.benutzer("admin") if bekannt else "niemand@example.org"
    for _ in range(3):
        assert request_reset(client, name).status_code == 202
    antwort = request_reset(client, name)
    check_problem(antwort, 429, "zu_viele_versuche")
    assert antwort.headers["Retry-After"] == "900"
    assert len(mails(session)) == (3 if bekannt else 0)
    assert try_login(client, name, PASSWORT).status_code == (200 if bekannt else 401)
    uhr.advance(timedelta(minutes=15))
    assert request_reset(client, name).status_code == 202


def test_an_invitation_is_no_code_for_a_password(client, als, welt):
    antwort = client.post(f"/v1/kunden/{welt.kunde()}/einladungen", als=als("sachbearbeitung"))
    check_problem(reset(client, antwort.json["einladungscode"]), 422, "code_ungueltig")


def test_a_weak_password_leaves_the_code_good(client, welt, session):
    name = welt.benutzer("admin")
    request_reset(client, name)
    code = code_in(mails(session)[0])
    antwort = reset(client, code, f"mein {name}")
    check_problem(antwort, 422, "eingabe_ungueltig")
    assert set(antwort.json["errors"]) == {"passwort_neu"}
    assert reset(client, code).status_code == 204


def test_nothing_is_held_while_hashing(app, client, als, passwoerter, session):
    person = als("admin")
    request_reset(client, person.benutzername)
    code = code_in(mails(session)[0])
    gehalten = []
    passwoerter.beim_pruefen = passwoerter.beim_hashen = lambda: gehalten.append(
        app.extensions["msb_engine"].pool.checkedout()
    )
    assert change(client, person, alt="falsch").status_code == 422
    assert reset(client, code).status_code == 204
    assert (
        change(client, client.login(person.benutzername, NEUES_PASSWORT), NEUES_PASSWORT, PASSWORT).status_code
        == 204
    )
    assert gehalten == [0] * 5


def test_neither_codes_nor_passwords_are_logged_or_audited(client, als, session):
    person = als("admin")
    with capture_logs() as zeilen:
        request_reset(client, person.benutzername)
        code = code_in(mails(session)[0])
        antworten = [reset(client, code, "kurz"), reset(client, code), reset(client, code)]
        antworten.append(change(client, client.login(person.benutzername, NEUES_PASSWORT), "falsches altes"))
    audit = str([(zeile.akteur, zeile.alt, zeile.neu) for zeile in session.scalars(select(Audit))])
    for text in (code, NEUES_PASSWORT, "kurz", "falsches altes", person.benutzername):
        assert text not in str(zeilen)
        assert text not in audit
        assert not any(text in antwort.text for antwort in antworten)


def test_the_sweep_removes_what_is_of_no_use_any_more(client, als, welt, session, uhr):
    person = als("admin")
    request_reset(client, person.benutzername)
    try_login(client, "niemand", "falsch")
    tabellen = (Sitzungsfamilie, Einmalcode, Anmeldeversuch)

    def rows():
        session.rollback()
        zahlen = [len(session.scalars(select(tabelle)).all()) for tabelle in tabellen]
        session.rollback()
        return zahlen

    assert rows() == [1, 1, 2]
    assert delete_expired(session, system_akteur("test", uhr.now())) == 0
    uhr.advance(timedelta(minutes=16))
    assert delete_expired(session, system_akteur("test", uhr.now())) == 2
    assert rows() == [1, 1, 0]
    uhr.advance(timedelta(days=31))
    assert delete_expired(session, system_akteur("test", uhr.now())) == 2
    assert rows() == [0, 0, 0]
    assert delete_expired(session, system_akteur("test", uhr.now())) == 0


def test_nobody_sets_the_password_of_somebody_unknown(client, passwoerter, session, uhr):
    with pytest.raises(NichtGefunden):
        set_passwort(
            session, system_akteur("t", uhr.now()), passwoerter, benutzername="niemand", passwort=NEUES_PASSWORT
        )

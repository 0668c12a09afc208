"""The first login of a customer: an invitation by a clerk, a code that is good once, an account of one's own."""

from datetime import timedelta
from threading import Barrier, Thread

import pytest
from sqlalchemy import event, select
from structlog.testing import capture_logs

from db.models import Audit, Benutzer, Einmalcode, Nachricht
from tests.auth.hilfen import ANMELDUNG, NEUES_PASSWORT, check_problem, code_in, mails, try_login
from tests.hilfen import Klient

REGISTRIERUNG = "/v1/registrierungen"
ADRESSE = "erika@example.org"


@pytest.fixture
def kunde_id(welt):
    return welt.kunde(e_mail=ADRESSE)


@pytest.fixture
def invite(client, als):
    def invite(kunde_id):
        antwort = client.post(f"/v1/kunden/{kunde_id}/einladungen", als=als("sachbearbeitung"))
        assert antwort.status_code == 201, antwort.text
        return antwort.json["einladungscode"]

    return invite


def register(client, code, benutzername=ADRESSE, passwort=NEUES_PASSWORT):
    daten = {"einladungscode": code, "benutzername": benutzername, "passwort": passwort}
    return client.post(REGISTRIERUNG, json=daten)


def test_from_invitation_to_own_data(client, als, kunde_id, session):
    einladung = client.post(f"/v1/kunden/{kunde_id}/einladungen", als=als("sachbearbeitung"))
    assert set(einladung.json) == {"einladungscode", "gueltig_bis"}
    assert einladung.json["gueltig_bis"] == "2026-06-29T10:00:00Z"
    (mail,) = mails(session)
    assert (mail.empfaenger, code_in(mail)) == (ADRESSE, einladung.json["einladungscode"])

    antwort = register(client, einladung.json["einladungscode"], "Erika@Example.org")
    assert antwort.status_code == 201
    assert (antwort.json["kunde_id"], antwort.json["rollen"]) == (kunde_id, ["kunde"])
    kopf = {"Authorization": f"Bearer {antwort.json['zugriffstoken']}"}
    assert client.get(f"/v1/kunden/{kunde_id}", headers=kopf).status_code == 200
    assert try_login(client, ADRESSE, NEUES_PASSWORT).status_code == 200


def test_without_an_address_the_clerk_hands_the_code_over(client, welt, invite, session):
    kunde_id = welt.kunde(e_mail=None)
    code = invite(kunde_id)
    assert mails(session) == []
    assert register(client, code).json["kunde_id"] == kunde_id


def test_a_code_is_good_once(client, kunde_id, invite):
    code = invite(kunde_id)
    assert register(client, code).status_code == 201
    check_problem(register(client, code, "andere@example.org"), 422, "code_ungueltig")


def test_a_code_is_good_once_also_at_once(app, kunde_id, invite, session):
    code, start, antworten = invite(kunde_id), Barrier(3), []

    def run(nummer):
        client = Klient(app)
        start.wait()
        antworten.append(register(client, code, f"erika{nummer}@example.org").status_code)

    faeden = [Thread(target=run, args=(nummer,)) for nummer in range(3)]
    for faden in faeden:
        faden.start()
    for faden in faeden:
        faden.join()
    assert sorted(antworten) == [201, 422, 422]
    assert len(session.scalars(select(Benutzer).where(Benutzer.kunde_id == kunde_id)).all()) == 1


def test_a_code_expires_after_fourteen_days(client, kunde_id, invite, uhr):
    code = invite(kunde_id)
    uhr.advance(timedelta(days=14) - timedelta(seconds=1))
    check_problem(register(client, code, passwort="zu kurz"), 422, "eingabe_ungueltig")
    uhr.advance(timedelta(seconds=1))
    check_problem(register(client, code), 422, "code_ungueltig")


def test_a_second_invitation_ends_the_first(client, kunde_id, invite):
    """The clerk invites again because the first letter went astray: whoever holds it gets nothing."""
    erster, zweiter = invite(kunde_id), invite(kunde_id)
    check_problem(register(client, erster), 422, "code_ungueltig")
    assert register(client, zweiter).status_code == 201


def test_a_code_opens_the_data_of_its_customer_only(client, welt, invite):
    ich, andere = welt.kunde(), welt.kunde()
    code = invite(ich)
    invite(andere)
    antwort = register(client, code)
    kopf = {"Authorization": f"Bearer {antwort.json['zugriffstoken']}"}
    assert antwort.json["kunde_id"] == ich
    assert client.get(f"/v1/kunden/{andere}", headers=kopf).status_code == 404


def test_a_taken_name_is_refused_and_the_code_stays_good(client, welt, kunde_id, invite):
    vergeben = welt.benutzer("admin")
    code = invite(kunde_id)
    check_problem(register(client, code, vergeben.upper()), 409, "benutzername_vergeben")
    assert register(client, code).status_code == 201


def test_a_code_for_a_password_is_no_invitation(client, welt, session):
    name = welt.benutzer("sachbearbeitung")
    client.post("/v1/passwort/ruecksetzungen", json={"benutzername": name})
    check_problem(register(client, code_in(mails(session)[0])), 422, "code_ungueltig")


def test_no_code(client):
    for code in ("x", "x" * 22, "' OR 1=1 --", "\x00", "ä" * 22):
        check_problem(register(client, code), 422, "code_ungueltig")


def test_without_a_code_no_work_is_done(client, passwoerter):
    register(client, "x" * 22)
    assert (passwoerter.geprueft, passwoerter.gehasht) == (0, 0)


def test_nothing_is_held_while_hashing(app, client, kunde_id, invite, passwoerter):
    gehalten = []
    passwoerter.beim_hashen = lambda: gehalten.append(app.extensions["msb_engine"].pool.checkedout())
    assert register(client, invite(kunde_id)).status_code == 201
    assert gehalten == [0]


SCHWACH = ["elf Zeichen", "x" * 201, "aaaaaaaaaaaaaaaa", "abcabcabcabc", "mein ERIKA@example.org", "erika erika!"]
# What a mail could not reach, or what looks like another name.
NAMEN = [
    "erika",
    "erika@localhost",
    "müller@example.org",
    "mu\u0308ller@example.org",
    "gro\u00df@example.org",
    "ma\u017f@example.org",
    "=?utf-8?q?mallory=40example.com?=@example.org",
    "a@example.org\r\nBcc: alle@example.org",
    "a b@example.org",
    "a@b@example.org",
    "a..b@example.org",
    "<a@example.org>",
    "a@example.org, b@example.org",
    "x" * 250 + "@example.org",
]


def test_weak_passwords_and_bad_names(client, kunde_id, invite):
    code = invite(kunde_id)
    for passwort in SCHWACH:
        check_problem(register(client, code, passwort=passwort), 422, "eingabe_ungueltig")
    for name in NAMEN:
        antwort = register(client, code, name)
        check_problem(antwort, 422, "eingabe_ungueltig")
        assert set(antwort.json["errors"]["json"]) == {"benutzername"}
    assert register(client, code).status_code == 201


def test_an_unknown_customer(client, als):
    check_problem(client.post("/v1/kunden/999/einladungen", als=als("sachbearbeitung")), 404, "nicht_gefunden")


def test_neither_code_nor_password_is_logged_or_audited(client, kunde_id, invite, session):
    with capture_logs() as zeilen:
        code = invite(kunde_id)
        register(client, code, passwort="kurz")
        register(client, code)
        register(client, code)
        try_login(client, ADRESSE, NEUES_PASSWORT)
    audit = [(zeile.aktion, zeile.alt, zeile.neu) for zeile in session.scalars(select(Audit))]
    assert [zeile[0] for zeile in audit] == ["EINGELADEN", "ANGELEGT"]
    for text in (code, NEUES_PASSWORT, "kurz", ADRESSE, "erika", "token"):
        assert text not in str(zeilen)
        assert text not in str(audit)
    assert len(zeilen) == 6  # a login of the clerk and the five requests


def test_the_database_holds_the_hash_of_a_code_and_the_mail(kunde_id, invite, session):
    """The mail waits with the code in it until it is sent; then only the hash is left."""
    code = invite(kunde_id)
    zeile = session.scalars(select(Einmalcode)).one()
    assert code not in str([getattr(zeile, spalte.name) for spalte in Einmalcode.__table__.columns])
    assert len(zeile.code_sha256) == 32


def test_a_mail_is_written_in_the_transaction_of_its_code(client, als, kunde_id, session, app):
    """Neither a code without its mail nor a mail of a code that does not exist."""
    person = als("sachbearbeitung")

    def fail(*_):
        raise RuntimeError("no mail today")

    event.listen(Nachricht, "before_insert", fail)
    try:
        with capture_logs():
            antwort = client.post(f"/v1/kunden/{kunde_id}/einladungen", als=person)
    finally:
        event.remove(Nachricht, "before_insert", fail)
    check_problem(antwort, 500, "interner_fehler")
    assert session.scalars(select(Einmalcode)).all() == []
    assert session.scalars(select(Audit)).all() == []
    session.rollback()
    assert client.get(ANMELDUNG, als=person).status_code == 200

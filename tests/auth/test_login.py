"""Logging in: one answer and one amount of work for whoever may not; ten tries."""

from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread

import pytest
from sqlalchemy import select

from betreiber.auth.domain import system_akteur
from betreiber.auth.service import disable_benutzer
from db.models import Anmeldeversuch, Benutzer, Sitzungsfamilie
from tests.auth.hilfen import ANMELDUNG, ZaehlendePasswoerter, check_problem, try_login
from tests.hilfen import PASSWORT, Klient, recorded_statements

FALSCH = "ein falsches Passwort"


@pytest.fixture
def name(welt):
    return welt.benutzer("sachbearbeitung")


def test_success_gives_two_tokens(client, welt):
    kunde_id = welt.kunde()
    antwort = try_login(client, welt.benutzer("kunde", kunde_id=kunde_id), PASSWORT)
    assert antwort.status_code == 200
    assert set(antwort.json) == {
        "zugriffstoken", "erneuerungstoken", "gueltig_s", "benutzer_id", "kunde_id", "rollen",
    }  # fmt: skip
    assert (antwort.json["kunde_id"], antwort.json["rollen"], antwort.json["gueltig_s"]) == (
        kunde_id, ["kunde"], 900,
    )  # fmt: skip
    assert antwort.headers["Cache-Control"] == "no-store"


def test_who_is_logged_in(client, als, welt):
    kunde_id = welt.kunde()
    antwort = client.get(ANMELDUNG, als=als("kunde", kunde_id=kunde_id))
    assert set(antwort.json) == {"benutzer_id", "kunde_id", "rollen"}
    assert (antwort.json["kunde_id"], antwort.json["rollen"]) == (kunde_id, ["kunde"])
    assert client.get(ANMELDUNG, als=als("wartung")).json["rollen"] == ["wartung"]


@pytest.mark.parametrize("form", [str.upper, lambda name: f"  {name}\t", str.title])
def test_spelling_of_the_name_does_not_matter(client, name, form):
    assert try_login(client, form(name), PASSWORT).status_code == 200


def test_a_password_is_taken_as_it_is(client, name):
    for passwort in (PASSWORT.upper(), f" {PASSWORT}", f"{PASSWORT} ", PASSWORT[:-1]):
        assert try_login(client, name, passwort).status_code == 401


@pytest.mark.parametrize("wer", ["wrong password", "unknown user", "disabled account"])
def test_same_answer_and_same_work_for_whoever_may_not(app, client, name, passwoerter, session, wer):
    if wer == "disabled account":
        disable_benutzer(session, system_akteur("test", datetime(2026, 6, 15, tzinfo=UTC)), benutzername=name)
    passwort = PASSWORT if wer == "disabled account" else FALSCH
    engine = app.extensions["msb_engine"]
    with recorded_statements(engine) as anweisungen:
        antwort = try_login(client, "niemand@example.org" if wer == "unknown user" else name, passwort)
    check_problem(antwort, 401, "nicht_angemeldet")
    assert antwort.json["detail"] == "Benutzername oder Passwort ist falsch."
    assert set(antwort.json) == {"type", "status", "code", "title", "detail"}
    assert (passwoerter.geprueft, passwoerter.gehasht) == (1, 0)
    if wer != "disabled account":  # Who knows the password of a disabled account learns nothing new by the time.
        lock = engine.dialect.name == "postgresql"
        assert len([text for text in anweisungen if not text.startswith("BEGIN")]) == 3 + lock


def test_no_connection_is_held_while_hashing(app, client, name, passwoerter):
    """Hashing takes a tenth of a second on purpose; on SQLite an open transaction would stop every writer."""
    gehalten = []
    passwoerter.beim_pruefen = lambda: gehalten.append(app.extensions["msb_engine"].pool.checkedout())
    try_login(client, name, PASSWORT)
    try_login(client, name, FALSCH)
    try_login(client, "niemand@example.org", FALSCH)
    assert gehalten == [0, 0, 0]


@pytest.mark.parametrize("bekannt", [True, False])
def test_ten_failures_close_a_name_for_a_quarter_of_an_hour(client, name, passwoerter, uhr, bekannt):
    wer = name if bekannt else "niemand@example.org"
    for _ in range(10):
        uhr.advance(timedelta(seconds=6))
        check_problem(try_login(client, wer.upper(), FALSCH), 401, "nicht_angemeldet")
    for passwort in (FALSCH, PASSWORT):
        antwort = try_login(client, wer, passwort)
        check_problem(antwort, 429, "zu_viele_versuche")
        assert antwort.headers["Retry-After"] == "846"  # 15 minutes after the first of the ten, 54 s ago
    assert passwoerter.geprueft == 10

    uhr.advance(timedelta(seconds=845))
    assert try_login(client, wer, PASSWORT).headers["Retry-After"] == "1"
    uhr.advance(timedelta(seconds=1))
    assert try_login(client, wer, PASSWORT).status_code == (200 if bekannt else 401)


def test_one_name_does_not_close_another(client, welt, name):
    for _ in range(11):
        try_login(client, name, FALSCH)
    assert try_login(client, welt.benutzer("admin"), PASSWORT).status_code == 200


def test_success_forgets_the_failures(client, name, session):
    for _ in range(3):
        for _ in range(9):
            try_login(client, name, FALSCH)
        assert try_login(client, name, PASSWORT).status_code == 200
    assert session.scalars(select(Anmeldeversuch)).all() == []


def test_names_that_fail_are_stored_as_hashes_only(client, session):
    try_login(client, "geheimes Passwort im falschen Feld", FALSCH)
    zeile = session.scalars(select(Anmeldeversuch)).one()
    assert b"geheim" not in zeile.name_sha256
    assert len(zeile.name_sha256) == 32


def test_many_tries_at_once_are_no_more_than_ten(app, name, passwoerter):
    start, antworten = Barrier(16), []

    def run():
        client = Klient(app)
        start.wait()
        antworten.append(try_login(client, name, FALSCH).status_code)

    faeden = [Thread(target=run) for _ in range(16)]
    for faden in faeden:
        faden.start()
    for faden in faeden:
        faden.join()
    assert sorted(antworten) == [401] * 10 + [429] * 6
    assert passwoerter.geprueft == 10


def test_a_login_of_the_old_password_loses_against_its_change(client, als, passwoerter, session):
    """The change comes between the check of the password and the session: no session of the old one stays."""
    person = als("sachbearbeitung")

    def change():
        passwoerter.beim_pruefen = lambda: None
        daten = {"passwort_alt": PASSWORT, "passwort_neu": "Kaktus auf dem Balkon"}
        assert client.put("/v1/passwort", json=daten, als=person).status_code == 204

    passwoerter.beim_pruefen = change
    assert try_login(client, person.benutzername, PASSWORT).status_code == 401
    assert session.scalars(select(Sitzungsfamilie).where(Sitzungsfamilie.beendet_zeitpunkt.is_(None))).all() == []


def test_an_account_that_is_disabled_meanwhile_gets_no_session(client, name, passwoerter, session, uhr):
    passwoerter.beim_pruefen = lambda: disable_benutzer(
        session, system_akteur("test", uhr.now()), benutzername=name
    )
    assert try_login(client, name, PASSWORT).status_code == 401
    assert session.scalars(select(Sitzungsfamilie)).all() == []


def test_a_hash_of_older_parameters_is_replaced(app, client, name, session):
    """Otherwise a known user costs another amount of work than an unknown one from then on."""
    alt = session.scalars(select(Benutzer.passwort_hash)).one()
    session.rollback()
    app.extensions["msb_passwoerter"] = ZaehlendePasswoerter(zeit=2)
    assert try_login(client, name, FALSCH).status_code == 401
    assert try_login(client, name, PASSWORT).status_code == 200
    session.rollback()
    neu = session.scalars(select(Benutzer.passwort_hash)).one()
    session.rollback()
    assert alt.startswith("$argon2id$v=19$m=64,t=1,p=1$")
    assert neu.startswith("$argon2id$v=19$m=64,t=2,p=1$")
    assert try_login(client, name, PASSWORT).status_code == 200


def test_a_damaged_hash_is_a_wrong_password(client, name, session):
    session.scalars(select(Benutzer)).one().passwort_hash = "kaputt"
    session.commit()
    assert try_login(client, name, PASSWORT).status_code == 401


UNGUELTIG = [
    ({}, {"benutzername", "passwort"}),
    ({"benutzername": "a", "passwort": ""}, {"passwort"}),
    ({"benutzername": "a", "passwort": "x" * 201}, {"passwort"}),
    ({"benutzername": "a", "passwort": 17}, {"passwort"}),
    ({"benutzername": "a", "passwort": None}, {"passwort"}),
    ({"benutzername": "a", "passwort": ["x"]}, {"passwort"}),
    ({"benutzername": "a" * 255, "passwort": "x"}, {"benutzername"}),
    ({"benutzername": " ", "passwort": "x"}, {"benutzername"}),
    ({"benutzername": "a\x00", "passwort": "x"}, {"benutzername"}),
    ({"benutzername": True, "passwort": "x"}, {"benutzername"}),
    ({"benutzername": "a", "passwort": "x", "rollen": ["admin"]}, {"rollen"}),
]


def test_bad_input_names_its_fields(client):
    for daten, felder in UNGUELTIG:
        antwort = client.post(ANMELDUNG, json=daten)
        check_problem(antwort, 422, "eingabe_ungueltig")
        assert set(antwort.json["errors"]["json"]) == felder


def test_the_password_is_never_repeated(client, name):
    passwort = "q7-" + "geheim" * 40
    antwort = client.post(ANMELDUNG, json={"benutzername": name, "passwort": passwort})
    assert antwort.status_code == 422
    assert "geheim" not in antwort.text

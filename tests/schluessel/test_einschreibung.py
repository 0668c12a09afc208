"""Enrolment: a token works once, for its meter, with keys that prove themselves."""

from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from sqlalchemy import update

from betreiber.ablesung import speicher
from db.models import Stromzaehler, Telegrammstand
from tests.hilfen import run_while_locked
from tests.kanal import Zaehler, csr, messwert

NUMMER = "1EMH0012345678"


@pytest.fixture
def stromzaehler_id(welt):
    return welt.stromzaehler(zaehlernummer=NUMMER)


@pytest.fixture
def zaehler(stromzaehler_id):
    return Zaehler(NUMMER, stromzaehler_id)


def refusal(antwort):
    return antwort.status_code, antwort.json["code"]


def test_a_token_brings_certificates_that_work(kanal, zaehler, uhr):
    assert kanal.enrol(zaehler, zaehler.einschreibung(kanal.token(zaehler.stromzaehler_id))).status_code == 200
    assert zaehler.enrolled.epoche == 1
    assert kanal.deliver(zaehler, [messwert(int(uhr.now().timestamp()), 1)]).neu == 1


def test_a_meter_of_which_there_were_readings_before_is_enrolled_as_any_other(kanal, zaehler, welt, uhr, session):
    stand = speicher.lock(session, [zaehler.stromzaehler_id])[zaehler.stromzaehler_id]
    assert (stand.epoche, stand.fenster) == (0, b"")
    session.commit()
    # Before that its row opens no door: its keys are unknown, whatever certificates it shows.
    zaehler.antwort = kanal.enrolled("1EMH0000000002", welt.stromzaehler(zaehlernummer="1EMH0000000002")).antwort
    werte = [messwert(int(uhr.now().timestamp()), 1)]
    for epoche in (0, 1):
        telegramm = zaehler.telegramm(uhr, werte, epoche=epoche)
        assert kanal.refusal(zaehler, telegramm) == (401, "unbekannt")
    assert kanal.enrol(zaehler, zaehler.einschreibung(kanal.token(zaehler.stromzaehler_id))).status_code == 200
    assert zaehler.enrolled.epoche == 1
    assert kanal.deliver(zaehler, werte).neu == 1


def test_a_lost_answer_is_given_again(kanal, zaehler):
    token = kanal.token(zaehler.stromzaehler_id)
    erste = kanal.enrol(zaehler, zaehler.einschreibung(token))
    zweite = kanal.enrol(zaehler, zaehler.einschreibung(token))
    assert (zweite.status_code, zweite.data) == (200, erste.data)


def test_one_answer_for_every_token_that_does_not_fit(kanal, zaehler, welt, uhr):
    benutzt = kanal.token(zaehler.stromzaehler_id)
    kanal.enrol(zaehler, zaehler.einschreibung(benutzt))
    anderer = Zaehler(NUMMER, zaehler.stromzaehler_id)
    fremd = kanal.token(welt.stromzaehler(zaehlernummer="1EMH0000000002"))
    abgelaufen = kanal.token(zaehler.stromzaehler_id)
    uhr.advance(timedelta(days=14))
    antworten = [kanal.enrol(anderer, anderer.einschreibung(t)) for t in (benutzt, fremd, abgelaufen, "geraten")]
    unbekannt = Zaehler("1EMH0000000003", 0)
    antworten.append(kanal.enrol(unbekannt, unbekannt.einschreibung("geraten")))
    assert {(antwort.status_code, antwort.data) for antwort in antworten} == {(403, antworten[0].data)}


def test_after_five_wrong_tokens_the_right_one_is_dead(kanal, zaehler):
    token = kanal.token(zaehler.stromzaehler_id)
    for _ in range(5):
        assert refusal(kanal.enrol(zaehler, zaehler.einschreibung("geraten"))) == (403, "token")
    assert refusal(kanal.enrol(zaehler, zaehler.einschreibung("geraten"))) == (423, "token_gesperrt")
    assert refusal(kanal.enrol(zaehler, zaehler.einschreibung(token))) == (423, "token_gesperrt")
    neues = kanal.token(zaehler.stromzaehler_id)
    assert kanal.enrol(zaehler, zaehler.einschreibung(neues)).status_code == 200


def test_bad_requests_do_not_use_up_the_token(kanal, zaehler):
    token = kanal.token(zaehler.stromzaehler_id)
    rsa_schluessel = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    gut = csr(zaehler.signatur, NUMMER)
    for schlecht in (
        b"kein CSR",
        csr(rsa_schluessel, NUMMER),
        csr(ec.generate_private_key(ec.SECP384R1()), NUMMER),
        gut[:-1] + bytes([gut[-1] ^ 1]),
        csr(zaehler.tls, NUMMER),
    ):
        koerper = zaehler.einschreibung(token, csr_signatur=schlecht)
        assert refusal(kanal.enrol(zaehler, koerper)) == (400, "csr_ungueltig")
    assert kanal.enrol(zaehler, zaehler.einschreibung(token)).status_code == 200


def test_content_keys_may_be_on_brainpool(kanal, stromzaehler_id, uhr):
    kurve = ec.BrainpoolP256R1()
    schluessel = {name: ec.generate_private_key(kurve) for name in ("signatur", "verschluesselung")}
    zaehler = Zaehler(NUMMER, stromzaehler_id, **schluessel)
    token = kanal.token(stromzaehler_id)
    gegen_die_regel = zaehler.einschreibung(token, csr_tls=csr(ec.generate_private_key(kurve), NUMMER))
    assert refusal(kanal.enrol(zaehler, gegen_die_regel)) == (400, "csr_ungueltig")
    assert kanal.enrol(zaehler, zaehler.einschreibung(token)).status_code == 200
    assert kanal.deliver(zaehler, [messwert(int(uhr.now().timestamp()), 1)]).neu == 1


def test_keys_that_were_certified_before_are_refused(kanal, zaehler, welt):
    kanal.enrol(zaehler, zaehler.einschreibung(kanal.token(zaehler.stromzaehler_id)))
    dieb = Zaehler("1EMH0000000002", welt.stromzaehler(zaehlernummer="1EMH0000000002"), signatur=zaehler.signatur)
    antwort = kanal.enrol(dieb, dieb.einschreibung(kanal.token(dieb.stromzaehler_id)))
    assert refusal(antwort) == (409, "schluessel_bekannt")


@pytest.mark.parametrize("datenbank", ["postgresql"], indirect=True)
def test_a_race_that_was_lost_is_tried_again(kanal, zaehler, engine):
    """Two first enrolments of a meter at once: a constraint stops the second one, which may come again."""
    antrag = zaehler.einschreibung(kanal.token(zaehler.stromzaehler_id))
    erste = Telegrammstand(stromzaehler_id=zaehler.stromzaehler_id, epoche=1, fenster=b"")
    antworten = []
    run_while_locked(engine, erste, lambda: antworten.append(kanal.enrol(zaehler, antrag)))
    assert refusal(antworten[0]) == (503, "nicht_verfuegbar")
    assert int(antworten[0].headers["Retry-After"]) > 0
    assert kanal.enrol(zaehler, antrag).status_code == 200
    assert zaehler.enrolled.epoche == 2


def test_the_body_must_be_canonical_cbor(kanal, zaehler):
    assert refusal(kanal.enrol(zaehler, b"\x9f\xff")) == (422, "inhalt")


def test_staff_make_tokens_through_the_api(client, als, welt, session):
    stromzaehler_id = welt.stromzaehler(zaehlernummer=NUMMER)
    antwort = client.post(f"/v1/stromzaehler/{stromzaehler_id}/einschreibungstoken", als=als("wartung"))
    assert antwort.status_code == 201
    assert antwort.json["zaehlernummer"] == NUMMER
    assert antwort.json["gueltig_bis"] == "2026-06-29T10:00:00Z"
    assert client.post("/v1/stromzaehler/99/einschreibungstoken", als=als("wartung")).status_code == 404


@pytest.mark.parametrize("zustand", ["GESPERRT", "AUSGEBAUT", "VERSCHROTTET"])
def test_a_locked_meter_is_not_enrolled(kanal, zaehler, client, als, session, zustand):
    token = kanal.token(zaehler.stromzaehler_id)
    session.execute(update(Stromzaehler).values(zustand=zustand))
    session.commit()
    assert refusal(kanal.enrol(zaehler, zaehler.einschreibung(token))) == (403, "gesperrt")
    antwort = client.post(f"/v1/stromzaehler/{zaehler.stromzaehler_id}/einschreibungstoken", als=als("wartung"))
    assert refusal(antwort) == (409, "stromzaehler_gesperrt")

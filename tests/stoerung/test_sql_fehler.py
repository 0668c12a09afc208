"""The n-th SQL statement fails, in every piece of work that writes: no half-done operation stays."""

import pytest
from sqlalchemy import select

from db.models import Fehlanzeige, Telegrammstand
from db.session import create_session
from telegramm.messwerte import EREIGNISSE, FEHLANZEIGE, Meldung
from tests.ablesung.conftest import ZAEHLERNUMMER
from tests.kanal import Zaehler, messwert, reihe
from tests.sql_fehler import fail_each_statement, lost_answer_to_commit

VIERTEL = 900


@pytest.fixture
def zaehler(kanal, zaehler, jetzt):
    """One with a reading of an hour ago."""
    kanal.deliver(zaehler, [messwert(jetzt - 4 * VIERTEL, 1000)])
    return zaehler


def send(kanal, zaehler, telegramm):
    der = zaehler.seal(telegramm.to_bytes(), kanal.uhr.now())
    return lambda: kanal.post(der, zaehler.enrolled.zertifikat_tls)


def test_the_harness_finds_work_that_is_half_done(engine):
    def add(nummer):
        with create_session(engine) as session:
            session.add(Telegrammstand(stromzaehler_id=nummer, epoche=0, fenster=b""))
            session.commit()

    def two_transactions():
        add(1)
        add(2)

    with pytest.raises(AssertionError, match=r"statement [34]"):
        fail_each_statement(engine, two_transactions)


def test_readings(kanal, engine, zaehler, jetzt, tabellen):
    """A good day: late readings, the one of now, one that conflicts and one that runs backwards."""
    werte = [*reihe(jetzt - 8 * VIERTEL, 900, [10, 10]), messwert(jetzt - 4 * VIERTEL, 999), messwert(jetzt, 10)]
    schritte = fail_each_statement(engine, send(kanal, zaehler, zaehler.telegramm(kanal.uhr, werte)))
    assert schritte > 5
    assert [wert for _, wert in tabellen.verbrauch()] == [900, 910, 920, 1000]
    assert [grund for *_, grund in tabellen.quarantaene()] == ["konflikt", "ruecklauf"]


def test_a_meter_that_was_not_told_of_the_commit_sends_again(kanal, engine, zaehler, jetzt, tabellen):
    telegramm = zaehler.telegramm(kanal.uhr, reihe(jetzt - 2 * VIERTEL, 2000, [10, 10]))
    with lost_answer_to_commit():
        assert kanal.refusal(zaehler, telegramm) == (503, "nicht_verfuegbar")
    quittung = kanal.send(zaehler, telegramm)
    assert (quittung.neu, quittung.doppelt, quittung.abgelehnt) == (0, 3, ())
    assert [wert for _, wert in tabellen.verbrauch()] == [1000, 2000, 2010, 2020]


def test_events_of_a_device(kanal, engine, zaehler, jetzt, tabellen):
    meldungen = tuple(Meldung(nummer, jetzt, "NETZ_AUS", "Spannung fehlt") for nummer in range(3))
    telegramm = zaehler.telegramm(kanal.uhr, [], art=EREIGNISSE, ereignisse=meldungen)
    fail_each_statement(engine, send(kanal, zaehler, telegramm))
    assert len(tabellen.ereignisse("STROMZAEHLER_MELDUNG")) == 3


def test_readings_that_are_lost(kanal, engine, zaehler, jetzt):
    luecken = ((jetzt - 8 * VIERTEL, jetzt - 6 * VIERTEL), (jetzt - 3 * VIERTEL, jetzt - VIERTEL))
    telegramm = zaehler.telegramm(kanal.uhr, [], art=FEHLANZEIGE, luecken=luecken)
    fail_each_statement(engine, send(kanal, zaehler, telegramm))
    with create_session(engine, lesen=True) as session:
        assert session.execute(select(Fehlanzeige.von, Fehlanzeige.bis)).all() == list(luecken)


def test_enrolment(kanal, engine, welt, uhr):
    zaehler = Zaehler(ZAEHLERNUMMER, welt.stromzaehler(zaehlernummer=ZAEHLERNUMMER))
    antrag = zaehler.einschreibung(kanal.token(zaehler.stromzaehler_id))
    fail_each_statement(engine, lambda: kanal.enrol(zaehler, antrag))
    assert kanal.deliver(zaehler, [messwert(int(uhr.now().timestamp()), 5)]).neu == 1


def test_a_meter_that_was_not_told_of_its_enrolment_asks_again(kanal, welt, jetzt):
    zaehler = Zaehler("1EMH0087654321", welt.stromzaehler(zaehlernummer="1EMH0087654321"))
    antrag = zaehler.einschreibung(kanal.token(zaehler.stromzaehler_id))
    with lost_answer_to_commit():
        assert kanal.enrol(zaehler, antrag).status_code == 503
    assert kanal.enrol(zaehler, antrag).status_code == 200
    assert kanal.deliver(zaehler, [messwert(jetzt, 5)]).neu == 1


def test_request_for_the_log(engine, zaehler, client, als):
    wartung = als("wartung")
    pfad = f"/v1/stromzaehler/{zaehler.stromzaehler_id}/protokollanforderung"
    fail_each_statement(engine, lambda: client.post(pfad, als=wartung))

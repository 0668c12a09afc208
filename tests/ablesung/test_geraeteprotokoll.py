"""What a device tells of itself: its log, asked for or not, and how far its clock is off."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from betreiber.ablesung import speicher
from betreiber.ablesung.domain import clock_error_s, too_many
from db.models import Audit, Telegrammstand, Verbrauch
from telegramm.messwerte import EREIGNISSE, ZEIT, Meldung, StatusBit, Uhrstand
from telegramm.quittung import PROTOKOLL_SENDEN
from tests.hilfen import recorded_statements
from tests.kanal import messwert


def meldungen(erste, anzahl, jetzt):
    return tuple(Meldung(n, jetzt, "DECKEL_OFFEN", "Klemmendeckel geöffnet") for n in range(erste, erste + anzahl))


@pytest.fixture
def report(kanal, zaehler, uhr, jetzt):
    """Send entries of the device's log; neu and doppelt of the receipt."""

    def send(erste, anzahl=1, **felder):
        eintraege = meldungen(erste, anzahl, jetzt)
        quittung = kanal.send(zaehler, zaehler.telegramm(uhr, [], art=EREIGNISSE, ereignisse=eintraege, **felder))
        return quittung.neu, quittung.doppelt

    return send


def nummern(tabellen):
    return [daten["nummer"] for daten in tabellen.ereignisse("STROMZAEHLER_MELDUNG")]


def test_each_entry_is_recorded_once(report, tabellen, zaehler):
    assert report(0, 2) == (2, 0)
    # The receipt was lost: the same under a new folge, with one more.
    assert report(0, 3) == (1, 2)
    assert report(0, 3) == (0, 3)
    assert nummern(tabellen) == [0, 1, 2]


def test_counting_what_a_device_sent_reads_its_last_day_only(kanal, zaehler, report, uhr):
    engine = kanal.geraete.extensions["msb_engine"]
    with recorded_statements(engine) as anweisungen:
        report(0)
    (zaehlung,) = [text for text in anweisungen if "count(" in text and "FROM ereignis" in text]
    if engine.dialect.name != "sqlite":
        return  # The planner of PostgreSQL reads a table of a few rows whole; the index is the same.
    with engine.connect() as verbindung:
        werte = (0,) * zaehlung.count("?")
        plan = verbindung.exec_driver_sql(f"EXPLAIN QUERY PLAN {zaehlung}", werte).all()
    index = "USING INDEX ix_ereignis_objekt (objekt_art=? AND objekt_id=? AND zeitpunkt>?)"
    assert any(index in schritt.detail for schritt in plan), plan


def test_an_exact_replay_is_answered_and_recorded_once(kanal, zaehler, tabellen, uhr, jetzt):
    telegramm = zaehler.telegramm(uhr, [], art=EREIGNISSE, ereignisse=meldungen(0, 2, jetzt))
    assert kanal.send(zaehler, telegramm).neu == 2
    assert kanal.send(zaehler, telegramm).doppelt == 2
    assert nummern(tabellen) == [0, 1]


def test_a_new_epoche_numbers_anew(report, tabellen, zaehler):
    report(0, 3)
    assert report(0, 1, epoche=zaehler.enrolled.epoche + 1) == (1, 0)
    assert nummern(tabellen) == [0, 1, 2, 0]


def test_a_device_gone_mad_does_not_fill_the_log(report, tabellen, uhr):
    assert report(0, 900) == (900, 0)
    assert report(900, 200) == (200, 0)
    assert report(1100, 5) == (5, 0)
    assert nummern(tabellen) == list(range(1000))
    assert tabellen.ereignisse("MELDUNGEN_AUSGELASSEN") == [{"ab_nummer": 1000}]
    # A day later there is room again, and what was left out does not come back.
    uhr.advance(timedelta(days=1, seconds=1))
    assert report(1099, 7) == (1, 6)
    assert nummern(tabellen)[1000:] == [1105]


def test_staff_asks_for_the_log_until_it_has_come(kanal, zaehler, report, client, als, uhr, session):
    def orders():
        return kanal.send(zaehler, zaehler.telegramm(uhr, [], art=ZEIT)).auftraege

    assert orders() == ()
    pfad = f"/v1/stromzaehler/{zaehler.stromzaehler_id}/protokollanforderung"
    for rolle in ("wartung", "admin", "wartung"):
        antwort = client.post(pfad, als=als(rolle))
        assert (antwort.status_code, antwort.data) == (204, b"")
    aktionen = session.scalars(select(Audit.aktion).where(Audit.aktion.like("PROTOKOLL%"))).all()
    session.rollback()
    assert aktionen == ["PROTOKOLL_ANGEFORDERT"]
    assert orders() == orders() == (PROTOKOLL_SENDEN,)
    report(0)
    assert orders() == ()


@pytest.mark.parametrize("mit_ablesungen", [False, True])
def test_the_log_of_a_meter_that_cannot_send(client, als, welt, session, mit_ablesungen):
    stromzaehler_id = welt.stromzaehler()
    if mit_ablesungen:
        # Whoever stores readings locks this row: readings of a file, or of staff, make it before an enrolment.
        speicher.lock(session, [stromzaehler_id])
        session.commit()
    antwort = client.post(f"/v1/stromzaehler/{stromzaehler_id}/protokollanforderung", als=als("wartung"))
    assert (antwort.status_code, antwort.json["code"]) == (409, "stromzaehler_nicht_eingeschrieben")
    assert client.post("/v1/stromzaehler/999/protokollanforderung", als=als("wartung")).status_code == 404
    assert client.post("/v1/stromzaehler/999/protokollanforderung", als=als("sachbearbeitung")).status_code == 403


def test_how_far_a_clock_is_off(uhr):
    jetzt_ms = int(uhr.now().timestamp() * 1000)
    assert clock_error_s(jetzt_ms + 27_000, uhr.now(), 27) is None
    assert clock_error_s(jetzt_ms - 27_000, uhr.now(), 27) is None
    assert clock_error_s(jetzt_ms + 27_001, uhr.now(), 27) == 27
    assert clock_error_s(jetzt_ms + 27_001, uhr.now(), 28) is None
    assert clock_error_s(jetzt_ms - 90_400, uhr.now(), 27) == -90


def test_a_clock_that_is_off_is_an_event_when_that_begins_and_ends(kanal, zaehler, tabellen, uhr, session):
    def say(abweichung_s):
        erzeugt = int(uhr.now().timestamp() + abweichung_s) * 1000
        return kanal.send(zaehler, zaehler.telegramm(uhr, [], art=ZEIT, erzeugt=erzeugt))

    for abweichung_s in (0, 20, 40, 50, 10, -60):
        say(abweichung_s)
    assert tabellen.ereignisse("UHR_WEICHT_AB") == [{"sekunden": 40}, {"sekunden": -60}]
    assert tabellen.ereignisse("UHR_STIMMT") == [{}]
    assert session.scalar(select(Telegrammstand.uhr_abweichung_s)) == -60


@pytest.mark.parametrize(("faktor", "toleranz_s"), [(0.5, 27), (1.0, 27), (300.0, 326)])
def test_beside_a_clock_that_runs_fast_a_second_of_the_way_is_long(
    kanal, zaehler, tabellen, uhr, jetzt, faktor, toleranz_s
):
    kanal.geraete.extensions["msb_annahmestelle"].zeitraffer = faktor
    for zu_viel, abweichungen in ((0, 0), (1, 1)):
        erzeugt = (jetzt + toleranz_s + zu_viel) * 1000
        kanal.send(zaehler, zaehler.telegramm(uhr, [], art=ZEIT, erzeugt=erzeugt))
        assert len(tabellen.ereignisse("UHR_WEICHT_AB")) == abweichungen
    # A quarter hour ahead is the future on any clock.
    quittung = kanal.deliver(zaehler, [messwert(jetzt, 1000), messwert(jetzt + 900, 1010)])
    assert quittung.abgelehnt == ((1, "zukunft"),)


def test_a_clock_that_fell_back_to_1970_gets_the_time(kanal, zaehler, tabellen, uhr, jetzt):
    frage = zaehler.telegramm(uhr, [], art=ZEIT, erzeugt=5000)
    frage = replace(frage, uhr=Uhrstand("UNGUELTIG", None, None))
    assert kanal.send(zaehler, frage).zeit == jetzt * 1000
    assert tabellen.ereignisse("UHR_WEICHT_AB") == [{"sekunden": 5 - jetzt}]


def test_what_a_meter_marks_stays_marked(kanal, zaehler, session, jetzt):
    wert = messwert(jetzt, 1000)._replace(status=int(StatusBit.UHR_UNSICHER | StatusBit.NEUSTART))
    assert kanal.deliver(zaehler, [wert]).neu == 1
    assert session.scalar(select(Verbrauch.status)) == 5


def test_twelve_messages_a_quarter_hour_are_enough_for_whom_nothing_is_missing():
    jetzt = 1_800_000
    assert not too_many(12, jetzt - 900, jetzt)
    assert too_many(13, jetzt - 900, jetzt)
    assert too_many(13, jetzt - 1799, jetzt)
    assert not too_many(13, jetzt - 1800, jetzt)
    assert not too_many(13, None, jetzt)


def test_who_is_behind_may_catch_up_beside_the_newest_reading(kanal, zaehler, uhr, jetzt):
    kanal.deliver(zaehler, [messwert(jetzt, 10_000)])
    for n in range(30, 2, -1):
        kanal.deliver(zaehler, [messwert(jetzt - n * 900, 10_000 - n)])
    # The same readings again are no catching up.
    for n in range(30, 19, -1):
        kanal.deliver(zaehler, [messwert(jetzt - n * 900, 10_000 - n)])
    nochmal = zaehler.telegramm(uhr, [messwert(jetzt - 30 * 900, 9_970)])
    assert kanal.refusal(zaehler, nochmal) == (429, "zu_viele")


def test_what_was_refused_for_now_is_taken_later(kanal, zaehler, uhr, jetzt, session):
    kanal.deliver(zaehler, [messwert(jetzt, 1000)])
    session.execute(update(Telegrammstand).values(viertel_anzahl=12))
    session.commit()
    telegramm = zaehler.telegramm(uhr, [messwert(jetzt - 900, 990)])
    assert kanal.refusal(zaehler, telegramm) == (429, "zu_viele")
    uhr.advance(timedelta(minutes=15))
    # Its number was not remembered.
    assert kanal.send(zaehler, telegramm).neu == 1


def test_a_meter_that_repeats_a_refused_message_does_not_fill_the_log(kanal, zaehler, tabellen, uhr, jetzt):
    alt = zaehler.telegramm(uhr, [messwert(jetzt, 1000)], epoche=0)
    for _ in range(15):
        assert kanal.refusal(zaehler, alt) == (409, "epoche")
    assert len(tabellen.ereignisse("TELEGRAMM_ABGEWIESEN")) == 12

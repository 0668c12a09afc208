"""The device channel: what is stored, what is quarantined, what the receipt says."""

import os
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest
import structlog

from betreiber import metrik
from telegramm.messwerte import EREIGNISSE, FEHLANZEIGE, ZEIT, Meldung
from tests.kanal import messwert, reihe


def test_readings_are_stored_and_acknowledged(kanal, zaehler, tabellen, jetzt):
    quittung = kanal.deliver(zaehler, reihe(jetzt - 1800, 1000, [100, 150]))
    assert (quittung.neu, quittung.doppelt, quittung.abgelehnt) == (3, 0, ())
    assert tabellen.verbrauch() == [(jetzt - 1800, 1000), (jetzt - 900, 1100), (jetzt, 1250)]
    assert quittung.zeit == jetzt * 1000
    assert 0 <= quittung.platz_s < 600


def test_the_same_telegramm_twice_stores_once_and_gets_a_fresh_receipt(kanal, zaehler, tabellen, uhr, jetzt):
    telegramm = zaehler.telegramm(uhr, reihe(jetzt - 900, 1000, [100]))
    erste = kanal.send(zaehler, telegramm)
    uhr.advance(timedelta(seconds=5))
    zweite = kanal.send(zaehler, telegramm)
    assert (erste.neu, zweite.neu, zweite.doppelt) == (2, 0, 2)
    assert zweite.zeit == erste.zeit + 5000
    assert len(tabellen.verbrauch()) == 2


def test_a_receipt_that_is_given_again_names_the_same_quarantined_rows(kanal, zaehler, tabellen, uhr, jetzt):
    werte = [messwert(jetzt - 1800, 1000), messwert(jetzt - 900, 900), messwert(jetzt, 1100)]
    telegramm = zaehler.telegramm(uhr, werte)
    erste, zweite = kanal.send(zaehler, telegramm), kanal.send(zaehler, telegramm)
    assert (erste.neu, erste.doppelt, erste.abgelehnt) == (2, 0, ((1, "ruecklauf"),))
    assert (zweite.neu, zweite.doppelt, zweite.abgelehnt) == (0, 2, ((1, "ruecklauf"),))
    assert len(tabellen.ereignisse("ABLESUNG_IN_QUARANTAENE")) == 1


def test_the_same_telegramm_several_times_at_once_stores_once(kanal, zaehler, tabellen, uhr, jetzt):
    telegramm = zaehler.telegramm(uhr, reihe(jetzt - 900, 1000, [100]))
    with ThreadPoolExecutor(4) as pool:
        quittungen = list(pool.map(lambda _: kanal.send(zaehler, telegramm), range(4)))
    assert sorted(quittung.neu for quittung in quittungen) == [0, 0, 0, 2]
    assert sorted(quittung.doppelt for quittung in quittungen) == [0, 2, 2, 2]
    assert len(tabellen.verbrauch()) == 2


def test_the_same_readings_under_a_new_number_are_doppelt(kanal, zaehler, tabellen, jetzt):
    kanal.deliver(zaehler, reihe(jetzt - 900, 1000, [100]))
    quittung = kanal.deliver(zaehler, reihe(jetzt - 900, 1000, [100]))
    assert (quittung.neu, quittung.doppelt) == (0, 2)
    assert len(tabellen.verbrauch()) == 2


def test_a_conflicting_value_is_quarantined_and_the_original_kept(kanal, zaehler, tabellen, jetzt):
    kanal.deliver(zaehler, [messwert(jetzt - 900, 1000)])
    quittung = kanal.deliver(zaehler, [messwert(jetzt - 900, 1001), messwert(jetzt, 1100)])
    assert (quittung.neu, quittung.abgelehnt) == (1, ((0, "konflikt"),))
    assert tabellen.verbrauch() == [(jetzt - 900, 1000), (jetzt, 1100)]
    assert tabellen.quarantaene() == [(jetzt - 900, 1001, "konflikt")]
    assert tabellen.ereignisse("ABLESUNG_IN_QUARANTAENE") == [
        {"grund": "konflikt", "anzahl": 1, "von": jetzt - 900, "bis": jetzt - 900}
    ]


def test_another_power_for_a_known_quarter_is_a_conflict_too(kanal, zaehler, jetzt):
    kanal.deliver(zaehler, [messwert(jetzt, 1000, leistung_w=400)])
    assert kanal.deliver(zaehler, [messwert(jetzt, 1000, leistung_w=None)]).abgelehnt == ((0, "konflikt"),)


def test_a_bad_reading_sent_twice_is_quarantined_once(kanal, zaehler, tabellen, jetzt):
    kanal.deliver(zaehler, [messwert(jetzt, 1000)])
    for _ in range(2):
        assert kanal.deliver(zaehler, [messwert(jetzt, 999)]).abgelehnt == ((0, "konflikt"),)
    assert len(tabellen.quarantaene()) == 1


@pytest.mark.parametrize(
    ("schlecht", "grund"),
    [
        ((-900, 900), "ruecklauf"),
        ((-900, 10**9), "leistung"),
        ((900, 1300), "zukunft"),
        ((-11 * 86_400, 900), "zu_alt"),
    ],
)
def test_a_bad_reading_never_holds_up_its_neighbours(kanal, zaehler, tabellen, jetzt, schlecht, grund):
    versatz, stand = schlecht
    gute = [messwert(jetzt - 1800, 1000), messwert(jetzt, 1200)]
    werte = sorted([*gute, messwert(jetzt + versatz, stand)])
    quittung = kanal.deliver(zaehler, werte)
    assert quittung.neu == 2
    assert [grund for _, grund in quittung.abgelehnt] == [grund]
    assert tabellen.verbrauch() == [(jetzt - 1800, 1000), (jetzt, 1200)]
    assert tabellen.quarantaene() == [(jetzt + versatz, stand, grund)]


def test_export_may_not_fall_either(kanal, zaehler, jetzt):
    kanal.deliver(zaehler, [messwert(jetzt - 900, 1000, 50)])
    assert kanal.deliver(zaehler, [messwert(jetzt, 1000, 49)]).abgelehnt == ((0, "ruecklauf"),)


def test_a_late_reading_must_fit_between_its_neighbours(kanal, zaehler, tabellen, jetzt):
    kanal.deliver(zaehler, [messwert(jetzt - 1800, 1000), messwert(jetzt, 1200)])
    assert kanal.deliver(zaehler, [messwert(jetzt - 900, 1201)]).abgelehnt == ((0, "ruecklauf"),)
    assert kanal.deliver(zaehler, [messwert(jetzt - 900, 1100)]).neu == 1
    assert len(tabellen.verbrauch()) == 3


def test_impossible_momentary_power_is_quarantined(kanal, zaehler, jetzt):
    # 30 kW connection, a quarter more is believed: 37,500 W.
    werte = [messwert(jetzt - 900, 0, leistung_w=37_500), messwert(jetzt, 0, leistung_w=-37_501)]
    assert kanal.deliver(zaehler, werte).abgelehnt == ((1, "leistung"),)


def test_behind_a_transformer_a_meter_sees_a_part_of_the_power(kanal, welt, uhr, jetzt):
    nummer = "1EMH0000000078"
    stromzaehler_id = welt.stromzaehler(zaehlernummer=nummer, faktor=40)
    welt.einbau(stromzaehler_id, welt.messstelle(), uhr.now() - timedelta(days=1))
    zaehler = kanal.enrolled(nummer, stromzaehler_id)
    # 37,500 W flow at the most, of which the meter sees 937.
    werte = [messwert(jetzt - 900, 0, leistung_w=937), messwert(jetzt, 0, leistung_w=938)]
    assert kanal.deliver(zaehler, werte).abgelehnt == ((1, "leistung"),)


def test_readings_up_to_27_seconds_ahead_are_not_from_the_future(kanal, zaehler, uhr, jetzt):
    uhr.advance(timedelta(seconds=-27))
    assert kanal.deliver(zaehler, [messwert(jetzt, 1000)]).neu == 1
    uhr.advance(timedelta(seconds=899))
    assert kanal.deliver(zaehler, [messwert(jetzt + 900, 1000)]).abgelehnt == ((0, "zukunft"),)


def test_a_meter_without_a_place_or_a_customer_is_stored(kanal, welt, tabellen, jetzt):
    zaehler = kanal.enrolled("1EMH0000000077", welt.stromzaehler(zaehlernummer="1EMH0000000077"))
    assert kanal.deliver(zaehler, [messwert(jetzt, 1000)]).neu == 1
    assert tabellen.verbrauch() == [(jetzt, 1000)]


def test_the_first_message_of_a_day_is_an_event(kanal, zaehler, tabellen, uhr, jetzt):
    kanal.deliver(zaehler, [messwert(jetzt - 900, 1000)])
    kanal.deliver(zaehler, [messwert(jetzt, 1000)])
    assert len(tabellen.ereignisse("DATEN_EMPFANGEN")) == 1
    uhr.advance(timedelta(days=1))
    kanal.deliver(zaehler, [messwert(jetzt + 900, 1000)])
    assert len(tabellen.ereignisse("DATEN_EMPFANGEN")) == 2


def test_the_same_number_with_other_content_is_refused_and_told(kanal, zaehler, tabellen, uhr, jetzt):
    telegramm = zaehler.telegramm(uhr, [messwert(jetzt, 1000)])
    kanal.send(zaehler, telegramm)
    anders = replace(telegramm, anfrage=os.urandom(16))
    assert kanal.refusal(zaehler, anders) == (409, "folge")
    assert tabellen.ereignisse("TELEGRAMM_ABGEWIESEN") == [{"code": "folge", "folge": telegramm.folge}]


def test_a_number_older_than_the_window_is_processed_again(kanal, zaehler, tabellen, uhr, jetzt):
    erstes = zaehler.telegramm(uhr, [messwert(jetzt - 900 * 70, 1000)])
    kanal.send(zaehler, erstes)
    for n in range(64):
        kanal.deliver(zaehler, [messwert(jetzt - 900 * (69 - n), 1000)])
    assert kanal.send(zaehler, erstes).doppelt == 1
    assert len(tabellen.verbrauch()) == 65


def test_an_earlier_epoche_is_refused_and_a_later_one_begins_anew(kanal, zaehler, tabellen, uhr, jetzt):
    kanal.deliver(zaehler, [messwert(jetzt - 900, 1000)])
    epoche = zaehler.enrolled.epoche
    neu = zaehler.telegramm(uhr, [messwert(jetzt, 1000)], epoche=epoche + 1, folge=1)
    assert kanal.send(zaehler, neu).neu == 1
    alt = zaehler.telegramm(uhr, [messwert(jetzt, 1000)])
    assert kanal.refusal(zaehler, alt) == (409, "epoche")
    assert tabellen.ereignisse("TELEGRAMM_ABGEWIESEN") == [{"code": "epoche"}]


def test_an_epoche_far_ahead_is_refused(kanal, zaehler, tabellen, uhr, jetzt):
    # It would use up the numbers: the next enrolment could count no further.
    epoche = zaehler.enrolled.epoche
    for voraus, status in ((101, (409, "epoche")), (2**63 - 1 - epoche, (409, "epoche"))):
        telegramm = zaehler.telegramm(uhr, [messwert(jetzt, 1000)], epoche=epoche + voraus)
        assert kanal.refusal(zaehler, telegramm) == status
    assert tabellen.verbrauch() == []
    weiter = zaehler.telegramm(uhr, [messwert(jetzt, 1000)], epoche=epoche + 100)
    assert kanal.send(zaehler, weiter).neu == 1


def test_the_device_log_and_lost_gaps_become_events(kanal, zaehler, tabellen, uhr, jetzt):
    meldung = Meldung(0, jetzt, "DECKEL_OFFEN", "Klemmendeckel geöffnet")
    kanal.send(zaehler, zaehler.telegramm(uhr, [], art=EREIGNISSE, ereignisse=(meldung,)))
    kanal.send(zaehler, zaehler.telegramm(uhr, [], art=FEHLANZEIGE, luecken=((jetzt - 1800, jetzt),)))
    assert kanal.send(zaehler, zaehler.telegramm(uhr, [], art=ZEIT)).zeit == jetzt * 1000
    assert tabellen.ereignisse("STROMZAEHLER_MELDUNG") == [meldung._asdict()]
    assert tabellen.ereignisse("LUECKE_BLEIBT") == [{"von": jetzt - 1800, "bis": jetzt}]
    # None of them brought a reading.
    assert tabellen.ereignisse("DATEN_EMPFANGEN") == []


def test_an_unusual_request_gets_the_same_answer_the_long_way(kanal, zaehler, uhr, jetzt):
    """A good request does not pass through the framework; it is counted like all others, and leaves no line."""
    gezaehlt = metrik.ANFRAGEN.labels("POST", "/geraete/v1/telegramme", 200)
    for nummer, kopf in enumerate(({}, {"content_type": "application/cms; version=1"})):
        klartext = zaehler.telegramm(uhr, [messwert(jetzt - 900 * nummer, 1000)]).to_bytes()
        der = zaehler.seal(klartext, uhr.now())
        vorher = gezaehlt._value.get()
        with structlog.testing.capture_logs() as zeilen:
            antwort = kanal.post(der, zaehler.enrolled.zertifikat_tls, **kopf)
        assert antwort.status_code == 200
        assert zaehler.open(antwort.data, klartext).neu == 1
        assert antwort.headers["Content-Type"] == "application/cms"
        assert len(antwort.headers["X-Request-ID"]) == 32
        assert gezaehlt._value.get() == vorher + 1
        assert len(zeilen) == nummer


def take_away(datenbank: str) -> None:
    """The database as it is when its disk is gone (SQLite) or its server refuses everybody (PostgreSQL)."""
    haupt, name = datenbank.rsplit("/", 1)
    if datenbank.startswith("sqlite"):
        with closing(sqlite3.connect(datenbank.removeprefix("sqlite:///"))) as connection:
            connection.execute("DROP TABLE telegrammstand")
        return
    with psycopg.connect(f"{haupt}/postgres", autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])


def test_without_a_database_there_is_no_receipt(kanal, zaehler, datenbank, uhr, jetzt):
    take_away(datenbank)
    der = zaehler.seal(zaehler.telegramm(uhr, [messwert(jetzt, 1000)]).to_bytes(), uhr.now())
    antwort = kanal.post(der, zaehler.enrolled.zertifikat_tls)
    assert (antwort.status_code, antwort.json["code"]) == (503, "nicht_verfuegbar")
    assert int(antwort.headers["Retry-After"]) > 0

"""The sweep over tables of both databases: opens once, raises, ends, tells by mail, and never undoes a person."""

from dataclasses import replace
from datetime import timedelta

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import delete, event, insert, select, update

from betreiber.auth.domain import system_akteur
from betreiber.jobs.plan import find_stoerungen, stoerung_regeln
from betreiber.stoerung.domain import Regeln, Ruhezeit, Stoerungsart
from betreiber.stoerung.service import close_stoerung
from db.models import (
    Einbau,
    Ereignis,
    Messstelle,
    Nachricht,
    Stoerung,
    Stromzaehler,
    Tagesstand,
    Telegrammstand,
    VerbrauchTag,
)
from db.session import create_session
from tests.stoerungen.hilfen import REGELN, utc

MIN, STD, TAG = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def brief(zeile):
    return zeile.art, zeile.stufe, zeile.ursache


def events(engine):
    with create_session(engine, lesen=True) as session:
        zeilen = session.scalars(select(Ereignis).order_by(Ereignis.ereignis_id))
        return [(zeile.art, zeile.objekt_id, zeile.daten["stufe"]) for zeile in zeilen]


def mails(engine):
    with create_session(engine, lesen=True) as session:
        return list(session.scalars(select(Nachricht).order_by(Nachricht.nachricht_id)))


def test_silence_from_its_begin_to_its_end(buehne, engine, uhr):
    nummer, gesund = buehne.zaehler(), buehne.zaehler()
    begann = uhr.now() - 5 * MIN
    assert buehne.sweep().anzahl == 0
    uhr.advance(STD)
    buehne.hear(gesund)
    assert buehne.sweep().erkannt == 1
    # Nothing changes when it runs again.
    assert (buehne.sweep().erkannt, buehne.sweep().gestiegen) == (0, 0)
    # Found ten minutes after the bound: those are not held against it when it comes to a fitter.
    for dauer, stufe in ((23 * STD, "ALARM"), (12 * STD + 5 * MIN, "AUFTRAG")):
        uhr.advance(dauer)
        buehne.hear(gesund)
        assert buehne.sweep().gestiegen == 1
        (zeile,) = buehne.rows()
        assert (zeile.stromzaehler_id, *brief(zeile)) == (nummer, "STUMM", stufe, "UNBEKANNT")
    assert (zeile.beginn_zeitpunkt, zeile.erkannt_zeitpunkt) == (begann, utc("2026-06-15T11:00Z"))
    buehne.hear([nummer, gesund])
    assert buehne.sweep().behoben == 0
    uhr.advance(20 * MIN)
    buehne.hear([nummer, gesund])
    assert buehne.sweep().behoben == 0
    uhr.advance(10 * MIN)
    assert buehne.sweep().behoben == 1
    (zeile,) = buehne.rows()
    assert (zeile.behoben_zeitpunkt, zeile.abgeklungen_zeitpunkt) == (uhr.now(), uhr.now())
    assert (zeile.behoben_durch, zeile.grund) == ("system:jobs", None)
    assert events(engine) == [
        ("STOERUNG_ERKANNT", nummer, "WARNUNG"),
        ("STOERUNG_GESTIEGEN", nummer, "ALARM"),
        ("STOERUNG_GESTIEGEN", nummer, "AUFTRAG"),
        ("STOERUNG_BEHOBEN", nummer, "AUFTRAG"),
    ]


@pytest.mark.parametrize(
    ("zeichen", "erwartet"),
    [
        ({"uhr_abweichung_s": 300}, ("UHR", "WARNUNG", "UHR")),
        ({"rsrp_dbm": -121}, ("FUNK", "WARNUNG", "FUNK")),
        ({"schluessel_gueltig_bis": utc("2026-06-20T00:00Z")}, ("SCHLUESSEL", "AUFTRAG", "SCHLUESSEL")),
        ({"manipuliert_zeitpunkt": utc("2026-06-15T09:00Z")}, ("MANIPULATION", "AUFTRAG", "MANIPULATION")),
        (
            {"abgewiesen_zeitpunkt": utc("2026-06-15T09:00Z"), "abgewiesen_anzahl": 20},
            ("ABWEISUNGEN", "WARNUNG", "ABGEWIESEN"),
        ),
        ({"neueste_uhrzeit": 1781500000}, ("VERSPAETET", "WARNUNG", "UNBEKANNT")),
        ({"zuletzt_empfangen": None}, ("STUMM", "ALARM", "NIE_GEMELDET")),
    ],
)
def test_each_kind_is_found_in_the_tables(buehne, zeichen, erwartet):
    buehne.zaehler(rsrp_dbm=-95, schluessel_gueltig_bis=utc("2027-06-15T00:00Z"), abgewiesen_anzahl=0)
    nummer = buehne.zaehler(**zeichen)
    buehne.sweep()
    assert [(zeile.stromzaehler_id, brief(zeile)) for zeile in buehne.rows()] == [(nummer, erwartet)]


def test_coverage_of_the_last_three_days(buehne, engine, session):
    buehne.zaehler()
    lueckenhaft = buehne.zaehler()
    session.connection().exec_driver_sql(
        f"UPDATE tagesstand SET gemessen = 67 WHERE stromzaehler_id = {lueckenhaft} AND tag = 20617"
    )
    session.commit()
    # 67 + 96 + 96 = 259 of 288 are 89.9 %; 20617 = 2026-06-13.
    buehne.sweep()
    assert [(zeile.stromzaehler_id, zeile.art) for zeile in buehne.rows()] == [(lueckenhaft, "UNVOLLSTAENDIG")]
    assert buehne.rows()[0].daten["gemessen"] == 259


def test_days_that_are_folded_count_as_well(buehne, session):
    nummer = buehne.zaehler()
    bloecke = [
        {"stromzaehler_id": nummer, "tag": tag, "anzahl": 96, "gemessen": gemessen, "inhalt": b""}
        for tag, gemessen in ((20616, 96), (20617, 96))
    ]
    session.execute(insert(VerbrauchTag), bloecke)
    session.execute(delete(Tagesstand).where(Tagesstand.tag.in_([20616, 20617])))
    session.commit()
    buehne.sweep()
    assert buehne.rows() == []
    session.execute(update(VerbrauchTag).where(VerbrauchTag.tag == 20617).values(gemessen=67))
    session.commit()
    buehne.sweep()
    assert [(zeile.art, zeile.daten["gemessen"]) for zeile in buehne.rows()] == [("UNVOLLSTAENDIG", 259)]


@pytest.mark.parametrize("anders", [{"zustand": "GESPERRT"}, {"zustand": "LAGER"}, {"epoche": 0}])
def test_only_installed_and_enrolled_meters_are_watched(buehne, uhr, anders):
    buehne.zaehler(zuletzt_empfangen=uhr.now() - 9 * TAG, **anders)
    assert (buehne.sweep().gesamt, buehne.rows()) == (0, [])


def test_a_removed_meter_has_none_any_more(buehne, engine, session, uhr):
    nummer = buehne.zaehler(zuletzt_empfangen=uhr.now() - TAG)
    buehne.sweep()
    session.execute(update(Stromzaehler).where(Stromzaehler.stromzaehler_id == nummer).values(zustand="AUSGEBAUT"))
    session.execute(update(Einbau).where(Einbau.stromzaehler_id == nummer).values(bis=uhr.now()))
    session.commit()
    assert buehne.sweep().behoben == 1
    assert [(*brief(zeile), zeile.behoben_durch) for zeile in buehne.rows()] == [
        ("STUMM", "ALARM", "AUSGEBAUT", "system:jobs")
    ]
    assert buehne.sweep().anzahl == 0


def close(buehne, stoerung, grund="Anlage ist abgeschaltet"):
    akteur = system_akteur("test", buehne.uhr.now())
    with create_session(buehne.engine) as session:
        close_stoerung(session, akteur, stoerung.stoerung_id, stoerung.version, grund)


def test_what_a_person_closed_does_not_open_anew(buehne, uhr):
    nummer = buehne.zaehler(zuletzt_empfangen=uhr.now() - STD)
    buehne.sweep()
    close(buehne, buehne.rows()[0])
    uhr.advance(40 * STD)
    assert buehne.sweep().anzahl == 0
    (zeile,) = buehne.rows()
    assert (zeile.stufe, zeile.behoben_durch, zeile.grund) == (
        "WARNUNG",
        "system:test",
        "Anlage ist abgeschaltet",
    )
    buehne.hear(nummer)
    buehne.sweep()
    uhr.advance(30 * MIN)
    buehne.hear(nummer)
    buehne.sweep()
    (zeile,) = buehne.rows()
    assert (zeile.abgeklungen_zeitpunkt, zeile.behoben_zeitpunkt) == (uhr.now(), utc("2026-06-15T10:00Z"))
    uhr.advance(STD)
    assert buehne.sweep().erkannt == 1
    assert len(buehne.rows()) == 2


def test_an_intervention_waits_for_a_person(buehne, uhr):
    nummer = buehne.zaehler(manipuliert_zeitpunkt=uhr.now())
    buehne.sweep()
    for _ in range(5):
        uhr.advance(TAG)
        buehne.hear(nummer)
        assert buehne.sweep().behoben == 0
    (offen,) = buehne.rows(offen=True)
    close(buehne, offen, "Plombe geprüft und erneuert")
    # It is over with that.
    assert buehne.rows()[0].abgeklungen_zeitpunkt == uhr.now()
    assert buehne.sweep().anzahl == 0
    # What the meter saw before that, and tells of only now, is the same.
    buehne.hear(nummer, manipuliert_zeitpunkt=uhr.now() - MIN)
    assert buehne.sweep().anzahl == 0
    # The next one is another one.
    uhr.advance(MIN)
    buehne.hear(nummer, manipuliert_zeitpunkt=uhr.now())
    assert buehne.sweep().erkannt == 1


def test_a_second_intervention_after_a_person_closed_the_first(buehne, uhr):
    """Closed at 10:00, opened again at 15:00, and the sweep stood still in between: a row of its own."""
    nummer = buehne.zaehler(manipuliert_zeitpunkt=utc("2026-06-15T09:00Z"))
    buehne.sweep()
    uhr.jetzt = utc("2026-06-15T10:00Z")
    close(buehne, buehne.rows()[0], "Plombe geprüft")
    uhr.jetzt = utc("2026-06-15T15:05Z")
    buehne.hear(nummer, manipuliert_zeitpunkt=utc("2026-06-15T15:00Z"))
    assert (buehne.sweep().erkannt, buehne.sweep().anzahl) == (1, 0)
    alte, neue = buehne.rows()
    assert alte.behoben_zeitpunkt == alte.abgeklungen_zeitpunkt == utc("2026-06-15T10:00Z")
    assert (alte.behoben_durch, alte.grund) == ("system:test", "Plombe geprüft")
    assert brief(neue) == ("MANIPULATION", "AUFTRAG", "MANIPULATION")
    assert (neue.beginn_zeitpunkt, neue.behoben_zeitpunkt) == (utc("2026-06-15T15:00Z"), None)


def test_a_locked_meter_is_not_accused_anew_when_it_is_unlocked(buehne, session, uhr):
    nummer = buehne.zaehler(manipuliert_zeitpunkt=uhr.now() - STD)
    buehne.sweep()
    for zustand in ("GESPERRT", "EINGEBAUT"):
        session.execute(update(Stromzaehler).where(Stromzaehler.stromzaehler_id == nummer).values(zustand=zustand))
        session.commit()
        uhr.advance(MIN)
        buehne.hear(nummer)
        buehne.sweep()
    assert [brief(zeile) for zeile in buehne.rows()] == [("MANIPULATION", "AUFTRAG", "GESPERRT")]
    assert buehne.rows(offen=True) == []


def test_who_was_faster_wins(buehne, engine, uhr):
    """A person closes it between the look of the sweep and its writing: the sweep leaves it alone."""
    buehne.zaehler(zuletzt_empfangen=uhr.now() - 23 * STD - 59 * MIN)
    buehne.sweep()
    uhr.advance(MIN)
    (zeile,) = buehne.rows()
    geschlossen = []

    def close_first(_connection, _cursor, anweisung, *_):
        if "telegrammstand" in anweisung and "tagesstand" in anweisung and not geschlossen:
            geschlossen.append(True)
            close(buehne, zeile)

    event.listen(engine, "after_cursor_execute", close_first)
    buehne.sweep()
    event.remove(engine, "after_cursor_execute", close_first)
    (zeile,) = buehne.rows()
    assert (geschlossen, zeile.stufe, zeile.behoben_durch) == ([True], "WARNUNG", "system:test")


def test_one_mail_an_event_and_warnings_wait_for_the_morning(buehne, engine, uhr):
    uhr.jetzt = utc("2026-06-15T23:00+02:00")
    warnung = buehne.zaehler(zuletzt_empfangen=uhr.now() - STD)
    alarm = buehne.zaehler(zuletzt_empfangen=uhr.now() - TAG)
    assert buehne.sweep().gemeldet == 1
    assert buehne.sweep().gemeldet == 0
    uhr.jetzt = utc("2026-06-16T06:00+02:00")
    assert buehne.sweep().gemeldet == 1
    assert buehne.sweep().gemeldet == 0
    erste, zweite = mails(engine)
    nummern = {zeile.stromzaehler_id: zeile for zeile in buehne.rows()}
    assert erste.empfaenger == "betrieb@example.org"
    assert erste.betreff.startswith("ALARM: Zähler 1EMH00")
    assert erste.betreff.endswith(", STUMM seit 14.06.2026 23:00")
    assert zweite.betreff.startswith("WARNUNG: Zähler 1EMH00")
    assert f"Störung: {nummern[alarm].stoerung_id}\n" in erste.text
    assert f"Störung: {nummern[warnung].stoerung_id}\n" in zweite.text
    assert "Der Zähler meldet sich nicht.\n" in erste.text
    # A mail leaves the house: no MaLo, no address; the number says to those who may know.
    assert "Postleitzahl: 50667\n" in erste.text
    with create_session(engine, lesen=True) as session:
        for ort in session.scalars(select(Messstelle)):
            assert ort.malo_id not in erste.text + zweite.text
            assert ort.strasse not in erste.text + zweite.text
    # A rise is an event of its own.
    uhr.advance(29 * STD)
    buehne.sweep()
    assert len(mails(engine)) == 4


def test_a_great_many_share_a_mail(buehne, engine, uhr):
    for _ in range(21):
        buehne.zaehler(manipuliert_zeitpunkt=uhr.now())
    assert buehne.sweep().gemeldet == 21
    (mail,) = mails(engine)
    assert mail.betreff == "21 Störungen an Stromzählern"
    assert mail.text.count("AUFTRAG: Zähler 1EMH00") == 21
    assert mail.text.startswith("21 x AUFTRAG, MANIPULATION: Der Zähler hat ein offenes Gehäuse")
    assert buehne.sweep().gemeldet == 0


def test_an_intervention_that_is_closed_while_the_sweep_reads(buehne, engine, uhr):
    nummer = buehne.zaehler(manipuliert_zeitpunkt=uhr.now() - STD)
    buehne.sweep()
    (zeile,) = buehne.rows()
    uhr.advance(MIN)
    buehne.hear(nummer)
    geschlossen = []

    def close_first(_connection, _cursor, anweisung, *_):
        if "telegrammstand" in anweisung and "tagesstand" in anweisung and not geschlossen:
            geschlossen.append(True)
            close(buehne, zeile, "Plombe geprüft")

    event.listen(engine, "after_cursor_execute", close_first)
    buehne.sweep()
    event.remove(engine, "after_cursor_execute", close_first)
    assert [zeile.grund for zeile in buehne.rows()] == ["Plombe geprüft"]


def test_without_an_address_nobody_is_told(buehne, engine, uhr):
    buehne.zaehler(manipuliert_zeitpunkt=uhr.now())
    assert buehne.sweep(Regeln()).gemeldet == 0
    assert mails(engine) == []


def test_what_ended_before_the_morning_is_not_told(buehne, engine, uhr):
    uhr.jetzt = utc("2026-06-15T23:00+02:00")
    buehne.zaehler(zuletzt_empfangen=uhr.now() - STD)
    buehne.sweep()
    close(buehne, buehne.rows()[0])
    uhr.jetzt = utc("2026-06-16T06:00+02:00")
    buehne.sweep()
    assert mails(engine) == []


def test_batches_leave_nobody_out(buehne, uhr):
    nummern = [buehne.zaehler(zuletzt_empfangen=uhr.now() - TAG) for _ in range(5)]
    assert buehne.sweep(hoechstens=2).erkannt == 5
    assert sorted(zeile.stromzaehler_id for zeile in buehne.rows()) == nummern


def test_metrics(buehne, uhr):
    for n in range(4):
        buehne.zaehler(zuletzt_empfangen=uhr.now() - TAG if n == 0 else uhr.now())
    buehne.sweep()
    wert = REGISTRY.get_sample_value
    assert wert("msb_stumm_anteil") == 0.25
    assert wert("msb_stoerungen_offen", {"art": "STUMM", "stufe": "ALARM"}) == 1
    assert wert("msb_stoerungen_offen", {"art": "STUMM", "stufe": "WARNUNG"}) == 0


def test_the_job(settings, engine, session):
    """By the settings of the operator, on its clock: a meter of long ago is found."""
    session.add(
        Stromzaehler(
            zaehlernummer="1EMH0000000001", hersteller="EMH", modell="m", seriennummer="1", zustand="EINGEBAUT"
        )
    )
    session.flush()
    session.add(
        Telegrammstand(
            stromzaehler_id=1, epoche=1, fenster=b"", zuletzt_empfangen=utc("2020-01-01T00:00Z"), neueste_uhrzeit=0
        )
    )
    session.commit()
    assert find_stoerungen(replace(settings, stoerung_mail="betrieb@example.org"), engine) == 2
    with create_session(engine, lesen=True) as lesend:
        assert [brief(zeile) for zeile in lesend.scalars(select(Stoerung))] == [("STUMM", "ALARM", "UNBEKANNT")]
    assert find_stoerungen(settings, engine) == 0


def test_settings_become_rules(settings):
    regeln = stoerung_regeln(
        replace(settings, stoerung_stumm_intervalle=2, stoerung_ruhezeit="20-8", stoerung_mail="a@example.org")
    )
    assert regeln[Stoerungsart.STUMM].ab == 2400
    assert (regeln.ruhezeit, regeln.empfaenger) == (Ruhezeit(20, 8), "a@example.org")
    assert stoerung_regeln(settings).ruhezeit == REGELN.ruhezeit

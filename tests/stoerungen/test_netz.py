"""What is no fault of a meter: the network of an area, the operator itself, and nobody who looked."""

from dataclasses import replace
from datetime import timedelta

from sqlalchemy import insert

from betreiber.stoerung.queries import find_candidates
from db.models import Telegrammstand
from db.session import create_session
from tests.stoerungen.hilfen import REGELN

MIN, STD, TAG = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
# Here four of all meters are a great part already.
KLEIN = replace(REGELN, flotte_zaehler=4)


def brief(buehne):
    """Degree and cause of every open one, by meter."""
    return {zeile.stromzaehler_id: (zeile.stufe, zeile.ursache) for zeile in buehne.rows(offen=True)}


def wait(buehne, dauer, gehoert, regeln=REGELN):
    """After a while these are heard, and the sweep comes by."""
    buehne.uhr.advance(dauer)
    buehne.hear(gehoert)
    return buehne.sweep(regeln)


def test_a_silent_postcode_and_what_is_left_when_it_is_back(buehne):
    """4 of 5 are the network; 3 of 5 are meters. Those that stay silent have 36 hours from its return on."""
    koeln = [buehne.zaehler(postleitzahl="50667") for _ in range(5)]
    bonn = [buehne.zaehler(postleitzahl="53111") for _ in range(5)]
    hoerbar = [koeln[0], *bonn[:2]]
    wait(buehne, STD, hoerbar)
    wait(buehne, 40 * STD, hoerbar)
    fort = dict.fromkeys(bonn[2:], ("AUFTRAG", "UNBEKANNT"))
    assert brief(buehne) == dict.fromkeys(koeln[1:], ("ALARM", "NETZ")) | fort
    wait(buehne, STD, [*hoerbar, *koeln[1:3]])
    zurueck = buehne.uhr.now()
    wait(buehne, 36 * STD - MIN, [*hoerbar, *koeln[1:3]])
    assert brief(buehne) == dict.fromkeys(koeln[3:], ("ALARM", "UNBEKANNT")) | fort
    assert {zeile.netz_zeitpunkt for zeile in buehne.rows() if zeile.stromzaehler_id in koeln[3:]} == {zurueck}
    wait(buehne, MIN, [*hoerbar, *koeln[1:3]])
    assert brief(buehne) == dict.fromkeys(koeln[3:], ("AUFTRAG", "UNBEKANNT")) | fort


def test_when_the_intake_is_down_it_is_not_the_meters(buehne):
    """Two days of nothing from anybody, at ten postcodes; then eight are back, and two are not."""
    alle = [buehne.zaehler(postleitzahl=f"5066{n}") for n in range(10)]
    wait(buehne, STD, [], KLEIN)
    wait(buehne, 2 * TAG, [], KLEIN)
    assert brief(buehne) == dict.fromkeys(alle, ("ALARM", "BETREIBER"))
    wait(buehne, STD, alle[2:], KLEIN)
    assert {brief(buehne)[nummer] for nummer in alle[:2]} == {("ALARM", "UNBEKANNT")}
    wait(buehne, STD, alle[2:], KLEIN)
    assert set(brief(buehne)) == set(alle[:2])
    wait(buehne, 35 * STD, alle[2:], KLEIN)
    assert brief(buehne) == dict.fromkeys(alle[:2], ("AUFTRAG", "UNBEKANNT"))


def test_what_all_have_at_once_is_not_the_meters(buehne):
    """The operator's own clock is wrong."""
    alle = [buehne.zaehler(uhr_abweichung_s=90) for _ in range(5)]
    buehne.sweep(KLEIN)
    wait(buehne, 4 * TAG, alle, KLEIN)
    assert {zeile.art for zeile in buehne.rows(offen=True)} == {"UHR"}
    assert brief(buehne) == dict.fromkeys(alle, ("ALARM", "BETREIBER"))


def test_tampering_is_never_the_operator_itself(buehne):
    """However many were opened; what they saw before they hung there makes nobody look at them."""
    alle = [buehne.zaehler(manipuliert_zeitpunkt=buehne.uhr.now()) for _ in range(5)]
    frueher = buehne.uhr.now() - 101 * TAG
    for _ in range(5):
        buehne.zaehler(manipuliert_zeitpunkt=frueher)
    buehne.sweep(KLEIN)
    assert brief(buehne) == dict.fromkeys(alle, ("AUFTRAG", "MANIPULATION"))
    jetzt = buehne.uhr.now()
    with create_session(buehne.engine, lesen=True) as session:
        gefunden = find_candidates(session, KLEIN, jetzt, jetzt, 0, 100)
    assert [zeichen.stromzaehler_id for zeichen in gefunden] == alle


def test_silent_meters_are_not_counted_as_late_or_wrong(buehne):
    """One of five is late and has a wrong clock; four were both when they fell silent, or hung elsewhere then."""
    alt, jetzt = buehne.uhr.now() - 9 * TAG, buehne.uhr.now()
    zeichen = {"neueste_uhrzeit": int(alt.timestamp()), "uhr_abweichung_s": 90, "rsrp_dbm": -130}
    krank = buehne.zaehler(**zeichen)
    for _ in range(2):
        buehne.zaehler(zuletzt_empfangen=alt, **zeichen)
    for _ in range(2):
        buehne.zaehler(zuletzt_empfangen=alt, von=jetzt - MIN, **zeichen)
    buehne.sweep(KLEIN)
    gefunden = {zeile.art: zeile.ursache for zeile in buehne.rows() if zeile.stromzaehler_id == krank}
    assert gefunden == {"VERSPAETET": "FUNK", "UHR": "UHR", "FUNK": "FUNK"}


def test_a_silent_cellar_is_not_taken_for_a_network_for_ever(buehne):
    """Four of the five meters of a postcode hang behind one broken antenna: after a week somebody goes there."""
    keller = [buehne.zaehler() for _ in range(4)]
    oben = buehne.zaehler()
    wait(buehne, STD, [oben])
    # They were last heard five minutes before the begin.
    wait(buehne, 7 * TAG - STD - 6 * MIN, [oben])
    assert brief(buehne) == dict.fromkeys(keller, ("ALARM", "NETZ"))
    wait(buehne, MIN, [oben])
    assert brief(buehne) == dict.fromkeys(keller, ("AUFTRAG", "NETZ"))


def test_gaps_of_all_are_counted_by_what_is_open(buehne, session):
    alle = [buehne.zaehler() for _ in range(5)]
    session.connection().exec_driver_sql("UPDATE tagesstand SET gemessen = 0")
    session.commit()
    buehne.sweep(KLEIN)
    assert set(brief(buehne).values()) == {("WARNUNG", "UNBEKANNT")}
    wait(buehne, MIN, alle, KLEIN)
    assert brief(buehne) == dict.fromkeys(alle, ("WARNUNG", "BETREIBER"))


def test_while_nobody_looked_no_time_passes(buehne):
    """The whole operator was down for eight days; two of four come back at once."""
    alle = [buehne.zaehler() for _ in range(4)]
    wait(buehne, 8 * TAG, alle[2:])
    assert brief(buehne) == dict.fromkeys(alle[:2], ("ALARM", "UNBEKANNT"))
    # 55 minutes are silence before it can be found.
    wait(buehne, 35 * STD + 4 * MIN, alle[2:])
    assert {stufe for stufe, _ in brief(buehne).values()} == {"ALARM"}
    wait(buehne, MIN, alle[2:])
    assert brief(buehne) == dict.fromkeys(alle[:2], ("AUFTRAG", "UNBEKANNT"))


def test_the_share_of_the_silent_is_what_the_sweep_judges(buehne, welt, uhr):
    """Signs of a former place do not count for the area either: five hang there since 40 minutes."""
    alt = uhr.now() - 200 * TAG
    for _ in range(5):
        buehne.zaehler(zuletzt_empfangen=alt, von=uhr.now() - 40 * MIN)
    buehne.zaehler(zuletzt_empfangen=None, von=uhr.now() - 40 * MIN)
    ergebnis = buehne.sweep()
    assert (ergebnis.stumme, ergebnis.gesamt, buehne.rows()) == (0, 6, [])
    # One that hangs nowhere and never was heard cannot be silent.
    ohne_ort = welt.stromzaehler(zustand="EINGEBAUT")
    with create_session(buehne.engine) as session:
        session.execute(insert(Telegrammstand), {"stromzaehler_id": ohne_ort, "epoche": 1, "fenster": b""})
        session.commit()
    uhr.advance(16 * MIN)
    ergebnis = buehne.sweep()
    assert (ergebnis.stumme, ergebnis.gesamt) == (6, 7)
    assert set(brief(buehne)) == {zeile.stromzaehler_id for zeile in buehne.rows()}
    assert {ursache for _, ursache in brief(buehne).values()} == {"NIE_GEMELDET"}


def test_a_mail_of_very_many_says_how_many_and_names_some(buehne, mails):
    for n in range(101):
        buehne.zaehler(postleitzahl=f"{50000 + n}", zuletzt_empfangen=buehne.uhr.now() - TAG)
    assert buehne.sweep(replace(REGELN, flotte_zaehler=1000)).gemeldet == 101
    (mail,) = mails()
    assert mail.betreff == "101 Störungen an Stromzählern"
    assert mail.text.startswith("101 x ALARM, STUMM: Aus den letzten Lebenszeichen")
    assert mail.text.count("ALARM: Zähler 1EMH00") == 100
    assert mail.text.endswith("\nUnd 1 weitere: GET /v1/stoerungen?zustand=OFFEN\n")
    assert buehne.sweep(replace(REGELN, flotte_zaehler=1000)).gemeldet == 0

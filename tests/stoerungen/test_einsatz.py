"""The operator's own fitter opens meters: on the day of a visit it is no tampering, and ends by itself."""

from datetime import date

import pytest
from sqlalchemy import insert, update

from betreiber.auftrag.stoerungsauftraege import open_auftraege
from betreiber.auth.domain import system_akteur
from betreiber.stoerung.domain import Besuch, Einsatz, Stoerungsart, Stufe, Ursache, find_einsatz
from db.models import Auftrag, Auftragsbesuch, Ereignis
from db.session import create_session
from tests.stoerungen.hilfen import JETZT, MIN, STD, TAG, found, utc, zuvor

S, U = Stoerungsart, Ursache
HEUTE = date(2026, 6, 15)
UM_ACHT = utc("2026-06-15T08:00Z")


@pytest.mark.parametrize(
    ("besuch", "jetzt", "eigener"),
    [
        (Besuch(HEUTE, None), JETZT, True),
        (Besuch(date(2026, 6, 14), None), JETZT, False),
        # Nobody has noted what became of it: after three days nobody was there.
        (Besuch(HEUTE, None), UM_ACHT + 3 * TAG - MIN, True),
        (Besuch(HEUTE, None), UM_ACHT + 3 * TAG, False),
        # Over at seven: at eight the fitter may still be there, later not.
        (Besuch(HEUTE, UM_ACHT - STD), JETZT, True),
        (Besuch(HEUTE, UM_ACHT - STD - MIN), JETZT, False),
        # Planned for another day, and done on this one; done on this day, and noted on another.
        (Besuch(date(2026, 6, 10), UM_ACHT + STD), JETZT, True),
        (Besuch(HEUTE, UM_ACHT + 5 * TAG), UM_ACHT + 6 * TAG, True),
        (Besuch(date(2026, 6, 10), UM_ACHT + TAG), UM_ACHT + 6 * TAG, False),
        # A visit that failed has its hour only.
        (Besuch(None, UM_ACHT + MIN), JETZT, True),
        (Besuch(None, UM_ACHT + STD), JETZT, True),
        (Besuch(None, UM_ACHT + STD + MIN), JETZT, False),
        (Besuch(None, UM_ACHT - STD), JETZT, True),
        (Besuch(None, UM_ACHT - STD - MIN), JETZT, False),
        (Besuch(None, UM_ACHT + TAG), UM_ACHT + 6 * TAG, False),
    ],
)
def test_whose_opening_it_was(besuch, jetzt, eigener):
    assert besuch.covers(UM_ACHT, jetzt) is eigener


def test_the_day_is_that_of_the_place():
    """00:30 in Berlin is the day before in UTC."""
    assert Besuch(HEUTE, None).covers(utc("2026-06-14T22:30Z"), JETZT)
    assert not Besuch(date(2026, 6, 14), None).covers(utc("2026-06-14T22:30Z"), JETZT)


def test_all_that_was_seen_must_be_our_own():
    laeuft, beendet = Besuch(HEUTE, None), Besuch(HEUTE, UM_ACHT)
    gestern = UM_ACHT - TAG
    assert find_einsatz([UM_ACHT], [], JETZT) is Einsatz.KEINER
    assert find_einsatz([UM_ACHT], [laeuft], JETZT) is Einsatz.LAEUFT
    assert find_einsatz([UM_ACHT], [laeuft, beendet], JETZT) is Einsatz.BEENDET
    assert find_einsatz([UM_ACHT, gestern], [beendet], JETZT) is Einsatz.KEINER
    assert find_einsatz([UM_ACHT, gestern], [laeuft, Besuch(None, gestern)], JETZT) is Einsatz.LAEUFT


def test_what_becomes_of_it():
    auf = {"manipuliert_zeitpunkt": UM_ACHT}
    lage = found(**auf, einsatz=Einsatz.LAEUFT)[S.MANIPULATION]
    assert (lage.stufe, lage.ursache, lage.beginn) == (Stufe.WARNUNG, U.EINSATZ, UM_ACHT)
    spaeter = found({S.MANIPULATION: lage}, **auf, einsatz=Einsatz.LAEUFT, jetzt=JETZT + TAG)
    assert S.MANIPULATION not in spaeter
    # The order is called off: then it was somebody else.
    fremd = found({S.MANIPULATION: lage}, **auf)[S.MANIPULATION]
    assert (fremd.stufe, fremd.ursache) == (Stufe.AUFTRAG, U.MANIPULATION)
    # And what was somebody else stays that, also when our own fitter opens the meter because of it.
    assert found({S.MANIPULATION: fremd}, **auf, einsatz=Einsatz.BEENDET) == {}


def test_it_ends_when_the_order_is_over_and_the_cover_closed():
    seit = {S.MANIPULATION: zuvor(Stufe.WARNUNG, U.EINSATZ, UM_ACHT)}
    # The newest reading, of 9:45, is of a quarter hour that began two quarter hours after 9:15 at the earliest.
    noch_auf = {"manipuliert_zeitpunkt": JETZT - 44 * MIN, "einsatz": Einsatz.BEENDET}
    assert found(seit, **noch_auf) == {}
    zu = {"manipuliert_zeitpunkt": JETZT - 45 * MIN, "einsatz": Einsatz.BEENDET}
    ruhig = found(seit, **zu)[S.MANIPULATION]
    assert (ruhig.erholt, ruhig.behoben) == (JETZT, False)
    an_der_uhr = {"zuletzt_empfangen": JETZT + STD}
    vorbei = found({S.MANIPULATION: ruhig}, **zu, **an_der_uhr, jetzt=JETZT + STD)[S.MANIPULATION]
    assert (vorbei.behoben, vorbei.abgeklungen) == (True, True)
    # What was over before a sweep came by is none at all.
    assert found(**zu) == {}
    assert set(found(**zu | {"einsatz": Einsatz.LAEUFT})) == {S.MANIPULATION}
    assert set(found(**zu, neueste_uhrzeit=None)) == {S.MANIPULATION}


@pytest.fixture
def besucht(buehne, welt, session, uhr):
    """A meter at which a fitter is today, and its order."""
    nummer = buehne.zaehler()
    auftrag_id = welt.auftrag(welt.messstelle(), stromzaehler_id=nummer, zustand="GEPLANT", termin_datum=HEUTE)

    def change(**werte):
        session.execute(update(Auftrag).where(Auftrag.auftrag_id == auftrag_id).values(**werte))
        session.commit()

    return nummer, auftrag_id, change


def brief(buehne):
    return [(zeile.art, zeile.stufe, zeile.ursache, zeile.behoben_durch) for zeile in buehne.rows()]


def orders(buehne):
    with create_session(buehne.engine) as session:
        return open_auftraege(session, system_akteur("jobs", buehne.uhr.now()))


def test_a_visit_from_the_opening_to_its_end(buehne, besucht, uhr):
    nummer, _, change = besucht
    uhr.advance(STD)
    buehne.hear(nummer, manipuliert_zeitpunkt=uhr.now() - 10 * MIN)
    buehne.sweep()
    assert brief(buehne) == [("MANIPULATION", "WARNUNG", "EINSATZ", None)]
    assert orders(buehne) == 0
    change(zustand="ERLEDIGT", beendet_zeitpunkt=uhr.now())
    uhr.advance(STD)
    for _ in range(3):
        buehne.hear(nummer)
        buehne.sweep()
        uhr.advance(STD)
    assert brief(buehne) == [("MANIPULATION", "WARNUNG", "EINSATZ", "system:jobs")]
    # That evening somebody else opens it.
    uhr.jetzt = utc("2026-06-15T20:00Z")
    buehne.hear(nummer, manipuliert_zeitpunkt=uhr.now())
    buehne.sweep()
    assert brief(buehne)[1:] == [("MANIPULATION", "AUFTRAG", "MANIPULATION", None)]
    assert orders(buehne) == 1


def test_a_visit_that_failed_and_is_planned_again(buehne, besucht, engine, uhr):
    nummer, auftrag_id, change = besucht
    change(termin_datum=date(2026, 6, 22))
    with create_session(engine) as session:
        session.execute(
            insert(Auftragsbesuch),
            {"auftrag_id": auftrag_id, "nummer": 1, "zeitpunkt": uhr.now(), "grund": "Ersatzteil fehlt"},
        )
        session.commit()
    buehne.hear(nummer, manipuliert_zeitpunkt=uhr.now() - 10 * MIN)
    buehne.sweep()
    assert brief(buehne) == [("MANIPULATION", "WARNUNG", "EINSATZ", None)]


def test_an_order_that_failed_does_not_excuse_the_whole_day(buehne, besucht, uhr):
    nummer, _, change = besucht
    change(zustand="FEHLGESCHLAGEN", beendet_zeitpunkt=uhr.now())
    buehne.hear(nummer, manipuliert_zeitpunkt=uhr.now() - 2 * STD)
    buehne.sweep()
    assert brief(buehne) == [("MANIPULATION", "AUFTRAG", "MANIPULATION", None)]


def test_a_visit_that_ended_by_itself_explains_nothing_later(buehne, besucht, uhr):
    """Over at 10:00; at 11:05 a stranger opens the meter and cuts its radio. Its log tells of it days later."""
    nummer, _, change = besucht
    change(zustand="ERLEDIGT", beendet_zeitpunkt=utc("2026-06-15T10:00Z"))
    buehne.hear(nummer, manipuliert_zeitpunkt=utc("2026-06-15T09:40Z"))
    uhr.jetzt = utc("2026-06-15T10:01Z")
    buehne.sweep()
    for um in ("10:30", "10:35", "11:00"):
        uhr.jetzt = utc(f"2026-06-15T{um}Z")
        buehne.hear(nummer)
        buehne.sweep()
    uhr.jetzt = utc("2026-06-15T11:35Z")
    buehne.sweep()
    assert brief(buehne) == [("MANIPULATION", "WARNUNG", "EINSATZ", "system:jobs")]
    uhr.jetzt = utc("2026-06-15T14:00Z")
    buehne.sweep()
    uhr.jetzt = utc("2026-06-21T14:00Z")
    buehne.hear(nummer, manipuliert_zeitpunkt=utc("2026-06-15T11:05Z"))
    buehne.sweep()
    assert ("MANIPULATION", "AUFTRAG", "MANIPULATION", None) in brief(buehne)


@pytest.mark.parametrize("anders", [{"zustand": "OFFEN"}, {"zustand": "STORNIERT"}, {"stromzaehler_id": None}])
def test_an_order_that_nobody_went_for_excuses_nothing(buehne, besucht, uhr, anders):
    nummer, _, change = besucht
    change(**anders)
    buehne.hear(nummer, manipuliert_zeitpunkt=uhr.now())
    buehne.sweep()
    assert brief(buehne) == [("MANIPULATION", "AUFTRAG", "MANIPULATION", None)]


def entry(nummer, code, uhrzeit, empfangen):
    daten = {"nummer": 0, "uhrzeit": int(uhrzeit.timestamp()), "code": code, "text": "Text"}
    return {
        "zeitpunkt": empfangen,
        "art": "STROMZAEHLER_MELDUNG",
        "objekt_art": "stromzaehler",
        "objekt_id": nummer,
        "akteur": "stromzaehler",
        "daten": daten,
    }


@pytest.mark.parametrize(
    ("code", "davor", "ursache"),
    [
        ("MAGNETFELD", 2 * TAG, "MANIPULATION"),
        ("GEHAEUSE_ZU", 2 * TAG, "EINSATZ"),
        ("MAGNETFELD", 101 * TAG, "EINSATZ"),
    ],
)
def test_a_visit_does_not_hide_why_the_meter_was_silent(buehne, besucht, engine, uhr, code, davor, ursache):
    """Somebody cut its radio two days ago; the fitter who comes for it opens it, and its log tells of both.

    What it saw before it hung there does not count.
    """
    nummer = besucht[0]
    with create_session(engine) as session:
        session.execute(
            insert(Ereignis),
            [
                entry(nummer, code, uhr.now() - davor, uhr.now()),
                entry(nummer, "GEHAEUSE_OFFEN", uhr.now(), uhr.now()),
            ],
        )
        session.commit()
    buehne.hear(nummer, manipuliert_zeitpunkt=uhr.now())
    buehne.sweep()
    assert [zeile[2] for zeile in brief(buehne)] == [ursache]

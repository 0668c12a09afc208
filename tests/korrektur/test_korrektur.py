"""Corrections through the API: the original stays, what does not fit is refused, everybody sees what changed."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from sqlalchemy import select

from betreiber.ablesung import speicher
from betreiber.ablesung.domain import Grenzen, Herkunft, Qualitaet
from betreiber.ablesung.zaehlwerk import Abschnitt, Abschnittsgrund, Zaehlwerk, begin_anew
from db.models import Audit, Ereignis, Neuberechnung, Quarantaene
from db.session import create_session
from tests.ablesungen import deliver, everybody, stored
from tests.kanal import reihe
from tests.sql_fehler import fail_each_statement

# 2026-06-10T08:00:00Z; the clock of the tests stands at the 15th.
VON = int(datetime(2026, 6, 10, 8, tzinfo=UTC).timestamp())
ERFUNDEN = "/v1/stromzaehler/999999"


@pytest.fixture
def zaehler(welt, engine):
    """Ten readings with 100 Wh a quarter hour, from 1000 Wh on, at a connection of 30 kW since the 10th."""
    stromzaehler_id = welt.stromzaehler()
    welt.einbau(stromzaehler_id, welt.messstelle(), instant(0))
    deliver(engine, stromzaehler_id, reihe(VON, 1000, [100] * 9), VON + 10 * 900)
    return stromzaehler_id


@pytest.fixture
def clerk(als):
    return als("sachbearbeitung")


@pytest.fixture
def correct(client, zaehler, clerk):
    def correct(nummer, bezug_wh=None, **felder):
        werte = {} if bezug_wh is None else {"bezug_gesamt_wh": bezug_wh, "einspeisung_gesamt_wh": 0}
        daten = {"messzeitpunkt": instant(nummer).isoformat(), "begruendung": "falsch abgelesen"}
        return client.post(f"/v1/stromzaehler/{zaehler}/korrekturen", json=daten | werte | felder, als=clerk)

    return correct


@pytest.fixture
def changes(client, zaehler, clerk):
    def changes(**kw):
        frage = {"von": instant(0).isoformat(), "bis": instant(20).isoformat()} | kw
        antwort = client.get(f"/v1/stromzaehler/{zaehler}/wertaenderungen", query_string=frage, als=clerk)
        assert antwort.status_code == 200, antwort.text
        return antwort.json

    return changes


def instant(nummer):
    return datetime.fromtimestamp(VON + nummer * 900, UTC)


def registers(engine, zaehler):
    return [wert.bezug_wh for wert in stored(engine, zaehler).values()]


def test_a_wrong_reading_is_put_right(correct, changes, engine, zaehler, uhr):
    antwort = correct(5, 1550)
    assert antwort.status_code == 200
    assert antwort.json == {
        "wert": {
            "bezug_gesamt_wh": 1550,
            "einspeisung_gesamt_wh": 0,
            "qualitaet": "ABGELESEN",
            "herkunft": "KORREKTUR",
            "empfangen_zeitpunkt": "2026-06-15T10:00:00Z",
        }
    }
    assert registers(engine, zaehler) == [1000, 1100, 1200, 1300, 1400, 1550, 1600, 1700, 1800, 1900]
    protokoll = changes()
    assert protokoll["gesamt"] == 1
    assert protokoll["eintraege"] == [
        {
            "messzeitpunkt": "2026-06-10T09:15:00Z",
            "geaendert_zeitpunkt": "2026-06-15T10:00:00Z",
            "alt": {
                "bezug_gesamt_wh": 1500,
                "einspeisung_gesamt_wh": 0,
                "qualitaet": "ABGELESEN",
                "herkunft": "GERAET",
                "empfangen_zeitpunkt": "2026-06-10T10:30:00Z",
            },
            "neu": antwort.json["wert"],
            "bezug_differenz_wh": 50,
            "einspeisung_differenz_wh": 0,
        }
    ]
    with create_session(engine, lesen=True) as session:
        (audit,) = session.scalars(select(Audit).where(Audit.objekt_art == "ablesung"))
        assert (audit.aktion, audit.objekt_id) == ("KORRIGIERT", zaehler)
        assert audit.alt["bezug_gesamt_wh"] == 1500
        assert audit.neu["bezug_gesamt_wh"] == 1550
        assert audit.neu["begruendung"] == "falsch abgelesen"
        (ereignis,) = session.scalars(select(Ereignis.daten).where(Ereignis.art == "ABLESUNG_KORRIGIERT"))
        assert ereignis == {"messzeitpunkt": "2026-06-10T09:15:00Z", "aktion": "KORRIGIERT"}
        assert session.scalars(select(Neuberechnung.tag)).all() == [VON // 86_400]


def test_twice_is_once(correct, changes, uhr):
    erste = correct(5, 1550)
    uhr.advance(timedelta(minutes=1))
    assert correct(5, 1550).json == erste.json
    assert correct(5, entfernen=True).json == {"wert": None}
    uhr.advance(timedelta(minutes=1))
    assert correct(5, entfernen=True).json == {"wert": None}
    assert changes()["gesamt"] == 2


def test_a_reading_is_taken_back_and_entered_by_hand(correct, changes, engine, zaehler, uhr):
    assert correct(5, entfernen=True).status_code == 200
    assert 1500 not in registers(engine, zaehler)
    uhr.advance(timedelta(minutes=1))
    assert correct(5, 1510).json["wert"]["herkunft"] == "MANUELL"
    eintraege = changes()["eintraege"]
    assert [(e["alt"] or {}).get("bezug_gesamt_wh") for e in eintraege] == [None, 1500]
    assert [(e["neu"] or {}).get("bezug_gesamt_wh") for e in eintraege] == [1510, None]
    seite = changes(seite=2, pro_seite=1)
    assert (seite["gesamt"], len(seite["eintraege"])) == (2, 1)


@pytest.mark.parametrize(
    ("nummer", "bezug_wh", "code"),
    [
        (5, 1399, "korrektur_unplausibel"),  # lower than the one before
        (5, 1601, "korrektur_unplausibel"),  # higher than the one after
        (12, 40_000, "korrektur_unplausibel"),  # 38.1 kWh in 45 minutes; 30 kW and a quarter carry 29 kWh
        (-1, 900, "korrektur_unplausibel"),  # before the installation
        (20, None, "ablesung_fehlt"),
    ],
)
def test_what_does_not_fit_changes_nothing(correct, engine, zaehler, nummer, bezug_wh, code):
    vorher = stored(engine, zaehler)
    antwort = correct(nummer, bezug_wh, **({"entfernen": True} if bezug_wh is None else {}))
    assert (antwort.status_code, antwort.json["code"]) == (409, code)
    assert stored(engine, zaehler) == vorher
    with create_session(engine, lesen=True) as session:
        assert session.scalars(select(Quarantaene)).all() == []


def test_what_is_not_understood(correct):
    for felder, feld in (
        ({"begruendung": ""}, "begruendung"),
        ({"messzeitpunkt": "2026-06-10T09:10:00Z"}, "messzeitpunkt"),
        ({"messzeitpunkt": "2026-06-15T10:15:00Z"}, "messzeitpunkt"),
        ({"bezug_gesamt_wh": -1}, "bezug_gesamt_wh"),
        ({"entfernen": True}, "entfernen"),
        ({"qualitaet": "ABGELESEN"}, "qualitaet"),
    ):
        antwort = correct(5, **{"bezug_wh": 1550} | felder)
        assert antwort.status_code == 422
        assert feld in str(antwort.json["errors"])


def test_the_first_reading_after_an_exchange_moves_its_section(correct, engine, zaehler):
    """The electronics ended at 1900 Wh and began at 5 Wh; 7 was meant. Energy goes on from 1900 all the same."""
    abschnitte = begin_anew(1, (), VON + 9000, (1900, 0), (5, 0), VON)
    with create_session(engine) as session:
        speicher.lock(session, [zaehler])
        speicher.set_sections(session, zaehler, abschnitte, VON)
        session.commit()
    grenzen = Grenzen(0, VON + 9900, None, zaehlwerk=Zaehlwerk(1, abschnitte))
    deliver(engine, zaehler, reihe(VON + 9000, 5, [100]), VON + 9900, grenzen)
    assert correct(10, 7).status_code == 200
    with create_session(engine, lesen=True) as session:
        (abschnitt,) = speicher.sections(session, zaehler)
    assert (abschnitt.ab, abschnitt.bezug_versatz_wh) == (VON + 9000, 1893)


@pytest.fixture
def exchanged(engine, zaehler):
    """The electronics ended at 1900 Wh with reading 9; new ones showed 5 Wh at 10 and 105 Wh at 11."""
    abschnitte = begin_anew(1, (), VON + 9000, (1900, 0), (5, 0), VON)
    with create_session(engine) as session:
        speicher.lock(session, [zaehler])
        speicher.set_sections(session, zaehler, abschnitte, VON)
        session.commit()
    grenzen = Grenzen(0, VON + 9900, None, zaehlwerk=Zaehlwerk(1, abschnitte))
    deliver(engine, zaehler, reihe(VON + 9000, 5, [100]), VON + 9900, grenzen)


@pytest.fixture
def flowed(engine, zaehler):
    """The Wh of each stretch between two stored readings."""

    def flowed():
        with create_session(engine, lesen=True) as session:
            zaehlwerk = Zaehlwerk(1, speicher.sections(session, zaehler))
        energien = [zaehlwerk.energie(*wert[:3])[0] for wert in stored(engine, zaehler).values()]
        return [neu - alt for alt, neu in pairwise(energien)]

    return flowed


@pytest.mark.usefixtures("exchanged")
def test_the_last_register_before_an_exchange_is_what_the_energy_goes_on_from(correct, flowed, uhr):
    assert flowed() == [100] * 9 + [0, 100]
    for felder, erwartet in (
        ({"bezug_wh": 1950}, [100] * 8 + [150, 0, 100]),
        ({"bezug_wh": 1850}, [100] * 8 + [50, 0, 100]),
        ({"entfernen": True}, [100] * 8 + [0, 100]),
        ({"bezug_wh": 1920}, [100] * 8 + [120, 0, 100]),
    ):
        uhr.advance(timedelta(minutes=1))
        assert correct(9, **felder).status_code == 200
        assert flowed() == erwartet, felder
    # One that is not the last before it changes nothing but itself.
    assert correct(8, 1810).status_code == 200
    assert flowed() == [100] * 7 + [110, 110, 0, 100]


@pytest.mark.usefixtures("exchanged")
def test_substitutes_before_an_exchange_do_not_outlast_the_register_they_were_counted_from(
    correct, engine, zaehler, flowed
):
    assert correct(8, entfernen=True).status_code == 200
    assert correct(9, entfernen=True).status_code == 200
    with create_session(engine) as session:
        stand = speicher.lock(session, [zaehler])[zaehler]
        letzte = stored(engine, zaehler)[VON + 7 * 900]
        raten = {"qualitaet": Qualitaet.ERSATZWERT, "herkunft": Herkunft.ERSATZWERT}
        speicher.replace(session, stand, [letzte._replace(uhrzeit=VON + n * 900, **raten) for n in (8, 9)])
        session.commit()
    assert flowed() == [100] * 7 + [0, 0, 0, 100]
    assert correct(7, 1650).status_code == 200
    # Those of 1700 Wh are gone: they would have been followed by 50 Wh less.
    assert flowed() == [100] * 6 + [50, 0, 100]


@pytest.mark.usefixtures("exchanged")
def test_an_exchange_ends_with_its_last_reading(correct, engine, zaehler):
    antwort = correct(10, entfernen=True)
    assert (antwort.status_code, antwort.json["code"]) == (409, "zaehlwerk_passt_nicht")
    assert correct(11, entfernen=True).status_code == 200
    assert correct(10, entfernen=True).status_code == 200
    with create_session(engine, lesen=True) as session:
        assert speicher.sections(session, zaehler) == ()
    assert correct(10, 2000).status_code == 200


def test_an_exchange_that_was_none_ends_with_the_reading_it_began_with(correct, engine, zaehler, flowed):
    abschnitte = begin_anew(1, (), VON + 4500, (1400, 0), (1500, 0), VON)
    with create_session(engine) as session:
        speicher.lock(session, [zaehler])
        speicher.set_sections(session, zaehler, abschnitte, VON)
        session.commit()
    assert flowed() == [100] * 4 + [0] + [100] * 4
    assert correct(5, entfernen=True).status_code == 200
    assert flowed() == [100] * 4 + [200] + [100] * 3


@pytest.mark.parametrize("grund", [Abschnittsgrund.UEBERLAUF, Abschnittsgrund.FAKTOR])
def test_the_reading_with_which_a_section_began_is_not_taken_back(correct, engine, zaehler, grund):
    with create_session(engine) as session:
        speicher.lock(session, [zaehler])
        speicher.set_sections(session, zaehler, [Abschnitt(VON + 4500, grund, 1, 0, 0, VON)], VON)
        session.commit()
    antwort = correct(5, entfernen=True)
    if grund is Abschnittsgrund.UEBERLAUF:
        # What rolled over is found by the readings around it, whichever they are.
        assert antwort.status_code == 200
        return
    assert (antwort.status_code, antwort.json["code"]) == (409, "zaehlwerk_passt_nicht")
    assert "Korrigieren Sie ihren Stand" in antwort.json["detail"]
    assert registers(engine, zaehler)[5] == 1500


def test_an_exchange_that_was_none_is_undone_by_the_register_before_it(correct, engine, zaehler):
    """The reading of 9:15 was taken for the first of new electronics; all others are of the old count."""
    abschnitte = begin_anew(1, (), VON + 4500, (1400, 0), (1500, 0), VON)
    with create_session(engine) as session:
        speicher.lock(session, [zaehler])
        speicher.set_sections(session, zaehler, abschnitte, VON)
        session.commit()
    assert correct(5, 1400).status_code == 200
    with create_session(engine, lesen=True) as session:
        zaehlwerk = Zaehlwerk(1, speicher.sections(session, zaehler))
    assert zaehlwerk.energie(VON + 8100, 1900, 0) == (1900, 0)


def test_a_substitute_is_not_taken_back_however_often_it_was_formed(correct, engine, zaehler):
    with create_session(engine) as session:
        stand = speicher.lock(session, [zaehler])[zaehler]
        for bezug_wh in (1910, 1920):
            ersatz = stored(engine, zaehler)[VON + 9 * 900]._replace(
                uhrzeit=VON + 10 * 900,
                bezug_wh=bezug_wh,
                qualitaet=Qualitaet.ERSATZWERT,
                herkunft=Herkunft.ERSATZWERT,
            )
            speicher.replace(session, stand, [ersatz])
        session.commit()
    assert correct(10, entfernen=True).json["code"] == "ablesung_fehlt"


def test_a_substitute_gives_way_to_what_was_read(correct, engine, zaehler, uhr):
    with create_session(engine) as session:
        stand = speicher.lock(session, [zaehler])[zaehler]
        ersatz = stored(engine, zaehler)[VON + 9 * 900]._replace(
            uhrzeit=VON + 10 * 900, qualitaet=Qualitaet.ERSATZWERT, herkunft=Herkunft.ERSATZWERT
        )
        speicher.replace(session, stand, [ersatz])
        session.commit()
    assert correct(10, entfernen=True).json["code"] == "ablesung_fehlt"
    assert correct(10, 1950).json["wert"]["herkunft"] == "MANUELL"
    assert registers(engine, zaehler)[10] == 1950


def test_the_nth_statement_fails(correct, engine):
    assert fail_each_statement(engine, lambda: correct(5, 1550)) > 5
    assert fail_each_statement(engine, lambda: correct(5, entfernen=True)) > 5


def test_who_may(client, welt, als, zaehler):
    kunde_id = welt.kunde()
    welt.zuordnung(kunde_id, zaehler, instant(0))
    daten = {"messzeitpunkt": instant(5).isoformat(), "entfernen": True, "begruendung": "x"}
    frage = {"von": instant(0).isoformat(), "bis": instant(20).isoformat()}
    aendern = {None: 401, "sachbearbeitung": 200, "wartung": 200}
    lesen = aendern | {"buchhaltung": 200, "analyse": 200}
    for rolle, person in everybody(als, kunde_id):
        for pfad, gibt_es in ((f"/v1/stromzaehler/{zaehler}", 200), (ERFUNDEN, 404)):
            soll = aendern.get(rolle, 403)
            antwort = client.post(f"{pfad}/korrekturen", json=daten, als=person)
            assert antwort.status_code == (gibt_es if soll == 200 else soll), rolle
            soll = lesen.get(rolle, 403)
            antwort = client.get(f"{pfad}/wertaenderungen", query_string=frage, als=person)
            assert antwort.status_code == (gibt_es if soll == 200 else soll), rolle


def test_the_period_of_the_log(client, zaehler, clerk):
    frage = {"von": instant(5).isoformat(), "bis": instant(5).isoformat()}
    antwort = client.get(f"/v1/stromzaehler/{zaehler}/wertaenderungen", query_string=frage, als=clerk)
    assert (antwort.status_code, antwort.json["code"]) == (422, "zeitraum_ungueltig")

"""The routes of Störungen: lists, one, closing it, the fleet; as everybody."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from db.models import Audit, Einbau, Ereignis, Stromzaehler
from db.session import create_session
from tests.stoerungen.hilfen import utc

STD, TAG = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def funde(buehne, uhr):
    """A silent meter in Köln, one with a wrong clock in Bonn, one opened in Bonn; found at ten o'clock."""
    nummern = {
        "stumm": buehne.zaehler(postleitzahl="50667", zuletzt_empfangen=uhr.now() - TAG),
        "uhr": buehne.zaehler(postleitzahl="53111", uhr_abweichung_s=60, firmwareversion="3.60"),
        "auf": buehne.zaehler(postleitzahl="53113", manipuliert_zeitpunkt=uhr.now(), firmwareversion="3.60"),
    }
    buehne.zaehler(postleitzahl="50667")
    buehne.sweep()
    return nummern


def one(buehne, art):
    return next(zeile for zeile in buehne.rows() if zeile.art == art)


@pytest.mark.parametrize(
    ("frage", "erwartet"),
    [
        ("", ["auf", "uhr", "stumm"]),
        ("art=STUMM", ["stumm"]),
        ("stufe=AUFTRAG", ["auf"]),
        ("stufe=WARNUNG&art=STUMM", []),
        ("zustand=OFFEN", ["uhr", "stumm"]),
        ("zustand=BEHOBEN", ["auf"]),
        ("postleitzahl=53", ["auf", "uhr"]),
        ("postleitzahl=50667", ["stumm"]),
        ("seite=2&pro_seite=2", ["stumm"]),
    ],
)
def test_the_list(client, als, buehne, funde, frage, erwartet):
    auf = one(buehne, "MANIPULATION")
    person = als("wartung")
    zu = client.patch(f"/v1/stoerungen/{auf.stoerung_id}", als=person, version=1, json={"grund": "x"})
    assert zu.status_code == 200
    antwort = client.get(f"/v1/stoerungen?{frage}", als=person)
    namen = {nummer: name for name, nummer in funde.items()}
    assert [namen[zeile["stromzaehler_id"]] for zeile in antwort.json["eintraege"]] == erwartet


def test_of_one_meter(client, als, funde):
    antwort = client.get(f"/v1/stoerungen?stromzaehler_id={funde['uhr']}", als=als("admin"))
    assert [zeile["art"] for zeile in antwort.json["eintraege"]] == ["UHR"]


@pytest.mark.parametrize("frage", ["art=KAPUTT", "stufe=1", "zustand=ja", "postleitzahl=5066x", "offen=1"])
def test_questions_that_make_no_sense(client, als, frage):
    assert client.get(f"/v1/stoerungen?{frage}", als=als("wartung")).status_code == 422


def test_one_as_it_is_told(client, als, buehne, funde):
    zeile = one(buehne, "STUMM")
    antwort = client.get(f"/v1/stoerungen/{zeile.stoerung_id}", als=als("sachbearbeitung"))
    assert antwort.headers["ETag"] == '"1"'
    gesagt = antwort.json
    messstelle = gesagt.pop("messstelle")
    assert gesagt == {
        "stoerung_id": zeile.stoerung_id,
        "stromzaehler_id": funde["stumm"],
        "zaehlernummer": gesagt["zaehlernummer"],
        "art": "STUMM",
        "stufe": "ALARM",
        "ursache": "UNBEKANNT",
        "beschreibung": "Der Zähler meldet sich nicht."
        " Aus den letzten Lebenszeichen ist keine Ursache zu erkennen.",
        "beginn_zeitpunkt": "2026-06-14T10:00:00Z",
        "erkannt_zeitpunkt": "2026-06-15T10:00:00Z",
        "behoben_zeitpunkt": None,
        "behoben_durch": None,
        "grund": None,
        "daten": {
            "zuletzt_empfangen": "2026-06-14T10:00:00Z",
            "uhr_abweichung_s": None,
            "rsrp_dbm": None,
            "abgewiesen_anzahl": 0,
            "gemessen": 288,
        },
        "version": 1,
    }
    assert messstelle["postleitzahl"] == "50667"
    assert gesagt["zaehlernummer"].startswith("1EMH00")


def test_a_meter_that_hangs_nowhere_has_no_place(client, als, buehne, session, funde, uhr):
    session.execute(update(Einbau).where(Einbau.stromzaehler_id == funde["stumm"]).values(bis=uhr.now()))
    session.commit()
    antwort = client.get(f"/v1/stoerungen/{one(buehne, 'STUMM').stoerung_id}", als=als("wartung"))
    assert antwort.json["messstelle"] is None


def test_closing_needs_a_reason_and_the_version(client, als, buehne, engine, funde):
    zeile, person = one(buehne, "STUMM"), als("wartung")
    pfad = f"/v1/stoerungen/{zeile.stoerung_id}"
    grund = {"grund": "Haus steht leer, Strom ist abgestellt"}
    assert client.patch(pfad, als=person, json=grund).status_code == 428
    assert client.patch(pfad, als=person, version=7, json=grund).status_code == 412
    for falsch in ({}, {"grund": " "}, {"grund": "x", "stufe": "WARNUNG"}, {"grund": "x" * 501}):
        assert client.patch(pfad, als=person, version=1, json=falsch).status_code == 422
    antwort = client.patch(pfad, als=person, version=1, json=grund)
    assert (antwort.status_code, antwort.headers["ETag"]) == (200, '"2"')
    assert antwort.json["behoben_zeitpunkt"] == "2026-06-15T10:00:00Z"
    assert (antwort.json["behoben_durch"], antwort.json["grund"]) == ("benutzer:1", grund["grund"])
    noch_einmal = client.patch(pfad, als=person, version=2, json={"grund": "anders"})
    assert (noch_einmal.status_code, noch_einmal.json["code"]) == (409, "stoerung_behoben")
    # Of two who read the same version one wins.
    assert client.patch(pfad, als=person, version=1, json={"grund": "anders"}).status_code == 412
    with create_session(engine, lesen=True) as session:
        audit = session.scalars(select(Audit).where(Audit.objekt_art == "stoerung")).one()
        ereignis = session.scalars(select(Ereignis).where(Ereignis.art == "STOERUNG_BEHOBEN")).one()
    assert (audit.aktion, audit.objekt_id, audit.neu) == ("BEHOBEN", zeile.stoerung_id, grund)
    assert ereignis.objekt_id == funde["stumm"]


def test_there_is_no_such_one(client, als):
    assert client.get("/v1/stoerungen/999", als=als("wartung")).status_code == 404
    assert (
        client.patch("/v1/stoerungen/999", als=als("wartung"), version=1, json={"grund": "x"}).status_code == 404
    )


@pytest.mark.parametrize("rolle", ["kunde", "monteur", "tarif", "buchhaltung", "analyse"])
def test_who_may_not_look(client, als, welt, buehne, funde, rolle):
    person = als(rolle, kunde_id=welt.kunde() if rolle == "kunde" else None)
    for pfad in ("/v1/stoerungen", f"/v1/stoerungen/{one(buehne, 'UHR').stoerung_id}", "/v1/flotte"):
        assert client.get(pfad, als=person).status_code == 403


@pytest.mark.parametrize("rolle", ["sachbearbeitung", "admin"])
def test_who_may_look_but_not_close(client, als, buehne, funde, rolle):
    pfad = f"/v1/stoerungen/{one(buehne, 'UHR').stoerung_id}"
    assert client.get(pfad, als=als(rolle)).status_code == 200
    assert client.patch(pfad, als=als(rolle), version=1, json={"grund": "x"}).status_code == 403


def test_nobody(client):
    for pfad in ("/v1/stoerungen", "/v1/stoerungen/1", "/v1/flotte"):
        assert client.get(pfad).status_code == 401


def test_the_fleet(client, als, welt, session, buehne, funde):
    session.execute(
        update(Stromzaehler).where(Stromzaehler.stromzaehler_id == funde["uhr"]).values(kennzeichnung_jahr=2024)
    )
    session.commit()
    welt.stromzaehler(kennzeichnung_jahr=2026)
    welt.stromzaehler(zustand="VERSCHROTTET", kennzeichnung_jahr=2001)
    assert client.get("/v1/flotte", als=als("wartung")).json == {
        "gesamt": 4,
        "stumm": 1,
        "stumm_promille": 250,
        "zustaende": [
            {"zustand": "EINGEBAUT", "anzahl": 4},
            {"zustand": "LAGER", "anzahl": 1},
            {"zustand": "VERSCHROTTET", "anzahl": 1},
        ],
        "jahre": [
            {"kennzeichnung_jahr": 2024, "anzahl": 1},
            {"kennzeichnung_jahr": 2026, "anzahl": 1},
            {"kennzeichnung_jahr": None, "anzahl": 3},
        ],
        "postleitzahlen": [
            {"postleitzahl": "50", "anzahl": 2, "stumm": 1},
            {"postleitzahl": "53", "anzahl": 2, "stumm": 0},
        ],
        "firmware": [
            {"modell": "mME4.0", "firmwareversion": None, "anzahl": 2},
            {"modell": "mME4.0", "firmwareversion": "3.60", "anzahl": 2},
        ],
        "stoerungen": [
            {"art": "MANIPULATION", "stufe": "AUFTRAG", "anzahl": 1},
            {"art": "STUMM", "stufe": "ALARM", "anzahl": 1},
            {"art": "UHR", "stufe": "WARNUNG", "anzahl": 1},
        ],
    }


def test_the_fleet_by_more_digits(client, als, buehne, session, funde, uhr):
    session.execute(update(Einbau).where(Einbau.stromzaehler_id == funde["auf"]).values(bis=uhr.now()))
    session.commit()
    orte = client.get("/v1/flotte?stellen=5", als=als("admin")).json["postleitzahlen"]
    assert [(ort["postleitzahl"], ort["anzahl"]) for ort in orte] == [("50667", 2), ("53111", 1), (None, 1)]
    assert client.get("/v1/flotte?stellen=6", als=als("admin")).status_code == 422


def test_an_empty_fleet(client, als):
    flotte = client.get("/v1/flotte", als=als("wartung")).json
    assert (flotte["gesamt"], flotte["stumm_promille"], flotte["zustaende"]) == (0, 0, [])


def test_silent_is_what_nobody_has_explained(client, als, buehne, funde, uhr):
    zeile = one(buehne, "STUMM")
    client.patch(f"/v1/stoerungen/{zeile.stoerung_id}", als=als("wartung"), version=1, json={"grund": "Leerstand"})
    assert client.get("/v1/flotte", als=als("wartung")).json["stumm"] == 0
    assert one(buehne, "STUMM").behoben_zeitpunkt == utc("2026-06-15T10:00Z")

"""Metering points: who may read and change them, and what is refused."""

import pytest
from sqlalchemy import select

from db.models import Audit

NEU = {
    "malo_id": "41373559241",
    "melo_id": "DE0000011111222223333344444555556",
    "strasse": "Lindenallee",
    "hausnummer": "12",
    "hausnummerzusatz": "a",
    "postleitzahl": "50667",
    "stadtname": "Köln",
    "bundesland": "NW",
    "anschlussleistung_kw": "30.000",
    "zugangshinweis": "Schlüssel beim Hausmeister",
}


def test_staff_create_and_read(client, als):
    antwort = client.post("/v1/messstellen", json=NEU, als=als("sachbearbeitung"))
    assert (antwort.status_code, antwort.headers["ETag"]) == (201, '"1"')
    gelesen = client.get(f"/v1/messstellen/{antwort.json['messstelle_id']}", als=als("wartung"))
    assert (gelesen.status_code, gelesen.headers["ETag"]) == (200, '"1"')
    assert gelesen.json == {**NEU, "messstelle_id": antwort.json["messstelle_id"], "version": 1}


@pytest.mark.parametrize(
    ("rolle", "lesen", "anlegen", "aendern"),
    [
        ("kunde", 403, 403, 403),
        ("sachbearbeitung", 200, 201, 200),
        ("wartung", 200, 403, 200),
        ("monteur", 403, 403, 403),
        ("tarif", 403, 403, 403),
        ("buchhaltung", 403, 403, 403),
        ("analyse", 403, 403, 403),
        ("admin", 200, 403, 403),
    ],
)
def test_rights(client, als, welt, rolle, lesen, anlegen, aendern):
    person = als(rolle, kunde_id=welt.kunde() if rolle == "kunde" else None)
    pfad = f"/v1/messstellen/{welt.messstelle()}"
    assert client.get("/v1/messstellen", als=person).status_code == lesen
    assert client.get(pfad, als=person).status_code == lesen
    assert client.post("/v1/messstellen", json=NEU, als=person).status_code == anlegen
    assert client.patch(pfad, json={"stadtname": "Bonn"}, als=person, version=1).status_code == aendern


def test_nobody_is_asked_to_log_in(client, welt):
    pfad = f"/v1/messstellen/{welt.messstelle()}"
    antworten = [
        client.get("/v1/messstellen"),
        client.get(pfad),
        client.post("/v1/messstellen"),
        client.patch(pfad),
    ]
    assert {antwort.status_code for antwort in antworten} == {401}


def test_unknown_ids(client, als):
    person = als("sachbearbeitung")
    for pfad in ("/v1/messstellen/999999", "/v1/messstellen/0", "/v1/messstellen/99999999999999999999"):
        assert client.get(pfad, als=person).status_code == 404
    assert client.patch("/v1/messstellen/999999", json={}, als=person, version=1).status_code == 404


@pytest.mark.parametrize(("gleich", "code"), [("malo_id", "malo_id_vergeben"), ("melo_id", "melo_id_vergeben")])
def test_ids_are_unique(client, als, welt, gleich, code):
    welt.messstelle(**{gleich: NEU[gleich]})
    antwort = client.post("/v1/messstellen", json=NEU, als=als("sachbearbeitung"))
    assert (antwort.status_code, antwort.json["code"]) == (409, code)


def test_change_is_audited_and_needs_the_current_version(client, als, welt, session):
    messstelle_id = welt.messstelle(zugangshinweis=None)
    pfad, person = f"/v1/messstellen/{messstelle_id}", als("wartung")
    daten = {"zugangshinweis": "Hinterhof", "anschlussleistung_kw": "43.500"}
    assert client.patch(pfad, json=daten, als=person).status_code == 428
    erste = client.patch(pfad, json=daten, als=person, version=1)
    zweite = client.patch(pfad, json={"zugangshinweis": None}, als=person, version=1)
    assert (erste.status_code, erste.headers["ETag"], zweite.status_code) == (200, '"2"', 412)
    zeile = session.scalars(select(Audit).where(Audit.objekt_art == "messstelle")).one()
    assert zeile.objekt_id == messstelle_id
    assert zeile.alt == {"zugangshinweis": None, "anschlussleistung_kw": "30.000"}
    assert zeile.neu == daten


def test_list_is_paged_and_searched(client, als, welt):
    eins = welt.messstelle(postleitzahl="53111", strasse="Rheinweg", malo_id="41373559241")
    zwei = welt.messstelle(postleitzahl="50667", strasse="Ahornweg")
    person = als("admin")
    assert _ids(client.get("/v1/messstellen", als=person)) == [zwei, eins]
    assert _ids(client.get("/v1/messstellen?pro_seite=1&seite=2", als=person)) == [eins]
    assert _ids(client.get("/v1/messstellen?suche=413735", als=person)) == [eins]
    assert _ids(client.get("/v1/messstellen?suche=5066", als=person)) == [zwei]
    assert _ids(client.get("/v1/messstellen?suche=rhein", als=person)) == [eins]
    assert _ids(client.get("/v1/messstellen?suche=%25", als=person)) == []


def _ids(antwort):
    assert antwort.status_code == 200
    return [eintrag["messstelle_id"] for eintrag in antwort.json["eintraege"]]


@pytest.mark.parametrize(
    ("aenderung", "feld"),
    [
        ({"malo_id": 41373559241}, "malo_id"),
        ({"melo_id": None}, "melo_id"),
        ({"bundesland": "XX"}, "bundesland"),
        ({"bundesland": "nw"}, "bundesland"),
        ({"anschlussleistung_kw": 30}, "anschlussleistung_kw"),
        ({"anschlussleistung_kw": "NaN"}, "anschlussleistung_kw"),
        ({"anschlussleistung_kw": "0"}, "anschlussleistung_kw"),
        ({"anschlussleistung_kw": "-1"}, "anschlussleistung_kw"),
        ({"anschlussleistung_kw": "1.0001"}, "anschlussleistung_kw"),
        ({"anschlussleistung_kw": "1000000"}, "anschlussleistung_kw"),
        ({"zugangshinweis": "a\x00b"}, "zugangshinweis"),
        ({"zugangshinweis": "x" * 501}, "zugangshinweis"),
        ({"postleitzahl": "5066"}, "postleitzahl"),
        ({"messstelle_id": 1}, "messstelle_id"),
        ({"unbekannt": 1}, "unbekannt"),
    ],
)
def test_bad_values_name_their_field(client, als, aenderung, feld):
    antwort = client.post("/v1/messstellen", json={**NEU, **aenderung}, als=als("sachbearbeitung"))
    assert (antwort.status_code, antwort.json["code"]) == (422, "eingabe_ungueltig")
    assert set(antwort.json["errors"]["json"]) == {feld}


@pytest.mark.parametrize("feld", sorted(set(NEU) - {"hausnummerzusatz", "zugangshinweis"}))
def test_missing_fields_are_named(client, als, feld):
    daten = {name: wert for name, wert in NEU.items() if name != feld}
    antwort = client.post("/v1/messstellen", json=daten, als=als("sachbearbeitung"))
    assert (antwort.status_code, set(antwort.json["errors"]["json"])) == (422, {feld})


def test_a_wrong_check_digit_is_named(client, als):
    antwort = client.post("/v1/messstellen", json={**NEU, "malo_id": "12345678901"}, als=als("sachbearbeitung"))
    assert (antwort.status_code, antwort.json["code"]) == (422, "malo_id_ungueltig")
    assert set(antwort.json["errors"]) == {"malo_id"}


def test_the_ids_of_the_market_stay(client, als, welt):
    pfad = f"/v1/messstellen/{welt.messstelle()}"
    antwort = client.patch(pfad, json={"malo_id": "41373559241"}, als=als("sachbearbeitung"), version=1)
    assert (antwort.status_code, set(antwort.json["errors"]["json"])) == (422, {"malo_id"})

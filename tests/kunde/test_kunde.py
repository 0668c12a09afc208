"""Personal data: who may read and change what."""

import pytest
from sqlalchemy import select

from db.models import Audit

NEU = {
    "kundennummer": "K-900001",
    "art": "VERBRAUCHER",
    "name": "Erika Mustermann",
    "strasse": "Lindenallee",
    "hausnummer": "12",
    "postleitzahl": "50667",
    "stadtname": "Köln",
    "registriert_datum": "2026-06-01",
}


def test_staff_create_and_read(client, als):
    antwort = client.post("/v1/kunden", json=NEU, als=als("sachbearbeitung"))
    assert antwort.status_code == 201
    assert antwort.headers["ETag"] == '"1"'
    gelesen = client.get(f"/v1/kunden/{antwort.json['kunde_id']}", als=als("sachbearbeitung"))
    assert gelesen.json == antwort.json
    assert set(gelesen.json) == {
        "kunde_id", "kundennummer", "art", "name", "strasse", "hausnummer", "hausnummerzusatz", "postleitzahl",
        "stadtname", "e_mail", "telefon", "registriert_datum", "version",
    }  # fmt: skip


def test_customer_number_is_unique(client, als):
    client.post("/v1/kunden", json=NEU, als=als("sachbearbeitung"))
    antwort = client.post("/v1/kunden", json=NEU, als=als("sachbearbeitung"))
    assert (antwort.status_code, antwort.json["code"]) == (409, "kundennummer_vergeben")


def test_owner_reads_own_data_only(client, als, welt):
    ich, andere = welt.kunde(), welt.kunde()
    person = als("kunde", kunde_id=ich)
    assert client.get(f"/v1/kunden/{ich}", als=person).status_code == 200
    fremd = client.get(f"/v1/kunden/{andere}", als=person)
    nirgends = client.get("/v1/kunden/999999", als=person)
    assert fremd.status_code == nirgends.status_code == 404
    assert fremd.json == nirgends.json


@pytest.mark.parametrize("rolle", ["wartung", "monteur", "tarif", "analyse", "admin"])
def test_other_staff_may_not_read_personal_data(client, als, welt, rolle):
    assert client.get(f"/v1/kunden/{welt.kunde()}", als=als(rolle)).status_code == 403


def test_nobody_is_asked_to_log_in(client, welt):
    antwort = client.get(f"/v1/kunden/{welt.kunde()}")
    assert (antwort.status_code, antwort.json["code"]) == (401, "nicht_angemeldet")
    assert antwort.content_type == "application/problem+json"


def test_owner_changes_contact_data_and_it_is_audited(client, als, welt, session):
    ich = welt.kunde(e_mail="alt@example.org")
    person = als("kunde", kunde_id=ich)
    antwort = client.patch(f"/v1/kunden/{ich}", json={"e_mail": "neu@example.org"}, als=person, version=1)
    assert (antwort.status_code, antwort.headers["ETag"]) == (200, '"2"')
    zeile = session.scalars(select(Audit).where(Audit.objekt_art == "kunde")).one()
    assert (zeile.alt, zeile.neu) == ({"e_mail": "alt@example.org"}, {"e_mail": "neu@example.org"})
    assert zeile.akteur.startswith("benutzer:")


def test_owner_may_not_change_the_name(client, als, welt):
    ich = welt.kunde()
    antwort = client.patch(f"/v1/kunden/{ich}", json={"name": "Anders"}, als=als("kunde", kunde_id=ich), version=1)
    assert (antwort.status_code, antwort.json["code"]) == (403, "feld_nicht_erlaubt")


def test_change_needs_the_current_version(client, als, welt):
    kunde_id = welt.kunde()
    person = als("sachbearbeitung")
    assert client.patch(f"/v1/kunden/{kunde_id}", json={"telefon": "0221 1"}, als=person).status_code == 428
    erste = client.patch(f"/v1/kunden/{kunde_id}", json={"telefon": "0221 1"}, als=person, version=1)
    zweite = client.patch(f"/v1/kunden/{kunde_id}", json={"telefon": "0221 2"}, als=person, version=1)
    assert (erste.status_code, zweite.status_code, zweite.json["code"]) == (200, 412, "version_veraltet")


@pytest.mark.parametrize("wert", ["1", "*", 'W/"1"', '"1", "2"', '"-1"', '""'])
def test_an_if_match_that_is_no_version_is_told_from_a_stale_one(client, als, welt, wert):
    antwort = client.patch(
        f"/v1/kunden/{welt.kunde()}",
        als=als("sachbearbeitung"),
        headers={"If-Match": wert},
        json={"telefon": None},
    )
    assert (antwort.status_code, antwort.json["code"]) == (412, "version_veraltet")
    assert "Anführungszeichen" in antwort.json["detail"]


def test_a_change_to_the_same_values_writes_nothing(client, als, welt, session):
    kunde_id = welt.kunde(telefon="0221 1")
    antwort = client.patch(
        f"/v1/kunden/{kunde_id}", json={"telefon": "0221 1"}, als=als("sachbearbeitung"), version=1
    )
    assert antwort.headers["ETag"] == '"1"'
    assert session.scalars(select(Audit).where(Audit.objekt_art == "kunde")).all() == []


@pytest.mark.parametrize(
    ("aenderung", "feld"),
    [
        ({"kunde_id": 7}, "kunde_id"),
        ({"unbekannt": "x"}, "unbekannt"),
        ({"name": 17}, "name"),
        ({"name": None}, "name"),
        ({"name": ""}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"postleitzahl": "5066"}, "postleitzahl"),
        ({"art": "FIRMA"}, "art"),
        ({"e_mail": "keine Adresse"}, "e_mail"),
    ],
)
def test_bad_values_name_their_field(client, als, welt, aenderung, feld):
    person, pfad = als("sachbearbeitung"), f"/v1/kunden/{welt.kunde()}"
    antwort = client.patch(pfad, json=aenderung, als=person, version=1)
    assert (antwort.status_code, antwort.json["code"]) == (422, "eingabe_ungueltig")
    assert set(antwort.json["errors"]["json"]) == {feld}


def test_half_a_surrogate_pair_is_refused(client, als, welt):
    antwort = client.patch(
        f"/v1/kunden/{welt.kunde()}",
        data=b'{"name": "\\ud800"}',
        content_type="application/json",
        als=als("sachbearbeitung"),
        version=1,
    )
    assert (antwort.status_code, set(antwort.json["errors"]["json"])) == (422, {"name"})


def test_list_is_paged_and_searched(client, als, welt):
    for name in ("Ahorn", "Birke", "Buche"):
        welt.kunde(name=name)
    antwort = client.get("/v1/kunden?pro_seite=2&seite=2", als=als("sachbearbeitung"))
    assert [kunde["name"] for kunde in antwort.json["eintraege"]] == ["Buche"]
    assert antwort.json["gesamt"] == 3
    suche = client.get("/v1/kunden?suche=bu", als=als("sachbearbeitung"))
    assert [kunde["name"] for kunde in suche.json["eintraege"]] == ["Buche"]
    prozent = client.get("/v1/kunden?suche=%25", als=als("sachbearbeitung"))
    assert prozent.json["gesamt"] == 0


@pytest.mark.parametrize(
    "frage",
    ["siete=2", "seite=0", "seite=x", "seite=1&seite=2", "pro_seite=501", "seite=1.5"],
)
def test_bad_query_is_refused(client, als, frage):
    assert client.get(f"/v1/kunden?{frage}", als=als("sachbearbeitung")).status_code == 422

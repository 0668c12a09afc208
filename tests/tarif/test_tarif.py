"""Price sheets: who may read and add them, and what is refused."""

import pytest
from sqlalchemy import select

from db.models import Audit

NEU = {
    "bezeichnung": "Ökostrom 24",
    "produkt": "STROMLIEFERUNG",
    "grundpreis_eur_monat": "12.5000",
    "arbeitspreis_ct_kwh": "31.4200",
    "gueltig_von_datum": "2026-01-01",
    "gueltig_bis_datum": "2027-01-01",
}


def test_create_and_read(client, als, session):
    antwort = client.post("/v1/tarife", json=NEU, als=als("tarif"))
    assert (antwort.status_code, antwort.headers["ETag"]) == (201, '"1"')
    tarif_id = antwort.json["tarif_id"]
    gelesen = client.get(f"/v1/tarife/{tarif_id}", als=als("sachbearbeitung"))
    assert gelesen.json == {**NEU, "tarif_id": tarif_id, "version": 1}
    zeile = session.scalars(select(Audit).where(Audit.objekt_art == "tarif")).one()
    assert (zeile.aktion, zeile.objekt_id, zeile.alt, zeile.neu) == ("ANGELEGT", tarif_id, {}, NEU)


@pytest.mark.parametrize(
    ("rolle", "lesen", "anlegen"),
    [
        ("kunde", 403, 403),
        ("sachbearbeitung", 200, 403),
        ("wartung", 403, 403),
        ("monteur", 403, 403),
        ("tarif", 200, 201),
        ("buchhaltung", 200, 403),
        ("analyse", 200, 403),
        ("admin", 403, 403),
    ],
)
def test_rights(client, als, welt, rolle, lesen, anlegen):
    person = als(rolle, kunde_id=welt.kunde() if rolle == "kunde" else None)
    assert client.get("/v1/tarife", als=person).status_code == lesen
    assert client.get(f"/v1/tarife/{welt.tarif()}", als=person).status_code == lesen
    assert client.post("/v1/tarife", json=NEU, als=person).status_code == anlegen


def test_nobody_is_asked_to_log_in(client, welt):
    antworten = [client.get("/v1/tarife"), client.get(f"/v1/tarife/{welt.tarif()}"), client.post("/v1/tarife")]
    assert {antwort.status_code for antwort in antworten} == {401}


def test_unknown_id(client, als):
    assert client.get("/v1/tarife/999999", als=als("tarif")).status_code == 404


def test_list_is_paged_and_filtered(client, als, welt):
    b = welt.tarif(bezeichnung="B")
    a = welt.tarif(bezeichnung="A", produkt="MESSSTELLENBETRIEB")
    person = als("tarif")
    for frage, erwartet in (("", [a, b]), ("?seite=2&pro_seite=1", [b]), ("?produkt=MESSSTELLENBETRIEB", [a])):
        eintraege = client.get(f"/v1/tarife{frage}", als=person).json["eintraege"]
        assert [eintrag["tarif_id"] for eintrag in eintraege] == erwartet
    assert client.get("/v1/tarife?produkt=GAS", als=person).status_code == 422


def test_the_name_is_unique(client, als, welt):
    welt.tarif(bezeichnung=NEU["bezeichnung"])
    antwort = client.post("/v1/tarife", json=NEU, als=als("tarif"))
    assert (antwort.status_code, antwort.json["code"]) == (409, "bezeichnung_vergeben")


@pytest.mark.parametrize("bis", ["2026-01-01", "2025-12-31"])
def test_the_end_is_after_the_begin(client, als, bis):
    antwort = client.post("/v1/tarife", json={**NEU, "gueltig_bis_datum": bis}, als=als("tarif"))
    assert (antwort.status_code, antwort.json["code"]) == (422, "zeitraum_ungueltig")


@pytest.mark.parametrize(
    ("aenderung", "feld"),
    [
        ({"grundpreis_eur_monat": 12.5}, "grundpreis_eur_monat"),
        ({"grundpreis_eur_monat": "12.50001"}, "grundpreis_eur_monat"),
        ({"arbeitspreis_ct_kwh": "-0.0001"}, "arbeitspreis_ct_kwh"),
        ({"arbeitspreis_ct_kwh": "Infinity"}, "arbeitspreis_ct_kwh"),
        ({"arbeitspreis_ct_kwh": True}, "arbeitspreis_ct_kwh"),
        ({"gueltig_von_datum": "2026-02-30"}, "gueltig_von_datum"),
        ({"gueltig_von_datum": "01.01.2026"}, "gueltig_von_datum"),
        ({"gueltig_von_datum": "9999-12-31"}, "gueltig_von_datum"),
        ({"produkt": "GAS"}, "produkt"),
        ({"unbekannt": 1}, "unbekannt"),
    ],
)
def test_bad_values_name_their_field(client, als, aenderung, feld):
    antwort = client.post("/v1/tarife", json={**NEU, **aenderung}, als=als("tarif"))
    assert (antwort.status_code, set(antwort.json["errors"]["json"])) == (422, {feld})

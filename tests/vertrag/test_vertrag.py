"""Contracts: the owner reads, staff change, and what is refused."""

from datetime import date

import pytest
from sqlalchemy import select

from db.models import Audit
from tests.hilfen import recorded_statements


@pytest.fixture
def neu(welt):
    return {
        "vertragsnummer": "V-200001",
        "produkt": "STROMLIEFERUNG",
        "messstelle_id": welt.messstelle(malo_id="41373559241", strasse="Rheinweg", hausnummer="7"),
        "tarif_id": welt.tarif(bezeichnung="Ökostrom 24"),
        "beginn_datum": "2026-01-01",
        "kuendigungsfrist_wochen": 4,
    }


def test_a_customer_reads_the_own_contract_without_other_routes(client, als, welt, neu, session):
    ich = welt.kunde()
    angelegt = client.post(f"/v1/kunden/{ich}/vertraege", json=neu, als=als("sachbearbeitung"))
    assert (angelegt.status_code, angelegt.headers["ETag"]) == (201, '"1"')
    person, vertrag_id = als("kunde", kunde_id=ich), angelegt.json["vertrag_id"]
    gelesen = client.get(f"/v1/kunden/{ich}/vertraege/{vertrag_id}", als=person)
    assert gelesen.headers["ETag"] == '"1"'
    assert (
        gelesen.json
        == angelegt.json
        == {
            "vertrag_id": vertrag_id,
            "kunde_id": ich,
            "vertragsnummer": "V-200001",
            "produkt": "STROMLIEFERUNG",
            "zustand": "ANGELEGT",
            "beginn_datum": "2026-01-01",
            "ende_datum": None,
            "kuendigungsfrist_wochen": 4,
            "messstelle": {
                "messstelle_id": neu["messstelle_id"],
                "malo_id": "41373559241",
                "strasse": "Rheinweg",
                "hausnummer": "7",
                "hausnummerzusatz": None,
                "postleitzahl": "50667",
                "stadtname": "Köln",
            },
            "tarif": {"tarif_id": neu["tarif_id"], "bezeichnung": "Ökostrom 24"},
            "version": 1,
        }
    )
    assert client.get(f"/v1/kunden/{ich}/vertraege", als=person).json["eintraege"] == [gelesen.json]
    zeile = session.scalars(select(Audit).where(Audit.objekt_art == "vertrag")).one()
    assert (zeile.aktion, zeile.neu) == ("ANGELEGT", {**neu, "kunde_id": ich, "ende_datum": None})


def test_another_customer_and_another_path_get_the_404_of_what_does_not_exist(client, als, welt):
    ich, andere = welt.kunde(), welt.kunde()
    vertrag_id = welt.vertrag(ich, welt.messstelle(), welt.tarif())
    fremd, staff = als("kunde", kunde_id=andere), als("sachbearbeitung")
    antworten = [
        client.get(f"/v1/kunden/{ich}/vertraege", als=fremd),
        client.get(f"/v1/kunden/{ich}/vertraege/{vertrag_id}", als=fremd),
        client.get(f"/v1/kunden/{andere}/vertraege/{vertrag_id}", als=fremd),
        client.get("/v1/kunden/999999/vertraege", als=fremd),
        client.get("/v1/kunden/999999/vertraege", als=staff),
        client.get(f"/v1/kunden/{andere}/vertraege/{vertrag_id}", als=staff),
        client.patch(f"/v1/kunden/{andere}/vertraege/{vertrag_id}", json={}, als=staff, version=1),
        client.get(f"/v1/kunden/{ich}/vertraege/999999", als=staff),
    ]
    assert {antwort.status_code for antwort in antworten} == {404}
    assert all(antwort.json == antworten[0].json for antwort in antworten)


@pytest.mark.parametrize(
    ("rolle", "lesen", "schreiben"),
    [
        ("kunde", 200, 403),
        ("sachbearbeitung", 200, 200),
        ("wartung", 403, 403),
        ("monteur", 403, 403),
        ("tarif", 403, 403),
        ("buchhaltung", 200, 403),
        ("analyse", 403, 403),
        ("admin", 403, 403),
    ],
)
def test_rights(client, als, welt, neu, rolle, lesen, schreiben):
    kunde_id = welt.kunde()
    pfad = f"/v1/kunden/{kunde_id}/vertraege"
    einer = f"{pfad}/{welt.vertrag(kunde_id, neu['messstelle_id'], neu['tarif_id'])}"
    person = als(rolle, kunde_id=kunde_id if rolle == "kunde" else None)
    assert client.get(pfad, als=person).status_code == lesen
    assert client.get(einer, als=person).status_code == lesen
    assert client.post(pfad, json=neu, als=person).status_code == (201 if schreiben == 200 else schreiben)
    assert client.patch(einer, json={}, als=person, version=1).status_code == schreiben


def test_nobody_is_asked_to_log_in(client, welt):
    pfad = f"/v1/kunden/{welt.kunde()}/vertraege"
    antworten = [client.get(pfad), client.post(pfad), client.get(f"{pfad}/1"), client.patch(f"{pfad}/1")]
    assert {antwort.status_code for antwort in antworten} == {401}


@pytest.mark.parametrize(
    ("aenderung", "code", "feld"),
    [
        ({"messstelle_id": 999999}, "messstelle_unbekannt", "messstelle_id"),
        ({"tarif_id": 999999}, "tarif_unbekannt", "tarif_id"),
        ({"produkt": "MESSSTELLENBETRIEB"}, "tarif_passt_nicht", "tarif_id"),
        ({"ende_datum": "2026-01-01"}, "zeitraum_ungueltig", "ende_datum"),
        ({"ende_datum": "2025-12-31"}, "zeitraum_ungueltig", "ende_datum"),
    ],
)
def test_what_does_not_go_together(client, als, welt, neu, aenderung, code, feld):
    pfad = f"/v1/kunden/{welt.kunde()}/vertraege"
    antwort = client.post(pfad, json={**neu, **aenderung}, als=als("sachbearbeitung"))
    assert (antwort.status_code, antwort.json["code"], set(antwort.json["errors"])) == (422, code, {feld})


@pytest.mark.parametrize(
    ("aenderung", "feld"),
    [
        ({"kuendigungsfrist_wochen": 1.9}, "kuendigungsfrist_wochen"),
        ({"kuendigungsfrist_wochen": True}, "kuendigungsfrist_wochen"),
        ({"kuendigungsfrist_wochen": -1}, "kuendigungsfrist_wochen"),
        ({"messstelle_id": "1"}, "messstelle_id"),
        ({"messstelle_id": 0}, "messstelle_id"),
        ({"tarif_id": 2**63}, "tarif_id"),
        ({"beginn_datum": "2026-01-01T00:00:00Z"}, "beginn_datum"),
        ({"beginn_datum": None}, "beginn_datum"),
        ({"vertragsnummer": "v 1"}, "vertragsnummer"),
        ({"zustand": "AKTIV"}, "zustand"),
        ({"kunde_id": 1}, "kunde_id"),
    ],
)
def test_bad_values_name_their_field(client, als, welt, neu, aenderung, feld):
    pfad = f"/v1/kunden/{welt.kunde()}/vertraege"
    antwort = client.post(pfad, json={**neu, **aenderung}, als=als("sachbearbeitung"))
    assert (antwort.status_code, set(antwort.json["errors"]["json"])) == (422, {feld})


def test_the_number_is_unique(client, als, welt, neu):
    ich = welt.kunde()
    welt.vertrag(ich, neu["messstelle_id"], neu["tarif_id"], vertragsnummer=neu["vertragsnummer"])
    antwort = client.post(f"/v1/kunden/{ich}/vertraege", json=neu, als=als("sachbearbeitung"))
    assert (antwort.status_code, antwort.json["code"]) == (409, "vertragsnummer_vergeben")


def test_a_contract_of_an_unknown_customer(client, als, neu):
    assert client.post("/v1/kunden/999999/vertraege", json=neu, als=als("sachbearbeitung")).status_code == 404


def test_change_is_audited_and_needs_the_current_version(client, als, welt, session):
    ich = welt.kunde()
    alt, neu = welt.tarif(bezeichnung="Alt"), welt.tarif(bezeichnung="Neu")
    vertrag_id = welt.vertrag(ich, welt.messstelle(), alt)
    pfad, person = f"/v1/kunden/{ich}/vertraege/{vertrag_id}", als("sachbearbeitung")
    daten = {"tarif_id": neu, "zustand": "GEKUENDIGT", "ende_datum": "2026-09-01"}
    assert client.patch(pfad, json=daten, als=person).status_code == 428
    erste = client.patch(pfad, json=daten, als=person, version=1)
    zweite = client.patch(pfad, json={"kuendigungsfrist_wochen": 2}, als=person, version=1)
    assert (erste.status_code, erste.headers["ETag"], zweite.status_code) == (200, '"2"', 412)
    assert erste.json["tarif"] == {"tarif_id": neu, "bezeichnung": "Neu"}
    assert client.get(pfad, als=person).json == erste.json
    zeile = session.scalars(select(Audit).where(Audit.objekt_art == "vertrag")).one()
    assert (zeile.objekt_id, zeile.alt) == (vertrag_id, {"tarif_id": alt, "zustand": "AKTIV", "ende_datum": None})
    assert zeile.neu == daten


def test_number_product_and_place_stay(client, als, welt):
    ich = welt.kunde()
    pfad = f"/v1/kunden/{ich}/vertraege/{welt.vertrag(ich, welt.messstelle(), welt.tarif())}"
    daten = {"vertragsnummer": "V-1000", "produkt": "MESSSTELLENBETRIEB", "messstelle_id": 1}
    antwort = client.patch(pfad, json=daten, als=als("sachbearbeitung"), version=1)
    assert (antwort.status_code, set(antwort.json["errors"]["json"])) == (422, set(daten))


@pytest.mark.parametrize(
    ("alt", "daten", "status", "code"),
    [
        ("ANGELEGT", {"zustand": "AKTIV"}, 200, None),
        ("ANGELEGT", {"zustand": "GEKUENDIGT", "ende_datum": "2026-09-01"}, 409, "zustand_nicht_erlaubt"),
        ("ANGELEGT", {"zustand": "BEENDET", "ende_datum": "2026-01-02"}, 200, None),
        ("ANGELEGT", {"beginn_datum": "2026-02-01"}, 200, None),
        ("AKTIV", {"beginn_datum": "2026-02-01"}, 409, "vertrag_laeuft"),
        ("AKTIV", {"zustand": "ANGELEGT"}, 409, "zustand_nicht_erlaubt"),
        ("AKTIV", {"zustand": "GEKUENDIGT"}, 422, "ende_fehlt"),
        ("AKTIV", {"zustand": "BEENDET", "ende_datum": "2026-07-01"}, 200, None),
        ("AKTIV", {"ende_datum": "2025-12-31"}, 422, "zeitraum_ungueltig"),
        ("GEKUENDIGT", {"zustand": "AKTIV", "ende_datum": None}, 200, None),
        ("GEKUENDIGT", {"ende_datum": None}, 422, "ende_fehlt"),
        ("GEKUENDIGT", {"zustand": "BEENDET"}, 200, None),
        ("BEENDET", {"zustand": "AKTIV"}, 409, "vertrag_beendet"),
        ("BEENDET", {"kuendigungsfrist_wochen": 1}, 409, "vertrag_beendet"),
    ],
)
def test_states(client, als, welt, alt, daten, status, code):
    ich = welt.kunde()
    ende = date(2026, 8, 1) if alt in ("GEKUENDIGT", "BEENDET") else None
    vertrag_id = welt.vertrag(ich, welt.messstelle(), welt.tarif(), zustand=alt, ende_datum=ende)
    pfad = f"/v1/kunden/{ich}/vertraege/{vertrag_id}"
    antwort = client.patch(pfad, json=daten, als=als("sachbearbeitung"), version=1)
    assert (antwort.status_code, antwort.json.get("code")) == (status, code)


def test_a_refused_state_comes_with_those_that_are_allowed(client, als, welt):
    ich = welt.kunde()
    pfad = f"/v1/kunden/{ich}/vertraege/{welt.vertrag(ich, welt.messstelle(), welt.tarif(), zustand='AKTIV')}"
    antwort = client.patch(pfad, json={"zustand": "ANGELEGT"}, als=als("sachbearbeitung"), version=1)
    assert (antwort.status_code, antwort.json["erlaubt"]) == (409, ["BEENDET", "GEKUENDIGT"])
    assert "Möglich sind: BEENDET, GEKUENDIGT." in antwort.json["detail"]


def test_list_is_paged_and_asks_the_same_number_of_times_for_any_number(client, als, welt, app):
    ich, messstelle_id = welt.kunde(), welt.messstelle()
    tage = [date(2024, 1, 1), date(2026, 1, 1), date(2025, 1, 1)]
    a, b, c = [welt.vertrag(ich, messstelle_id, welt.tarif(), beginn_datum=tag) for tag in tage]
    person, pfad = als("kunde", kunde_id=ich), f"/v1/kunden/{ich}/vertraege"
    with recorded_statements(app.extensions["msb_engine"]) as drei:
        antwort = client.get(pfad, als=person)
    with recorded_statements(app.extensions["msb_engine"]) as einer:
        letzter = client.get(f"{pfad}?pro_seite=1&seite=3", als=person)
    assert [vertrag["vertrag_id"] for vertrag in antwort.json["eintraege"]] == [b, c, a]
    assert [vertrag["vertrag_id"] for vertrag in letzter.json["eintraege"]] == [a]
    assert len(drei) == len(einer)

"""Who may do what with work orders: everybody, and two fitters."""

import pytest

from betreiber.auth.domain import Rolle

WARTUNG = {"wartung"}
LESEN = {"wartung", "sachbearbeitung"}


@pytest.fixture
def auftrag(anlegen, planen):
    return planen(anlegen())


@pytest.mark.parametrize("rolle", [rolle.value for rolle in Rolle if rolle is not Rolle.MONTEUR])
def test_each_role(client, als, lage, auftrag, rolle):
    person = als(rolle, kunde_id=lage.kunde_id if rolle == "kunde" else None)
    neu = {"art": "AUSBAU", "messstelle_id": lage.messstelle_id, "anlass": "x"}
    zeitraum = "von=2026-06-01&bis=2026-07-01"
    plan = {"von": "2026-06-16", "bis": "2026-06-17", "monteure": [lage.monteur_id]}
    antworten = {
        "liste": client.get("/v1/auftraege", als=person).status_code,
        "einer": client.get(auftrag, als=person).status_code,
        "tour": client.get("/v1/touren?datum=2026-06-16", als=person).status_code,
        "zahlen": client.get(f"/v1/auftragskennzahlen?{zeitraum}", als=person).status_code,
        "vorschlag": client.post("/v1/tourenvorschlaege", json=plan, als=person).status_code,
        "neu": client.post("/v1/auftraege", json=neu, als=person).status_code,
        "nachweis": client.post(
            f"{auftrag}/nachweise", json={"art": "NOTIZ", "notiz": "x"}, als=person
        ).status_code,
        "aendern": client.patch(auftrag, json={"zustand": "UNTERWEGS"}, als=person, version=2).status_code,
        "besuch": client.post(
            f"{auftrag}/besuche", json={"grund": "x", "ersatztermin_datum": "2026-06-17"}, als=person, version=3
        ).status_code,
        "erledigung": client.post(f"{auftrag}/erledigung", als=person, version=4).status_code,
    }
    darf = {name for name, status in antworten.items() if status in (200, 201)}
    erwartet = set(antworten) if rolle == "wartung" else set()
    if rolle == "sachbearbeitung":
        erwartet = {"liste", "einer"}
    assert darf == erwartet
    assert {antworten[name] for name in antworten if name not in erwartet} <= {403}


def test_nobody(client, auftrag):
    assert client.get(auftrag).status_code == 401
    assert client.get("/v1/auftraege").status_code == 401
    assert client.post(f"{auftrag}/erledigung").status_code == 401


def test_another_fitter_learns_nothing(client, lage, auftrag, welt):
    anderer = client.login(welt.benutzer("monteur"))
    besuch = {"grund": "x"}
    antworten = [
        client.get(auftrag, als=anderer),
        client.patch(auftrag, json={"zustand": "UNTERWEGS"}, als=anderer, version=2),
        client.post(f"{auftrag}/besuche", json=besuch, als=anderer, version=2),
        client.post(f"{auftrag}/nachweise", json={"art": "NOTIZ", "notiz": "x"}, als=anderer),
        client.post(f"{auftrag}/erledigung", als=anderer, version=2),
    ]
    gibt_es_nicht = client.get("/v1/auftraege/999999", als=anderer)
    assert {antwort.status_code for antwort in antworten} == {404}
    assert {antwort.text for antwort in antworten} == {gibt_es_nicht.text}
    # Asking for somebody else's orders by name gives one's own.
    for frage in ("/v1/auftraege", f"/v1/auftraege?monteur={lage.monteur_id}"):
        assert client.get(frage, als=anderer).json["gesamt"] == 0
        assert client.get(frage, als=lage.monteur).json["gesamt"] == 1
    for frage in ("", f"&monteur={lage.monteur_id}"):
        assert client.get(f"/v1/touren?datum=2026-06-16{frage}", als=anderer).json == []
    assert client.get(auftrag, als=lage.planer).json["version"] == 2


def test_a_fitter_does_not_plan(client, lage, auftrag):
    for daten in ({"termin_datum": "2026-06-20"}, {"zustand": "OFFEN"}, {"zustand": "STORNIERT", "grund": "x"}):
        antwort = client.patch(auftrag, json=daten, als=lage.monteur, version=2)
        assert (antwort.status_code, antwort.json["code"]) == (403, "feld_nicht_erlaubt")
    assert client.post("/v1/auftraege", json={}, als=lage.monteur).status_code == 403
    assert client.get("/v1/auftragskennzahlen", als=lage.monteur).status_code == 403


def test_a_planner_does_all_that_a_fitter_does(client, lage, auftrag):
    assert client.patch(auftrag, json={"zustand": "UNTERWEGS"}, als=lage.planer, version=2).status_code == 200
    assert client.post(f"{auftrag}/erledigung", als=lage.planer, version=3).status_code == 200

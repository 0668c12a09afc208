"""Maintenance: the planners' list, and the dates of one meter."""

from datetime import UTC, date, datetime

import pytest
from sqlalchemy import select

from db.models import Audit, Wartung
from tests.hilfen import recorded_statements

JAN, MAI = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture
def plan(welt):
    """Four meters: due in July in Köln, due in June in Bonn, undated in Bonn, due in May in the warehouse."""
    koeln = welt.messstelle(postleitzahl="50667", malo_id="41373559241")
    bonn, bonn_2 = welt.messstelle(postleitzahl="53111"), welt.messstelle(postleitzahl="53113")
    plan = {}
    for name, faellig, anlass, eichfrist, antrag, orte in (
        ("koeln", date(2026, 7, 1), "MANUELL", date(2025, 12, 31), None, [(bonn, JAN, MAI), (koeln, MAI, None)]),
        ("bonn", date(2026, 6, 30), "EICHFRIST", date(2026, 6, 30), date(2026, 4, 21), [(bonn, MAI, None)]),
        ("undatiert", None, None, None, None, [(bonn_2, MAI, None)]),
        ("lager", date(2026, 5, 1), "EICHFRIST", date(2026, 5, 1), date(2026, 2, 20), []),
    ):
        modell = "mME5.0" if name == "koeln" else "mME4.0"
        plan[name] = welt.stromzaehler(zustand="EINGEBAUT" if orte else "LAGER", modell=modell)
        welt.wartung(
            plan[name],
            naechste_wartung_datum=faellig,
            anlass=anlass,
            eichfrist_ende_datum=eichfrist,
            antragsfrist_datum=date(2025, 10, 22) if name == "koeln" else antrag,
            antragswarnung_datum=antrag,
        )
        for messstelle_id, von, bis in orte:
            welt.einbau(plan[name], messstelle_id, von, bis)
    welt.wartung(welt.stromzaehler(zustand="VERSCHROTTET"), naechste_wartung_datum=date(2026, 1, 1))
    welt.stromzaehler()  # without any entry
    return plan


@pytest.mark.parametrize(
    ("frage", "erwartet"),
    [
        ("", ["lager", "bonn", "koeln", "undatiert"]),
        ("sortierung=faellig", ["lager", "bonn", "koeln", "undatiert"]),
        ("sortierung=postleitzahl", ["koeln", "bonn", "undatiert", "lager"]),
        ("faellig_bis=2026-06-29", ["lager"]),
        ("faellig_bis=2026-06-30", ["lager", "bonn"]),
        ("faellig_bis=2199-12-31", ["lager", "bonn", "koeln"]),
        ("postleitzahl=53", ["bonn", "undatiert"]),
        ("postleitzahl=50667", ["koeln"]),
        ("postleitzahl=53&faellig_bis=2026-12-31", ["bonn"]),
        ("postleitzahl=5&sortierung=postleitzahl&faellig_bis=2026-12-31", ["koeln", "bonn"]),
        ("postleitzahl=1", []),
        ("anlass=EICHFRIST", ["lager", "bonn"]),
        ("anlass=MANUELL", ["koeln"]),
        ("anlass=NUTZUNGSDAUER", []),
        # It is 15 June 2026; the Eichfrist of the one in Köln is over, though its date by hand is not.
        ("ueberfaellig=true", ["lager", "koeln"]),
        ("ueberfaellig=true&anlass=EICHFRIST", ["lager"]),
        ("ueberfaellig=false", ["lager", "bonn", "koeln", "undatiert"]),
        # Of the one in Köln the application is in: it has no day on which to warn.
        ("antrag_bis=2026-04-20", ["lager"]),
        ("antrag_bis=2026-04-21", ["lager", "bonn"]),
        ("antrag_bis=2026-04-21&eingebaut=true", ["bonn"]),
        ("eingebaut=true", ["bonn", "koeln", "undatiert"]),
        ("eingebaut=true&ueberfaellig=true", ["koeln"]),
        ("modell=mME5.0", ["koeln"]),
        ("modell=mME5", []),
    ],
)
def test_the_list_of_planners(client, als, plan, frage, erwartet):
    antwort = client.get(f"/v1/wartungen?{frage}", als=als("wartung"))
    namen = {stromzaehler_id: name for name, stromzaehler_id in plan.items()}
    assert [namen[zeile["stromzaehler_id"]] for zeile in antwort.json["eintraege"]] == erwartet
    assert antwort.json["gesamt"] == len(erwartet)


def test_an_entry_tells_meter_place_and_date(client, als, welt):
    stromzaehler_id = welt.stromzaehler(zaehlernummer="1EMH0012345678", zustand="EINGEBAUT")
    messstelle_id = welt.messstelle(malo_id="41373559241", hausnummer="7")
    welt.einbau(stromzaehler_id, messstelle_id, JAN)
    welt.wartung(stromzaehler_id, einbau_datum=date(2026, 1, 1), naechste_wartung_datum=date(2034, 10, 20))
    antwort = client.get("/v1/wartungen", als=als("wartung"))
    assert antwort.json == {
        "eintraege": [
            {
                "stromzaehler_id": stromzaehler_id,
                "zaehlernummer": "1EMH0012345678",
                "zustand": "EINGEBAUT",
                "einbau_datum": "2026-01-01",
                "letzte_manuelle_ablesung_datum": None,
                "letzte_eichung_datum": None,
                "naechste_wartung_datum": "2034-10-20",
                "anlass": None,
                "eichfrist_ende_datum": None,
                "antragsfrist_datum": None,
                "antragswarnung_datum": None,
                "version": 1,
                "messstelle": {
                    "messstelle_id": messstelle_id,
                    "malo_id": "41373559241",
                    "strasse": "Lindenallee",
                    "hausnummer": "7",
                    "hausnummerzusatz": None,
                    "postleitzahl": "50667",
                    "stadtname": "Köln",
                },
            }
        ],
        "seite": 1,
        "pro_seite": 50,
        "gesamt": 1,
    }


def test_by_street_house_numbers_count_as_numbers(client, als, welt):
    erwartet = []
    for strasse, nummer, zusatz in (
        ("Ahornweg", "12", None),
        ("Lindenallee", "9", None),
        ("Lindenallee", "10", None),
        ("Lindenallee", "10", "a"),
        ("Lindenallee", "100", None),
    ):
        ort = welt.messstelle(strasse=strasse, hausnummer=nummer, hausnummerzusatz=zusatz)
        erwartet.append((welt.stromzaehler(zustand="EINGEBAUT"), ort))
    # The later they come on the street, the earlier they are due.
    for tag, (stromzaehler_id, ort) in enumerate(reversed(erwartet), start=1):
        welt.einbau(stromzaehler_id, ort, JAN)
        welt.wartung(stromzaehler_id, naechste_wartung_datum=date(2026, 7, tag))
    antwort = client.get("/v1/wartungen?sortierung=strasse", als=als("wartung"))
    assert [zeile["stromzaehler_id"] for zeile in antwort.json["eintraege"]] == [nummer for nummer, _ in erwartet]


def test_the_list_is_paged_and_asks_the_same_number_of_times_for_any_number(client, als, plan, app):
    person = als("wartung")
    with recorded_statements(app.extensions["msb_engine"]) as vier:
        client.get("/v1/wartungen", als=person)
    with recorded_statements(app.extensions["msb_engine"]) as einer:
        seite = client.get("/v1/wartungen?pro_seite=1&seite=2", als=person)
    assert [zeile["stromzaehler_id"] for zeile in seite.json["eintraege"]] == [plan["bonn"]]
    assert (seite.json["gesamt"], len(vier)) == (4, len(einer))


@pytest.mark.parametrize(
    "frage",
    [
        "sortierung=name",
        "sortierung=",
        "anlass=eichfrist",
        "ueberfaellig=1",
        "eingebaut=ja",
        "antrag_bis=2026-02-30",
        "modell=",
        "faellig_bis=2026-06-31",
        "faellig_bis=2026-06-30T00:00:00Z",
        "faellig=2026-06-30",
        "postleitzahl=",
        "postleitzahl=506677",
        "postleitzahl=5a",
        "postleitzahl=5&postleitzahl=6",
        "seite=0",
    ],
)
def test_bad_query_is_refused(client, als, frage):
    antwort = client.get(f"/v1/wartungen?{frage}", als=als("wartung"))
    assert (antwort.status_code, antwort.json["code"]) == (422, "eingabe_ungueltig")


@pytest.mark.parametrize(
    ("rolle", "liste", "lesen", "aendern"),
    [
        ("kunde", 403, 403, 403),
        ("sachbearbeitung", 403, 200, 403),
        ("wartung", 200, 200, 200),
        ("monteur", 403, 403, 403),
        ("tarif", 403, 403, 403),
        ("buchhaltung", 403, 403, 403),
        ("analyse", 403, 403, 403),
        ("admin", 403, 403, 403),
    ],
)
def test_rights(client, als, welt, rolle, liste, lesen, aendern):
    kunde_id, stromzaehler_id = welt.kunde(), welt.stromzaehler()
    welt.zuordnung(kunde_id, stromzaehler_id, JAN)
    person = als(rolle, kunde_id=kunde_id if rolle == "kunde" else None)
    pfad = f"/v1/stromzaehler/{stromzaehler_id}/wartung"
    assert client.get("/v1/wartungen", als=person).status_code == liste
    assert client.get(pfad, als=person).status_code == lesen
    assert client.patch(pfad, json={}, als=person, version=0).status_code == aendern


def test_nobody_is_asked_to_log_in(client, welt):
    pfad = f"/v1/stromzaehler/{welt.stromzaehler()}/wartung"
    antworten = [client.get("/v1/wartungen"), client.get(pfad), client.patch(pfad)]
    assert {antwort.status_code for antwort in antworten} == {401}


def test_a_meter_without_an_entry_gets_its_first(client, als, welt, session):
    stromzaehler_id = welt.stromzaehler()
    pfad, person = f"/v1/stromzaehler/{stromzaehler_id}/wartung", als("wartung")
    leer = client.get(pfad, als=person)
    assert (leer.status_code, leer.headers["ETag"]) == (200, '"0"')
    assert leer.json == {
        "stromzaehler_id": stromzaehler_id,
        "einbau_datum": None,
        "letzte_manuelle_ablesung_datum": None,
        "letzte_eichung_datum": None,
        "naechste_wartung_datum": None,
        "anlass": None,
        "eichfrist_ende_datum": None,
        "antragsfrist_datum": None,
        "antragswarnung_datum": None,
        "begruendung": [
            "Die Eichfrist ist unbekannt: Tragen Sie das Kennzeichnungsjahr oder die letzte Eichung ein.",
            "Es ist kein Termin bekannt.",
        ],
        "version": 0,
    }
    assert session.scalars(select(Wartung)).all() == []
    session.rollback()
    antwort = client.patch(pfad, json={"letzte_eichung_datum": "2026-01-02"}, als=person, version=0)
    assert (antwort.status_code, antwort.headers["ETag"]) == (200, '"1"')
    nachher = client.get(pfad, als=person).json
    assert nachher == antwort.json
    # Electronic, verified in 2026: eight years, to the end of the calendar year.
    assert (nachher["letzte_eichung_datum"], nachher["eichfrist_ende_datum"]) == ("2026-01-02", "2034-12-31")
    assert (nachher["naechste_wartung_datum"], nachher["anlass"]) == ("2034-12-31", "EICHFRIST")
    assert client.patch(pfad, json={"letzte_eichung_datum": None}, als=person, version=0).status_code == 412


def test_change_is_audited_and_needs_the_current_version(client, als, welt, session):
    stromzaehler_id = welt.stromzaehler()
    welt.wartung(stromzaehler_id, naechste_wartung_datum=date(2026, 7, 1), anlass="EICHFRIST")
    pfad, person = f"/v1/stromzaehler/{stromzaehler_id}/wartung", als("wartung")
    daten = {"naechste_wartung_datum": "2034-10-20", "letzte_manuelle_ablesung_datum": "2026-06-15"}
    assert client.patch(pfad, json=daten, als=person).status_code == 428
    erste = client.patch(pfad, json=daten, als=person, version=1)
    zweite = client.patch(pfad, json={"naechste_wartung_datum": None}, als=person, version=1)
    assert (erste.status_code, erste.headers["ETag"], zweite.status_code) == (200, '"2"', 412)
    zeile = session.scalars(select(Audit).where(Audit.objekt_art == "wartung")).one()
    assert zeile.objekt_id == stromzaehler_id
    assert zeile.neu == {**daten, "vorgabe_datum": "2034-10-20", "anlass": "MANUELL"}
    assert zeile.alt == {
        "naechste_wartung_datum": "2026-07-01",
        "anlass": "EICHFRIST",
        "vorgabe_datum": None,
        "letzte_manuelle_ablesung_datum": None,
    }


def test_unknown_meter(client, als):
    pfad, person = "/v1/stromzaehler/999999/wartung", als("wartung")
    assert client.get(pfad, als=person).status_code == 404
    assert client.patch(pfad, json={}, als=person, version=0).status_code == 404


@pytest.mark.parametrize("feld", ["letzte_manuelle_ablesung_datum", "letzte_eichung_datum"])
def test_what_was_done_is_not_in_the_future(client, als, welt, feld):
    pfad = f"/v1/stromzaehler/{welt.stromzaehler()}/wartung"
    antwort = client.patch(pfad, json={feld: "2026-06-16"}, als=als("wartung"), version=0)
    assert (antwort.status_code, antwort.json["code"]) == (422, "datum_in_zukunft")
    assert set(antwort.json["errors"]) == {feld}


@pytest.mark.parametrize(
    ("aenderung", "feld"),
    [
        ({"einbau_datum": "2026-01-01"}, "einbau_datum"),
        ({"naechste_wartung_datum": "20.10.2034"}, "naechste_wartung_datum"),
        ({"naechste_wartung_datum": 20341020}, "naechste_wartung_datum"),
        ({"naechste_wartung_datum": "9999-12-31"}, "naechste_wartung_datum"),
        ({"letzte_eichung_datum": True}, "letzte_eichung_datum"),
        ({"unbekannt": None}, "unbekannt"),
    ],
)
def test_bad_values_name_their_field(client, als, welt, aenderung, feld):
    pfad = f"/v1/stromzaehler/{welt.stromzaehler()}/wartung"
    antwort = client.patch(pfad, json=aenderung, als=als("wartung"), version=0)
    assert (antwort.status_code, set(antwort.json["errors"]["json"])) == (422, {feld})

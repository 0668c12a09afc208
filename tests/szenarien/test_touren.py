"""Tours over holiday weeks as a planner can read them: one order a line of touren.csv, planned through the API.

Expected days by hand, from a calendar on paper: each order gets the first working day of its place on which Anna,
or else Bernd, has room; where room is short, a WECHSEL or a REPARATUR by its urgency.
"""

import csv
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from pathlib import Path

import pytest
from sqlalchemy import select

from db.models import Benutzer

ZEILEN = list(csv.DictReader(Path(__file__).with_name("touren.csv").read_text(encoding="utf-8").splitlines()))
FAELLE = [(fall, list(zeilen)) for fall, zeilen in groupby(ZEILEN, key=lambda zeile: zeile["fall"])]


def iso(text):
    """31.12.2034 -> 2034-12-31."""
    return "-".join(reversed(text.split("."))) or None


@pytest.fixture
def leute(welt, session):
    """The numbers of two fitters by their names."""
    logins = {name: welt.benutzer("monteur") for name in ("Anna", "Bernd")}
    nummern = {
        name: session.scalar(select(Benutzer.benutzer_id).where(Benutzer.benutzername == login))
        for name, login in logins.items()
    }
    session.rollback()
    return nummern


@pytest.mark.parametrize(("fall", "zeilen"), FAELLE, ids=[fall for fall, _ in FAELLE])
def test_touren(client, als, welt, uhr, leute, fall, zeilen):
    erste, planer = zeilen[0], als("wartung")
    uhr.jetzt = datetime.fromisoformat(iso(erste["von"])).replace(hour=5, tzinfo=UTC)
    pfade = []
    for zeile in zeilen:
        ort = welt.messstelle(
            bundesland=zeile["bundesland"],
            postleitzahl=zeile["postleitzahl"],
            strasse=zeile["strasse"],
            hausnummer=zeile["hausnummer"],
            hausnummerzusatz=zeile["zusatz"] or None,
        )
        zaehler = welt.stromzaehler(zustand="EINGEBAUT")
        welt.einbau(zaehler, ort, uhr.now() - timedelta(days=100))
        if zeile["faellig"]:
            welt.wartung(zaehler, naechste_wartung_datum=date.fromisoformat(iso(zeile["faellig"])))
        auftrag = {"art": zeile["art"] or "WECHSEL", "messstelle_id": ort, "anlass": "Ende der Eichfrist"}
        pfade.append(f"/v1/auftraege/{client.post('/v1/auftraege', json=auftrag, als=planer).json['auftrag_id']}")
        if zeile["schon_geplant"]:
            tag, monteur = zeile["schon_geplant"].split()
            plan = {"zustand": "GEPLANT", "termin_datum": iso(tag), "benutzer_id": leute[monteur]}
            assert client.patch(pfade[-1], json=plan, als=planer, version=1).status_code == 200
        if zeile["zustand"] == "ERLEDIGT":
            assert client.post(f"{pfade[-1]}/erledigung", als=planer, version=2).status_code == 200
        elif zeile["zustand"] not in ("", "GEPLANT"):
            weiter = {"zustand": zeile["zustand"]} | ({"grund": "x"} if zeile["zustand"] == "STORNIERT" else {})
            assert client.patch(pfade[-1], json=weiter, als=planer, version=2).status_code == 200
    frage = {"von": iso(erste["von"]), "bis": iso(erste["bis"]), "monteure": list(leute.values())}
    frage["stopps_hoechstens"] = int(erste["stopps_hoechstens"])
    probe = client.post("/v1/tourenvorschlaege", json=frage, als=planer).json
    echt = client.post("/v1/tourenvorschlaege", json=frage | {"probelauf": False}, als=planer).json
    assert echt == probe | {"probelauf": False}
    assert echt["ohne_termin"] == sum(not zeile["tag"] for zeile in zeilen)
    namen = {nummer: name for name, nummer in leute.items()}
    geplant = [client.get(pfad, als=planer).json for pfad in pfade]
    assert [(zeile["termin_datum"], namen.get(zeile["benutzer_id"], "")) for zeile in geplant] == [
        (iso(zeile["tag"]), zeile["monteur"]) for zeile in zeilen
    ]

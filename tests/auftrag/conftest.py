"""A meter at a place that is a customer's, a planner, and a fitter."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.hilfen import Person

JAN = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Lage:
    """Where the tests play: all ids, and who acts."""

    messstelle_id: int
    stromzaehler_id: int
    kunde_id: int
    planer: Person
    monteur: Person
    monteur_id: int


@pytest.fixture
def lage(welt, als, nummer_von):
    messstelle_id = welt.messstelle(zugangshinweis="Schlüssel beim Hausmeister", hausnummer="7")
    stromzaehler_id = welt.stromzaehler(zaehlernummer="1EMH0012345678", zustand="EINGEBAUT")
    kunde_id = welt.kunde(name="Erika Mustermann", telefon="0221 4711", e_mail="erika@example.org")
    welt.einbau(stromzaehler_id, messstelle_id, JAN)
    welt.zuordnung(kunde_id, stromzaehler_id, JAN)
    monteur = als("monteur")
    return Lage(messstelle_id, stromzaehler_id, kunde_id, als("wartung"), monteur, nummer_von(monteur))


@pytest.fixture
def anlegen(client, lage):
    """Makes an order through the API; returns its address."""

    def create(art: str = "REPARATUR", **daten: Any) -> str:
        standard = {"art": art, "messstelle_id": lage.messstelle_id, "anlass": "Zähler stumm"}
        antwort = client.post("/v1/auftraege", json=standard | daten, als=lage.planer)
        assert antwort.status_code == 201, antwort.text
        return f"/v1/auftraege/{antwort.json['auftrag_id']}"

    return create


@pytest.fixture
def nebenan(welt):
    """Puts another meter at another place; returns the place."""

    def put() -> int:
        messstelle_id = welt.messstelle()
        welt.einbau(welt.stromzaehler(zustand="EINGEBAUT"), messstelle_id, JAN)
        return messstelle_id

    return put


@pytest.fixture
def planen(client, lage):
    """Plans an order that is OFFEN in version 1 for the fitter."""

    def plan(pfad: str, tag: str = "2026-06-16", **daten: Any) -> str:
        daten = {"zustand": "GEPLANT", "benutzer_id": lage.monteur_id, "termin_datum": tag} | daten
        antwort = client.patch(pfad, json=daten, als=lage.planer, version=1)
        assert antwort.status_code == 200, antwort.text
        return pfad

    return plan

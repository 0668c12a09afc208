"""A planned visit to a customer, and a planner who announces it. The clock stands at Monday, 15 June 2026."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import pytest

from tests.hilfen import Person

JAN = datetime(2026, 1, 1, tzinfo=UTC)
TERMIN = date(2026, 7, 8)


@dataclass
class Lage:
    """Where the tests play: all ids, and who plans."""

    messstelle_id: int
    stromzaehler_id: int
    kunde_id: int
    auftrag_id: int
    planer: Person


@pytest.fixture
def lage(welt, als):
    messstelle_id = welt.messstelle(strasse="Am Hof", hausnummer="9", hausnummerzusatz="b")
    stromzaehler_id = welt.stromzaehler(zaehlernummer="1EMH0012345678", zustand="EINGEBAUT")
    kunde_id = welt.kunde(name="Jörg Müßig & Töchter", strasse="Postweg", hausnummer="3", kundennummer="K-4711")
    welt.einbau(stromzaehler_id, messstelle_id, JAN)
    welt.zuordnung(kunde_id, stromzaehler_id, JAN)
    auftrag_id = welt.auftrag(
        messstelle_id, stromzaehler_id=stromzaehler_id, art="WECHSEL", zustand="GEPLANT", termin_datum=TERMIN
    )
    return Lage(messstelle_id, stromzaehler_id, kunde_id, auftrag_id, als("wartung"))


@pytest.fixture
def ankuendigen(client, lage):
    """Announces the order, or what else is named; returns the answer."""

    def announce(**daten: Any) -> dict[str, Any]:
        wen = {} if {"von", "auftrag_id"} & daten.keys() else {"auftrag_id": lage.auftrag_id}
        standard = {"zeitfenster": "08:00-12:00", "probelauf": False, **wen}
        antwort = client.post("/v1/zutrittsankuendigungen", json=standard | daten, als=lage.planer)
        assert antwort.status_code == 200, antwort.text
        return antwort.json

    return announce


@pytest.fixture
def brief(client, lage, ankuendigen):
    """Announces an order and returns its letter."""

    def write(auftrag_id: int | None = None) -> bytes:
        [ergebnis] = ankuendigen(auftrag_id=auftrag_id or lage.auftrag_id)["ergebnisse"]
        assert ergebnis["ergebnis"] == "ANGEKUENDIGT"
        nummer = ergebnis["zutrittsankuendigung_id"]
        antwort = client.get(f"/v1/zutrittsankuendigungen/{nummer}", als=lage.planer)
        assert (antwort.status_code, antwort.mimetype) == (200, "application/pdf")
        return antwort.data

    return write

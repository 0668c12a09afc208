"""Who may write and read letters that announce visits."""

import pytest

from betreiber.auth.domain import Rolle
from betreiber.druck import print_pdf
from tests.zutritt.conftest import TERMIN

PFAD = "/v1/zutrittsankuendigungen"
LESEN = {"liste", "brief", "druck"}


@pytest.mark.parametrize("rolle", [rolle.value for rolle in Rolle])
def test_each_role(client, als, lage, welt, rolle):
    nummer = welt.zutrittsankuendigung(
        lage.auftrag_id, termin_datum=TERMIN, inhalt=print_pdf("<title>Brief</title>")
    )
    person = als(rolle, kunde_id=lage.kunde_id if rolle == "kunde" else None)
    frage = {"auftrag_id": lage.auftrag_id, "zeitfenster": "08:00-12:00"}
    antworten = {
        "liste": client.get(PFAD, als=person).status_code,
        "brief": client.get(f"{PFAD}/{nummer}", als=person).status_code,
        "druck": client.get(f"{PFAD}/druck?versand_datum=2026-06-15", als=person).status_code,
        "neu": client.post(PFAD, json=frage, als=person).status_code,
    }
    erwartet = {"wartung": LESEN | {"neu"}, "sachbearbeitung": LESEN}.get(rolle, set())
    assert {name for name, status in antworten.items() if status == 200} == erwartet
    assert {antworten[name] for name in antworten if name not in erwartet} <= {403}


def test_nobody_and_nothing(client, lage):
    assert client.get(PFAD).status_code == 401
    assert client.post(PFAD, json={}).status_code == 401
    assert client.get(f"{PFAD}/999999", als=lage.planer).status_code == 404

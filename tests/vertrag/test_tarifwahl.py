"""TARIF_GEWAEHLT: written with a new contract and with another Tarif, and with nothing else."""

import pytest
from sqlalchemy import select

from db.models import Ereignis


@pytest.fixture
def gewaehlt(session):
    """The events so far: what was chosen for, and the details."""

    def read():
        zeilen = session.scalars(select(Ereignis).where(Ereignis.art == "TARIF_GEWAEHLT").order_by("ereignis_id"))
        gelesen = [(zeile.objekt_art, zeile.objekt_id, zeile.daten) for zeile in zeilen]
        # On SQLite this session would hold the one write lock.
        session.rollback()
        return gelesen

    return read


def test_a_new_contract_and_another_tarif(client, als, welt, gewaehlt):
    person, erster, zweiter = als("sachbearbeitung"), welt.tarif(), welt.tarif()
    pfad = f"/v1/kunden/{welt.kunde()}/vertraege"
    neu = {
        "vertragsnummer": "V-200001",
        "produkt": "STROMLIEFERUNG",
        "messstelle_id": welt.messstelle(),
        "tarif_id": erster,
        "beginn_datum": "2026-01-01",
        "kuendigungsfrist_wochen": 4,
    }
    vertrag_id = client.post(pfad, json=neu, als=person).json["vertrag_id"]
    angelegt = ("vertrag", vertrag_id, {"tarif_id": erster, "bisheriger_tarif_id": None})
    assert client.post(pfad, json=neu, als=person).status_code == 409
    ohne = {"zustand": "AKTIV", "tarif_id": erster}
    assert client.patch(f"{pfad}/{vertrag_id}", json=ohne, als=person, version=1).status_code == 200
    assert gewaehlt() == [angelegt]
    mit = {"tarif_id": zweiter}
    assert client.patch(f"{pfad}/{vertrag_id}", json=mit, als=person, version=2).status_code == 200
    assert gewaehlt() == [
        angelegt,
        ("vertrag", vertrag_id, {"tarif_id": zweiter, "bisheriger_tarif_id": erster}),
    ]

"""The dates of a meter follow at once what happens to it elsewhere: its register, its Einbau, its warranty."""

from datetime import UTC, date, datetime
from io import BytesIO

import pytest

from db.models import Wartung
from db.session import create_session


@pytest.fixture
def gespeichert(engine):
    """The stored dates of a meter: when it is due, why, and when to warn; None without a row."""

    def gespeichert(stromzaehler_id):
        with create_session(engine, lesen=True) as session:
            zeile = session.get(Wartung, stromzaehler_id)
            return zeile and (zeile.naechste_wartung_datum, zeile.anlass, zeile.antragswarnung_datum)

    return gespeichert


@pytest.mark.parametrize(
    ("aenderung", "faellig", "anlass"),
    [
        ({"kennzeichnung_jahr": 2024}, date(2032, 12, 31), "EICHFRIST"),
        ({"kennzeichnung_jahr": 2024, "bauart": "INDUKTION_WANDLER"}, date(2036, 12, 31), "EICHFRIST"),
        ({"nutzungsdauer_jahre": 8, "inbetriebnahme_datum": "2024-02-29"}, date(2032, 2, 29), "NUTZUNGSDAUER"),
        ({"gewaehrleistung_ende_datum": "2027-01-31"}, date(2027, 1, 31), "GEWAEHRLEISTUNG"),
    ],
)
def test_a_change_of_the_register(client, als, welt, gespeichert, aenderung, faellig, anlass):
    stromzaehler_id = welt.stromzaehler()
    pfad, person = f"/v1/stromzaehler/{stromzaehler_id}", als("wartung")
    antwort = client.patch(pfad, json=aenderung, als=person, version=1)
    assert antwort.status_code == 200, antwort.text
    assert gespeichert(stromzaehler_id)[:2] == (faellig, anlass)
    # What is taken back makes nothing due any more.
    leer = {name: None for name in aenderung if name != "bauart"}
    assert client.patch(pfad, json=leer, als=person, version=2).status_code == 200
    assert gespeichert(stromzaehler_id) == (None, None, None)


def test_a_change_that_is_refused_changes_no_date(client, als, welt, gespeichert):
    stromzaehler_id = welt.stromzaehler(kennzeichnung_jahr=2024)
    pfad, person = f"/v1/stromzaehler/{stromzaehler_id}", als("wartung")
    daten = {"kennzeichnung_jahr": 2025, "inbetriebnahme_datum": "2024-02-29"}
    assert client.patch(pfad, json=daten, als=person, version=1).status_code == 422
    assert client.patch(pfad, json={"kennzeichnung_jahr": 2025}, als=person, version=2).status_code == 412
    assert gespeichert(stromzaehler_id) is None


def test_scrapping_makes_nothing_due(client, als, welt, gespeichert):
    stromzaehler_id = welt.stromzaehler(kennzeichnung_jahr=2024, zustand="AUSGEBAUT")
    welt.wartung(stromzaehler_id, naechste_wartung_datum=date(2032, 12, 31), anlass="EICHFRIST")
    pfad, person = f"/v1/stromzaehler/{stromzaehler_id}", als("wartung")
    antwort = client.patch(pfad, json={"zustand": "VERSCHROTTET"}, als=person, version=1)
    assert antwort.status_code == 200, antwort.text
    assert gespeichert(stromzaehler_id)[:2] == (None, None)


def test_a_warranty_that_a_document_names(client, als, welt, gespeichert):
    stromzaehler_id = welt.stromzaehler(kennzeichnung_jahr=2024)
    datei = (BytesIO(b"%PDF-1.7 Garantie"), "a.pdf")
    formular = {"datei": datei, "art": "GEWAEHRLEISTUNG", "ende_datum": "2028-06-30"}
    antwort = client.post(f"/v1/stromzaehler/{stromzaehler_id}/dokumente", data=formular, als=als("wartung"))
    assert antwort.status_code == 201, antwort.text
    assert gespeichert(stromzaehler_id)[:2] == (date(2028, 6, 30), "GEWAEHRLEISTUNG")


@pytest.fixture
def los_bis_2040(welt):
    """Until 9 January 2040: warned of on Friday 28 October 2039 in Sachsen, where the Monday is a holiday."""

    def los_bis_2040(**werte):
        stromzaehler_id = welt.stromzaehler(kennzeichnung_jahr=2026, **werte)
        los = {"art": "LOSVERLAENGERUNG", "datum": date(2033, 1, 15), "bis_datum": date(2040, 1, 9), "los": "L"}
        welt.eichung(stromzaehler_id, **los)
        welt.wartung(stromzaehler_id, kontrollablesung_monate=36)
        return stromzaehler_id

    return los_bis_2040


HAENGT = (date(2029, 6, 15), "KONTROLLABLESUNG", date(2039, 10, 28))
LIEGT = (date(2040, 1, 9), "EICHFRIST", date(2039, 10, 31))


def test_installation_and_removal(client, als, welt, gespeichert, los_bis_2040):
    stromzaehler_id, messstelle_id = los_bis_2040(), welt.messstelle(bundesland="SN")
    pfad, person = f"/v1/stromzaehler/{stromzaehler_id}/einbauten", als("wartung")
    daten = {"messstelle_id": messstelle_id, "von": "2026-06-15T08:00:00Z"}
    einbau = client.post(pfad, json=daten, als=person)
    assert einbau.status_code == 201, einbau.text
    assert gespeichert(stromzaehler_id) == HAENGT
    daten = {"bis": "2026-06-15T09:00:00Z"}
    antwort = client.patch(f"{pfad}/{einbau.json['einbau_id']}", json=daten, als=person, version=1)
    assert antwort.status_code == 200, antwort.text
    assert gespeichert(stromzaehler_id) == LIEGT


def test_an_exchange_and_its_undoing(client, als, welt, gespeichert, los_bis_2040):
    alter, neuer = los_bis_2040(zustand="EINGEBAUT"), los_bis_2040()
    messstelle_id, person = welt.messstelle(bundesland="SN"), als("wartung")
    welt.einbau(alter, messstelle_id, datetime(2026, 1, 1, tzinfo=UTC))
    welt.zuordnung(welt.kunde(), alter, datetime(2026, 1, 1, tzinfo=UTC))
    pfad, wann = f"/v1/messstellen/{messstelle_id}/zaehlerwechsel", {"zeitpunkt": "2026-06-15T08:15:00Z"}
    stand = {"bezug_gesamt_wh": 12, "einspeisung_gesamt_wh": 0}
    wer = {"alter_stromzaehler_id": alter, "neuer_stromzaehler_id": neuer}
    daten = {**wann, **wer, "schlussstand": stand, "anfangsstand": stand}
    assert client.post(pfad, json=daten, als=person).status_code == 201
    assert (gespeichert(alter), gespeichert(neuer)) == (LIEGT, HAENGT)
    antwort = client.post(f"{pfad}/ruecknahme", json={**wann, "begruendung": "falscher Zähler"}, als=person)
    assert antwort.status_code == 200, antwort.text
    # When the old one was installed had not been noted here, and so it was read when it was exchanged, or never.
    assert (gespeichert(alter)[2], gespeichert(neuer)) == (date(2039, 10, 28), LIEGT)

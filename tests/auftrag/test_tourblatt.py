"""A tour on paper: what stands on it, and who learns whom to call."""

from datetime import date

import pytest

from tests.auftrag.conftest import JAN
from tests.pdf import info_of, text_of

PFAD = "/v1/touren?datum=2026-06-16&format=pdf"


@pytest.fixture
def tour(anlegen, planen, lage, welt):
    """Two stops of the fitter: a customer's, which is announced, and a place without a customer."""
    kunde = planen(anlegen("WECHSEL", anlass="Eichfrist <b>endet</b>"))
    ohne = welt.messstelle(strasse="Zuletztstraße", hausnummer="5")
    welt.einbau(welt.stromzaehler(zaehlernummer="1ISK0075126084"), ohne, JAN)
    planen(anlegen(messstelle_id=ohne))
    welt.zutrittsankuendigung(
        int(kunde.rpartition("/")[2]),
        termin_datum=date(2026, 6, 9),
        ersatztermin_datum=date(2026, 6, 16),
        zeitfenster="13:00-15:00",
    )
    return kunde


def test_the_sheet_of_a_fitter(client, lage, tour):
    antwort = client.get(PFAD, als=lage.monteur)
    assert (antwort.status_code, antwort.mimetype) == (200, "application/pdf")
    assert antwort.headers["Content-Disposition"] == "attachment; filename=tour_2026-06-16.pdf"
    assert info_of(antwort.data)["Title"] == "Tour am 16.06.2026"
    text = text_of(antwort.data)
    stopps = [
        "Tour am Dienstag, 16. Juni 2026",
        f"{lage.monteur.benutzername}, 2 Halte",
        "1. Lindenallee 7, 50667 Köln",
        "13:00-15:00 Uhr · Auftrag",
        "Wechsel: Eichfrist <b>endet</b>",
        "1EMH0012345678",
        "Erika Mustermann, 0221 4711, erika@example.org",
        "Schlüssel beim Hausmeister",
        "Bezug 1.8.0 (kWh)",
        "Unterschrift",
        "2. Zuletztstraße 5, 50667 Köln",
        "nicht angekündigt · Auftrag",
        "1ISK0075126084",
    ]
    stellen = [text.find(stopp) for stopp in stopps]
    assert -1 not in stellen, stopps[stellen.index(-1)]
    assert stellen == sorted(stellen)


def test_whom_to_call_is_for_the_fitter_only_while_the_order_runs(client, lage, tour):
    assert client.post(f"{tour}/erledigung", als=lage.monteur, version=2).status_code == 200
    text = text_of(client.get(PFAD, als=lage.monteur).data)
    assert "erledigt" in text
    assert "Mustermann" not in text
    assert "Hausmeister" not in text
    assert "Erika Mustermann" in text_of(client.get(PFAD, als=lage.planer).data)


def test_each_fitter_has_pages_of_their_own(client, lage, tour, anlegen, planen, welt, nummer_von):
    anderer = client.login(welt.benutzer("monteur"))
    planen(anlegen(messstelle_id=lage.messstelle_id), benutzer_id=nummer_von(anderer))
    antwort = client.get(PFAD, als=lage.planer)
    assert info_of(antwort.data)["Pages"] == "2"
    assert anderer.benutzername not in text_of(client.get(PFAD, als=lage.monteur).data)


def test_a_day_without_orders(client, lage):
    antwort = client.get("/v1/touren?datum=2026-06-17&format=pdf", als=lage.planer)
    assert "An diesem Tag ist nichts geplant." in text_of(antwort.data)


def test_a_day_of_all_fitters_is_too_long(client, lage, welt):
    for _ in range(201):
        welt.auftrag(lage.messstelle_id, zustand="GEPLANT", termin_datum=date(2026, 6, 17))
    antwort = client.get("/v1/touren?datum=2026-06-17&format=pdf", als=lage.planer)
    assert (antwort.status_code, antwort.json["code"]) == (422, "tour_zu_lang")
    assert antwort.json["errors"]["monteur"]

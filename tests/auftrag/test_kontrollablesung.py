"""A fitter's reading against what the meter sent, and the photos of a visit."""

import io
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from db.models import Auftrag, Ereignis, Wartung
from telegramm.messwerte import Messwert
from tests.ablesungen import deliver
from tests.hilfen import foto_png

PNG = foto_png()
ZEHN = int(datetime(2026, 6, 15, 10, tzinfo=UTC).timestamp())


@pytest.fixture
def kontrolle(client, lage, anlegen, planen, uhr):
    """Reads 5 minutes past ten and completes; returns the answer. Made at ten."""
    pfad = planen(anlegen("KONTROLLABLESUNG"))

    def read(**stand):
        uhr.jetzt = datetime(2026, 6, 15, 10, 5, tzinfo=UTC)
        nachweis = client.post(f"{pfad}/nachweise", json={"art": "ABLESUNG"} | stand, als=lage.monteur)
        assert nachweis.status_code == 201, nachweis.text
        return client.post(f"{pfad}/erledigung", als=lage.monteur, version=2)

    return read


def send(engine, lage, *werte):
    """What the meter sent, from ten on, one reading a quarter hour: (bezug_wh, einspeisung_wh)."""
    reihe = [Messwert(ZEHN + 900 * n, *register, None, 0) for n, register in enumerate(werte)]
    deliver(engine, lage.stromzaehler_id, reihe, ZEHN + 900)


@pytest.mark.parametrize(
    ("bezug", "einspeisung", "vergleich", "fall"),
    [
        (1_000_200, None, (0, None), False),
        (1_000_500, 50, (0, 0), False),
        # The display shows whole kWh.
        (1_000_000, 0, (0, 0), False),
        (999_000, 0, (-1_000, 0), False),
        (998_999, 0, (-1_001, 0), True),
        (1_001_500, 0, (1_000, 0), False),
        (1_001_501, 0, (1_001, 0), True),
        (1_000_200, 1_101, (0, 1_001), True),
    ],
)
def test_between_two_remote_values(engine, lage, kontrolle, session, bezug, einspeisung, vergleich, fall):
    send(engine, lage, (1_000_000, 0), (1_000_500, 100))
    antwort = kontrolle(bezug_gesamt_wh=bezug, einspeisung_gesamt_wh=einspeisung)
    assert (antwort.status_code, antwort.json["auftrag"]["zustand"]) == (200, "ERLEDIGT")
    assert tuple(antwort.json["vergleich"].values()) == vergleich
    assert (antwort.json["folgeauftrag_id"] is not None) == fall
    assert len(session.scalars(select(Auftrag).where(Auftrag.art == "REPARATUR")).all()) == fall
    assert session.get(Wartung, lage.stromzaehler_id).letzte_manuelle_ablesung_datum.isoformat() == "2026-06-15"


def test_a_difference_is_a_case(engine, lage, kontrolle, session, client):
    send(engine, lage, (1_000_000, 0), (1_000_500, 0))
    folge = kontrolle(bezug_gesamt_wh=1_250_500).json["folgeauftrag_id"]
    auftrag = client.get(f"/v1/auftraege/{folge}", als=lage.planer).json
    assert (auftrag["art"], auftrag["zustand"], auftrag["stromzaehler_id"]) == (
        "REPARATUR",
        "OFFEN",
        lage.stromzaehler_id,
    )
    assert auftrag["anlass"].endswith("weicht vom Fernwert ab: Bezug +250000 Wh")
    ereignis = session.scalars(select(Ereignis).where(Ereignis.art == "KONTROLLABLESUNG_WEICHT_AB")).one()
    assert (ereignis.objekt_art, ereignis.objekt_id) == ("stromzaehler", lage.stromzaehler_id)
    assert ereignis.daten["bezug_abweichung_wh"] == 250_000


@pytest.mark.parametrize(
    # In five minutes 30 kW are 2,500 Wh; by how much a connection may be overloaded stands with the readings.
    ("bezug", "fall"),
    [(1_002_400, False), (1_100_000, True), (998_000, True)],
)
def test_before_the_next_remote_value_the_connection_is_the_bound(engine, lage, kontrolle, bezug, fall):
    send(engine, lage, (1_000_000, 0))
    antwort = kontrolle(bezug_gesamt_wh=bezug).json
    assert (antwort["folgeauftrag_id"] is not None) == fall


def test_without_remote_values_there_is_nothing_to_compare(lage, kontrolle):
    antwort = kontrolle(bezug_gesamt_wh=7_000)
    assert (antwort.status_code, antwort.json["vergleich"], antwort.json["folgeauftrag_id"]) == (200, None, None)


def test_a_control_reading_needs_its_reading(client, lage, anlegen, planen):
    pfad = planen(anlegen("KONTROLLABLESUNG"))
    antwort = client.post(f"{pfad}/erledigung", als=lage.monteur, version=2)
    assert (antwort.status_code, antwort.json["code"]) == (409, "nachweis_fehlt")
    assert client.get(pfad, als=lage.monteur).json["zustand"] == "GEPLANT"


def test_photos(client, lage, anlegen, planen, welt):
    pfad = planen(anlegen())
    fremder = client.login(welt.benutzer("monteur"))

    def upload(inhalt, **kw):
        daten = {"datei": (io.BytesIO(inhalt), "x.png"), "notiz": "Plombe"}
        return client.post(f"{pfad}/fotos", data=daten, **kw)

    foto = upload(PNG, als=lage.monteur)
    assert (foto.status_code, foto.json["art"], foto.json["medientyp"]) == (201, "FOTO", "image/png")
    adresse = f"{pfad}/fotos/{foto.json['auftragsnachweis_id']}"
    antwort = client.get(adresse, als=lage.planer)
    assert (antwort.status_code, antwort.mimetype, antwort.data) == (200, "image/png", PNG)
    assert antwort.headers["Content-Disposition"].startswith("attachment; filename=auftrag_")
    assert (upload(PNG, als=fremder).status_code, client.get(adresse, als=fremder).status_code) == (404, 404)
    assert upload(b"GIF89a", als=lage.monteur).json["code"] == "dateityp_unbekannt"
    assert upload(b"%PDF-1.7", als=lage.monteur).json["code"] == "dateityp_unbekannt"
    notiz = client.post(f"{pfad}/nachweise", json={"art": "NOTIZ", "notiz": "x"}, als=lage.monteur).json
    assert client.get(f"{pfad}/fotos/{notiz['auftragsnachweis_id']}", als=lage.planer).status_code == 404
    assert [n["art"] for n in client.get(pfad, als=lage.monteur).json["nachweise"]] == ["FOTO", "NOTIZ"]


def test_the_photos_of_an_order_are_different_whole_and_few(client, lage, anlegen, planen):
    pfad, anderer = planen(anlegen()), planen(anlegen("KONTROLLABLESUNG"))

    def upload(inhalt, ziel=pfad):
        antwort = client.post(f"{ziel}/fotos", data={"datei": (io.BytesIO(inhalt), "x.png")}, als=lage.monteur)
        return antwort.status_code, antwort.json.get("code")

    assert upload(PNG[:-12]) == (422, "foto_unvollstaendig")
    assert [upload(foto_png(grau)) for grau in range(20)] == [(201, None)] * 20
    assert upload(foto_png(0)) == (409, "foto_vorhanden")
    assert upload(foto_png(20)) == (409, "zu_viele_fotos")
    # Another order has its own; and a note is no photo.
    assert upload(foto_png(0), anderer) == (201, None)
    notiz = client.post(f"{pfad}/nachweise", json={"art": "NOTIZ", "notiz": "x"}, als=lage.monteur)
    assert (notiz.status_code, len(client.get(pfad, als=lage.monteur).json["nachweise"])) == (201, 21)

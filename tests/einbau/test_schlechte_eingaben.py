"""What a tired person enters at a meter, from its registration to its removal: refused with what is wrong."""

from datetime import UTC, date, datetime
from io import BytesIO

import pytest
from sqlalchemy import func, select

from db.base import Base

MAI = datetime(2026, 5, 1, tzinfo=UTC)
NEU = {"zaehlernummer": "1EMH0077777777", "hersteller": "EMH", "modell": "ED300L", "seriennummer": "1"}
STAND = {"bezug_gesamt_wh": 5_000, "einspeisung_gesamt_wh": 0}


class Lage:
    """A meter in service since May at its place with a customer, and one in the warehouse that was in service."""

    def __init__(self, welt, client, als):
        self._client, self._als = client, als
        self.haengt = welt.stromzaehler(zustand="EINGEBAUT", inbetriebnahme_datum=date(2026, 5, 1))
        self.liegt = welt.stromzaehler(inbetriebnahme_datum=date(2026, 6, 10))
        self.platz, self.frei, self.kunde = welt.messstelle(), welt.messstelle(), welt.kunde()
        self.einbau = welt.einbau(self.haengt, self.platz, MAI)
        self.zuordnung = welt.zuordnung(self.kunde, self.haengt, MAI)

    def send(self, methode, pfad, daten, rolle="wartung"):
        pfad = pfad.format(**vars(self))
        version = {"version": 1} if methode == "patch" else {}
        werte = {name: getattr(self, wert[1:]) if str(wert)[:1] == "@" else wert for name, wert in daten.items()}
        return getattr(self._client, methode)(f"/v1/{pfad}", json=werte, als=self._als(rolle), **version)


@pytest.fixture
def lage(welt, client, als):
    return Lage(welt, client, als)


FRUEH = "2026-04-30T10:00:00Z"
EINGABEN = {
    # Dates before the installation, or before the meter was in service.
    "removal before the installation": (
        "post", "messstellen/{platz}/zaehlerausbau",
        {"stromzaehler_id": "@haengt", "zeitpunkt": FRUEH, "schlussstand": STAND}, 422, "zeitraum_ungueltig",
    ),
    "end of an Einbau before its begin": (
        "patch", "stromzaehler/{haengt}/einbauten/{einbau}", {"bis": FRUEH}, 422, "zeitraum_ungueltig",
    ),
    "exchange before the installation": (
        "post", "messstellen/{platz}/zaehlerwechsel",
        {"alter_stromzaehler_id": "@haengt", "neuer_stromzaehler_id": "@liegt", "zeitpunkt": FRUEH,
         "schlussstand": STAND, "anfangsstand": STAND}, 422, "zeitraum_ungueltig",
    ),
    "exchange for a meter that was not in service yet": (
        "post", "messstellen/{platz}/zaehlerwechsel",
        {"alter_stromzaehler_id": "@haengt", "neuer_stromzaehler_id": "@liegt",
         "zeitpunkt": "2026-06-09T10:00:00Z", "schlussstand": STAND, "anfangsstand": STAND}, 422, "vor_dem_einbau",
    ),
    "installation before the commissioning": (
        "post", "messstellen/{frei}/zaehlereinbau",
        {"stromzaehler_id": "@liegt", "zeitpunkt": "2026-06-09T10:00:00Z", "anfangsstand": STAND},
        422, "vor_dem_einbau",
    ),
    "Einbau before the commissioning": (
        "post", "stromzaehler/{liegt}/einbauten",
        {"messstelle_id": "@frei", "von": "2026-06-09T10:00:00Z"}, 422, "vor_dem_einbau",
    ),
    "move before the installation": (
        "post", "messstellen/{platz}/umzug", {"zeitpunkt": FRUEH, "kunde_id": None, "zaehlerstand": STAND},
        422, "vor_dem_einbau",
    ),
    "reading before the installation": (
        "post", "stromzaehler/{haengt}/ablesungen", {"zeitpunkt": FRUEH, **STAND}, 422, "vor_dem_einbau",
    ),
    "assignment before the commissioning": (
        "post", "stromzaehler/{liegt}/zuordnungen",
        {"kunde_id": "@kunde", "von": "2026-06-09T10:00:00Z"}, 422, "vor_dem_einbau",
    ),
    "assignment moved before the commissioning": (
        "patch", "stromzaehler/{haengt}/zuordnungen/{zuordnung}", {"von": FRUEH}, 422, "vor_dem_einbau",
    ),
    # Overlaps.
    "assignment to a second customer": (
        "post", "stromzaehler/{haengt}/zuordnungen", {"kunde_id": "@kunde", "von": "2026-06-01T00:00:00Z"},
        409, "zuordnung_ueberlappt",
    ),
    "a second meter at the place": (
        "post", "messstellen/{platz}/zaehlereinbau",
        {"stromzaehler_id": "@liegt", "zeitpunkt": "2026-06-11T10:00:00Z", "anfangsstand": STAND},
        409, "messstelle_belegt",
    ),
    "a meter at a second place": (
        "post", "messstellen/{frei}/zaehlereinbau",
        {"stromzaehler_id": "@haengt", "zeitpunkt": "2026-06-11T10:00:00Z", "anfangsstand": STAND},
        409, "einbau_ueberlappt",
    ),
    "an Einbau at a second place": (
        "post", "stromzaehler/{haengt}/einbauten", {"messstelle_id": "@frei", "von": "2026-06-11T10:00:00Z"},
        409, "einbau_ueberlappt",
    ),
    # The register.
    "warranty that ended before the commissioning": (
        "post", "stromzaehler",
        NEU | {"inbetriebnahme_datum": "2026-05-01", "gewaehrleistung_ende_datum": "2026-04-30"},
        422, "gewaehrleistung_zu_frueh",
    ),
    "warranty changed to before the commissioning": (
        "patch", "stromzaehler/{haengt}", {"gewaehrleistung_ende_datum": "2026-04-30"},
        422, "gewaehrleistung_zu_frueh",
    ),
    "commissioning after the first installation": (
        "patch", "stromzaehler/{haengt}", {"inbetriebnahme_datum": "2026-05-02"}, 422, "vor_dem_einbau",
    ),
    "commissioning in the future": (
        "post", "stromzaehler", NEU | {"inbetriebnahme_datum": "2026-06-16"}, 422, "datum_in_zukunft",
    ),
    "commissioning before the marking": (
        "post", "stromzaehler", NEU | {"inbetriebnahme_datum": "2024-12-31", "kennzeichnung_jahr": 2025},
        422, "inbetriebnahme_zu_frueh",
    ),
    "marked the year after next": (
        "post", "stromzaehler", NEU | {"kennzeichnung_jahr": 2028}, 422, "eingabe_ungueltig",
    ),
    "no service life": ("post", "stromzaehler", NEU | {"nutzungsdauer_jahre": 0}, 422, "eingabe_ungueltig"),
    "a service life of 1000 years": (
        "post", "stromzaehler", NEU | {"nutzungsdauer_jahre": 1000}, 422, "eingabe_ungueltig",
    ),
    "wrong check digit of a SIM card": (
        "post", "stromzaehler", NEU | {"sim_iccid": "89490200001234567890"}, 422, "iccid_ungueltig",
    ),
    "no connection power": (
        "patch", "messstellen/{platz}", {"anschlussleistung_kw": "0"}, 422, "eingabe_ungueltig",
    ),
}  # fmt: skip


def contents(engine):
    """How many rows each table has, and all of the meter's own."""
    with engine.connect() as connection:
        return {
            tabelle.name: (
                connection.execute(select(tabelle)).all()
                if tabelle.name in ("stromzaehler", "einbau", "kunde_stromzaehler", "wartung")
                else connection.scalar(select(func.count()).select_from(tabelle))
            )
            for tabelle in Base.metadata.sorted_tables
        }


@pytest.mark.parametrize(("methode", "pfad", "daten", "status", "code"), EINGABEN.values(), ids=list(EINGABEN))
def test_it_is_refused_and_changes_nothing(lage, engine, methode, pfad, daten, status, code):
    for rolle in ("wartung", "sachbearbeitung"):
        lage._als(rolle)
    davor = contents(engine)
    buero = pfad.endswith(("umzug", "zuordnungen", "{zuordnung}", "messstellen/{platz}"))
    antwort = lage.send(methode, pfad, daten, "sachbearbeitung" if buero else "wartung")
    assert (antwort.status_code, antwort.json["code"]) == (status, code), antwort.text
    # Each names the field, or says what to do first.
    assert antwort.json.get("errors") or status == 409
    assert antwort.json["detail"].endswith(".")
    assert contents(engine) == davor


@pytest.mark.parametrize(
    ("inhalt", "name"),
    [
        (b"MZ\x90\x00", "garantie.pdf"),
        (b"<html>%PDF-1.7", "garantie.pdf"),
        (b"GIF89a", "garantie.png"),
        (b"PK\x03\x04", "garantie.pdf"),
        (b"%PDF", "garantie.pdf"),
        (b"\x00\xff\xd8\xff", "garantie.jpg"),
    ],
)
def test_a_warranty_is_what_its_content_says(lage, client, als, inhalt, name):
    formular = {"datei": (BytesIO(inhalt), name, "application/pdf"), "art": "GEWAEHRLEISTUNG"}
    antwort = client.post(f"/v1/stromzaehler/{lage.haengt}/dokumente", data=formular, als=als("wartung"))
    assert (antwort.status_code, antwort.json["code"]) == (422, "dateityp_unbekannt")


def test_a_warranty_that_had_ended_before_the_commissioning(lage, client, als, engine):
    person = als("wartung")
    davor = contents(engine)
    formular = {"datei": (BytesIO(b"%PDF-1.7 "), "a.pdf"), "art": "GEWAEHRLEISTUNG", "ende_datum": "2026-04-30"}
    antwort = client.post(f"/v1/stromzaehler/{lage.haengt}/dokumente", data=formular, als=person)
    assert (antwort.status_code, antwort.json["code"]) == (422, "gewaehrleistung_zu_frueh")
    assert set(antwort.json["errors"]) == {"ende_datum"}
    assert contents(engine) == davor


def test_a_meter_whose_warranty_ended_in_the_warehouse_is_still_installed(welt, client, als):
    zaehler = welt.stromzaehler(gewaehrleistung_ende_datum=date(2025, 12, 31))
    daten = {"stromzaehler_id": zaehler, "zeitpunkt": "2026-06-11T10:00:00Z", "anfangsstand": STAND}
    pfad = f"/v1/messstellen/{welt.messstelle()}/zaehlereinbau"
    assert client.post(pfad, json=daten, als=als("wartung")).status_code == 201
    # And what contradicts it by then does not keep other data from being changed.
    modell = client.patch(f"/v1/stromzaehler/{zaehler}", json={"modell": "ED301"}, als=als("wartung"), version=2)
    assert modell.status_code == 200, modell.text

"""What Prometheus counts of orders: each state that one reaches, once, and only what was committed."""

import itertools
from contextlib import contextmanager
from datetime import UTC, date, datetime

from prometheus_client import REGISTRY

from betreiber.auftrag.service import add
from betreiber.auftrag.stoerungsauftraege import open_auftraege
from betreiber.auth.domain import system_akteur
from db.models import Auftrag, Stoerung
from db.session import create_session

ARTEN = ("EINBAU", "WECHSEL", "REPARATUR", "KONTROLLABLESUNG", "EICHUNG", "AUSBAU")
ZUSTAENDE = ("OFFEN", "GEPLANT", "UNTERWEGS", "ERLEDIGT", "FEHLGESCHLAGEN", "STORNIERT")


def values():
    return {
        (art, zustand): REGISTRY.get_sample_value("msb_auftraege_total", {"art": art, "zustand": zustand}) or 0
        for art, zustand in itertools.product(ARTEN, ZUSTAENDE)
    }


@contextmanager
def counted(**erwartet):
    """What is counted meanwhile, as ART_ZUSTAND=how many, and nothing else."""
    vorher = values()
    yield
    neu = {f"{art}_{zustand}": wert - vorher[art, zustand] for (art, zustand), wert in values().items()}
    assert {name: wert for name, wert in neu.items() if wert} == erwartet


def test_by_hand(client, lage, anlegen, planen):
    with counted(WECHSEL_OFFEN=1):
        pfad = anlegen("WECHSEL")
    with counted(WECHSEL_GEPLANT=1):
        planen(pfad)
    with counted():  # Another day is no other state.
        client.patch(pfad, json={"zustand": "GEPLANT", "termin_datum": "2026-06-17"}, als=lage.planer, version=2)
    with counted(WECHSEL_UNTERWEGS=1):
        client.patch(pfad, json={"zustand": "UNTERWEGS"}, als=lage.monteur, version=3)
    with counted():
        assert client.patch(pfad, json={"zustand": "OFFEN"}, als=lage.planer, version=4).status_code == 409
        assert client.patch(pfad, json={"zustand": "GEPLANT"}, als=lage.planer, version=1).status_code == 412
    besuch = {"grund": "Niemand da", "ersatztermin_datum": "2026-06-18"}
    with counted(WECHSEL_GEPLANT=1):
        client.post(f"{pfad}/besuche", json=besuch, als=lage.monteur, version=4)
    with counted(WECHSEL_FEHLGESCHLAGEN=1):
        client.post(f"{pfad}/besuche", json={"grund": "Wieder"}, als=lage.monteur, version=5)
    pfad = anlegen("EICHUNG")
    with counted(EICHUNG_STORNIERT=1):
        client.patch(pfad, json={"zustand": "STORNIERT", "grund": "x"}, als=lage.planer, version=1)
    pfad = planen(anlegen("EICHUNG"))
    with counted(EICHUNG_ERLEDIGT=1):
        client.post(f"{pfad}/erledigung", als=lage.monteur, version=2)


def test_by_a_proposal(client, lage, anlegen):
    anlegen("WECHSEL")
    anlegen("EICHUNG")
    frage = {"von": "2026-06-16", "bis": "2026-06-17", "monteure": [lage.monteur_id]}
    with counted():
        client.post("/v1/tourenvorschlaege", json=frage, als=lage.planer)
    with counted(WECHSEL_GEPLANT=1, EICHUNG_GEPLANT=1):
        client.post("/v1/tourenvorschlaege", json=frage | {"probelauf": False}, als=lage.planer)


def test_for_due_meters(client, lage, welt):
    welt.wartung(lage.stromzaehler_id, naechste_wartung_datum=date(2026, 12, 31), anlass="EICHFRIST")
    frage = {"faellig_bis": "2026-12-31"}
    with counted():
        client.post("/v1/wartungsauftraege", json=frage, als=lage.planer)
    with counted(WECHSEL_OFFEN=1):
        client.post("/v1/wartungsauftraege", json=frage | {"probelauf": False}, als=lage.planer)


def test_by_the_sweep(lage, welt, engine, uhr):
    offene = welt.stoerung(lage.stromzaehler_id, stufe="AUFTRAG")
    with counted(REPARATUR_OFFEN=1), create_session(engine) as session:
        open_auftraege(session, system_akteur("jobs", uhr.now()))
    with create_session(engine) as session:
        zeile = session.get(Stoerung, offene)
        zeile.behoben_zeitpunkt = zeile.abgeklungen_zeitpunkt = uhr.now()
        zeile.behoben_durch = "system:jobs"
        session.commit()
    with counted(REPARATUR_STORNIERT=1), create_session(engine) as session:
        open_auftraege(session, system_akteur("jobs", uhr.now()))


def test_what_is_rolled_back_is_not_counted(lage, engine, uhr):
    def neuer():
        return Auftrag(art="AUSBAU", messstelle_id=lage.messstelle_id, anlass="Abriss")

    akteur = system_akteur("test", uhr.now())
    with create_session(engine) as session:
        with counted():
            add(session, akteur, neuer())
            session.rollback()
        with counted(AUSBAU_OFFEN=1):
            add(session, akteur, neuer())
            session.commit()
        with counted():
            session.commit()


def test_a_repair_after_a_visit_that_failed_is_late(client, lage, anlegen, planen, nebenan, uhr):
    def value(name, **labels):
        return REGISTRY.get_sample_value(name, labels) or 0

    def all_values():
        return (
            value("msb_auftraege_puenktlich_total", art="REPARATUR"),
            value("msb_besuche_fehlgeschlagen_total", art="REPARATUR"),
            value("msb_reparaturdauer_sekunden_count"),
            value("msb_reparaturdauer_sekunden_sum"),
        )

    erster, zweiter = planen(anlegen()), planen(anlegen(messstelle_id=nebenan()))
    vorher = all_values()
    uhr.jetzt = datetime(2026, 6, 16, 10, tzinfo=UTC)
    besuch = {"grund": "Niemand da", "ersatztermin_datum": "2026-06-17"}
    client.post(f"{erster}/besuche", json=besuch, als=lage.monteur, version=2)
    client.post(f"{zweiter}/erledigung", als=lage.monteur, version=2)
    assert [neu - alt for alt, neu in zip(vorher, all_values(), strict=True)] == [1, 1, 1, 86_400]
    uhr.jetzt = datetime(2026, 6, 17, 10, tzinfo=UTC)
    client.post(f"{erster}/erledigung", als=lage.monteur, version=3)
    assert [neu - alt for alt, neu in zip(vorher, all_values(), strict=True)] == [1, 1, 2, 259_200]
    zahlen = client.get("/v1/auftragskennzahlen?von=2026-06-01&bis=2026-07-01", als=lage.planer).json[0]
    assert (zahlen["faellig"], zahlen["erledigt"], zahlen["puenktlich"]) == (2, 2, 1)
    assert (zahlen["fehlgeschlagene_besuche"], zahlen["reparaturdauer_mittel_s"]) == (1, 129_600)

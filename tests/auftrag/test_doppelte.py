"""No second order for what one does already, and none that goes to a meter that is gone."""

import threading

import pytest
from sqlalchemy import func, select, text

from betreiber.auftrag.queries import lock_messstelle
from betreiber.auftrag.service import create_auftrag
from betreiber.auth.domain import system_akteur
from betreiber.errors import KonfliktFehler
from db.models import Auftrag, Einbau
from db.session import create_engine, create_session
from tests.auftrag.conftest import JAN
from tests.hilfen import FesteUhr, Welt


@pytest.fixture
def ausbauen(session, lage, uhr):
    def remove() -> None:
        einbau = session.scalars(select(Einbau).where(Einbau.stromzaehler_id == lage.stromzaehler_id)).one()
        einbau.bis = uhr.now()
        session.commit()

    return remove


def test_a_request_may_be_repeated(client, lage, anlegen, planen, session):
    pfad = anlegen()
    daten = {"art": "REPARATUR", "messstelle_id": lage.messstelle_id, "anlass": "Zähler stumm"}
    for plan in (lambda: None, lambda: planen(pfad)):
        plan()
        antwort = client.post("/v1/auftraege", json=daten, als=lage.planer)
        assert (antwort.status_code, antwort.json["code"]) == (409, "auftrag_laeuft")
        assert antwort.json["detail"] == f"Dafür läuft schon der Auftrag {pfad.rsplit('/', 1)[1]}."
    anlegen("AUSBAU")  # another kind
    client.post(f"{pfad}/erledigung", als=lage.monteur, version=2)
    anlegen()
    assert session.scalar(select(func.count()).select_from(Auftrag)) == 3


def test_one_installation_a_place(client, lage, anlegen, welt):
    ort = welt.messstelle()
    anlegen("EINBAU", messstelle_id=ort)
    daten = {"art": "EINBAU", "messstelle_id": ort, "stromzaehler_id": welt.stromzaehler(), "anlass": "Neubau"}
    antwort = client.post("/v1/auftraege", json=daten, als=lage.planer)
    assert (antwort.status_code, antwort.json["code"]) == (409, "auftrag_laeuft")


def test_an_installation_where_a_meter_hangs_waits_for_its_removal(client, lage, anlegen):
    daten = {"art": "EINBAU", "messstelle_id": lage.messstelle_id, "anlass": "Neubau"}
    antwort = client.post("/v1/auftraege", json=daten, als=lage.planer)
    assert (antwort.status_code, antwort.json["code"]) == (409, "messstelle_belegt")
    anlegen("AUSBAU")
    anlegen("EINBAU")


def test_two_at_once_on_postgresql(postgres_url):
    """The second one waits for the first, and then learns of its order."""
    engine = create_engine(postgres_url)
    welt, akteur = Welt(engine, FesteUhr()), system_akteur("test", FesteUhr().now())
    ort, zaehler = welt.messstelle(), welt.stromzaehler(zustand="EINGEBAUT")
    welt.einbau(zaehler, ort, JAN)
    daten = {"art": "REPARATUR", "messstelle_id": ort, "stromzaehler_id": None, "anlass": "x"}
    codes = []

    def create() -> None:
        with create_session(engine) as session, pytest.raises(KonfliktFehler) as gefangen:
            create_auftrag(session, akteur, daten)
        codes.append(gefangen.value.code)

    erster = Auftrag(
        art="REPARATUR",
        zustand="OFFEN",
        messstelle_id=ort,
        stromzaehler_id=zaehler,
        anlass="x",
        angelegt_zeitpunkt=JAN,
    )
    faden = threading.Thread(target=create)
    wartet = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    with create_session(engine) as session:
        lock_messstelle(session, ort)
        faden.start()
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as beobachter:
            while faden.is_alive() and not beobachter.scalar(wartet):
                faden.join(0.02)
        session.add(erster)
        session.commit()
    faden.join()
    engine.dispose()
    assert codes == ["auftrag_laeuft"]


def test_no_plan_for_a_meter_that_is_gone(client, lage, anlegen, ausbauen):
    pfad = anlegen("WECHSEL")
    ausbauen()
    plan = {"zustand": "GEPLANT", "benutzer_id": lage.monteur_id, "termin_datum": "2026-06-16"}
    antwort = client.patch(pfad, json=plan, als=lage.planer, version=1)
    assert (antwort.status_code, antwort.json["code"]) == (409, "zaehler_haengt_nicht")
    tage = {"von": "2026-06-16", "bis": "2026-06-18", "monteure": [lage.monteur_id], "probelauf": False}
    vorschlag = client.post("/v1/tourenvorschlaege", json=tage, als=lage.planer).json
    assert (vorschlag["vorschlaege"], vorschlag["ohne_termin"]) == ([], 0)
    storno = {"zustand": "STORNIERT", "grund": "Ausgebaut"}
    assert client.patch(pfad, json=storno, als=lage.planer, version=1).status_code == 200


def test_no_second_visit_to_a_meter_that_is_gone(client, lage, anlegen, planen, ausbauen):
    pfad = planen(anlegen("WECHSEL"))
    ausbauen()
    besuch = {"grund": "Niemand da", "ersatztermin_datum": "2026-06-17"}
    antwort = client.post(f"{pfad}/besuche", json=besuch, als=lage.monteur, version=2)
    assert (antwort.status_code, antwort.json["code"]) == (409, "zaehler_haengt_nicht")
    assert client.patch(pfad, json={"anlass": "y"}, als=lage.planer, version=2).status_code == 200
    # Whoever was there says so.
    assert client.post(f"{pfad}/erledigung", als=lage.monteur, version=3).status_code == 200

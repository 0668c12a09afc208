"""Whose meter it is when: assigning, moving out, overlaps, and what each person sees."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from betreiber.auth.domain import Akteur, Umfang, system_akteur
from betreiber.errors import KonfliktFehler, NichtGefunden
from betreiber.stromzaehler import service
from db.models import Audit, KundeStromzaehler
from db.session import create_engine, create_session
from tests.hilfen import FesteUhr, Welt, recorded_statements, run_while_locked

JAN, MAI, JUNI, JULI = (datetime(2026, monat, 1, tzinfo=UTC) for monat in (1, 5, 6, 7))
JETZT = datetime(2026, 6, 15, 10, tzinfo=UTC)


def _pfad(stromzaehler_id):
    return f"/v1/stromzaehler/{stromzaehler_id}/zuordnungen"


def test_assign_and_read(client, als, welt, session):
    kunde_id, stromzaehler_id = welt.kunde(), welt.stromzaehler()
    daten = {"kunde_id": kunde_id, "von": "2026-01-01T00:00:00+01:00"}
    antwort = client.post(_pfad(stromzaehler_id), json=daten, als=als("sachbearbeitung"))
    assert (antwort.status_code, antwort.headers["ETag"]) == (201, '"1"')
    zuordnung_id = antwort.json["kunde_stromzaehler_id"]
    assert antwort.json == {
        "kunde_stromzaehler_id": zuordnung_id,
        "kunde_id": kunde_id,
        "stromzaehler_id": stromzaehler_id,
        "von": "2025-12-31T23:00:00Z",
        "bis": None,
        "version": 1,
    }
    einer = client.get(f"{_pfad(stromzaehler_id)}/{zuordnung_id}", als=als("buchhaltung"))
    assert (einer.json, einer.headers["ETag"]) == (antwort.json, '"1"')
    liste = client.get(_pfad(stromzaehler_id), als=als("buchhaltung"))
    assert (liste.json["eintraege"], liste.json["gesamt"]) == ([antwort.json], 1)
    zeile = session.scalars(select(Audit).where(Audit.objekt_art == "kunde_stromzaehler")).one()
    assert (zeile.aktion, zeile.objekt_id) == ("ANGELEGT", zuordnung_id)
    assert zeile.neu == {
        "kunde_id": kunde_id, "stromzaehler_id": stromzaehler_id, "von": "2025-12-31T23:00:00Z", "bis": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("von", "bis", "status"),
    [
        ("2026-01-01", None, 409),
        ("2026-05-31", None, 409),
        ("2026-01-01", "2026-05-02", 409),
        ("2026-05-10", "2026-05-20", 409),
        ("2026-01-01", "2026-05-01", 201),
        ("2026-06-01", None, 201),
        ("2026-06-01", "2026-07-01", 201),
    ],
)
def test_one_customer_at_a_time(client, als, welt, von, bis, status):
    stromzaehler_id = welt.stromzaehler()
    welt.zuordnung(welt.kunde(), stromzaehler_id, MAI, JUNI)
    welt.zuordnung(welt.kunde(), welt.stromzaehler(), JAN)
    daten = {"kunde_id": welt.kunde(), "von": f"{von}T00:00:00Z", "bis": bis and f"{bis}T00:00:00Z"}
    antwort = client.post(_pfad(stromzaehler_id), json=daten, als=als("sachbearbeitung"))
    assert antwort.status_code == status
    if status == 409:
        assert antwort.json["code"] == "zuordnung_ueberlappt"


def test_a_move_ends_one_and_begins_another(client, als, welt, session):
    stromzaehler_id, neuer_kunde = welt.stromzaehler(), welt.kunde()
    zuordnung_id = welt.zuordnung(welt.kunde(), stromzaehler_id, JAN)
    pfad, person = f"{_pfad(stromzaehler_id)}/{zuordnung_id}", als("sachbearbeitung")
    auszug, einzug = {"bis": "2026-05-01T00:00:00Z"}, {"kunde_id": neuer_kunde, "von": "2026-05-01T00:00:00Z"}
    assert client.post(_pfad(stromzaehler_id), json=einzug, als=person).status_code == 409
    assert client.patch(pfad, json=auszug, als=person).status_code == 428
    beendet = client.patch(pfad, json=auszug, als=person, version=1)
    assert (beendet.status_code, beendet.headers["ETag"]) == (200, '"2"')
    assert client.patch(pfad, json={"bis": None}, als=person, version=1).status_code == 412
    assert client.post(_pfad(stromzaehler_id), json=einzug, als=person).status_code == 201
    wieder_offen = client.patch(pfad, json={"bis": None}, als=person, version=2)
    assert (wieder_offen.status_code, wieder_offen.json["code"]) == (409, "zuordnung_ueberlappt")
    zeile = session.scalars(select(Audit).where(Audit.aktion == "GEAENDERT")).one()
    assert (zeile.objekt_id, zeile.alt, zeile.neu) == (zuordnung_id, {"bis": None}, auszug)


def test_an_edge_may_be_moved_within_its_own_period(client, als, welt):
    stromzaehler_id = welt.stromzaehler()
    zuordnung_id = welt.zuordnung(welt.kunde(), stromzaehler_id, JAN, MAI)
    daten = {"von": "2026-02-01T00:00:00Z", "bis": "2026-04-01T00:00:00Z"}
    antwort = client.patch(
        f"{_pfad(stromzaehler_id)}/{zuordnung_id}", json=daten, als=als("sachbearbeitung"), version=1
    )
    assert antwort.status_code == 200
    leer = client.patch(
        f"{_pfad(stromzaehler_id)}/{zuordnung_id}",
        json={"von": "2026-04-01T00:00:00Z"},
        als=als("sachbearbeitung"),
        version=2,
    )
    assert (leer.status_code, leer.json["code"]) == (422, "zeitraum_ungueltig")


@pytest.mark.parametrize(
    ("aenderung", "feld"),
    [
        ({"von": "2026-01-01T00:00:00"}, "von"),
        ({"von": "2026-01-01"}, "von"),
        ({"von": 1_767_225_600}, "von"),
        ({"von": "2026-01-01T00:07:00Z"}, "von"),
        ({"von": "2026-01-01T00:00:00.5Z"}, "von"),
        ({"von": "1969-12-31T00:00:00Z"}, "von"),
        ({"bis": "9999-12-31T00:00:00Z"}, "bis"),
        ({"von": None}, "von"),
        ({"kunde_id": 1.9}, "kunde_id"),
        ({"kunde_id": True}, "kunde_id"),
        ({"kunde_id": -1}, "kunde_id"),
        ({"stromzaehler_id": 1}, "stromzaehler_id"),
    ],
)
def test_bad_values_name_their_field(client, als, welt, aenderung, feld):
    daten = {"kunde_id": welt.kunde(), "von": "2026-01-01T00:00:00Z", **aenderung}
    antwort = client.post(_pfad(welt.stromzaehler()), json=daten, als=als("sachbearbeitung"))
    assert (antwort.status_code, set(antwort.json["errors"]["json"])) == (422, {feld})


def test_unknown_customer_and_empty_period(client, als, welt):
    pfad, person = _pfad(welt.stromzaehler()), als("sachbearbeitung")
    unbekannt = client.post(pfad, json={"kunde_id": 999999, "von": "2026-01-01T00:00:00Z"}, als=person)
    assert (unbekannt.status_code, unbekannt.json["code"]) == (422, "kunde_unbekannt")
    leer = {"kunde_id": welt.kunde(), "von": "2026-01-01T00:00:00Z", "bis": "2026-01-01T00:00:00Z"}
    antwort = client.post(pfad, json=leer, als=person)
    assert (antwort.status_code, antwort.json["code"]) == (422, "zeitraum_ungueltig")


def test_unknown_ids_and_those_of_another_meter(client, als, welt):
    a, b = welt.stromzaehler(), welt.stromzaehler()
    zuordnung_id = welt.zuordnung(welt.kunde(), a, JAN)
    person, daten = als("sachbearbeitung"), {"kunde_id": welt.kunde(), "von": "2026-01-01T00:00:00Z"}
    antworten = [
        client.get(_pfad(999999), als=person),
        client.post(_pfad(999999), json=daten, als=person),
        client.get(f"{_pfad(b)}/{zuordnung_id}", als=person),
        client.patch(f"{_pfad(b)}/{zuordnung_id}", json={}, als=person, version=1),
        client.get(f"{_pfad(a)}/999999", als=person),
    ]
    assert {antwort.status_code for antwort in antworten} == {404}


@pytest.mark.parametrize("rolle", ["kunde", "wartung", "monteur", "tarif", "buchhaltung", "analyse", "admin"])
def test_only_clerks_assign(client, als, welt, rolle):
    kunde_id, stromzaehler_id = welt.kunde(), welt.stromzaehler()
    zuordnung_id = welt.zuordnung(kunde_id, stromzaehler_id, JAN)
    person = als(rolle, kunde_id=kunde_id if rolle == "kunde" else None)
    lesen = 200 if rolle == "buchhaltung" else 403
    assert client.get(_pfad(stromzaehler_id), als=person).status_code == lesen
    assert client.get(f"{_pfad(stromzaehler_id)}/{zuordnung_id}", als=person).status_code == lesen
    assert client.post(_pfad(stromzaehler_id), json={}, als=person).status_code == 403
    assert client.patch(f"{_pfad(stromzaehler_id)}/{zuordnung_id}", json={}, als=person).status_code == 403


def test_nobody_is_asked_to_log_in(client, welt):
    pfad = _pfad(welt.stromzaehler())
    antworten = [client.get(pfad), client.post(pfad), client.get(f"{pfad}/1"), client.patch(f"{pfad}/1")]
    antworten.append(client.get(f"/v1/kunden/{welt.kunde()}/stromzaehler"))
    assert {antwort.status_code for antwort in antworten} == {401}


def test_meters_of_a_customer(client, als, welt, app):
    ich, andere = welt.kunde(), welt.kunde()
    alt, neu, spaeter, fremder = [welt.stromzaehler() for _ in range(4)]
    welt.zuordnung(ich, alt, JAN, MAI)
    welt.zuordnung(ich, neu, MAI)
    welt.zuordnung(ich, spaeter, JULI)
    welt.zuordnung(andere, fremder, JAN)
    pfad, person = f"/v1/kunden/{ich}/stromzaehler", als("kunde", kunde_id=ich)
    with recorded_statements(app.extensions["msb_engine"]) as zwei:
        antwort = client.get(pfad, als=person)
    with recorded_statements(app.extensions["msb_engine"]) as einer:
        seite = client.get(f"{pfad}?pro_seite=1&seite=2", als=person)
    assert [zeile["stromzaehler"]["stromzaehler_id"] for zeile in antwort.json["eintraege"]] == [neu, alt]
    assert antwort.json["eintraege"][1]["bis"] == "2026-05-01T00:00:00Z"
    assert [zeile["stromzaehler"]["stromzaehler_id"] for zeile in seite.json["eintraege"]] == [alt]
    assert len(zwei) == len(einer)
    clerk = client.get(pfad, als=als("sachbearbeitung"))
    assert [zeile["stromzaehler"]["stromzaehler_id"] for zeile in clerk.json["eintraege"]] == [spaeter, neu, alt]
    fremd, nirgends = (
        client.get(f"/v1/kunden/{kunde_id}/stromzaehler", als=person) for kunde_id in (andere, 999999)
    )
    assert (fremd.status_code, nirgends.status_code, fremd.json) == (404, 404, nirgends.json)
    for rolle in ("wartung", "monteur", "tarif", "analyse", "admin"):
        assert client.get(pfad, als=als(rolle)).status_code == 403


def _kunde(kunde_id):
    return Akteur(name="benutzer:1", zeitpunkt=JETZT, umfang=Umfang.EIGENE, kunde_id=kunde_id)


def test_own_intervals(session, welt):
    ich, andere, dritter, stromzaehler_id = welt.kunde(), welt.kunde(), welt.kunde(), welt.stromzaehler()
    welt.zuordnung(ich, stromzaehler_id, JAN, MAI)
    welt.zuordnung(andere, stromzaehler_id, MAI, JUNI)
    welt.zuordnung(ich, stromzaehler_id, JUNI)
    staff = system_akteur("test", JETZT)
    assert service.own_intervals(session, staff, stromzaehler_id, JAN, JULI) == [(JAN, JULI)]
    assert service.own_intervals(session, _kunde(ich), stromzaehler_id, JAN, JULI) == [(JAN, MAI), (JUNI, JULI)]
    assert service.own_intervals(session, _kunde(andere), stromzaehler_id, JAN, JULI) == [(MAI, JUNI)]
    assert service.own_intervals(session, _kunde(andere), stromzaehler_id, JAN, MAI) == []
    for akteur, wo in ((_kunde(dritter), stromzaehler_id), (_kunde(ich), 999999), (staff, 999999)):
        with pytest.raises(NichtGefunden):
            service.own_intervals(session, akteur, wo, JAN, JULI)


def test_a_meter_that_will_be_theirs_is_not_theirs_yet(session, welt):
    ich, stromzaehler_id = welt.kunde(), welt.stromzaehler()
    welt.zuordnung(ich, stromzaehler_id, JULI)
    with pytest.raises(NichtGefunden):
        service.own_intervals(session, _kunde(ich), stromzaehler_id, JAN, JULI)


def test_intervals_of_a_customer(session, welt):
    ich, andere = welt.kunde(), welt.kunde()
    b, a = welt.stromzaehler(zaehlernummer="1EMH0000000002"), welt.stromzaehler(zaehlernummer="1EMH0000000001")
    welt.zuordnung(ich, b, MAI)
    welt.zuordnung(ich, a, JAN, MAI)
    welt.zuordnung(ich, a, MAI, JUNI)
    welt.zuordnung(andere, a, JUNI)
    im_april = datetime(2026, 4, 15, tzinfo=UTC)
    zeilen = service.list_zuordnungen_of_kunde(session, _kunde(ich), ich, im_april, JULI)
    assert [(zaehler.stromzaehler_id, von, bis) for zaehler, von, bis in zeilen] == [
        (a, im_april, JUNI),
        (b, MAI, JULI),
    ]
    assert service.list_zuordnungen_of_kunde(session, _kunde(andere), andere, JAN, MAI) == []


def test_only_staff_see_a_meter_that_will_be_a_customers(session, welt):
    ich, stromzaehler_id = welt.kunde(), welt.stromzaehler()
    welt.zuordnung(ich, stromzaehler_id, JULI)
    august = datetime(2026, 8, 1, tzinfo=UTC)
    staff = system_akteur("test", JETZT)
    assert len(service.list_zuordnungen_of_kunde(session, staff, ich, JAN, august)) == 1
    assert service.list_zuordnungen_of_kunde(session, _kunde(ich), ich, JAN, august) == []


def test_two_clerks_at_once_on_postgresql(postgres_url):
    """The second one passes the check while the first is not committed; the constraint stops it."""
    engine = create_engine(postgres_url)
    welt = Welt(engine, FesteUhr())
    erster, zweiter, stromzaehler_id = welt.kunde(), welt.kunde(), welt.stromzaehler()
    ergebnis = []

    def assign() -> None:
        with create_session(engine) as session:
            try:
                daten = {"kunde_id": zweiter, "von": MAI, "bis": None}
                service.create_zuordnung(session, system_akteur("test", JETZT), stromzaehler_id, daten)
            except KonfliktFehler as fehler:
                ergebnis.append((fehler.code, type(fehler.__cause__)))

    run_while_locked(engine, KundeStromzaehler(kunde_id=erster, stromzaehler_id=stromzaehler_id, von=JAN), assign)
    engine.dispose()
    assert ergebnis == [("zuordnung_ueberlappt", IntegrityError)]

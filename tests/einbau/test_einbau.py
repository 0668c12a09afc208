"""Installing and removing meters: what it changes, overlaps, and who may."""

from datetime import UTC, date, datetime

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from betreiber.auth.domain import system_akteur
from betreiber.einbau import service
from betreiber.errors import KonfliktFehler
from db.models import Audit, Einbau, Ereignis, KundeStromzaehler, Stromzaehler, Wartung
from db.session import create_engine, create_session
from tests.hilfen import FesteUhr, Welt, run_while_locked

JAN, MAI, JUNI = (datetime(2026, monat, 1, tzinfo=UTC) for monat in (1, 5, 6))


def _pfad(stromzaehler_id):
    return f"/v1/stromzaehler/{stromzaehler_id}/einbauten"


def test_install(client, als, welt, session):
    stromzaehler_id, messstelle_id = welt.stromzaehler(), welt.messstelle(malo_id="41373559241", hausnummer="7")
    # 23:30 in UTC is the next day in Europe/Berlin.
    daten = {"messstelle_id": messstelle_id, "von": "2026-05-31T23:30:00Z"}
    antwort = client.post(_pfad(stromzaehler_id), json=daten, als=als("wartung"))
    assert (antwort.status_code, antwort.headers["ETag"]) == (201, '"1"')
    einbau_id = antwort.json["einbau_id"]
    assert antwort.json == {
        "einbau_id": einbau_id,
        "stromzaehler_id": stromzaehler_id,
        "messstelle": {
            "messstelle_id": messstelle_id,
            "malo_id": "41373559241",
            "strasse": "Lindenallee",
            "hausnummer": "7",
            "hausnummerzusatz": None,
            "postleitzahl": "50667",
            "stadtname": "Köln",
        },
        "von": "2026-05-31T23:30:00Z",
        "bis": None,
        "version": 1,
    }
    einer = client.get(f"{_pfad(stromzaehler_id)}/{einbau_id}", als=als("sachbearbeitung"))
    assert (einer.json, einer.headers["ETag"]) == (antwort.json, '"1"')
    assert client.get(_pfad(stromzaehler_id), als=als("wartung")).json["eintraege"] == [antwort.json]
    assert session.get(Stromzaehler, stromzaehler_id).zustand == "EINGEBAUT"
    assert session.get(Wartung, stromzaehler_id).einbau_datum == date(2026, 6, 1)
    ereignis = session.scalars(select(Ereignis)).one()
    assert (ereignis.art, ereignis.objekt_art, ereignis.objekt_id) == (
        "STROMZAEHLER_EINGEBAUT", "stromzaehler", stromzaehler_id,
    )  # fmt: skip
    assert ereignis.daten == daten
    assert [(zeile.objekt_art, zeile.objekt_id, zeile.alt, zeile.neu) for zeile in _audit(session)] == [
        ("einbau", einbau_id, {}, {"stromzaehler_id": stromzaehler_id, **daten}),
        (
            "stromzaehler",
            stromzaehler_id,
            {"zustand": "LAGER", "inbetriebnahme_datum": None},
            {"zustand": "EINGEBAUT", "inbetriebnahme_datum": "2026-06-01"},
        ),
        ("wartung", stromzaehler_id, {"einbau_datum": None}, {"einbau_datum": "2026-06-01"}),
    ]


def _audit(session: Session) -> list[Audit]:
    return list(session.scalars(select(Audit).order_by(Audit.objekt_art)))


def test_remove(client, als, welt, session):
    stromzaehler_id, messstelle_id = welt.stromzaehler(zustand="EINGEBAUT"), welt.messstelle()
    einbau_id = welt.einbau(stromzaehler_id, messstelle_id, JAN)
    pfad, person, daten = f"{_pfad(stromzaehler_id)}/{einbau_id}", als("wartung"), {"bis": "2026-05-01T08:15:00Z"}
    assert client.patch(pfad, json=daten, als=person).status_code == 428
    antwort = client.patch(pfad, json=daten, als=person, version=1)
    assert (antwort.status_code, antwort.headers["ETag"], antwort.json["bis"]) == (200, '"2"', daten["bis"])
    assert client.patch(pfad, json=daten, als=person, version=1).status_code == 412
    assert session.get(Stromzaehler, stromzaehler_id).zustand == "AUSGEBAUT"
    ereignis = session.scalars(select(Ereignis)).one()
    assert (ereignis.art, ereignis.daten) == ("STROMZAEHLER_AUSGEBAUT", {"messstelle_id": messstelle_id, **daten})
    assert [(zeile.objekt_art, zeile.alt, zeile.neu) for zeile in _audit(session)] == [
        ("einbau", {"bis": None}, daten),
        ("stromzaehler", {"zustand": "EINGEBAUT"}, {"zustand": "AUSGEBAUT"}),
    ]


def test_a_removed_meter_is_nobodys_at_its_next_place(client, als, welt, session):
    stromzaehler_id, person = welt.stromzaehler(zustand="EINGEBAUT"), als("wartung")
    zuordnung_id = welt.zuordnung(welt.kunde(), stromzaehler_id, JAN)
    pfad = f"{_pfad(stromzaehler_id)}/{welt.einbau(stromzaehler_id, welt.messstelle(), JAN)}"
    assert client.patch(pfad, json={"bis": "2026-05-01T00:00:00Z"}, als=person, version=1).status_code == 200
    assert session.get(KundeStromzaehler, zuordnung_id).bis == MAI
    session.rollback()  # SQLite has one writer.
    daten = {"messstelle_id": welt.messstelle(), "von": "2026-06-01T00:00:00Z"}
    assert client.post(_pfad(stromzaehler_id), json=daten, als=person).status_code == 201


def test_a_meter_that_is_to_be_somebodys_later_is_not_removed(client, als, welt, session):
    stromzaehler_id = welt.stromzaehler(zustand="EINGEBAUT")
    einbau_id = welt.einbau(stromzaehler_id, welt.messstelle(), JAN)
    welt.zuordnung(welt.kunde(), stromzaehler_id, JUNI)
    pfad, daten = f"{_pfad(stromzaehler_id)}/{einbau_id}", {"bis": "2026-05-01T00:00:00Z"}
    antwort = client.patch(pfad, json=daten, als=als("wartung"), version=1)
    assert (antwort.status_code, antwort.json["code"]) == (409, "zuordnung_ueberlappt")
    assert session.get(Einbau, einbau_id).bis is None


@pytest.mark.parametrize(("von", "status"), [(JAN, 409), (JUNI, 201)])
def test_whose_a_meter_is_from_before_is_ended_before_it_hangs_elsewhere(client, als, welt, von, status):
    stromzaehler_id = welt.stromzaehler(zustand="AUSGEBAUT")
    welt.einbau(stromzaehler_id, welt.messstelle(), JAN, MAI)
    welt.zuordnung(welt.kunde(), stromzaehler_id, von)
    daten = {"messstelle_id": welt.messstelle(), "von": "2026-06-01T00:00:00Z"}
    antwort = client.post(_pfad(stromzaehler_id), json=daten, als=als("wartung"))
    assert antwort.status_code == status
    if status == 409:
        assert antwort.json["code"] == "zuordnung_ueberlappt"


def test_a_distrusted_meter_stays_so_when_it_is_removed(client, als, welt, session):
    stromzaehler_id = welt.stromzaehler(zustand="GESPERRT")
    pfad = f"{_pfad(stromzaehler_id)}/{welt.einbau(stromzaehler_id, welt.messstelle(), JAN)}"
    antwort = client.patch(pfad, json={"bis": "2026-05-01T00:00:00Z"}, als=als("wartung"), version=1)
    assert antwort.status_code == 200
    assert session.get(Stromzaehler, stromzaehler_id).zustand == "GESPERRT"
    assert session.scalars(select(Ereignis.art)).all() == ["STROMZAEHLER_AUSGEBAUT"]


def test_an_end_with_all_that_stands_on_it_stays(client, als, welt, session):
    stromzaehler_id, person = welt.stromzaehler(zustand="AUSGEBAUT"), als("wartung")
    einbau_id = welt.einbau(stromzaehler_id, welt.messstelle(), JAN, MAI)
    welt.zuordnung(welt.kunde(), stromzaehler_id, JAN, MAI)
    pfad = f"{_pfad(stromzaehler_id)}/{einbau_id}"
    for bis in ("2026-05-02T00:00:00Z", "2026-04-30T00:00:00Z"):
        antwort = client.patch(pfad, json={"bis": bis}, als=person, version=1)
        assert (antwort.status_code, antwort.json["code"]) == (409, "einbau_beendet")
    # Said once more it is no other.
    nochmal = client.patch(pfad, json={"bis": "2026-05-01T00:00:00Z"}, als=person, version=1)
    assert (nochmal.status_code, nochmal.json["version"]) == (200, 1)
    assert session.scalars(select(Ereignis)).all() == []
    assert session.scalars(select(Audit)).all() == []
    assert session.get(Einbau, einbau_id).bis == MAI
    assert session.scalars(select(KundeStromzaehler.bis)).all() == [MAI]


def test_a_meter_that_hung_longer_is_put_in_again_and_taken_out_then(client, als, welt):
    """The way that the refusal names."""
    stromzaehler_id = welt.stromzaehler(zustand="AUSGEBAUT")
    messstelle_id, kunde_id = welt.messstelle(), welt.kunde()
    welt.einbau(stromzaehler_id, messstelle_id, JAN, MAI)
    welt.zuordnung(kunde_id, stromzaehler_id, JAN, MAI)
    einbau = {
        "stromzaehler_id": stromzaehler_id,
        "zeitpunkt": "2026-05-01T00:00:00Z",
        "anfangsstand": {"bezug_gesamt_wh": 5_000, "einspeisung_gesamt_wh": 0},
        "kunde_id": kunde_id,
    }
    ausbau = {
        "stromzaehler_id": stromzaehler_id,
        "zeitpunkt": "2026-05-02T00:00:00Z",
        "schlussstand": {"bezug_gesamt_wh": 5_700, "einspeisung_gesamt_wh": 0},
    }
    for was, daten in (("zaehlereinbau", einbau), ("zaehlerausbau", ausbau)):
        antwort = client.post(f"/v1/messstellen/{messstelle_id}/{was}", json=daten, als=als("wartung"))
        assert antwort.status_code == 201, antwort.text
    zeitraum = "von=2026-05-01T00:00:00Z&bis=2026-05-02T00:00:00Z"
    pfad = f"/v1/stromzaehler/{stromzaehler_id}/verbrauch?aufloesung=gesamt&{zeitraum}"
    antwort = client.get(pfad, als=als("kunde", kunde_id=kunde_id))
    assert antwort.json["summe"]["bezug_wh"] == 700, antwort.text


def test_a_meter_is_exchanged(client, als, welt, session):
    alt, neu, messstelle_id = welt.stromzaehler(zustand="EINGEBAUT"), welt.stromzaehler(), welt.messstelle()
    einbau_id = welt.einbau(alt, messstelle_id, JAN)
    person, daten = als("wartung"), {"messstelle_id": messstelle_id, "von": "2026-05-01T00:00:00Z"}
    belegt = client.post(_pfad(neu), json=daten, als=person)
    assert (belegt.status_code, belegt.json["code"]) == (409, "messstelle_belegt")
    ausbau = client.patch(f"{_pfad(alt)}/{einbau_id}", json={"bis": daten["von"]}, als=person, version=1)
    assert ausbau.status_code == 200
    assert client.post(_pfad(neu), json=daten, als=person).status_code == 201
    zurueck = client.post(_pfad(alt), json={**daten, "messstelle_id": welt.messstelle()}, als=person)
    assert zurueck.status_code == 201
    zu_spaet = {"bis": "2026-05-02T00:00:00Z"}
    beide = client.patch(f"{_pfad(alt)}/{einbau_id}", json=zu_spaet, als=person, version=2)
    assert (beide.status_code, beide.json["code"]) == (409, "einbau_beendet")


@pytest.mark.parametrize(
    ("von", "status"), [("2025-12-01", 409), ("2026-02-01", 409), ("2026-05-01", 201), ("2026-06-01", 201)]
)
def test_a_meter_hangs_at_one_place(client, als, welt, von, status):
    stromzaehler_id = welt.stromzaehler(zustand="AUSGEBAUT")
    welt.einbau(stromzaehler_id, welt.messstelle(), JAN, MAI)
    daten = {"messstelle_id": welt.messstelle(), "von": f"{von}T00:00:00Z"}
    antwort = client.post(_pfad(stromzaehler_id), json=daten, als=als("wartung"))
    assert antwort.status_code == status
    if status == 409:
        assert antwort.json["code"] == "einbau_ueberlappt"


@pytest.mark.parametrize("zustand", ["GESPERRT", "VERSCHROTTET"])
def test_a_distrusted_or_scrapped_meter_is_not_installed(client, als, welt, zustand):
    daten = {"messstelle_id": welt.messstelle(), "von": "2026-05-01T00:00:00Z"}
    antwort = client.post(_pfad(welt.stromzaehler(zustand=zustand)), json=daten, als=als("wartung"))
    assert (antwort.status_code, antwort.json["code"]) == (409, "zaehler_nicht_einbaubar")


def test_only_what_has_happened_is_recorded(client, als, welt):
    stromzaehler_id, messstelle_id, person = welt.stromzaehler(), welt.messstelle(), als("wartung")
    spaeter = client.post(
        _pfad(stromzaehler_id), json={"messstelle_id": messstelle_id, "von": "2026-06-15T10:00:01Z"}, als=person
    )
    assert (spaeter.status_code, spaeter.json["code"]) == (422, "zeitpunkt_in_zukunft")
    pfad = f"{_pfad(stromzaehler_id)}/{welt.einbau(stromzaehler_id, messstelle_id, MAI)}"
    for bis, code in (
        ("2026-06-15T10:00:01Z", "zeitpunkt_in_zukunft"),
        ("2026-05-01T00:00:00Z", "zeitraum_ungueltig"),
    ):
        antwort = client.patch(pfad, json={"bis": bis}, als=person, version=1)
        assert (antwort.status_code, antwort.json["code"], set(antwort.json["errors"])) == (422, code, {"bis"})


def test_unknown_ids_and_those_of_another_meter(client, als, welt):
    a, b, person = welt.stromzaehler(), welt.stromzaehler(), als("wartung")
    einbau_id = welt.einbau(a, welt.messstelle(), JAN)
    daten = {"messstelle_id": welt.messstelle(), "von": "2026-05-01T00:00:00Z"}
    antworten = [
        client.get(_pfad(999999), als=person),
        client.post(_pfad(999999), json=daten, als=person),
        client.get(f"{_pfad(b)}/{einbau_id}", als=person),
        client.patch(f"{_pfad(b)}/{einbau_id}", json={"bis": "2026-05-01T00:00:00Z"}, als=person, version=1),
    ]
    assert {antwort.status_code for antwort in antworten} == {404}
    unbekannt = client.post(_pfad(b), json={**daten, "messstelle_id": 999999}, als=person)
    assert (unbekannt.status_code, unbekannt.json["code"]) == (422, "messstelle_unbekannt")


@pytest.mark.parametrize(
    ("aenderung", "feld"),
    [
        ({"von": "2026-05-01T00:00:00"}, "von"),
        ({"von": "2026-05-01T00:00:00Z\x00"}, "von"),
        ({"von": 1}, "von"),
        ({"messstelle_id": "1"}, "messstelle_id"),
        ({"messstelle_id": None}, "messstelle_id"),
        ({"bis": "2026-05-02T00:00:00Z"}, "bis"),
    ],
)
def test_bad_values_name_their_field(client, als, welt, aenderung, feld):
    daten = {"messstelle_id": welt.messstelle(), "von": "2026-05-01T00:00:00Z", **aenderung}
    antwort = client.post(_pfad(welt.stromzaehler()), json=daten, als=als("wartung"))
    assert (antwort.status_code, set(antwort.json["errors"]["json"])) == (422, {feld})


@pytest.mark.parametrize(
    ("rolle", "lesen", "schreiben"),
    [
        ("kunde", 403, 403),
        ("sachbearbeitung", 200, 403),
        ("wartung", 200, 422),
        ("monteur", 403, 403),
        ("tarif", 403, 403),
        ("buchhaltung", 403, 403),
        ("analyse", 403, 403),
        ("admin", 403, 403),
    ],
)
def test_rights(client, als, welt, rolle, lesen, schreiben):
    kunde_id, stromzaehler_id = welt.kunde(), welt.stromzaehler()
    welt.zuordnung(kunde_id, stromzaehler_id, JAN)
    einer = f"{_pfad(stromzaehler_id)}/{welt.einbau(stromzaehler_id, welt.messstelle(), JAN)}"
    person = als(rolle, kunde_id=kunde_id if rolle == "kunde" else None)
    assert client.get(_pfad(stromzaehler_id), als=person).status_code == lesen
    assert client.get(einer, als=person).status_code == lesen
    assert client.post(_pfad(stromzaehler_id), json={}, als=person).status_code == schreiben
    assert client.patch(einer, json={}, als=person, version=1).status_code == schreiben


def test_nobody_is_asked_to_log_in(client, welt):
    pfad = _pfad(welt.stromzaehler())
    antworten = [client.get(pfad), client.post(pfad), client.get(f"{pfad}/1"), client.patch(f"{pfad}/1")]
    assert {antwort.status_code for antwort in antworten} == {401}


def test_list_is_paged(client, als, welt):
    stromzaehler_id = welt.stromzaehler()
    zweiter = welt.einbau(stromzaehler_id, welt.messstelle(), MAI)
    erster = welt.einbau(stromzaehler_id, welt.messstelle(), JAN, MAI)
    liste = client.get(_pfad(stromzaehler_id), als=als("wartung"))
    assert [zeile["einbau_id"] for zeile in liste.json["eintraege"]] == [erster, zweiter]
    seite = client.get(f"{_pfad(stromzaehler_id)}?seite=2&pro_seite=1", als=als("wartung"))
    assert [zeile["einbau_id"] for zeile in seite.json["eintraege"]] == [zweiter]
    assert client.get(f"{_pfad(stromzaehler_id)}?von=2026", als=als("wartung")).status_code == 422


@pytest.mark.parametrize(
    ("gleich", "code"), [("stromzaehler_id", "einbau_ueberlappt"), ("messstelle_id", "messstelle_belegt")]
)
def test_two_people_at_once_on_postgresql(postgres_url, gleich, code):
    """The second one passes the check while the first is not committed; a constraint stops it."""
    engine = create_engine(postgres_url)
    welt = Welt(engine, FesteUhr())
    erster = {"stromzaehler_id": welt.stromzaehler(), "messstelle_id": welt.messstelle(), "von": JAN}
    zweiter = {"stromzaehler_id": welt.stromzaehler(), "messstelle_id": welt.messstelle(), "von": MAI}
    zweiter[gleich] = erster[gleich]
    ergebnis = []

    def install() -> None:
        with create_session(engine) as session:
            try:
                service.create_einbau(
                    session, system_akteur("test", JUNI), zweiter.pop("stromzaehler_id"), zweiter
                )
            except KonfliktFehler as fehler:
                ergebnis.append((fehler.code, type(fehler.__cause__)))

    run_while_locked(engine, Einbau(**erster), install)
    engine.dispose()
    assert ergebnis == [(code, IntegrityError)]

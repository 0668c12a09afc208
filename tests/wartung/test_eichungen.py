"""Facts of verification, and what may be billed after the end of the Eichfrist, through the API."""

from datetime import UTC, date, datetime

import pytest
from sqlalchemy import select

from betreiber.auth.domain import Rolle
from db.models import Audit, Eichung, Wartung

JAN = datetime(2026, 1, 1, tzinfo=UTC)
LESEN = {"wartung", "sachbearbeitung"}


@pytest.fixture
def zaehler(welt):
    """Electronic, marked 2017: its Eichfrist ended on 31 December 2025, half a year ago."""
    return welt.stromzaehler(kennzeichnung_jahr=2017)


LOS_ZU_FRUEH = {
    "art": "LOSVERLAENGERUNG",
    "datum": "2023-12-30",
    "bis_datum": "2030-12-31",
    "los": "L",
    "beleg": "B",
}


def post(client, person, zaehler, was, **daten):
    return client.post(f"/v1/stromzaehler/{zaehler}/{was}", json=daten, als=person)


def test_a_verification_moves_what_is_due_and_is_audited(client, als, zaehler, session):
    person = als("wartung")
    antwort = post(client, person, zaehler, "eichungen", art="EICHUNG", datum="2026-05-04", beleg="Schein 1")
    assert antwort.status_code == 201
    eichung_id = antwort.json["eichung_id"]
    assert antwort.json == {
        "eichung_id": eichung_id,
        "stromzaehler_id": zaehler,
        "art": "EICHUNG",
        "datum": "2026-05-04",
        "bis_datum": None,
        "los": None,
        "beleg": "Schein 1",
        "angelegt_zeitpunkt": "2026-06-15T10:00:00Z",
        "zurueckgenommen_zeitpunkt": None,
    }
    # Late: eight years from the old end.
    wartung = session.get(Wartung, zaehler)
    assert (wartung.naechste_wartung_datum, wartung.anlass) == (date(2033, 12, 31), "EICHFRIST")
    assert (wartung.eichfrist_ende_datum, wartung.letzte_eichung_datum) == (date(2033, 12, 31), date(2026, 5, 4))
    zeilen = session.scalars(select(Audit).order_by(Audit.audit_id)).all()
    assert [(z.objekt_art, z.objekt_id, z.aktion) for z in zeilen] == [
        ("eichung", eichung_id, "ANGELEGT"),
        ("wartung", zaehler, "GEAENDERT"),
    ]
    assert zeilen[0].neu["beleg"] == "Schein 1"


def test_taking_back_is_kept_audited_and_once(client, als, zaehler, session):
    person = als("wartung")
    eichung_id = post(client, person, zaehler, "eichungen", art="EICHUNG", datum="2026-05-04").json["eichung_id"]
    pfad = f"/v1/stromzaehler/{zaehler}/eichungen"
    assert [client.delete(f"{pfad}/{eichung_id}", als=person).status_code for _ in range(2)] == [204, 204]
    wartung = session.get(Wartung, zaehler)
    assert (wartung.naechste_wartung_datum, wartung.letzte_eichung_datum) == (date(2025, 12, 31), None)
    session.rollback()
    eintrag = client.get(pfad, als=person).json["eintraege"]
    assert [zeile["zurueckgenommen_zeitpunkt"] for zeile in eintrag] == ["2026-06-15T10:00:00Z"]
    ruecknahme = session.scalars(
        select(Audit).where(Audit.objekt_art == "eichung", Audit.aktion == "GEAENDERT")
    ).one()
    assert ruecknahme.neu == {"zurueckgenommen_zeitpunkt": "2026-06-15T10:00:00Z"}
    session.rollback()
    # What was taken back may be entered again.
    assert post(client, person, zaehler, "eichungen", art="EICHUNG", datum="2026-05-04").status_code == 201


def test_what_is_no_verification_leaves_the_day_of_the_last_one(client, als, zaehler, session):
    person, pfad = als("wartung"), f"/v1/stromzaehler/{zaehler}"
    client.patch(f"{pfad}/wartung", json={"letzte_eichung_datum": "2025-05-04"}, als=person, version=0)
    antwort = post(client, person, zaehler, "eichungen", art="EINGRIFF", datum="2026-05-04")
    assert client.get(f"{pfad}/wartung", als=person).json["eichfrist_ende_datum"] == "2026-05-04"
    client.delete(f"{pfad}/eichungen/{antwort.json['eichung_id']}", als=person)
    wartung = client.get(f"{pfad}/wartung", als=person).json
    # Verified in time in May 2025.
    assert (wartung["letzte_eichung_datum"], wartung["eichfrist_ende_datum"]) == ("2025-05-04", "2033-12-31")


def test_the_list_is_in_the_order_of_days_and_paged(client, als, zaehler):
    person = als("wartung")
    for tag in ("2025-05-04", "2024-05-04", "2026-05-04"):
        post(client, person, zaehler, "eichungen", art="EICHUNG", datum=tag)
    seite = client.get(f"/v1/stromzaehler/{zaehler}/eichungen?pro_seite=2&seite=1", als=person).json
    assert [zeile["datum"] for zeile in seite["eintraege"]] == ["2024-05-04", "2025-05-04"]
    assert seite["gesamt"] == 3


def test_the_day_of_the_last_verification_follows_the_list(client, als, zaehler):
    person, pfad = als("wartung"), f"/v1/stromzaehler/{zaehler}/wartung"
    post(client, person, zaehler, "eichungen", art="EICHUNG", datum="2026-05-04")
    for tag in ("2026-05-05", None):
        antwort = client.patch(pfad, json={"letzte_eichung_datum": tag}, als=person, version=1)
        assert (antwort.status_code, antwort.json["code"]) == (409, "eichung_eingetragen")


@pytest.mark.parametrize(
    ("daten", "status", "code"),
    [
        ({"art": "EICHUNG", "datum": "2026-06-16"}, 422, "datum_in_zukunft"),
        ({"art": "LOSVERLAENGERUNG", "datum": "2025-05-04"}, 422, "eingabe_ungueltig"),
        ({"art": "NICHTBENUTZUNG", "datum": "2025-05-04"}, 422, "eingabe_ungueltig"),
        (
            {"art": "NICHTBENUTZUNG", "datum": "2025-05-04", "bis_datum": "2025-05-03", "beleg": "B"},
            422,
            "zeitraum_ungueltig",
        ),
        (
            {
                "art": "LOSVERLAENGERUNG",
                "datum": "2023-12-30",
                "bis_datum": "2030-12-31",
                "los": "L",
                "beleg": "B",
            },
            422,
            "losverlaengerung_unzulaessig",
        ),
        ({"art": "EICHUNG", "datum": "2016-12-31"}, 422, "datum_vor_kennzeichnung"),
        ({"art": "EICHUNG", "datum": "2024-05-04"}, 409, "eichung_eingetragen"),
        ({"art": "GEEICHT", "datum": "2024-05-04"}, 422, "eingabe_ungueltig"),
        ({"art": "EICHUNG"}, 422, "eingabe_ungueltig"),
        ({"art": "EICHUNG", "datum": "2024-05-04", "version": 1}, 422, "eingabe_ungueltig"),
    ],
)
def test_a_bad_fact_is_refused_and_changes_nothing(client, als, zaehler, session, daten, status, code):
    person = als("wartung")
    # Taken alone, so that the extension is judged by the marking.
    if code == "eichung_eingetragen":
        post(client, person, zaehler, "eichungen", art="EICHUNG", datum="2024-05-04")
    antwort = post(client, person, zaehler, "eichungen", **daten)
    assert (antwort.status_code, antwort.json["code"]) == (status, code)
    assert len(session.scalars(select(Eichung)).all()) == (code == "eichung_eingetragen")


def test_a_day_by_hand_lies_not_before_the_marking_either(client, als, zaehler):
    pfad, person = f"/v1/stromzaehler/{zaehler}/wartung", als("wartung")
    antwort = client.patch(pfad, json={"letzte_eichung_datum": "2016-12-31"}, als=person, version=0)
    assert (antwort.status_code, antwort.json["code"]) == (422, "datum_vor_kennzeichnung")


def test_billing_stops_with_the_eichfrist_until_there_is_a_ground(client, als, zaehler, session):
    person, pfad = als("buchhaltung"), f"/v1/stromzaehler/{zaehler}"
    frage = f"{pfad}/abrechenbarkeit?von=2025-12-01T00:00:00%2B01:00&bis=2026-02-01T00:00:00%2B01:00"
    abgelaufen = {
        "von": "2025-12-31T23:00:00Z",
        "bis": "2026-01-31T23:00:00Z",
        "abrechenbar": False,
        "grund": "EICHFRIST_ABGELAUFEN",
        "begruendung": "Die Eichfrist endete am 31.12.2025; ohne Freigabe keine Abrechnung (MessEG § 37).",
    }
    gut = {
        "von": "2025-11-30T23:00:00Z",
        "bis": "2025-12-31T23:00:00Z",
        "abrechenbar": True,
        "grund": "EICHFRIST",
        "begruendung": "Die Eichfrist lief bis zum 31.12.2025 (MessEG § 37 Abs. 1).",
    }
    assert client.get(frage, als=person).json == {"abschnitte": [gut, abgelaufen]}
    daten = {"von_datum": "2026-01-01", "rechtsgrund": "BEHOERDE_GESTATTET", "beleg": "Bescheid 12"}
    freigabe = post(client, person, zaehler, "abrechnungsfreigaben", **daten)
    assert (freigabe.status_code, freigabe.json["bis_datum"]) == (201, None)
    satz = "Freigegeben: von der Behörde gestattet, MessEG § 38 Satz 2. Beleg: Bescheid 12."
    frei = {**abgelaufen, "abrechenbar": True, "grund": "BEHOERDE_GESTATTET", "begruendung": satz}
    assert client.get(frage, als=person).json == {"abschnitte": [gut, frei]}
    audit = session.scalars(select(Audit).where(Audit.objekt_art == "abrechnungsfreigabe")).one()
    assert (audit.aktion, audit.neu["beleg"], audit.neu["rechtsgrund"]) == (
        "ANGELEGT",
        "Bescheid 12",
        "BEHOERDE_GESTATTET",
    )
    session.rollback()
    eine = f"{pfad}/abrechnungsfreigaben/{freigabe.json['abrechnungsfreigabe_id']}"
    assert [client.delete(eine, als=person).status_code for _ in range(2)] == [204, 204]
    assert client.get(frage, als=person).json == {"abschnitte": [gut, abgelaufen]}
    liste = client.get(f"{pfad}/abrechnungsfreigaben", als=person).json
    assert [zeile["zurueckgenommen_zeitpunkt"] for zeile in liste["eintraege"]] == ["2026-06-15T10:00:00Z"]


@pytest.mark.parametrize(
    ("daten", "status", "code"),
    [
        ({"beleg": None}, 422, "eingabe_ungueltig"),
        ({"beleg": " "}, 422, "eingabe_ungueltig"),
        ({"rechtsgrund": "KULANZ"}, 422, "eingabe_ungueltig"),
        ({"bis_datum": "2025-12-31"}, 422, "zeitraum_ungueltig"),
        ({"rechtsgrund": "ANTRAG_RECHTZEITIG"}, 409, "antrag_fehlt"),
    ],
)
def test_a_ground_needs_law_and_document(client, als, zaehler, daten, status, code):
    gut = {"von_datum": "2026-01-01", "rechtsgrund": "STICHPROBENLOS", "beleg": "Bescheid 12"}
    antwort = post(client, als("wartung"), zaehler, "abrechnungsfreigaben", **{**gut, **daten})
    assert (antwort.status_code, antwort.json["code"]) == (status, code)


def test_an_application_in_time_is_a_ground(client, als, zaehler):
    # 31 December 2025 less ten weeks is 22 October.
    person = als("wartung")
    daten = {"von_datum": "2026-01-01", "rechtsgrund": "ANTRAG_RECHTZEITIG", "beleg": "Antrag 3"}
    post(client, person, zaehler, "eichungen", art="ANTRAG", datum="2025-10-23")
    assert post(client, person, zaehler, "abrechnungsfreigaben", **daten).status_code == 409
    post(client, person, zaehler, "eichungen", art="ANTRAG", datum="2025-10-22")
    assert post(client, person, zaehler, "abrechnungsfreigaben", **daten).status_code == 201


def test_the_verification_that_follows_takes_no_ground_from_the_days_before_it(client, als, welt):
    """Marked 2016: until the end of 2024, applied for by 22 October 2024; verified late, then until 2032."""
    person, zaehler = als("wartung"), welt.stromzaehler(kennzeichnung_jahr=2016)
    post(client, person, zaehler, "eichungen", art="ANTRAG", datum="2024-09-01")
    post(client, person, zaehler, "eichungen", art="EICHUNG", datum="2025-05-01")
    daten = {"bis_datum": "2025-04-30", "rechtsgrund": "ANTRAG_RECHTZEITIG", "beleg": "Antrag 3"}
    freigabe = post(client, person, zaehler, "abrechnungsfreigaben", von_datum="2025-01-01", **daten)
    assert freigabe.status_code == 201
    frage = f"/v1/stromzaehler/{zaehler}/abrechenbarkeit?von=2024-12-01T00:00:00Z&bis=2025-06-01T00:00:00Z"
    abschnitte = client.get(frage, als=person).json["abschnitte"]
    assert [(teil["von"], teil["grund"]) for teil in abschnitte] == [
        ("2024-12-01T00:00:00Z", "EICHFRIST"),
        ("2024-12-31T23:00:00Z", "ANTRAG_RECHTZEITIG"),
        ("2025-04-30T22:00:00Z", "EICHFRIST"),
    ]


def test_an_application_for_the_next_end_releases_no_day_before(client, als, welt):
    """Verified on 1 May 2025, too late; the application of 2026 is for the end of 2032."""
    person, zaehler = als("wartung"), welt.stromzaehler(kennzeichnung_jahr=2016)
    post(client, person, zaehler, "eichungen", art="EICHUNG", datum="2025-05-01")
    post(client, person, zaehler, "eichungen", art="ANTRAG", datum="2026-06-01")
    daten = {"bis_datum": "2025-04-30", "rechtsgrund": "ANTRAG_RECHTZEITIG", "beleg": "Antrag 3"}
    antwort = post(client, person, zaehler, "abrechnungsfreigaben", von_datum="2025-01-01", **daten)
    assert (antwort.status_code, antwort.json["code"]) == (409, "antrag_fehlt")


def test_an_application_stays_while_a_ground_rests_on_it(client, als, zaehler):
    person, pfad = als("wartung"), f"/v1/stromzaehler/{zaehler}"
    erster, zweiter = (
        post(client, person, zaehler, "eichungen", art="ANTRAG", datum=tag).json["eichung_id"]
        for tag in ("2025-09-01", "2025-10-01")
    )
    # A ground of another kind rests on no application.
    for grund in ("BEHOERDE_GESTATTET", "ANTRAG_RECHTZEITIG"):
        daten = {"von_datum": "2026-01-01", "rechtsgrund": grund, "beleg": "Antrag 3"}
        freigabe = post(client, person, zaehler, "abrechnungsfreigaben", **daten).json["abrechnungsfreigabe_id"]
    # One of two is enough.
    assert client.delete(f"{pfad}/eichungen/{erster}", als=person).status_code == 204
    antwort = client.delete(f"{pfad}/eichungen/{zweiter}", als=person)
    assert (antwort.status_code, antwort.json["code"]) == (409, "antrag_in_gebrauch")
    assert antwort.json["detail"] == (
        "Auf diesem Eintrag beruht die Abrechnungsfreigabe ab dem 01.01.2026. Nehmen Sie erst diese zurück."
    )
    # What was taken back already stays so, and is told no conflict.
    assert client.delete(f"{pfad}/eichungen/{erster}", als=person).status_code == 204
    client.delete(f"{pfad}/abrechnungsfreigaben/{freigabe}", als=person)
    assert client.delete(f"{pfad}/eichungen/{zweiter}", als=person).status_code == 204


def test_the_verification_before_an_application_stays_while_a_ground_rests_on_both(client, als, welt):
    """Marked 2009: until 31 December 2017; verified in that year: until 31 December 2025."""
    person, zaehler = als("wartung"), welt.stromzaehler(kennzeichnung_jahr=2009)
    pfad = f"/v1/stromzaehler/{zaehler}"
    eichung = post(client, person, zaehler, "eichungen", art="EICHUNG", datum="2017-05-04").json["eichung_id"]
    post(client, person, zaehler, "eichungen", art="ANTRAG", datum="2025-10-01")
    daten = {"von_datum": "2026-01-01", "rechtsgrund": "ANTRAG_RECHTZEITIG", "beleg": "Antrag 3"}
    freigabe = post(client, person, zaehler, "abrechnungsfreigaben", **daten).json["abrechnungsfreigabe_id"]
    antwort = client.delete(f"{pfad}/eichungen/{eichung}", als=person)
    assert (antwort.status_code, antwort.json["code"]) == (409, "antrag_in_gebrauch")
    client.delete(f"{pfad}/abrechnungsfreigaben/{freigabe}", als=person)
    assert client.delete(f"{pfad}/eichungen/{eichung}", als=person).status_code == 204


@pytest.mark.parametrize(
    ("frage", "code"),
    [
        ("von=2026-01-01T00:00:00Z", "eingabe_ungueltig"),
        ("von=2026-01-01T00:00:00Z&bis=2026-01-01T00:07:00Z", "eingabe_ungueltig"),
        ("von=2026-01-01T00:00:00Z&bis=2026-01-01T00:00:00Z", "zeitraum_ungueltig"),
    ],
)
def test_a_period_that_is_none(client, als, zaehler, frage, code):
    antwort = client.get(f"/v1/stromzaehler/{zaehler}/abrechenbarkeit?{frage}", als=als("wartung"))
    assert (antwort.status_code, antwort.json["code"]) == (422, code)


def test_another_meter_s_entries_are_not_found(client, als, zaehler, welt):
    person, anderer = als("wartung"), welt.stromzaehler()
    eichung = post(client, person, zaehler, "eichungen", art="EICHUNG", datum="2026-05-04").json
    daten = {"von_datum": "2026-01-01", "rechtsgrund": "STICHPROBENLOS", "beleg": "B"}
    freigabe = post(client, person, zaehler, "abrechnungsfreigaben", **daten).json
    for pfad in (
        f"{anderer}/eichungen/{eichung['eichung_id']}",
        f"{anderer}/abrechnungsfreigaben/{freigabe['abrechnungsfreigabe_id']}",
        f"999999/eichungen/{eichung['eichung_id']}",
    ):
        assert client.delete(f"/v1/stromzaehler/{pfad}", als=person).status_code == 404
    for was in ("eichungen", "abrechnungsfreigaben"):
        assert client.get(f"/v1/stromzaehler/999999/{was}", als=person).status_code == 404


@pytest.mark.parametrize("rolle", Rolle)
def test_rights(client, als, welt, zaehler, rolle):
    """Owner and other customer, each role of staff: who reads, who enters facts, who lets bill."""
    kunde_id = welt.kunde()
    welt.zuordnung(kunde_id, zaehler, JAN)
    person = als(rolle, kunde_id=kunde_id if rolle is Rolle.KUNDE else None)
    pfad = f"/v1/stromzaehler/{zaehler}"
    zeit = "von=2026-01-01T00:00:00Z&bis=2026-01-02T00:00:00Z"
    fragen = {
        ("GET", f"{pfad}/eichungen"): LESEN,
        ("GET", f"{pfad}/abrechenbarkeit?{zeit}"): LESEN | {"buchhaltung"},
        ("GET", f"{pfad}/abrechnungsfreigaben"): LESEN | {"buchhaltung"},
        ("POST", f"{pfad}/eichungen"): {"wartung"},
        ("DELETE", f"{pfad}/eichungen/1"): {"wartung"},
        ("POST", f"{pfad}/abrechnungsfreigaben"): {"wartung", "buchhaltung"},
        ("DELETE", f"{pfad}/abrechnungsfreigaben/1"): {"wartung", "buchhaltung"},
    }
    for (methode, adresse), rollen in fragen.items():
        antwort = client.request(methode, adresse, als=person, **({"json": {}} if methode == "POST" else {}))
        erlaubt = {"GET": 200, "POST": 422, "DELETE": 404}[methode]
        assert antwort.status_code == (erlaubt if rolle in rollen else 403), (methode, adresse)
        assert client.request(methode, adresse).status_code == 401

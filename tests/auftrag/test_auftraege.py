"""Work orders: make, plan, set out, visit, prove, complete, cancel."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm.exc import StaleDataError

from betreiber.auftrag.queries import get_auftrag
from betreiber.auftrag.service import record_besuch
from betreiber.auth.domain import system_akteur
from db.models import Audit, Auftrag, Auftragsbesuch, Einbau, Ereignis, Wartung
from db.session import create_engine, create_session
from tests.auftrag.conftest import JAN
from tests.hilfen import FesteUhr, Welt, run_while_locked


def events(session):
    zeilen = session.scalars(
        select(Ereignis).where(Ereignis.objekt_art == "auftrag").order_by(Ereignis.ereignis_id)
    )
    return [(zeile.art, zeile.objekt_id) for zeile in zeilen]


def test_from_the_order_to_the_proof(client, lage, anlegen, planen, session):
    pfad = planen(anlegen())
    nummer = int(pfad.rsplit("/", 1)[1])
    unterwegs = client.patch(pfad, json={"zustand": "UNTERWEGS"}, als=lage.monteur, version=2)
    assert (unterwegs.status_code, unterwegs.headers["ETag"]) == (200, '"3"')
    notiz = {"art": "NOTIZ", "notiz": "Antenne versetzt"}
    assert client.post(f"{pfad}/nachweise", json=notiz, als=lage.monteur).status_code == 201
    fertig = client.post(f"{pfad}/erledigung", als=lage.monteur, version=3)
    assert (fertig.status_code, fertig.headers["ETag"]) == (200, '"4"')
    assert (fertig.json["vergleich"], fertig.json["folgeauftrag_id"]) == (None, None)
    auskunft = client.get(pfad, als=lage.monteur).json
    assert auskunft == {
        "auftrag_id": nummer,
        "art": "REPARATUR",
        "zustand": "ERLEDIGT",
        "stromzaehler_id": lage.stromzaehler_id,
        "zaehlernummer": "1EMH0012345678",
        "stoerung_id": None,
        "benutzer_id": lage.monteur_id,
        "termin_datum": "2026-06-16",
        "termin_arbeitstag": True,
        "zutritt_angekuendigt": False,
        "anlass": "Zähler stumm",
        "grund": None,
        "angelegt_zeitpunkt": "2026-06-15T10:00:00Z",
        "beendet_zeitpunkt": "2026-06-15T10:00:00Z",
        "messstelle": {
            "messstelle_id": lage.messstelle_id,
            "malo_id": auskunft["messstelle"]["malo_id"],
            "strasse": "Lindenallee",
            "hausnummer": "7",
            "hausnummerzusatz": None,
            "postleitzahl": "50667",
            "stadtname": "Köln",
            "zugangshinweis": None,
        },
        "version": 4,
        "kontakt": None,
        "besuche": [],
        "nachweise": [
            {
                "auftragsnachweis_id": auskunft["nachweise"][0]["auftragsnachweis_id"],
                "art": "NOTIZ",
                "zeitpunkt": "2026-06-15T10:00:00Z",
                "notiz": "Antenne versetzt",
                "bezug_gesamt_wh": None,
                "einspeisung_gesamt_wh": None,
                "medientyp": None,
            }
        ],
    }
    assert events(session) == [
        ("AUFTRAG_ANGELEGT", nummer),
        ("AUFTRAG_GEPLANT", nummer),
        ("AUFTRAG_ERLEDIGT", nummer),
    ]
    spuren = session.scalars(select(Audit).where(Audit.objekt_art == "auftrag").order_by(Audit.audit_id)).all()
    assert [spur.neu.get("zustand") for spur in spuren] == [None, "GEPLANT", "UNTERWEGS", "ERLEDIGT"]
    assert spuren[2].akteur == f"benutzer:{lage.monteur_id}"


def test_the_contact_is_whose_meter_it_is_now(client, lage, anlegen, welt, uhr):
    pfad = anlegen()
    neuer = welt.stromzaehler()
    ort = welt.messstelle()
    welt.einbau(neuer, ort, JAN)
    welt.zuordnung(lage.kunde_id, neuer, JAN, uhr.now())
    ohne = anlegen(messstelle_id=ort)
    assert client.get(pfad, als=lage.planer).json["kontakt"]["name"] == "Erika Mustermann"
    assert client.get(ohne, als=lage.planer).json["kontakt"] is None


def shown(client, pfad, person):
    """Whom to call and how to get in, as somebody sees it."""
    antwort = client.get(pfad, als=person).json
    return antwort["kontakt"], antwort["messstelle"]["zugangshinweis"]


ERIKA = {"name": "Erika Mustermann", "telefon": "0221 4711", "e_mail": "erika@example.org"}


def test_a_fitter_sees_whom_to_call_only_while_the_order_runs(client, lage, anlegen, planen):
    pfad = planen(anlegen())
    hinweis = "Schlüssel beim Hausmeister"
    assert shown(client, pfad, lage.monteur) == (ERIKA, hinweis)
    client.patch(pfad, json={"zustand": "UNTERWEGS"}, als=lage.monteur, version=2)
    assert shown(client, pfad, lage.monteur) == (ERIKA, hinweis)
    client.post(f"{pfad}/erledigung", als=lage.monteur, version=3)
    assert shown(client, pfad, lage.monteur) == (None, None)
    assert shown(client, pfad, lage.planer) == (ERIKA, hinweis)
    tour = "/v1/touren?datum=2026-06-16&format=csv"
    assert hinweis not in client.get(tour, als=lage.monteur).data.decode()
    assert hinweis in client.get(tour, als=lage.planer).data.decode()


def test_no_contact_once_the_meter_hangs_elsewhere(client, lage, anlegen, planen, welt, session, uhr):
    pfad = planen(anlegen())
    einbau = session.scalars(select(Einbau).where(Einbau.stromzaehler_id == lage.stromzaehler_id)).one()
    einbau.bis = uhr.now()
    session.commit()
    assert shown(client, pfad, lage.planer)[0] is None
    welt.einbau(lage.stromzaehler_id, welt.messstelle(), uhr.now())
    assert shown(client, pfad, lage.planer) == (None, "Schlüssel beim Hausmeister")
    assert shown(client, pfad, lage.monteur) == (None, "Schlüssel beim Hausmeister")


@pytest.mark.parametrize(
    ("aenderung", "feld", "code"),
    [
        ({"termin_datum": "2026-06-14"}, "termin_datum", "termin_vergangen"),
        ({"termin_datum": "2062-06-16"}, "termin_datum", "termin_zu_fern"),
        ({"termin_datum": None}, "json", "eingabe_ungueltig"),
        ({"benutzer_id": 999_999}, "benutzer_id", "monteur_unbekannt"),
        ({"zustand": "OFFEN"}, "zustand", "auftrag_nicht_geplant"),
        ({"zustand": "STORNIERT"}, "grund", "grund_fehlt"),
        ({"grund": "Keine Lust"}, "grund", "grund_fehlt"),
    ],
)
def test_a_plan_has_a_fitter_and_a_day_to_come(client, lage, anlegen, aenderung, feld, code):
    daten = {"zustand": "GEPLANT", "benutzer_id": lage.monteur_id, "termin_datum": "2026-06-15"}
    antwort = client.patch(anlegen(), json=daten | aenderung, als=lage.planer, version=1)
    if aenderung.get("zustand") == "STORNIERT":
        assert antwort.status_code in (409, 422)
        antwort = client.patch(anlegen("AUSBAU"), json={"zustand": "STORNIERT"}, als=lage.planer, version=1)
    assert (antwort.status_code, antwort.json["code"]) == (422, code)
    assert set(antwort.json["errors"]) == {feld}


def test_the_reason_of_an_order_may_change_and_nothing_is_no_change(client, lage, anlegen, session):
    pfad = anlegen()
    assert client.patch(pfad, json={}, als=lage.planer, version=1).headers["ETag"] == '"1"'
    antwort = client.patch(pfad, json={"anlass": "Plombe fehlt"}, als=lage.planer, version=1)
    assert (antwort.json["anlass"], antwort.json["zustand"], antwort.headers["ETag"]) == (
        "Plombe fehlt",
        "OFFEN",
        '"2"',
    )
    spuren = session.scalars(select(Audit).where(Audit.objekt_art == "auftrag").order_by(Audit.audit_id)).all()
    assert [(spur.alt, spur.neu) for spur in spuren[1:]] == [
        ({"anlass": "Zähler stumm"}, {"anlass": "Plombe fehlt"})
    ]


def test_a_planner_is_no_fitter(client, lage, anlegen, nummer_von):
    daten = {"zustand": "GEPLANT", "benutzer_id": nummer_von(lage.planer), "termin_datum": "2026-06-16"}
    antwort = client.patch(anlegen(), json=daten, als=lage.planer, version=1)
    assert (antwort.status_code, antwort.json["code"]) == (422, "monteur_unbekannt")


def test_out_of_the_plan_and_cancelled(client, lage, anlegen, planen, session):
    pfad = planen(anlegen())
    offen = client.patch(pfad, json={"zustand": "OFFEN"}, als=lage.planer, version=2).json
    assert (offen["zustand"], offen["benutzer_id"], offen["termin_datum"]) == ("OFFEN", None, None)
    assert client.get(pfad, als=lage.monteur).status_code == 404
    ende = {"zustand": "STORNIERT", "grund": "Mieter hat ihn selbst eingeschaltet"}
    storniert = client.patch(pfad, json=ende, als=lage.planer, version=3).json
    assert (storniert["zustand"], storniert["beendet_zeitpunkt"]) == ("STORNIERT", "2026-06-15T10:00:00Z")
    assert storniert["grund"] == "Mieter hat ihn selbst eingeschaltet"
    assert [art for art, _ in events(session)] == ["AUFTRAG_ANGELEGT", "AUFTRAG_GEPLANT", "AUFTRAG_STORNIERT"]


def test_a_failed_visit_with_a_new_day_and_one_without(client, lage, anlegen, planen, session):
    pfad = planen(anlegen())
    besuch = {"grund": "Niemand zu Hause"}
    alt = client.post(
        f"{pfad}/besuche", json=besuch | {"ersatztermin_datum": "2026-06-14"}, als=lage.monteur, version=2
    )
    assert (alt.status_code, alt.json["code"]) == (422, "termin_vergangen")
    mit = client.post(
        f"{pfad}/besuche", json=besuch | {"ersatztermin_datum": "2026-06-30"}, als=lage.monteur, version=2
    )
    assert (mit.status_code, mit.json["zustand"], mit.json["termin_datum"]) == (201, "GEPLANT", "2026-06-30")
    nochmal = client.post(f"{pfad}/besuche", json=besuch, als=lage.monteur, version=2)
    ohne = client.post(f"{pfad}/besuche", json={"grund": "Wieder niemand"}, als=lage.monteur, version=3)
    assert (nochmal.status_code, ohne.status_code) == (412, 201)
    assert (ohne.json["zustand"], ohne.json["grund"]) == ("FEHLGESCHLAGEN", "Wieder niemand")
    besuche = client.get(pfad, als=lage.planer).json["besuche"]
    assert [(b["nummer"], b["grund"], b["ersatztermin_datum"]) for b in besuche] == [
        (1, "Niemand zu Hause", "2026-06-30"),
        (2, "Wieder niemand", None),
    ]
    assert [art for art, _ in events(session)][1:] == [
        "AUFTRAG_GEPLANT",
        "AUFTRAG_GEPLANT",
        "AUFTRAG_FEHLGESCHLAGEN",
    ]


def test_a_day_by_hand_may_be_a_holiday_and_the_answer_says_so(client, lage, anlegen, planen, uhr):
    """Whoever has agreed on a Saturday comes on a Saturday: 20 June 2026 is one; Christmas is a Friday."""
    pfad = anlegen()
    assert client.get(pfad, als=lage.planer).json["termin_arbeitstag"] is None
    planen(pfad, "2026-06-20")
    assert client.get(pfad, als=lage.monteur).json["termin_arbeitstag"] is False
    besuch = {"grund": "Niemand zu Hause"}
    for version, (tag, arbeitstag) in enumerate((("2026-12-25", False), ("2026-06-22", True)), start=2):
        daten = besuch | {"ersatztermin_datum": tag}
        antwort = client.post(f"{pfad}/besuche", json=daten, als=lage.monteur, version=version)
        assert (antwort.json["termin_datum"], antwort.json["termin_arbeitstag"]) == (tag, arbeitstag)
    fern = client.post(
        f"{pfad}/besuche", json=besuch | {"ersatztermin_datum": "2062-06-22"}, als=lage.monteur, version=4
    )
    assert (fern.status_code, fern.json["code"]) == (422, "termin_zu_fern")
    assert set(fern.json["errors"]) == {"ersatztermin_datum"}


def test_the_same_visit_twice_is_one(client, lage, anlegen, planen):
    pfad = planen(anlegen())
    besuch = {"grund": "Niemand zu Hause", "ersatztermin_datum": "2026-06-16"}
    antworten = [client.post(f"{pfad}/besuche", json=besuch, als=lage.monteur, version=2) for _ in range(2)]
    assert [antwort.status_code for antwort in antworten] == [201, 412]
    assert antworten[0].headers["ETag"] == '"3"'
    assert [b["nummer"] for b in client.get(pfad, als=lage.planer).json["besuche"]] == [1]


def test_two_visits_at_once_on_postgresql(postgres_url):
    """The second one has read the version of the first and waits for its row: it is behind, not in conflict."""
    engine = create_engine(postgres_url)
    auftrag_id = Welt(engine, FesteUhr()).auftrag(
        Welt(engine, FesteUhr()).messstelle(), zustand="GEPLANT", termin_datum=date(2026, 6, 15)
    )
    besuch = {"grund": "Niemand zu Hause", "ersatztermin_datum": date(2026, 6, 15)}
    ergebnis = []

    def visit() -> None:
        with create_session(engine) as session:
            try:
                record_besuch(session, system_akteur("test", FesteUhr().now()), auftrag_id, 1, besuch)
            except StaleDataError as fehler:
                ergebnis.append(type(fehler))

    with create_session(engine) as session:
        erster = get_auftrag(session, auftrag_id, None)
    erster.anlass = "Zähler stumm, Haus verschlossen"
    erster.besuche.append(Auftragsbesuch(nummer=1, zeitpunkt=JAN, **besuch))
    run_while_locked(engine, erster, visit)
    engine.dispose()
    assert ergebnis == [StaleDataError]


def test_a_visit_needs_its_reason_and_a_planned_order(client, lage, anlegen):
    pfad = anlegen()
    assert client.post(f"{pfad}/besuche", json={}, als=lage.planer, version=1).status_code == 422
    antwort = client.post(f"{pfad}/besuche", json={"grund": "Niemand da"}, als=lage.planer, version=1)
    assert (antwort.status_code, antwort.json["erlaubt"]) == (409, ["GEPLANT", "STORNIERT"])


@pytest.mark.parametrize(
    ("nachweis", "status", "code"),
    [
        ({"art": "ABLESUNG"}, 422, "eingabe_ungueltig"),
        ({"art": "NOTIZ"}, 422, "eingabe_ungueltig"),
        ({"art": "NOTIZ", "notiz": "x", "bezug_gesamt_wh": 1}, 422, "eingabe_ungueltig"),
        ({"art": "FOTO", "notiz": "x"}, 422, "eingabe_ungueltig"),
        ({"art": "NOTIZ", "notiz": "x", "zeitpunkt": "2026-06-15T10:00:01Z"}, 422, "zeitpunkt_in_zukunft"),
        ({"art": "NOTIZ", "notiz": "x", "zeitpunkt": "2026-06-15T09:59:59Z"}, 422, "nachweis_zu_alt"),
        ({"art": "ABLESUNG", "bezug_gesamt_wh": -1}, 422, "eingabe_ungueltig"),
        ({"art": "ABLESUNG", "bezug_gesamt_wh": 0}, 201, None),
    ],
)
def test_a_proof_says_what_its_kind_promises(client, lage, anlegen, planen, nachweis, status, code):
    antwort = client.post(f"{planen(anlegen())}/nachweise", json=nachweis, als=lage.monteur)
    assert (antwort.status_code, antwort.json.get("code")) == (status, code)


def test_proofs_belong_to_an_order_with_a_fitter(client, lage, anlegen):
    antwort = client.post(f"{anlegen()}/nachweise", json={"art": "NOTIZ", "notiz": "x"}, als=lage.planer)
    assert (antwort.status_code, antwort.json["code"]) == (409, "auftrag_nicht_begonnen")


def test_any_reading_is_noted_with_the_meters_maintenance(client, lage, anlegen, planen, session, uhr):
    pfad = planen(anlegen("EICHUNG"))
    # Half past midnight in Köln, the evening before in UTC.
    uhr.jetzt = datetime(2026, 6, 15, 22, 30, tzinfo=UTC)
    client.post(f"{pfad}/nachweise", json={"art": "ABLESUNG", "bezug_gesamt_wh": 5_000}, als=lage.monteur)
    uhr.advance(timedelta(days=2))
    assert client.post(f"{pfad}/erledigung", als=lage.monteur, version=2).status_code == 200
    assert session.get(Wartung, lage.stromzaehler_id).letzte_manuelle_ablesung_datum.isoformat() == "2026-06-16"


def test_a_meter_that_hangs_is_not_to_be_installed(client, lage, welt):
    daten = {"art": "EINBAU", "anlass": "Neubau", "messstelle_id": welt.messstelle()}
    daten["stromzaehler_id"] = lage.stromzaehler_id
    antwort = client.post("/v1/auftraege", json=daten, als=lage.planer)
    assert (antwort.status_code, antwort.json["code"]) == (409, "zaehler_nicht_einbaubar")


def test_the_reading_of_a_meter_elsewhere_is_not_noted(client, lage, anlegen, planen, welt, session, uhr):
    """It was free when the order was made, and somebody took it to another place."""
    zaehler = welt.stromzaehler()
    pfad = planen(anlegen("EINBAU", messstelle_id=welt.messstelle(), stromzaehler_id=zaehler))
    welt.einbau(zaehler, welt.messstelle(), uhr.now())
    client.post(f"{pfad}/nachweise", json={"art": "ABLESUNG", "bezug_gesamt_wh": 0}, als=lage.monteur)
    assert client.post(f"{pfad}/erledigung", als=lage.monteur, version=2).status_code == 200
    assert session.get(Wartung, zaehler) is None


@pytest.mark.parametrize(
    ("daten", "status", "code"),
    [
        ({"messstelle_id": 999_999}, 422, "messstelle_unbekannt"),
        ({"stromzaehler_id": 999_999}, 422, "stromzaehler_unbekannt"),
        ({"art": "KAFFEE"}, 422, "eingabe_ungueltig"),
        ({"anlass": " "}, 422, "eingabe_ungueltig"),
    ],
)
def test_bad_orders(client, lage, daten, status, code):
    standard = {"art": "REPARATUR", "messstelle_id": lage.messstelle_id, "anlass": "Zähler stumm"}
    antwort = client.post("/v1/auftraege", json=standard | daten, als=lage.planer)
    assert (antwort.status_code, antwort.json["code"]) == (status, code)


def test_an_order_is_about_the_meter_that_hangs_there(client, lage, welt, session):
    fremder, leer = welt.stromzaehler(), welt.messstelle()
    for daten in ({"messstelle_id": leer}, {"messstelle_id": lage.messstelle_id, "stromzaehler_id": fremder}):
        antwort = client.post("/v1/auftraege", json={"art": "AUSBAU", "anlass": "Abriss"} | daten, als=lage.planer)
        assert (antwort.status_code, antwort.json["code"]) == (409, "zaehler_haengt_nicht")
    einbau = {"art": "EINBAU", "anlass": "Neubau", "messstelle_id": leer}
    ohne = client.post("/v1/auftraege", json=einbau, als=lage.planer)
    einbau |= {"messstelle_id": welt.messstelle(), "stromzaehler_id": fremder}
    mit = client.post("/v1/auftraege", json=einbau, als=lage.planer)
    assert (ohne.json["stromzaehler_id"], ohne.json["zaehlernummer"]) == (None, None)
    assert mit.json["stromzaehler_id"] == fremder
    auskunft = client.get(f"/v1/auftraege/{ohne.json['auftrag_id']}", als=lage.planer).json
    assert (auskunft["kontakt"], auskunft["zaehlernummer"]) == (None, None)
    assert len(session.scalars(select(Auftrag)).all()) == 2


@pytest.mark.parametrize(
    ("frage", "erwartet"),
    [
        ("", ["koeln", "bonn", "offen"]),
        ("zustand=OFFEN", ["offen"]),
        ("art=EICHUNG", ["bonn"]),
        ("von=2026-06-17", ["bonn"]),
        ("bis=2026-06-17", ["koeln"]),
        ("von=2026-06-16&bis=2026-06-18", ["koeln", "bonn"]),
        ("postleitzahl=53", ["bonn"]),
        ("monteur={monteur_id}", ["koeln", "bonn"]),
        ("monteur=999999", []),
        ("stromzaehler_id={stromzaehler_id}&zustand=GEPLANT", ["koeln"]),
    ],
)
def test_the_list(client, lage, anlegen, planen, welt, frage, erwartet):
    bonn, zaehler = welt.messstelle(postleitzahl="53111"), welt.stromzaehler()
    welt.einbau(zaehler, bonn, JAN)
    pfade = {
        "offen": anlegen("KONTROLLABLESUNG"),
        "bonn": planen(anlegen("EICHUNG", messstelle_id=bonn), "2026-06-17"),
        "koeln": planen(anlegen(), "2026-06-16"),
    }
    frage = frage.format(monteur_id=lage.monteur_id, stromzaehler_id=lage.stromzaehler_id)
    antwort = client.get(f"/v1/auftraege?{frage}", als=lage.planer).json
    namen = {pfad: name for name, pfad in pfade.items()}
    assert [namen[f"/v1/auftraege/{zeile['auftrag_id']}"] for zeile in antwort["eintraege"]] == erwartet
    assert antwort["gesamt"] == len(erwartet)

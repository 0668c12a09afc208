"""Day tours, proposals over a holiday week, and the figures."""

import csv
import io
import threading
from datetime import UTC, date, datetime, timedelta

import pytest
from icalendar import Calendar
from sqlalchemy import select, text

from betreiber.auftrag.queries import lock_monteure
from betreiber.auftrag.touren import propose
from betreiber.auth.domain import system_akteur
from betreiber.errors import VersionVeraltet
from db.models import Audit, Auftrag, Benutzer, Ereignis
from db.session import create_engine, create_session
from tests.auftrag.conftest import JAN
from tests.hilfen import FesteUhr, Welt, recorded_statements, run_while_locked


@pytest.fixture
def ort(welt):
    """Puts a meter at an address; returns the place."""

    def put(postleitzahl, strasse, hausnummer, bundesland="NW", **werte):
        messstelle_id = welt.messstelle(
            postleitzahl=postleitzahl, strasse=strasse, hausnummer=hausnummer, bundesland=bundesland, **werte
        )
        welt.einbau(welt.stromzaehler(), messstelle_id, JAN)
        return messstelle_id

    return put


@pytest.fixture
def tour(ort, anlegen, planen):
    """Five orders of a day, made in no order; their addresses by house number."""
    orte = {
        "10a": ort("50667", "Am Hof", "10", hausnummerzusatz="a"),
        "bonn": ort("53111", "Adenauerallee", "1"),
        "9": ort("50667", "Am Hof", "9", zugangshinweis="=Hinterhof"),
        "10": ort("50667", "Am Hof", "10"),
        "aachener": ort("50667", "Aachener Straße", "30"),
    }
    return {planen(anlegen(messstelle_id=messstelle_id)): name for name, messstelle_id in orte.items()}


def test_the_way_of_a_day(client, lage, tour):
    antwort = client.get("/v1/touren?datum=2026-06-16", als=lage.monteur).json
    weg = [tour[f"/v1/auftraege/{zeile['auftrag_id']}"] for zeile in antwort]
    assert weg == ["aachener", "9", "10", "10a", "bonn"]
    assert client.get("/v1/touren?datum=2026-06-17", als=lage.monteur).json == []


def test_cancelled_orders_are_no_stops(client, lage, tour):
    pfad = next(pfad for pfad, name in tour.items() if name == "9")
    client.patch(pfad, json={"zustand": "STORNIERT", "grund": "x"}, als=lage.planer, version=2)
    assert len(client.get("/v1/touren?datum=2026-06-16", als=lage.planer).json) == 4


def test_a_tour_as_csv(client, lage, tour):
    antwort = client.get(f"/v1/touren?datum=2026-06-16&monteur={lage.monteur_id}&format=csv", als=lage.planer)
    assert (antwort.status_code, antwort.mimetype) == (200, "text/csv")
    assert antwort.headers["Content-Disposition"] == "attachment; filename=tour_2026-06-16.csv"
    zeilen = list(csv.DictReader(io.StringIO(antwort.data.decode("utf-8-sig")), delimiter=";"))
    assert [zeile["hausnummer"] for zeile in zeilen] == ["30", "9", "10", "10", "1"]
    # What a spreadsheet would take for a formula is a text.
    assert [zeile["zugangshinweis"] for zeile in zeilen] == ["", "'=Hinterhof", "", "", ""]
    assert zeilen[0]["termin_datum"] == "2026-06-16"


def test_a_tour_as_a_calendar_says_where_and_not_who(client, lage, tour, anlegen, planen):
    planen(anlegen())  # of a customer who is known
    antwort = client.get("/v1/touren?datum=2026-06-16&format=ics", als=lage.monteur)
    assert (antwort.status_code, antwort.mimetype) == (200, "text/calendar")
    termine = list(Calendar.from_ical(antwort.data).walk("VEVENT"))
    assert [str(termin["LOCATION"]) for termin in termine][:2] == [
        "Aachener Straße 30, 50667 Köln",
        "Am Hof 9, 50667 Köln",
    ]
    assert {(termin["DTSTART"].dt, termin["DTEND"].dt) for termin in termine} == {
        (date(2026, 6, 16), date(2026, 6, 17))
    }
    assert len({str(termin["UID"]) for termin in termine}) == 6
    assert b"Mustermann" not in antwort.data
    assert b"4711" not in antwort.data


def test_an_empty_calendar(client, lage):
    antwort = client.get("/v1/touren?datum=2026-06-20&format=ics", als=lage.monteur)
    assert list(Calendar.from_ical(antwort.data).walk("VEVENT")) == []


@pytest.mark.parametrize("frage", ["", "datum=16.06.2026", "datum=2026-06-16&format=xml", "datum=2026-06-16&x=1"])
def test_bad_tours(client, lage, frage):
    assert client.get(f"/v1/touren?{frage}", als=lage.planer).status_code == 422


def test_a_proposal_over_a_week_with_a_holiday(client, lage, ort, anlegen, uhr, session):
    """Thursday, 4 June 2026 is Fronleichnam in Köln, and a working day in Berlin; 6 and 7 June are a weekend."""
    uhr.jetzt = datetime(2026, 6, 1, 8, tzinfo=UTC)
    koeln = [anlegen(messstelle_id=ort("50667", "Am Hof", str(n))) for n in (1, 2, 3)]
    berlin = anlegen(messstelle_id=ort("10115", "Invalidenstraße", "1", "BE"))
    woche = {"von": "2026-06-04", "bis": "2026-06-09", "monteure": [lage.monteur_id], "stopps_hoechstens": 1}
    antwort = client.post("/v1/tourenvorschlaege", json=woche, als=lage.planer)
    assert antwort.status_code == 200, antwort.text
    vorschlaege = {f"/v1/auftraege/{v['auftrag_id']}": v["termin_datum"] for v in antwort.json["vorschlaege"]}
    assert vorschlaege == {berlin: "2026-06-04", koeln[0]: "2026-06-05", koeln[1]: "2026-06-08"}
    assert (antwort.json["probelauf"], antwort.json["ohne_termin"]) == (True, 1)
    # Nothing was planned yet.
    assert client.get("/v1/auftraege?zustand=OFFEN", als=lage.planer).json["gesamt"] == 4
    echt = client.post("/v1/tourenvorschlaege", json=woche | {"probelauf": False}, als=lage.planer)
    assert echt.json["vorschlaege"] == antwort.json["vorschlaege"]
    geplant = client.get("/v1/auftraege?zustand=GEPLANT", als=lage.monteur).json["eintraege"]
    assert [zeile["termin_datum"] for zeile in geplant] == ["2026-06-04", "2026-06-05", "2026-06-08"]
    # Those days are full now.
    danach = client.post("/v1/tourenvorschlaege", json=woche, als=lage.planer).json
    assert (danach["vorschlaege"], danach["ohne_termin"]) == ([], 1)


def test_a_proposal_for_one_postcode(client, lage, ort, anlegen):
    anlegen(messstelle_id=ort("50667", "Am Hof", "1"))
    bonn = anlegen(messstelle_id=ort("53111", "Am Hof", "1"))
    frage = {"von": "2026-06-16", "bis": "2026-06-17", "monteure": [lage.monteur_id], "postleitzahl": "53"}
    antwort = client.post("/v1/tourenvorschlaege", json=frage, als=lage.planer).json
    assert [f"/v1/auftraege/{v['auftrag_id']}" for v in antwort["vorschlaege"]] == [bonn]


@pytest.mark.parametrize(
    ("aenderung", "code"),
    [
        ({"von": "2026-06-14"}, "termin_vergangen"),
        ({"von": "2062-06-16", "bis": "2062-06-17"}, "termin_zu_fern"),
        ({"bis": "2026-06-16"}, "zeitraum_ungueltig"),
        ({"bis": "2026-09-17"}, "zeitraum_zu_lang"),
        ({"monteure": [999_999]}, "monteur_unbekannt"),
        ({"monteure": []}, "eingabe_ungueltig"),
        ({"stopps_hoechstens": 0}, "eingabe_ungueltig"),
    ],
)
def test_bad_proposals(client, lage, aenderung, code):
    frage = {"von": "2026-06-16", "bis": "2026-06-17", "monteure": [lage.monteur_id]} | aenderung
    antwort = client.post("/v1/tourenvorschlaege", json=frage, als=lage.planer)
    assert (antwort.status_code, antwort.json["code"]) == (422, code)


def test_two_planners_at_once_on_postgresql(postgres_url):
    """The second one waits for the first, and then finds the day full."""
    engine = create_engine(postgres_url)
    welt = Welt(engine, FesteUhr())
    welt.benutzer("monteur")
    orte = [welt.messstelle() for _ in range(2)]
    welt.auftrag(orte[0])
    tag, akteur, ergebnis = date(2026, 6, 16), system_akteur("test", FesteUhr().now()), []
    with create_session(engine) as session:
        monteur = session.scalars(select(Benutzer)).one()
    vorher = {"zustand": "GEPLANT", "benutzer_id": monteur.benutzer_id, "termin_datum": tag}

    def plan() -> None:
        with create_session(engine) as session:
            ergebnis.append(
                propose(
                    session,
                    akteur,
                    von=tag,
                    bis=tag + timedelta(days=1),
                    monteure=[monteur.benutzer_id],
                    stopps_hoechstens=1,
                    postleitzahl=None,
                    probelauf=False,
                ).ohne_termin
            )

    faden = threading.Thread(target=plan)
    wartet = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    with create_session(engine) as session:
        lock_monteure(session, [monteur.benutzer_id])
        session.add(Auftrag(art="REPARATUR", messstelle_id=orte[1], anlass="x", angelegt_zeitpunkt=JAN, **vorher))
        session.flush()
        faden.start()
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as beobachter:
            while faden.is_alive() and not beobachter.scalar(wartet):
                faden.join(0.02)
        session.commit()
    faden.join()
    engine.dispose()
    assert ergebnis == [1]


def test_a_proposal_takes_what_fits_by_a_few_statements(app, client, lage, ort, welt, engine):
    """Of thirty open orders ten fit; as many statements as for none, and what is planned is recorded."""
    orte = [ort("50667", "Am Hof", str(n)) for n in range(1, 31)]
    frage = {"von": "2026-06-16", "bis": "2026-06-17", "monteure": [lage.monteur_id], "stopps_hoechstens": 10}

    def propose_so(**daten):
        with recorded_statements(app.extensions["msb_engine"]) as anweisungen:
            antwort = client.post("/v1/tourenvorschlaege", json=frage | daten, als=lage.planer)
        assert antwort.status_code == 200, antwort.text
        return antwort.json, len(anweisungen)

    leer, wenige = propose_so()
    assert (leer["vorschlaege"], leer["ohne_termin"]) == ([], 0)
    assert propose_so(probelauf=False)[0] == leer | {"probelauf": False}
    nummern = [welt.auftrag(messstelle_id, art="WECHSEL") for messstelle_id in orte]
    probe, ebenso_viele = propose_so()
    assert ebenso_viele == wenige
    assert [v["auftrag_id"] for v in probe["vorschlaege"]] == nummern[:10]
    assert probe["ohne_termin"] == 20
    echt, mehr = propose_so(probelauf=False)
    assert echt["vorschlaege"] == probe["vorschlaege"]
    # The lock, the orders, their audit rows and their events.
    assert mehr <= wenige + 5
    with create_session(engine, lesen=True) as session:
        geplant = session.scalars(select(Auftrag).where(Auftrag.zustand == "GEPLANT")).all()
        assert {(auftrag.auftrag_id, auftrag.version) for auftrag in geplant} == {(n, 2) for n in nummern[:10]}
        plan = {"zustand": "GEPLANT", "termin_datum": "2026-06-16", "benutzer_id": lage.monteur_id}
        spuren = session.scalars(select(Audit).where(Audit.objekt_art == "auftrag")).all()
        assert [spur.neu for spur in spuren] == [plan] * 10
        assert {(spur.objekt_id, spur.aktion, spur.alt["zustand"]) for spur in spuren} == {
            (n, "GEAENDERT", "OFFEN") for n in nummern[:10]
        }
        ereignisse = session.scalars(select(Ereignis).where(Ereignis.art == "AUFTRAG_GEPLANT")).all()
        assert {ereignis.objekt_id for ereignis in ereignisse} == set(nummern[:10])
        assert ereignisse[0].daten == {"art": "WECHSEL", "termin_datum": "2026-06-16"}


@pytest.fixture
def rueckstand(welt):
    """Puts an order that waits: the postcode, what its meter is due for, and what else is known."""

    def put(postleitzahl, faellig=None, ende=None, bundesland="NW", **werte):
        messstelle_id = welt.messstelle(postleitzahl=postleitzahl, bundesland=bundesland)
        zaehler = welt.stromzaehler(zustand="EINGEBAUT")
        welt.einbau(zaehler, messstelle_id, JAN)
        if faellig is not None:
            welt.wartung(zaehler, naechste_wartung_datum=faellig, eichfrist_ende_datum=ende)
        return welt.auftrag(messstelle_id, stromzaehler_id=zaehler, **{"art": "WECHSEL"} | werte)

    return put


def test_short_room_goes_to_what_is_urgent_and_then_by_the_way(client, lage, rueckstand, welt):
    """The higher the postcode the more urgent: by the way alone the last ones would never get a day."""
    ohne_datum = rueckstand("10115")
    ebenso_spaeter_am_weg = rueckstand("10117")
    frueher_angelegt = rueckstand("20095", angelegt_zeitpunkt=JAN)
    im_dezember = rueckstand("30159", date(2026, 12, 31), date(2026, 12, 31))
    eichfrist_vorbei = rueckstand("40210", date(2031, 1, 1), date(2026, 6, 30))
    im_mai = rueckstand("50667", date(2026, 5, 1))
    erst_2031 = rueckstand("80331", date(2031, 1, 1), art="KONTROLLABLESUNG")
    reparatur = rueckstand("99084", date(2031, 1, 1), art="REPARATUR")
    stumm = welt.stoerung(lage.stromzaehler_id, stufe="AUFTRAG")
    aelteste_stoerung = rueckstand("99085", art="EICHUNG", stoerung_id=stumm, angelegt_zeitpunkt=JAN)
    dringend = [
        aelteste_stoerung,
        reparatur,
        im_mai,
        eichfrist_vorbei,
        im_dezember,
        erst_2031,
        frueher_angelegt,
        ohne_datum,
        ebenso_spaeter_am_weg,
    ]
    for plaetze in range(1, 10):
        frage = {"von": "2026-06-16", "bis": "2026-06-17", "monteure": [lage.monteur_id]}
        antwort = client.post(
            "/v1/tourenvorschlaege", json=frage | {"stopps_hoechstens": plaetze}, als=lage.planer
        ).json
        # They were made in the order of the way.
        assert [v["auftrag_id"] for v in antwort["vorschlaege"]] == sorted(dringend[:plaetze])
        assert antwort["ohne_termin"] == 9 - plaetze


def test_what_is_urgent_goes_first_also_across_laender(client, lage, rueckstand):
    rueckstand("10115", date(2026, 12, 31), bundesland="BE")
    rueckstand("50667", date(2026, 12, 31))
    reparatur = rueckstand("80331", art="REPARATUR", bundesland="BY")
    frage = {"von": "2026-06-16", "bis": "2026-06-17", "monteure": [lage.monteur_id], "stopps_hoechstens": 1}
    antwort = client.post("/v1/tourenvorschlaege", json=frage, als=lage.planer).json
    assert ([v["auftrag_id"] for v in antwort["vorschlaege"]], antwort["ohne_termin"]) == ([reparatur], 2)


def test_a_dry_run_waits_for_nobody(client, lage, anlegen, engine):
    """Beside a transaction that holds the write lock of SQLite, and the fitters' rows on PostgreSQL."""
    nummer = int(anlegen().rsplit("/", 1)[1])
    frage = {"von": "2026-06-16", "bis": "2026-06-17", "monteure": [lage.monteur_id]}
    with create_session(engine) as schreibend:
        lock_monteure(schreibend, [lage.monteur_id])
        antwort = client.post("/v1/tourenvorschlaege", json=frage, als=lage.planer)
        schreibend.rollback()
    assert [v["auftrag_id"] for v in antwort.json["vorschlaege"]] == [nummer]


def test_a_proposal_for_an_order_that_changes_meanwhile(postgres_url):
    """Somebody cancels it after it was found, and before it is planned: none of the proposal is done."""
    engine = create_engine(postgres_url)
    welt = Welt(engine, FesteUhr())
    welt.benutzer("monteur")
    nummern = [welt.auftrag(welt.messstelle()) for _ in range(2)]
    with create_session(engine) as session:
        monteur = session.scalars(select(Benutzer.benutzer_id)).one()
    ergebnis, tag = [], date(2026, 6, 16)
    frage = {"von": tag, "bis": tag + timedelta(days=1), "stopps_hoechstens": 9, "postleitzahl": None}

    def plan() -> None:
        with create_session(engine) as session:
            try:
                akteur = system_akteur("test", FesteUhr().now())
                propose(session, akteur, monteure=[monteur], probelauf=False, **frage)
            except VersionVeraltet as fehler:
                ergebnis.append(type(fehler))

    with create_session(engine) as session:
        auftrag = session.get(Auftrag, nummern[1])
    auftrag.zustand, auftrag.grund, auftrag.beendet_zeitpunkt = "STORNIERT", "Doppelt", JAN
    run_while_locked(engine, auftrag, plan)
    with create_session(engine) as session:
        zustaende = session.scalars(select(Auftrag.zustand).order_by(Auftrag.auftrag_id)).all()
    engine.dispose()
    assert (ergebnis, zustaende) == ([VersionVeraltet], ["OFFEN", "STORNIERT"])


def test_figures_of_a_month(client, lage, anlegen, planen, nebenan, uhr):
    fertig, offen, gescheitert = (planen(anlegen(messstelle_id=nebenan())) for _ in range(3))
    planen(anlegen("EICHUNG"), "2026-07-01")
    uhr.jetzt = datetime(2026, 6, 16, 10, tzinfo=UTC)
    client.post(f"{fertig}/erledigung", als=lage.monteur, version=2)
    client.post(f"{gescheitert}/besuche", json={"grund": "Niemand da"}, als=lage.monteur, version=2)
    uhr.jetzt = datetime(2026, 6, 20, 10, tzinfo=UTC)
    antwort = client.get("/v1/auftragskennzahlen?von=2026-06-01&bis=2026-07-01", als=lage.planer).json
    reparatur = {
        "faellig": 3,
        "erledigt": 1,
        "puenktlich": 1,
        "ueberfaellig": 1,
        "fehlgeschlagene_besuche": 1,
        "reparaturdauer_mittel_s": 86_400,
    }
    assert antwort[0] == {"art": None, **reparatur}
    assert [zeile for zeile in antwort if zeile["art"] == "REPARATUR"] == [{"art": "REPARATUR", **reparatur}]
    assert sum(zeile["faellig"] for zeile in antwort[1:]) == 3
    assert client.get(offen, als=lage.planer).json["zustand"] == "GEPLANT"
    lang = client.get("/v1/auftragskennzahlen?von=2026-06-01&bis=2028-07-01", als=lage.planer)
    assert (lang.status_code, lang.json["code"]) == (422, "zeitraum_zu_lang")

"""Orders for all meters that are due: which, of what kind, and none twice."""

import threading
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import func, select, text

from betreiber.auftrag import wartungsliste
from betreiber.auftrag.wartungsauftraege import create_wartungsauftraege
from betreiber.auth.domain import system_akteur
from db.models import Audit, Auftrag, Einbau, Ereignis, Messstelle, Stromzaehler, Wartung
from db.session import create_engine, create_session
from tests.auftrag.conftest import JAN
from tests.hilfen import FesteUhr, Welt, recorded_statements

WEG = "/v1/wartungsauftraege"
ENDE = date(2026, 12, 31)


@pytest.fixture
def faellig(welt):
    """Puts a meter that hangs somewhere and is due; returns meter and place."""

    def put(anlass="EICHFRIST", datum=ENDE, ende=None, **ort):
        messstelle_id, stromzaehler_id = welt.messstelle(**ort), welt.stromzaehler(zustand="EINGEBAUT")
        welt.einbau(stromzaehler_id, messstelle_id, JAN)
        welt.wartung(stromzaehler_id, naechste_wartung_datum=datum, anlass=anlass, eichfrist_ende_datum=ende)
        return stromzaehler_id, messstelle_id

    return put


@pytest.fixture
def rufen(client, als):
    """Calls the route as a planner; returns its answer."""

    def call(status=200, **daten):
        frage = {"faellig_bis": "2026-12-31", "probelauf": False} | daten
        antwort = client.post(WEG, json=frage, als=als("wartung"))
        assert antwort.status_code == status, antwort.text
        return antwort.json

    return call


def kinds(antwort):
    """What was made: (meter, kind) in the order of the answer."""
    return [(zeile["stromzaehler_id"], zeile["art"]) for zeile in antwort["auftraege"]]


def test_an_order_for_a_meter_that_is_due(rufen, faellig, session, client, als):
    zaehler, ort = faellig()
    probe = rufen(probelauf=True)
    zeile = {"art": "WECHSEL", "stromzaehler_id": zaehler, "messstelle_id": ort}
    zeile["anlass"] = "Ende der Eichfrist: 31.12.2026"
    assert probe == {
        "probelauf": True,
        "auftraege": [{"auftrag_id": None, **zeile}],
        "uebrig": 0,
        "nachzutragen": [],
    }
    assert session.scalar(select(func.count()).select_from(Auftrag)) == 0
    session.rollback()
    echt = rufen()
    nummer = echt["auftraege"][0]["auftrag_id"]
    assert echt == probe | {"probelauf": False, "auftraege": [{"auftrag_id": nummer, **zeile}]}
    auftrag = client.get(f"/v1/auftraege/{nummer}", als=als("wartung")).json
    assert (auftrag["zustand"], auftrag["version"], auftrag["anlass"]) == ("OFFEN", 1, zeile["anlass"])
    # Recorded as an order that somebody made by hand.
    daten = {"art": "WECHSEL", "messstelle_id": ort, "stromzaehler_id": zaehler, "stoerung_id": None}
    ereignis = session.scalars(select(Ereignis).where(Ereignis.objekt_art == "auftrag")).one()
    assert (ereignis.art, ereignis.objekt_id, ereignis.daten) == ("AUFTRAG_ANGELEGT", nummer, daten)
    spur = session.scalars(select(Audit).where(Audit.objekt_art == "auftrag")).one()
    assert (spur.aktion, spur.objekt_id, spur.neu) == ("ANGELEGT", nummer, daten | {"anlass": zeile["anlass"]})
    assert spur.akteur.startswith("benutzer:")
    session.rollback()
    # Whoever asks twice gets it once.
    assert rufen() == echt | {"auftraege": []}


def test_the_kind_follows_from_the_reason(rufen, faellig):
    zaehler = {
        anlass: faellig(anlass, date(2026, 7, tag))[0]
        for tag, anlass in enumerate(
            ("NUTZUNGSDAUER", "KONTROLLABLESUNG", "GEWAEHRLEISTUNG", "MANUELL", "EICHFRIST"), start=1
        )
    }
    assert kinds(rufen(probelauf=True)) == [
        (zaehler["NUTZUNGSDAUER"], "WECHSEL"),
        (zaehler["KONTROLLABLESUNG"], "KONTROLLABLESUNG"),
        (zaehler["EICHFRIST"], "WECHSEL"),
    ]
    assert kinds(rufen(probelauf=True, art_eichfrist="EICHUNG", art_manuell="REPARATUR"))[2:] == [
        (zaehler["MANUELL"], "REPARATUR"),
        (zaehler["EICHFRIST"], "EICHUNG"),
    ]
    assert kinds(rufen(probelauf=True, anlass="NUTZUNGSDAUER")) == [(zaehler["NUTZUNGSDAUER"], "WECHSEL")]
    anlaesse = [zeile["anlass"] for zeile in rufen(art_manuell="AUSBAU")["auftraege"]]
    assert anlaesse == [
        "Ende der Nutzungsdauer: 01.07.2026",
        "Kontrollablesung fällig: 02.07.2026",
        "Von Hand gesetzter Wartungstermin: 04.07.2026",
        "Ende der Eichfrist: 05.07.2026",
    ]


VORBEI = ("WECHSEL", "Ende der Eichfrist: 30.06.2026")
VON_HAND = ("REPARATUR", "Von Hand gesetzter Wartungstermin: 01.05.2026")


@pytest.mark.parametrize(
    ("anlass", "datum", "daten", "ergebnis"),
    [
        # Beyond the end of the Eichfrist on 30 June: it is over all the same.
        ("MANUELL", date(2031, 1, 1), {}, VORBEI),
        ("MANUELL", date(2031, 1, 1), {"art_manuell": "REPARATUR"}, VORBEI),
        ("MANUELL", date(2031, 1, 1), {"anlass": "EICHFRIST"}, VORBEI),
        ("MANUELL", date(2031, 1, 1), {"anlass": "MANUELL", "art_manuell": "REPARATUR"}, None),
        ("MANUELL", date(2031, 1, 1), {"anlass": "NUTZUNGSDAUER"}, None),
        (
            "MANUELL",
            date(2031, 1, 1),
            {"faellig_bis": "2026-06-30"},
            VORBEI,
        ),
        ("MANUELL", date(2031, 1, 1), {"faellig_bis": "2026-06-29"}, None),
        # Due by hand before: only who asks for such orders gets that one.
        ("MANUELL", date(2026, 5, 1), {}, VORBEI),
        ("MANUELL", date(2026, 5, 1), {"art_manuell": "REPARATUR"}, VON_HAND),
        ("MANUELL", date(2026, 5, 1), {"art_manuell": "REPARATUR", "anlass": "EICHFRIST"}, None),
        # What asks for no order hides no Eichfrist either; what asks for one goes first.
        ("GEWAEHRLEISTUNG", date(2026, 6, 20), {}, VORBEI),
        ("NUTZUNGSDAUER", date(2026, 6, 20), {}, ("WECHSEL", "Ende der Nutzungsdauer: 20.06.2026")),
    ],
)
def test_no_other_date_hides_the_end_of_the_eichfrist(rufen, faellig, anlass, datum, daten, ergebnis):
    faellig(anlass, datum, ende=date(2026, 6, 30))
    antwort = rufen(**daten)
    assert [(zeile["art"], zeile["anlass"]) for zeile in antwort["auftraege"]] == ([ergebnis] if ergebnis else [])
    assert rufen(**daten)["auftraege"] == []


def test_by_the_day_that_counts(rufen, faellig):
    spaeter = faellig("EICHFRIST", date(2026, 7, 1), ende=date(2026, 7, 1))[0]
    von_hand = faellig("MANUELL", date(2031, 1, 1), ende=date(2026, 6, 30))[0]
    assert kinds(rufen(hoechstens=1)) == [(von_hand, "WECHSEL")]
    assert kinds(rufen()) == [(spaeter, "WECHSEL")]


@pytest.mark.parametrize(
    ("art", "zustand", "entsteht", "nachzutragen"),
    [
        ("EICHUNG", "GEPLANT", False, False),
        ("REPARATUR", "GEPLANT", True, False),
        ("EICHUNG", "ERLEDIGT", False, True),
    ],
)
def test_an_order_for_an_eichfrist_behind_a_date_by_hand_is_enough(
    rufen, faellig, welt, uhr, art, zustand, entsteht, nachzutragen
):
    zaehler, ort = faellig("MANUELL", date(2031, 1, 1), ende=date(2026, 6, 30))
    ende = uhr.now() if zustand == "ERLEDIGT" else None
    nummer = welt.auftrag(ort, stromzaehler_id=zaehler, art=art, zustand=zustand, beendet_zeitpunkt=ende)
    antwort = rufen()
    fehlt = {"auftrag_id": nummer, "art": art, "stromzaehler_id": zaehler}
    assert kinds(antwort) == ([(zaehler, "WECHSEL")] if entsteht else [])
    assert antwort["nachzutragen"] == ([fehlt] if nachzutragen else [])


def test_only_what_is_due_and_hangs_there(rufen, faellig, welt, uhr):
    bonn = faellig(datum=date(2026, 7, 1), postleitzahl="53111")[0]
    koeln = faellig(datum=ENDE)[0]
    faellig(datum=date(2027, 1, 1))
    lager, frueher = welt.stromzaehler(), welt.stromzaehler()
    welt.einbau(frueher, welt.messstelle(), JAN, uhr.now())
    for zaehler in (lager, frueher):
        welt.wartung(zaehler, naechste_wartung_datum=ENDE, anlass="EICHFRIST")
    assert kinds(rufen(probelauf=True)) == [(bonn, "WECHSEL"), (koeln, "WECHSEL")]
    assert kinds(rufen(probelauf=True, postleitzahl="53")) == [(bonn, "WECHSEL")]
    assert kinds(rufen(probelauf=True, faellig_bis="2026-12-30")) == [(bonn, "WECHSEL")]
    # What is overdue is due as well.
    assert kinds(rufen(probelauf=True, faellig_bis="2026-01-01")) == []


def test_at_most_so_many_at_a_time(rufen, faellig):
    zaehler = [faellig(datum=date(2026, 7, tag))[0] for tag in (3, 1, 2)]
    erste = rufen(hoechstens=2)
    assert (kinds(erste), erste["uebrig"]) == ([(zaehler[1], "WECHSEL"), (zaehler[2], "WECHSEL")], 1)
    zweite = rufen(hoechstens=2)
    assert (kinds(zweite), zweite["uebrig"]) == ([(zaehler[0], "WECHSEL")], 0)


@pytest.mark.parametrize(
    ("anlass", "art", "zustand", "entsteht"),
    [
        ("EICHFRIST", "WECHSEL", "OFFEN", False),
        ("EICHFRIST", "EICHUNG", "GEPLANT", False),
        ("EICHFRIST", "AUSBAU", "UNTERWEGS", False),
        ("EICHFRIST", "KONTROLLABLESUNG", "GEPLANT", True),
        ("EICHFRIST", "REPARATUR", "GEPLANT", True),
        ("EICHFRIST", "WECHSEL", "FEHLGESCHLAGEN", True),
        ("EICHFRIST", "WECHSEL", "STORNIERT", True),
        ("NUTZUNGSDAUER", "EICHUNG", "GEPLANT", True),
        ("NUTZUNGSDAUER", "WECHSEL", "GEPLANT", False),
        ("KONTROLLABLESUNG", "EICHUNG", "GEPLANT", True),
        ("KONTROLLABLESUNG", "WECHSEL", "OFFEN", False),
        # Its reading moved the date; what is due again is due again.
        ("KONTROLLABLESUNG", "KONTROLLABLESUNG", "ERLEDIGT", True),
    ],
)
def test_none_where_another_order_does_it(rufen, faellig, welt, uhr, anlass, art, zustand, entsteht):
    zaehler, ort = faellig(anlass)
    ende = uhr.now() if zustand in ("ERLEDIGT", "FEHLGESCHLAGEN", "STORNIERT") else None
    welt.auftrag(ort, stromzaehler_id=zaehler, art=art, zustand=zustand, beendet_zeitpunkt=ende)
    antwort = rufen()
    assert bool(antwort["auftraege"]) == entsteht
    assert (antwort["uebrig"], antwort["nachzutragen"]) == (0, [])


def test_an_order_of_another_place_is_none(rufen, faellig, welt):
    zaehler, _ = faellig()
    welt.auftrag(welt.messstelle(), stromzaehler_id=zaehler, art="WECHSEL")
    assert kinds(rufen()) == [(zaehler, "WECHSEL")]


def test_what_was_done_and_not_entered_is_told(rufen, faellig, client, als, uhr, welt, nummer_von):
    """A verification that nobody entered: for four weeks planners see it, then there is a second order."""
    zaehler, _ = faellig()
    nummer = rufen(art_eichfrist="EICHUNG")["auftraege"][0]["auftrag_id"]
    plan = {"zustand": "GEPLANT", "benutzer_id": nummer_von(als("monteur")), "termin_datum": "2026-06-16"}
    pfad = f"/v1/auftraege/{nummer}"
    assert client.patch(pfad, json=plan, als=als("wartung"), version=1).status_code == 200
    assert client.post(f"{pfad}/erledigung", als=als("monteur"), version=2).status_code == 200
    liste = client.get("/v1/wartungen?faellig_bis=2026-12-31", als=als("wartung")).json
    assert [zeile["stromzaehler_id"] for zeile in liste["eintraege"]] == [zaehler]
    fehlt = [{"auftrag_id": nummer, "art": "EICHUNG", "stromzaehler_id": zaehler}]
    for probelauf in (True, False):
        antwort = rufen(art_eichfrist="EICHUNG", probelauf=probelauf)
        assert (antwort["auftraege"], antwort["uebrig"], antwort["nachzutragen"]) == ([], 0, fehlt)
    uhr.advance(timedelta(days=28))
    spaeter = rufen(art_eichfrist="EICHUNG", probelauf=True)
    assert (kinds(spaeter), spaeter["nachzutragen"]) == ([(zaehler, "EICHUNG")], [])


def test_what_was_entered_moves_the_date(rufen, client, als, welt, nummer_von):
    zaehler = welt.stromzaehler(bauart="ELEKTRONISCH", kennzeichnung_jahr=2018, zustand="EINGEBAUT")
    welt.einbau(zaehler, welt.messstelle(), JAN)
    weg, planer = f"/v1/stromzaehler/{zaehler}", als("wartung")
    assert client.patch(f"{weg}/wartung", json={}, als=planer, version=0).json["naechste_wartung_datum"] == (
        "2026-12-31"
    )
    assert kinds(rufen(probelauf=True, art_eichfrist="EICHUNG")) == [(zaehler, "EICHUNG")]
    eichung = {"art": "EICHUNG", "datum": "2026-06-15", "beleg": "Eichschein 1"}
    assert client.post(f"{weg}/eichungen", json=eichung, als=planer).status_code == 201
    assert rufen(art_eichfrist="EICHUNG")["auftraege"] == []


@pytest.mark.parametrize(
    ("daten", "feld", "code"),
    [
        ({"faellig_bis": "2028-06-15"}, "faellig_bis", "termin_zu_fern"),
        ({"anlass": "GEWAEHRLEISTUNG"}, "anlass", "eingabe_ungueltig"),
        ({"anlass": "MANUELL"}, "anlass", "eingabe_ungueltig"),
        ({"art_eichfrist": "AUSBAU"}, "art_eichfrist", "eingabe_ungueltig"),
        ({"art_manuell": "EINBAU"}, "art_manuell", "eingabe_ungueltig"),
        ({"hoechstens": 5_001}, "hoechstens", "eingabe_ungueltig"),
        ({"hoechstens": 0}, "hoechstens", "eingabe_ungueltig"),
        ({"postleitzahl": "5x"}, "postleitzahl", "eingabe_ungueltig"),
        ({"probelauf": "nein"}, "probelauf", "eingabe_ungueltig"),
    ],
)
def test_bad_questions(rufen, daten, feld, code):
    antwort = rufen(422, **daten)
    assert antwort["code"] == code
    assert feld in str(antwort["errors"])


def test_two_years_are_not_too_far(rufen, faellig):
    zaehler, _ = faellig(datum=date(2028, 6, 14))
    assert kinds(rufen(faellig_bis="2028-06-14", anlass="EICHFRIST")) == [(zaehler, "WECHSEL")]


def test_thousands_by_a_few_statements(app, rufen, engine):
    anzahl = 600
    with create_session(engine) as session:
        orte = [
            Messstelle(
                messstelle_id=n,
                malo_id=f"5{n:010}",
                melo_id=f"DE{n:031}",
                strasse="Am Hof",
                hausnummer=str(n),
                postleitzahl="50667",
                stadtname="Köln",
                bundesland="NW",
                anschlussleistung_kw=Decimal(30),
            )
            for n in range(1, anzahl + 1)
        ]
        zaehler = [
            Stromzaehler(
                stromzaehler_id=n, zaehlernummer=f"1EMH{n:010}", hersteller="EMH", modell="m", seriennummer=str(n)
            )
            for n in range(1, anzahl + 1)
        ]
        session.add_all(orte + zaehler)
        session.flush()
        for n in range(1, anzahl + 1):
            session.add(Einbau(einbau_id=n, stromzaehler_id=n, messstelle_id=n, von=JAN))
            session.add(Wartung(stromzaehler_id=n, naechste_wartung_datum=ENDE, anlass="EICHFRIST"))
        session.commit()
    rufen(hoechstens=1, probelauf=True)  # Logs the planner in.
    with recorded_statements(app.extensions["msb_engine"]) as anweisungen:
        antwort = rufen(hoechstens=500)
    assert (len(antwort["auftraege"]), antwort["uebrig"]) == (500, 100)
    assert len(anweisungen) < 25
    nummern = [zeile["auftrag_id"] for zeile in antwort["auftraege"]]
    assert len(set(nummern)) == 500
    with create_session(engine) as session:
        assert session.scalar(select(func.count()).where(Audit.objekt_art == "auftrag")) == 500
        ereignisse = session.scalars(select(Ereignis.objekt_id).where(Ereignis.art == "AUFTRAG_ANGELEGT")).all()
        assert sorted(ereignisse) == sorted(nummern)
        # By hand the next one gets the next number.
        session.add(Auftrag(art="AUSBAU", zustand="OFFEN", messstelle_id=1, anlass="x", angelegt_zeitpunkt=JAN))
        session.commit()
        assert session.scalar(select(func.max(Auftrag.auftrag_id))) == max(nummern) + 1


def test_two_planners_at_once_on_postgresql(postgres_url):
    """The second one waits for the first, and then finds nothing to do."""
    engine = create_engine(postgres_url)
    welt = Welt(engine, FesteUhr())
    zaehler = welt.stromzaehler(zustand="EINGEBAUT")
    welt.einbau(zaehler, welt.messstelle(), JAN)
    welt.wartung(zaehler, naechste_wartung_datum=ENDE, anlass="EICHFRIST")
    frage = {
        "faellig_bis": ENDE,
        "anlass": None,
        "postleitzahl": None,
        "art_eichfrist": "WECHSEL",
        "art_manuell": None,
        "hoechstens": 10,
        "probelauf": False,
    }
    akteur, ergebnis = system_akteur("test", FesteUhr().now()), []

    def make() -> None:
        with create_session(engine) as session:
            ergebnis.append(len(create_wartungsauftraege(session, akteur, **frage).auftraege))

    faden = threading.Thread(target=make)
    wartet = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    with create_session(engine) as session:
        wartungsliste.lock(session)
        faden.start()
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as beobachter:
            while faden.is_alive() and not beobachter.scalar(wartet):
                faden.join(0.02)
        # The lock is taken once more by the same transaction, which nobody waits for.
        ergebnis.append(len(create_wartungsauftraege(session, akteur, **frage).auftraege))
    faden.join()
    engine.dispose()
    assert ergebnis == [1, 0]


def test_a_dry_run_writes_nothing_and_waits_for_nobody(client, als, faellig, engine):
    """Beside a transaction that holds the write lock of SQLite."""
    zaehler, _ = faellig()
    planer = als("wartung")
    with create_session(engine) as schreibend:
        schreibend.add(Ereignis(**_EREIGNIS))
        schreibend.flush()
        antwort = client.post(WEG, json={"faellig_bis": "2026-12-31"}, als=planer)
        schreibend.rollback()
    assert kinds(antwort.json) == [(zaehler, "WECHSEL")]


_EREIGNIS = {
    "zeitpunkt": datetime(2026, 6, 15, tzinfo=UTC),
    "art": "AUFTRAG_ANGELEGT",
    "objekt_art": "auftrag",
    "objekt_id": 1,
    "akteur": "system:test",
    "daten": {},
}


@pytest.mark.parametrize(
    "rolle", ["kunde", "sachbearbeitung", "monteur", "tarif", "buchhaltung", "analyse", "admin"]
)
def test_only_planners_make_orders(client, als, welt, rolle):
    person = als(rolle, kunde_id=welt.kunde() if rolle == "kunde" else None)
    assert client.post(WEG, json={"faellig_bis": "2026-12-31"}, als=person).status_code == 403
    assert client.post(WEG, json={"faellig_bis": "2026-12-31"}).status_code == 401

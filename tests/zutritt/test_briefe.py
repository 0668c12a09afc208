"""Letters: what they say, to whom they go, that they stay as they were, and when an order counts as announced."""

import hashlib
from datetime import UTC, date, datetime
from io import BytesIO

import pytest
from pypdf import PdfReader
from sqlalchemy import select

from db.models import Audit, Auftrag, Einbau, Ereignis, KundeStromzaehler
from db.session import create_session
from tests.hilfen import run_while_locked
from tests.pdf import info_of, text_of
from tests.zutritt.conftest import JAN, TERMIN

PFAD = "/v1/zutrittsankuendigungen"


def test_a_letter_says_what_the_law_asks_for(brief, lage):
    pdf = brief()
    text = text_of(pdf)
    for satz in (
        "Messstellenbetrieb Muster GmbH · Musterweg 1, 50667 Köln",
        "Jörg Müßig & Töchter",
        "Postweg 3",
        "Datum 15.06.2026",
        "Kundennummer K-4711",
        "Ort Am Hof 9b, 50667 Köln",
        "Zählernummer 1EMH0012345678",
        "Wir möchten ihn gegen einen neuen tauschen.",
        "Die Arbeit dauert etwa 45 Minuten.",
        "Wir kommen am Mittwoch, 8. Juli 2026, zwischen 08:00 und 12:00 Uhr",
        "Ersatztermin Mittwoch, 15. Juli 2026, zwischen 08:00 und 12:00 Uhr",
        f"„Auftrag {lage.auftrag_id}“",
        "einen Ausweis",
        "Der Besuch kostet Sie nichts.",
        "§ 38 des Messstellenbetriebsgesetzes (MsbG)",
    ):
        assert satz in text
    info = info_of(pdf)
    assert (info["Pages"], info["Tagged"]) == ("1", "yes")
    assert info["Title"] == "Ankündigung unseres Besuchs am 08.07.2026"
    assert info["Author"] == "Messstellenbetrieb Muster GmbH"
    assert PdfReader(BytesIO(pdf)).trailer["/Root"]["/Lang"] == "de"


def test_hostile_names_are_text_on_one_page(welt, brief):
    """The longest values that the API takes, signs of HTML, an emoji for which there is no font."""
    strasse = "X" * 200
    name = "<script>alert(1)</script> <img src=file:///etc/passwd> {{ 7 * 7 }} 😀 ".ljust(200, "Ö")
    ort = welt.messstelle(strasse=strasse, stadtname="Y" * 200)
    zaehler, kunde = welt.stromzaehler(), welt.kunde(name=name, strasse=strasse, stadtname="Ä " * 99 + "Ä")
    welt.einbau(zaehler, ort, JAN)
    welt.zuordnung(kunde, zaehler, JAN)
    auftrag_id = welt.auftrag(ort, stromzaehler_id=zaehler, zustand="GEPLANT", termin_datum=TERMIN)
    pdf = brief(auftrag_id)
    assert "<script>alert(1)</script> <img src=file:///etc/passwd> {{ 7 * 7 }}" in text_of(pdf)
    assert info_of(pdf)["Pages"] == "1"


def test_a_dry_run_writes_nothing(client, lage, ankuendigen, session):
    antwort = ankuendigen(probelauf=True)
    assert antwort == {
        "probelauf": True,
        "versand_datum": "2026-06-15",
        "ergebnisse": [
            {
                "auftrag_id": lage.auftrag_id,
                "ergebnis": "ANGEKUENDIGT",
                "termin_datum": "2026-07-08",
                "ersatztermin_datum": "2026-07-15",
                "fruehestens_datum": None,
                "kunde_id": lage.kunde_id,
                "zutrittsankuendigung_id": None,
            }
        ],
    }
    assert client.get(PFAD, als=lage.planer).json["gesamt"] == 0
    assert session.scalars(select(Ereignis).where(Ereignis.art == "ZUTRITT_ANGEKUENDIGT")).all() == []


def test_the_letters_of_a_period(client, lage, welt, ankuendigen, session):
    """One letter for each order that is in time; a second call writes no second one."""
    frueh = welt.auftrag(lage.messstelle_id, zustand="GEPLANT", termin_datum=date(2026, 7, 1))
    welt.auftrag(lage.messstelle_id, zustand="OFFEN")
    welt.auftrag(lage.messstelle_id, zustand="GEPLANT", termin_datum=date(2026, 7, 9))
    zeitraum = {"von": "2026-07-01", "bis": "2026-07-09"}
    zu_spaet, angekuendigt = ankuendigen(**zeitraum)["ergebnisse"]
    assert (zu_spaet["auftrag_id"], zu_spaet["ergebnis"], zu_spaet["fruehestens_datum"]) == (
        frueh,
        "ZU_SPAET",
        "2026-07-03",
    )
    assert angekuendigt["ergebnis"] == "ANGEKUENDIGT"
    nochmal = ankuendigen(**zeitraum)["ergebnisse"]
    assert [zeile["ergebnis"] for zeile in nochmal] == ["ZU_SPAET", "SCHON_ANGEKUENDIGT"]
    nummer = angekuendigt["zutrittsankuendigung_id"]
    seite = client.get(f"{PFAD}?auftrag_id={lage.auftrag_id}&versand_datum=2026-06-15", als=lage.planer).json
    assert seite["eintraege"] == [
        {
            "zutrittsankuendigung_id": nummer,
            "auftrag_id": lage.auftrag_id,
            "kunde_id": lage.kunde_id,
            "angelegt_zeitpunkt": "2026-06-15T10:00:00Z",
            "versand_datum": "2026-06-15",
            "termin_datum": "2026-07-08",
            "ersatztermin_datum": "2026-07-15",
            "zeitfenster": "08:00-12:00",
        }
    ]
    [ereignis] = session.scalars(select(Ereignis).where(Ereignis.art == "ZUTRITT_ANGEKUENDIGT"))
    assert (ereignis.objekt_art, ereignis.objekt_id) == ("auftrag", lage.auftrag_id)
    assert ereignis.daten["zutrittsankuendigung_id"] == nummer
    [audit] = session.scalars(select(Audit).where(Audit.objekt_art == "zutrittsankuendigung"))
    assert (audit.aktion, audit.objekt_id, audit.neu["kunde_id"]) == ("ANGELEGT", nummer, lage.kunde_id)


def test_no_letter_for_a_meter_that_is_gone(lage, ankuendigen, session, uhr):
    einbau = session.scalars(select(Einbau).where(Einbau.stromzaehler_id == lage.stromzaehler_id)).one()
    einbau.bis = uhr.now()
    session.commit()
    [ergebnis] = ankuendigen()["ergebnisse"]
    assert (ergebnis["ergebnis"], ergebnis["zutrittsankuendigung_id"]) == ("ZAEHLER_HAENGT_NICHT", None)


def test_filters_of_a_selection(lage, welt, ankuendigen, als, nummer_von):
    monteur = nummer_von(als("monteur"))
    bonn = welt.messstelle(postleitzahl="53111")
    seiner = welt.auftrag(bonn, zustand="GEPLANT", termin_datum=TERMIN, benutzer_id=monteur)
    zeitraum = {"von": "2026-07-01", "bis": "2026-08-01", "probelauf": True}

    def auftraege(**filter_):
        return [zeile["auftrag_id"] for zeile in ankuendigen(**zeitraum, **filter_)["ergebnisse"]]

    assert auftraege() == [lage.auftrag_id, seiner]
    assert auftraege(monteur=monteur) == [seiner]
    assert auftraege(postleitzahl="506") == [lage.auftrag_id]


def test_the_letters_of_a_day_for_the_printer(client, lage, welt, ankuendigen):
    leer = welt.auftrag(welt.messstelle(), zustand="GEPLANT", termin_datum=TERMIN)
    [erster] = ankuendigen()["ergebnisse"]
    ankuendigen(auftrag_id=leer)
    antwort = client.get(f"{PFAD}/druck?versand_datum=2026-06-15", als=lage.planer)
    assert (antwort.status_code, antwort.mimetype) == (200, "application/pdf")
    text = text_of(antwort.data)
    assert info_of(antwort.data)["Pages"] == "2"
    assert text.index(f"Auftrag {lage.auftrag_id}") < text.index("Bewohnerinnen und Bewohner")
    zweite = client.get(
        f"{PFAD}/druck?versand_datum=2026-06-15&nach={erster['zutrittsankuendigung_id']}", als=lage.planer
    )
    assert "Müßig" not in text_of(zweite.data)
    storno = {"zustand": "STORNIERT", "grund": "Kunde verreist"}
    abgesagt = client.patch(f"/v1/auftraege/{leer}", json=storno, als=lage.planer, version=1)
    assert abgesagt.status_code == 200
    ohne_diesen = client.get(f"{PFAD}/druck?versand_datum=2026-06-15", als=lage.planer)
    assert info_of(ohne_diesen.data)["Pages"] == "1"
    leerer_tag = client.get(f"{PFAD}/druck?versand_datum=2026-06-16", als=lage.planer)
    assert (leerer_tag.status_code, leerer_tag.json["code"]) == (422, "briefe_fehlen")


def test_a_letter_stays_as_it_was(client, lage, brief, als, session):
    """Another name does not reach what has left the house."""
    pdf = brief()
    name = client.patch(
        f"/v1/kunden/{lage.kunde_id}", json={"name": "Anders"}, als=als("sachbearbeitung"), version=1
    )
    assert name.status_code == 200
    nummer = client.get(PFAD, als=lage.planer).json["eintraege"][0]["zutrittsankuendigung_id"]
    assert client.get(f"{PFAD}/{nummer}", als=lage.planer).data == pdf
    [audit] = session.scalars(select(Audit).where(Audit.objekt_art == "zutrittsankuendigung"))
    assert audit.neu["sha256"] == hashlib.sha256(pdf).hexdigest()


def test_an_order_counts_as_announced_for_the_days_of_its_letter(client, lage, ankuendigen, welt, als, nummer_von):
    pfad = f"/v1/auftraege/{lage.auftrag_id}"
    monteur = nummer_von(als("monteur"))

    def zustand():
        liste = client.get("/v1/auftraege", als=lage.planer).json["eintraege"]
        einer = client.get(pfad, als=lage.planer).json["zutritt_angekuendigt"]
        assert [zeile["zutritt_angekuendigt"] for zeile in liste] == [einer]
        return einer

    def verlege(tag, version):
        daten = {"termin_datum": tag, "benutzer_id": monteur}
        return client.patch(pfad, json=daten, als=lage.planer, version=version).json["zutritt_angekuendigt"]

    assert zustand() is False
    ankuendigen()
    assert zustand() is True
    assert verlege("2026-07-15", 1) is zustand() is True  # the substitute day
    assert verlege("2026-07-16", 2) is zustand() is False
    # The new day gets a letter of its own, and the old one does not count for it.
    assert ankuendigen()["ergebnisse"][0]["ergebnis"] == "ANGEKUENDIGT"
    assert zustand() is True


def test_a_new_order_is_not_announced(client, lage):
    neu = {"art": "REPARATUR", "messstelle_id": lage.messstelle_id, "anlass": "Zähler stumm"}
    assert client.post("/v1/auftraege", json=neu, als=lage.planer).json["zutritt_angekuendigt"] is False


def test_who_moved_in_gets_a_letter_of_their_own(lage, welt, uhr, session, ankuendigen):
    ankuendigen()
    alt = session.scalars(select(KundeStromzaehler)).one()
    alt.bis = uhr.jetzt
    session.commit()
    neuer = welt.kunde(name="Neu Eingezogen")
    welt.zuordnung(neuer, lage.stromzaehler_id, uhr.jetzt)
    [ergebnis] = ankuendigen()["ergebnisse"]
    assert (ergebnis["ergebnis"], ergebnis["kunde_id"]) == ("ANGEKUENDIGT", neuer)


def test_who_moves_in_before_the_visit_gets_the_letter(lage, welt, session, ankuendigen):
    einzug = datetime(2026, 7, 1, 10, tzinfo=UTC)
    alt = session.scalars(select(KundeStromzaehler)).one()
    alt.bis = einzug
    session.commit()
    neuer = welt.kunde(name="Neu Eingezogen")
    welt.zuordnung(neuer, lage.stromzaehler_id, einzug)
    [ergebnis] = ankuendigen()["ergebnisse"]
    assert (ergebnis["ergebnis"], ergebnis["kunde_id"]) == ("ANGEKUENDIGT", neuer)


def test_to_whom_letters_go(welt, brief):
    """To the customer by contract where no meter hangs yet; to whoever lives at a place that is nobody's."""
    ort = welt.messstelle()
    firma = welt.kunde(name="Muster AG", art="UNTERNEHMEN")
    welt.vertrag(firma, ort, welt.tarif())
    text = text_of(brief(welt.auftrag(ort, art="EINBAU", zustand="GEPLANT", termin_datum=TERMIN)))
    assert "Muster AG" in text
    assert "Sehr geehrte Damen und Herren," in text
    assert "Zählernummer" not in text
    leer = welt.messstelle(strasse="Leerweg", hausnummer="1")
    text = text_of(brief(welt.auftrag(leer, zustand="GEPLANT", termin_datum=TERMIN)))
    assert "An die Bewohnerinnen und Bewohner" in text
    assert "Leerweg 1 50667 Köln" in text
    assert "Guten Tag," in text


def test_bad_selections(client, lage):
    eine = {"auftrag_id": lage.auftrag_id}
    faelle = [
        ({}, "eingabe_ungueltig"),
        ({**eine, "von": "2026-07-01", "bis": "2026-07-02"}, "eingabe_ungueltig"),
        ({"von": "2026-07-01"}, "eingabe_ungueltig"),
        ({**eine, "bis": "2026-07-01"}, "eingabe_ungueltig"),
        ({"von": "2026-07-02", "bis": "2026-07-02"}, "zeitraum_ungueltig"),
        ({"auftrag_id": 999_999}, "auftrag_unbekannt"),
        ({**eine, "versand_datum": "2026-06-14"}, "versand_vergangen"),
        ({**eine, "zeitfenster": "12:00-08:00"}, "eingabe_ungueltig"),
        ({**eine, "zeitfenster": "8-12"}, "eingabe_ungueltig"),
        ({**eine, "ersatztermin_arbeitstage": 0}, "eingabe_ungueltig"),
    ]
    for daten, code in faelle:
        antwort = client.post(PFAD, json={"zeitfenster": "08:00-12:00", **daten}, als=lage.planer)
        assert (antwort.status_code, antwort.json["code"]) == (422, code), daten


def test_more_orders_than_letters_go_in_a_call(client, lage, session):
    werte = {"art": "REPARATUR", "zustand": "GEPLANT", "anlass": "x", "angelegt_zeitpunkt": JAN}
    session.add_all(Auftrag(messstelle_id=lage.messstelle_id, termin_datum=TERMIN, **werte) for _ in range(200))
    session.commit()
    frage = {"von": "2026-07-01", "bis": "2026-08-01", "zeitfenster": "08:00-12:00", "probelauf": False}
    antwort = client.post(PFAD, json=frage, als=lage.planer)
    assert (antwort.status_code, antwort.json["code"]) == (422, "zu_viele_auftraege")


@pytest.mark.parametrize("datenbank", ["postgresql"], indirect=True)
def test_who_plans_anew_meanwhile_gets_their_way(lage, engine, ankuendigen, client):
    """The letters are set, and wait for somebody who is just giving the order another day."""
    with create_session(engine) as session:
        verlegt = session.get_one(Auftrag, lage.auftrag_id)
        session.expunge(verlegt)
    verlegt.termin_datum = date(2026, 7, 20)
    ergebnisse = []
    run_while_locked(engine, verlegt, lambda: ergebnisse.extend(ankuendigen()["ergebnisse"]))
    assert [zeile["ergebnis"] for zeile in ergebnisse] == ["GEAENDERT"]
    assert client.get(PFAD, als=lage.planer).json["gesamt"] == 0

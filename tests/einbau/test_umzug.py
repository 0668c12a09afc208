"""A move: register, both customers and the contract at once or nothing, who may, and what speaks against it."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select

from db.models import Audit, Einbau, Ereignis, KundeStromzaehler, Vertrag
from tests.kanal import reihe
from tests.sql_fehler import fail_each_statement

JAN, MAI = (datetime(2026, monat, 1, tzinfo=UTC) for monat in (1, 5))
# Noon in Berlin.
UMZUG = datetime(2026, 6, 15, 10, tzinfo=UTC)
ZEITPUNKT = "2026-06-15T10:00:00Z"


class Lage:
    """A customer with a contract and a meter at a place."""

    def __init__(self, welt, client, als):
        self._client, self._als, self.welt = client, als, welt
        self.zaehler = welt.stromzaehler(zustand="EINGEBAUT", zaehlernummer="1EMH0000000001")
        self.messstelle = welt.messstelle()
        welt.einbau(self.zaehler, self.messstelle, JAN)
        self.alter, self.neuer = welt.kunde(), welt.kunde()
        welt.zuordnung(self.alter, self.zaehler, MAI)
        self.vertrag = welt.vertrag(self.alter, self.messstelle, welt.tarif())

    def move(self, rolle="sachbearbeitung", **werte):
        daten = {
            "zeitpunkt": ZEITPUNKT,
            "kunde_id": self.neuer,
            "zaehlerstand": {"bezug_gesamt_wh": 5_000, "einspeisung_gesamt_wh": 0},
        } | werte
        pfad = f"/v1/messstellen/{self.messstelle}/umzug"
        return self._client.post(pfad, json=daten, als=self._als(rolle))


@pytest.fixture
def lage(welt, client, als):
    return Lage(welt, client, als)


def assigned(session):
    nach_zeit = session.scalars(select(KundeStromzaehler).order_by(KundeStromzaehler.von))
    return [(zeile.kunde_id, zeile.von, zeile.bis) for zeile in nach_zeit]


def test_move(lage, client, als, session):
    antwort = lage.move(begruendung="Übergabeprotokoll")
    assert antwort.status_code == 201
    ist = antwort.json
    assert (ist["stromzaehler_id"], ist["zeitpunkt"]) == (lage.zaehler, ZEITPUNKT)
    assert (ist["zaehlerstand"]["bezug_gesamt_wh"], ist["zaehlerstand"]["herkunft"]) == (5_000, "MANUELL")
    assert (ist["auszug"]["kunde_id"], ist["auszug"]["bis"]) == (lage.alter, ZEITPUNKT)
    assert (ist["einzug"]["kunde_id"], ist["einzug"]["von"], ist["einzug"]["bis"]) == (lage.neuer, ZEITPUNKT, None)
    assert ([vertrag["vertrag_id"] for vertrag in ist["vertraege_offen"]], ist["vertraege_beendet"]) == (
        [lage.vertrag], [],
    )  # fmt: skip
    assert assigned(session) == [(lage.alter, MAI, UMZUG), (lage.neuer, UMZUG, None)]
    assert session.get(Vertrag, lage.vertrag).zustand == "AKTIV"
    ereignis = session.scalars(select(Ereignis)).one()
    assert (ereignis.art, ereignis.objekt_art, ereignis.objekt_id) == (
        "KUNDE_UMGEZOGEN", "messstelle", lage.messstelle,
    )  # fmt: skip
    assert ereignis.daten == {"stromzaehler_id": lage.zaehler, "zeitpunkt": ZEITPUNKT}
    audit = session.scalars(select(Audit).where(Audit.aktion == "UMZUG")).one()
    assert (audit.objekt_id, audit.neu["begruendung"]) == (lage.messstelle, "Übergabeprotokoll")
    session.rollback()  # SQLite has one writer.
    # Both see the register at which the one's time ends and the other's begins.
    pfad = f"/v1/stromzaehler/{lage.zaehler}/zaehlerstaende?von=2026-06-15T00:00:00Z&bis=2026-06-16T00:00:00Z"
    for kunde in (lage.alter, lage.neuer):
        (eintrag,) = client.get(pfad, als=als("kunde", kunde_id=kunde)).json["eintraege"]
        assert (eintrag["messzeitpunkt"], eintrag["bezug_gesamt_wh"]) == (ZEITPUNKT, 5_000)
    nochmal = lage.move()
    assert (nochmal.status_code, nochmal.json["code"]) == (409, "schon_eingetragen")


def test_what_the_meter_has_sent_is_taken(lage, kanal):
    fehlt = lage.move(zaehlerstand=None)
    assert (fehlt.status_code, fehlt.json["code"], set(fehlt.json["errors"])) == (
        422, "zaehlerstand_fehlt", {"zaehlerstand"},
    )  # fmt: skip
    kanal.deliver(kanal.enrolled("1EMH0000000001", lage.zaehler), reihe(int(UMZUG.timestamp()) - 900, 4_900, [77]))
    anders = lage.move()
    assert (anders.status_code, anders.json["code"]) == (409, "zaehlerstand_widerspricht")
    antwort = lage.move(zaehlerstand=None)
    assert (antwort.json["zaehlerstand"]["bezug_gesamt_wh"], antwort.json["zaehlerstand"]["herkunft"]) == (
        4_977, "GERAET",
    )  # fmt: skip


def test_what_a_customer_entered_divides_no_bill(lage, client, als):
    """They may enter it as long as the meter is theirs; only the move, recorded later, makes an edge of it."""
    pfad, frueher = f"/v1/stromzaehler/{lage.zaehler}/ablesungen", "2026-06-10T10:00:00Z"
    eintrag = {"zeitpunkt": frueher, "bezug_gesamt_wh": 4_000, "einspeisung_gesamt_wh": 0}
    assert client.post(pfad, json=eintrag, als=als("kunde", kunde_id=lage.alter)).status_code == 201
    antwort = lage.move(zeitpunkt=frueher, zaehlerstand=None)
    assert (antwort.status_code, antwort.json["code"]) == (422, "zaehlerstand_fehlt")
    assert "4,000 kWh" in antwort.json["detail"]
    anders = lage.move(zeitpunkt=frueher)
    assert (anders.status_code, anders.json["code"]) == (409, "zaehlerstand_widerspricht")
    bestaetigt = lage.move(zeitpunkt=frueher, zaehlerstand={"bezug_gesamt_wh": 4_000, "einspeisung_gesamt_wh": 0})
    assert (bestaetigt.status_code, bestaetigt.json["zaehlerstand"]["bezug_gesamt_wh"]) == (201, 4_000)


def test_what_staff_entered_is_taken(lage, client, als):
    pfad = f"/v1/stromzaehler/{lage.zaehler}/ablesungen"
    eintrag = {"zeitpunkt": ZEITPUNKT, "bezug_gesamt_wh": 4_000, "einspeisung_gesamt_wh": 0}
    assert client.post(pfad, json=eintrag, als=als("sachbearbeitung")).status_code == 201
    assert lage.move(zaehlerstand=None).json["zaehlerstand"]["bezug_gesamt_wh"] == 4_000


@pytest.mark.parametrize("beenden", [False, True])
def test_contracts_that_begin_when_the_customer_has_left_are_asked_for(lage, welt, beenden):
    tarif, tag = welt.tarif(), date(2026, 6, 16)
    am_tag = welt.vertrag(lage.alter, lage.messstelle, tarif, beginn_datum=tag)
    angelegt = welt.vertrag(lage.alter, lage.messstelle, tarif, beginn_datum=date(2026, 7, 1), zustand="ANGELEGT")
    zurueck = {"zustand": "BEENDET", "ende_datum": date(2026, 8, 1)}
    welt.vertrag(lage.alter, lage.messstelle, tarif, beginn_datum=tag, **zurueck)
    welt.vertrag(lage.alter, welt.messstelle(), tarif, beginn_datum=tag)
    welt.vertrag(lage.neuer, lage.messstelle, tarif, beginn_datum=tag)
    offen = lage.move(vertrag_beenden=beenden).json["vertraege_offen"]
    assert [vertrag["vertrag_id"] for vertrag in offen] == [lage.vertrag] * (not beenden) + [am_tag, angelegt]


@pytest.mark.parametrize(
    ("zeitpunkt", "ende", "zustand"),
    [
        # At noon the customer still used power on that day: the first day without the contract is the next one.
        (ZEITPUNKT, date(2026, 6, 16), "GEKUENDIGT"),
        ("2026-06-15T00:00:00+02:00", date(2026, 6, 15), "BEENDET"),
        ("2026-06-10T12:00:00+02:00", date(2026, 6, 11), "BEENDET"),
    ],
)
def test_the_contract_of_who_leaves_ends_with_the_day(lage, welt, session, zeitpunkt, ende, zustand):
    fremder = welt.vertrag(lage.neuer, lage.messstelle, welt.tarif())
    antwort = lage.move(zeitpunkt=zeitpunkt, vertrag_beenden=True)
    (vertrag,) = antwort.json["vertraege_beendet"]
    assert (vertrag["vertrag_id"], vertrag["ende_datum"], vertrag["zustand"]) == (
        lage.vertrag, ende.isoformat(), zustand,
    )  # fmt: skip
    assert antwort.json["vertraege_offen"] == []
    gespeichert = session.get(Vertrag, lage.vertrag)
    assert (gespeichert.ende_datum, gespeichert.zustand) == (ende, zustand)
    assert session.get(Vertrag, fremder).ende_datum is None


def test_an_earlier_end_of_the_contract_stays(lage, welt, session):
    frueher = welt.vertrag(
        lage.alter, lage.messstelle, welt.tarif(), zustand="GEKUENDIGT", ende_datum=date(2026, 6, 15)
    )
    spaeter = welt.vertrag(
        lage.alter, lage.messstelle, welt.tarif(), zustand="GEKUENDIGT", ende_datum=date(2026, 12, 31)
    )
    # Asked for are those without an end.
    offen = lage.move(kunde_id=None).json["vertraege_offen"]
    assert [vertrag["vertrag_id"] for vertrag in offen] == [lage.vertrag]
    lage.move(kunde_id=lage.alter, zeitpunkt="2026-06-10T00:00:00Z", vertrag_beenden=True)
    assert session.get(Vertrag, frueher).ende_datum == date(2026, 6, 15)
    assert session.get(Vertrag, spaeter).ende_datum == date(2026, 12, 31)


def test_nobody_moves_in_and_somebody_later(lage, session):
    auszug = lage.move(kunde_id=None, zeitpunkt="2026-06-10T10:00:00Z")
    assert (auszug.status_code, auszug.json["einzug"]) == (201, None)
    nochmal = lage.move(kunde_id=None, zeitpunkt="2026-06-10T10:00:00Z")
    assert (nochmal.status_code, nochmal.json["code"]) == (409, "schon_eingetragen")
    leer = lage.move(kunde_id=None)
    assert (leer.status_code, leer.json["code"]) == (409, "zuordnung_fehlt")
    einzug = lage.move()
    assert (einzug.status_code, einzug.json["auszug"], einzug.json["vertraege_offen"]) == (201, None, [])
    assert assigned(session) == [(lage.alter, MAI, UMZUG - timedelta(days=5)), (lage.neuer, UMZUG, None)]


def test_what_speaks_against_a_move(lage, welt, session):
    for werte, erwartet in (
        ({"kunde_id": lage.alter}, (422, "kunde_unveraendert")),
        ({"kunde_id": 999_999}, (422, "kunde_unbekannt")),
        ({"zeitpunkt": "2026-06-15T10:15:00Z"}, (422, "zeitpunkt_in_zukunft")),
        ({"zeitpunkt": "2026-01-01T00:00:00Z"}, (422, "vor_dem_einbau")),
        ({"zeitpunkt": "2026-06-15T09:59:00Z"}, (422, "eingabe_ungueltig")),
        ({"zaehlerstand": {"bezug_gesamt_wh": 5_000}}, (422, "eingabe_ungueltig")),
        ({"vertrag_beenden": "ja"}, (422, "eingabe_ungueltig")),
    ):
        antwort = lage.move(**werte)
        assert (antwort.status_code, antwort.json["code"]) == erwartet, werte
    welt.zuordnung(welt.kunde(), lage.zaehler, JAN, MAI)
    dahinter = lage.move(zeitpunkt="2026-04-15T00:00:00Z")
    assert (dahinter.status_code, dahinter.json["code"]) == (409, "zuordnung_ueberlappt")
    session.get(Einbau, 1).bis = UMZUG
    session.commit()
    ohne = lage.move(zeitpunkt="2026-06-10T00:00:00Z")
    assert (ohne.status_code, ohne.json["code"]) == (409, "zaehler_haengt_nicht")
    lage.messstelle = 999_999
    assert lage.move().status_code == 404


def test_each_statement_may_fail_and_nothing_is_half_done(lage, engine):
    lage._als("sachbearbeitung")
    assert fail_each_statement(engine, lambda: lage.move(vertrag_beenden=True)) > 12

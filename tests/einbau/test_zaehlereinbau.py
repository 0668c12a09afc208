"""Putting a meter in where none hangs: everything at once or nothing, who may, and what speaks against it."""

from datetime import UTC, date, datetime

import pytest
from sqlalchemy import select

from db.models import Audit, Einbau, Ereignis, KundeStromzaehler, Stromzaehler, Wartung
from tests.kanal import Zaehler, reihe
from tests.sql_fehler import fail_each_statement

JAN, MAI, JUNI = (datetime(2026, monat, 1, tzinfo=UTC) for monat in (1, 5, 6))
EINBAU = datetime(2026, 6, 15, 8, 15, tzinfo=UTC)
ZEITPUNKT = "2026-06-15T08:15:00Z"
NUMMER = "1EMH0000000001"


class Lage:
    """A place where no meter hangs, and a meter in the warehouse."""

    def __init__(self, welt, client, als):
        self._client, self._als = client, als
        self.zaehler = welt.stromzaehler(zaehlernummer=NUMMER)
        self.messstelle = welt.messstelle()

    def install(self, rolle="wartung", **werte):
        daten = {
            "stromzaehler_id": self.zaehler,
            "zeitpunkt": ZEITPUNKT,
            "anfangsstand": {"bezug_gesamt_wh": 12, "einspeisung_gesamt_wh": 3},
        } | werte
        pfad = f"/v1/messstellen/{self.messstelle}/zaehlereinbau"
        return self._client.post(pfad, json=daten, als=self._als(rolle))


@pytest.fixture
def lage(welt, client, als):
    return Lage(welt, client, als)


def assigned(session):
    return [(zeile.kunde_id, zeile.von, zeile.bis) for zeile in session.scalars(select(KundeStromzaehler))]


def test_install(lage, client, als, welt, session):
    kunde = welt.kunde()
    welt.vertrag(kunde, lage.messstelle, welt.tarif())
    antwort = lage.install(begruendung="Neuanschluss")
    assert antwort.status_code == 201
    einbau, zuordnung = antwort.json["einbau"], antwort.json["zuordnung"]
    assert (einbau["stromzaehler_id"], einbau["messstelle"]["messstelle_id"]) == (lage.zaehler, lage.messstelle)
    assert (einbau["von"], einbau["bis"]) == (ZEITPUNKT, None)
    assert antwort.json["anfangsstand"] == {"bezug_gesamt_wh": 12, "einspeisung_gesamt_wh": 3}
    assert (zuordnung["kunde_id"], zuordnung["stromzaehler_id"]) == (kunde, lage.zaehler)
    assert (zuordnung["von"], zuordnung["bis"]) == (ZEITPUNKT, None)
    token = antwort.json["einschreibungstoken"]
    assert (token["zaehlernummer"], token["gueltig_bis"]) == (NUMMER, "2026-06-29T10:00:00Z")
    pfad = f"/v1/stromzaehler/{lage.zaehler}/zaehlerstaende?von={ZEITPUNKT}&bis=2026-06-15T09:00:00Z"
    (eintrag,) = client.get(pfad, als=als("sachbearbeitung")).json["eintraege"]
    assert (eintrag["messzeitpunkt"], eintrag["bezug_gesamt_wh"], eintrag["einspeisung_gesamt_wh"]) == (
        ZEITPUNKT, 12, 3,
    )  # fmt: skip
    assert (eintrag["qualitaet"], eintrag["herkunft"]) == ("ABGELESEN", "MANUELL")
    assert session.get(Stromzaehler, lage.zaehler).zustand == "EINGEBAUT"
    wartung = session.get(Wartung, lage.zaehler)
    assert (wartung.einbau_datum, wartung.letzte_manuelle_ablesung_datum) == (date(2026, 6, 15),) * 2
    assert session.scalars(select(Ereignis.art)).all() == ["STROMZAEHLER_EINGEBAUT"]
    audit = session.scalars(select(Audit).where(Audit.aktion == "ZAEHLEREINBAU")).one()
    assert (audit.objekt_art, audit.objekt_id) == ("messstelle", lage.messstelle)
    assert token["token"] not in str([zeile.neu for zeile in session.scalars(select(Audit))])


def test_the_meter_enrols_with_the_token_and_goes_on(lage, kanal, client, als):
    geraet = Zaehler(NUMMER, lage.zaehler)
    anfang = {"bezug_gesamt_wh": 12, "einspeisung_gesamt_wh": 0}
    token = lage.install(anfangsstand=anfang).json["einschreibungstoken"]["token"]
    assert kanal.enrol(geraet, geraet.einschreibung(token)).status_code == 200
    kanal.deliver(geraet, reihe(int(EINBAU.timestamp()) + 900, 112, [100]))
    pfad = f"/v1/stromzaehler/{lage.zaehler}/verbrauch?aufloesung=gesamt&von={ZEITPUNKT}&bis=2026-06-15T08:45:00Z"
    assert client.get(pfad, als=als("sachbearbeitung")).json["summe"]["bezug_wh"] == 200


def test_a_meter_that_is_enrolled_needs_no_token(lage, kanal):
    kanal.enrolled(NUMMER, lage.zaehler)
    assert lage.install().json["einschreibungstoken"] is None


def test_whose_it_is(lage, welt, session):
    """Of contracts only those that run count; a named customer goes before; without any the place is vacant."""
    frueher, spaeter, tarif = welt.kunde(), welt.kunde(), welt.tarif()
    welt.vertrag(frueher, lage.messstelle, tarif, zustand="BEENDET", ende_datum=date(2026, 6, 15))
    welt.vertrag(spaeter, lage.messstelle, tarif, beginn_datum=date(2026, 6, 16))
    assert lage.install().json["zuordnung"] is None
    assert assigned(session) == []


def test_several_customers_with_a_contract(lage, welt, session):
    kunden, tarif = [welt.kunde(), welt.kunde()], welt.tarif()
    for kunde in kunden:
        welt.vertrag(kunde, lage.messstelle, tarif)
    antwort = lage.install()
    assert (antwort.status_code, antwort.json["code"]) == (409, "kunde_mehrdeutig")
    assert lage.install(kunde_id=kunden[1]).status_code == 201
    assert assigned(session) == [(kunden[1], EINBAU, None)]


def test_the_same_again_changes_nothing(lage, session):
    assert lage.install().status_code == 201
    nochmal = lage.install()
    assert (nochmal.status_code, nochmal.json["code"]) == (409, "schon_eingetragen")
    assert len(session.scalars(select(Einbau)).all()) == 1
    assert len(session.scalars(select(Audit).where(Audit.aktion == "ZAEHLEREINBAU")).all()) == 1


def test_what_speaks_against_an_installation(lage, welt):
    woanders, fremder = welt.stromzaehler(zustand="EINGEBAUT"), welt.stromzaehler()
    welt.einbau(woanders, welt.messstelle(), JAN)
    welt.zuordnung(welt.kunde(), fremder, JAN)
    neu = welt.stromzaehler(inbetriebnahme_datum=date(2026, 6, 15), zustand="AUSGEBAUT")
    frueherer = welt.stromzaehler(zustand="AUSGEBAUT")
    welt.einbau(frueherer, lage.messstelle, JAN, MAI)
    kunde = welt.kunde()
    for werte, erwartet in (
        ({"stromzaehler_id": woanders}, (409, "einbau_ueberlappt")),
        ({"stromzaehler_id": welt.stromzaehler(zustand="GESPERRT")}, (409, "zaehler_nicht_einbaubar")),
        ({"stromzaehler_id": fremder, "kunde_id": kunde}, (409, "zuordnung_ueberlappt")),
        ({"stromzaehler_id": 999_999}, (422, "stromzaehler_unbekannt")),
        ({"kunde_id": 999_999}, (422, "kunde_unbekannt")),
        # Berlin's 15 June begins at 22:00 UTC.
        ({"stromzaehler_id": neu, "zeitpunkt": "2026-06-14T21:45:00Z"}, (422, "vor_dem_einbau")),
        ({"zeitpunkt": "2026-04-30T23:45:00Z"}, (422, "vor_dem_einbau")),
        ({"zeitpunkt": "2026-06-15T10:15:00Z"}, (422, "zeitpunkt_in_zukunft")),
        ({"zeitpunkt": "2026-06-15T08:14:00Z"}, (422, "eingabe_ungueltig")),
        ({"anfangsstand": {"bezug_gesamt_wh": 1}}, (422, "eingabe_ungueltig")),
        ({"anfangsstand": None}, (422, "eingabe_ungueltig")),
    ):
        antwort = lage.install(**werte)
        assert (antwort.status_code, antwort.json["code"]) == erwartet, werte
    assert lage.install(stromzaehler_id=neu, zeitpunkt="2026-06-14T22:00:00Z").status_code == 201
    belegt = lage.install()
    assert (belegt.status_code, belegt.json["code"]) == (409, "messstelle_belegt")
    lage.messstelle = 999_999
    assert lage.install().status_code == 404


def test_a_meter_that_is_still_a_customers_from_before(lage, welt, session):
    """At a vacant place nobody is assigned, and that customer would see what it uses."""
    kunde = welt.kunde()
    welt.einbau(lage.zaehler, welt.messstelle(), JAN, MAI)
    nummer = welt.zuordnung(kunde, lage.zaehler, JAN)
    antwort = lage.install()
    assert (antwort.status_code, antwort.json["code"]) == (409, "zuordnung_ueberlappt")
    assert "Beenden Sie zuerst diese Zuordnung" in antwort.json["detail"]
    assert len(session.scalars(select(Einbau)).all()) == 1
    session.get(KundeStromzaehler, nummer).bis = MAI
    session.commit()
    assert lage.install().status_code == 201
    assert assigned(session) == [(kunde, JAN, MAI)]


def test_each_statement_may_fail_and_nothing_is_half_done(lage, welt, engine):
    welt.vertrag(welt.kunde(), lage.messstelle, welt.tarif())
    lage._als("wartung")
    assert fail_each_statement(engine, lage.install) > 15

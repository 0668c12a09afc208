"""Exchanging a meter: everything at once or nothing, who may, and what speaks against it."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select

from betreiber.ablesung import speicher
from betreiber.ablesung.domain import Herkunft, Qualitaet
from db.models import Audit, Einbau, Ereignis, KundeStromzaehler, Stromzaehler, Wartung
from db.session import create_session
from tests.kanal import Zaehler, messwert, reihe
from tests.sql_fehler import fail_each_statement

JAN, MAI, JUNI = (datetime(2026, monat, 1, tzinfo=UTC) for monat in (1, 5, 6))
WECHSEL = datetime(2026, 6, 15, 8, 15, tzinfo=UTC)
ZEITPUNKT = "2026-06-15T08:15:00Z"
PERSONAL = ("sachbearbeitung", "wartung", "monteur", "tarif", "buchhaltung", "analyse", "admin")


class Lage:
    """A meter at its place, and one in the warehouse that is to take its place."""

    def __init__(self, welt, client, als):
        self._client, self._als = client, als
        self.alter = welt.stromzaehler(zustand="EINGEBAUT", zaehlernummer="1EMH0000000001")
        self.neuer = welt.stromzaehler(zaehlernummer="1EMH0000000002")
        self.messstelle = welt.messstelle()
        self.einbau = welt.einbau(self.alter, self.messstelle, JAN)

    def daten(self, **werte):
        return {
            "alter_stromzaehler_id": self.alter,
            "neuer_stromzaehler_id": self.neuer,
            "zeitpunkt": ZEITPUNKT,
            "schlussstand": {"bezug_gesamt_wh": 5_000, "einspeisung_gesamt_wh": 7},
            "anfangsstand": {"bezug_gesamt_wh": 12, "einspeisung_gesamt_wh": 0},
        } | werte

    def exchange(self, rolle="wartung", **werte):
        pfad = f"/v1/messstellen/{self.messstelle}/zaehlerwechsel"
        return self._client.post(pfad, json=self.daten(**werte), als=self._als(rolle))


@pytest.fixture
def lage(welt, client, als):
    return Lage(welt, client, als)


def assigned(session):
    nach_zeit = session.scalars(select(KundeStromzaehler).order_by(KundeStromzaehler.von))
    return [(zeile.kunde_id, zeile.stromzaehler_id, zeile.von, zeile.bis) for zeile in nach_zeit]


def test_exchange(lage, client, als, welt, session):
    frueher, kunde, spaeter = welt.kunde(), welt.kunde(), welt.kunde()
    welt.zuordnung(frueher, lage.alter, JAN, MAI)
    welt.zuordnung(kunde, lage.alter, MAI, JUNI + timedelta(days=30))
    kommend = welt.zuordnung(spaeter, lage.alter, JUNI + timedelta(days=30))
    antwort = lage.exchange(begruendung="Eichfrist endet")
    assert antwort.status_code == 201
    assert (antwort.json["ausbau"]["bis"], antwort.json["ausbau"]["einbau_id"]) == (ZEITPUNKT, lage.einbau)
    einbau = antwort.json["einbau"]
    assert (einbau["stromzaehler_id"], einbau["messstelle"]["messstelle_id"]) == (lage.neuer, lage.messstelle)
    assert (einbau["von"], einbau["bis"]) == (ZEITPUNKT, None)
    assert (antwort.json["schlussstand"], antwort.json["anfangsstand"]) == (
        lage.daten()["schlussstand"], lage.daten()["anfangsstand"],
    )  # fmt: skip
    token = antwort.json["einschreibungstoken"]
    assert (token["zaehlernummer"], token["gueltig_bis"]) == ("1EMH0000000002", "2026-06-29T10:00:00Z")
    for nummer, stand in ((lage.alter, (5_000, 7)), (lage.neuer, (12, 0))):
        pfad = f"/v1/stromzaehler/{nummer}/zaehlerstaende?von={ZEITPUNKT}&bis=2026-06-15T09:00:00Z"
        (eintrag,) = client.get(pfad, als=als("sachbearbeitung")).json["eintraege"]
        assert (eintrag["messzeitpunkt"], eintrag["qualitaet"], eintrag["herkunft"]) == (
            ZEITPUNKT, "ABGELESEN", "MANUELL",
        )  # fmt: skip
        assert (eintrag["bezug_gesamt_wh"], eintrag["einspeisung_gesamt_wh"]) == stand
    assert [session.get(Stromzaehler, nummer).zustand for nummer in (lage.alter, lage.neuer)] == [
        "AUSGEBAUT", "EINGEBAUT",
    ]  # fmt: skip
    assert session.get(Wartung, lage.neuer).einbau_datum == date(2026, 6, 15)
    assert assigned(session) == [
        (frueher, lage.alter, JAN, MAI),
        (kunde, lage.alter, MAI, WECHSEL),
        (kunde, lage.neuer, WECHSEL, JUNI + timedelta(days=30)),
        (spaeter, lage.neuer, JUNI + timedelta(days=30), None),
    ]
    assert session.get(KundeStromzaehler, kommend).stromzaehler_id == lage.neuer
    ereignisse = session.execute(select(Ereignis.art, Ereignis.objekt_id).order_by(Ereignis.ereignis_id)).all()
    assert ereignisse == [("STROMZAEHLER_AUSGEBAUT", lage.alter), ("STROMZAEHLER_EINGEBAUT", lage.neuer)]
    audit = session.scalars(select(Audit).where(Audit.aktion == "ZAEHLERWECHSEL")).one()
    assert (audit.objekt_art, audit.objekt_id) == ("messstelle", lage.messstelle)
    assert audit.neu == lage.daten(begruendung="Eichfrist endet") | {
        "eingetragen": ["schlussstand", "anfangsstand"]
    }


def test_the_same_exchange_again_changes_nothing(lage, session):
    assert lage.exchange().status_code == 201
    nochmal = lage.exchange()
    assert (nochmal.status_code, nochmal.json["code"]) == (409, "zaehler_haengt_nicht")
    assert len(session.scalars(select(Einbau)).all()) == 2


def test_a_customer_from_that_very_instant_on_only_has_the_new_meter(lage, welt, session):
    kunde = welt.kunde()
    welt.zuordnung(kunde, lage.alter, WECHSEL)
    assert lage.exchange().status_code == 201
    assert assigned(session) == [(kunde, lage.neuer, WECHSEL, None)]


def test_the_new_meter_is_enrolled_with_the_token_of_the_exchange_and_goes_on(lage, kanal, client, als):
    neuer = Zaehler("1EMH0000000002", lage.neuer)
    token = lage.exchange().json["einschreibungstoken"]["token"]
    assert kanal.enrol(neuer, neuer.einschreibung(token)).status_code == 200
    uhrzeit = int(WECHSEL.timestamp())
    # It counts from before the edge on: the opening register is the fitter's.
    quittung = kanal.deliver(neuer, [messwert(uhrzeit, 30), *reihe(uhrzeit + 900, 112, [100])])
    assert (quittung.neu, quittung.abgelehnt) == (2, ((0, "konflikt"),))
    pfad = f"/v1/stromzaehler/{lage.neuer}/verbrauch?aufloesung=gesamt&von={ZEITPUNKT}&bis=2026-06-15T08:45:00Z"
    assert client.get(pfad, als=als("sachbearbeitung")).json["summe"]["bezug_wh"] == 200


def test_a_new_meter_that_is_enrolled_needs_no_token(lage, kanal):
    kanal.enrolled("1EMH0000000002", lage.neuer)
    assert lage.exchange().json["einschreibungstoken"] is None


def test_the_old_meter_brings_nothing_any_more_and_is_told(lage, kanal, uhr):
    alter, token = kanal.enrolled("1EMH0000000001", lage.alter), kanal.token(lage.alter)
    assert lage.exchange().status_code == 201
    telegramm = alter.telegramm(uhr, reihe(int(WECHSEL.timestamp()) - 900, 4_900, [100]))
    antwort = kanal.post(alter.seal(telegramm.to_bytes(), uhr.now()), alter.enrolled.zertifikat_tls)
    assert (antwort.status_code, antwort.json["code"], antwort.json["zustand"]) == (403, "gesperrt", "AUSGEBAUT")
    anderes = Zaehler("1EMH0000000001", lage.alter)
    assert kanal.enrol(anderes, anderes.einschreibung(token)).json["code"] == "gesperrt"


@pytest.fixture
def gemessen(lage, kanal):
    """The old meter has sent its readings up to the exchange: 4,900 Wh at 8:00, 5,000 Wh at 8:15."""
    alter = kanal.enrolled("1EMH0000000001", lage.alter)
    kanal.deliver(alter, reihe(int(WECHSEL.timestamp()) - 900, 4_900, [100]))
    return lage


def test_what_the_meter_has_sent_itself_must_be_the_same(gemessen):
    gleich = {"bezug_gesamt_wh": 5_000, "einspeisung_gesamt_wh": 0}
    antwort = gemessen.exchange(schlussstand=gleich | {"bezug_gesamt_wh": 5_001})
    assert (antwort.status_code, antwort.json["code"]) == (409, "zaehlerstand_widerspricht")
    assert "5,000 kWh Bezug" in antwort.json["detail"]
    assert "5,001 kWh Bezug" in antwort.json["detail"]
    # Nothing of it was kept: the same can be done rightly now.
    assert gemessen.exchange(schlussstand=gleich).status_code == 201


def test_what_the_old_meter_counted_afterwards_is_not_lost(lage, engine):
    beginn, von_selbst = int(WECHSEL.timestamp()), (None, Qualitaet.ABGELESEN, 0)
    with create_session(engine) as schreiben:
        stand = speicher.lock(schreiben, [lage.alter])[lage.alter]
        werte = [
            speicher.Ablesung(beginn + 900 * n, wh, 7, *von_selbst, beginn + 900 * n, Herkunft.GERAET)
            for n, wh in enumerate([5_000, 5_000, 5_050])
        ]
        speicher.replace(schreiben, stand, werte)
        schreiben.commit()
    antwort = lage.exchange()
    assert (antwort.status_code, antwort.json["code"]) == (409, "zaehlerstand_widerspricht")
    assert "zeigte danach 5,050 kWh Bezug" in antwort.json["detail"]
    # An hour later it stood still.
    spaeter = {"bezug_gesamt_wh": 5_050, "einspeisung_gesamt_wh": 7}
    assert lage.exchange(zeitpunkt="2026-06-15T09:15:00Z", schlussstand=spaeter).status_code == 201


def test_a_register_that_cannot_be(gemessen):
    # 30 kW and a quarter more for a quarter hour are 9,375 Wh; the display may be 1 kWh behind.
    for bezug_wh, wort in ((4_999, "gefallen"), (5_000 + 9_375 + 1_001, "schneller gestiegen")):
        stand = {"bezug_gesamt_wh": bezug_wh, "einspeisung_gesamt_wh": 0}
        antwort = gemessen.exchange(zeitpunkt="2026-06-15T08:30:00Z", schlussstand=stand)
        assert (antwort.status_code, antwort.json["code"]) == (422, "zaehlerstand_unmoeglich")
        assert set(antwort.json["errors"]) == {"schlussstand"}
        assert wort in antwort.json["detail"]


def test_what_speaks_against_an_exchange(lage, welt):
    woanders, fremder = welt.stromzaehler(zustand="EINGEBAUT"), welt.stromzaehler()
    welt.einbau(woanders, welt.messstelle(), JAN)
    welt.zuordnung(welt.kunde(), fremder, JAN)
    welt.zuordnung(welt.kunde(), lage.alter, JAN)
    for werte, erwartet in (
        ({"alter_stromzaehler_id": woanders}, (409, "zaehler_haengt_nicht")),
        ({"neuer_stromzaehler_id": woanders}, (409, "einbau_ueberlappt")),
        (
            {
                "neuer_stromzaehler_id": lage.alter,
                "anfangsstand": {"bezug_gesamt_wh": 5_000, "einspeisung_gesamt_wh": 7},
            },
            (422, "eingabe_ungueltig"),
        ),
        ({"neuer_stromzaehler_id": welt.stromzaehler(zustand="GESPERRT")}, (409, "zaehler_nicht_einbaubar")),
        ({"neuer_stromzaehler_id": fremder}, (409, "zuordnung_ueberlappt")),
        ({"alter_stromzaehler_id": 999_999}, (422, "stromzaehler_unbekannt")),
        ({"neuer_stromzaehler_id": 999_999}, (422, "stromzaehler_unbekannt")),
        ({"zeitpunkt": "2026-06-15T10:15:00Z"}, (422, "zeitpunkt_in_zukunft")),
        ({"zeitpunkt": "2026-01-01T00:00:00Z"}, (422, "zeitraum_ungueltig")),
        ({"zeitpunkt": "2026-06-15T08:14:00Z"}, (422, "eingabe_ungueltig")),
        ({"schlussstand": {"bezug_gesamt_wh": 5_000}}, (422, "eingabe_ungueltig")),
        ({"anfangsstand": {"bezug_gesamt_wh": -1, "einspeisung_gesamt_wh": 0}}, (422, "eingabe_ungueltig")),
    ):
        antwort = lage.exchange(**werte)
        assert (antwort.status_code, antwort.json["code"]) == erwartet, werte
    lage.messstelle = 999_999
    assert lage.exchange().status_code == 404


def test_each_statement_may_fail_and_nothing_is_half_done(lage, welt, engine):
    welt.zuordnung(welt.kunde(), lage.alter, JAN)
    lage._als("wartung")
    assert fail_each_statement(engine, lage.exchange) > 20


def test_rights(client, als, welt):
    kunde_id, stromzaehler_id, messstelle_id = welt.kunde(), welt.stromzaehler(), welt.messstelle()
    welt.zuordnung(kunde_id, stromzaehler_id, JAN)
    welt.einbau(stromzaehler_id, messstelle_id, JAN)
    personen = {rolle: als(rolle) for rolle in PERSONAL} | {
        "eigener": als("kunde", kunde_id=kunde_id),
        "fremder": als("kunde", kunde_id=welt.kunde()),
    }
    nur = {
        f"messstellen/{messstelle_id}/zaehlerwechsel": "wartung",
        f"messstellen/{messstelle_id}/zaehlerwechsel/ruecknahme": "wartung",
        f"messstellen/{messstelle_id}/zaehlereinbau": "wartung",
        f"messstellen/{messstelle_id}/zaehlerausbau": "wartung",
        f"messstellen/{messstelle_id}/umzug": "sachbearbeitung",
        f"stromzaehler/{stromzaehler_id}/faktorwechsel": "wartung",
        f"stromzaehler/{stromzaehler_id}/lagerung": "wartung",
        f"stromzaehler/{stromzaehler_id}/zuordnungsberichtigungen": "sachbearbeitung",
    }
    for pfad, rolle in nur.items():
        darf = {
            wer: client.post(f"/v1/{pfad}", json={}, als=person).status_code for wer, person in personen.items()
        }
        assert darf == dict.fromkeys(personen, 403) | {rolle: 422}, pfad
        assert client.post(f"/v1/{pfad}", json={}).status_code == 401


def test_the_display_of_the_old_meter_shows_whole_kwh(lage, kanal):
    """The ordinary exchange: the old meter sent 5,512 Wh a quarter hour before, and its display shows 5 kWh."""
    geraet = kanal.enrolled("1EMH0000000001", lage.alter)
    beginn = int(WECHSEL.timestamp())
    assert kanal.deliver(geraet, [messwert(beginn - 900, 5_512, 7)]).abgelehnt == ()
    antwort = lage.exchange(schlussstand={"bezug_gesamt_wh": 5_000, "einspeisung_gesamt_wh": 0})
    assert antwort.status_code == 201
    assert antwort.json["schlussstand"] == {"bezug_gesamt_wh": 5_512, "einspeisung_gesamt_wh": 7}


@pytest.mark.parametrize(("danach_wh", "status"), [(5_600, 201), (6_000, 409)])
def test_within_the_kwh_of_the_display_the_old_meter_stood_still(lage, engine, danach_wh, status):
    beginn = int(WECHSEL.timestamp())
    with create_session(engine) as session:
        stand = speicher.lock(session, [lage.alter])[lage.alter]
        speicher.replace(session, stand, [
            speicher.Ablesung(beginn + 900 * n, wh, 7, None, Qualitaet.ABGELESEN, 0, beginn, Herkunft.GERAET)
            for n, wh in ((-1, 5_512), (1, danach_wh))
        ])  # fmt: skip
        session.commit()
    assert lage.exchange(schlussstand={"bezug_gesamt_wh": 5_000, "einspeisung_gesamt_wh": 0}).status_code == status


@pytest.mark.parametrize(("anfang_wh", "gesendet_wh"), [(0, 480), (12_000, 12_345), (12, 13)])
def test_the_opening_register_stands_whatever_the_meter_says_of_that_instant(
    lage, kanal, client, als, anfang_wh, gesendet_wh
):
    """Else what it counted between the work and the edge would be nobody's."""
    assert (
        lage.exchange(anfangsstand={"bezug_gesamt_wh": anfang_wh, "einspeisung_gesamt_wh": 0}).status_code == 201
    )
    neuer = kanal.enrolled("1EMH0000000002", lage.neuer)
    werte = [messwert(int(WECHSEL.timestamp()) + 900 * n, gesendet_wh + 100 * n) for n in (0, 1)]
    quittung = kanal.deliver(neuer, werte)
    assert (quittung.neu, [stelle for stelle, _ in quittung.abgelehnt]) == (1, [0])
    pfad = f"/v1/stromzaehler/{lage.neuer}/zaehlerstaende?von={ZEITPUNKT}&bis=2026-06-15T09:00:00Z"
    eintraege = client.get(pfad, als=als("sachbearbeitung")).json["eintraege"]
    assert [(eintrag["bezug_gesamt_wh"], eintrag["herkunft"]) for eintrag in eintraege] == [
        (anfang_wh, "MANUELL"), (gesendet_wh + 100, "GERAET"),
    ]  # fmt: skip

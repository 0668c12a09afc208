"""Undoing a wrong exchange: everything is as if it had not been, but for the logs; and when it is too late."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import delete, select

from betreiber.ablesung import speicher
from betreiber.ablesung.domain import Herkunft, Qualitaet
from db.base import Base
from db.models import Audit, Einbau, Einschreibungstoken, Ereignis, KundeStromzaehler, Stromzaehler, Wartung
from db.session import create_session
from tests.kanal import messwert, reihe
from tests.sql_fehler import fail_each_statement

JAN, MAI = (datetime(2026, monat, 1, tzinfo=UTC) for monat in (1, 5))
WECHSEL = datetime(2026, 6, 15, 8, 15, tzinfo=UTC)
ZEITPUNKT = "2026-06-15T08:15:00Z"


class Lage:
    """A meter was exchanged for one from the warehouse; the customer has it since May, another will in July."""

    def __init__(self, welt, client, als, kanal):
        self._client, self._als = client, als
        self.alter = welt.stromzaehler(zustand="EINGEBAUT", zaehlernummer="1EMH0000000001")
        self.neuer = welt.stromzaehler(zaehlernummer="1EMH0000000002")
        self.messstelle = welt.messstelle()
        welt.einbau(self.alter, self.messstelle, JAN)
        self.kunde, self.spaeter = welt.kunde(), welt.kunde()
        welt.zuordnung(self.kunde, self.alter, MAI, WECHSEL + timedelta(days=30))
        welt.zuordnung(self.spaeter, self.alter, WECHSEL + timedelta(days=30))
        self.geraet = kanal.enrolled("1EMH0000000001", self.alter)
        assert self.exchange().status_code == 201

    def exchange(self, **werte):
        daten = {
            "alter_stromzaehler_id": self.alter,
            "neuer_stromzaehler_id": self.neuer,
            "zeitpunkt": ZEITPUNKT,
            "schlussstand": {"bezug_gesamt_wh": 5_000, "einspeisung_gesamt_wh": 0},
            "anfangsstand": {"bezug_gesamt_wh": 12, "einspeisung_gesamt_wh": 0},
        } | werte
        pfad = f"/v1/messstellen/{self.messstelle}/zaehlerwechsel"
        return self._client.post(pfad, json=daten, als=self._als("wartung"))

    def take_back(self, rolle="wartung", **werte):
        daten = {"zeitpunkt": ZEITPUNKT, "begruendung": "falscher Zähler eingetragen"} | werte
        pfad = f"/v1/messstellen/{self.messstelle}/zaehlerwechsel/ruecknahme"
        return self._client.post(pfad, json=daten, als=self._als(rolle))


@pytest.fixture
def lage(welt, client, als, kanal):
    return Lage(welt, client, als, kanal)


def test_take_back(lage, kanal, client, als, session):
    antwort = lage.take_back()
    assert antwort.status_code == 200
    assert (antwort.json["zeitpunkt"], antwort.json["neuer_stromzaehler_id"]) == (ZEITPUNKT, lage.neuer)
    assert (antwort.json["einbau"]["stromzaehler_id"], antwort.json["einbau"]["bis"]) == (lage.alter, None)
    (einbau,) = session.scalars(select(Einbau))
    assert (einbau.stromzaehler_id, einbau.messstelle_id, einbau.von, einbau.bis) == (
        lage.alter, lage.messstelle, JAN, None,
    )  # fmt: skip
    nach_zeit = session.scalars(select(KundeStromzaehler).order_by(KundeStromzaehler.von))
    assert [(zeile.kunde_id, zeile.stromzaehler_id, zeile.von, zeile.bis) for zeile in nach_zeit] == [
        (lage.kunde, lage.alter, MAI, WECHSEL + timedelta(days=30)),
        (lage.spaeter, lage.alter, WECHSEL + timedelta(days=30), None),
    ]
    neuer = session.get(Stromzaehler, lage.neuer)
    assert (neuer.zustand, neuer.inbetriebnahme_datum) == ("LAGER", None)
    assert session.get(Stromzaehler, lage.alter).zustand == "EINGEBAUT"
    assert session.get(Wartung, lage.neuer).einbau_datum is None
    session.rollback()  # SQLite has one writer.
    for zaehler in (lage.alter, lage.neuer):
        pfad = f"/v1/stromzaehler/{zaehler}/zaehlerstaende?von={ZEITPUNKT}&bis=2026-06-15T09:00:00Z"
        assert client.get(pfad, als=als("sachbearbeitung")).json["eintraege"] == []
    wer = {"alter_stromzaehler_id": lage.alter, "neuer_stromzaehler_id": lage.neuer, "zeitpunkt": ZEITPUNKT}
    ereignis = session.scalars(select(Ereignis).where(Ereignis.objekt_art == "messstelle")).one()
    assert (ereignis.art, ereignis.objekt_id, ereignis.daten) == (
        "ZAEHLERWECHSEL_ZURUECKGENOMMEN", lage.messstelle, wer,
    )  # fmt: skip
    audit = session.scalars(select(Audit).where(Audit.aktion == "ZAEHLERWECHSEL_ZURUECKGENOMMEN")).one()
    assert (audit.alt, audit.neu) == (wer, {"begruendung": "falscher Zähler eingetragen"})
    # What is gone stands in the log as it was.
    geloescht = session.scalars(select(Audit).where(Audit.aktion == "GELOESCHT")).all()
    assert {zeile.objekt_art for zeile in geloescht} == {"einbau", "kunde_stromzaehler"}
    assert {zeile.alt["von"] for zeile in geloescht} == {ZEITPUNKT}
    session.rollback()
    # The old meter goes on with the keys that it has.
    quittung = kanal.deliver(lage.geraet, reihe(int(WECHSEL.timestamp()), 5_010, [10]))
    assert (quittung.neu, quittung.abgelehnt) == (2, ())
    nochmal = lage.take_back()
    assert (nochmal.status_code, nochmal.json["code"]) == (409, "zaehlerwechsel_fehlt")


def test_the_right_exchange_can_follow(lage, welt):
    assert lage.take_back().status_code == 200
    assert lage.exchange(neuer_stromzaehler_id=welt.stromzaehler()).status_code == 201
    assert lage.take_back().status_code == 200
    assert lage.exchange().status_code == 201


def test_the_token_of_the_new_meter_is_worth_nothing_any_more(lage, kanal):
    token = kanal.token(lage.neuer)
    assert lage.take_back().status_code == 200
    geraet = type(lage.geraet)("1EMH0000000002", lage.neuer)
    assert kanal.enrol(geraet, geraet.einschreibung(token)).json["code"] == "token"


def test_a_meter_that_hung_before_keeps_its_history(welt, client, als, kanal, session):
    frueher = welt.stromzaehler(zaehlernummer="1EMH0000000003", zustand="AUSGEBAUT")
    welt.einbau(frueher, welt.messstelle(), JAN, MAI)
    welt.wartung(frueher, einbau_datum=date(2026, 1, 1))
    lage = Lage(welt, client, als, kanal)
    assert lage.take_back().status_code == 200
    assert lage.exchange(neuer_stromzaehler_id=frueher).status_code == 201
    assert session.get(Wartung, frueher).einbau_datum == date(2026, 6, 15)
    session.rollback()
    assert lage.take_back().status_code == 200
    assert session.get(Wartung, frueher).einbau_datum == date(2026, 1, 1)
    # At the first exchange it was removed: it comes back without its keys, and stays in the warehouse.
    assert session.get(Stromzaehler, frueher).zustand == "LAGER"


def _staende(lage, client, als):
    pfad = "zaehlerstaende?von=2026-06-15T08:15:00Z&bis=2026-06-15T09:00:00Z"
    antworten = [
        client.get(f"/v1/stromzaehler/{nummer}/{pfad}", als=als("sachbearbeitung")).json["eintraege"]
        for nummer in (lage.alter, lage.neuer)
    ]
    return [[eintrag["bezug_gesamt_wh"] for eintrag in antwort] for antwort in antworten]


def test_a_reading_that_was_there_before_the_exchange_stays(lage, client, als):
    assert _staende(lage, client, als) == [[5_000], [12]]
    assert lage.take_back().status_code == 200
    assert _staende(lage, client, als) == [[], []]
    eintrag = {"zeitpunkt": ZEITPUNKT, "bezug_gesamt_wh": 5_000, "einspeisung_gesamt_wh": 0}
    pfad = f"/v1/stromzaehler/{lage.alter}/ablesungen"
    assert client.post(pfad, json=eintrag, als=als("wartung")).status_code == 201
    assert lage.exchange().status_code == 201
    assert lage.take_back().status_code == 200
    assert _staende(lage, client, als) == [[5_000], []]


def test_a_reading_at_which_the_meter_changes_hands_stays(lage, welt, client, als, session):
    assert lage.take_back().status_code == 200
    # The customers change with the exchange.
    session.execute(delete(KundeStromzaehler))
    session.commit()
    welt.zuordnung(lage.kunde, lage.alter, MAI, WECHSEL)
    welt.zuordnung(lage.spaeter, lage.alter, WECHSEL)
    assert lage.exchange().status_code == 201
    assert lage.take_back().status_code == 200
    assert _staende(lage, client, als) == [[5_000], []]


def test_too_late_once_the_new_meter_has_sent(lage, kanal):
    neuer = kanal.enrolled("1EMH0000000002", lage.neuer)
    kanal.deliver(neuer, [messwert(int(WECHSEL.timestamp()) + 900, 20)])
    antwort = lage.take_back()
    assert (antwort.status_code, antwort.json["code"]) == (409, "zaehlerwechsel_hat_folgen")


@pytest.mark.parametrize(("gesendet_wh", "status", "neu"), [(12, 409, [12]), (480, 200, [])])
def test_what_the_new_meter_sends_for_the_edge_itself(lage, kanal, client, als, gesendet_wh, status, neu):
    """The same as the opening register: it is in use. Another one contradicts that and takes no place."""
    neuer = kanal.enrolled("1EMH0000000002", lage.neuer)
    quittung = kanal.deliver(neuer, [messwert(int(WECHSEL.timestamp()), gesendet_wh, leistung_w=400)])
    assert quittung.neu == (1 if status == 409 else 0)
    assert _staende(lage, client, als) == [[5_000], [12]]
    antwort = lage.take_back()
    assert (antwort.status_code, antwort.json.get("code")) == (
        status, "zaehlerwechsel_hat_folgen" if status == 409 else None,
    )  # fmt: skip
    assert _staende(lage, client, als)[1] == neu


def test_what_the_new_meter_had_sent_before_the_exchange_stays(lage, session, kanal, client, als):
    """It hung here for a moment, was taken down, and is put in anew: its reading is not the exchange's."""
    assert lage.take_back().status_code == 200
    with create_session(session.get_bind()) as schreiben:
        stand = speicher.lock(schreiben, [lage.neuer])[lage.neuer]
        uhrzeit = int(WECHSEL.timestamp())
        gemessen = (None, Qualitaet.ABGELESEN, 0, uhrzeit, Herkunft.GERAET)
        speicher.replace(schreiben, stand, [speicher.Ablesung(uhrzeit, 12, 0, *gemessen)])
        schreiben.commit()
    assert lage.exchange().status_code == 201
    assert lage.take_back().status_code == 200
    assert _staende(lage, client, als) == [[], [12]]


def test_substitutes_of_the_new_meter_go_with_it(lage, engine, client, als):
    with create_session(engine) as schreiben:
        stand = speicher.lock(schreiben, [lage.neuer])[lage.neuer]
        uhrzeit = int(WECHSEL.timestamp()) + 900
        vorlaeufig = (None, Qualitaet.VORLAEUFIGERWERT, 0, uhrzeit, Herkunft.ERSATZWERT)
        speicher.replace(schreiben, stand, [speicher.Ablesung(uhrzeit, 20, 0, *vorlaeufig)])
        schreiben.commit()
    assert lage.take_back().status_code == 200
    pfad = f"/v1/stromzaehler/{lage.neuer}/zaehlerstaende?von={ZEITPUNKT}&bis=2026-06-15T09:00:00Z"
    assert client.get(pfad, als=als("sachbearbeitung")).json["eintraege"] == []


def test_too_late_once_something_followed(lage, welt):
    dritter = welt.stromzaehler()
    spaeter = "2026-06-15T09:00:00Z"
    stand = {"bezug_gesamt_wh": 12, "einspeisung_gesamt_wh": 0}
    wechsel = {"alter_stromzaehler_id": lage.neuer, "neuer_stromzaehler_id": dritter, "zeitpunkt": spaeter}
    assert lage.exchange(**wechsel, schlussstand=stand).status_code == 201
    antwort = lage.take_back()
    assert (antwort.status_code, antwort.json["code"]) == (409, "zaehlerwechsel_hat_folgen")
    # The latest first, then the one before.
    assert lage.take_back(zeitpunkt=spaeter).status_code == 200
    assert lage.take_back().status_code == 200


def test_too_late_once_the_new_meter_is_out_again(welt, client, als, kanal, session):
    lage = Lage(welt, client, als, kanal)
    session.execute(delete(KundeStromzaehler).where(KundeStromzaehler.kunde_id == lage.spaeter))
    session.commit()
    ausbau = {
        "stromzaehler_id": lage.neuer,
        "zeitpunkt": "2026-06-15T09:00:00Z",
        "schlussstand": {"bezug_gesamt_wh": 12, "einspeisung_gesamt_wh": 0},
    }
    pfad = f"/v1/messstellen/{lage.messstelle}/zaehlerausbau"
    assert client.post(pfad, json=ausbau, als=als("wartung")).status_code == 201
    antwort = lage.take_back()
    assert (antwort.status_code, antwort.json["code"]) == (409, "zaehlerwechsel_hat_folgen")


def test_what_speaks_against_it(lage, welt, session):
    for werte, erwartet in (
        ({"zeitpunkt": "2026-06-15T08:30:00Z"}, (409, "zaehlerwechsel_fehlt")),
        ({"zeitpunkt": "2026-06-15T08:00:00Z"}, (409, "zaehlerwechsel_fehlt")),
        ({"begruendung": None}, (422, "eingabe_ungueltig")),
        ({"begruendung": ""}, (422, "eingabe_ungueltig")),
        ({"zeitpunkt": "2026-06-15T08:14:00Z"}, (422, "eingabe_ungueltig")),
    ):
        antwort = lage.take_back(**werte)
        assert (antwort.status_code, antwort.json["code"]) == erwartet, werte
    zustand = session.get(Stromzaehler, lage.alter)
    zustand.zustand = "VERSCHROTTET"
    session.commit()
    fort = lage.take_back()
    assert (fort.status_code, fort.json["code"]) == (409, "zaehler_nicht_einbaubar")
    zustand.zustand = "EINGEBAUT"
    session.commit()
    welt.einbau(lage.alter, welt.messstelle(), WECHSEL)
    woanders = lage.take_back()
    assert (woanders.status_code, woanders.json["code"]) == (409, "einbau_ueberlappt")
    lage.messstelle = 999_999
    assert lage.take_back().status_code == 404


# What an undoing may leave: who did what, what happened, versions of readings and what is to be reckoned anew.
_BLEIBT = {"audit", "ereignis", "verbrauch_fassung", "neuberechnung", "telegrammstand"}


def everything(engine):
    """All rows of all other tables, without their versions."""
    with engine.connect() as connection:
        return {
            tabelle.name: sorted(
                repr({name: wert for name, wert in zeile._mapping.items() if name != "version"})
                for zeile in connection.execute(select(tabelle))
            )
            for tabelle in Base.metadata.sorted_tables
            if tabelle.name not in _BLEIBT
        }


@pytest.mark.parametrize("inbetriebnahme", [None, date(2026, 6, 15), date(2025, 3, 1)])
@pytest.mark.parametrize("vorher", ["nichts", "gesendet", "abgelesen"])
def test_an_undone_exchange_leaves_nothing_in_any_table(
    lage, welt, session, engine, client, als, kanal, inbetriebnahme, vorher
):
    """Of the latest exchange everything is as it was before, whatever staff had noted of both meters."""
    assert lage.take_back().status_code == 200
    neuer = session.get(Stromzaehler, lage.neuer)
    neuer.inbetriebnahme_datum = inbetriebnahme
    session.get(Wartung, lage.alter).letzte_manuelle_ablesung_datum = date(2026, 2, 1)
    # Tokens of undoings before are worth nothing any more, but rows.
    session.execute(delete(Einschreibungstoken))
    session.commit()
    if vorher == "gesendet":
        kanal.deliver(lage.geraet, [messwert(int(WECHSEL.timestamp()), 5_000)])
    elif vorher == "abgelesen":
        eintrag = {"zeitpunkt": ZEITPUNKT, "bezug_gesamt_wh": 5_000, "einspeisung_gesamt_wh": 0}
        pfad = f"/v1/stromzaehler/{lage.alter}/ablesungen"
        assert client.post(pfad, json=eintrag, als=als("wartung")).status_code == 201
    lage._als("wartung")
    davor = everything(engine)
    assert lage.exchange().status_code == 201
    assert everything(engine) != davor
    assert lage.take_back().status_code == 200
    danach = everything(engine)
    # The token of the new meter was made, and ended.
    assert len(danach.pop("einschreibungstoken")) == 1
    assert davor.pop("einschreibungstoken") == []
    assert danach == davor


def test_the_old_meter_that_lost_its_keys_in_the_warehouse_is_enrolled_anew(lage, client, als, kanal):
    assert lage.take_back().json["einschreibungstoken"] is None
    assert lage.exchange().status_code == 201
    ort = {"ort": "Köln, Halle 2"}
    assert client.post(f"/v1/stromzaehler/{lage.alter}/lagerung", json=ort, als=als("wartung")).status_code == 200
    token = lage.take_back().json["einschreibungstoken"]
    assert token["zaehlernummer"] == "1EMH0000000001"
    geraet = type(lage.geraet)("1EMH0000000001", lage.alter)
    assert kanal.enrol(geraet, geraet.einschreibung(token["token"])).status_code == 200


def test_a_distrusted_meter_hangs_again_and_gets_no_token(lage, session):
    session.get(Stromzaehler, lage.alter).zustand = "GESPERRT"
    session.commit()
    antwort = lage.take_back()
    assert (antwort.status_code, antwort.json["einschreibungstoken"]) == (200, None)
    session.expire_all()
    assert session.get(Stromzaehler, lage.alter).zustand == "GESPERRT"


def test_who_read_the_old_meter_since_keeps_the_date(lage, client, als, session):
    session.get(Wartung, lage.alter).letzte_manuelle_ablesung_datum = date(2026, 6, 20)
    session.commit()
    assert lage.take_back().status_code == 200
    session.expire_all()
    assert session.get(Wartung, lage.alter).letzte_manuelle_ablesung_datum == date(2026, 6, 20)


def test_an_exchange_of_single_calls_is_undone(lage, welt, client, als, session):
    """Nothing tells what was before: what may have been noted on its own stays."""
    assert lage.take_back().status_code == 200
    session.execute(delete(KundeStromzaehler))
    (einbau,) = session.scalars(select(Einbau))
    einbau_id, version = einbau.einbau_id, einbau.version
    session.commit()
    person, spaeter = als("wartung"), "2026-06-15T08:30:00Z"
    pfad = f"/v1/stromzaehler/{lage.alter}/einbauten/{einbau_id}"
    assert client.patch(pfad, json={"bis": spaeter}, als=person, version=version).status_code == 200
    daten = {"messstelle_id": lage.messstelle, "von": spaeter}
    assert client.post(f"/v1/stromzaehler/{lage.neuer}/einbauten", json=daten, als=person).status_code == 201
    assert lage.take_back(zeitpunkt=spaeter).status_code == 200
    assert session.get(Stromzaehler, lage.neuer).inbetriebnahme_datum == date(2026, 6, 15)


@pytest.mark.parametrize("zuvor", ["zurueckgenommen", "stehengeblieben"])
def test_the_log_of_another_exchange_at_the_same_instant_tells_nothing(lage, welt, client, als, session, zuvor):
    """The old meter was exchanged for another one, by single calls; its register was read on its own."""
    dritter = welt.stromzaehler(inbetriebnahme_datum=date(2026, 6, 15))
    if zuvor == "zurueckgenommen":
        assert lage.take_back().status_code == 200
        eintrag = {"zeitpunkt": ZEITPUNKT, "bezug_gesamt_wh": 5_000, "einspeisung_gesamt_wh": 0}
        pfad = f"/v1/stromzaehler/{lage.alter}/ablesungen"
        assert client.post(pfad, json=eintrag, als=als("wartung")).status_code == 201
        session.scalars(select(Einbau)).one().bis = WECHSEL
        session.get(Stromzaehler, lage.alter).zustand = "AUSGEBAUT"
    else:
        session.execute(delete(Einbau).where(Einbau.stromzaehler_id == lage.neuer))
    session.execute(delete(KundeStromzaehler))
    session.commit()
    daten = {"messstelle_id": lage.messstelle, "von": ZEITPUNKT}
    person = als("wartung")
    assert client.post(f"/v1/stromzaehler/{dritter}/einbauten", json=daten, als=person).status_code == 201
    assert lage.take_back().status_code == 200
    assert _staende(lage, client, als)[0] == [5_000]
    assert session.get(Stromzaehler, dritter).inbetriebnahme_datum == date(2026, 6, 15)


def test_each_statement_may_fail_and_nothing_is_half_done(lage, engine):
    assert fail_each_statement(engine, lage.take_back) > 20

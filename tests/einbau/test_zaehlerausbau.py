"""Taking a meter out without a successor, and its way back to the warehouse."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select

from db.models import Audit, Ereignis, KundeStromzaehler, Stromzaehler
from tests.kanal import messwert, reihe
from tests.sql_fehler import fail_each_statement

JAN, MAI = (datetime(2026, monat, 1, tzinfo=UTC) for monat in (1, 5))
AUSBAU = datetime(2026, 6, 15, 8, 15, tzinfo=UTC)
ZEITPUNKT = "2026-06-15T08:15:00Z"
NUMMER = "1EMH0000000001"


class Lage:
    """A meter at its place."""

    def __init__(self, welt, client, als):
        self._client, self._als = client, als
        self.zaehler = welt.stromzaehler(zustand="EINGEBAUT", zaehlernummer=NUMMER)
        self.messstelle = welt.messstelle()
        welt.einbau(self.zaehler, self.messstelle, JAN)

    def remove(self, rolle="wartung", **werte):
        daten = {
            "stromzaehler_id": self.zaehler,
            "zeitpunkt": ZEITPUNKT,
            "schlussstand": {"bezug_gesamt_wh": 5_000, "einspeisung_gesamt_wh": 0},
        } | werte
        pfad = f"/v1/messstellen/{self.messstelle}/zaehlerausbau"
        return self._client.post(pfad, json=daten, als=self._als(rolle))

    def store(self, rolle="wartung", **werte):
        daten = {"ort": "Köln, Halle 2, Regal 14"} | werte
        return self._client.post(f"/v1/stromzaehler/{self.zaehler}/lagerung", json=daten, als=self._als(rolle))


@pytest.fixture
def lage(welt, client, als):
    return Lage(welt, client, als)


def test_remove(lage, welt, client, als, session):
    kunde, tarif = welt.kunde(), welt.tarif()
    welt.zuordnung(kunde, lage.zaehler, MAI)
    laeuft = welt.vertrag(kunde, lage.messstelle, tarif, vertragsnummer="V-LAEUFT")
    welt.vertrag(kunde, lage.messstelle, tarif, zustand="BEENDET", ende_datum=date(2026, 6, 1))
    welt.vertrag(kunde, welt.messstelle(), tarif)
    antwort = lage.remove(begruendung="Haus wird abgerissen")
    assert antwort.status_code == 201
    assert (antwort.json["ausbau"]["stromzaehler_id"], antwort.json["ausbau"]["bis"]) == (lage.zaehler, ZEITPUNKT)
    assert antwort.json["schlussstand"] == {"bezug_gesamt_wh": 5_000, "einspeisung_gesamt_wh": 0}
    assert (antwort.json["zuordnung"]["kunde_id"], antwort.json["zuordnung"]["bis"]) == (kunde, ZEITPUNKT)
    assert antwort.json["vertraege_offen"] == [
        {
            "vertrag_id": laeuft,
            "kunde_id": kunde,
            "vertragsnummer": "V-LAEUFT",
            "produkt": "STROMLIEFERUNG",
            "zustand": "AKTIV",
            "beginn_datum": "2026-01-01",
            "ende_datum": None,
        }
    ]
    (zuordnung,) = session.scalars(select(KundeStromzaehler))
    assert (zuordnung.von, zuordnung.bis) == (MAI, AUSBAU)
    assert session.get(Stromzaehler, lage.zaehler).zustand == "AUSGEBAUT"
    assert session.scalars(select(Ereignis.art)).all() == ["STROMZAEHLER_AUSGEBAUT"]
    assert session.scalars(select(Audit).where(Audit.aktion == "ZAEHLERAUSBAU")).one().objekt_id == lage.messstelle
    session.rollback()  # SQLite has one writer.
    pfad = f"/v1/stromzaehler/{lage.zaehler}/zaehlerstaende?von=2026-06-15T08:00:00Z&bis=2026-06-15T09:00:00Z"
    # The customer sees the register at which their time ended.
    (eintrag,) = client.get(pfad, als=als("kunde", kunde_id=kunde)).json["eintraege"]
    assert (eintrag["bezug_gesamt_wh"], eintrag["herkunft"]) == (5_000, "MANUELL")
    nochmal = lage.remove()
    assert (nochmal.status_code, nochmal.json["code"]) == (409, "schon_eingetragen")


def test_a_contract_of_the_day_before_midnight_still_ran(lage, welt):
    """Removed at midnight: the last day of the contract is the one before, and a later one is not asked for."""
    bis_dahin, danach, tarif = welt.kunde(), welt.kunde(), welt.tarif()
    welt.vertrag(bis_dahin, lage.messstelle, tarif, zustand="GEKUENDIGT", ende_datum=date(2026, 6, 15))
    welt.vertrag(danach, lage.messstelle, tarif, beginn_datum=date(2026, 6, 15))
    antwort = lage.remove(zeitpunkt="2026-06-15T00:00:00+02:00")
    assert [vertrag["kunde_id"] for vertrag in antwort.json["vertraege_offen"]] == [bis_dahin]


def test_the_meter_is_told_and_loses_its_keys_on_the_way_to_the_warehouse(lage, kanal, client, als, session, uhr):
    geraet = kanal.enrolled(NUMMER, lage.zaehler)
    token = kanal.token(lage.zaehler)
    kanal.deliver(geraet, reihe(int(AUSBAU.timestamp()) - 900, 4_900, [100]))
    assert lage.remove().status_code == 201
    # It proves who it is and learns what is recorded about it; nothing that it brings is taken.
    telegramm = geraet.telegramm(uhr, [messwert(int(AUSBAU.timestamp()) + 900, 5_000)])
    antwort = kanal.post(geraet.seal(telegramm.to_bytes(), uhr.now()), geraet.enrolled.zertifikat_tls)
    assert (antwort.status_code, antwort.json["code"], antwort.json["zustand"]) == (403, "gesperrt", "AUSGEBAUT")
    anderes = type(geraet)(NUMMER, lage.zaehler)
    assert kanal.enrol(anderes, anderes.einschreibung(token)).json["code"] == "gesperrt"

    lager = lage.store()
    assert (lager.status_code, lager.json["zustand"]) == (200, "LAGER")
    assert (lager.json["ort"], lager.headers["ETag"]) == ("Köln, Halle 2, Regal 14", f'"{lager.json["version"]}"')
    schluessel = client.get(f"/v1/stromzaehler/{lage.zaehler}/schluessel", als=als("wartung")).json["eintraege"]
    assert {zeile["gesperrt_zeitpunkt"] for zeile in schluessel} == {"2026-06-15T10:00:00Z"}
    stumm = kanal.post(geraet.seal(telegramm.to_bytes(), uhr.now()), geraet.enrolled.zertifikat_tls)
    assert (stumm.status_code, stumm.json["code"], "zustand" in stumm.json) == (403, "gesperrt", False)
    assert kanal.enrol(anderes, anderes.einschreibung(token)).json["code"] == "token"
    nochmal = lage.store()
    assert (nochmal.status_code, nochmal.json["code"]) == (409, "schon_eingetragen")
    ort = {"ort": "Köln, Halle 2, Regal 14"}
    assert session.scalars(select(Ereignis.daten).where(Ereignis.art == "STROMZAEHLER_EINGELAGERT")).all() == [ort]
    assert session.scalars(select(Audit.neu).where(Audit.aktion == "EINGELAGERT")).all() == [ort]


@pytest.mark.parametrize(("entfernt", "gesperrt"), [(True, {"2026-06-15T10:00:00Z"}), (False, {None})])
def test_a_distrusted_meter_keeps_its_keys_only_where_it_hangs(lage, kanal, client, als, entfernt, gesperrt):
    kanal.enrolled(NUMMER, lage.zaehler)
    pfad, person = f"/v1/stromzaehler/{lage.zaehler}", als("wartung")

    def change(zustand):
        version = client.get(pfad, als=person).json["version"]
        assert client.patch(pfad, json={"zustand": zustand}, als=person, version=version).status_code == 200

    change("GESPERRT")
    if entfernt:
        assert lage.remove().status_code == 201
    assert client.get(pfad, als=person).json["zustand"] == "GESPERRT"
    change("LAGER" if entfernt else "EINGEBAUT")
    schluessel = client.get(f"{pfad}/schluessel", als=person).json["eintraege"]
    assert {zeile["gesperrt_zeitpunkt"] for zeile in schluessel} == gesperrt


@pytest.mark.parametrize("zustand", ["EINGEBAUT", "GESPERRT", "VERSCHROTTET"])
def test_only_a_removed_meter_goes_to_the_warehouse(lage, welt, zustand):
    lage.zaehler = welt.stromzaehler(zustand=zustand)
    antwort = lage.store()
    assert (antwort.status_code, antwort.json["code"]) == (409, "zustand_nicht_erlaubt")


def test_what_speaks_against_a_removal(lage, welt, kanal):
    kanal.deliver(kanal.enrolled(NUMMER, lage.zaehler), reihe(int(AUSBAU.timestamp()) - 900, 4_900, [100, 0, 50]))
    woanders = welt.stromzaehler(zustand="EINGEBAUT")
    welt.einbau(woanders, welt.messstelle(), JAN)
    kunde = welt.kunde()
    kommend = {"zeitpunkt": "2026-06-15T08:45:00Z", "schlussstand": _stand(5_050)}
    for werte, erwartet in (
        ({"stromzaehler_id": woanders}, (409, "zaehler_haengt_nicht")),
        ({"stromzaehler_id": 999_999}, (422, "stromzaehler_unbekannt")),
        ({"schlussstand": _stand(5_001)}, (409, "zaehlerstand_widerspricht")),
        # At 8:15 it showed 5,000 Wh, and half an hour later 50 more.
        ({}, (409, "zaehlerstand_widerspricht")),
        ({"zeitpunkt": "2026-06-15T09:00:00Z", "schlussstand": _stand(5_049)}, (422, "zaehlerstand_unmoeglich")),
        ({"zeitpunkt": "2026-06-15T10:15:00Z"}, (422, "zeitpunkt_in_zukunft")),
        ({"zeitpunkt": "2026-01-01T00:00:00Z"}, (422, "zeitraum_ungueltig")),
        ({"zeitpunkt": "2026-06-15T08:14:00Z"}, (422, "eingabe_ungueltig")),
    ):
        antwort = lage.remove(**werte)
        assert (antwort.status_code, antwort.json["code"]) == erwartet, werte
    welt.zuordnung(kunde, lage.zaehler, AUSBAU + timedelta(days=30))
    spaeter = lage.remove(**kommend)
    assert (spaeter.status_code, spaeter.json["code"]) == (409, "zuordnung_ueberlappt")
    lage.messstelle = 999_999
    assert lage.remove().status_code == 404


def _stand(bezug_wh):
    return {"bezug_gesamt_wh": bezug_wh, "einspeisung_gesamt_wh": 0}


@pytest.mark.parametrize("ort", ["", None, "x" * 201, 7])
def test_where_it_lies_must_be_said(lage, ort):
    antwort = lage.store(ort=ort)
    assert (antwort.status_code, set(antwort.json["errors"]["json"])) == (422, {"ort"})


def test_each_statement_may_fail_and_nothing_is_half_done(lage, welt, engine):
    welt.zuordnung(welt.kunde(), lage.zaehler, MAI)
    lage._als("wartung")
    assert fail_each_statement(engine, lage.remove) > 15
    assert fail_each_statement(engine, lage.store) > 8

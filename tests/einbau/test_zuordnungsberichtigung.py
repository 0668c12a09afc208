"""Moving the instant at which a meter changed hands: both customers at once."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from db.models import Audit, Ereignis, KundeStromzaehler
from tests.kanal import reihe
from tests.sql_fehler import fail_each_statement

JAN, MAI, JUNI = (datetime(2026, monat, 1, tzinfo=UTC) for monat in (1, 5, 6))
KANTE = "2026-05-01T00:00:00Z"


class Lage:
    """A meter of one customer up to May, of another since."""

    def __init__(self, welt, client, als):
        self._client, self._als, self.welt = client, als, welt
        self.zaehler = welt.stromzaehler(zaehlernummer="1EMH0000000001")
        self.alter, self.neuer = welt.kunde(), welt.kunde()
        self.vorher = welt.zuordnung(self.alter, self.zaehler, JAN, MAI)
        self.nachher = welt.zuordnung(self.neuer, self.zaehler, MAI)

    def correct(self, kante_neu="2026-05-16T10:00:00Z", rolle="sachbearbeitung", **werte):
        daten = {"kante_alt": KANTE, "kante_neu": kante_neu, "begruendung": "falscher Tag eingetragen"} | werte
        pfad = f"/v1/stromzaehler/{self.zaehler}/zuordnungsberichtigungen"
        return self._client.post(pfad, json=daten, als=self._als(rolle))


@pytest.fixture
def lage(welt, client, als):
    return Lage(welt, client, als)


@pytest.mark.parametrize("kante_neu", ["2026-05-16T10:00:00Z", "2026-04-16T10:00:00Z"])
def test_both_edges_move_at_once(lage, session, kante_neu):
    antwort = lage.correct(kante_neu)
    assert antwort.status_code == 200
    assert [(zeile["kunde_id"], zeile["von"], zeile["bis"]) for zeile in antwort.json] == [
        (lage.alter, "2026-01-01T00:00:00Z", kante_neu),
        (lage.neuer, kante_neu, None),
    ]
    neu = datetime.fromisoformat(kante_neu)
    assert session.get(KundeStromzaehler, lage.vorher).bis == neu
    assert session.get(KundeStromzaehler, lage.nachher).von == neu
    kanten = {"kante_alt": KANTE, "kante_neu": kante_neu}
    ereignis = session.scalars(select(Ereignis)).one()
    assert (ereignis.art, ereignis.objekt_id, ereignis.daten) == ("ZUORDNUNG_BERICHTIGT", lage.zaehler, kanten)
    audit = session.scalars(select(Audit).where(Audit.aktion == "ZUORDNUNG_BERICHTIGT")).one()
    assert audit.neu == kanten | {"begruendung": "falscher Tag eingetragen"}
    zeilen = session.scalars(select(Audit).where(Audit.objekt_art == "kunde_stromzaehler"))
    assert {zeile.objekt_id: (zeile.alt, zeile.neu) for zeile in zeilen} == {
        lage.vorher: ({"bis": KANTE}, {"bis": kante_neu}),
        lage.nachher: ({"von": KANTE}, {"von": kante_neu}),
    }
    session.rollback()  # SQLite has one writer.
    nochmal = lage.correct(kante_neu)
    assert (nochmal.status_code, nochmal.json["code"]) == (409, "schon_eingetragen")


def test_each_sees_their_time_as_it_is_now(lage, kanal, client, als):
    # 2026-05-16T09:30:00Z, 100 Wh a quarter hour.
    kanal.deliver(kanal.enrolled("1EMH0000000001", lage.zaehler), reihe(1_778_923_800, 0, [100] * 4))
    assert lage.correct().status_code == 200
    frage = "verbrauch?aufloesung=gesamt&von=2026-05-16T09:30:00Z&bis=2026-05-16T10:30:00Z"
    for kunde, wh in ((lage.alter, 200), (lage.neuer, 200)):
        antwort = client.get(f"/v1/kunden/{kunde}/{frage}", als=als("kunde", kunde_id=kunde))
        assert antwort.json["werte"][0]["bezug_wh"] == wh


def test_the_edge_to_a_vacancy(lage, welt):
    lage.zaehler = welt.stromzaehler()
    welt.zuordnung(lage.alter, lage.zaehler, JAN, MAI)
    welt.zuordnung(lage.neuer, lage.zaehler, JUNI)
    antwort = lage.correct()
    assert [(zeile["kunde_id"], zeile["bis"]) for zeile in antwort.json] == [(lage.alter, "2026-05-16T10:00:00Z")]
    zu_weit = lage.correct("2026-06-01T00:15:00Z", kante_alt="2026-05-16T10:00:00Z")
    assert (zu_weit.status_code, zu_weit.json["code"]) == (409, "zuordnung_ueberlappt")
    einzug = lage.correct("2026-05-16T10:00:00Z", kante_alt="2026-06-01T00:00:00Z")
    assert [(zeile["kunde_id"], zeile["von"]) for zeile in einzug.json] == [(lage.neuer, "2026-05-16T10:00:00Z")]


@pytest.mark.parametrize(("von", "bis"), [(JAN, MAI), (MAI, None)])
def test_an_edge_that_follows_from_an_einbau_does_not_move_alone(lage, welt, session, von, bis):
    welt.einbau(lage.zaehler, welt.messstelle(), von, bis)
    antwort = lage.correct()
    assert (antwort.status_code, antwort.json["code"]) == (409, "kante_am_einbau")
    # What can be done: an end of an Einbau that is recorded does not move.
    assert "ab diesem Zeitpunkt wieder ein" in antwort.json["detail"]
    assert session.get(KundeStromzaehler, lage.vorher).bis == MAI
    assert session.get(KundeStromzaehler, lage.nachher).von == MAI


def test_what_speaks_against_it(lage):
    for werte, erwartet in (
        ({"kante_alt": "2026-05-02T00:00:00Z"}, (409, "zuordnung_fehlt")),
        ({"kante_neu": "2026-01-01T00:00:00Z"}, (422, "zeitraum_ungueltig")),
        ({"kante_neu": KANTE}, (422, "zeitraum_ungueltig")),
        ({"kante_neu": "2026-06-15T10:15:00Z"}, (422, "zeitpunkt_in_zukunft")),
        ({"kante_neu": "2026-05-16T10:01:00Z"}, (422, "eingabe_ungueltig")),
        ({"begruendung": None}, (422, "eingabe_ungueltig")),
    ):
        antwort = lage.correct(**werte)
        assert (antwort.status_code, antwort.json["code"]) == erwartet, werte
    # Beyond the end of the later interval nothing of it would be left.
    assert lage.correct("2026-05-20T00:00:00Z").status_code == 200
    lage.zaehler = 999_999
    assert lage.correct().status_code == 404


def test_each_statement_may_fail_and_nothing_is_half_done(lage, engine):
    lage._als("sachbearbeitung")
    assert fail_each_statement(engine, lage.correct) > 8

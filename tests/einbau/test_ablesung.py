"""Readings that people take at the display: what is stored, what is refused, who may, and whose time it is."""

from datetime import UTC, date, datetime

import pytest
from sqlalchemy import select

from db.models import Audit, Einbau, Ereignis, Wartung
from tests.kanal import messwert, reihe
from tests.sql_fehler import fail_each_statement

JAN, MAI = (datetime(2026, monat, 1, tzinfo=UTC) for monat in (1, 5))
# 2026-06-15T08:00:00Z
ACHT = 1_781_510_400
ZEITPUNKT = "2026-06-15T08:30:00Z"


class Lage:
    """A meter that has sent 1,000 Wh at 8:00 and 1,100 Wh at 9:00; `kunde` has it since May, `frueher` before."""

    def __init__(self, client, als, welt, kanal):
        self._client, self._als = client, als
        self.zaehler = welt.stromzaehler(zaehlernummer="1EMH0000000001", zustand="EINGEBAUT")
        welt.einbau(self.zaehler, welt.messstelle(), JAN)
        self.frueher, self.kunde = welt.kunde(), welt.kunde()
        welt.zuordnung(self.frueher, self.zaehler, JAN, MAI)
        welt.zuordnung(self.kunde, self.zaehler, MAI)
        geraet = kanal.enrolled("1EMH0000000001", self.zaehler)
        kanal.deliver(geraet, [reihe(ACHT, 1_000, [])[0], reihe(ACHT + 3600, 1_100, [])[0]])

    def enter(self, bezug_wh=1_050, rolle="sachbearbeitung", kunde_id=None, **werte):
        daten = {"zeitpunkt": ZEITPUNKT, "bezug_gesamt_wh": bezug_wh, "einspeisung_gesamt_wh": 0} | werte
        pfad, person = f"/v1/stromzaehler/{self.zaehler}/ablesungen", self._als(rolle, kunde_id=kunde_id)
        return self._client.post(pfad, json=daten, als=person)


@pytest.fixture
def lage(client, als, welt, kanal):
    return Lage(client, als, welt, kanal)


def recorded(session):
    audit = session.scalars(select(Audit).where(Audit.objekt_art == "ablesung")).all()
    ereignisse = session.scalars(select(Ereignis).where(Ereignis.art == "ABLESUNG_KORRIGIERT")).all()
    return [(zeile.aktion, zeile.neu) for zeile in audit], [zeile.daten for zeile in ereignisse]


def test_a_reading_where_none_is(lage, session):
    antwort = lage.enter()
    assert antwort.status_code == 201
    assert antwort.json == {
        "messzeitpunkt": ZEITPUNKT,
        "bezug_gesamt_wh": 1_050,
        "einspeisung_gesamt_wh": 0,
        "qualitaet": "ABGELESEN",
        "herkunft": "MANUELL",
        "empfangen_zeitpunkt": "2026-06-15T10:00:00Z",
    }
    assert session.get(Wartung, lage.zaehler).letzte_manuelle_ablesung_datum == date(2026, 6, 15)
    werte = {"messzeitpunkt": ZEITPUNKT, "bezug_gesamt_wh": 1_050, "einspeisung_gesamt_wh": 0}
    einmal = [("EINGETRAGEN", werte)], [{"messzeitpunkt": ZEITPUNKT, "aktion": "EINGETRAGEN"}]
    assert recorded(session) == einmal
    session.rollback()  # SQLite has one writer.
    nochmal = lage.enter()
    assert (nochmal.status_code, nochmal.json["code"]) == (409, "schon_eingetragen")
    assert recorded(session) == einmal


@pytest.mark.parametrize("zeitpunkt", ["2026-06-15T08:00:00Z", ZEITPUNKT])
def test_another_one_never_overwrites_what_is_measured(lage, zeitpunkt):
    assert lage.enter().status_code == 201
    antwort = lage.enter(1_007, zeitpunkt=zeitpunkt)
    assert (antwort.status_code, antwort.json["code"]) == (409, "zaehlerstand_widerspricht")
    gespeichert = "1,000 kWh" if zeitpunkt != ZEITPUNKT else "1,050 kWh"
    assert f"schon {gespeichert} Bezug" in antwort.json["detail"]
    assert "genannt ist 1,007 kWh Bezug" in antwort.json["detail"]


def test_what_the_meter_has_sent_itself_is_confirmed(lage, session):
    antwort = lage.enter(1_000, zeitpunkt="2026-06-15T08:00:00Z")
    assert (antwort.status_code, antwort.json["herkunft"]) == (201, "GERAET")
    assert session.get(Wartung, lage.zaehler).letzte_manuelle_ablesung_datum == date(2026, 6, 15)
    werte = {"messzeitpunkt": "2026-06-15T08:00:00Z", "bezug_gesamt_wh": 1_000, "einspeisung_gesamt_wh": 0}
    assert recorded(session) == ([("BESTAETIGT", werte)], [])


class Anzeige:
    """A meter with a display of whole kWh; at 8:00 it stood at 15,390.512 kWh."""

    GENAU, GEZEIGT = 15_390_512, 15_390_000

    def __init__(self, client, als, welt, kanal):
        self.zaehler = welt.stromzaehler(zaehlernummer="1EMH0000000009", zustand="EINGEBAUT")
        self.messstelle, self.kunde = welt.messstelle(), welt.kunde()
        welt.einbau(self.zaehler, self.messstelle, JAN)
        welt.zuordnung(self.kunde, self.zaehler, JAN)
        self._client, self._als, self._kanal = client, als, kanal
        self._geraet = kanal.enrolled("1EMH0000000009", self.zaehler)

    def send(self, *werte):
        """What the meter measured at some quarter hours after 8:00, by their number: at 8:00 unless named."""
        reihe = [messwert(ACHT + 900 * n, wh, leistung_w=400) for n, wh in werte or [(0, self.GENAU)]]
        return self._kanal.deliver(self._geraet, reihe)

    def enter(self, bezug_wh=GEZEIGT, rolle="kunde", zeitpunkt="2026-06-15T08:00:00Z"):
        daten = {"zeitpunkt": zeitpunkt, "bezug_gesamt_wh": bezug_wh, "einspeisung_gesamt_wh": 0}
        person = self._als(rolle, kunde_id=self.kunde if rolle == "kunde" else None)
        return self._client.post(f"/v1/stromzaehler/{self.zaehler}/ablesungen", json=daten, als=person)

    def verbrauch(self, von, bis):
        """What the quarter hours of a period are charged with, in Wh."""
        frage = f"von=2026-06-15T{von}:00Z&bis=2026-06-15T{bis}:00Z&aufloesung=viertelstunde"
        pfad = f"/v1/stromzaehler/{self.zaehler}/verbrauch?{frage}"
        antwort = self._client.get(pfad, als=self._als("sachbearbeitung")).json
        return [wert["bezug_wh"] for wert in antwort["werte"]]

    def stored(self):
        pfad = f"/v1/stromzaehler/{self.zaehler}/zaehlerstaende?von=2026-06-15T08:00:00Z&bis=2026-06-15T08:15:00Z"
        (eintrag,) = self._client.get(pfad, als=self._als("sachbearbeitung")).json["eintraege"]
        return eintrag["bezug_gesamt_wh"], eintrag["herkunft"]


@pytest.fixture
def anzeige(client, als, welt, kanal):
    return Anzeige(client, als, welt, kanal)


@pytest.mark.parametrize("abgelesen_wh", [Anzeige.GEZEIGT, Anzeige.GENAU])
@pytest.mark.parametrize("zuerst", ["people", "meter"])
def test_what_the_display_shows_agrees_with_what_the_meter_sends(anzeige, session, zuerst, abgelesen_wh):
    if zuerst == "meter":
        assert anzeige.send().abgelehnt == ()
    assert anzeige.enter(abgelesen_wh).status_code == 201
    if zuerst == "people":
        quittung = anzeige.send()
        assert (quittung.neu, quittung.abgelehnt) == (1, ())
    assert anzeige.stored() == (anzeige.GENAU, "GERAET")
    # That somebody has seen it, and what, stays; a second time it is the same.
    assert anzeige.enter(abgelesen_wh).json["code"] == "schon_eingetragen"
    ((aktion, neu),), _ = recorded(session)
    assert aktion == ("EINGETRAGEN" if zuerst == "people" else "BESTAETIGT")
    assert neu["bezug_gesamt_wh"] == abgelesen_wh
    # It was no control: of a customer's readings alone the next one would never be due.
    assert session.get(Wartung, anzeige.zaehler) is None
    session.rollback()  # SQLite has one writer.
    quittung = anzeige.send()
    assert (quittung.neu, quittung.doppelt, quittung.abgelehnt) == (0, 1, ())


def test_two_people_who_confirm_the_same_say_it_once(anzeige, session):
    anzeige.send()
    assert anzeige.enter(rolle="wartung").status_code == 201
    assert anzeige.enter().json["code"] == "schon_eingetragen"
    # Every Wh read at an optical interface says more, and is another reading.
    assert [anzeige.enter(anzeige.GENAU).status_code for _ in range(3)] == [201, 409, 409]
    assert [aktion for aktion, _ in recorded(session)[0]] == ["BESTAETIGT"] * 2


def test_a_meter_that_sends_by_itself_keeps_its_customer_from_entering(anzeige, session):
    """What a customer misreads would keep the meter's own readings out."""
    assert anzeige.send((-1, anzeige.GENAU)).abgelehnt == ()
    antwort = anzeige.enter(15_393_111)
    assert (antwort.status_code, antwort.json["code"]) == (409, "zaehler_sendet_selbst")
    assert "1EMH0000000009 sendet seine Stände selbst" in antwort.json["detail"]
    assert recorded(session) == ([], [])
    session.rollback()  # SQLite has one writer.
    quittung = anzeige.send((0, 15_390_600), (1, 15_390_700), (2, 15_390_800))
    assert (quittung.neu, quittung.abgelehnt) == (3, ())


def test_a_customer_fills_a_gap_between_what_the_meter_sent(anzeige):
    anzeige.send((-1, 15_390_512), (1, 15_390_700))
    assert anzeige.enter(15_390_600).status_code == 201
    assert anzeige.enter(15_390_750, zeitpunkt="2026-06-15T08:30:00Z").json["code"] == "zaehler_sendet_selbst"
    # Staff know what they do.
    assert anzeige.enter(15_390_750, "sachbearbeitung", "2026-06-15T08:30:00Z").status_code == 201


@pytest.mark.parametrize(("viertel", "status"), [(-96, 409), (-97, 201)])
def test_a_customer_enters_for_a_meter_that_was_silent_for_a_day(anzeige, viertel, status):
    anzeige.send((viertel, 15_380_000))
    assert anzeige.enter().status_code == status


def test_what_a_meter_sent_at_another_place_says_nothing(anzeige, welt, session):
    anzeige.send((-1, 15_380_000))
    einbau = session.scalars(select(Einbau)).one()
    einbau.bis = datetime(2026, 6, 15, 7, 45, 1, tzinfo=UTC)
    session.commit()
    welt.einbau(anzeige.zaehler, anzeige.messstelle, datetime(2026, 6, 15, 7, 50, tzinfo=UTC))
    assert anzeige.enter().status_code == 201


def test_a_customer_confirms_what_others_have_entered(anzeige):
    anzeige.send((-1, anzeige.GENAU))
    assert anzeige.enter(15_391_512, "sachbearbeitung").status_code == 201
    assert anzeige.enter(15_391_000).status_code == 201


@pytest.mark.parametrize("rolle", ["wartung", "kunde"])
def test_a_display_of_whole_kwh_follows_a_more_precise_reading(anzeige, session, rolle):
    """15,390 kWh are shown until 15,391 are full: the register has not fallen."""
    anzeige.send((-97, 15_390_512))
    assert anzeige.enter(rolle=rolle).status_code == 201
    assert anzeige.stored() == (15_390_512, "MANUELL")
    # What was read is what the log tells, and what said again is the same.
    ((aktion, neu),), _ = recorded(session)
    assert (aktion, neu["bezug_gesamt_wh"]) == ("EINGETRAGEN", 15_390_000)
    session.rollback()  # SQLite has one writer.
    assert anzeige.enter(rolle=rolle).json["code"] == "schon_eingetragen"
    # The meter itself says it better.
    quittung = anzeige.send((0, 15_390_700), (1, 15_390_800))
    assert (quittung.neu, quittung.abgelehnt) == (2, ())
    assert anzeige.stored() == (15_390_700, "GERAET")


@pytest.mark.parametrize("abgelesen_wh", [15_389_000, 15_389_999, 15_390_500])
def test_a_register_that_has_fallen_is_refused(anzeige, abgelesen_wh):
    anzeige.send((-97, 15_390_512))
    antwort = anzeige.enter(abgelesen_wh)
    assert (antwort.status_code, antwort.json["code"]) == (422, "zaehlerstand_unmoeglich")


def test_what_the_meter_measured_before_is_not_lost_to_a_display_of_whole_kwh(anzeige, session):
    """7:45 comes alone, after 15,390 kWh were read for 8:00: it is true, and so is what was read."""
    anzeige.send((-2, 15_389_900))
    assert anzeige.enter(rolle="wartung").status_code == 201
    quittung = anzeige.send((-1, 15_390_400))
    assert (quittung.neu, quittung.abgelehnt) == (1, ())
    # Nothing flows back: 500 Wh, then none until more is known.
    assert anzeige.stored() == (15_390_400, "MANUELL")
    assert anzeige.verbrauch("07:30", "08:00") == [500, 0]
    quittung = anzeige.send((0, 15_390_512), (1, 15_390_600))
    assert (quittung.neu, quittung.abgelehnt) == (2, ())
    assert anzeige.stored() == (15_390_512, "GERAET")
    assert anzeige.verbrauch("07:30", "08:15") == [500, 112, 88]


@pytest.mark.parametrize("abgelesen_wh", [15_389_000, 15_391_000, 15_390_500])
def test_another_whole_kwh_contradicts(anzeige, abgelesen_wh):
    anzeige.send()
    antwort = anzeige.enter(abgelesen_wh)
    assert (antwort.status_code, antwort.json["code"]) == (409, "zaehlerstand_widerspricht")


def test_an_older_one_leaves_the_newest_date(lage, session):
    # 22:15 in UTC is the next day in Europe/Berlin.
    assert lage.enter(900, zeitpunkt="2026-05-31T22:15:00Z").status_code == 201
    assert session.get(Wartung, lage.zaehler).letzte_manuelle_ablesung_datum == date(2026, 6, 1)
    session.rollback()
    assert lage.enter(800, zeitpunkt="2026-05-15T12:00:00Z").status_code == 201
    assert session.get(Wartung, lage.zaehler).letzte_manuelle_ablesung_datum == date(2026, 6, 1)


@pytest.mark.parametrize(
    ("werte", "code", "wort"),
    [
        ({"bezug_wh": 999}, "zaehlerstand_unmoeglich", "gefallen"),
        ({"bezug_wh": 1_101}, "zaehlerstand_unmoeglich", "gefallen"),
        # 30 kW and a quarter more for a quarter hour are 9,375 Wh; the display may be 1 kWh behind.
        (
            {"bezug_wh": 1_100 + 9_375 + 1_001, "zeitpunkt": "2026-06-15T09:15:00Z"},
            "zaehlerstand_unmoeglich",
            "schneller gestiegen",
        ),
        ({"zeitpunkt": "2026-06-15T10:15:00Z"}, "zeitpunkt_in_zukunft", "Zukunft"),
        ({"bezug_wh": 5, "zeitpunkt": "2025-12-31T23:45:00Z"}, "vor_dem_einbau", "noch nicht eingebaut"),
    ],
)
def test_what_cannot_be(lage, session, werte, code, wort):
    antwort = lage.enter(**werte)
    assert (antwort.status_code, antwort.json["code"]) == (422, code)
    assert wort in antwort.json["detail"]
    assert session.get(Wartung, lage.zaehler) is None


@pytest.mark.parametrize(
    ("feld", "wert"),
    [
        ("zeitpunkt", "2026-06-15T08:31:00Z"),
        ("zeitpunkt", "2026-06-15T08:30:00"),
        ("zeitpunkt", None),
        ("bezug_gesamt_wh", -1),
        ("bezug_gesamt_wh", 1.5),
        ("einspeisung_gesamt_wh", 10**12),
        ("herkunft", "GERAET"),
    ],
)
def test_bad_values_name_their_field(lage, feld, wert):
    antwort = lage.enter(**{feld: wert})
    assert (antwort.status_code, set(antwort.json["errors"]["json"])) == (422, {feld})


def test_a_customer_enters_for_their_own_time_only(lage, welt):
    for kunde_id, zeitpunkt in (
        # The edge divides what both pay: whoever is first would set it, and the meter's own would be refused.
        (lage.frueher, "2026-05-01T00:00:00Z"),
        (lage.kunde, "2026-05-01T00:00:00Z"),
        (lage.frueher, "2026-01-01T00:00:00Z"),
        (lage.frueher, "2026-05-01T00:15:00Z"),
        (lage.kunde, "2026-04-30T23:45:00Z"),
        (lage.frueher, ZEITPUNKT),
    ):
        antwort = lage.enter(700, "kunde", kunde_id, zeitpunkt=zeitpunkt)
        assert (antwort.status_code, antwort.json["code"]) == (422, "zeitpunkt_fremd")
        assert "kWh" not in antwort.json["detail"]
    assert lage.enter(1_050, "kunde", lage.kunde).status_code == 201
    assert lage.enter(700, "kunde", lage.frueher, zeitpunkt="2026-04-30T23:45:00Z").status_code == 201
    # Staff enter the register of the edge.
    assert lage.enter(701, zeitpunkt="2026-05-01T00:00:00Z").status_code == 201
    assert lage.enter(1_050, "kunde", welt.kunde()).status_code == 404


def test_where_two_intervals_of_the_same_customer_touch_is_no_edge_to_them(lage, welt):
    zaehler, kunde = welt.stromzaehler(zustand="EINGEBAUT"), welt.kunde()
    welt.einbau(zaehler, welt.messstelle(), JAN)
    welt.zuordnung(kunde, zaehler, JAN, MAI)
    welt.zuordnung(kunde, zaehler, MAI)
    lage.zaehler = zaehler
    assert lage.enter(700, "kunde", kunde, zeitpunkt="2026-05-01T00:00:00Z").status_code == 201


def test_rights(lage, client, als):
    rollen = ("sachbearbeitung", "wartung", "monteur", "tarif", "buchhaltung", "analyse", "admin")
    darf = {rolle: lage.enter(1_049, rolle).status_code for rolle in rollen}
    assert darf == dict.fromkeys(rollen, 403) | {"sachbearbeitung": 201, "wartung": 409}
    assert client.post(f"/v1/stromzaehler/{lage.zaehler}/ablesungen", json={}).status_code == 401
    lage.zaehler = 999_999
    assert lage.enter().status_code == 404


def test_each_statement_may_fail_and_nothing_is_half_done(lage, engine, als):
    als("sachbearbeitung", kunde_id=None)
    assert fail_each_statement(engine, lage.enter) > 5

"""Another transformer factor from an instant on: what it changes, what is refused, and how it is taken back."""

import pytest
from sqlalchemy import select

from betreiber.ablesung import speicher
from betreiber.ablesung.domain import Ablesung, Herkunft, Qualitaet
from db.models import Audit
from db.session import create_session
from tests.kanal import reihe

# 2026-06-15T08:00:00Z
UHRZEIT = 1_781_510_400
AB = "2026-06-15T08:15:00Z"


@pytest.fixture
def zaehler(welt, kanal):
    """A meter behind 150/5 that has sent 1,000 Wh at 8:00 and 10 Wh more with each quarter hour up to 8:45."""
    stromzaehler_id = welt.stromzaehler(zaehlernummer="1EMH0000000001", faktor=30)
    kanal.deliver(kanal.enrolled("1EMH0000000001", stromzaehler_id), reihe(UHRZEIT, 1_000, [10, 10, 10]))
    return stromzaehler_id


def change(client, als, zaehler, **werte):
    daten = {"ab": AB, "faktor": 40, "begruendung": "Wandler 200/5"} | werte
    return client.post(f"/v1/stromzaehler/{zaehler}/faktorwechsel", json=daten, als=als("wartung"))


def energy(client, als, zaehler):
    pfad = f"/v1/stromzaehler/{zaehler}/verbrauch?aufloesung=viertelstunde"
    antwort = client.get(f"{pfad}&von=2026-06-15T08:00:00Z&bis=2026-06-15T08:45:00Z", als=als("analyse"))
    return [wert["bezug_wh"] for wert in antwort.json["werte"]]


def recorded(session):
    zeilen = session.scalars(select(Audit).where(Audit.aktion == "FAKTORWECHSEL").order_by(Audit.audit_id))
    return [(zeile.alt["faktor"], zeile.neu["faktor"], zeile.neu["begruendung"]) for zeile in zeilen]


def test_change_correct_and_take_back(client, als, zaehler, session):
    assert energy(client, als, zaehler) == [300, 300, 300]
    antwort = change(client, als, zaehler)
    assert antwort.status_code == 201
    assert antwort.json == {
        "stromzaehler_id": zaehler,
        "ab": AB,
        "faktor": 40,
        "bezug_gesamt_wh": 1_010,
        "einspeisung_gesamt_wh": 0,
    }
    assert energy(client, als, zaehler) == [300, 400, 400]
    # The same again is said once.
    assert change(client, als, zaehler).status_code == 201
    # A later one, and the first one put right: the second goes on with what it said.
    assert change(client, als, zaehler, ab="2026-06-15T08:30:00Z", faktor=60).status_code == 201
    assert change(client, als, zaehler, faktor=50).status_code == 201
    assert energy(client, als, zaehler) == [300, 500, 600]
    assert change(client, als, zaehler, faktor=30, begruendung="Irrtum").status_code == 201
    assert energy(client, als, zaehler) == [300, 300, 600]
    assert recorded(session) == [
        (30, 40, "Wandler 200/5"),
        (40, 60, "Wandler 200/5"),
        (40, 50, "Wandler 200/5"),
        (50, 30, "Irrtum"),
    ]


def test_a_later_factor_outlasts_an_earlier_one_that_was_equal_for_a_while(client, als, zaehler):
    """40 from 8:15 and 50 from 8:30 on; the first is corrected to 50, and then to 45."""
    for werte, erwartet in (
        ({}, [300, 400, 400]),
        ({"ab": "2026-06-15T08:30:00Z", "faktor": 50}, [300, 400, 500]),
        ({"faktor": 50}, [300, 500, 500]),
        ({"faktor": 45}, [300, 450, 500]),
    ):
        assert change(client, als, zaehler, **werte).status_code == 201
        assert energy(client, als, zaehler) == erwartet, werte


def test_preliminary_values_are_formed_anew_by_the_new_factor(client, als, zaehler, engine):
    raten = {1_045: Qualitaet.VORLAEUFIGERWERT, 1_050: Qualitaet.ERSATZWERT}
    werte = [
        Ablesung(UHRZEIT + (4 + n) * 900, bezug_wh, 0, None, qualitaet, 0, UHRZEIT, Herkunft.ERSATZWERT)
        for n, (bezug_wh, qualitaet) in enumerate(raten.items())
    ]
    with create_session(engine) as session:
        speicher.replace(session, speicher.lock(session, [zaehler])[zaehler], werte)
        session.commit()
    assert change(client, als, zaehler).status_code == 201
    with create_session(engine, lesen=True) as session:
        assert list(speicher.series(session, zaehler, UHRZEIT + 2701, 2**40).values()) == werte[1:]


def test_what_is_refused(client, als, zaehler):
    for werte, erwartet in (
        ({"faktor": 30}, (409, "faktor_gilt_schon")),
        ({"ab": "2026-06-15T09:00:00Z"}, (409, "ablesung_fehlt")),
        ({"ab": "2026-06-15T10:15:00Z"}, (422, "zeitpunkt_in_zukunft")),
        ({"ab": "2026-06-15T08:14:00Z"}, (422, "eingabe_ungueltig")),
        ({"faktor": 0}, (422, "eingabe_ungueltig")),
        ({"begruendung": None}, (422, "eingabe_ungueltig")),
    ):
        antwort = change(client, als, zaehler, **werte)
        assert (antwort.status_code, antwort.json["code"]) == erwartet, werte
    assert change(client, als, 999_999).status_code == 404


@pytest.mark.parametrize("vor_tag", [0, UHRZEIT // 86_400 + 1], ids=["rows", "folded"])
def test_the_meter_itself_keeps_its_factor(client, als, zaehler, engine, vor_tag):
    with create_session(engine) as session:
        speicher.fold(session, [zaehler], vor_tag)
        session.commit()
    antwort = client.patch(f"/v1/stromzaehler/{zaehler}", json={"faktor": 40}, als=als("wartung"), version=1)
    assert (antwort.status_code, antwort.json["code"]) == (409, "stromzaehler_hat_ablesungen")
    assert "Faktorwechsel" in antwort.json["detail"]


def test_readings_after_it_are_judged_by_the_new_factor(client, als, welt, kanal):
    stromzaehler_id = welt.stromzaehler(zaehlernummer="1EMH0000000001", zustand="EINGEBAUT")
    # 30 kW: 37.5 kW at the most, 9,375 Wh in a quarter hour and 1,000 Wh of the display.
    welt.einbau(stromzaehler_id, welt.messstelle(), kanal.uhr.now().replace(month=1))
    zaehler = kanal.enrolled("1EMH0000000001", stromzaehler_id)
    kanal.deliver(zaehler, reihe(UHRZEIT, 0, [9_000]))
    assert change(client, als, stromzaehler_id, faktor=5).status_code == 201
    # 5 x 2,900 Wh are more than 9,375 Wh and a step of 5 x 1,000 Wh; 5 x 2,800 Wh are not.
    assert kanal.deliver(zaehler, reihe(UHRZEIT + 1800, 9_000 + 2_900, [])).abgelehnt == ((0, "leistung"),)
    assert kanal.deliver(zaehler, reihe(UHRZEIT + 1800, 9_000 + 2_800, [])).neu == 1

"""Verbrauch through the API: periods, edges, rights."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import insert

from db.models import Verbrauch
from db.session import create_session
from tests.kanal import reihe

# 2026-03-29 in Europe/Berlin: 23 hours, from 2026-03-28T23:00Z to 2026-03-29T22:00Z.
SOMMERZEIT = 1774738800
TAG_VORHER = SOMMERZEIT - 86_400


@pytest.fixture
def store(engine):
    """Puts readings straight into the storage."""

    def store(stromzaehler_id, werte, qualitaet=0):
        zeilen = [
            {
                "stromzaehler_id": stromzaehler_id,
                "uhrzeit": wert.uhrzeit,
                "stromverbrauch_gesamt_wh": wert.bezug_wh,
                "einspeisung_gesamt_wh": wert.einspeisung_wh,
                "stromverbrauch_momentan_w": wert.leistung_w,
                "qualitaet": qualitaet,
                "status": 0,
                "empfangen": wert.uhrzeit,
            }
            for wert in werte
        ]
        with create_session(engine) as session:
            session.execute(insert(Verbrauch), zeilen)
            session.commit()

    return store


@pytest.fixture
def kunde(welt):
    return welt.kunde()


@pytest.fixture
def zaehler(welt, kunde, store):
    """Three local days around the change to summer time, 100 Wh each quarter hour, one customer all the time."""
    stromzaehler_id = welt.stromzaehler()
    welt.zuordnung(kunde, stromzaehler_id, zeit(TAG_VORHER))
    store(stromzaehler_id, reihe(TAG_VORHER, 5000, [100] * (96 + 92 + 96)))
    return stromzaehler_id


def zeit(sekunden):
    return datetime.fromtimestamp(sekunden, UTC)


def ask(client, pfad, von, bis, als, aufloesung="tag"):
    frage = {"von": zeit(von).isoformat(), "bis": zeit(bis).isoformat(), "aufloesung": aufloesung}
    return client.get(f"/v1/{pfad}/verbrauch", query_string=frage, als=als)


def figures(werte):
    return [(wert["bezug_wh"], wert["qualitaet"], wert["erwartet"], wert["vorhanden"]) for wert in werte]


ENDE = TAG_VORHER + 900 * (96 + 92 + 96)


@pytest.mark.parametrize(
    ("aufloesung", "anzahl"),
    [("viertelstunde", 284), ("stunde", 71), ("tag", 3), ("woche", 2), ("monat", 1), ("jahr", 1), ("gesamt", 1)],
)
def test_every_resolution_adds_up_to_the_same(client, als, kunde, zaehler, aufloesung, anzahl):
    antwort = ask(client, f"stromzaehler/{zaehler}", TAG_VORHER, ENDE, als("kunde", kunde_id=kunde), aufloesung)
    assert antwort.status_code == 200
    werte = antwort.json["werte"]
    assert len(werte) == anzahl
    assert sum(wert["bezug_wh"] for wert in werte) == antwort.json["summe"]["bezug_wh"] == 28_400
    assert sum(wert["erwartet"] for wert in werte) == 284


def test_the_day_of_summer_time_has_92_quarter_hours(client, als, kunde, zaehler):
    antwort = ask(client, f"stromzaehler/{zaehler}", TAG_VORHER, ENDE, als("kunde", kunde_id=kunde))
    assert figures(antwort.json["werte"]) == [
        (9600, "ABGELESEN", 96, 96),
        (9200, "ABGELESEN", 92, 92),
        (9600, "ABGELESEN", 96, 96),
    ]
    assert [wert["von"] for wert in antwort.json["werte"]] == [
        "2026-03-27T23:00:00Z",
        "2026-03-28T23:00:00Z",
        "2026-03-29T22:00:00Z",
    ]


def test_the_answer_has_exactly_these_keys(client, als, kunde, zaehler):
    person = als("kunde", kunde_id=kunde)
    einer = ask(client, f"stromzaehler/{zaehler}", TAG_VORHER, ENDE, person, "gesamt").json
    assert set(einer) == {"stromzaehler_id", "zaehlernummer", "von", "bis", "aufloesung", "werte", "summe"}
    alle = ask(client, f"kunden/{kunde}", TAG_VORHER, ENDE, person, "gesamt").json
    assert set(alle) == {"kunde_id", "von", "bis", "aufloesung", "stromzaehler", "werte", "summe"}
    wert = {"von", "bis", "bezug_wh", "einspeisung_wh", "qualitaet", "erwartet", "vorhanden"}
    assert set(einer["summe"]) == set(alle["werte"][0]) == wert


def test_a_missing_edge_is_null_and_not_zero(client, als, kunde, zaehler):
    antwort = ask(client, f"stromzaehler/{zaehler}", ENDE - 86_400, ENDE + 86_400, als("kunde", kunde_id=kunde))
    assert figures(antwort.json["werte"]) == [(9600, "ABGELESEN", 96, 96), (None, "FEHLT", 96, 0)]
    assert figures([antwort.json["summe"]]) == [(None, "FEHLT", 192, 96)]


def test_a_gap_inside_a_day_is_counted(client, als, welt, kunde, store):
    stromzaehler_id = welt.stromzaehler()
    welt.zuordnung(kunde, stromzaehler_id, zeit(TAG_VORHER))
    werte = reihe(TAG_VORHER, 0, [10] * 96)
    # Readings 10, 11 and 12 are missing: four quarter hours have not both their ends.
    store(stromzaehler_id, werte[:10] + werte[13:])
    for aufloesung in ("tag", "gesamt"):
        antwort = ask(
            client,
            f"stromzaehler/{stromzaehler_id}",
            TAG_VORHER,
            SOMMERZEIT,
            als("kunde", kunde_id=kunde),
            aufloesung,
        )
        assert figures(antwort.json["werte"]) == [(960, "ABGELESEN", 96, 92)]
    fein = ask(
        client,
        f"stromzaehler/{stromzaehler_id}",
        TAG_VORHER,
        SOMMERZEIT,
        als("kunde", kunde_id=kunde),
        "viertelstunde",
    )
    assert [wert["bezug_wh"] for wert in fein.json["werte"]].count(None) == 4


def test_a_move_splits_the_period(client, als, welt, store):
    alt, neu, stromzaehler_id = welt.kunde(), welt.kunde(), welt.stromzaehler()
    umzug = TAG_VORHER + 12 * 3600
    welt.zuordnung(alt, stromzaehler_id, zeit(TAG_VORHER), zeit(umzug))
    welt.zuordnung(neu, stromzaehler_id, zeit(umzug))
    store(stromzaehler_id, reihe(TAG_VORHER, 0, [10] * 96))
    for kunde, von, bis in ((alt, TAG_VORHER, umzug), (neu, umzug, SOMMERZEIT)):
        for pfad in (f"stromzaehler/{stromzaehler_id}", f"kunden/{kunde}"):
            antwort = ask(client, pfad, TAG_VORHER, SOMMERZEIT, als("kunde", kunde_id=kunde))
            assert figures([antwort.json["summe"]]) == [(480, "ABGELESEN", 48, 48)]
        teil = antwort.json["stromzaehler"][0]
        assert [datetime.fromisoformat(teil[kante]) for kante in ("von", "bis")] == [zeit(von), zeit(bis)]
    ganz = ask(client, f"stromzaehler/{stromzaehler_id}", TAG_VORHER, SOMMERZEIT, als("sachbearbeitung"))
    assert figures(ganz.json["werte"]) == [(960, "ABGELESEN", 96, 96)]


def test_two_meters_of_a_customer_are_added(client, als, welt, kunde, zaehler, store):
    zweiter = welt.stromzaehler(faktor=2)
    welt.zuordnung(kunde, zweiter, zeit(SOMMERZEIT))
    store(zweiter, reihe(SOMMERZEIT, 7, [5] * 92))
    antwort = ask(client, f"kunden/{kunde}", TAG_VORHER, SOMMERZEIT + 92 * 900, als("kunde", kunde_id=kunde))
    assert figures(antwort.json["werte"]) == [(9600, "ABGELESEN", 96, 96), (9200 + 920, "ABGELESEN", 184, 184)]
    assert [teil["summe"]["bezug_wh"] for teil in antwort.json["stromzaehler"]] == [18_800, 920]


def test_a_time_in_which_the_meter_was_not_theirs_has_no_values(client, als, kunde, zaehler):
    antwort = ask(client, f"kunden/{kunde}", TAG_VORHER - 86_400, TAG_VORHER, als("kunde", kunde_id=kunde))
    assert (antwort.json["werte"], antwort.json["stromzaehler"]) == ([], [])
    assert figures([antwort.json["summe"]]) == [(None, "FEHLT", 0, 0)]


def test_local_offsets_mean_the_same_instant(client, als, kunde, zaehler):
    antwort = client.get(
        f"/v1/stromzaehler/{zaehler}/verbrauch",
        query_string={"von": "2026-03-29T00:00:00+01:00", "bis": "2026-03-30T00:00:00+02:00"},
        als=als("kunde", kunde_id=kunde),
    )
    assert figures(antwort.json["werte"]) == [(9200, "ABGELESEN", 92, 92)]


@pytest.mark.parametrize(
    ("frage", "feld", "code"),
    [
        ("von=2026-03-29T00:00:00+01:00&bis=2026-03-30T00:00:00Z", "von", "eingabe_ungueltig"),
        ("von=2026-03-29T00:00:00&bis=2026-03-30T00:00:00Z", "von", "eingabe_ungueltig"),
        ("von=2026-03-29T00:00:01Z&bis=2026-03-30T00:00:00Z", "von", "eingabe_ungueltig"),
        ("von=2026-03-29&bis=2026-03-30T00:00:00Z", "von", "eingabe_ungueltig"),
        ("von=1970-01-01T00:00:00Z&bis=9999-01-01T00:00:00Z", "von", "eingabe_ungueltig"),
        ("von=2026-03-29T00:00:00Z", "bis", "eingabe_ungueltig"),
        (
            "von=2026-03-29T00:00:00Z&bis=2026-03-30T00:00:00Z&aufloesung=sekunde",
            "aufloesung",
            "eingabe_ungueltig",
        ),
        ("von=2026-03-29T00:00:00Z&bis=2026-03-30T00:00:00Z&bsi=1", "bsi", "eingabe_ungueltig"),
        ("von=2026-03-30T00:00:00Z&bis=2026-03-29T00:00:00Z", "bis", "zeitraum_ungueltig"),
        ("von=2025-01-01T00:00:00Z&bis=2026-03-29T00:00:00Z&aufloesung=stunde", "bis", "zeitraum_zu_lang"),
    ],
)
def test_bad_periods_name_their_field(client, als, kunde, zaehler, frage, feld, code):
    for pfad in (f"stromzaehler/{zaehler}", f"kunden/{kunde}"):
        antwort = client.get(f"/v1/{pfad}/verbrauch?{frage}", als=als("kunde", kunde_id=kunde))
        assert (antwort.status_code, antwort.json["code"]) == (422, code)
        fehler = antwort.json["errors"]
        assert feld in fehler.get("query", fehler)


def test_a_plus_that_became_a_space_is_explained(client, als, kunde, zaehler):
    frage = "von=2026-03-29T00:00:00+01:00&bis=2026-03-30T00:00:00Z"
    antwort = client.get(f"/v1/kunden/{kunde}/verbrauch?{frage}", als=als("kunde", kunde_id=kunde))
    assert "%2B" in antwort.json["errors"]["query"]["von"][0]


def test_too_many_meters_for_one_answer(client, als, welt, kunde):
    for _ in range(11):
        welt.zuordnung(kunde, welt.stromzaehler(), zeit(TAG_VORHER))
    person, bis = als("kunde", kunde_id=kunde), TAG_VORHER + 400 * 86_400
    antwort = ask(client, f"kunden/{kunde}", TAG_VORHER, bis, person, "viertelstunde")
    assert (antwort.status_code, antwort.json["code"]) == (422, "zeitraum_zu_lang")
    assert ask(client, f"kunden/{kunde}", TAG_VORHER, bis, person, "tag").status_code == 200


def test_rights(client, als, welt, kunde, zaehler):
    fremd = als("kunde", kunde_id=welt.kunde())
    for pfad, nirgends in ((f"stromzaehler/{zaehler}", "stromzaehler/999"), (f"kunden/{kunde}", "kunden/999")):
        verboten = ask(client, pfad, TAG_VORHER, ENDE, fremd)
        unbekannt = ask(client, nirgends, TAG_VORHER, ENDE, fremd)
        assert verboten.status_code == unbekannt.status_code == 404
        assert verboten.json == unbekannt.json
        for rolle, status in (("sachbearbeitung", 200), ("analyse", 200), ("buchhaltung", 200), ("wartung", 403)):
            assert ask(client, pfad, TAG_VORHER, ENDE, als(rolle)).status_code == status
        assert ask(client, pfad, TAG_VORHER, ENDE, None).status_code == 401


def test_zaehlerstaende_of_a_period_are_paged(client, als, kunde, zaehler):
    frage = {"von": zeit(TAG_VORHER).isoformat(), "bis": zeit(ENDE).isoformat(), "pro_seite": 100, "seite": 3}
    antwort = client.get(
        f"/v1/stromzaehler/{zaehler}/zaehlerstaende", query_string=frage, als=als("kunde", kunde_id=kunde)
    )
    # 284 readings lie in the half-open period: the one at its end does not.
    assert (antwort.json["gesamt"], len(antwort.json["eintraege"])) == (284, 84)
    assert antwort.json["eintraege"][-1] == {
        "messzeitpunkt": "2026-03-30T21:45:00Z",
        "bezug_gesamt_wh": 5000 + 283 * 100,
        "einspeisung_gesamt_wh": 0,
        "qualitaet": "ABGELESEN",
        "empfangen_zeitpunkt": "2026-03-30T21:45:00Z",
    }


def test_zaehlerstaende_of_another_time_are_not_theirs(client, als, welt, store):
    vorher, nachher, stromzaehler_id = welt.kunde(), welt.kunde(), welt.stromzaehler()
    welt.zuordnung(vorher, stromzaehler_id, zeit(TAG_VORHER), zeit(TAG_VORHER + 1800))
    welt.zuordnung(nachher, stromzaehler_id, zeit(TAG_VORHER + 1800))
    store(stromzaehler_id, reihe(TAG_VORHER, 0, [1, 2, 3]))

    def staende(kunde_id):
        frage = {"von": zeit(TAG_VORHER).isoformat(), "bis": zeit(ENDE).isoformat()}
        person = als("kunde", kunde_id=kunde_id)
        antwort = client.get(f"/v1/stromzaehler/{stromzaehler_id}/zaehlerstaende", query_string=frage, als=person)
        return antwort.status_code, [eintrag["bezug_gesamt_wh"] for eintrag in antwort.json.get("eintraege", [])]

    assert staende(vorher) == (200, [0, 1])
    assert staende(nachher) == (200, [3, 6])
    assert staende(welt.kunde()) == (404, [])


@pytest.mark.parametrize(
    ("von", "bis", "anzahl"),
    # Readings stand at 23:00, 23:15 and so on.
    [("23:00:00", "23:15:00", 1), ("23:00:00.5", "23:15:00.5", 1), ("23:00:00", "23:15:00.5", 2)],
)
def test_zaehlerstaende_between_seconds(client, als, kunde, zaehler, von, bis, anzahl):
    frage = {"von": f"2026-03-27T{von}Z", "bis": f"2026-03-27T{bis}Z"}
    antwort = client.get(
        f"/v1/stromzaehler/{zaehler}/zaehlerstaende", query_string=frage, als=als("kunde", kunde_id=kunde)
    )
    assert antwort.json["gesamt"] == len(antwort.json["eintraege"]) == anzahl


def test_zaehlerstaende_of_no_period(client, als, zaehler):
    antwort = client.get(
        f"/v1/stromzaehler/{zaehler}/zaehlerstaende",
        query_string={"von": zeit(ENDE).isoformat(), "bis": zeit(TAG_VORHER).isoformat()},
        als=als("sachbearbeitung"),
    )
    assert (antwort.status_code, antwort.json["code"]) == (422, "zeitraum_ungueltig")

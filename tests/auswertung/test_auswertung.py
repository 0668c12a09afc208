"""Load profile, peaks, statistics and comparison through the API, before and after folding."""

import pytest

from betreiber.ablesung.domain import Qualitaet
from tests.fragen import zeit
from tests.hilfen import FesteUhr
from tests.kanal import messwert, reihe

# 2026-10-25 in Europe/Berlin has 25 hours, from 2026-10-24T22:00Z to 2026-10-25T23:00Z.
WINTERZEIT = 1792879200
ENDE = WINTERZEIT + 100 * 900
TAG_VORHER = WINTERZEIT - 86_400
ROLLEN = (("sachbearbeitung", 200), ("buchhaltung", 200), ("analyse", 200), ("wartung", 403), ("tarif", 403))


@pytest.fixture
def uhr():
    """A clock after all readings of this file."""
    return FesteUhr(zeit(ENDE + 3600))


@pytest.fixture
def zaehler(welt, kunde, ablage):
    """Two local days, the second with 100 quarter hours: 20 Wh each, once 500 Wh, fed in 8 Wh at another time."""
    stromzaehler_id = welt.stromzaehler()
    welt.zuordnung(kunde, stromzaehler_id, zeit(TAG_VORHER))
    energien = [20] * 196
    energien[40] = energien[41] = 500  # 10:00 and 10:15 of the first day
    werte = reihe(TAG_VORHER, 5000, energien)
    # From the reading 120 on, 8 Wh were fed in: in the quarter hour 119, the 24th of the second day.
    werte[120:] = [wert._replace(einspeisung_wh=8) for wert in werte[120:]]
    ablage(stromzaehler_id, werte)
    return stromzaehler_id


def test_load_profile(fragen, als, kunde, zaehler):
    person = als("kunde", kunde_id=kunde)
    viertel = fragen(f"stromzaehler/{zaehler}/lastgang", person, von=TAG_VORHER, bis=ENDE)
    assert len(viertel.json["werte"]) == 196
    assert viertel.json["werte"][40] == {
        "von": "2026-10-24T08:00:00Z",
        "bis": "2026-10-24T08:15:00Z",
        "bezug_kw": "2.000",
        "einspeisung_kw": "0.000",
        "qualitaet": "ABGELESEN",
    }
    assert viertel.json["werte"][119]["einspeisung_kw"] == "0.032"
    assert viertel.json["summe"]["bezug_wh"] == 196 * 20 + 2 * 480
    stunden = fragen(f"stromzaehler/{zaehler}/lastgang", person, von=WINTERZEIT, bis=ENDE, aufloesung="stunde")
    assert [wert["bezug_kw"] for wert in stunden.json["werte"]] == ["0.080"] * 25
    grob = fragen(f"stromzaehler/{zaehler}/lastgang", person, von=WINTERZEIT, bis=ENDE, aufloesung="tag")
    assert (grob.status_code, grob.json["code"]) == (422, "eingabe_ungueltig")


def test_peaks_of_days_and_of_the_month(fragen, als, kunde, zaehler):
    person = als("kunde", kunde_id=kunde)
    tage = fragen(f"stromzaehler/{zaehler}/spitzen", person, von=TAG_VORHER, bis=ENDE).json
    nichts = {"leistung_kw": "0.000", "zeitpunkt": "2026-10-23T22:00:00Z", "qualitaet": "ABGELESEN"}
    spitze = {"leistung_kw": "2.000", "zeitpunkt": "2026-10-24T08:00:00Z", "qualitaet": "ABGELESEN"}
    einspeisung = {"leistung_kw": "0.032", "zeitpunkt": "2026-10-25T03:45:00Z", "qualitaet": "ABGELESEN"}
    zaehlung = {"vorhanden": 96, "erwartet": 96, "ersetzt": 0, "fehlend": 0}
    assert tage["werte"][0] == {
        "von": "2026-10-23T22:00:00Z",
        "bis": "2026-10-24T22:00:00Z",
        "bezug": spitze,
        "einspeisung": nichts,
        **zaehlung,
    }
    assert [(wert["erwartet"], wert["einspeisung"]) for wert in tage["werte"][1:]] == [(100, einspeisung)]
    monat = fragen(f"stromzaehler/{zaehler}/spitzen", person, von=TAG_VORHER, bis=ENDE, zeitraum="monat").json
    assert [(wert["bezug"], wert["einspeisung"]) for wert in monat["werte"]] == [(spitze, einspeisung)]


def test_statistics(fragen, als, kunde, zaehler):
    person = als("kunde", kunde_id=kunde)
    antwort = fragen(f"stromzaehler/{zaehler}/statistik", person, von=TAG_VORHER + 36_000, bis=TAG_VORHER + 39_600)
    # 500, 500, 20, 20: mean 260, deviations 240 each.
    assert antwort.json["bezug"] == {
        "anzahl": 4,
        "minimum_wh": 20,
        "maximum_wh": 500,
        "mittelwert_kwh": "0.260000",
        "varianz_kwh2": "0.057600000",
    }
    assert antwort.json["einspeisung"]["maximum_wh"] == 0
    leer = fragen(f"stromzaehler/{zaehler}/statistik", person, von=ENDE, bis=ENDE + 3600).json
    assert leer["bezug"] == {
        "anzahl": 0,
        "minimum_wh": None,
        "maximum_wh": None,
        "mittelwert_kwh": None,
        "varianz_kwh2": None,
    }
    assert (leer["summe"]["qualitaet"], leer["summe"]["fehlend"]) == ("FEHLT", 4)


def test_substitutes_are_told_apart_and_gaps_count_nowhere(fragen, als, welt, ablage):
    stromzaehler_id = welt.stromzaehler()
    werte = reihe(WINTERZEIT, 0, [10, 10, 90, 10, 10, 10, 10, 10])
    ablage(stromzaehler_id, [*werte[:3], *werte[4:6], *werte[7:]])
    ablage(stromzaehler_id, [werte[3]], Qualitaet.ERSATZWERT)
    frage = {"von": WINTERZEIT, "bis": WINTERZEIT + 7200}
    (tag,) = fragen(f"stromzaehler/{stromzaehler_id}/spitzen", als("analyse"), **frage).json["werte"]
    assert (tag["bezug"]["leistung_kw"], tag["bezug"]["qualitaet"]) == ("0.360", "ERSATZWERT")
    assert [tag[art] for art in ("erwartet", "vorhanden", "ersetzt", "fehlend")] == [8, 4, 2, 2]
    statistik = fragen(f"stromzaehler/{stromzaehler_id}/statistik", als("analyse"), **frage).json
    assert (statistik["bezug"]["anzahl"], statistik["bezug"]["mittelwert_kwh"]) == (6, "0.023333")
    lastgang = fragen(f"stromzaehler/{stromzaehler_id}/lastgang", als("analyse"), **frage).json
    assert [wert["bezug_kw"] for wert in lastgang["werte"]].count(None) == 2
    assert (lastgang["summe"]["bezug_wh"], lastgang["summe"]["qualitaet"]) == (160, "ABGELESEN")


def test_as_of_an_earlier_moment(fragen, als, welt, ablage):
    stromzaehler_id = welt.stromzaehler()
    ablage(stromzaehler_id, reihe(TAG_VORHER, 0, [10, 10]), empfangen=WINTERZEIT)
    ablage(stromzaehler_id, [messwert(TAG_VORHER + 900, 4)], empfangen=WINTERZEIT + 60)
    frage = {"von": TAG_VORHER, "bis": TAG_VORHER + 1800}

    def ask(pfad, **mehr):
        return fragen(f"stromzaehler/{stromzaehler_id}/{pfad}", als("analyse"), **frage, **mehr).json

    for stand, kw in (({"stand": WINTERZEIT + 59}, ["0.040", "0.040"]), ({}, ["0.016", "0.064"])):
        assert [wert["bezug_kw"] for wert in ask("lastgang", **stand)["werte"]] == kw
        assert ask("spitzen", **stand)["werte"][0]["bezug"]["leistung_kw"] == kw[1]
        assert ask("statistik", **stand)["bezug"]["maximum_wh"] == int(float(kw[1]) * 250)


def test_comparison_with_the_day_before(fragen, als, kunde, zaehler):
    person = als("kunde", kunde_id=kunde)
    for pfad in (f"stromzaehler/{zaehler}", f"kunden/{kunde}"):
        antwort = fragen(f"{pfad}/vergleich", person, datum="2026-10-25", zeitraum="tag").json
        assert (antwort["aktuell"]["bezug_wh"], antwort["vorher"]["bezug_wh"]) == (2000, 1920 + 960)
        # 880 less than 2880: 30.56 %.
        assert antwort["bezug"] == {"differenz_wh": -880, "differenz_prozent": "-30.6"}
        assert antwort["einspeisung"] == {"differenz_wh": 8, "differenz_prozent": None}
        davor = fragen(f"{pfad}/vergleich", person, datum="2026-10-24", zeitraum="tag").json
        assert davor["bezug"] == {"differenz_wh": None, "differenz_prozent": None}


def test_a_part_of_a_day_is_not_compared(fragen, als, welt, ablage):
    kunde, stromzaehler_id = welt.kunde(), welt.stromzaehler()
    welt.zuordnung(kunde, stromzaehler_id, zeit(WINTERZEIT - 3600))
    ablage(stromzaehler_id, reihe(TAG_VORHER, 0, [10] * 196))
    for pfad, person, differenz in (
        (f"stromzaehler/{stromzaehler_id}", als("analyse"), 40),
        (f"stromzaehler/{stromzaehler_id}", als("kunde", kunde_id=kunde), None),
        (f"kunden/{kunde}", als("kunde", kunde_id=kunde), None),
    ):
        antwort = fragen(f"{pfad}/vergleich", person, datum="2026-10-25", zeitraum="tag").json
        assert antwort["bezug"]["differenz_wh"] == differenz


def test_two_meters_of_half_a_day_are_not_a_whole_one(fragen, als, welt, ablage):
    kunde, zaehler = welt.kunde(), [welt.stromzaehler(), welt.stromzaehler()]
    for stromzaehler_id in zaehler:
        # The last twelve of the 24 hours before: together as many quarter hours as one meter has in all of them.
        welt.zuordnung(kunde, stromzaehler_id, zeit(WINTERZEIT - 12 * 3600))
        ablage(stromzaehler_id, reihe(TAG_VORHER, 0, [10] * 196))
    frage = {"datum": "2026-10-25", "zeitraum": "tag"}
    antwort = fragen(f"kunden/{kunde}/vergleich", als("kunde", kunde_id=kunde), **frage).json
    assert (antwort["aktuell"]["bezug_wh"], antwort["vorher"]["bezug_wh"]) == (2000, 960)
    assert antwort["vorher"]["erwartet"] == 96
    assert antwort["bezug"] == {"differenz_wh": None, "differenz_prozent": None}


def test_meters_that_follow_each_other_are_compared(fragen, als, welt, ablage):
    kunde, alter, neuer = welt.kunde(), welt.stromzaehler(), welt.stromzaehler()
    welt.zuordnung(kunde, alter, zeit(TAG_VORHER), zeit(WINTERZEIT + 3600))
    welt.zuordnung(kunde, neuer, zeit(WINTERZEIT + 3600))
    for stromzaehler_id, energie_wh in ((alter, 10), (neuer, 30)):
        ablage(stromzaehler_id, reihe(TAG_VORHER, 0, [energie_wh] * 196))
    antwort = fragen(f"kunden/{kunde}/vergleich", als("analyse"), datum="2026-10-25", zeitraum="tag").json
    # 4 x 10 + 96 x 30, after 96 x 10.
    assert antwort["bezug"] == {"differenz_wh": 1960, "differenz_prozent": "204.2"}


def test_bad_periods(client, als, zaehler):
    for von, bis, code in (
        (ENDE, WINTERZEIT, "zeitraum_ungueltig"),
        (WINTERZEIT + 1, ENDE, "eingabe_ungueltig"),
        (WINTERZEIT - 401 * 86_400, WINTERZEIT, "zeitraum_zu_lang"),
    ):
        frage = {"von": zeit(von).isoformat(), "bis": zeit(bis).isoformat()}
        for pfad in ("lastgang", "spitzen", "statistik"):
            antwort = client.get(f"/v1/stromzaehler/{zaehler}/{pfad}", query_string=frage, als=als("analyse"))
            assert (antwort.status_code, antwort.json["code"]) == (422, code)


def test_rights(client, als, welt, kunde, zaehler):
    zeitraum = {"von": zeit(WINTERZEIT).isoformat(), "bis": zeit(ENDE).isoformat()}
    fremd = als("kunde", kunde_id=welt.kunde())
    hier, nirgends = f"stromzaehler/{zaehler}", "stromzaehler/999"

    def ask(pfad, person, **mehr):
        frage = {"datum": "2026-10-25"} if pfad.endswith("vergleich") else zeitraum
        return client.get(f"/v1/{pfad}", query_string=frage | mehr, als=person)

    for wo, woanders, pfad in (
        (hier, nirgends, "lastgang"),
        (hier, nirgends, "spitzen"),
        (hier, nirgends, "statistik"),
        (hier, nirgends, "vergleich"),
        (f"kunden/{kunde}", "kunden/999", "vergleich"),
    ):
        verboten, unbekannt = ask(f"{wo}/{pfad}", fremd), ask(f"{woanders}/{pfad}", fremd)
        assert verboten.status_code == unbekannt.status_code == 404
        assert verboten.json == unbekannt.json
        assert ask(f"{wo}/{pfad}", als("kunde", kunde_id=kunde)).status_code == 200
        for rolle, status in ROLLEN:
            assert ask(f"{wo}/{pfad}", als(rolle)).status_code == status
        assert ask(f"{wo}/{pfad}", None).status_code == 401
        spaeter = ask(f"{wo}/{pfad}", als("analyse"), stand=zeit(ENDE + 7200).isoformat())
        assert (spaeter.status_code, spaeter.json["code"]) == (422, "zeitpunkt_in_zukunft")

"""Verbrauch through the API: periods, edges, rights."""

import pytest

from betreiber.ablesung.domain import Qualitaet
from betreiber.auth.domain import system_akteur
from betreiber.verbrauch.service import compute_stromzaehler
from betreiber.zeit import Aufloesung, format_zeitpunkt
from tests.fragen import zeit
from tests.hilfen import recorded_statements
from tests.kanal import reihe

# 2026-03-29 in Europe/Berlin: 23 hours, from 2026-03-28T23:00Z to 2026-03-29T22:00Z.
SOMMERZEIT = 1774738800
TAG_VORHER = SOMMERZEIT - 86_400


@pytest.fixture
def zaehler(welt, kunde, ablage):
    """Three local days around the change to summer time, 100 Wh each quarter hour, one customer all the time."""
    stromzaehler_id = welt.stromzaehler()
    welt.zuordnung(kunde, stromzaehler_id, zeit(TAG_VORHER))
    ablage(stromzaehler_id, reihe(TAG_VORHER, 5000, [100] * (96 + 92 + 96)))
    return stromzaehler_id


@pytest.fixture
def ask(fragen):
    """Asks for Verbrauch, before and after folding."""

    def ask(pfad, von, bis, als, aufloesung="tag", **frage):
        return fragen(f"{pfad}/verbrauch", als, von=von, bis=bis, aufloesung=aufloesung, **frage)

    return ask


def figures(werte):
    return [(wert["bezug_wh"], wert["qualitaet"], wert["erwartet"], wert["vorhanden"]) for wert in werte]


def counts(werte):
    return [(wert["erwartet"], wert["vorhanden"], wert["ersetzt"], wert["fehlend"]) for wert in werte]


ENDE = TAG_VORHER + 900 * (96 + 92 + 96)


def test_every_resolution_adds_up_to_the_same(fragen, als, kunde, zaehler):
    erwartet = {"viertelstunde": 284, "stunde": 71, "tag": 3, "woche": 2, "monat": 1, "jahr": 1, "gesamt": 1}
    anfragen = [{"von": TAG_VORHER, "bis": ENDE, "aufloesung": aufloesung} for aufloesung in erwartet]
    for pfad in (f"stromzaehler/{zaehler}", f"kunden/{kunde}"):
        antworten = fragen.each(f"{pfad}/verbrauch", als("kunde", kunde_id=kunde), anfragen)
        assert [len(antwort.json["werte"]) for antwort in antworten] == list(erwartet.values())
        for antwort in antworten:
            werte = antwort.json["werte"]
            assert sum(wert["bezug_wh"] for wert in werte) == antwort.json["summe"]["bezug_wh"] == 28_400
            assert sum(wert["erwartet"] for wert in werte) == 284


def test_the_day_of_summer_time_has_92_quarter_hours(ask, als, kunde, zaehler):
    antwort = ask(f"stromzaehler/{zaehler}", TAG_VORHER, ENDE, als("kunde", kunde_id=kunde))
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


def test_the_answer_has_exactly_these_keys(ask, als, kunde, zaehler):
    person = als("kunde", kunde_id=kunde)
    einer = ask(f"stromzaehler/{zaehler}", TAG_VORHER, ENDE, person, "gesamt").json
    assert set(einer) == {
        "stromzaehler_id",
        "zaehlernummer",
        "von",
        "bis",
        "aufloesung",
        "stand",
        "werte",
        "summe",
    }
    alle = ask(f"kunden/{kunde}", TAG_VORHER, ENDE, person, "gesamt").json
    assert set(alle) == {"kunde_id", "von", "bis", "aufloesung", "stand", "stromzaehler", "werte", "summe"}
    wert = {"von", "bis", "bezug_wh", "einspeisung_wh", "qualitaet", "erwartet", "vorhanden", "ersetzt", "fehlend"}
    assert set(einer["summe"]) == set(alle["werte"][0]) == wert


def test_a_missing_edge_is_null_and_not_zero(ask, als, kunde, zaehler):
    antwort = ask(f"stromzaehler/{zaehler}", ENDE - 86_400, ENDE + 86_400, als("kunde", kunde_id=kunde))
    assert figures(antwort.json["werte"]) == [(9600, "ABGELESEN", 96, 96), (None, "FEHLT", 96, 0)]
    assert figures([antwort.json["summe"]]) == [(None, "FEHLT", 192, 96)]


def test_a_gap_inside_a_day_is_counted(ask, als, welt, kunde, ablage):
    stromzaehler_id = welt.stromzaehler()
    welt.zuordnung(kunde, stromzaehler_id, zeit(TAG_VORHER))
    werte = reihe(TAG_VORHER, 0, [10] * 96)
    # Readings 10, 11 and 12 are missing: four quarter hours have not both their ends.
    ablage(stromzaehler_id, werte[:10] + werte[13:])
    for aufloesung in ("tag", "gesamt"):
        antwort = ask(
            f"stromzaehler/{stromzaehler_id}",
            TAG_VORHER,
            SOMMERZEIT,
            als("kunde", kunde_id=kunde),
            aufloesung,
        )
        assert figures(antwort.json["werte"]) == [(960, "ABGELESEN", 96, 92)]
    fein = ask(
        f"stromzaehler/{stromzaehler_id}",
        TAG_VORHER,
        SOMMERZEIT,
        als("kunde", kunde_id=kunde),
        "viertelstunde",
    )
    assert [wert["bezug_wh"] for wert in fein.json["werte"]].count(None) == 4


def test_a_move_splits_the_period(ask, als, welt, ablage):
    alt, neu, stromzaehler_id = welt.kunde(), welt.kunde(), welt.stromzaehler()
    umzug = TAG_VORHER + 12 * 3600
    welt.zuordnung(alt, stromzaehler_id, zeit(TAG_VORHER), zeit(umzug))
    welt.zuordnung(neu, stromzaehler_id, zeit(umzug))
    ablage(stromzaehler_id, reihe(TAG_VORHER, 0, [10] * 96))
    for kunde, von, bis in ((alt, TAG_VORHER, umzug), (neu, umzug, SOMMERZEIT)):
        for pfad in (f"stromzaehler/{stromzaehler_id}", f"kunden/{kunde}"):
            antwort = ask(pfad, TAG_VORHER, SOMMERZEIT, als("kunde", kunde_id=kunde))
            assert figures([antwort.json["summe"]]) == [(480, "ABGELESEN", 48, 48)]
        teil = antwort.json["stromzaehler"][0]
        assert [teil["von"], teil["bis"]] == [format_zeitpunkt(zeit(von)), format_zeitpunkt(zeit(bis))]
    ganz = ask(f"stromzaehler/{stromzaehler_id}", TAG_VORHER, SOMMERZEIT, als("sachbearbeitung"))
    assert figures(ganz.json["werte"]) == [(960, "ABGELESEN", 96, 96)]


def test_two_meters_of_a_customer_are_added(ask, als, welt, kunde, zaehler, ablage):
    zweiter = welt.stromzaehler(faktor=2)
    welt.zuordnung(kunde, zweiter, zeit(SOMMERZEIT))
    ablage(zweiter, reihe(SOMMERZEIT, 7, [5] * 92))
    antwort = ask(f"kunden/{kunde}", TAG_VORHER, SOMMERZEIT + 92 * 900, als("kunde", kunde_id=kunde))
    assert figures(antwort.json["werte"]) == [(9600, "ABGELESEN", 96, 96), (9200 + 920, "ABGELESEN", 184, 184)]
    assert [teil["summe"]["bezug_wh"] for teil in antwort.json["stromzaehler"]] == [18_800, 920]


def test_a_time_in_which_the_meter_was_not_theirs_has_no_values(ask, als, kunde, zaehler):
    antwort = ask(f"kunden/{kunde}", TAG_VORHER - 86_400, TAG_VORHER, als("kunde", kunde_id=kunde))
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


def test_too_many_meters_for_one_answer(ask, als, welt, kunde):
    for _ in range(11):
        welt.zuordnung(kunde, welt.stromzaehler(), zeit(TAG_VORHER))
    person, bis = als("kunde", kunde_id=kunde), TAG_VORHER + 400 * 86_400
    antwort = ask(f"kunden/{kunde}", TAG_VORHER, bis, person, "viertelstunde")
    assert (antwort.status_code, antwort.json["code"]) == (422, "zeitraum_zu_lang")
    assert ask(f"kunden/{kunde}", TAG_VORHER, bis, person, "tag").status_code == 200


def test_rights(ask, als, welt, kunde, zaehler):
    fremd = als("kunde", kunde_id=welt.kunde())
    for pfad, nirgends in ((f"stromzaehler/{zaehler}", "stromzaehler/999"), (f"kunden/{kunde}", "kunden/999")):
        verboten = ask(pfad, TAG_VORHER, ENDE, fremd)
        unbekannt = ask(nirgends, TAG_VORHER, ENDE, fremd)
        assert verboten.status_code == unbekannt.status_code == 404
        assert verboten.json == unbekannt.json
        for rolle, status in (("sachbearbeitung", 200), ("analyse", 200), ("buchhaltung", 200), ("wartung", 403)):
            assert ask(pfad, TAG_VORHER, ENDE, als(rolle)).status_code == status
        assert ask(pfad, TAG_VORHER, ENDE, None).status_code == 401


def test_substitutes_are_counted_apart(ask, als, welt, kunde, ablage):
    stromzaehler_id = welt.stromzaehler()
    welt.zuordnung(kunde, stromzaehler_id, zeit(TAG_VORHER))
    werte = reihe(TAG_VORHER, 0, [10] * 192)
    # Readings 4 and 5 are substituted, reading 8 is missing, and so is all from 97 to 143.
    ablage(stromzaehler_id, [*werte[:4], *werte[6:8], *werte[9:97], *werte[144:]])
    ablage(stromzaehler_id, werte[4:6], Qualitaet.ERSATZWERT)
    ablage(stromzaehler_id, werte[97:100], Qualitaet.VORLAEUFIGERWERT)
    person = als("kunde", kunde_id=kunde)
    stunden = ask(f"stromzaehler/{stromzaehler_id}", TAG_VORHER, TAG_VORHER + 10_800, person, "stunde")
    assert figures(stunden.json["werte"]) == [
        (40, "ERSATZWERT", 4, 3),
        (None, "FEHLT", 4, 1),
        (None, "FEHLT", 4, 3),
    ]
    assert counts(stunden.json["werte"]) == [(4, 3, 1, 0), (4, 1, 2, 1), (4, 3, 0, 1)]
    for pfad in (f"stromzaehler/{stromzaehler_id}", f"kunden/{kunde}"):
        for aufloesung in ("tag", "gesamt", "viertelstunde"):
            antwort = ask(pfad, TAG_VORHER, TAG_VORHER + 2 * 86_400, person, aufloesung)
            # The edges of the whole are measured: its energy is, too, however much lies between.
            assert figures([antwort.json["summe"]]) == [(1920, "ABGELESEN", 192, 91 + 48)]
            assert counts([antwort.json["summe"]]) == [(192, 139, 3 + 3, 47)]
    tage = ask(f"stromzaehler/{stromzaehler_id}", TAG_VORHER, TAG_VORHER + 2 * 86_400, person)
    assert counts(tage.json["werte"]) == [(96, 91, 3, 2), (92, 44, 3, 45), (4, 4, 0, 0)]
    ende = TAG_VORHER + 98 * 900
    vorlaeufig = ask(f"stromzaehler/{stromzaehler_id}", TAG_VORHER, ende, person, "gesamt")
    assert figures(vorlaeufig.json["werte"]) == [(980, "VORLAEUFIGERWERT", 98, 91)]


@pytest.mark.parametrize("aufloesung", ["viertelstunde", "tag"])
def test_answers_as_of_an_earlier_moment(ask, als, welt, kunde, ablage, aufloesung):
    stromzaehler_id = welt.stromzaehler()
    welt.zuordnung(kunde, stromzaehler_id, zeit(TAG_VORHER))
    werte = reihe(TAG_VORHER, 0, [10] * 96)
    ablage(stromzaehler_id, werte[:50], empfangen=ENDE)
    ablage(stromzaehler_id, werte[50:], Qualitaet.ERSATZWERT, empfangen=ENDE + 100)
    ask(f"stromzaehler/{stromzaehler_id}", TAG_VORHER, SOMMERZEIT, als("analyse"))  # folds what is there
    ablage(
        stromzaehler_id, [wert._replace(bezug_wh=wert.bezug_wh + 7) for wert in werte[50:]], empfangen=ENDE + 200
    )

    def summe(**stand):
        pfade = (f"stromzaehler/{stromzaehler_id}", f"kunden/{kunde}")
        antworten = [
            ask(pfad, TAG_VORHER, SOMMERZEIT, als("kunde", kunde_id=kunde), aufloesung, **stand).json
            for pfad in pfade
        ]
        assert antworten[0]["summe"] == antworten[1]["summe"]
        if stand:
            assert antworten[0]["stand"] == antworten[1]["stand"] == format_zeitpunkt(zeit(stand["stand"]))
        return figures([antworten[0]["summe"]]) + counts([antworten[0]["summe"]])

    assert summe(stand=ENDE - 1) == [(None, "FEHLT", 96, 0), (96, 0, 0, 96)]
    assert summe(stand=ENDE) == summe(stand=ENDE + 99) == [(None, "FEHLT", 96, 49), (96, 49, 0, 47)]
    assert summe(stand=ENDE + 100) == [(960, "ERSATZWERT", 96, 49), (96, 49, 47, 0)]
    assert summe(stand=ENDE + 199) == summe(stand=ENDE + 100)
    assert summe(stand=ENDE + 200) == summe() == [(967, "ABGELESEN", 96, 96), (96, 96, 0, 0)]


def test_no_answer_as_of_a_moment_to_come(ask, als, kunde, zaehler, uhr):
    jetzt = int(uhr.now().timestamp())
    for pfad in (f"stromzaehler/{zaehler}", f"kunden/{kunde}"):
        assert ask(pfad, TAG_VORHER, ENDE, als("analyse"), stand=jetzt).status_code == 200
        antwort = ask(pfad, TAG_VORHER, ENDE, als("analyse"), stand=jetzt + 1)
        assert (antwort.status_code, antwort.json["code"]) == (422, "zeitpunkt_in_zukunft")
        assert list(antwort.json["errors"]) == ["stand"]


def test_leap_day_and_winter_time(ask, als, welt, ablage, uhr):
    # 2028-02 in Europe/Berlin: 29 days, 2,784 quarter hours; 2026-10 with its day of 25 hours: 2,980.
    uhr.jetzt = zeit(1835390000)
    for beginn, anzahl in ((1832972400, 2784), (1790805600, 2980)):
        stromzaehler_id = welt.stromzaehler()
        ablage(stromzaehler_id, reihe(beginn, 17, [3] * anzahl))
        for aufloesung, stuecke in (("monat", 1), ("tag", anzahl // 96), ("stunde", anzahl // 4)):
            antwort = ask(
                f"stromzaehler/{stromzaehler_id}", beginn, beginn + anzahl * 900, als("analyse"), aufloesung
            )
            assert len(antwort.json["werte"]) == stuecke
            assert sum(wert["bezug_wh"] for wert in antwort.json["werte"]) == 3 * anzahl
            assert figures([antwort.json["summe"]]) == [(3 * anzahl, "ABGELESEN", anzahl, anzahl)]


def test_statements_do_not_grow_with_the_period(session, engine, welt, ablage, uhr):
    """A year by month costs as many statements as a day: look-ups, no scan by quarter hours."""
    stromzaehler_id = welt.stromzaehler()
    ablage(stromzaehler_id, reihe(TAG_VORHER, 0, [1] * 384))
    ablage.fold()
    akteur = system_akteur("test", uhr.now())

    def statements(von, tage, aufloesung):
        ende = von + tage * 86_400
        with recorded_statements(engine) as anweisungen:
            compute_stromzaehler(
                session, akteur, stromzaehler_id, von=zeit(von), bis=zeit(ende), aufloesung=aufloesung
            )
        return len([eine for eine in anweisungen if eine.startswith(("SELECT", "WITH"))])

    # The meter, its sections, the registers at the edges, the counts of the days, all in one.
    assert statements(TAG_VORHER + 86_400, 1, Aufloesung.TAG) == 1
    # And where days are not whole: which ones, and what is in them.
    assert statements(TAG_VORHER, 365, Aufloesung.MONAT) <= 3

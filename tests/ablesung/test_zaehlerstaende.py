"""Readings through the API: those of a period, as of a moment, the newest, the sections of a register."""

from datetime import timedelta

import pytest
from sqlalchemy import insert

from betreiber.ablesung.domain import Qualitaet
from db.models import Zaehlwerksabschnitt
from db.session import create_session
from tests.fragen import ablage, fragen, kunde, zeit  # noqa: F401 - fixtures
from tests.kanal import reihe

# 2026-03-27T23:00Z: the day before the one on which summer time begins.
BEGINN = 1774652400
ENDE = BEGINN + 900 * 284
ROLLEN = (("sachbearbeitung", 200), ("wartung", 200), ("analyse", 200), ("buchhaltung", 200), ("tarif", 403))


@pytest.fixture
def zaehler(welt, kunde, ablage):  # noqa: F811
    """284 quarter hours of 100 Wh from 5000 Wh on, one customer all the time."""
    stromzaehler_id = welt.stromzaehler()
    welt.zuordnung(kunde, stromzaehler_id, zeit(BEGINN))
    ablage(stromzaehler_id, reihe(BEGINN, 5000, [100] * 284))
    return stromzaehler_id


def test_zaehlerstaende_of_a_period_are_paged(fragen, als, kunde, zaehler):  # noqa: F811
    antwort = fragen(
        f"stromzaehler/{zaehler}/zaehlerstaende",
        als("kunde", kunde_id=kunde),
        von=BEGINN,
        bis=ENDE,
        pro_seite=100,
        seite=3,
    )
    # 284 readings lie in the half-open period: the one at its end does not.
    assert (antwort.json["gesamt"], len(antwort.json["eintraege"])) == (284, 84)
    assert antwort.json["eintraege"][-1] == {
        "messzeitpunkt": "2026-03-30T21:45:00Z",
        "bezug_gesamt_wh": 5000 + 283 * 100,
        "einspeisung_gesamt_wh": 0,
        "qualitaet": "ABGELESEN",
        "herkunft": "GERAET",
        "empfangen_zeitpunkt": "2026-03-30T21:45:00Z",
    }


def test_zaehlerstaende_of_another_time_are_not_theirs(fragen, als, welt, ablage):  # noqa: F811
    vorher, nachher, stromzaehler_id = welt.kunde(), welt.kunde(), welt.stromzaehler()
    welt.zuordnung(vorher, stromzaehler_id, zeit(BEGINN), zeit(BEGINN + 1800))
    welt.zuordnung(nachher, stromzaehler_id, zeit(BEGINN + 1800))
    ablage(stromzaehler_id, reihe(BEGINN, 0, [1, 2, 3]))

    def staende(kunde_id, pfad, **frage):
        antwort = fragen(f"stromzaehler/{stromzaehler_id}/{pfad}", als("kunde", kunde_id=kunde_id), **frage)
        return antwort.status_code, [e["bezug_gesamt_wh"] for e in antwort.json.get("eintraege", [antwort.json])]

    # The register of the move closes the one time and opens the other.
    assert staende(vorher, "zaehlerstaende", von=BEGINN, bis=ENDE) == (200, [0, 1, 3])
    assert staende(nachher, "zaehlerstaende", von=BEGINN, bis=ENDE) == (200, [3, 6])
    assert staende(vorher, "letzter_zaehlerstand") == (200, [3])
    assert staende(nachher, "letzter_zaehlerstand") == (200, [6])


@pytest.mark.parametrize(
    ("von", "bis", "anzahl"),
    # Readings stand at 23:00, 23:15 and so on.
    [("23:00:00", "23:15:00", 1), ("23:00:00.5", "23:15:00.5", 1), ("23:00:00", "23:15:00.5", 2)],
)
def test_zaehlerstaende_between_seconds(client, als, zaehler, von, bis, anzahl):
    frage = {"von": f"2026-03-27T{von}Z", "bis": f"2026-03-27T{bis}Z"}
    antwort = client.get(
        f"/v1/stromzaehler/{zaehler}/zaehlerstaende", query_string=frage, als=als("sachbearbeitung")
    )
    assert antwort.json["gesamt"] == len(antwort.json["eintraege"]) == anzahl


def test_zaehlerstaende_of_no_period(fragen, als, zaehler):  # noqa: F811
    antwort = fragen(f"stromzaehler/{zaehler}/zaehlerstaende", als("sachbearbeitung"), von=ENDE, bis=BEGINN)
    assert (antwort.status_code, antwort.json["code"]) == (422, "zeitraum_ungueltig")


def test_zaehlerstaende_as_of_an_earlier_moment(fragen, als, welt, ablage):  # noqa: F811
    stromzaehler_id = welt.stromzaehler()
    ablage(stromzaehler_id, reihe(BEGINN, 0, [10, 10, 10]), Qualitaet.ERSATZWERT, empfangen=ENDE)
    fragen(f"stromzaehler/{stromzaehler_id}/letzter_zaehlerstand", als("analyse"))  # folds them
    ablage(stromzaehler_id, reihe(BEGINN, 0, [7, 13, 10])[:3], empfangen=ENDE + 60)

    def staende(**frage):
        antwort = fragen(
            f"stromzaehler/{stromzaehler_id}/zaehlerstaende",
            als("analyse"),
            von=BEGINN,
            bis=BEGINN + 3600,
            **frage,
        )
        eintraege = antwort.json["eintraege"]
        return antwort.json["gesamt"], [(e["bezug_gesamt_wh"], e["herkunft"]) for e in eintraege]

    ersatz = [(0, "ERSATZWERT"), (10, "ERSATZWERT"), (20, "ERSATZWERT"), (30, "ERSATZWERT")]
    assert staende(stand=ENDE - 1) == (0, [])
    assert staende(stand=ENDE) == staende(stand=ENDE + 59) == (4, ersatz)
    assert staende(stand=ENDE + 60) == (4, [(0, "GERAET"), (7, "GERAET"), (20, "GERAET"), (30, "ERSATZWERT")])
    assert staende() == staende(stand=ENDE + 60)
    assert staende(stand=ENDE, seite=2, pro_seite=3) == (4, ersatz[3:])


def test_no_answer_as_of_a_moment_to_come(fragen, als, zaehler, uhr):  # noqa: F811
    jetzt = int(uhr.now().timestamp())
    frage = {"von": BEGINN, "bis": ENDE}
    assert (
        fragen(f"stromzaehler/{zaehler}/zaehlerstaende", als("analyse"), **frage, stand=jetzt).status_code == 200
    )
    for pfad in ("zaehlerstaende", "zaehlwerksabschnitte"):
        zeitraum = frage if pfad == "zaehlerstaende" else {}
        antwort = fragen(f"stromzaehler/{zaehler}/{pfad}", als("analyse"), **zeitraum, stand=jetzt + 1)
        assert (antwort.status_code, antwort.json["code"]) == (422, "zeitpunkt_in_zukunft")
        assert list(antwort.json["errors"]) == ["stand"]


def test_the_newest_reading(fragen, als, kunde, zaehler, welt):  # noqa: F811
    antwort = fragen(f"stromzaehler/{zaehler}/letzter_zaehlerstand", als("kunde", kunde_id=kunde))
    assert (antwort.json["messzeitpunkt"], antwort.json["bezug_gesamt_wh"]) == ("2026-03-30T22:00:00Z", 33_400)
    leer = welt.stromzaehler()
    antwort = fragen(f"stromzaehler/{leer}/letzter_zaehlerstand", als("analyse"))
    assert (antwort.status_code, antwort.json["code"]) == (404, "nicht_gefunden")
    welt.zuordnung(kunde, leer, zeit(BEGINN), zeit(ENDE))
    assert fragen(f"stromzaehler/{leer}/letzter_zaehlerstand", als("kunde", kunde_id=kunde)).status_code == 404


def test_sections_are_shown_as_far_as_they_held_in_their_time(fragen, als, welt, engine):  # noqa: F811
    vorher, nachher, stromzaehler_id = welt.kunde(), welt.kunde(), welt.stromzaehler()
    welt.zuordnung(vorher, stromzaehler_id, zeit(BEGINN), zeit(BEGINN + 1800))
    welt.zuordnung(nachher, stromzaehler_id, zeit(BEGINN + 1800))
    zeilen = [(BEGINN + 900, "UEBERLAUF", 1, 100_000_000), (BEGINN + 2700, "FAKTOR", 40, 99_998_050)]
    with create_session(engine) as session:
        session.execute(
            insert(Zaehlwerksabschnitt),
            [
                {
                    "stromzaehler_id": stromzaehler_id,
                    "ab": ab,
                    "nummer": 1,
                    "grund": grund,
                    "faktor": faktor,
                    "bezug_versatz_wh": versatz,
                    "einspeisung_versatz_wh": 0,
                    "erfasst": ab + 60,
                }
                for ab, grund, faktor, versatz in zeilen
            ],
        )
        session.commit()

    def sections(person, **frage):
        antwort = fragen(f"stromzaehler/{stromzaehler_id}/zaehlwerksabschnitte", person, **frage)
        return [(abschnitt["grund"], abschnitt["von"], abschnitt["bis"]) for abschnitt in antwort.json]

    ueberlauf = ("UEBERLAUF", "2026-03-27T23:15:00Z", "2026-03-27T23:45:00Z")
    faktor = ("FAKTOR", "2026-03-27T23:45:00Z", None)
    assert sections(als("wartung")) == sections(als("kunde", kunde_id=nachher)) == [ueberlauf, faktor]
    assert sections(als("kunde", kunde_id=vorher)) == [ueberlauf]
    assert sections(als("wartung"), stand=BEGINN + 960) == [(*ueberlauf[:2], None)]
    assert sections(als("wartung"), stand=BEGINN + 959) == []
    antwort = fragen(f"stromzaehler/{stromzaehler_id}/zaehlwerksabschnitte", als("wartung"))
    assert antwort.json[1] == {
        "von": "2026-03-27T23:45:00Z",
        "bis": None,
        "grund": "FAKTOR",
        "faktor": 40,
        "bezug_versatz_wh": 99_998_050,
        "einspeisung_versatz_wh": 0,
        "erfasst_zeitpunkt": "2026-03-27T23:46:00Z",
    }


@pytest.mark.parametrize("pfad", ["zaehlerstaende", "letzter_zaehlerstand", "zaehlwerksabschnitte"])
def test_rights(client, als, welt, kunde, zaehler, pfad, uhr):  # noqa: F811
    frage = {"von": zeit(BEGINN).isoformat(), "bis": (zeit(BEGINN) + timedelta(hours=1)).isoformat()}
    frage = frage if pfad == "zaehlerstaende" else {}

    def ask(stromzaehler_id, person):
        return client.get(f"/v1/stromzaehler/{stromzaehler_id}/{pfad}", query_string=frage, als=person)

    fremd = als("kunde", kunde_id=welt.kunde())
    verboten, unbekannt = ask(zaehler, fremd), ask(999, fremd)
    assert verboten.status_code == unbekannt.status_code == 404
    assert verboten.json == unbekannt.json
    assert ask(zaehler, als("kunde", kunde_id=kunde)).status_code == 200
    for rolle, status in ROLLEN:
        assert ask(zaehler, als(rolle)).status_code == status
    assert ask(999, als("analyse")).status_code == 404
    assert ask(zaehler, None).status_code == 401

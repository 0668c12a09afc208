"""How Ersatzwerte were formed, through the API and the command: who sees what of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from betreiber.auth.domain import system_akteur
from betreiber.cli import main
from betreiber.ersatzwert.domain import Regeln
from betreiber.ersatzwert.service import form_ersatzwerte
from betreiber.jobs.plan import form_missing
from db.session import create_session
from tests.ablesungen import deliver, everybody
from tests.kanal import reihe

VIERTEL = 900
# Monday 2026-06-01, 00:00 in Berlin.
MONTAG = int(datetime(2026, 5, 31, 22, tzinfo=UTC).timestamp())
JETZT = MONTAG + 9 * 86_400


def instant(nummer):
    return datetime.fromtimestamp(MONTAG + nummer * VIERTEL, UTC)


@pytest.fixture
def zaehler(welt, engine, uhr):
    """Readings 200 to 203 and all of Friday are missing; known up to Sunday, one hour before the present limit."""
    uhr.jetzt = datetime.fromtimestamp(JETZT, UTC)
    stromzaehler_id = welt.stromzaehler()
    welt.einbau(stromzaehler_id, welt.messstelle(), instant(0), instant(7 * 96))
    werte = reihe(MONTAG, 1000, [100] * 96 * 7)
    deliver(engine, stromzaehler_id, [*werte[:200], *werte[204:385], *werte[480:]], JETZT)
    return stromzaehler_id


@pytest.fixture
def formed(engine, zaehler, uhr):
    with create_session(engine) as session:
        form_ersatzwerte(session, system_akteur("test", uhr.now()), Regeln())
    return zaehler


@pytest.fixture
def ask(client):
    def ask(stromzaehler_id, person, von=0, bis=1000, **kw):
        frage = {"von": instant(von).isoformat(), "bis": instant(bis).isoformat()} | kw
        return client.get(f"/v1/stromzaehler/{stromzaehler_id}/ersatzwerte", query_string=frage, als=person)

    return ask


def test_staff_see_method_and_inputs(ask, als, formed):
    antwort = ask(formed, als("sachbearbeitung"))
    assert antwort.status_code == 200
    linear, freitag = antwort.json["eintraege"]
    assert linear == {
        "von": "2026-06-03T00:00:00Z",
        "bis": "2026-06-03T01:00:00Z",
        "verfahren": "LINEAR",
        "eingaben": {
            "anfang": {
                "messzeitpunkt": "2026-06-02T23:45:00Z",
                "bezug_gesamt_wh": 20_900,
                "einspeisung_gesamt_wh": 0,
            },
            "ende": {
                "messzeitpunkt": "2026-06-03T01:00:00Z",
                "bezug_gesamt_wh": 21_400,
                "einspeisung_gesamt_wh": 0,
            },
            "differenz": {"bezug_wh": 500, "einspeisung_wh": 0},
        },
        "gebildet_zeitpunkt": "2026-06-09T22:00:00Z",
        "abgeloest_zeitpunkt": None,
    }
    assert freitag["verfahren"] == "VERGLEICHSTAG"
    assert freitag["eingaben"]["vergleichstage"] == {"2026-06-05": "2026-06-04"}
    assert freitag["eingaben"]["vergleich"] == {"bezug_wh": 9600, "einspeisung_wh": 0}
    assert freitag["eingaben"]["quelle_von"] == "2026-06-03T22:00:00Z"
    assert ask(formed, als("sachbearbeitung"), bis=200).json["eintraege"] == []
    assert ask(formed, als("sachbearbeitung"), seite=2, pro_seite=1).json["eintraege"] == [freitag]


def test_a_customer_sees_their_part_and_no_other_customers_readings(ask, als, welt, formed):
    """The meter passes on within the first gap, and on Thursday, of which Friday has its course."""
    erster, zweiter, dritter = welt.kunde(), welt.kunde(), welt.kunde()
    welt.zuordnung(erster, formed, instant(0), instant(202))
    welt.zuordnung(zweiter, formed, instant(202), instant(330))
    welt.zuordnung(dritter, formed, instant(330))

    def parts(kunde):
        eintraege = ask(formed, als("kunde", kunde_id=kunde)).json["eintraege"]
        return [(eintrag["von"], eintrag["bis"], eintrag["eingaben"]) for eintrag in eintraege]

    assert parts(erster) == [("2026-06-03T00:00:00Z", "2026-06-03T00:30:00Z", None)]
    assert parts(zweiter) == [("2026-06-03T00:30:00Z", "2026-06-03T01:00:00Z", None)]
    assert parts(dritter) == [("2026-06-04T22:15:00Z", "2026-06-05T22:00:00Z", None)]


def test_a_customer_who_had_the_meter_all_the_time_sees_the_inputs(ask, als, welt, formed):
    kunde = welt.kunde()
    welt.zuordnung(kunde, formed, instant(0))
    staff = ask(formed, als("sachbearbeitung")).json
    assert ask(formed, als("kunde", kunde_id=kunde)).json == staff


def test_who_may(ask, als, welt, formed):
    """The customer here is another one."""
    sehen = {None: 401, "kunde": 404, "sachbearbeitung": 200, "wartung": 200, "buchhaltung": 200, "analyse": 200}
    for rolle, person in everybody(als, welt.kunde()):
        soll = sehen.get(rolle, 403)
        assert ask(formed, person).status_code == soll, rolle
        assert ask(999_999, person).status_code == (404 if soll == 200 else soll), rolle


def test_the_period(ask, als, formed):
    antwort = ask(formed, als("analyse"), von=5, bis=5)
    assert (antwort.status_code, antwort.json["code"]) == (422, "zeitraum_ungueltig")


def test_the_job_forms_them_once(settings, engine, zaehler):
    jetzt = replace(settings, uhr_start=datetime.fromtimestamp(JETZT, UTC), uhr_faktor=1e-6)
    assert [form_missing(jetzt, engine) for _ in range(2)] == [4 + 95, 0]


def test_the_command(settings, datenbank, engine, welt, zaehler):
    """A second meter has a single reading: nothing tells what flowed since."""
    einzeln = welt.stromzaehler()
    welt.einbau(einzeln, welt.messstelle(), instant(0))
    deliver(engine, einzeln, reihe(MONTAG, 0, []), JETZT)
    umgebung = {
        "MSB_DATEN": str(settings.daten),
        "MSB_DATABASE_URL": datenbank,
        "MSB_UHR_START": (datetime.fromtimestamp(JETZT, UTC) + timedelta(minutes=1)).isoformat(),
        "MSB_UHR_FAKTOR": "0.000001",
        "MSB_ERSATZWERT_LINEAR_VIERTELSTUNDEN": "3",
    }

    def call(*argumente):
        ergebnis = CliRunner().invoke(main, ["ersatzwerte", "bilden", *argumente], env=umgebung)
        assert ergebnis.exit_code == 0, ergebnis.output
        return ergebnis.output.splitlines()[ergebnis.output.splitlines().index("Zähler geprüft: 2") + 1 :]

    offen = "Lücken, die offen bleiben, OHNE_VERGLEICH: 1"
    assert call("--probelauf") == ["Zu bilden, VERGLEICHSTAG: 99", offen]
    assert call() == ["Gebildet, VERGLEICHSTAG: 99", offen]
    assert call("--alles") == [offen]

"""The planners' numbers, as an answer and as gauges."""

from datetime import date

import pytest
from prometheus_client import REGISTRY

from betreiber.auth.domain import Rolle, system_akteur
from betreiber.jobs.plan import count_wartungen
from betreiber.wartung.kennzahlen import write_gauges
from tests.hilfen import recorded_statements

ANLAESSE = ["EICHFRIST", "NUTZUNGSDAUER", "GEWAEHRLEISTUNG", "KONTROLLABLESUNG", "MANUELL"]


@pytest.fixture
def bestand(welt):
    """Meters that hang, seen on 15 June 2026, and three that do not or that are unknown."""
    for anlass, faellig, ende, frist, warnung, zustand in (
        ("EICHFRIST", date(2026, 6, 30), date(2026, 6, 30), date(2026, 4, 21), date(2026, 4, 21), "EINGEBAUT"),
        ("EICHFRIST", date(2026, 6, 1), date(2026, 6, 1), date(2026, 3, 23), None, "GESPERRT"),
        # Due today is not overdue, and the first of July is not June.
        ("KONTROLLABLESUNG", date(2026, 6, 15), date(2034, 12, 31), date(2034, 10, 22), None, "EINGEBAUT"),
        ("KONTROLLABLESUNG", date(2026, 7, 1), None, None, None, "EINGEBAUT"),
        # Put off by hand, though its Eichfrist is over; the application is due in June.
        ("MANUELL", date(2027, 1, 1), date(2026, 6, 14), date(2026, 6, 30), date(2026, 6, 30), "EINGEBAUT"),
        ("GEWAEHRLEISTUNG", date(2026, 6, 3), date(2026, 8, 1), date(2026, 6, 2), None, "EINGEBAUT"),
        (None, None, None, None, None, "EINGEBAUT"),
        ("EICHFRIST", date(2026, 6, 1), date(2026, 6, 1), date(2026, 6, 1), date(2026, 6, 1), "LAGER"),
        ("EICHFRIST", date(2026, 6, 1), date(2026, 6, 1), date(2026, 6, 1), date(2026, 6, 1), "AUSGEBAUT"),
    ):
        stromzaehler_id = welt.stromzaehler(zustand=zustand)
        welt.wartung(
            stromzaehler_id,
            anlass=anlass,
            naechste_wartung_datum=faellig,
            eichfrist_ende_datum=ende,
            antragsfrist_datum=frist,
            antragswarnung_datum=warnung,
        )
    welt.stromzaehler(zustand="EINGEBAUT")  # without a row


def counts(*anzahlen):
    return [{"anlass": anlass, "anzahl": anzahl} for anlass, anzahl in zip(ANLAESSE, anzahlen, strict=True)]


def test_the_numbers_of_this_month(client, als, bestand):
    assert client.get("/v1/wartungskennzahlen", als=als("wartung")).json == {
        "von": "2026-06-01",
        "bis": "2026-07-01",
        "zaehler": 8,
        "faellig": counts(2, 0, 1, 1, 0),
        "ueberfaellig": counts(1, 0, 1, 0, 0),
        "eichfrist_abgelaufen": 2,
        "antraege_faellig": 1,
    }


@pytest.mark.parametrize(
    ("frage", "von", "bis", "faellig", "antraege"),
    [
        ("von=2026-07-01", "2026-07-01", "2026-08-01", counts(0, 0, 0, 1, 0), 0),
        ("bis=2026-06-30", "2026-06-01", "2026-06-30", counts(1, 0, 1, 1, 0), 0),
        ("von=2026-01-31", "2026-01-31", "2026-02-28", counts(0, 0, 0, 0, 0), 0),
        ("von=2026-04-01&bis=2027-01-02", "2026-04-01", "2027-01-02", counts(2, 0, 1, 2, 1), 2),
    ],
)
def test_the_numbers_of_another_period(client, als, bestand, frage, von, bis, faellig, antraege):
    zahlen = client.get(f"/v1/wartungskennzahlen?{frage}", als=als("wartung")).json
    assert (zahlen["von"], zahlen["bis"]) == (von, bis)
    assert (zahlen["faellig"], zahlen["antraege_faellig"]) == (faellig, antraege)
    # What is overdue is so today, whatever the period.
    assert (zahlen["ueberfaellig"], zahlen["eichfrist_abgelaufen"]) == (counts(1, 0, 1, 0, 0), 2)


@pytest.mark.parametrize(
    ("frage", "code"),
    [
        ("von=2026-06-01&bis=2026-06-01", "zeitraum_ungueltig"),
        ("bis=2026-05-31", "zeitraum_ungueltig"),
        ("von=Juni", "eingabe_ungueltig"),
        ("monat=2026-06", "eingabe_ungueltig"),
    ],
)
def test_no_period(client, als, frage, code):
    antwort = client.get(f"/v1/wartungskennzahlen?{frage}", als=als("wartung"))
    assert (antwort.status_code, antwort.json["code"]) == (422, code)


@pytest.mark.parametrize("rolle", Rolle)
def test_rights(client, als, welt, rolle):
    person = als(rolle, kunde_id=welt.kunde() if rolle is Rolle.KUNDE else None)
    erwartet = 200 if rolle is Rolle.WARTUNG else 403
    assert client.get("/v1/wartungskennzahlen", als=person).status_code == erwartet
    assert client.get("/v1/wartungskennzahlen").status_code == 401


def test_one_statement_for_any_number(client, als, bestand, app):
    person = als("wartung")
    with recorded_statements(app.extensions["msb_engine"]) as anweisungen:
        client.get("/v1/wartungskennzahlen", als=person)
    assert len([a for a in anweisungen if "count(" in a]) == 1


def gauge(name, **schilder):
    return REGISTRY.get_sample_value(name, schilder)


def test_prometheus_gets_them_too(session, uhr, bestand, welt):
    write_gauges(session, system_akteur("jobs", uhr.now()))
    assert [gauge("msb_wartungen_faellig", anlass=anlass) for anlass in ANLAESSE] == [2, 0, 1, 1, 0]
    assert [gauge("msb_wartungen_ueberfaellig", anlass=anlass) for anlass in ANLAESSE] == [1, 0, 1, 0, 0]
    assert gauge("msb_eichfrist_abgelaufen") == 2


def test_the_job_writes_the_gauges_and_has_nothing_to_log(settings, engine, welt):
    """On the clock of the house; what is no longer due sinks to nothing."""
    assert count_wartungen(settings, engine) == 0
    assert gauge("msb_eichfrist_abgelaufen") == 0
    welt.wartung(welt.stromzaehler(zustand="EINGEBAUT"), eichfrist_ende_datum=date(1998, 12, 31))
    assert count_wartungen(settings, engine) == 0
    assert gauge("msb_eichfrist_abgelaufen") == 1

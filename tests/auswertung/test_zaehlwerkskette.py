"""The meters of a Messstelle one after the other: what each counted, and the sum over an exchange."""

import pytest

from tests.fragen import zeit
from tests.kanal import reihe

# 2026-03-27T23:00Z: the day before the one on which summer time begins.
BEGINN = 1774652400
WECHSEL = BEGINN + 40 * 900
ENDE = BEGINN + 96 * 900


@pytest.fixture
def messstelle(welt, ablage):
    """An old meter at 99,000 kWh for 40 quarter hours of 25 Wh, then a new one at 3 Wh with 30 Wh each."""
    messstelle_id, alter, neuer = welt.messstelle(), welt.stromzaehler(faktor=2), welt.stromzaehler()
    welt.einbau(alter, messstelle_id, zeit(BEGINN - 900), zeit(WECHSEL))
    welt.einbau(neuer, messstelle_id, zeit(WECHSEL))
    ablage(alter, reihe(BEGINN - 900, 99_000_000 - 25, [25] * 41))
    ablage(neuer, reihe(WECHSEL, 3, [30] * 56))
    return messstelle_id


def test_the_chain_over_an_exchange(fragen, als, messstelle):
    antwort = fragen(f"messstellen/{messstelle}/zaehlwerkskette", als("sachbearbeitung"), von=BEGINN, bis=ENDE)
    alter, neuer = antwort.json["einbauten"]
    assert (alter["von"], alter["bis"]) == ("2026-03-27T22:45:00Z", "2026-03-28T09:00:00Z")
    assert (neuer["von"], neuer["bis"]) == ("2026-03-28T09:00:00Z", None)
    staende = [
        (teil[rand]["messzeitpunkt"], teil[rand]["bezug_gesamt_wh"])
        for teil in (alter, neuer)
        for rand in ("erster_zaehlerstand", "letzter_zaehlerstand")
    ]
    assert staende == [
        ("2026-03-27T23:00:00Z", 99_000_000),
        ("2026-03-28T09:00:00Z", 99_001_000),
        ("2026-03-28T09:00:00Z", 3),
        ("2026-03-28T23:00:00Z", 1683),
    ]
    assert [teil["verbrauch"]["bezug_wh"] for teil in (alter, neuer)] == [2000, 1680]
    summe = antwort.json["summe"]
    assert (summe["bezug_wh"], summe["erwartet"], summe["vorhanden"]) == (3680, 96, 96)


def test_a_part_that_is_not_known_leaves_the_sum_open(fragen, als, messstelle, welt):
    antwort = fragen(f"messstellen/{messstelle}/zaehlwerkskette", als("wartung"), von=WECHSEL, bis=ENDE + 900)
    (neuer,) = antwort.json["einbauten"]
    assert neuer["letzter_zaehlerstand"]["bezug_gesamt_wh"] == 1683
    assert (neuer["verbrauch"]["bezug_wh"], antwort.json["summe"]["bezug_wh"]) == (None, None)
    leer = fragen(f"messstellen/{welt.messstelle()}/zaehlwerkskette", als("wartung"), von=BEGINN, bis=ENDE).json
    assert (leer["einbauten"], leer["summe"]["bezug_wh"], leer["summe"]["erwartet"]) == ([], None, 0)


def test_a_meter_that_hung_for_minutes_counted_nothing_that_is_known(fragen, als, welt):
    messstelle_id, stromzaehler_id = welt.messstelle(), welt.stromzaehler()
    welt.einbau(stromzaehler_id, messstelle_id, zeit(BEGINN + 60), zeit(BEGINN + 600))
    antwort = fragen(f"messstellen/{messstelle_id}/zaehlwerkskette", als("wartung"), von=BEGINN, bis=ENDE)
    (teil,) = antwort.json["einbauten"]
    assert (teil["erster_zaehlerstand"], teil["letzter_zaehlerstand"]) == (None, None)
    assert (teil["verbrauch"]["bezug_wh"], teil["verbrauch"]["erwartet"]) == (None, 0)


def test_rights_and_bad_periods(client, als, welt, messstelle):
    def ask(messstelle_id, person, von=BEGINN, bis=ENDE):
        frage = {"von": zeit(von).isoformat(), "bis": zeit(bis).isoformat()}
        return client.get(f"/v1/messstellen/{messstelle_id}/zaehlwerkskette", query_string=frage, als=person)

    rollen = {"sachbearbeitung", "wartung", "buchhaltung", "analyse"}
    for rolle in ("kunde", "tarif", "admin", *sorted(rollen)):
        person = als(rolle, kunde_id=welt.kunde() if rolle == "kunde" else None)
        assert ask(messstelle, person).status_code == (200 if rolle in rollen else 403)
    assert ask(messstelle, None).status_code == 401
    assert ask(999, als("wartung")).status_code == 404
    falsch = ask(messstelle, als("wartung"), ENDE, BEGINN)
    assert (falsch.status_code, falsch.json["code"]) == (422, "zeitraum_ungueltig")

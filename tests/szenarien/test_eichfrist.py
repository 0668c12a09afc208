"""The Eichfrist as a clerk can read it: one meter a line of eichfrist.csv, entered and asked through the API.

Expected values by hand: end of the calendar year; 70 days before it; the last working day up to that.
"""

import csv
from datetime import UTC, datetime
from pathlib import Path

import pytest

ZEILEN = list(csv.DictReader(Path(__file__).with_name("eichfrist.csv").read_text(encoding="utf-8").splitlines()))


def iso(text):
    """31.12.2034 -> 2034-12-31."""
    return "-".join(reversed(text.split("."))) or None


@pytest.mark.parametrize("zeile", ZEILEN, ids=lambda zeile: zeile["name"])
def test_eichfrist(client, als, welt, uhr, zeile):
    uhr.jetzt = datetime(2045, 1, 1, tzinfo=UTC)
    jahr = int(zeile["kennzeichnung"]) if zeile["kennzeichnung"] else None
    stromzaehler_id = welt.stromzaehler(bauart=zeile["bauart"], kennzeichnung_jahr=jahr, zustand="EINGEBAUT")
    welt.einbau(stromzaehler_id, welt.messstelle(bundesland=zeile["bundesland"]), datetime(2026, 7, 1, tzinfo=UTC))
    weg, planung = f"/v1/stromzaehler/{stromzaehler_id}", als("wartung")
    for art, datum, mehr in (
        ("EINGRIFF", "eingriff", {}),
        (
            "LOSVERLAENGERUNG",
            "los_antrag",
            {"bis_datum": iso(zeile["los_bis"]), "los": "L-1", "beleg": "Bescheid 1"},
        ),
        ("NICHTBENUTZUNG", "unbenutzt_von", {"bis_datum": iso(zeile["unbenutzt_bis"]), "beleg": "Lagerbuch"}),
        ("ANTRAG", "antrag", {"beleg": "Antrag 1"}),
        ("EICHUNG", "eichung", {"beleg": "Eichschein 1"}),
    ):
        if zeile[datum]:
            daten = {"art": art, "datum": iso(zeile[datum]), **mehr}
            antwort = client.post(f"{weg}/eichungen", json=daten, als=planung)
            assert antwort.status_code == 201, antwort.text
    wartung = client.get(f"{weg}/wartung", als=planung).json
    erwartet = [iso(zeile[name]) for name in ("ende", "antrag_bis", "warnung")]
    assert [
        wartung[name] for name in ("eichfrist_ende_datum", "antragsfrist_datum", "antragswarnung_datum")
    ] == erwartet
    # What explains it names the day, and the law.
    erklaerung = " ".join(wartung["begruendung"])
    assert zeile["ende"] in erklaerung
    assert "MessEV § 34" in erklaerung or "MessEG § 37" in erklaerung

"""When a visit may be announced, as a planner can read it: a letter a line of zutritt.csv, asked through the API.

Expected values by hand: three working days for the post, and from the day after that two whole weeks (MsbG § 38,
BGB § 187); holidays from the calendar of the Land.
"""

import csv
from datetime import UTC, date, datetime
from pathlib import Path

ZEILEN = list(csv.DictReader(Path(__file__).with_name("zutritt.csv").read_text(encoding="utf-8").splitlines()))


def iso(text):
    """31.12.2034 -> 2034-12-31."""
    return "-".join(reversed(text.split("."))) or None


def test_zutritt(client, als, welt, uhr):
    uhr.jetzt = datetime(2026, 1, 2, tzinfo=UTC)
    planung, orte, antworten = als("wartung"), {}, {}
    for zeile in ZEILEN:
        land = zeile["bundesland"]
        ort = orte.setdefault(land, welt.messstelle(bundesland=land))
        auftrag = welt.auftrag(ort, zustand="GEPLANT", termin_datum=date.fromisoformat(iso(zeile["termin"])))
        daten = {"auftrag_id": auftrag, "versand_datum": iso(zeile["versand"]), "zeitfenster": "08:00-12:00"}
        if zeile["arbeitstage"]:
            daten["ersatztermin_arbeitstage"] = int(zeile["arbeitstage"])
        antwort = client.post("/v1/zutrittsankuendigungen", json=daten, als=planung)
        assert antwort.status_code == 200, antwort.text
        [ergebnis] = antwort.json["ergebnisse"]
        antworten[zeile["name"]] = [
            ergebnis[name] for name in ("ergebnis", "ersatztermin_datum", "fruehestens_datum")
        ]
    assert antworten == {
        zeile["name"]: [zeile["ergebnis"], iso(zeile["ersatztermin"]), iso(zeile["fruehestens"])]
        for zeile in ZEILEN
    }

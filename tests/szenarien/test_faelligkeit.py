"""When a meter is due and why, as a clerk can read it: one meter a line of faelligkeit.csv, derived at night."""

import csv
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from betreiber.auth.domain import system_akteur
from betreiber.wartung.service import sweep_wartungen

ZEILEN = list(csv.DictReader(Path(__file__).with_name("faelligkeit.csv").read_text(encoding="utf-8").splitlines()))


def tag(text):
    """31.12.2034 as a date, nothing as None."""
    return date(*map(int, reversed(text.split(".")))) if text else None


def midday(text):
    return datetime.combine(tag(text), datetime.min.time(), UTC).replace(hour=12) if text else None


@pytest.mark.parametrize("zeile", ZEILEN, ids=lambda zeile: zeile["name"])
def test_faelligkeit(client, als, welt, uhr, session, zeile):
    uhr.jetzt = midday(zeile["heute"])
    haengt = zeile["einbau"] and not zeile["ausbau"]
    stromzaehler_id = welt.stromzaehler(
        zustand="EINGEBAUT" if haengt else "AUSGEBAUT" if zeile["ausbau"] else "LAGER",
        kennzeichnung_jahr=int(zeile["kennzeichnung"]) if zeile["kennzeichnung"] else None,
        nutzungsdauer_jahre=int(zeile["nutzungsdauer"]) if zeile["nutzungsdauer"] else None,
        inbetriebnahme_datum=tag(zeile["inbetriebnahme"]),
        gewaehrleistung_ende_datum=tag(zeile["gewaehrleistung"]),
    )
    welt.wartung(
        stromzaehler_id,
        einbau_datum=tag(zeile["einbau"]),
        letzte_manuelle_ablesung_datum=tag(zeile["abgelesen"]),
        vorgabe_datum=tag(zeile["von_hand"]),
    )
    if zeile["einbau"]:
        welt.einbau(stromzaehler_id, welt.messstelle(), midday(zeile["einbau"]), midday(zeile["ausbau"]))
    akteur = system_akteur("jobs", uhr.now())
    sweep_wartungen(session, akteur, kontrollablesung_monate=int(zeile["kontrolle"]))
    eines = client.get(f"/v1/stromzaehler/{stromzaehler_id}/wartung", als=als("wartung")).json
    (gelistet,) = client.get("/v1/wartungen", als=als("wartung")).json["eintraege"]
    faellig = tag(zeile["faellig"])
    erwartet = (faellig and faellig.isoformat(), zeile["anlass"] or None)
    assert (eines["naechste_wartung_datum"], eines["anlass"]) == erwartet
    # What the night stored is what is computed for one.
    assert (gelistet["naechste_wartung_datum"], gelistet["anlass"]) == erwartet

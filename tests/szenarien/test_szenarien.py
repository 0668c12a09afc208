"""Scenarios that a clerk can read: given (whose meter when), when (readings come in), then (what the API says).

Each folder `given_...` holds
    given/zuordnung.csv    kunde, zaehler, von, bis (empty = still theirs), faktor
    when/ablesung.csv      telegramm, zaehler, von, bis, stand_anfang_wh, wh_je_viertelstunde: readings at every
                           quarter hour from von to bis, both included; Telegramme go out in the order of the lines
    then/verbrauch.csv     wer, aufloesung, von, bis, bezug_wh (empty = no value), qualitaet, erwartet, vorhanden
    then/quarantaene.csv   zaehler, messzeitpunkt, stand_wh, grund (absent = nothing is in quarantine)
Every file may have a column `#comment` that says why.
"""

import csv
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path

import pytest
from sqlalchemy import select

from db.models import Quarantaene, Stromzaehler
from db.session import create_session
from tests.kanal import reihe

SZENARIEN = sorted(Path(__file__).parent.glob("given_*"))


def rows(datei: Path) -> list[dict[str, str]]:
    if not datei.exists():
        return []
    with datei.open(encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text))


def seconds(text: str) -> int:
    zeitpunkt = datetime.fromisoformat(text)
    assert zeitpunkt.tzinfo is not None, f"{text} needs an offset"
    return int(zeitpunkt.timestamp())


@pytest.mark.parametrize("ordner", SZENARIEN, ids=lambda ordner: ordner.name)
def test_szenario(ordner, kanal, client, als, welt, uhr, engine):
    ablesungen = rows(ordner / "when" / "ablesung.csv")
    uhr.jetzt = max(datetime.fromisoformat(zeile["bis"]) for zeile in ablesungen) + timedelta(hours=1)
    kunden, zaehler = given(rows(ordner / "given" / "zuordnung.csv"), kanal, welt)
    for _, zeilen in groupby(ablesungen, key=lambda zeile: zeile["telegramm"]):
        deliver(list(zeilen), kanal, zaehler)
    for erwartet in rows(ordner / "then" / "verbrauch.csv"):
        assert ask(erwartet, client, als, kunden, zaehler) == expected(erwartet), erwartet
    quarantaene = [
        (zeile["zaehler"], seconds(zeile["messzeitpunkt"]), int(zeile["stand_wh"]), zeile["grund"])
        for zeile in rows(ordner / "then" / "quarantaene.csv")
    ]
    assert in_quarantine(engine, zaehler) == sorted(quarantaene)


def given(zeilen, kanal, welt):
    """Customers and enrolled meters by the names of the scenario."""
    kunden, zaehler = {}, {}
    for zeile in zeilen:
        kunde, name = zeile["kunde"], zeile["zaehler"]
        if kunde not in kunden:
            kunden[kunde] = welt.kunde()
        if name not in zaehler:
            nummer = f"1EMH00{len(zaehler):08}"
            stromzaehler_id = welt.stromzaehler(zaehlernummer=nummer, faktor=int(zeile["faktor"] or 1))
            zaehler[name] = kanal.enrolled(nummer, stromzaehler_id)
        bis = datetime.fromisoformat(zeile["bis"]) if zeile["bis"] else None
        von = datetime.fromisoformat(zeile["von"])
        welt.zuordnung(kunden[kunde], zaehler[name].stromzaehler_id, von, bis)
    return kunden, zaehler


def deliver(zeilen, kanal, zaehler):
    """One Telegramm, sealed as the meter seals it."""
    werte = []
    for zeile in zeilen:
        von, bis = seconds(zeile["von"]), seconds(zeile["bis"])
        energien = [int(zeile["wh_je_viertelstunde"] or 0)] * ((bis - von) // 900)
        werte += reihe(von, int(zeile["stand_anfang_wh"]), energien)
    kanal.deliver(zaehler[zeilen[0]["zaehler"]], werte)


def ask(frage, client, als, kunden, zaehler):
    """The one value that the API gives for a line of verbrauch.csv."""
    wer = frage["wer"]
    person = als("kunde", kunde_id=kunden[wer]) if wer in kunden else als("sachbearbeitung")
    pfad = f"kunden/{kunden[wer]}" if wer in kunden else f"stromzaehler/{zaehler[wer].stromzaehler_id}"
    parameter = {name: frage[name] for name in ("von", "bis", "aufloesung")}
    antwort = client.get(f"/v1/{pfad}/verbrauch", query_string=parameter, als=person)
    assert antwort.status_code == 200, antwort.text
    werte = antwort.json["werte"]
    assert len(werte) == 1, f"{frage}: {len(werte)} values"
    return tuple(werte[0][name] for name in ("bezug_wh", "qualitaet", "erwartet", "vorhanden"))


def expected(zeile):
    bezug_wh = int(zeile["bezug_wh"]) if zeile["bezug_wh"] else None
    return bezug_wh, zeile["qualitaet"], int(zeile["erwartet"]), int(zeile["vorhanden"])


def in_quarantine(engine, zaehler):
    namen = {eintrag.zaehlernummer: name for name, eintrag in zaehler.items()}
    with create_session(engine, lesen=True) as session:
        zeilen = session.execute(
            select(
                Stromzaehler.zaehlernummer,
                Quarantaene.uhrzeit,
                Quarantaene.stromverbrauch_gesamt_wh,
                Quarantaene.grund,
            ).join(Stromzaehler, Stromzaehler.stromzaehler_id == Quarantaene.stromzaehler_id)
        )
        return sorted((namen[nummer], uhrzeit, stand, grund) for nummer, uhrzeit, stand, grund in zeilen)

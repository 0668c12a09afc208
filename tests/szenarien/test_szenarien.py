"""Scenarios that a clerk can read: given (whose meter when), when (what happens), then (what the API says).

Each folder `given_...` holds files of lines; every file may have a column `#comment` that says why. Times have an
offset, energy is in Wh as the register shows it, power in kW.

given/zuordnung.csv       kunde, zaehler, von, bis (empty = still theirs), faktor
given/zaehler.csv         zaehler, stellen, faktor, messstelle, anschlussleistung_kw, eingebaut (empty = in the
                          warehouse); only where digits, places or power matter
when/ablauf.csv           schritt, zeitpunkt (what the clock shows), tun: the name of a file of `when`, or
                          ersatzwerte, falten. Without it there is one step: all readings, an hour after the last
when/ablesung.csv         schritt, telegramm, zaehler, von, bis, stand_anfang_wh, wh_je_viertelstunde,
                          einspeisung_anfang_wh, einspeisung_je_viertelstunde: a reading at every quarter hour from
                          von to bis, both included; Telegramme go out in the order of the lines
when/zaehlerwechsel.csv   schritt, messstelle, alter, neuer, zeitpunkt, schluss_wh, anfang_wh
when/zaehlereinbau.csv    schritt, messstelle, anschlussleistung_kw, zaehler, kunde, zeitpunkt, anfang_wh
when/zaehlerausbau.csv    schritt, messstelle, zaehler, zeitpunkt, schluss_wh
when/lagerung.csv         schritt, zaehler, ort
when/umzug.csv            schritt, messstelle, zeitpunkt, kunde (empty: nobody moves in), stand_wh (or empty)
when/faktorwechsel.csv    schritt, zaehler, ab, faktor
when/korrektur.csv        schritt, zaehler, messzeitpunkt, stand_wh
when/entscheidung.csv     schritt, zaehler, von, bis, entscheidung: on what is in quarantine
then/verbrauch.csv        wer (a customer or a meter), aufloesung, von, bis, stand (as of when), and any of
                          bezug_wh (empty = no value), einspeisung_wh, qualitaet, erwartet, vorhanden, ersetzt,
                          fehlend
then/zaehlerstand.csv     wer (a customer), zaehler, von, bis, anzahl, letzter (messzeitpunkt), bezug_gesamt_wh
then/quarantaene.csv      zaehler, messzeitpunkt, stand_wh, grund, entscheidung (empty = open); absent = nothing
then/abschnitt.csv        zaehler, von, grund, faktor, bezug_versatz_wh, einspeisung_versatz_wh; absent = none
then/ersatzwert.csv       zaehler, von, bis, verfahren, in force; absent = none
then/zuordnung.csv        kunde, zaehler, von, bis: after an exchange, an installation, a removal or a move

Every question is asked twice: as the steps left the database, and once more with all days folded.
"""

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from db.models import KundeStromzaehler, Quarantaene
from db.session import create_session
from tests.szenarien.schritte import Buehne, seconds

SZENARIEN = sorted(Path(__file__).parent.glob("given_*"))
FRAGE = ("von", "bis", "aufloesung", "stand")
VERBRAUCHSWERT = ("bezug_wh", "einspeisung_wh", "qualitaet", "erwartet", "vorhanden", "ersetzt", "fehlend")


def rows(datei):
    if not datei.exists():
        return []
    with datei.open(encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text))


@pytest.mark.parametrize("ordner", SZENARIEN, ids=lambda ordner: ordner.name)
def test_szenario(ordner, kanal, client, als, welt, uhr, engine):
    buehne = Buehne(kanal, client, als, welt, uhr, engine)
    ablauf = rows(ordner / "when" / "ablauf.csv") or [{"schritt": None, "zeitpunkt": None, "tun": "ablesung"}]
    uhr.jetzt = datetime.fromisoformat(ablauf[0]["zeitpunkt"] or last_reading(ordner)) + timedelta(hours=1)
    buehne.set_up(rows(ordner / "given" / "zaehler.csv"), rows(ordner / "given" / "zuordnung.csv"))
    for schritt in ablauf:
        if schritt["zeitpunkt"]:
            uhr.jetzt = datetime.fromisoformat(schritt["zeitpunkt"])
        zeilen = rows(ordner / "when" / f"{schritt['tun']}.csv")
        buehne.act(schritt["tun"], [zeile for zeile in zeilen if zeile.get("schritt") == schritt["schritt"]])
    then(ordner / "then", buehne)
    buehne.act("falten", [])
    then(ordner / "then", buehne)


def last_reading(ordner):
    return max((zeile["bis"] for zeile in rows(ordner / "when" / "ablesung.csv")), key=datetime.fromisoformat)


def then(ordner, buehne):
    for zeile in rows(ordner / "verbrauch.csv"):
        erwartet = {name: plain(zeile[name]) for name in VERBRAUCHSWERT if name in zeile}
        assert as_asked(erwartet, ask_verbrauch(zeile, buehne)) == erwartet, zeile
    for zeile in rows(ordner / "zaehlerstand.csv"):
        erwartet = {name: plain(zeile[name]) for name in ("anzahl", "letzter", "bezug_gesamt_wh")}
        assert as_asked(erwartet, ask_zaehlerstand(zeile, buehne)) == erwartet, zeile
    for name, frage in LISTEN.items():
        zeilen = rows(ordner / f"{name}.csv")
        spalten = [spalte for spalte in (zeilen[0] if zeilen else ()) if spalte != "#comment"]
        erwartet = [{spalte: plain(zeile[spalte]) for spalte in spalten} for zeile in zeilen]
        gefunden = [as_asked(spalten, zeile) for zeile in frage(buehne)]
        assert sorted(gefunden, key=str) == sorted(erwartet, key=str), name


def as_asked(spalten, werte):
    """Those of the values that the scenario has a column for."""
    return {spalte: plain("" if werte[spalte] is None else str(werte[spalte])) for spalte in spalten}


def plain(text):
    """A cell; an instant in seconds, because it may be written with different offsets."""
    return seconds(text) if "T" in text and ":" in text else text


def ask_verbrauch(frage, buehne):
    """The one value that the API gives for a line of verbrauch.csv."""
    wer = frage["wer"]
    if wer in buehne.kunden:
        person, pfad = buehne.als("kunde", kunde_id=buehne.kunden[wer]), f"kunden/{buehne.kunden[wer]}"
    else:
        person, pfad = buehne.als("sachbearbeitung"), f"stromzaehler/{buehne.zaehler[wer].stromzaehler_id}"
    parameter = {name: frage[name] for name in FRAGE if frage.get(name)}
    antwort = buehne.client.get(f"/v1/{pfad}/verbrauch", query_string=parameter, als=person)
    assert antwort.status_code == 200, antwort.text
    assert len(antwort.json["werte"]) == 1, f"{frage}: {len(antwort.json['werte'])} values"
    return antwort.json["werte"][0]


def ask_zaehlerstand(frage, buehne):
    """How many readings a customer sees, and the last of them."""
    person = buehne.als("kunde", kunde_id=buehne.kunden[frage["wer"]])
    pfad = f"/v1/stromzaehler/{buehne.zaehler[frage['zaehler']].stromzaehler_id}/zaehlerstaende"
    parameter = {"von": frage["von"], "bis": frage["bis"], "pro_seite": 1}
    anzahl = buehne.client.get(pfad, query_string=parameter, als=person).json["gesamt"]
    letzte = buehne.client.get(pfad, query_string=parameter | {"seite": anzahl}, als=person).json["eintraege"][0]
    return letzte | {"anzahl": anzahl, "letzter": letzte["messzeitpunkt"]}


def list_quarantaene(buehne):
    with create_session(buehne.engine, lesen=True) as session:
        return [
            {
                "zaehler": buehne.namen[zeile.stromzaehler_id],
                "messzeitpunkt": datetime.fromtimestamp(zeile.uhrzeit, UTC).isoformat(),
                "stand_wh": zeile.stromverbrauch_gesamt_wh,
                "grund": zeile.grund,
                "entscheidung": zeile.entscheidung,
            }
            for zeile in session.scalars(select(Quarantaene))
        ]


def list_abschnitte(buehne):
    return of_each_meter(buehne, "zaehlwerksabschnitte")


def list_ersatzwerte(buehne):
    alle = of_each_meter(buehne, "ersatzwerte?von=2020-01-01T00:00:00Z&bis=2030-01-01T00:00:00Z")
    return [zeile for zeile in alle if zeile["abgeloest_zeitpunkt"] is None]


def list_ausgetauscht(buehne):
    """Whose the meters are once one of them, or a customer, has come or gone."""
    namen = {kunde_id: name for name, kunde_id in buehne.kunden.items()}
    with create_session(buehne.engine, lesen=True) as session:
        return [
            {
                "kunde": namen[zeile.kunde_id],
                "zaehler": buehne.namen[zeile.stromzaehler_id],
                "von": zeile.von.isoformat(),
                "bis": zeile.bis and zeile.bis.isoformat(),
            }
            for zeile in session.scalars(select(KundeStromzaehler))
            if buehne.ausgetauscht
        ]


def of_each_meter(buehne, pfad):
    """What staff see of all meters, each line with the meter's name."""
    zeilen = []
    for name, zaehler in buehne.zaehler.items():
        antwort = buehne.client.get(
            f"/v1/stromzaehler/{zaehler.stromzaehler_id}/{pfad}", als=buehne.als("sachbearbeitung")
        )
        assert antwort.status_code == 200, antwort.text
        eintraege = antwort.json if isinstance(antwort.json, list) else antwort.json["eintraege"]
        zeilen += [eintrag | {"zaehler": name} for eintrag in eintraege]
    return zeilen


LISTEN = {
    "quarantaene": list_quarantaene,
    "abschnitt": list_abschnitte,
    "ersatzwert": list_ersatzwerte,
    "zuordnung": list_ausgetauscht,
}

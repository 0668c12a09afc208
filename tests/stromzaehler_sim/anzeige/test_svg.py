"""The picture: well-formed, loads nothing, and its polygons spell what the face says.

The digits are decoded from the geometry, with a table of their own.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from stromzaehler_sim.anzeige.bedienung import Bedienung, Schritt
from stromzaehler_sim.anzeige.gesicht import build_gesicht
from stromzaehler_sim.anzeige.svg import draw
from tests.stromzaehler_sim.anzeige.geraet import LIEFERZUSTAND, MESSSTAND, MONTAG, ZUSTAND

SVG = "{http://www.w3.org/2000/svg}"
# Lit places of a digit, from a picture: top, upper right, lower right, bottom, lower left, upper left, middle.
ZEICHEN = {
    "1111110": "0",
    "0110000": "1",
    "1101101": "2",
    "1111001": "3",
    "0110011": "4",
    "1011011": "5",
    "1011111": "6",
    "1110000": "7",
    "1111111": "8",
    "1111011": "9",
    "0000001": "-",
    "0000000": " ",
    "0111101": "d",
    "1100111": "P",
    "1001111": "E",
    "0000101": "r",
    "1001110": "C",
    "0001110": "L",
    "1000111": "F",
    "0010101": "n",
    "0000100": "i",
    "0110111": "H",
    "0000110": "I",
}


def picture(schritt: Schritt = Schritt.NORMAL, **mehr: object) -> ET.Element:
    messstand = replace(MESSSTAND, verbrauch_wh=73_499, **mehr)
    return ET.fromstring(draw(build_gesicht(messstand, Bedienung(LIEFERZUSTAND, schritt), MONTAG)))


def group(bild: ET.Element, name: str) -> ET.Element:
    [gruppe] = [g for g in bild.iter(f"{SVG}g") if g.get("class") == name]
    return gruppe


def decode(gruppe: ET.Element) -> str:
    """Read a row of digits: seven polygons and a point each, the polygons told apart by where they lie."""
    teile = list(gruppe)
    text = ""
    for beginn in range(0, len(teile), 8):
        *polygone, punkt = teile[beginn : beginn + 8]
        mitten = [middle(polygon) for polygon in polygone]
        links, rechts = min(x for x, _ in mitten), max(x for x, _ in mitten)
        oben, unten = min(y for _, y in mitten), max(y for _, y in mitten)
        breite, hoehe = rechts - links, unten - oben
        orte = {}
        for (x, y), polygon in zip(mitten, polygone, strict=True):
            orte[round((x - links) / breite * 2), round((y - oben) / hoehe * 4)] = polygon.get("class")
        reihenfolge = [(1, 0), (2, 1), (2, 3), (1, 4), (0, 3), (0, 1), (1, 2)]
        text += ZEICHEN["".join("1" if orte[ort] == "an" else "0" for ort in reihenfolge)]
        text += "." if punkt.get("class") == "an" else ""
    return text


def middle(polygon: ET.Element) -> tuple[float, float]:
    ecken = [tuple(map(float, ecke.split(","))) for ecke in (polygon.get("points") or "").split()]
    assert len(ecken) == 6
    return sum(x for x, _ in ecken) / 6, sum(y for _, y in ecken) / 6


@pytest.mark.parametrize(
    ("schritt", "kennung", "zeile_2"),
    [
        (Schritt.NORMAL, "      ", "        "),
        (Schritt.PIN, "Pin   ", "  -0----"),
        (Schritt.FALSCH, "Pin   ", "     Err"),
        (Schritt.LEISTUNG, "P     ", "     193"),
        (Schritt.WOCHE, "7d    ", "     73.4"),
        (Schritt.JAHR, "365d  ", "     73.4"),
        (Schritt.VERBRAUCH_LOESCHEN, "E     ", "     CLr"),
        (Schritt.HISTORIE_LOESCHEN, "HI5   ", "     CLr"),  # S and 5 look alike on seven segments
        (Schritt.INF, "InF   ", "     0FF"),  # and so do O and 0
        (Schritt.PIN_SCHUTZ, "Pin   ", "      0n"),
        (Schritt.TEST, "888888", "8.8.8.8.8.8.8.8."),
    ],
)
def test_the_lit_segments_spell_the_face(schritt: Schritt, kennung: str, zeile_2: str) -> None:
    bild = picture(schritt)
    assert decode(group(bild, "kennung")) == kennung
    assert decode(group(bild, "zeile-2")) == zeile_2


def test_line_1_obis_code_and_waiting_readings() -> None:
    bild = picture(wartend=12)
    assert decode(group(bild, "zeile-1")) == "  002043"
    assert decode(group(bild, "obis")) == "1.8.0"
    assert decode(group(bild, "wartend")) == "  12"
    assert decode(group(picture(wartend=0), "wartend")) == "    "
    assert decode(group(picture(wartend=12_345), "wartend")) == "9999"


def test_phases_arrows_bars_and_symbols() -> None:
    bild = picture(zustand=replace(ZUSTAND, phasen=(True, False, True), sim="PIN_GESPERRT"), leistung_w=-5)
    klassen = [(element.get("class") or "", "".join(element.itertext()).strip()) for element in bild.iter()]
    assert [klasse for klasse, text in klassen if text in ("L1", "L2", "L3") and "phase" in klasse] == [
        "an phase",
        "aus phase",
        "an phase",
    ]
    namen = [klasse for klasse, _ in klassen]
    assert "aus bezug" in namen
    assert "an einspeisung" in namen
    assert namen.count("aus balken") == 4
    assert namen.count("an symbol") == 2  # the PIN lock and the locked SIM card
    assert [klasse for klasse in (k for k, _ in klassen) if klasse.endswith("balken") and "an " in klasse] == []


def test_the_picture_says_what_it_shows_and_loads_nothing() -> None:
    quelle = draw(build_gesicht(MESSSTAND, Bedienung(LIEFERZUSTAND), MONTAG))
    bild = ET.fromstring(quelle)
    assert (bild.findtext(f"{SVG}title") or "") == "Stromzähler 1 EMH 00 1234 5678: 1.8.0  002043 kWh"
    assert "L1 L2 L3" in (bild.findtext(f"{SVG}desc") or "")
    assert not re.search(r"https?:|<script|<image|@import|@font-face|url\((?!#)", quelle.replace(SVG[1:-1], ""))
    assert "prefers-color-scheme: dark" in quelle


def test_two_meters_have_two_bar_codes() -> None:
    def stripes(zaehler: str) -> str:
        bild = ET.fromstring(draw(build_gesicht(replace(MESSSTAND, zaehler=zaehler), Bedienung(LIEFERZUSTAND), 0)))
        return next(pfad.get("d") or "" for pfad in bild.iter(f"{SVG}path") if pfad.get("class") == "strichcode")

    assert stripes("1EMH0012345678") != stripes("1EMH0012345679")

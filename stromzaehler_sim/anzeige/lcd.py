"""The glass of the display for a terminal: the same segments of half blocks, the unlit ones faint.

A character of a terminal is about twice as high as wide, so its upper and lower half are two square pixels.
"""

from __future__ import annotations

from typing import NamedTuple

from textual.content import Content

from stromzaehler_sim.anzeige.gesicht import BALKEN_AB_DBM, STELLEN, STELLEN_WARTEND, Gesicht, Symbol, Zeile
from stromzaehler_sim.anzeige.segmente import Zelle, cells

BREITE = 74
AN, AUS = "$tinte", "$schatten"
_BREITE_EINHEITEN = 6
_BALKEN = "▂▄▆█"


class Groesse(NamedTuple):
    """The measures of a digit in pixels; two pixels make a character, and the height is odd."""

    breite: int
    hoehe: int

    @property
    def abstand(self) -> int:
        """From one digit to the next: between them are the point and a gap."""
        return self.breite + 2


GROSS = Groesse(5, 9)
MITTEL = Groesse(4, 7)

Teil = tuple[str, str]
"""(text, style)"""


def draw_lcd(gesicht: Gesicht) -> Content:
    """Thirteen rows of `BREITE` characters."""
    reihen = [
        _status_row(gesicht),
        [],
        *_line(gesicht.zeile_1, GROSS),
        [],
        *_line(gesicht.zeile_2, MITTEL),
        _symbol_row(gesicht),
    ]
    return Content("\n").join([Content.assemble(*reihe) for reihe in reihen])


def _style(an: bool) -> str:
    return AN if an else AUS


def _line(zeile: Zeile, groesse: Groesse) -> list[list[Teil]]:
    """The name at the foot on the left, the digits aligned to the right, the units at the foot."""
    zellen = cells(zeile.zeichen, STELLEN)
    links = BREITE - groesse.abstand * STELLEN - _BREITE_EINHEITEN
    reihen = []
    for oben in range(0, groesse.hoehe + 1, 2):
        fuss = oben == groesse.hoehe - 1
        teile: list[Teil] = [(f"{zeile.kennung if fuss else '':<{links}}", f"bold {AN}")]
        for zelle in zellen:
            teile += [_character(zelle, groesse, x, oben) for x in range(groesse.abstand)]
        teile.append((f" {' '.join(zeile.einheiten) if fuss else '':<{_BREITE_EINHEITEN - 1}}", f"bold {AN}"))
        reihen.append(teile)
    return reihen


def _character(zelle: Zelle, groesse: Groesse, x: int, oben: int) -> Teil:
    """The character that holds the pixels (x, oben) and (x, oben + 1): a whole block, a half one, or glass."""
    obere, untere = (_colour(zelle, groesse, x, y) for y in (oben, oben + 1))
    if obere == untere:
        return " ", f"on {obere}" if obere else ""
    if not obere:
        return "▄", untere
    return "▀", f"{obere} on {untere}" if untere else obere


def _colour(zelle: Zelle, groesse: Groesse, x: int, y: int) -> str:
    """Segments are one pixel thick and leave the corners free ("" is glass); the point is right of the foot."""
    rechts, unten = groesse.breite - 1, groesse.hoehe - 1
    mitte = unten // 2
    if x > rechts:
        return _style(zelle.punkt) if (x, y) == (groesse.breite, unten) else ""
    if 0 < x < rechts:
        segment = {0: "a", mitte: "g", unten: "d"}.get(y)
    elif y < unten and y not in (0, mitte):
        oben = y < mitte
        segment = ("f" if oben else "e") if x == 0 else ("b" if oben else "c")
    else:
        segment = None
    return "" if segment is None else _style(segment in zelle.segmente)


def _status_row(gesicht: Gesicht) -> list[Teil]:
    links = [
        *((f"L{nummer} ", _style(an)) for nummer, an in enumerate(gesicht.phasen, start=1)),
        ("   +A ▶", _style(gesicht.bezug)),
        ("   −A ◀", _style(gesicht.einspeisung)),
    ]
    balken = [(_BALKEN[stelle], _style(stelle < gesicht.balken)) for stelle in range(len(BALKEN_AB_DBM))]
    luft = BREITE - sum(len(text) for text, _ in links) - len(balken)
    return [*links, (f"{gesicht.rat} ".rjust(luft), AN), *balken]


def _symbol_row(gesicht: Gesicht) -> list[Teil]:
    links = [(f"{symbol}  ", _style(symbol in gesicht.symbole)) for symbol in Symbol]
    wartend = gesicht.wartend > 0
    text = f"↥ {min(gesicht.wartend, 10**STELLEN_WARTEND - 1) if wartend else '0':>{STELLEN_WARTEND}}"
    luft = BREITE - sum(len(text) for text, _ in links)
    return [*links, (text.rjust(luft), _style(wartend))]

"""The glass of the display as SVG: digits of polygons, symbols, and what is not lit as a faint shadow."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from stromzaehler_sim.anzeige.gesicht import (
    BALKEN_AB_DBM,
    KWH,
    STELLEN,
    STELLEN_KENNUNG,
    STELLEN_WARTEND,
    WATT,
    Gesicht,
    Symbol,
    Zeile,
)
from stromzaehler_sim.anzeige.segmente import SEGMENTE, cells

BREITE, HOEHE = 640, 250
_RECHTS = 542  # right edge of the digits of both lines
_UNTEN = 232  # base line of the symbols
_STELLEN_OBIS = 3


class Groesse(NamedTuple):
    """The measures of a digit: width, height, thickness of a segment, distance to the next digit."""

    breite: float
    hoehe: float
    dicke: float
    abstand: float


GROSS = Groesse(37, 70, 7.5, 49)
MITTEL = Groesse(28, 52, 5.6, 38)
KLEIN = Groesse(17, 32, 3.5, 25)
WINZIG = Groesse(9, 17, 2.1, 13.5)

# Each symbol on a field of 24 x 24.
_BILDER = {
    Symbol.INF: '<text x="12" y="19" text-anchor="middle" font-size="17" font-weight="700">InF</text>',
    Symbol.PIN: (
        '<path d="M4 11h16v11H4z"/>'
        '<path d="M7.5 11V7.5a4.5 4.5 0 0 1 9 0V11" fill="none" stroke-width="2.6" class="strich"/>'
    ),
    Symbol.SIM_FEHLT: (
        '<path d="M5 2h9l5 5v15H5z" fill="none" stroke-width="2.2" class="strich"/>'
        '<path d="M8.5 11l7 7m0-7l-7 7" stroke-width="2.4" class="strich"/>'
    ),
    Symbol.SIM_PIN: (
        '<path d="M5 2h9l5 5v15H5z" fill="none" stroke-width="2.2" class="strich"/>'
        '<path d="M8 13h8v6H8z"/><path d="M9.8 13v-2a2.2 2.2 0 0 1 4.4 0v2" fill="none" stroke-width="1.7" '
        'class="strich"/>'
    ),
    Symbol.SENDET: (
        '<circle cx="12" cy="9" r="2.6"/><path d="M10.8 11h2.4L15 23H9z"/>'
        '<path d="M7.2 4.4a6.6 6.6 0 0 0 0 9.2M16.8 4.4a6.6 6.6 0 0 1 0 9.2M4 1.4a10.8 10.8 0 0 0 0 15.2'
        'M20 1.4a10.8 10.8 0 0 1 0 15.2" fill="none" stroke-width="2" class="strich"/>'
    ),
    Symbol.UNQUITTIERT: (
        '<path d="M1.5 6h14v13h-14z M1.5 6l7 7 7-7" fill="none" stroke-width="2" class="strich"/>'
        '<path d="M19 4h3.4l-.6 10h-2.2z"/><circle cx="20.7" cy="18.2" r="1.9"/>'
    ),
    Symbol.GESPERRT: (
        '<circle cx="12" cy="12" r="9.6" fill="none" stroke-width="2.6" class="strich"/><path d="M6 10h12v4H6z"/>'
    ),
    Symbol.UHR: (
        '<circle cx="10" cy="12.5" r="8.4" fill="none" stroke-width="2.2" class="strich"/>'
        '<path d="M10 7.5v5l3.4 2.2" fill="none" stroke-width="2" class="strich"/>'
        '<path d="M20 3h3.4l-.6 8.4h-2.2z"/><circle cx="21.7" cy="15" r="1.8"/>'
    ),
}


def draw_lcd(gesicht: Gesicht) -> list[str]:
    """The elements of the glass, on a field of `BREITE` x `HOEHE`."""
    return [
        *_status_row(gesicht),
        *_digits("obis", gesicht.zeile_1.kennung, _STELLEN_OBIS, KLEIN, rechts=83, unten=120),
        *_digits("zeile-1", gesicht.zeile_1.zeichen, STELLEN, GROSS, rechts=_RECHTS, unten=120),
        *_units(gesicht.zeile_1, (KWH,), 120, 24),
        *_digits("kennung", gesicht.zeile_2.kennung, STELLEN_KENNUNG, KLEIN, rechts=158, unten=192, links=True),
        *_digits("zeile-2", gesicht.zeile_2.zeichen, STELLEN, MITTEL, rechts=_RECHTS, unten=192),
        *_units(gesicht.zeile_2, (KWH, WATT), 192, 20),
        *_symbol_row(gesicht),
    ]


def _lit(an: bool) -> str:
    return "an" if an else "aus"


# --- digits ----------------------------------------------------------------------------------------------------
def _digits(
    name: str, text: str, stellen: int, groesse: Groesse, *, rechts: float, unten: float, links: bool = False
) -> Iterable[str]:
    """A row of digits whose last ends at ``rechts``; ``links`` aligns the text to the left instead."""
    if links:
        text = text + " " * (stellen - len(text.replace(".", "")))
    anfang = rechts - (stellen - 1) * groesse.abstand - groesse.breite
    # A slant of a few degrees, as on the glass of a meter; about the base line, so that the rows stay in place.
    yield f'<g class="{name}" transform="translate({unten * 0.087:.1f} 0) skewX(-5)">'
    for stelle, zelle in enumerate(cells(text, stellen)):
        x, y = anfang + stelle * groesse.abstand, unten - groesse.hoehe
        for segment in SEGMENTE:
            an = segment in zelle.segmente
            yield f'<polygon class="{_lit(an)}" points="{_segment_points(segment, x, y, groesse)}"/>'
        r = groesse.dicke * 0.58
        cx = x + (groesse.breite + groesse.abstand) / 2
        yield f'<circle class="{_lit(zelle.punkt)}" cx="{cx:.1f}" cy="{unten - r:.1f}" r="{r:.1f}"/>'
    yield "</g>"


def _segment_points(segment: str, x: float, y: float, groesse: Groesse) -> str:
    """The six corners of a segment of the digit whose upper left corner is (x, y)."""
    halb = groesse.dicke / 2
    links, rechts = x + halb, x + groesse.breite - halb
    oben, mitte, unten = y + halb, y + groesse.hoehe / 2, y + groesse.hoehe - halb
    von, bis = {
        "a": ((links, oben), (rechts, oben)),
        "b": ((rechts, oben), (rechts, mitte)),
        "c": ((rechts, mitte), (rechts, unten)),
        "d": ((links, unten), (rechts, unten)),
        "e": ((links, mitte), (links, unten)),
        "f": ((links, oben), (links, mitte)),
        "g": ((links, mitte), (rechts, mitte)),
    }[segment]
    spalt = groesse.dicke * 0.13
    (x1, y1), (x2, y2) = von, bis
    if y1 == y2:
        x1, x2 = x1 + spalt, x2 - spalt
        ecken = [
            *((x1, y1), (x1 + halb, y1 - halb), (x2 - halb, y1 - halb)),
            *((x2, y1), (x2 - halb, y1 + halb), (x1 + halb, y1 + halb)),
        ]
    else:
        y1, y2 = y1 + spalt, y2 - spalt
        ecken = [
            *((x1, y1), (x1 + halb, y1 + halb), (x1 + halb, y2 - halb)),
            *((x1, y2), (x1 - halb, y2 - halb), (x1 - halb, y1 + halb)),
        ]
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in ecken)


def _units(zeile: Zeile, einheiten: tuple[str, ...], unten: float, hoehe: int) -> Iterable[str]:
    for einheit, x in zip(einheiten, (_RECHTS + 14, _RECHTS + 67), strict=False):
        an = einheit in zeile.einheiten
        yield f'<text class="{_lit(an)} einheit" x="{x}" y="{unten}" font-size="{hoehe}">{einheit}</text>'


# --- rows of symbols -------------------------------------------------------------------------------------------
def _status_row(gesicht: Gesicht) -> Iterable[str]:
    """Phases, direction of the energy, radio."""
    for stelle, an in enumerate(gesicht.phasen):
        yield f'<text class="{_lit(an)} phase" x="{16 + 36 * stelle}" y="33" font-size="19">L{stelle + 1}</text>'
    yield (
        f'<g class="{_lit(gesicht.bezug)} bezug"><path d="M202 17l19 9.5-19 9.5z"/>'
        '<text x="165" y="33" font-size="19">+A</text></g>'
    )
    yield (
        f'<g class="{_lit(gesicht.einspeisung)} einspeisung"><path d="M307 17l-19 9.5 19 9.5z"/>'
        '<text x="248" y="33" font-size="19">−A</text></g>'
    )
    yield f'<text class="an rat" x="578" y="33" font-size="16" text-anchor="end">{gesicht.rat}</text>'
    for stelle in range(len(BALKEN_AB_DBM)):
        hoehe = 7 + 5 * stelle
        yield (
            f'<rect class="{_lit(stelle < gesicht.balken)} balken" x="{588 + 11 * stelle}" y="{34 - hoehe}" '
            f'width="7.5" height="{hoehe}"/>'
        )


def _symbol_row(gesicht: Gesicht) -> Iterable[str]:
    """The symbols of `Symbol`, then the number of readings waiting with an arrow to the outside."""
    for stelle, symbol in enumerate(_BILDER):
        yield (
            f'<g class="{_lit(symbol in gesicht.symbole)} symbol" '
            f'transform="translate({14 + 50 * stelle} {_UNTEN - 22})">{_BILDER[symbol]}</g>'
        )
    an = gesicht.wartend > 0
    yield (
        f'<g class="{_lit(an)} wartet" transform="translate(536 {_UNTEN - 22})">'
        '<path d="M12 1l8 9h-5v7H9v-7H4z"/><path d="M3 20h18v2.6H3z"/></g>'
    )
    hoechstens = 10**STELLEN_WARTEND - 1
    text = str(min(gesicht.wartend, hoechstens)) if an else ""
    yield from _digits("wartend", text, STELLEN_WARTEND, WINZIG, rechts=622, unten=_UNTEN)

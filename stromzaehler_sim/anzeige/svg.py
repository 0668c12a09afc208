"""The whole meter as an SVG picture: housing, nameplate, optical port, button, and the glass of `svg_lcd`.

The picture loads nothing, runs nothing, and follows the light or dark wish of whoever looks at it.
ASSUMPTION: the meter number comes from an enrolled meter, so it holds no character that XML would need escaped.
"""

from __future__ import annotations

from collections.abc import Iterable

from stromzaehler_sim.anzeige import svg_lcd, text
from stromzaehler_sim.anzeige.gesicht import Gesicht

BREITE, HOEHE = 720, 700

_STIL = """
    text { font-family: system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif }
    .glas text { font-weight: 600; font-family: 'DejaVu Sans', Verdana, sans-serif }
    .hell { stop-color: #f4f5f3 } .mittel { stop-color: #dfe2de } .dunkel { stop-color: #c3c8c3 }
    .rand { stroke: #9aa19b } .fuge { stroke: #aeb4ae } .licht { stroke: #ffffff }
    .front { fill: #fbfbf9; stroke: #c9cec9 }
    .schrift { fill: #1d2421 } .leise { fill: #525c57 }
    .rahmen { fill: #23292b } .lcd-oben { stop-color: #cfd8c4 } .lcd-unten { stop-color: #b8c3ab }
    .an { fill: #10170f } .an .strich { stroke: #10170f }
    .aus { fill: #10170f; opacity: .055 } .aus .strich { stroke: #10170f }
    .taste-oben { stop-color: #6b7578 } .taste-unten { stop-color: #3d4548 }
    .ring-oben { stop-color: #fdfdfd } .ring-unten { stop-color: #8b9396 }
    .tief { fill: #15191b } .diode { fill: #3b1216 } .diode-hell { fill: #7c8488 }
    .led-an { fill: #f2231d } .led-aus { fill: #6a1512 } .led-schein { fill: #ff3b30; opacity: .28 }
    .siegel { fill: #2f6fb2 }
    .marke { fill: #f6f2c9; stroke: #6d6a3f } .marke-schrift { fill: #2b2a17 }
    .schraube { fill: #b9bfbb; stroke: #868d88 } .schlitz { stroke: #6c736e }
    .strichcode { fill: #14191a }
    @media (prefers-color-scheme: dark) {
      .hell { stop-color: #444b4f } .mittel { stop-color: #353b3f } .dunkel { stop-color: #262b2e }
      .rand { stroke: #596166 } .fuge { stroke: #1d2124 } .licht { stroke: #5b6469 }
      .front { fill: #2d3336; stroke: #4d555a }
      .schrift { fill: #eef2ef } .leise { fill: #b4bdb8 }
      .rahmen { fill: #0d1011 } .lcd-oben { stop-color: #b3bfa6 } .lcd-unten { stop-color: #98a58b }
      .strichcode { fill: #e7ebe8 }
      .marke { fill: #d9d39a } .schraube { fill: #7a8286; stroke: #4f575b } .schlitz { stroke: #30363a }
      .taste-oben { stop-color: #8d979b } .taste-unten { stop-color: #5c666a }
    }
  """

# The parts that are the same for every meter. Generic: no approval is claimed and no protected mark imitated.
_GEHAEUSE = """\
<path class="rand" fill="url(#gehaeuse)" stroke-width="2"
  d="M318 30V22a16 16 0 0 1 16-16h52a16 16 0 0 1 16 16v8z"/>
<circle class="tief" cx="360" cy="20" r="6"/>
<rect class="rand" fill="url(#gehaeuse)" stroke-width="2" x="24" y="28" width="672" height="664" rx="30"/>
<path class="licht" fill="none" stroke-width="2" opacity=".8" d="M30 60a26 26 0 0 1 26-27h608a26 26 0 0 1 26 27"/>
<rect class="front" stroke-width="1.5" x="48" y="52" width="624" height="466" rx="16"/>
<text class="schrift" x="70" y="86" font-size="22" font-weight="700">Stromzähler<tspan class="leise" dx="14"
  font-size="13.5" font-weight="400">moderne Messeinrichtung mit Funk</tspan></text>
<rect class="marke" x="586" y="64" width="64" height="30" rx="4"/>
<g class="marke-schrift" text-anchor="middle"><text x="618" y="77" font-size="9">Muster</text>
<text x="618" y="89" font-size="10" font-weight="700">SIM 26</text></g>"""

_BEDIENTEILE = """\
<g class="leise" text-anchor="middle" font-size="11.5">
<text x="372" y="450" font-size="12">Impuls</text>
<text class="schrift" x="462" y="468" font-size="13.5" font-weight="600">Taste</text>
<text x="462" y="485">kurz: weiter</text><text x="462" y="501">lang: wählen</text>
<text x="586" y="501">Datenschnittstelle</text></g>
<circle class="rand" fill="url(#ring)" cx="462" cy="412" r="30" stroke-width="1.5"/>
<circle fill="url(#taste)" cx="462" cy="412" r="24"/>
<circle class="rand" fill="url(#ring)" cx="586" cy="424" r="58" stroke-width="1.5"/>
<circle class="tief" cx="586" cy="424" r="44"/><path class="licht" stroke-width="2" d="M586 372v8"/>
<circle class="diode" cx="568" cy="424" r="9"/><circle class="diode-hell" cx="604" cy="424" r="9"/>"""

_KLEMMENDECKEL = """\
<path class="fuge" stroke-width="2" d="M26 538h668"/>
<path class="licht" stroke-width="1.5" d="M26 540.5h668" opacity=".8"/>
<rect class="front" stroke-width="1.5" x="146" y="572" width="428" height="84" rx="8"/>"""


def draw(gesicht: Gesicht) -> str:
    """The picture as an XML document."""
    zeile_1, zeile_2 = text.lines(gesicht)
    teile = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {BREITE} {HOEHE}" role="img"',
        '  aria-labelledby="titel beschreibung">',
        f'<title id="titel">Stromzähler {gesicht.zaehler}: {zeile_1}</title>',
        f'<desc id="beschreibung">Zeile 1: {zeile_1}. Zeile 2: {zeile_2 or "leer"}.</desc>',
        f"<style>{_STIL}</style>",
        *_gradients(),
        _GEHAEUSE,
        *_glass(gesicht),
        *_nameplate(gesicht),
        _BEDIENTEILE,
        *_led(an=gesicht.led),
        *_terminals(),
        "</svg>\n",
    ]
    return "\n".join(teile)


def _gradients() -> Iterable[str]:
    yield "<defs>"
    for name, stufen in {
        "gehaeuse": ("hell", "mittel", "dunkel"),
        "lcd": ("lcd-oben", "lcd-unten"),
        "taste": ("taste-oben", "taste-unten"),
        "ring": ("ring-oben", "ring-unten"),
    }.items():
        yield f'<linearGradient id="{name}" x1="0" y1="0" x2="0" y2="1">'
        for stelle, stufe in enumerate(stufen):
            yield f'<stop class="{stufe}" offset="{stelle / (len(stufen) - 1):g}"/>'
        yield "</linearGradient>"
    yield "</defs>"


def _glass(gesicht: Gesicht) -> Iterable[str]:
    yield '<rect class="rahmen" x="62" y="104" width="596" height="246" rx="12"/>'
    yield '<rect fill="url(#lcd)" x="74" y="116" width="572" height="222" rx="5"/>'
    yield f'<g class="glas" transform="translate(76 117) scale({568 / svg_lcd.BREITE:.4f})">'
    yield from svg_lcd.draw_lcd(gesicht)
    yield "</g>"


def _nameplate(gesicht: Gesicht) -> Iterable[str]:
    yield f'<text class="schrift" x="70" y="384" font-size="20" font-weight="700">{gesicht.zaehler}</text>'
    yield _barcode(gesicht.zaehler.replace(" ", ""), x=70, y=394, breite=210, hoehe=34)
    for y, zeile in (
        (450, "3×230/400 V   0,25–5(60) A   50 Hz"),
        (468, "RL 5 000 imp/kWh   Kl. B   −40…+70 °C"),
        (486, "Bezug 1.8.0   Lieferung 2.8.0"),
        (504, "ohne Zulassung, nicht für die Abrechnung"),
    ):
        yield f'<text class="leise" x="70" y="{y}" font-size="12.5" xml:space="preserve">{zeile}</text>'


def _barcode(inhalt: str, *, x: float, y: float, breite: float, hoehe: float) -> str:
    """Stripes from the bits of the number: they look like a bar code and differ from meter to meter."""
    bits = "1101" + "".join(f"{ord(zeichen):07b}10" for zeichen in inhalt) + "1011"
    schritt = breite / len(bits)
    striche = "".join(
        f"M{x + stelle * schritt:.2f} {y:g}h{schritt:.2f}v{hoehe:g}h-{schritt:.2f}z"
        for stelle, bit in enumerate(bits)
        if bit == "1"
    )
    return f'<path class="strichcode" d="{striche}"/>'


def _led(*, an: bool) -> Iterable[str]:
    if an:
        yield '<circle class="led-schein" cx="372" cy="412" r="17"/>'
    yield f'<circle class="{"led-an" if an else "led-aus"} rand" cx="372" cy="412" r="7.5" stroke-width="1.5"/>'


def _terminals() -> Iterable[str]:
    """The cover over the terminals, with its two sealed screws."""
    yield _KLEMMENDECKEL
    for x in (92, 628):
        yield f'<circle class="schraube" cx="{x}" cy="614" r="19" stroke-width="2"/>'
        yield f'<path class="schlitz" stroke-width="4" d="M{x - 12} 614h24"/>'
        yield f'<circle class="siegel" cx="{x}" cy="648" r="9"/>'
        yield f'<path class="schlitz" stroke-width="1.5" d="M{x} 633v7"/>'
    for stelle, name in enumerate(("L1", "L1", "L2", "L2", "L3", "L3", "N", "N")):
        x = 178 + 52 * stelle
        yield f'<circle class="tief" cx="{x}" cy="604" r="15"/><circle class="schraube" cx="{x}" cy="604" r="9"/>'
        yield f'<path class="schlitz" stroke-width="2.5" d="M{x - 6} 604h12"/>'
        yield f'<text class="leise" x="{x}" y="643" font-size="12" text-anchor="middle">{name}</text>'

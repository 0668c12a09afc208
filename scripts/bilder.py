"""Draws the pictures of the display into docs/bilder; the command is scripts/bilder.

Everything comes from one made-up meter at fixed instants, so the same code always draws the same files.
"""

import argparse
import asyncio
import re
import sys
from dataclasses import replace
from pathlib import Path

from stromzaehler_sim.anzeige import svg
from stromzaehler_sim.anzeige.bedienung import Bedienung, Schritt
from stromzaehler_sim.anzeige.einstellungen import Einstellungen
from stromzaehler_sim.anzeige.gesicht import build_gesicht
from stromzaehler_sim.anzeige.messstand import Messstand
from stromzaehler_sim.anzeige.terminal import DUNKEL, HELL, DisplayApp
from stromzaehler_sim.geraetezustand import Geraetezustand

ORDNER = Path(__file__).parent.parent / "docs" / "bilder"
# 2026-03-02T00:00:00Z: line 1 shows 1.8.0, and nothing that blinks is dark.
JETZT = 1772409600.0
LIEFERZUSTAND = Einstellungen(pin="3021")
ZUSTAND = Geraetezustand(stand=JETZT, sim="EINGEBUCHT", rat="LTE-M", rsrp_dbm=-101)
METER = Messstand(
    zaehler="1EMH0012345678",
    uhrzeit=int(JETZT),
    bezug_zehntelwh=20_431_047,
    einspeisung_zehntelwh=567_890,
    leistung_w=193,
    verbrauch_wh=73_490,
    zustand=ZUSTAND,
)


def face_pictures() -> dict[str, str]:
    """File name -> SVG of the meter in the states that docs/anzeige.md shows."""

    def draw(bedienung: Bedienung, messstand: Messstand = METER) -> str:
        return svg.draw(build_gesicht(messstand, bedienung, JETZT))

    start = Bedienung(LIEFERZUSTAND)
    mit_inf = replace(LIEFERZUSTAND, inf=True)
    stumm = replace(METER, wartend=12, zustand=replace(ZUSTAND, quittiert=False, sendet=True, rsrp_dbm=-117))
    ohne_sim = replace(METER, wartend=96, zustand=replace(ZUSTAND, sim="KEINE", rat="", uhr="UNSICHER"))
    sonne = replace(METER, leistung_w=-1480, bezug_zehntelwh=METER.bezug_zehntelwh + 1)
    return {
        "anzeige-start.svg": draw(start),
        "anzeige-test.svg": draw(replace(start, schritt=Schritt.TEST)),
        "anzeige-pin.svg": draw(replace(start, schritt=Schritt.PIN, ziffern="30", ziffer=2)),
        "anzeige-gesperrt.svg": draw(replace(start, schritt=Schritt.GESPERRT)),
        "anzeige-leistung.svg": draw(replace(start, schritt=Schritt.LEISTUNG), sonne),
        "anzeige-woche.svg": draw(replace(start, schritt=Schritt.WOCHE)),
        "anzeige-inf.svg": draw(Bedienung(mit_inf, Schritt.INF)),
        "anzeige-unquittiert.svg": draw(start, stumm),
        "anzeige-ohne-sim.svg": draw(start, ohne_sim),
    }


def terminal_picture() -> str:
    """The terminal with the energy of seven days, as one SVG that is light or dark as its reader wishes."""
    return asyncio.run(_terminal_picture())


async def _terminal_picture() -> str:
    app = DisplayApp(lambda _: METER, laden=lambda: LIEFERZUSTAND, sichern=lambda _: None, hand=lambda: JETZT)
    aufnahmen = []
    async with app.run_test(size=(80, 24)) as pilot:
        app.bedienung = Bedienung(LIEFERZUSTAND, Schritt.WOCHE, zuletzt=JETZT)
        for thema in (HELL, DUNKEL):
            app.theme = thema.name
            app.show()
            await pilot.pause()
            aufnahmen.append(app.export_screenshot(title="stromzaehler display", simplify=True))
    return _light_and_dark(*aufnahmen)


def _light_and_dark(hell: str, dunkel: str) -> str:
    """Both recordings in one picture that loads no font and says what it shows."""
    blick = re.search(r'viewBox="([^"]+)"', hell)
    assert blick is not None
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="{blick[1]}" role="img" aria-labelledby="titel beschreibung">
<title id="titel">stromzaehler display</title>
<desc id="beschreibung">The display in a terminal: line 1 shows 1.8.0 and 002043 kWh, line 2 the 73.4 kWh of the
last seven days; below it what a short and a long press do, and the keys.</desc>
<style>
.dunkel {{ display: none }}
@media (prefers-color-scheme: dark) {{ .hell {{ display: none }} .dunkel {{ display: inline }} }}
</style>
<g class="hell">{_clean(hell)}</g>
<g class="dunkel">{_clean(dunkel)}</g>
</svg>
"""


def _clean(aufnahme: str) -> str:
    ohne = re.sub(r"<!--.*?-->|@font-face \{.*?\}\n", "", aufnahme, flags=re.DOTALL)
    return re.sub(r"[ \t]+$|^\s*\n", "", ohne, flags=re.MULTILINE).strip()


def pictures() -> dict[str, str]:
    """Every picture by its file name."""
    return face_pictures() | {"display-terminal.svg": terminal_picture()}


def lagging() -> dict[str, str]:
    """The pictures whose committed file is another one or missing."""
    return {
        name: inhalt
        for name, inhalt in pictures().items()
        if not (ORDNER / name).is_file() or (ORDNER / name).read_text(encoding="utf-8") != inhalt
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="scripts/bilder", description="Draw the pictures of the display.", epilog="Example: scripts/bilder"
    )
    parser.add_argument("--pruefen", action="store_true", help="write nothing; exit code 1 when a picture lags")
    pruefen = parser.parse_args().pruefen
    veraltet = lagging()
    if veraltet and pruefen:
        sys.exit(f"docs/bilder lags: {', '.join(veraltet)}; call: scripts/bilder")
    for name, inhalt in veraltet.items():
        (ORDNER / name).write_text(inhalt, encoding="utf-8")
        print(f"docs/bilder/{name} written.")
    if not veraltet:
        print("The pictures are up to date.")


if __name__ == "__main__":
    main()

"""The terminal as its user meets it: keys, mouse, light and dark, with Textual's pilot and a clock in the hand."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import replace

from textual.color import Color
from textual.pilot import Pilot
from textual.widgets import Static

from stromzaehler_sim.anzeige.bedienung import Bedienung, Schritt
from stromzaehler_sim.anzeige.einstellungen import Einstellungen
from stromzaehler_sim.anzeige.messstand import Messstand
from stromzaehler_sim.anzeige.terminal import DisplayApp, Hilfe
from stromzaehler_sim.fehler import ZaehlwerkFehler
from tests.stromzaehler_sim.anzeige.geraet import LIEFERZUSTAND, MESSSTAND, MONTAG, ZUSTAND

Ablauf = Callable[["Tisch", Pilot[None]], Awaitable[None]]


class Tisch:
    """A meter on the table: its app, the clock of the hand, and what was saved."""

    def __init__(self, einstellungen: Einstellungen = LIEFERZUSTAND) -> None:
        self.jetzt = float(MONTAG)
        self.gesichert: list[Einstellungen] = []
        self.stoerung: Exception | None = None
        self.spannung = True
        self.einstellungen = einstellungen
        self.app = DisplayApp(
            self.read, laden=lambda: self.einstellungen, sichern=self.save, hand=lambda: self.jetzt
        )

    def save(self, einstellungen: Einstellungen) -> None:
        self.gesichert.append(einstellungen)
        self.einstellungen = einstellungen

    def read(self, bedienung: Bedienung) -> Messstand:
        if self.stoerung is not None:
            raise self.stoerung
        wh = 73_499 if bedienung.fenster == (7, 0) else None
        phasen = (self.spannung, self.spannung, self.spannung)
        return replace(MESSSTAND, verbrauch_wh=wh, zustand=replace(ZUSTAND, phasen=phasen))

    def text(self, wo: str) -> str:
        return str(self.app.query_one(wo, Static).content)

    def wait(self, sekunden: float) -> None:
        self.jetzt += sekunden
        self.app.show()

    def line_2(self) -> str:
        """The name and the unit of line 2: the last row of the digits, whose blocks are no letters."""
        zeile = self.text("#lcd").splitlines()[-2]
        return " ".join(zeile.replace("▀", " ").replace("▄", " ").split())

    async def enter_pin(self, pilot: Pilot[None]) -> None:
        """3021, as the tables of test_bedienung do."""
        await pilot.press("space", "space")
        for ziffer in "3021":
            await pilot.press(*["space"] * int(ziffer))
            self.wait(3)


def use(ablauf: Ablauf, tisch: Tisch | None = None) -> Tisch:
    """Run the app at 80 x 24 and let ``ablauf`` use it."""
    tisch = tisch if tisch is not None else Tisch()

    async def run() -> None:
        async with tisch.app.run_test(size=(80, 24)) as pilot:
            await pilot.pause()
            await ablauf(tisch, pilot)

    asyncio.run(run())
    return tisch


def test_the_start_fits_into_80_by_24_and_says_what_to_do() -> None:
    async def ablauf(tisch: Tisch, pilot: Pilot[None]) -> None:
        assert "1 EMH 00 1234 5678" in tisch.text("#nummer")
        lcd = tisch.text("#lcd").splitlines()
        assert len(lcd) == 13
        assert {len(zeile) for zeile in lcd if zeile} == {74}
        assert lcd[0].startswith("L1 L2 L3 ")
        assert "LTE-M ▂▄▆█" in lcd[0]
        assert "1.8.0" in tisch.text("#lcd")
        assert "kurz drücken, dann PIN" in tisch.text("#hinweis")
        for knopf in ("#kurz", "#lang"):
            gebiet = tisch.app.query_one(knopf).region
            assert gebiet.bottom <= 23
            assert gebiet.right <= 80

    use(ablauf)


def test_pin_and_seven_days_by_keys() -> None:
    async def ablauf(tisch: Tisch, pilot: Pilot[None]) -> None:
        await tisch.enter_pin(pilot)
        assert tisch.app.bedienung.schritt is Schritt.LEISTUNG
        assert tisch.line_2() == "P W"
        await pilot.press("space", "space", "space", "space")
        assert tisch.line_2() == "7d kWh"
        assert "letzten 7 Tage" in tisch.text("#hinweis")

    assert use(ablauf).gesichert == []


def test_inf_is_switched_by_enter_and_saved_before_it_is_shown() -> None:
    async def ablauf(tisch: Tisch, pilot: Pilot[None]) -> None:
        await tisch.enter_pin(pilot)
        await pilot.press(*["space"] * 8)
        assert tisch.app.bedienung.schritt is Schritt.INF
        await pilot.press("enter")
        assert tisch.gesichert == [replace(LIEFERZUSTAND, inf=True)]
        await pilot.press("enter")
        assert tisch.gesichert[-1] == LIEFERZUSTAND

    use(ablauf)


def test_the_mouse_presses_short_long_and_by_holding() -> None:
    async def ablauf(tisch: Tisch, pilot: Pilot[None]) -> None:
        await pilot.mouse_up("#kurz")  # the button of the mouse went down elsewhere
        assert tisch.app.bedienung.schritt is Schritt.NORMAL
        await pilot.click("#kurz")
        assert tisch.app.bedienung.schritt is Schritt.TEST
        await pilot.click("#kurz")
        assert tisch.app.bedienung.schritt is Schritt.PIN
        tisch.app.bedienung = Bedienung(LIEFERZUSTAND, Schritt.INF, zuletzt=tisch.jetzt)
        await pilot.click("#lang")
        assert tisch.app.bedienung.einstellungen.inf
        await pilot.mouse_down("#kurz")
        tisch.wait(4.6)
        await pilot.mouse_up("#kurz")
        assert not tisch.app.bedienung.einstellungen.inf
        assert tisch.app.bedienung.schritt is Schritt.INF
        await pilot.mouse_down("#kurz")
        tisch.wait(4.4)
        await pilot.mouse_up("#kurz")
        assert tisch.app.bedienung.schritt is Schritt.PIN_SCHUTZ

    use(ablauf)


def test_a_wrong_pin_is_counted_on_disk() -> None:
    async def ablauf(tisch: Tisch, pilot: Pilot[None]) -> None:
        await pilot.press("space", "space")
        for _ in range(4):
            await pilot.press("space")
            tisch.wait(3)
        assert "4 Versuche bis zur Sperre" in tisch.text("#hinweis")

    assert use(ablauf).gesichert == [replace(LIEFERZUSTAND, fehlversuche=1)]


def test_what_another_display_changed_counts_here_too() -> None:
    async def ablauf(tisch: Tisch, pilot: Pilot[None]) -> None:
        await pilot.press("space", "space", "space")
        tisch.einstellungen = replace(LIEFERZUSTAND, fehlversuche=4, inf=True)
        for _ in range(4):
            tisch.wait(3)
        assert "sperrt die Eingabe" in tisch.text("#hinweis")
        assert tisch.einstellungen.inf

    assert use(ablauf).einstellungen.sperren == 1


def test_a_power_cut_darkens_the_display_and_begins_it_anew() -> None:
    async def ablauf(tisch: Tisch, pilot: Pilot[None]) -> None:
        await tisch.enter_pin(pilot)
        assert tisch.line_2() == "P W"
        tisch.spannung = False
        tisch.wait(1)
        assert "Keine Spannung" in tisch.text("#hinweis")
        await pilot.press("space")
        tisch.spannung = True
        tisch.wait(1)
        assert tisch.app.bedienung == Bedienung(LIEFERZUSTAND)

    use(ablauf)


def test_light_and_dark() -> None:
    async def ablauf(tisch: Tisch, pilot: Pilot[None]) -> None:
        farben = []
        for _ in range(3):
            farben.append(tisch.app.query_one("#lcd").styles.background)
            await pilot.press("d")
        assert farben == [Color.parse("#16211a"), Color.parse("#c4cfb8"), Color.parse("#16211a")]

    use(ablauf)


def test_help_comes_and_goes_and_keeps_the_keys_from_the_meter() -> None:
    async def ablauf(tisch: Tisch, pilot: Pilot[None]) -> None:
        await pilot.press("question_mark")
        assert isinstance(tisch.app.screen, Hilfe)
        tisch.wait(1)  # the clock goes on behind it
        await pilot.press("space")
        assert not isinstance(tisch.app.screen, Hilfe)
        assert tisch.app.bedienung.schritt is Schritt.NORMAL

    use(ablauf)


def test_quit() -> None:
    async def ablauf(tisch: Tisch, pilot: Pilot[None]) -> None:
        await pilot.press("q")
        assert not tisch.app.is_running

    use(ablauf)


def test_a_meter_that_does_not_answer_is_said_and_the_display_goes_on() -> None:
    async def ablauf(tisch: Tisch, pilot: Pilot[None]) -> None:
        for stoerung in (ZaehlwerkFehler("defekt"), sqlite3.OperationalError("locked")):
            tisch.stoerung = stoerung
            await pilot.press("space")
            assert f"Der Zähler antwortet nicht: {stoerung}" in tisch.text("#hinweis")
            assert tisch.app.bedienung.schritt is Schritt.NORMAL
        tisch.stoerung = None
        tisch.wait(1)
        assert "kurz drücken" in tisch.text("#hinweis")

    use(ablauf)

"""The meter in a terminal: the display, a button that is pressed short or long, and what to do next.

Keys and mouse only produce presses; what they mean is decided by `bedienung`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import replace

from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.events import MouseDown, MouseUp
from textual.message import Message
from textual.screen import ModalScreen
from textual.theme import Theme
from textual.widgets import Footer, Static

from gateway.fehler import GatewayFehler
from stromzaehler_sim.anzeige.bedienung import LANG_S, Bedienung, advance, press
from stromzaehler_sim.anzeige.einstellungen import Einstellungen
from stromzaehler_sim.anzeige.gesicht import build_gesicht, format_zaehler
from stromzaehler_sim.anzeige.hinweise import OHNE_SPANNUNG, hint
from stromzaehler_sim.anzeige.lcd import draw_lcd
from stromzaehler_sim.anzeige.messstand import Messstand
from stromzaehler_sim.fehler import SimulationFehler

AUFFRISCHEN_S = 0.25
LESEFEHLER = (GatewayFehler, SimulationFehler, OSError, sqlite3.Error)
HELL = Theme(
    name="zaehler-hell",
    dark=False,
    primary="#2f6fb2",
    background="#d9ddd8",
    surface="#f4f5f3",
    panel="#e4e7e3",
    foreground="#1d2421",
    variables={"lcd": "#c4cfb8", "tinte": "#10170f", "schatten": "#b9c4ad", "rahmen": "#23292b", "led": "#e0221c"},
)
DUNKEL = Theme(
    name="zaehler-dunkel",
    dark=True,
    primary="#6aa9e8",
    background="#14181a",
    surface="#2b3134",
    panel="#22282b",
    foreground="#e9eeeb",
    variables={"lcd": "#16211a", "tinte": "#a5e0b4", "schatten": "#22342a", "rahmen": "#0a0d0e", "led": "#ff5a50"},
)
HILFE = """\
[b]So bedienen Sie den Zähler[/b]

Ein Zähler hat eine Taste (oder Sie leuchten mit der Taschenlampe).
  [b]kurz[/b]  Leertaste, oder auf „Taste“ klicken          weiter
  [b]lang[/b]  Eingabe, oder länger als 4,5 s auf „Taste“   auswählen

[b]PIN[/b]  Sie steht im Brief Ihres Messstellenbetreibers, hier:
  stromzaehler display ORDNER --pin-brief
  Jede Ziffer kurz hochzählen, dann 3 s warten oder lang. 0 = zehnmal drücken.

[b]Anzeige[/b]  1.8.0 Bezug   2.8.0 Einspeisung   P Leistung   E seit Nullung
  1d 7d 30d 365d: letzte 24 h, 7, 30, 365 Tage   HIS Gespeichertes
  InF: genaue Werte an der Datenschnittstelle   ↥ wartende Messwerte

Nach 120 s ohne Druck beginnt alles von vorn.     [b]?[/b] oder [b]Esc[/b]: zurück
"""

Lesen = Callable[[Bedienung], Messstand]


class Taste(Static):
    """A button that tells how long it was held; it takes no focus, so that the keys stay with the meter."""

    class Gedrueckt(Message):
        """The button was let go; ``lang`` when it was held longer than `LANG_S`."""

        def __init__(self, *, lang: bool) -> None:
            super().__init__()
            self.lang = lang

    def __init__(self, text: str, *, id: str, jetzt: Callable[[], float], immer_lang: bool = False) -> None:
        super().__init__(text, id=id)
        self._jetzt = jetzt
        self._immer_lang = immer_lang
        self._seit: float | None = None

    def on_mouse_down(self, event: MouseDown) -> None:
        self._seit = self._jetzt()
        self.add_class("unten")
        self.capture_mouse()

    def on_mouse_up(self, event: MouseUp) -> None:
        self.release_mouse()
        self.remove_class("unten")
        if self._seit is not None:
            self.post_message(self.Gedrueckt(lang=self._immer_lang or self._jetzt() - self._seit > LANG_S))
        self._seit = None


class Hilfe(ModalScreen[None]):
    """How to operate the meter; any of the usual keys goes back."""

    BINDINGS = [Binding("question_mark,escape,space,enter,q", "dismiss", "zurück")]

    def compose(self) -> ComposeResult:
        yield Static(HILFE, id="hilfe")


class DisplayApp(App[None]):
    """The display of one meter.

    ``lesen`` reads the meter for a state of the operation, ``laden`` its settings, ``sichern`` stores them when a
    press or a wait has changed them; ``hand`` is the time of the hand that presses (s since 1970, real time).
    """

    TITLE = "Stromzähler"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS = [
        Binding("space", "press(False)", "kurz: weiter", key_display="Leertaste"),
        Binding("enter", "press(True)", "lang: wählen", key_display="Eingabe"),
        Binding("d", "toggle_light", "hell/dunkel"),
        Binding("question_mark", "help", "Hilfe", key_display="?"),
        Binding("q,ctrl+c", "quit", "Ende", key_display="q"),
    ]
    CSS = """
    Screen { align: center middle; background: $background; }
    #gehaeuse { width: 80; height: auto; background: $surface; padding: 0 1; }
    #schild { width: 1fr; height: 1; }
    #nummer { width: 1fr; text-style: bold; }
    #impuls { width: auto; color: $foreground 60%; }
    #impuls.an { color: $led; text-style: bold; }
    #lcd { background: $lcd; color: $tinte; border: outer $rahmen; height: 15; padding: 0 1; }
    #hinweis { height: 2; content-align: center middle; text-align: center; color: $foreground; text-style: bold; }
    #tasten { height: 3; align: center middle; }
    Taste { width: 28; height: 3; margin: 0 2; content-align: center middle; background: $panel;
            border: round $primary; }
    Taste:hover { background: $primary 25%; }
    Taste.unten { background: $primary; color: $background; }
    Hilfe { align: center middle; background: $background 70%; }
    #hilfe { width: 78; height: auto; padding: 1 3; background: $surface; border: round $primary; }
    """

    def __init__(
        self,
        lesen: Lesen,
        *,
        laden: Callable[[], Einstellungen],
        sichern: Callable[[Einstellungen], None],
        hand: Callable[[], float],
    ) -> None:
        super().__init__()
        self._lesen = lesen
        self._laden = laden
        self._hand = hand
        self._sichern = sichern
        self.bedienung = Bedienung(laden())
        # Held, not looked up: the clock goes on while the help is the screen, and while the app is closing.
        self._nummer = Static(id="nummer")
        self._impuls = Static("● Impuls", id="impuls")
        self._lcd = Static(id="lcd")
        self._hinweis = Static(id="hinweis")
        self.register_theme(HELL)
        self.register_theme(DUNKEL)
        self.theme = DUNKEL.name

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return DUNKEL.variables

    def compose(self) -> ComposeResult:
        with Vertical(id="gehaeuse"):
            with Horizontal(id="schild"):
                yield self._nummer
                yield self._impuls
            yield self._lcd
            yield self._hinweis
            with Horizontal(id="tasten"):
                yield Taste("Taste kurz  (Leertaste)", id="kurz", jetzt=self._hand)
                yield Taste("Taste lang  (Eingabe)", id="lang", jetzt=self._hand, immer_lang=True)
        yield Footer()

    def on_mount(self) -> None:
        self.show()
        self.set_interval(AUFFRISCHEN_S, self.show)

    def show(self) -> None:
        """Let time pass and draw what is lit now."""
        jetzt = self._hand()
        try:
            self._take(advance(self._refreshed(), jetzt))
            messstand = self._lesen(self.bedienung)
            if messstand.is_dark:
                # What is not on disk is gone with the voltage; with it back the display begins at its start.
                self.bedienung = Bedienung(self.bedienung.einstellungen)
        except LESEFEHLER as fehler:
            self._hinweis.update(f"Der Zähler antwortet nicht: {fehler}")
            return
        gesicht = build_gesicht(messstand, self.bedienung, jetzt)
        self._nummer.update(f"Stromzähler   {format_zaehler(messstand.zaehler)}")
        self._impuls.set_class(gesicht.led, "an")
        self._lcd.update(draw_lcd(gesicht))
        self._hinweis.update(OHNE_SPANNUNG if messstand.is_dark else hint(self.bedienung, jetzt))

    def action_press(self, lang: bool) -> None:
        """One press of the button, from wherever it came."""
        jetzt = self._hand()
        try:
            bedienung = self._refreshed()
            stand = self._lesen(bedienung)
            self._take(
                press(bedienung, jetzt, lang=lang, uhrzeit=stand.uhrzeit, bezug_zehntelwh=stand.bezug_zehntelwh)
            )
        except LESEFEHLER as fehler:
            self.notify(f"Nicht gespeichert: {fehler}", severity="error")
        self.show()

    def on_taste_gedrueckt(self, meldung: Taste.Gedrueckt) -> None:
        self.action_press(meldung.lang)

    def action_toggle_light(self) -> None:
        self.theme = HELL.name if self.theme == DUNKEL.name else DUNKEL.name
        self.show()

    def action_help(self) -> None:
        self.push_screen(Hilfe())

    def _refreshed(self) -> Bedienung:
        """The operation with the settings as they are now: a second display counts wrong PINs, too."""
        return replace(self.bedienung, einstellungen=self._laden())

    def _take(self, neu: Bedienung) -> None:
        """Go on with a new state; settings are on disk before anybody sees them."""
        if neu.einstellungen != self._laden():
            self._sichern(neu.einstellungen)
        self.bedienung = neu

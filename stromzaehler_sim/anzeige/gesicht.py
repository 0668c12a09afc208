"""The face of the meter: a frozen description of everything that is lit.

Pure; the skins draw it and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from stromzaehler_sim.anzeige.bedienung import FENSTER, Bedienung, Schritt
from stromzaehler_sim.anzeige.einstellungen import PIN_STELLEN
from stromzaehler_sim.anzeige.messstand import Messstand
from stromzaehler_sim.geraetezustand import Geraetezustand
from stromzaehler_sim.zaehlwerk import ZEHNTEL

BEZUG, EINSPEISUNG = "1.8.0", "2.8.0"
WECHSEL_S = 10
BLINKEN_S = 0.5
STELLEN = 8  # digits of either line
STELLEN_MINDESTENS = 6  # leading zeros of line 1: a register has at least six digits
STELLEN_KENNUNG = 6  # digits of the name beside line 2
STELLEN_WARTEND = 4
STRICHE = "-" * STELLEN_MINDESTENS
KWH, WATT = "kWh", "W"
# RSRP in dBm from which 1, 2, 3 and 4 bars are lit. There is no standard; these are the ones of a maker of LTE
# gateways (support.intwineconnect.com, "Bars of signal strength").
BALKEN_AB_DBM = (-120, -113, -105, -90)


class Symbol(StrEnum):
    """The symbols of the display; the value is how a person calls it."""

    INF = "InF"
    PIN = "PIN"
    SIM_FEHLT = "SIM fehlt"
    SIM_PIN = "SIM-PIN"
    SENDET = "sendet"
    UNQUITTIERT = "unquittiert"
    GESPERRT = "gesperrt"
    UHR = "Uhr?"


@dataclass(frozen=True, slots=True)
class Zeile:
    """One line: what stands in the digits, the OBIS code or name beside it, and the units that are lit."""

    zeichen: str = ""
    kennung: str = ""
    einheiten: tuple[str, ...] = ()


# The steps whose line 2 never changes.
_FEST = {
    Schritt.FALSCH: Zeile("Err", "Pin"),
    Schritt.VERBRAUCH_LOESCHEN: Zeile("CLr", "E"),
    Schritt.HISTORIE_LOESCHEN: Zeile("CLr", "HIS"),
}


@dataclass(frozen=True, slots=True)
class Gesicht:
    """Everything that is lit at one instant. ``balken`` is 0..4, ``wartend`` the number of readings waiting."""

    zaehler: str
    zeile_1: Zeile
    zeile_2: Zeile
    bezug: bool
    einspeisung: bool
    phasen: tuple[bool, bool, bool]
    balken: int
    rat: str
    symbole: frozenset[Symbol]
    wartend: int
    led: bool


def build_gesicht(messstand: Messstand, bedienung: Bedienung, instant: float) -> Gesicht:
    """What is lit at ``instant`` (s since 1970, real time: that of the hand that presses)."""
    if messstand.is_dark:
        return nothing_lit(messstand.zaehler)
    if bedienung.schritt is Schritt.TEST:
        return all_lit(messstand.zaehler)
    leistung = messstand.leistung_w or 0
    zustand = messstand.zustand
    # A meter that nobody runs any more does not send, whatever its last report said.
    aktuell = zustand if zustand is not None and zustand.is_fresh(instant) else None
    return Gesicht(
        zaehler=format_zaehler(messstand.zaehler),
        zeile_1=_legal_register(messstand, bedienung, instant),
        zeile_2=_line_2(messstand, bedienung, instant),
        bezug=leistung > 0,
        einspeisung=leistung < 0,
        phasen=(True, True, True) if zustand is None else zustand.phasen,
        balken=0 if aktuell is None else bars(aktuell),
        rat="" if aktuell is None else aktuell.rat,
        symbole=frozenset(_symbols(aktuell, bedienung)),
        wartend=messstand.wartend,
        # Lit for every other 0.1 Wh: 5,000 pulses a kWh, as the nameplate says.
        led=(messstand.bezug_zehntelwh + messstand.einspeisung_zehntelwh) % 2 == 1,
    )


def all_lit(zaehler: str) -> Gesicht:
    """The display test: every segment and every symbol."""
    return Gesicht(
        zaehler=format_zaehler(zaehler),
        zeile_1=Zeile("8." * STELLEN, "8.8.8", (KWH,)),
        zeile_2=Zeile("8." * STELLEN, "8" * STELLEN_KENNUNG, (KWH, WATT)),
        bezug=True,
        einspeisung=True,
        phasen=(True, True, True),
        balken=len(BALKEN_AB_DBM),
        rat="LTE-M",
        symbole=frozenset(Symbol),
        wartend=int("8" * STELLEN_WARTEND),
        led=True,
    )


def nothing_lit(zaehler: str) -> Gesicht:
    """A meter without voltage."""
    return Gesicht(
        zaehler=format_zaehler(zaehler),
        zeile_1=Zeile(),
        zeile_2=Zeile(),
        bezug=False,
        einspeisung=False,
        phasen=(False, False, False),
        balken=0,
        rat="",
        symbole=frozenset(),
        wartend=0,
        led=False,
    )


def format_zaehler(zaehler: str) -> str:
    """A meter number as it is printed (DIN 43863-5): 1EMH0012345678 -> 1 EMH 00 1234 5678."""
    return " ".join((zaehler[0], zaehler[1:4], zaehler[4:6], zaehler[6:10], zaehler[10:]))


def bars(zustand: Geraetezustand) -> int:
    """Signal bars from the RSRP; none before the meter is attached to a network."""
    if zustand.sim != "EINGEBUCHT" or zustand.rsrp_dbm is None:
        return 0
    return sum(zustand.rsrp_dbm >= grenze for grenze in BALKEN_AB_DBM)


# --- lines -----------------------------------------------------------------------------------------------------
def _legal_register(messstand: Messstand, bedienung: Bedienung, instant: float) -> Zeile:
    """1.8.0 and 2.8.0 in turn. Whole kWh, floored, whatever InF says: InF is about the optical port."""
    if bedienung.einstellungen.nur_bezug or int(instant // WECHSEL_S) % 2 == 0:
        kennung, zehntelwh = BEZUG, messstand.bezug_zehntelwh
    else:
        kennung, zehntelwh = EINSPEISUNG, messstand.einspeisung_zehntelwh
    # A register that is full begins anew, as every register does.
    kwh = zehntelwh // (1000 * ZEHNTEL) % 10**STELLEN
    return Zeile(f"{kwh:0{STELLEN_MINDESTENS}d}", kennung, (KWH,))


def _line_2(messstand: Messstand, bedienung: Bedienung, instant: float) -> Zeile:
    """Line 2 for the step of the operation; empty while the PIN protects it."""
    einstellungen = bedienung.einstellungen
    dunkel = int(instant // BLINKEN_S) % 2 == 1
    match bedienung.schritt:
        case schritt if schritt in _FEST:
            return _FEST[schritt]
        case Schritt.PIN:
            return Zeile(_pin_entry(bedienung, dunkel=dunkel), "Pin")
        case Schritt.GESPERRT:
            return Zeile("" if dunkel else STRICHE, "Pin")
        case Schritt.INF:
            return Zeile(_switch(einstellungen.inf), "InF")
        case Schritt.PIN_SCHUTZ:
            return Zeile(_switch(einstellungen.pin_an), "Pin")
        case Schritt.NORMAL if einstellungen.pin_an:
            return Zeile()
        case Schritt.NORMAL | Schritt.LEISTUNG:
            return Zeile(STRICHE if messstand.leistung_w is None else str(messstand.leistung_w), "P", (WATT,))
    return Zeile(_energy(messstand.verbrauch_wh), _window_name(bedienung), (KWH,))


def _window_name(bedienung: Bedienung) -> str:
    """E since it was cleared; 7d for the last seven days, 7d-3 for the third stored value before them."""
    if bedienung.schritt not in FENSTER:
        return "E"
    tage, _ = FENSTER[bedienung.schritt]
    return f"{tage}d" if bedienung.zurueck is None else f"{tage}d-{bedienung.zurueck}"


def _pin_entry(bedienung: Bedienung, *, dunkel: bool) -> str:
    """Six places with a dash on either side, the digit being counted blinking: -3 0 - - -."""
    offen = " " if dunkel else str(bedienung.ziffer or 0)
    eingabe = bedienung.ziffern + offen
    return "-" + eingabe + "-" * (PIN_STELLEN - len(eingabe) + 1)


def _switch(an: bool) -> str:
    return "On" if an else "OFF"


def _energy(wh: int | None) -> str:
    """Energy in kWh with one decimal, floored; dashes for what the memory cannot tell."""
    return STRICHE if wh is None else f"{wh // 1000 % 10 ** (STELLEN - 1)}.{wh % 1000 // 100}"


# --- symbols ---------------------------------------------------------------------------------------------------
def _symbols(zustand: Geraetezustand | None, bedienung: Bedienung) -> list[Symbol]:
    """The lit symbols. Without a fresh report nothing is said about SIM, sending and clock."""
    lampen = {
        Symbol.INF: bedienung.einstellungen.inf,
        Symbol.PIN: not bedienung.is_open,
    }
    if zustand is not None:
        lampen |= {
            Symbol.SIM_FEHLT: zustand.sim == "KEINE",
            Symbol.SIM_PIN: zustand.sim == "PIN_GESPERRT",
            Symbol.SENDET: zustand.sendet,
            Symbol.UNQUITTIERT: not zustand.quittiert,
            Symbol.GESPERRT: zustand.gesperrt,
            Symbol.UHR: zustand.uhr != "GESTELLT",
        }
    return [symbol for symbol, an in lampen.items() if an]

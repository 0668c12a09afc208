"""How the meter is operated: one button, or the light of a torch, pressed short or long.

A pure state machine: a `Bedienung` and a press go in, a `Bedienung` comes out; the instant (s since 1970) is
always an argument. It is real time, the time of the hand that presses: a meter whose clock is simulated and runs
faster must not fix digits or end a lock faster. What must survive a power cut is in ``einstellungen``; whoever
holds the `Bedienung` saves it when it has changed. The behaviour follows the manuals that docs/anzeige.md names.
"""

from __future__ import annotations

import hmac
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum, auto

from stromzaehler_sim.anzeige.einstellungen import PIN_STELLEN, Einstellungen

LANG_S = 4.5
TEST_S = 3.0
ZIFFER_S = 3.0
FALSCH_S = 3.0
RUHE_S = 120.0
FEHLVERSUCHE_HOECHSTENS = 5
SPERRE_S = 600
SPERRE_HOECHSTENS_S = 86_400


class Schritt(Enum):
    """Where the user is. From ``LEISTUNG`` on it is the menu, in its order."""

    NORMAL = auto()
    TEST = auto()
    PIN = auto()
    FALSCH = auto()
    GESPERRT = auto()
    LEISTUNG = auto()
    VERBRAUCH = auto()
    VERBRAUCH_LOESCHEN = auto()
    TAG = auto()
    WOCHE = auto()
    MONAT = auto()
    JAHR = auto()
    HISTORIE_LOESCHEN = auto()
    INF = auto()
    PIN_SCHUTZ = auto()


MENUE = tuple(schritt for schritt in Schritt if schritt.value >= Schritt.LEISTUNG.value)
# Length of the window in days, and how many windows a meter keeps (two years of each).
FENSTER = {Schritt.TAG: (1, 730), Schritt.WOCHE: (7, 104), Schritt.MONAT: (30, 24), Schritt.JAHR: (365, 2)}


@dataclass(frozen=True, slots=True)
class Bedienung:
    """The state of the operation. ``zuletzt`` is the last press, ``seit`` the beginning of the present wait."""

    einstellungen: Einstellungen
    schritt: Schritt = Schritt.NORMAL
    zuletzt: float = 0.0
    seit: float = 0.0
    ziffern: str = ""  # the digits of the PIN that are fixed
    ziffer: int | None = None  # the digit being counted; None: the entry waits for its first press
    gezaehlt: bool = False  # that digit was pressed at least once
    zurueck: int | None = None  # how many windows back in the stored values; None: not among them

    @property
    def fenster(self) -> tuple[int, int] | None:
        """(days, windows back) of the energy that line 2 shows, None when it shows none of the past."""
        if self.schritt not in FENSTER:
            return None
        return FENSTER[self.schritt][0], self.zurueck or 0

    @property
    def is_open(self) -> bool:
        """True while line 2 may show what the PIN protects."""
        return self.schritt in MENUE or (self.schritt is Schritt.NORMAL and not self.einstellungen.pin_an)

    def is_locked(self, instant: float) -> bool:
        """True after too many wrong PINs; a clock that was set back locks for no longer than the longest lock."""
        return 0 < self.einstellungen.gesperrt_bis - instant <= SPERRE_HOECHSTENS_S


def advance(bedienung: Bedienung, instant: float) -> Bedienung:
    """Let time pass: digits become fixed, waits end, and after 120 s without a press everything begins anew."""
    while (neu := _due(bedienung, instant)) is not None:
        bedienung = neu
    return bedienung


def press(
    bedienung: Bedienung, instant: float, *, lang: bool = False, uhrzeit: int = 0, bezug_zehntelwh: int = 0
) -> Bedienung:
    """One press that ended at ``instant``; ``lang`` when it lasted longer than `LANG_S`.

    ``uhrzeit`` (s since 1970) and ``bezug_zehntelwh`` are the meter's clock and its register of 1.8.0: from there
    the stored values and "E" count after they were cleared.
    """
    bedienung = replace(advance(bedienung, instant), zuletzt=instant)
    match bedienung.schritt:
        case Schritt.NORMAL:
            return replace(bedienung, schritt=Schritt.TEST, seit=instant)
        case Schritt.TEST:
            return _after_test(bedienung, instant)
        case Schritt.PIN if lang:
            # Whoever holds the button for 4.5 s has waited for 3 s, so one digit is fixed, and never a second one.
            return _fix_digit(bedienung, instant) if bedienung.gezaehlt else bedienung
        case Schritt.PIN:
            ziffer = 1 if bedienung.ziffer is None else (bedienung.ziffer + 1) % 10
            return replace(bedienung, ziffer=ziffer, gezaehlt=True, seit=instant)
        case Schritt.FALSCH | Schritt.GESPERRT:
            return bedienung
        case _ if lang:
            return _select(bedienung, uhrzeit, bezug_zehntelwh)
        case _:
            return _forward(bedienung)


# --- time ------------------------------------------------------------------------------------------------------
def _due(bedienung: Bedienung, instant: float) -> Bedienung | None:
    """What happened next by itself, at its own instant; None when nothing did until ``instant``."""
    if bedienung.schritt is Schritt.NORMAL:
        return None
    ende = bedienung.zuletzt + RUHE_S
    frist, danach = _wait_of(bedienung)
    if min(ende, frist) > instant:
        return None
    if ende <= frist:
        return Bedienung(bedienung.einstellungen)
    return danach(bedienung, frist)


def _wait_of(bedienung: Bedienung) -> tuple[float, Callable[[Bedienung, float], Bedienung]]:
    """When the present step ends by itself, and in what."""
    match bedienung.schritt:
        case Schritt.TEST:
            return bedienung.seit + TEST_S, _after_test
        case Schritt.PIN if bedienung.ziffer is not None:
            return bedienung.seit + ZIFFER_S, _fix_digit
        case Schritt.FALSCH:
            return bedienung.seit + FALSCH_S, _begin_entry
        case Schritt.GESPERRT:
            return bedienung.einstellungen.gesperrt_bis, _begin_entry
    return math.inf, _begin_entry


# --- PIN -------------------------------------------------------------------------------------------------------
def _after_test(bedienung: Bedienung, instant: float) -> Bedienung:
    if bedienung.einstellungen.pin_an:
        return _begin_entry(bedienung, instant)
    return replace(bedienung, schritt=Schritt.LEISTUNG)


def _begin_entry(bedienung: Bedienung, instant: float) -> Bedienung:
    schritt = Schritt.GESPERRT if bedienung.is_locked(instant) else Schritt.PIN
    return replace(bedienung, schritt=schritt, seit=instant, ziffern="", ziffer=None, gezaehlt=False)


def _fix_digit(bedienung: Bedienung, instant: float) -> Bedienung:
    """The digit is fixed and the next begins at 0; after the fourth the PIN is judged.

    Only the first digit waits for a press: who looks at the entry and goes away has not entered 0000.
    """
    ziffern = f"{bedienung.ziffern}{bedienung.ziffer}"
    if len(ziffern) < PIN_STELLEN:
        return replace(bedienung, ziffern=ziffern, ziffer=0, gezaehlt=False, seit=instant)
    # Compared in constant time out of habit: this is a PIN.
    if hmac.compare_digest(ziffern, bedienung.einstellungen.pin):
        einstellungen = replace(bedienung.einstellungen, fehlversuche=0, sperren=0, gesperrt_bis=0.0)
        return replace(
            bedienung, einstellungen=einstellungen, schritt=Schritt.LEISTUNG, ziffern="", ziffer=None, seit=instant
        )
    einstellungen = _count_wrong(bedienung.einstellungen, instant)
    return replace(
        bedienung, einstellungen=einstellungen, schritt=Schritt.FALSCH, ziffern="", ziffer=None, seit=instant
    )


def _count_wrong(einstellungen: Einstellungen, instant: float) -> Einstellungen:
    """One wrong PIN more; the fifth in a row locks, for 10 minutes and then for twice as long each time."""
    fehlversuche = einstellungen.fehlversuche + 1
    if fehlversuche < FEHLVERSUCHE_HOECHSTENS:
        return replace(einstellungen, fehlversuche=fehlversuche)
    dauer = min(SPERRE_S * 2**einstellungen.sperren, SPERRE_HOECHSTENS_S)
    return replace(einstellungen, fehlversuche=0, sperren=einstellungen.sperren + 1, gesperrt_bis=instant + dauer)


# --- menu ------------------------------------------------------------------------------------------------------
def _forward(bedienung: Bedienung) -> Bedienung:
    """A short press: the next older stored value, or the next entry of the menu."""
    if bedienung.zurueck is not None:
        return replace(bedienung, zurueck=(bedienung.zurueck + 1) % FENSTER[bedienung.schritt][1])
    stelle = MENUE.index(bedienung.schritt)
    return replace(bedienung, schritt=MENUE[(stelle + 1) % len(MENUE)])


def _select(bedienung: Bedienung, uhrzeit: int, bezug_zehntelwh: int) -> Bedienung:
    """A long press: clear, switch, or go into the stored values and out again."""
    alt = bedienung.einstellungen
    match bedienung.schritt:
        case Schritt.VERBRAUCH_LOESCHEN:
            neu = replace(alt, null_zehntelwh=bezug_zehntelwh)
            return replace(bedienung, einstellungen=neu, schritt=Schritt.VERBRAUCH)
        case Schritt.HISTORIE_LOESCHEN:
            return replace(bedienung, einstellungen=replace(alt, historie_ab=uhrzeit), schritt=Schritt.TAG)
        case Schritt.INF:
            return replace(bedienung, einstellungen=replace(alt, inf=not alt.inf))
        case Schritt.PIN_SCHUTZ:
            return replace(bedienung, einstellungen=replace(alt, pin_an=not alt.pin_an))
        case Schritt.TAG | Schritt.WOCHE | Schritt.MONAT | Schritt.JAHR:
            return replace(bedienung, zurueck=0 if bedienung.zurueck is None else None)
    return bedienung

"""The first two-line display. Pure: a state goes in, two lines of text come out.

Line 1 is the legal register, 1.8.0 and 2.8.0 in turn, at least six digits of whole kWh (a meter in delivery state,
InF off). Line 2 says what someone who set the meter up wants to know.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

BERLIN = ZoneInfo("Europe/Berlin")
WECHSEL_S = 10
BEZUG = "1.8.0"
EINSPEISUNG = "2.8.0"


@dataclass(frozen=True, slots=True)
class Anzeigestand:
    """Everything that the display shows. Registers in 0.1 Wh, power in W, the receipt in ms since 1970."""

    bezug_zehntelwh: int
    einspeisung_zehntelwh: int
    leistung_w: int | None
    wartend: int
    letzte_quittung: int | None
    zeigt: str = BEZUG


def register_in_turn(instant: float) -> str:
    """Which register is shown at an instant (s): each for ten seconds."""
    return BEZUG if int(instant // WECHSEL_S) % 2 == 0 else EINSPEISUNG


def render(anzeigestand: Anzeigestand) -> tuple[str, str]:
    """The two lines. Energy is floored, never rounded: the display shows no kWh that has not been counted."""
    stand = anzeigestand.bezug_zehntelwh if anzeigestand.zeigt == BEZUG else anzeigestand.einspeisung_zehntelwh
    zeile_1 = f"{anzeigestand.zeigt}  {stand // 10_000:06d} kWh"
    leistung = "--- W" if anzeigestand.leistung_w is None else f"{anzeigestand.leistung_w} W"
    if anzeigestand.letzte_quittung is None:
        quittung = "keine Quittung"
    else:
        zeit = datetime.fromtimestamp(anzeigestand.letzte_quittung // 1000, UTC).astimezone(BERLIN)
        quittung = f"Quittung {zeit:%d.%m. %H:%M}"
    return zeile_1, f"{leistung} | {anzeigestand.wartend} wartend | {quittung}"

"""The data set of the optical port: OBIS lines in the style of IEC 62056-21 mode D, or JSON.

InF OFF is the delivery state: whole kWh and no power. InF On gives the resolution of the register, 0.1 Wh, and the
powers. A change of InF is never consumption: the register is the same, only more of its digits are told.
"""

from __future__ import annotations

from typing import NamedTuple

from stromzaehler_sim.anzeige.messstand import Messstand
from stromzaehler_sim.zaehlwerk import ZEHNTEL

KENNUNG = "/SIM5\\@stromzaehler"


class Datum(NamedTuple):
    """One value: OBIS code, value as it is told, unit ("" for none)."""

    obis: str
    wert: str
    einheit: str = ""

    def __str__(self) -> str:
        return f"{self.obis}({self.wert}{'*' if self.einheit else ''}{self.einheit})"


def data_set(messstand: Messstand, *, inf: bool) -> list[Datum]:
    """What the optical port tells; energy in kWh, floored, with four decimals when ``inf`` is on, power in W."""
    daten = [
        Datum("1-0:96.1.0*255", messstand.zaehler),
        Datum("1-0:1.8.0*255", _kwh(messstand.bezug_zehntelwh, inf=inf), "kWh"),
        Datum("1-0:2.8.0*255", _kwh(messstand.einspeisung_zehntelwh, inf=inf), "kWh"),
    ]
    if inf and messstand.leistung_w is not None:
        daten.append(Datum("1-0:16.7.0*255", str(messstand.leistung_w), "W"))
    if inf and messstand.leistung_phasen_w is not None:
        codes = ("1-0:36.7.0*255", "1-0:56.7.0*255", "1-0:76.7.0*255")
        daten += [
            Datum(code, str(watt), "W") for code, watt in zip(codes, messstand.leistung_phasen_w, strict=True)
        ]
    return daten


def telegram(daten: list[Datum]) -> str:
    """The data set as a reading head receives it, from the identification line to the closing "!"."""
    return "\n".join([KENNUNG, "", *map(str, daten), "!"])


def _kwh(zehntelwh: int, *, inf: bool) -> str:
    ganze, rest = divmod(zehntelwh, 1000 * ZEHNTEL)
    return f"{ganze:06d}.{rest:04d}" if inf else f"{ganze:06d}"

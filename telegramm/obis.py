"""OBIS-Kennzahlen (IEC 62056-61, DIN EN 62056-6-1) of an electricity meter."""

from __future__ import annotations

import re
from typing import Final, NamedTuple, Self

_OBIS = re.compile(r"(\d{1,3})-(\d{1,3}):(\d{1,3})\.(\d{1,3})\.(\d{1,3})\*(\d{1,3})", re.ASCII)


class ObisKennzahl(NamedTuple):
    """The six value groups `A-B:C.D.E*F`, each 0 to 255."""

    medium: int  # A: 1 = electricity
    kanal: int  # B
    groesse: int  # C: quantity
    messart: int  # D: how it is measured
    tarif: int  # E: 0 = total
    vorwert: int  # F: 255 = present value

    def __str__(self) -> str:
        a, b, c, d, e, f = self
        return f"{a}-{b}:{c}.{d}.{e}*{f}"

    @property
    def kurz(self) -> str:
        """`1.8.0`, as the display of a meter shows it."""
        return f"{self.groesse}.{self.messart}.{self.tarif}"

    def to_bytes(self) -> bytes:
        """Six bytes, as in SML and DLMS."""
        return bytes(self)

    @classmethod
    def from_string(cls, text: str) -> Self:
        """Read `1-0:1.8.0*255`; ValueError for any other form and for a group above 255."""
        treffer = _OBIS.fullmatch(text)
        if treffer is None:
            raise ValueError(f"not an OBIS-Kennzahl: {text!a}")
        return cls.from_bytes(bytes(map(int, treffer.groups())))

    @classmethod
    def from_bytes(cls, daten: bytes) -> Self:
        """Read six bytes; ValueError for any other length."""
        if len(daten) != 6:
            raise ValueError("an OBIS-Kennzahl has six bytes")
        return cls(*daten)


def _strom(groesse: int, messart: int, tarif: int = 0) -> ObisKennzahl:
    return ObisKennzahl(1, 0, groesse, messart, tarif, 255)


BEZUG: Final = _strom(1, 8)  # import, total, Wh
BEZUG_TARIF_1: Final = _strom(1, 8, 1)  # part of BEZUG; never add all three
BEZUG_TARIF_2: Final = _strom(1, 8, 2)
EINSPEISUNG: Final = _strom(2, 8)  # export, total, Wh
LEISTUNG: Final = _strom(16, 7)  # net power, W; negative while exporting
LEISTUNG_PHASEN: Final = (_strom(36, 7), _strom(56, 7), _strom(76, 7))  # W
SPANNUNG_PHASEN: Final = (_strom(32, 7), _strom(52, 7), _strom(72, 7))  # V
STROM_PHASEN: Final = (_strom(31, 7), _strom(51, 7), _strom(71, 7))  # A
FREQUENZ: Final = _strom(14, 7)  # Hz
GERAETE_ID: Final = _strom(96, 1)

"""The standard load profile H25 of the BDEW (2025): the mean German household, as a shape.

Its table is not ours to copy: it comes with the library demandlib (extra `h25`), of which only that file is read.
H25 has a day of 96 quarter hours for each month and type of day, and a polynomial of the day of the year that
smooths the seasons. Source: BDEW, Standardlastprofile Strom (2025).
"""

import csv
from datetime import date
from decimal import Decimal
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from betreiber.ersatzwert.domain import VIERTEL_JE_TAG
from betreiber.ersatzwert.kalender import Tagestyp

_SPALTEN = {"WT": Tagestyp.WERKTAG, "SA": Tagestyp.SAMSTAG, "FT": Tagestyp.SONNTAG}
# Coefficients of the powers of the day of the year, the fourth first.
_GLAETTUNG = tuple(map(Decimal, ("-3.92e-10", "3.2e-7", "-7.02e-5", "0.0021", "1.24")))


class ProfilFehlt(Exception):
    """The table is not installed, or is not the one that is expected; says what to do."""


@cache
def load_h25() -> dict[tuple[int, Tagestyp], tuple[Decimal, ...]]:
    """The table by month and type of day. Raises ProfilFehlt."""
    spec = find_spec("demandlib")
    if spec is None or not spec.submodule_search_locations:
        raise ProfilFehlt("the library demandlib is missing; pip install 'messstellenbetreiber[h25]'")
    return read_table(Path(spec.submodule_search_locations[0]) / "bdew" / "bdew_data" / "h25.csv")


def read_table(datei: Path) -> dict[tuple[int, Tagestyp], tuple[Decimal, ...]]:
    """A table with three columns a month, January to December. Raises ProfilFehlt."""
    try:
        with datei.open(encoding="utf-8", newline="") as strom:
            _, namen, *zeilen = csv.reader(strom)
        if len(zeilen) != VIERTEL_JE_TAG or len(namen) != 37 or set(namen[1:]) != set(_SPALTEN):
            raise ValueError("expected 96 lines with three types of days for twelve months")
        return {
            ((spalte - 1) // 3 + 1, _SPALTEN[namen[spalte]]): tuple(Decimal(zeile[spalte]) for zeile in zeilen)
            for spalte in range(1, 37)
        }
    except (OSError, ValueError, ArithmeticError, IndexError) as error:
        raise ProfilFehlt(
            f"the table of H25 cannot be read ({error}); pip install --force-reinstall 'demandlib>=0.2,<0.3'"
        ) from error


def h25_weight(tag: date, typ: Tagestyp, viertel: int) -> int:
    """The share of a quarter hour (0 to 95) of a day in what a household uses, in whole parts of no unit.

    Raises ProfilFehlt.
    """
    glaettung = Decimal(0)
    for koeffizient in _GLAETTUNG:
        glaettung = glaettung * tag.timetuple().tm_yday + koeffizient
    return int(load_h25()[tag.month, typ][viertel] * glaettung * 10**6)

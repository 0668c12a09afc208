"""The standard load profile H25 of the BDEW (2025): the mean German household, scaled to a yearly consumption.

H25 has a day of 96 quarter hours for each month and each of working day (WT), Saturday (SA), Sunday and holiday
(FT), for a year of 1,000,000 kWh, and a polynomial of the day of the year that smooths the seasons. Holidays count
as Sundays; 24 and 31 December as Saturdays, unless they are Sundays.
Source: BDEW, Standardlastprofile Strom (2025). Its table is not ours to copy: it comes with the library demandlib.
Only that file is read, because importing the library costs pandas, and an older part of it turns the warnings of
the whole process into errors.
"""

from __future__ import annotations

import csv
import math
from array import array
from collections.abc import Callable
from datetime import date, timedelta
from functools import lru_cache
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from itertools import accumulate, chain
from pathlib import Path

from stromzaehler_sim.fehler import LastprofilUngueltig
from stromzaehler_sim.last.kalender import feiertage, local_date, local_hours, local_midnight
from stromzaehler_sim.last.phasen import Phasen, split_evenly
from stromzaehler_sim.uhr import VIERTELSTUNDE_S

TYPTAGE = ("SA", "FT", "WT")
JE_TAG = 96

Typtage = dict[tuple[int, str], list[float]]
"""(month, type of day) -> 96 values in kWh, for a year of 1,000,000 kWh before the smoothing."""


class H25:
    """A household that uses exactly ``jahresverbrauch_kwh`` in every local calendar year.

    Rounding to Wh carries its rest on through the year. Raises LastprofilUngueltig when the extra ``h25`` is not
    installed.
    """

    def __init__(self, jahresverbrauch_kwh: int) -> None:
        if not 0 < jahresverbrauch_kwh <= 1_000_000:
            raise LastprofilUngueltig("Der Jahresverbrauch muss über 0 und höchstens 1000000 kWh sein.")
        self.jahresverbrauch_kwh = jahresverbrauch_kwh
        load_typtage()

    def energy(self, uhrzeit_von: int) -> tuple[int, int]:
        """(bezug_wh, 0) of the quarter hour that begins at ``uhrzeit_von`` (s since 1970)."""
        beginn, anteile = _share_until(local_date(uhrzeit_von).year)
        i = (uhrzeit_von - beginn) // VIERTELSTUNDE_S
        jahr_wh = self.jahresverbrauch_kwh * 1000
        return math.floor(jahr_wh * anteile[i + 1] + 0.5) - math.floor(jahr_wh * anteile[i] + 0.5), 0

    def phasen(self, uhrzeit_von: int) -> Phasen:
        """The mean power in W on L1-L3: evenly, as the mean of many households is."""
        return split_evenly(self.energy(uhrzeit_von)[0] * 4)


def typtag(tag: date) -> str:
    """The type of a day: WT, SA or FT."""
    if tag.weekday() == 6 or tag in feiertage(tag.year):
        return "FT"
    return "SA" if tag.weekday() == 5 or (tag.month, tag.day) in ((12, 24), (12, 31)) else "WT"


def smoothing(tag_im_jahr: int) -> float:
    """The factor of the BDEW for a day of the year (1...366)."""
    t = float(tag_im_jahr)
    return -3.92e-10 * t**4 + 3.2e-7 * t**3 - 7.02e-5 * t**2 + 0.0021 * t + 1.24


@lru_cache(maxsize=4)
def _share_until(jahr: int) -> tuple[int, array[float]]:
    """Start of a local year (s since 1970) and, for each of its quarter hours, the share of the year before it."""
    tage = [date(jahr, 1, 1) + timedelta(days=n) for n in range(366)]
    typtage = load_typtage()
    gewichte = chain.from_iterable(_weights(tag, typtage) for tag in tage if tag.year == jahr)
    summen = array("d", accumulate(gewichte, initial=0.0))
    # The last one is exactly 1, so the year is exactly what was asked for.
    return local_midnight(tage[0]), array("d", (summe / summen[-1] for summe in summen))


def _weights(tag: date, typtage: Typtage) -> list[float]:
    """The table follows local time: in spring an hour is left out, in autumn one comes twice."""
    werte, faktor = typtage[tag.month, typtag(tag)], smoothing(tag.timetuple().tm_yday)
    return [werte[int(stunde * 4)] * faktor for stunde in local_hours(tag)[0]]


@lru_cache(maxsize=1)
def load_typtage(find: Callable[[str], ModuleSpec | None] = find_spec) -> Typtage:
    """The table of the BDEW from the files of demandlib; ``find`` finds an installed package.

    Raises LastprofilUngueltig, which says what to install.
    """
    spec = find("demandlib")
    if spec is None or not spec.submodule_search_locations:
        raise LastprofilUngueltig(
            "Für das Profil H25 fehlt die Bibliothek demandlib. Zuerst: pip install 'messstellenbetreiber[h25]'"
        )
    datei = Path(spec.submodule_search_locations[0]) / "bdew" / "bdew_data" / "h25.csv"
    try:
        with datei.open(encoding="utf-8", newline="") as strom:
            _, namen, *zeilen = csv.reader(strom)
        if len(zeilen) != JE_TAG or len(namen) != 37 or set(namen[1:]) != set(TYPTAGE):
            raise ValueError("96 Zeilen mit je drei Typtagen für zwölf Monate erwartet")
        # Three columns a month, January to December.
        return {
            ((spalte - 1) // 3 + 1, namen[spalte]): [float(zeile[spalte]) for zeile in zeilen]
            for spalte in range(1, 37)
        }
    except (OSError, ValueError, IndexError) as fehler:
        raise LastprofilUngueltig(
            f"Die Tabelle des Profils H25 ist nicht lesbar ({fehler}). "
            "Die Bibliothek neu holen: pip install --force-reinstall 'demandlib>=0.2,<0.3'"
        ) from fehler

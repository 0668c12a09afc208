"""Appliances that a household may have besides the ordinary ones: heat pump and wallbox.

Each gives the energy of the quarter hours of one local day, drawn from (seed, day), so that any day can be
computed alone and always gives the same. Both are connected to all three phases.
"""

from __future__ import annotations

import math
from datetime import date, timedelta
from functools import lru_cache

from stromzaehler_sim.last.kalender import local_hours, make_random

# The year whose mean sets the scale. Any would do; it must only never change.
BEZUGSJAHR = 2025
TAGE_IM_JAHR = 365.25
# Outdoor temperature of a German year in °C: mean, half of the span from January to July, half of that of a day.
TEMPERATUR_MITTEL = 9.5
TEMPERATUR_JAHRESGANG = 9.2
TEMPERATUR_TAGESGANG = 4.0
TEMPERATUR_WETTER = 2.5
# Above this outdoor temperature a house of ordinary insulation is not heated.
HEIZGRENZE_C = 15.0
WARMWASSER = 0.8
WALLBOX_WH = 11_000 // 4  # 11 kW for a quarter hour
LADUNG_WH = 12_000.0


class Waermepumpe:
    """A heat pump that uses about ``jahresverbrauch_kwh`` a year: the colder, the more, and at night less."""

    def __init__(self, seed: int, jahresverbrauch_kwh: int) -> None:
        self.seed = seed
        self._skala = jahresverbrauch_kwh * 1000.0 / _unit_year()

    def day(self, tag: date, stunden: list[float]) -> list[float]:
        """Wh of each quarter hour of a local day, whose local times of day (h) are ``stunden``."""
        wetter = make_random(f"wetter {self.seed} {tag.toordinal()}").gauss(0.0, TEMPERATUR_WETTER)
        return [wert * self._skala for wert in _unit_day(tag, stunden, wetter)]


class Wallbox:
    """Charges a car at 11 kW on all phases, in the evening, until a drawn amount of energy is in it."""

    def __init__(self, seed: int, jahresverbrauch_kwh: int) -> None:
        self.seed = seed
        je_tag = jahresverbrauch_kwh * 1000.0 / TAGE_IM_JAHR
        # A car that drives much is charged nearly every day, and then more at a time.
        self._anteil = min(0.8, je_tag / LADUNG_WH)
        self._ladung_wh = je_tag / self._anteil if je_tag else 0.0

    def day(self, tag: date, stunden: list[float]) -> list[float]:
        """Wh of each quarter hour of a local day, whose local times of day (h) are ``stunden``."""
        werte = [0.0] * len(stunden)
        zufall = make_random(f"wallbox {self.seed} {tag.toordinal()}")
        if zufall.random() >= self._anteil:
            return werte
        rest = self._ladung_wh * zufall.uniform(0.5, 1.5)
        ankunft = 17.5 + zufall.gauss(0.0, 1.5)
        # The session ends with the day, because each day is computed alone: a long one begins earlier.
        spaetestens = len(stunden) - math.ceil(rest / WALLBOX_WH)
        beginn = min(int(ankunft * 4), max(0, spaetestens))
        for i in range(beginn, len(stunden)):
            werte[i] = min(rest, float(WALLBOX_WH))
            rest -= werte[i]
        return werte


def _unit_day(tag: date, stunden: list[float], wetter: float) -> list[float]:
    """Use of a heat pump of no particular size: missing heat and hot water over the coefficient of performance."""
    jahresgang = -math.cos(2 * math.pi * (tag.timetuple().tm_yday - 19) / TAGE_IM_JAHR)
    mittel = TEMPERATUR_MITTEL + TEMPERATUR_JAHRESGANG * jahresgang + wetter
    werte = []
    for stunde in stunden:
        temperatur = mittel - TEMPERATUR_TAGESGANG * math.cos(2 * math.pi * (stunde - 3.0) / 24)
        tags = 6.0 <= stunde < 22.0
        waerme = max(0.0, HEIZGRENZE_C - temperatur) * (1.0 if tags else 0.7) + (WARMWASSER if tags else 0.0)
        werte.append(waerme / max(1.8, 2.9 + 0.07 * temperatur))
    return werte


@lru_cache(maxsize=1)
def _unit_year() -> float:
    """The use of the heat pump of no particular size in the reference year, from every fifth day."""
    tage = [date(BEZUGSJAHR, 1, 1) + timedelta(days=n) for n in range(0, 365, 5)]
    return sum(sum(_unit_day(tag, local_hours(tag)[0], 0.0)) for tag in tage) / len(tage) * TAGE_IM_JAHR

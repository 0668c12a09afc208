"""A seeded model of a German household, quarter hour by quarter hour.

Appliances are drawn for each local day (Europe/Berlin) from a generator seeded with (seed, day), so that any
quarter hour can be computed alone and always gives the same. The shape is plausible, not measured: base load and
fridge around the clock, breakfast, cooking, washing, dishes, light and television in the evening, more at home at
weekends, more light in winter; heat pump, wallbox and photovoltaics where the house has them. For the mean of many
households there is `H25`.
"""

from __future__ import annotations

import math
from datetime import date, timedelta
from random import Random
from typing import NamedTuple

from stromzaehler_sim.fehler import LastprofilUngueltig
from stromzaehler_sim.last.kalender import local_date, local_hours, make_random
from stromzaehler_sim.last.phasen import Phasen, round_to_sum
from stromzaehler_sim.last.verbraucher import BEZUGSJAHR, TAGE_IM_JAHR, Waermepumpe, Wallbox
from stromzaehler_sim.uhr import VIERTELSTUNDE_S

BREITE_GRAD = 51.0
LAENGE_GRAD = 10.0
ABWESEND = 0.04
# A wallbox of 11 kW that charges half of the year round; more is a mistake.
ZUSATZ_HOECHSTENS_KWH = 48_000
# Yield of a roof in Germany, about 950 kWh a year for each kWp, as the mean of a clear sky times the clouds below.
PV_WIRKUNGSGRAD = 0.98
# Above this an inverter must feed in on all three phases (VDE-AR-N 4105: 4.6 kVA of imbalance at most).
PV_EINPHASIG_HOECHSTENS_KWP = 4.6


class Tag(NamedTuple):
    """A local day: its start (s since 1970) and, in Wh for each quarter hour, what the meter counts and why."""

    beginn: int
    werte: list[tuple[int, int]]
    dreiphasig: list[float]
    sonne: list[float]


class Haushalt:
    """Energy of a household that uses about ``jahresverbrauch_kwh`` a year, with ``pv_kwp`` of photovoltaics.

    ``waermepumpe_kwh`` and ``wallbox_kwh`` a year come on top where they are not 0. Consumption and generation of
    a quarter hour are set off against each other, so one of the two values is 0.
    """

    def __init__(
        self,
        seed: int,
        jahresverbrauch_kwh: float = 3500.0,
        pv_kwp: float = 0.0,
        waermepumpe_kwh: int = 0,
        wallbox_kwh: int = 0,
    ) -> None:
        if not 0 < jahresverbrauch_kwh <= 1_000_000:
            raise LastprofilUngueltig("Der Jahresverbrauch muss über 0 und höchstens 1000000 kWh sein.")
        if not 0 <= pv_kwp <= 1000:
            raise LastprofilUngueltig("Die PV-Leistung muss in 0..1000 kWp liegen.")
        if not (0 <= waermepumpe_kwh <= ZUSATZ_HOECHSTENS_KWH and 0 <= wallbox_kwh <= ZUSATZ_HOECHSTENS_KWH):
            raise LastprofilUngueltig(
                f"Wärmepumpe und Wallbox dürfen je höchstens {ZUSATZ_HOECHSTENS_KWH} kWh im Jahr brauchen."
            )
        self.seed = seed
        self.jahresverbrauch_kwh = jahresverbrauch_kwh
        self.pv_kwp = pv_kwp
        self._zusaetzlich: list[Waermepumpe | Wallbox] = [
            *([Waermepumpe(seed, waermepumpe_kwh)] if waermepumpe_kwh else []),
            *([Wallbox(seed, wallbox_kwh)] if wallbox_kwh else []),
        ]
        eigenheiten = make_random(f"haushalt {seed}")
        self._grundlast_w = eigenheiten.uniform(60.0, 110.0)
        self._kuehl_w = eigenheiten.uniform(70.0, 110.0)
        self._kuehl_periode_s = eigenheiten.uniform(2400.0, 4200.0)
        self._kuehl_anteil = eigenheiten.uniform(0.28, 0.4)
        self._kuehl_phase_s = eigenheiten.uniform(0.0, self._kuehl_periode_s)
        self._fruehstueck_h = eigenheiten.uniform(6.0, 7.5)
        self._abendessen_h = eigenheiten.uniform(17.75, 19.25)
        self._schlaf_h = eigenheiten.uniform(22.25, 23.5)
        self._waschtage = eigenheiten.uniform(0.3, 0.55)
        # How the sockets of the house are spread on the phases, and where a small inverter feeds in.
        verdrahtung = make_random(f"phasen {seed}")
        self._verteilung = [verdrahtung.uniform(0.5, 1.5) for _ in range(3)]
        self._pv_anteile = [1 / 3] * 3
        if pv_kwp <= PV_EINPHASIG_HOECHSTENS_KWP:
            pv_phase = verdrahtung.randrange(3)
            self._pv_anteile = [float(phase == pv_phase) for phase in range(3)]
        self._tag: Tag | None = None
        self._skala = 1.0
        self._skala = self._calibrate()

    def energy(self, uhrzeit_von: int) -> tuple[int, int]:
        """(bezug_wh, einspeisung_wh) of the quarter hour that begins at ``uhrzeit_von`` (s since 1970)."""
        tag = self._day_of(uhrzeit_von)
        return tag.werte[(uhrzeit_von - tag.beginn) // VIERTELSTUNDE_S]

    def phasen(self, uhrzeit_von: int) -> Phasen:
        """The mean power of the quarter hour in W on L1, L2, L3; the sum is that of `energy`.

        Heat pump and wallbox load the phases evenly, large photovoltaics feed in evenly, a small inverter on one
        phase; the rest of the house spreads as it is wired, differently in each quarter hour.
        """
        tag = self._day_of(uhrzeit_von)
        i = (uhrzeit_von - tag.beginn) // VIERTELSTUNDE_S
        bezug, einspeisung = tag.werte[i]
        leistung_w, dreiphasig_w, sonne_w = (bezug - einspeisung) * 4, tag.dreiphasig[i] * 4, tag.sonne[i] * 4
        zufall = make_random(f"phasen {self.seed} {uhrzeit_von}")
        gewichte = [anteil * zufall.uniform(0.5, 1.5) for anteil in self._verteilung]
        haus_w = (leistung_w - dreiphasig_w + sonne_w) / sum(gewichte)
        anteile = [
            haus_w * gewicht + dreiphasig_w / 3 - sonne_w * pv_anteil
            for gewicht, pv_anteil in zip(gewichte, self._pv_anteile, strict=True)
        ]
        return round_to_sum(anteile, leistung_w)

    def _day_of(self, uhrzeit_von: int) -> Tag:
        """The day of that quarter hour. One is kept: meters count in order, and a fleet has thousands of them."""
        tag = self._tag
        if tag is None or not tag.beginn <= uhrzeit_von < tag.beginn + len(tag.werte) * VIERTELSTUNDE_S:
            tag = self._tag = self._compute_day(local_date(uhrzeit_von))
        return tag

    def _compute_day(self, tag: date) -> Tag:
        """The 92, 96 or 100 quarter hours of a local day.

        Rounding carries its rest on within the day, so the day is exact to one Wh.
        """
        stunden, beginn = local_hours(tag)
        last = self._load(tag, stunden, beginn)
        sonne = self._sun(tag, beginn, len(stunden))
        dreiphasig = [0.0] * len(stunden)
        for geraet in self._zusaetzlich:
            dreiphasig = [a + b for a, b in zip(dreiphasig, geraet.day(tag, stunden), strict=True)]
        werte = []
        summe_bezug = summe_einspeisung = 0.0
        bisher_bezug = bisher_einspeisung = 0
        for verbraucht, zusaetzlich, erzeugt in zip(last, dreiphasig, sonne, strict=True):
            saldo = verbraucht * self._skala + zusaetzlich - erzeugt
            summe_bezug += max(0.0, saldo)
            summe_einspeisung += max(0.0, -saldo)
            bezug, einspeisung = math.floor(summe_bezug + 0.5), math.floor(summe_einspeisung + 0.5)
            werte.append((bezug - bisher_bezug, einspeisung - bisher_einspeisung))
            bisher_bezug, bisher_einspeisung = bezug, einspeisung
        return Tag(beginn, werte, dreiphasig, sonne)

    def _load(self, tag: date, stunden: list[float], beginn: int) -> list[float]:
        """Unscaled consumption in Wh of each quarter hour of the day."""
        zufall = make_random(f"last {self.seed} {tag.toordinal()}")
        # +1 at midwinter, -1 at midsummer.
        winter = math.cos(2 * math.pi * (tag.timetuple().tm_yday - 10) / TAGE_IM_JAHR)
        werte = [self._grundlast_w / 4 + self._fridge(beginn + i * 900, winter) for i in range(len(stunden))]
        if zufall.random() < ABWESEND:
            return werte
        frei = tag.weekday() >= 5
        abend_von = 18.75 - 1.75 * winter
        licht_w = 130.0 + 60.0 * winter
        for i, stunde in enumerate(stunden):
            wach = self._fruehstueck_h + (1.5 if frei else 0.0) <= stunde < self._schlaf_h
            if wach:
                werte[i] += (30.0 if frei else 12.0) * zufall.uniform(0.4, 1.6)
            if wach and stunde >= abend_von:
                werte[i] += (licht_w + 110.0) / 4 * zufall.uniform(0.75, 1.25)
            elif wach and winter > 0 and stunde < self._fruehstueck_h + 2:
                werte[i] += licht_w / 6
        self._add_appliances(werte, stunden, zufall, frei)
        return werte

    def _add_appliances(self, werte: list[float], stunden: list[float], zufall: Random, frei: bool) -> None:
        def run(beginn_h: float, *leistung_w: float) -> None:
            """Let an appliance run from the quarter hour of ``beginn_h`` with these mean powers."""
            erste = next((i for i, stunde in enumerate(stunden) if stunde >= beginn_h), len(stunden))
            for i, watt in enumerate(leistung_w, start=erste):
                if i < len(werte):
                    werte[i] += watt / 4

        run(self._fruehstueck_h + (1.5 if frei else 0.0) + zufall.uniform(-0.3, 0.3), 900.0, 500.0)
        abendessen = self._abendessen_h + zufall.gauss(0.0, 0.4)
        if zufall.random() < 0.85:
            stark = zufall.uniform(0.7, 1.4)
            run(abendessen, 1500.0 * stark, 1300.0 * stark, 700.0 * stark)
        if frei and zufall.random() < 0.7:
            run(12.0 + zufall.gauss(0.0, 0.5), 1500.0, 1400.0, 800.0, 300.0)
        if zufall.random() < self._waschtage * (1.5 if frei else 0.8):
            run(zufall.uniform(9.5, 16.0) if frei else zufall.uniform(16.5, 19.5), 1700, 900, 250, 200, 250, 350)
        if zufall.random() < 0.5:
            run(abendessen + zufall.uniform(0.75, 1.75), 1500.0, 400.0, 150.0, 1300.0, 300.0)

    def _fridge(self, beginn: int, winter: float) -> float:
        """Wh of the compressor in one quarter hour: the exact overlap with its cycles."""
        an_s = self._kuehl_periode_s * (self._kuehl_anteil - 0.05 * winter)
        phase = (beginn + self._kuehl_phase_s) % self._kuehl_periode_s
        ende = phase + VIERTELSTUNDE_S
        runden = math.floor(ende / self._kuehl_periode_s)
        laufzeit = runden * an_s + min(ende - runden * self._kuehl_periode_s, an_s) - min(phase, an_s)
        return self._kuehl_w * laufzeit / 3600.0

    def _sun(self, tag: date, beginn: int, anzahl: int) -> list[float]:
        """Wh of the photovoltaics of each quarter hour: height of the sun times the clouds of the day."""
        if not self.pv_kwp:
            return [0.0] * anzahl
        zufall = make_random(f"sonne {self.seed} {tag.toordinal()}")
        heiter = zufall.betavariate(1.6, 1.3)
        neigung = math.radians(-23.44) * math.cos(2 * math.pi * (tag.timetuple().tm_yday + 10) / TAGE_IM_JAHR)
        breite = math.radians(BREITE_GRAD)
        werte = []
        for i in range(anzahl):
            mitte = (beginn + i * VIERTELSTUNDE_S + VIERTELSTUNDE_S / 2) % 86400
            winkel = 2 * math.pi * ((mitte / 3600 + LAENGE_GRAD / 15) / 24 - 0.5)
            hoehe = math.sin(breite) * math.sin(neigung) + math.cos(breite) * math.cos(neigung) * math.cos(winkel)
            wolken = min(1.0, max(0.05, heiter * zufall.uniform(0.7, 1.3)))
            werte.append(max(0.0, hoehe) * wolken * PV_WIRKUNGSGRAD * self.pv_kwp * 250.0)
        return werte

    def _calibrate(self) -> float:
        """The factor that brings the mean of every fifth day of the reference year to the wanted yearly use."""
        tage = [date(BEZUGSJAHR, 1, 1) + timedelta(days=n) for n in range(0, 365, 5)]
        summe = 0.0
        for tag in tage:
            stunden, beginn = local_hours(tag)
            summe += sum(self._load(tag, stunden, beginn))
        return self.jahresverbrauch_kwh * 1000.0 / (summe / len(tage) * TAGE_IM_JAHR)

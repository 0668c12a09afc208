"""Load profile, peaks, statistics and comparison of Verbrauch. Pure: no database, no HTTP, no clock.

Power is the mean of a period: energy over its length. In kW it has three places, which are whole W; a quarter hour
of n Wh has 4 x n W exactly. Substitute values count as others do and bear their quality; what is missing counts
nowhere.
"""

import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from itertools import groupby
from typing import NamedTuple

from betreiber.verbrauch.domain import Verbrauchswert, Wertqualitaet
from betreiber.zeit import VIERTELSTUNDE_S, Aufloesung, calendar_period, local_date

STUNDE_S = 3600
PROZENT_STELLEN = Decimal("0.1")


class Lastgangaufloesung(StrEnum):
    """Length of the values of a load profile."""

    VIERTELSTUNDE = "viertelstunde"
    STUNDE = "stunde"


class Spitzenzeitraum(StrEnum):
    """Periods each of which has its peak."""

    TAG = "tag"
    MONAT = "monat"


class Vergleichszeitraum(StrEnum):
    """Periods that are compared with the one before: local day, ISO week, month, year."""

    TAG = "tag"
    WOCHE = "woche"
    MONAT = "monat"
    JAHR = "jahr"


class Leistungswert(NamedTuple):
    """Mean power of [von, bis) in kW."""

    von: datetime
    bis: datetime
    bezug_kw: Decimal | None
    einspeisung_kw: Decimal | None
    qualitaet: Wertqualitaet


class Spitze(NamedTuple):
    """The highest mean power of a quarter hour, which begins at `zeitpunkt`; of several the first."""

    leistung_kw: Decimal
    zeitpunkt: datetime
    qualitaet: Wertqualitaet


class Spitzenwert(NamedTuple):
    """The peaks of [von, bis), of the quarter hours that are known; None where none is."""

    von: datetime
    bis: datetime
    bezug: Spitze | None
    einspeisung: Spitze | None
    erwartet: int
    vorhanden: int
    ersetzt: int
    fehlend: int


class Kennzahlen(NamedTuple):
    """Statistics of energies; without any, only the count."""

    anzahl: int
    minimum_wh: int | None
    maximum_wh: int | None
    mittelwert_kwh: Decimal | None
    varianz_kwh2: Decimal | None


class Differenz(NamedTuple):
    """How much more than before, in Wh and in percent of it; None where one of the values is missing.

    No percentage of nothing: it is None after a period of 0 Wh.
    """

    differenz_wh: int | None
    differenz_prozent: Decimal | None


def mean_power(energie_wh: int, dauer_s: int) -> Decimal:
    """Mean power in kW, rounded half up to whole W; exact for quarter hours and hours, which need no rounding."""
    return Decimal(_divide(energie_wh * STUNDE_S, dauer_s)).scaleb(-3)


def iter_lastgang(werte: Iterable[Verbrauchswert]) -> Iterator[Leistungswert]:
    """Verbrauch as mean power."""
    for wert in werte:
        dauer_s = wert.erwartet * VIERTELSTUNDE_S
        yield Leistungswert(
            wert.von,
            wert.bis,
            None if wert.bezug_wh is None else mean_power(wert.bezug_wh, dauer_s),
            None if wert.einspeisung_wh is None else mean_power(wert.einspeisung_wh, dauer_s),
            wert.qualitaet,
        )


def iter_spitzen(kanten: Sequence[datetime], viertel: Iterable[Verbrauchswert]) -> Iterator[Spitzenwert]:
    """The peaks between every two edges, from ascending quarter hours; buckets without any are left out."""
    for nummer, gruppe in groupby(viertel, key=lambda wert: bisect_right(kanten, wert.von)):
        teile = list(gruppe)
        yield Spitzenwert(
            kanten[nummer - 1],
            kanten[nummer],
            _find_spitze((teil.bezug_wh, teil) for teil in teile),
            _find_spitze((teil.einspeisung_wh, teil) for teil in teile),
            sum(teil.erwartet for teil in teile),
            sum(teil.vorhanden for teil in teile),
            sum(teil.ersetzt for teil in teile),
            sum(teil.fehlend for teil in teile),
        )


def _find_spitze(viertel: Iterable[tuple[int | None, Verbrauchswert]]) -> Spitze | None:
    hoechste: tuple[int, Verbrauchswert] | None = None
    for energie_wh, wert in viertel:
        if energie_wh is not None and (hoechste is None or energie_wh > hoechste[0]):
            hoechste = energie_wh, wert
    if hoechste is None:
        return None
    energie_wh, wert = hoechste
    return Spitze(mean_power(energie_wh, VIERTELSTUNDE_S), wert.von, wert.qualitaet)


def compute_kennzahlen(energien_wh: Sequence[int]) -> Kennzahlen:
    """Count, least, greatest, mean and variance of energies.

    The variance is that of the population (divided by n): these are all quarter hours that are known, not a
    sample. Mean (kWh) and variance (kWh²) are computed in integers and rounded once, half up, to a thousandth of a
    Wh and of a Wh².
    """
    anzahl = len(energien_wh)
    if anzahl == 0:
        return Kennzahlen(0, None, None, None, None)
    summe_wh = sum(energien_wh)
    quadrate_wh2 = sum(energie_wh * energie_wh for energie_wh in energien_wh)
    return Kennzahlen(
        anzahl,
        min(energien_wh),
        max(energien_wh),
        Decimal(_divide(1000 * summe_wh, anzahl)).scaleb(-6),
        Decimal(_divide(1000 * (anzahl * quadrate_wh2 - summe_wh**2), anzahl**2)).scaleb(-9),
    )


def _divide(zaehler: int, nenner: int) -> int:
    """A quotient rounded half up."""
    return (2 * zaehler + nenner) // (2 * nenner)


def find_periods(
    datum: date, zeitraum: Vergleichszeitraum
) -> tuple[tuple[datetime, datetime], tuple[datetime, datetime]]:
    """The period in which a date lies, and the one before it, each as [von, bis)."""
    aufloesung = Aufloesung(zeitraum)
    von, bis = calendar_period(datum, aufloesung)
    return (von, bis), calendar_period(local_date(von) - timedelta(days=1), aufloesung)


def compare(neu_wh: int | None, alt_wh: int | None) -> Differenz:
    """How much more the new value is; percent rounded half up to one place."""
    if neu_wh is None or alt_wh is None:
        return Differenz(None, None)
    differenz_wh = neu_wh - alt_wh
    if alt_wh == 0:
        return Differenz(differenz_wh, None)
    prozent = (Decimal(differenz_wh * 100) / alt_wh).quantize(PROZENT_STELLEN, ROUND_HALF_UP)
    return Differenz(differenz_wh, prozent)


def is_whole(von: datetime, bis: datetime, teile: Iterable[Verbrauchswert]) -> bool:
    """Whether values cover [von, bis) without a gap: a customer has a part of it only when they moved in it.

    Of several meters at once each may cover the same part, so that their quarter hours say nothing.
    """
    gedeckt_bis = von
    for teil in sorted(teile, key=lambda teil: teil.von):
        if teil.von > gedeckt_bis:
            return False
        gedeckt_bis = max(gedeckt_bis, teil.bis)
    return gedeckt_bis >= bis


def clip_quarters(
    beginn: datetime, ende: datetime | None, von: datetime, bis: datetime
) -> tuple[datetime, datetime]:
    """The whole quarter hours of [beginn, ende) within [von, bis), the latter on quarter hours; perhaps none.

    Registers stand on quarter hours: what a meter counted before its first and after its last one is not known.
    """
    anfang_s = math.ceil(max(beginn, von).timestamp())
    ende_s = math.floor(bis.timestamp() if ende is None else min(ende, bis).timestamp())
    return (
        datetime.fromtimestamp(anfang_s + -anfang_s % VIERTELSTUNDE_S, UTC),
        datetime.fromtimestamp(ende_s - ende_s % VIERTELSTUNDE_S, UTC),
    )

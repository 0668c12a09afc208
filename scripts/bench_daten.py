"""The load of scripts/bench: a fleet of meters that behave like real households, as readings and as blocks."""

import math
import random
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from itertools import accumulate, repeat
from pathlib import Path

from betreiber.ablesung.domain import Ablesung, Herkunft, Qualitaet
from betreiber.ablesung.tagesblock import TAG_S, VIERTELSTUNDEN, encode
from betreiber.zeit import day_start
from scripts.replay_lauf import read_series

HAUSHALTE = (
    Path(__file__).parents[2] / "shared" / "realdaten" / "load" / "swiss_bamberg" / "dev_40_households_wh.csv.gz"
)
SAMEN = 20_181_028
# Power = 4 x Wh x a lognormal noise: what a meter shows at one moment is not the mean of the quarter hour.
RAUSCHEN = 0.3
# A message arrives a second or two after the meter's slot.
VERZUG_STREUT_S = 1.0
PLAETZE_S = 600
ANFANGSSTAND_WH = 1_234_567
# Every meter begins its series elsewhere.
VERSATZ_TAGE = 7


@dataclass(frozen=True)
class Tageslast:
    """A day of a household: energy in Wh and power in W by quarter hour, and by how much each message was late."""

    energien: Sequence[int]
    leistungen: Sequence[int]
    verzuege_s: Sequence[int]


class Flotte:
    """Meters 1, 2, ...: each one is one of the households, from another day on."""

    def __init__(self, haushalte: Sequence[Sequence[Tageslast]]) -> None:
        self._haushalte = haushalte

    def day(self, zaehler: int, tag: int) -> Tageslast:
        """What meter `zaehler` did on a day (days since 1970)."""
        haushalt = self._haushalte[zaehler % len(self._haushalte)]
        return haushalt[(tag + zaehler // len(self._haushalte) * VERSATZ_TAGE) % len(haushalt)]

    def readings(self, zaehler: int, tage: Sequence[int], *, leistung: bool = True) -> Iterator[list[Ablesung]]:
        """The readings of a meter, day by day."""
        stand = ANFANGSSTAND_WH + 1000 * zaehler
        platz_s = zaehler * 7919 % PLAETZE_S
        for tag in tage:
            last = self.day(zaehler, tag)
            staende = list(accumulate(last.energien, initial=stand))[1:]
            stand = staende[-1]
            zeiten = range(tag * TAG_S, (tag + 1) * TAG_S, TAG_S // VIERTELSTUNDEN)
            empfangen = [zeit + platz_s + verzug for zeit, verzug in zip(zeiten, last.verzuege_s, strict=True)]
            yield list(
                map(
                    Ablesung,
                    zeiten,
                    staende,
                    repeat(0),
                    last.leistungen if leistung else repeat(None),
                    repeat(Qualitaet.ABGELESEN),
                    repeat(0),
                    empfangen,
                    repeat(Herkunft.GERAET),
                )
            )


@cache
def load_fleet() -> Flotte:
    """The 40 real households where the folder with real data is, else 40 invented ones; the same at every call."""
    zufall = random.Random(SAMEN)
    if HAUSHALTE.exists():
        haushalte = list(read_series(HAUSHALTE).haushalte.values())
    else:
        haushalte = [list(_invent(zufall, 49)) for _ in range(40)]
    return Flotte(
        [
            [
                _day(zufall, energien[anfang : anfang + VIERTELSTUNDEN])
                for anfang in range(0, len(energien) - 95, 96)
            ]
            for energien in haushalte
        ]
    )


def _day(zufall: random.Random, energien: Sequence[int]) -> Tageslast:
    leistungen = [round(4 * wh * math.exp(zufall.gauss(0, RAUSCHEN))) for wh in energien]
    verzuege = [round(abs(zufall.gauss(0, VERZUG_STREUT_S))) for _ in energien]
    return Tageslast(energien, leistungen, verzuege)


def _invent(zufall: random.Random, tage: int) -> Iterator[int]:
    """Quarter hours of a household in steps of 10 Wh: a base load, and something on for a while now and then."""
    grundlast, an, rest = zufall.randint(2, 15), 0, 0
    for _ in range(tage * VIERTELSTUNDEN):
        if rest == 0 and zufall.random() < 0.06:
            an, rest = zufall.randint(5, 60), zufall.randint(1, 8)
        rest = max(rest - 1, 0)
        yield 10 * (zufall.randint(0, grundlast) + (an if rest else 0))


def year_before(heute: date) -> tuple[datetime, datetime, Sequence[int]]:
    """The last whole local year, and the UTC days that hold it."""
    von, bis = (day_start(date(jahr, 1, 1)) for jahr in (heute.year - 1, heute.year))
    return von, bis, range(int(von.timestamp()) // TAG_S, int(bis.timestamp()) // TAG_S + 1)


def iter_blocks(anzahl: int, tage: Sequence[int]) -> Iterator[tuple[int, list[bytes]]]:
    """Meter and its blocks, day by day, for meters 1 to `anzahl`; made by all processors."""
    with ProcessPoolExecutor() as pool:
        yield from pool.map(_blocks, range(1, anzahl + 1), repeat(tage), chunksize=4)


def _blocks(zaehler: int, tage: Sequence[int]) -> tuple[int, list[bytes]]:
    return zaehler, list(map(encode, tage, load_fleet().readings(zaehler, tage)))

"""What the modem hears: cell, RSRP and RSRQ as a pure function of seed and instant.

Ranges as reported by a terminal: RSRP -140 to -44 dBm (3GPP TS 36.133, 9.1.4), RSRQ -19.5 to -3 dB (9.1.7).

A meter hangs still in its cellar, so its reception moves around the mean of its place: doors, weather, load of the
cell. A true random walk would have to be computed step by step from the first second and would drift away. Here
seeded values at fixed knots of time are joined by straight lines, slow ones (four hours) and quick ones (ten
minutes): as continuous as a walk, bounded, and after a restart the same without anything being stored.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import Final

from stromzaehler_sim.mobilfunk.einstellung import Funkeinstellung

RSRP_MIN_DBM: Final = -140
RSRP_MAX_DBM: Final = -44
RSRQ_MIN_DB: Final = -19
RSRQ_MAX_DB: Final = -3
TAG_S: Final = 86400

_LANGSAM_S = 4 * 3600
_SCHNELL_S = 600
_ZELLEN = 3
_NACHBAR_SCHWAECHER_DB = 6.0


@dataclass(frozen=True, slots=True)
class Empfang:
    """One measurement. ``zelle`` is an E-UTRAN cell identity of 28 bits (3GPP TS 23.003, 19.6)."""

    zelle: int
    rsrp_dbm: int
    rsrq_db: int


def radio_seed(name: str) -> int:
    """The seed of a place that is called ``name``; for a meter the ICCID of its card."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8])


class Funkzelle:
    """The radio at one place. ``seed`` makes the place; instants are seconds since 1970."""

    def __init__(self, seed: int, einstellung: Funkeinstellung) -> None:
        self._seed = seed
        self._ort = einstellung

    def empfang(self, instant: float) -> Empfang | None:
        """What is heard at ``instant``; None in a drop-out, or when the signal is too weak to attach."""
        if self._drops_out(instant):
            return None
        nachbar = self._neighbour(instant)
        rsrp = self._ort.rsrp_mittel_dbm - _NACHBAR_SCHWAECHER_DB * nachbar + self._walk("rsrp", instant)
        if rsrp < self._ort.rsrp_mindestens_dbm:
            return None
        # Far from the mast the quality falls with the strength; on top comes the load of the cell.
        rsrq = -9.0 + (rsrp + 90.0) / 8.0 + 0.3 * self._walk("rsrq", instant)
        return Empfang(
            zelle=int(self._draw("zelle", nachbar) * 2**28),
            rsrp_dbm=round(min(max(rsrp, RSRP_MIN_DBM), RSRP_MAX_DBM)),
            rsrq_db=round(min(max(rsrq, RSRQ_MIN_DB), RSRQ_MAX_DB)),
        )

    def _walk(self, name: str, instant: float) -> float:
        """dB around 0, never beyond the spread of the place."""
        langsam = self._line(f"{name} langsam", instant / _LANGSAM_S)
        schnell = self._line(f"{name} schnell", instant / _SCHNELL_S)
        return self._ort.rsrp_streuung_db * (0.7 * langsam + 0.3 * schnell)

    def _line(self, name: str, stelle: float) -> float:
        """Between the seeded values in [-1, 1) of the knots before and after."""
        knoten = math.floor(stelle)
        links, rechts = (2 * self._draw(name, k) - 1 for k in (knoten, knoten + 1))
        return links + (rechts - links) * (stelle - knoten)

    def _neighbour(self, instant: float) -> int:
        """0 for the own cell, 1 and 2 for neighbours; drawn anew as often a day as the setting says."""
        if not self._ort.zellwechsel_je_tag:
            return 0
        stueck = math.floor(instant * self._ort.zellwechsel_je_tag / TAG_S)
        return int(self._draw("wechsel", stueck) * _ZELLEN)

    def _drops_out(self, instant: float) -> bool:
        if any(von <= instant < bis for von, bis in self._ort.ausfaelle):
            return True
        heute = math.floor(instant / TAG_S)
        return any(von <= instant < bis for tag in (heute - 1, heute) for von, bis in self._drop_outs_of(tag))

    def _drop_outs_of(self, tag: int) -> list[tuple[float, float]]:
        """The drop-outs that begin on day ``tag`` since 1970; each lasts half to one and a half times the mean."""
        ganz, rest = divmod(self._ort.ausfaelle_je_tag, 1.0)
        anzahl = int(ganz) + (self._draw("anzahl", tag) < rest)
        beginne = [(tag + self._draw("beginn", tag, nummer)) * TAG_S for nummer in range(anzahl)]
        dauern = [self._ort.ausfall_s * (0.5 + self._draw("dauer", tag, nummer)) for nummer in range(anzahl)]
        return [(von, von + dauer) for von, dauer in zip(beginne, dauern, strict=True)]

    def _draw(self, name: str, *stelle: int) -> float:
        """A number in [0, 1) that belongs to this place, name and position for ever."""
        roh = hashlib.blake2b(repr((self._seed, name, stelle)).encode(), digest_size=8).digest()
        return int.from_bytes(roh) / 2**64

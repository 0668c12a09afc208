"""How the power of a house splits on the three conductors L1, L2, L3."""

from __future__ import annotations

from collections.abc import Sequence

Phasen = tuple[int, int, int]
"""Powers on L1, L2 and L3 in W, negative where more is fed in than drawn."""


def split_evenly(leistung_w: int) -> Phasen:
    """The same on each phase; the watts that are left over go to L1, then to L2."""
    drittel, rest = divmod(leistung_w, 3)
    return drittel + (rest > 0), drittel + (rest > 1), drittel


def round_to_sum(anteile_w: Sequence[float], leistung_w: int) -> Phasen:
    """Whole watts near ``anteile_w`` whose sum is exactly ``leistung_w``; L3 bears the rest of the rounding."""
    l1, l2 = round(anteile_w[0]), round(anteile_w[1])
    return l1, l2, leistung_w - l1 - l2

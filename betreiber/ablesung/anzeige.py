"""What people read at a meter's display: whole kWh, what is less cut off. Pure.

ASSUMPTION: a display cuts off what is less than a whole kWh, or shows every Wh. Of one that rounds, half of the
readings would be taken for other ones; of one of every Wh, a reading of just so many kWh for one that was cut off.
"""

from collections.abc import Collection, Mapping, Sequence

from betreiber.ablesung.zaehlwerk import Register, Zaehlwerk
from telegramm.messwerte import Messwert

# Registers may move in whole kWh (InF off), so that one step says nothing about power.
ANZEIGESCHRITT_WH = 1000


def shows(gemessen_wh: Sequence[int], abgelesen_wh: Sequence[int]) -> bool:
    """Whether a display that shows `abgelesen_wh` agrees with these registers (Wh: taken, fed in)."""
    return all(
        abgelesen in (gemessen, gemessen - gemessen % ANZEIGESCHRITT_WH)
        for gemessen, abgelesen in zip(gemessen_wh, abgelesen_wh, strict=True)
    )


def raise_to(abgelesen_wh: Register, vorher_wh: Register, hoechstens_wh: Register) -> Register:
    """What was read at a display, once `vorher_wh` was measured before it: no less, as far as it can mean that."""
    bezug_wh, einspeisung_wh = (
        vorher if abgelesen < vorher <= hoechstens else abgelesen
        for abgelesen, vorher, hoechstens in zip(abgelesen_wh, vorher_wh, hoechstens_wh, strict=True)
    )
    return bezug_wh, einspeisung_wh


def highest(abgelesen_wh: Register, vorher_wh: Register | None = None) -> Register:
    """What the registers can have been at most when people read this at the display, in Wh.

    `vorher_wh`: of the measured reading before it. One that is equal to that may have been raised to it.
    """
    bezug_wh, einspeisung_wh = (
        wh + ANZEIGESCHRITT_WH - 1 - rest if rest == 0 or wh == vorher else wh
        for wh, vorher in zip(abgelesen_wh, vorher_wh or (None, None), strict=True)
        for rest in (wh % ANZEIGESCHRITT_WH,)
    )
    return bezug_wh, einspeisung_wh


def find_highest(
    gemessen: Sequence[tuple[int, int, int]],
    abgelesen: Collection[int],
    fest: Collection[int],
    zaehlwerk: Zaehlwerk,
) -> dict[int, Register]:
    """What was read at a display at the times `abgelesen` can mean at most, by time: no more than what follows.

    `gemessen`: all measured readings, ascending, as time (seconds since 1970) and registers (Wh: taken, fed in);
    `fest`: times at whose very Wh something begins, so that those there mean just what they say.
    """
    hoechstens: dict[int, Register] = {}
    danach = None
    for stelle in range(len(gemessen) - 1, -1, -1):
        zeit, *register = gemessen[stelle]
        hoch = stand = (register[0], register[1])
        if zeit in abgelesen:
            if zeit not in fest:
                hoch = highest(stand, gemessen[stelle - 1][1:] if stelle else None)
            if danach is not None:
                # What the register would have fallen by, had it been as high as that.
                fall = zaehlwerk.difference((zeit, *hoch, None), danach)
                faktor = zaehlwerk.faktor_at(zeit)
                hoch = (
                    max(stand[0], hoch[0] + min(0, fall[0]) // faktor),
                    max(stand[1], hoch[1] + min(0, fall[1]) // faktor),
                )
            hoechstens[zeit] = hoch
        danach = (zeit, *hoch, None)
    return hoechstens


def find_confirmed(
    werte: Sequence[Messwert],
    bekannt: Mapping[int, tuple[int, int, int, int | None]],
    hoechstens: Mapping[int, Register],
) -> set[int]:
    """The times of readings that agree with what people read at the display, and say more than that.

    `bekannt`: what is stored, by time: time, registers in Wh, power in W; `hoechstens`: as find_highest gives it.
    """
    return {
        wert.uhrzeit
        for wert in werte
        if (grenze := hoechstens.get(wert.uhrzeit)) is not None
        and (stand := bekannt[wert.uhrzeit]) != wert[:4]
        and stand[1] <= wert.bezug_wh <= grenze[0]
        and stand[2] <= wert.einspeisung_wh <= grenze[1]
    }

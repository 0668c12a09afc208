"""The columns of a day's block: which places are occupied, registers, runs of equal values, power. Pure.

docs/tagesblock.md describes them bit by bit. What is no such column raises ValueError or IndexError.
"""

from collections.abc import Sequence
from itertools import accumulate, chain, repeat
from operator import add, rshift, sub

from betreiber.ablesung.zahlenfolge import (
    Folge,
    Leser,
    pack,
    pack_unary,
    sint,
    take_tail,
    uint,
    unpack_unary,
)

# Which of the places of a day, or of its readings, are occupied.
ALLE, BITFELD, LAEUFE, KEINE = range(4)
# How power is stored: as it is; as its deviation from the mean power of its interval; or as that in a code as
# coarse as the energy is large, where the number says by how many bits finer.
_WERT, _ABWEICHUNG, _MITLAUFEND = range(3)
# Registers are 64 bits wide, so the difference of two of their differences has 66 at most. The table says for each
# number of bits in the energy how many plain ones its power has: two more, less what is chosen for the day.
_FEINSTE = 68
_BREITEN = tuple(
    bytes(max(bits + 2 - feiner, 0) for bits in range(256 - 2)) + b"\0\0" for feiner in range(_FEINSTE + 1)
)
_MASKEN = tuple((1 << breite) - 1 for breite in range(_FEINSTE + 1))


def pack_presence(bitfeld: int, anzahl: int) -> tuple[int, bytes]:
    """Which of `anzahl` places are occupied: nothing if all are, else bits or runs, whichever is shorter."""
    if bitfeld == (1 << anzahl) - 1:
        return ALLE, b""
    laeufe = b""
    rest, stelle = bitfeld, 0
    while rest:
        leer = (rest & -rest).bit_length() - 1
        rest >>= leer
        voll = (~rest & rest + 1).bit_length() - 1
        rest >>= voll
        laeufe += bytes((stelle + leer, voll))
        stelle += leer + voll
    bits = bitfeld.to_bytes((anzahl + 7) >> 3, "little")
    return (LAEUFE, uint(len(laeufe) >> 1) + laeufe) if len(laeufe) + 1 < len(bits) else (BITFELD, bits)


def read_presence(leser: Leser, art: int, anzahl: int) -> Sequence[int]:
    """The occupied places, ascending."""
    if art == ALLE:
        return range(anzahl)
    if art == BITFELD:
        bits = bin(int.from_bytes(leser.take((anzahl + 7) >> 3), "little"))[:1:-1]
        plaetze = [platz for platz, bit in enumerate(bits) if bit == "1"]
    else:
        laeufe = [(leser.byte(), leser.byte()) for _ in range(leser.uint())]
        plaetze = [platz for beginn, laenge in laeufe for platz in range(beginn, beginn + laenge)]
    if not plaetze or plaetze[-1] >= anzahl or sorted(set(plaetze)) != plaetze:
        raise ValueError("places beyond the day")
    return plaetze


def _differences(werte: Sequence[int]) -> list[int]:
    return list(map(sub, werte[1:], werte))


def pack_register(werte: Sequence[int]) -> bytes:
    """The last value and the differences."""
    return sint(werte[-1]) + pack(_differences(werte))


class Register:
    """The values of a register, from the last one of the day backwards: near it, a local day begins."""

    def __init__(self, leser: Leser, anzahl: int) -> None:
        self._letzter = leser.sint()
        self._differenzen = Folge(leser, anzahl - 1)
        self._anzahl = anzahl

    def part(self, von: int, bis: int) -> list[int]:
        """The registers of the readings [von, bis)."""
        # One more than the sum needs: the power of the first of these readings asks for it.
        differenzen = self.differences(max(von, 1), self._anzahl)[min(von, 1) :]
        return list(accumulate(differenzen[: bis - von - 1], initial=self._letzter - sum(differenzen)))

    def value(self, stelle: int) -> int:
        """The register of one reading."""
        return self._letzter - sum(self._differenzen.part(stelle, self._anzahl - 1))

    def differences(self, von: int, bis: int) -> list[int]:
        """What the readings [von, bis) exceed the ones before them by; the first reading of the day has none."""
        return self._differenzen.part(von - 1, bis - 1) if von < bis else []


def take_register(leser: Leser, anzahl: int, stelle: int) -> int:
    """What one of `anzahl` readings shows: as `Register.value`, for half of the work."""
    return leser.sint() - take_tail(leser, anzahl - 1, stelle)


class Null:
    """A register that is 0 throughout."""

    def value(self, _stelle: int) -> int:
        return 0

    def part(self, von: int, bis: int) -> list[int]:
        return [0] * (bis - von)

    differences = part


def pack_runs(merkmale: Sequence[int], werte: Sequence[int]) -> bytes:
    """Runs of readings with the same `merkmal`: how many, how long, and the value of the last one of each."""
    anzahl = len(werte)
    enden = [stelle for stelle in range(1, anzahl) if merkmale[stelle] != merkmale[stelle - 1]]
    enden.append(anzahl)
    laengen = b"" if len(enden) in (1, anzahl) else pack(list(map(sub, enden, [0, *enden])))
    return uint(len(enden)) + laengen + pack([werte[ende - 1] for ende in enden])


class Laeufe:
    """A value for each run of readings."""

    def __init__(self, leser: Leser, anzahl: int) -> None:
        self._anzahl = anzahl
        self._laeufe = leser.uint()
        if not 1 <= self._laeufe <= anzahl:
            raise ValueError("an impossible number of runs")
        einzeln_oder_einer = self._laeufe in (1, anzahl)
        self._laengen = None if einzeln_oder_einer else Folge(leser, self._laeufe)
        self._werte = Folge(leser, self._laeufe)

    def part(self, von: int, bis: int) -> list[int]:
        """The values of the readings [von, bis)."""
        if self._laeufe == self._anzahl:
            return self._werte.part(von, bis)
        return self._spread(self._werte.part(0, self._laeufe))[von:bis]

    def moments(self, zeiten: Sequence[int], von: int, bis: int) -> list[int]:
        """The receipts of the readings [von, bis): the values are delays of the last reading of each run."""
        if self._laeufe == self._anzahl:
            return list(map(add, zeiten[von:bis], self._werte.part(von, bis)))
        letzte = [zeiten[ende - 1] for ende in accumulate(self._lengths())]
        return self._spread(list(map(add, letzte, self._werte.part(0, self._laeufe))))[von:bis]

    def _lengths(self) -> list[int]:
        if self._laengen is None:
            return [self._anzahl]
        laengen = self._laengen.part(0, self._laeufe)
        if min(laengen) < 1 or sum(laengen) != self._anzahl:
            raise ValueError("the runs do not add up")
        return laengen

    def _spread(self, werte: Sequence[int]) -> list[int]:
        return list(chain.from_iterable(map(repeat, werte, self._lengths())))


def pack_power(leistung: Sequence[int | None], bezug: Sequence[int], einspeisung: Sequence[int]) -> bytes:
    """The first power, then the others in the shortest way."""
    stellen = [stelle for stelle, wert in enumerate(leistung) if wert is not None]
    werte = [wert for wert in leistung if wert is not None]
    erster = sint(werte[0])
    if len(werte) == 1:
        return erster
    del werte[0]
    netto = list(map(sub, _differences(bezug), _differences(einspeisung)))
    if len(stellen) < len(leistung):
        netto = [netto[stelle - 1] for stelle in stellen[1:]]
    abweichungen = [wert - 4 * energie for wert, energie in zip(werte, netto, strict=True)]
    if min(abweichungen) == max(abweichungen):
        return erster + bytes((_ABWEICHUNG,)) + pack(abweichungen)
    einfach = bytes((_WERT,)) + pack(werte)
    return erster + (_pack_following(abweichungen, netto, len(einfach)) or einfach)


def _pack_following(abweichungen: Sequence[int], netto: Sequence[int], grenze: int) -> bytes | None:
    """Rice's code with as many plain bits as the energy of each interval has, more or fewer by what suits the day.

    The last value comes first, so that a reader who wants the end of the day finds it without all before it.
    None if it takes `grenze` bytes or more.
    """
    werte = [wert << 1 if wert >= 0 else ~wert << 1 | 1 for wert in abweichungen]
    # The best choice is near the logarithm of eight times the energy over the deviation.
    mitte = (8 * sum(map(abs, netto)) // sum(werte)).bit_length()
    bits, feiner, breiten = min(
        (sum(map(rshift, werte, breiten)) + len(werte) + sum(breiten), feiner, breiten)
        for feiner in (max(mitte - 1, 0), mitte)
        for breiten in [_widths(netto, feiner)]
    )
    if bits > 8 * (grenze - 3):
        return None
    unaer = pack_unary(list(map(rshift, reversed(werte), reversed(breiten))))
    reste = 0
    for wert, breite in zip(werte, breiten, strict=True):
        reste = reste << breite | wert & _MASKEN[breite]
    laenge = (sum(breiten) + 7) >> 3
    return bytes((_MITLAUFEND + feiner,)) + uint(len(unaer)) + unaer + reste.to_bytes(laenge, "little")


def _widths(netto: Sequence[int], feiner: int) -> bytes:
    """How many plain bits each value has."""
    return bytes(map(int.bit_length, netto)).translate(_BREITEN[min(feiner, _FEINSTE)])


class Leistung:
    """The power of those readings that have one."""

    def __init__(
        self, leser: Leser, art: int, anzahl: int, bezug: Register | Null, einspeisung: Register | Null
    ) -> None:
        self._anzahl = anzahl
        self._stellen = read_presence(leser, art, anzahl)
        self._erster = leser.sint()
        self._uebrige = len(self._stellen) - 1
        self._bezug, self._einspeisung = bezug, einspeisung
        self._art = leser.byte() if self._uebrige else _WERT
        if self._art < _MITLAUFEND:
            self._folge = Folge(leser, self._uebrige)
        else:
            self._unaer = leser.take(leser.uint())
            self._reste = leser.take(leser.ende - leser.stelle)

    def part(self, von: int, bis: int) -> Sequence[int | None]:
        """The power of the readings [von, bis), None without one."""
        if len(self._stellen) == self._anzahl:
            return self._values(von, bis)
        werte: list[int | None] = [None] * self._anzahl
        for stelle, wert in zip(self._stellen, self._values(0, len(self._stellen)), strict=True):
            werte[stelle] = wert
        return werte[von:bis]

    def _values(self, von: int, bis: int) -> list[int]:
        """The values at [von, bis) of those that there are."""
        if von == 0:
            return [self._erster, *self._values(1, bis)] if bis > 1 else [self._erster]
        if self._art == _WERT:
            return self._folge.part(von - 1, bis - 1)
        if self._art == _ABWEICHUNG:
            abweichungen = self._folge.part(von - 1, bis - 1)
            return [wert + 4 * energie for wert, energie in zip(abweichungen, self._net(von, bis), strict=True)]
        # The code that follows the energy is read from the end of the day.
        return self._following(self._net(von, self._uebrige + 1))[: bis - von]

    def _net(self, von: int, bis: int) -> list[int]:
        """The energy of the intervals before the values [von, bis): taken from the grid less fed into it."""
        if len(self._stellen) == self._anzahl:
            bezug, einspeisung = self._bezug.differences(von, bis), self._einspeisung.differences(von, bis)
            return bezug if isinstance(self._einspeisung, Null) else list(map(sub, bezug, einspeisung))
        netto = list(
            map(sub, self._bezug.differences(1, self._anzahl), self._einspeisung.differences(1, self._anzahl))
        )
        return [netto[stelle - 1] for stelle in self._stellen[von:bis]]

    def _following(self, netto: list[int]) -> list[int]:
        """The last values, as many as there are intervals in `netto`."""
        breiten = _widths(netto, self._art - _MITLAUFEND)[::-1]
        reste = int.from_bytes(self._reste, "little")
        orte = list(accumulate(breiten, initial=0))
        if len(netto) == self._uebrige and (orte[-1] + 7) >> 3 != len(self._reste):
            raise ValueError("length of the power")
        hoehen = unpack_unary(self._unaer, self._uebrige, 0, len(breiten))
        netto.reverse()
        werte = [
            4 * energie + ((wert := hoehe << breite | reste >> ort & _MASKEN[breite]) >> 1 ^ -(wert & 1))
            for energie, hoehe, breite, ort in zip(netto, hoehen, breiten, orte, strict=False)
        ]
        werte.reverse()
        return werte

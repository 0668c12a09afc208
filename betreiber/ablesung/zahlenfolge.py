"""Sequences of integers in few bytes, read from either end: what a day's block is made of. Pure.

A sequence is stored as its smallest value, the greatest common divisor of what exceeds it, and the quotients, each
in the same number of bits or in Rice's code, whichever is shorter; docs/tagesblock.md describes it bit by bit.
Bytes that are no such sequence raise ValueError or IndexError.
"""

import struct
from collections.abc import Sequence
from functools import lru_cache
from itertools import repeat
from math import gcd
from operator import and_, rshift, sub

# Fields of up to so many bits are spread over whole bytes, all in a few operations; wider ones are rare.
_SCHMAL = 16
# What spreads them works on a power of two of fields: no sequence is longer.
HOECHSTENS = 128
# The first byte of a sequence: Rice's code, a divisor, and the width of the fields.
_UNAER, _TEILER, _BREITE = 0x80, 0x40, 0x3F
_WEITER = 0x80


class Leser:
    """Takes values off `inhalt`, one after the other, up to `ende`."""

    __slots__ = ("ende", "inhalt", "stelle")

    def __init__(self, inhalt: bytes, stelle: int, ende: int) -> None:
        self.inhalt = inhalt
        self.stelle = stelle
        self.ende = ende

    def byte(self) -> int:
        """One byte."""
        self.stelle += 1
        return self.inhalt[self.stelle - 1]

    def take(self, anzahl: int) -> bytes:
        """So many bytes."""
        anfang = self.stelle
        self.stelle = anfang + anzahl
        if self.stelle > self.ende:
            raise ValueError("the bytes end too early")
        return self.inhalt[anfang : self.stelle]

    def uint(self) -> int:
        """A natural number: seven bits a byte, the lowest first; the high bit says that more follow (LEB128)."""
        stelle, hoehe, wert = self.stelle, 7, self.inhalt[self.stelle]
        while wert >> hoehe:
            # The high bit of the byte before stands where the next seven bits belong.
            stelle += 1
            wert ^= (self.inhalt[stelle] ^ 1) << hoehe
            hoehe += 7
        self.stelle = stelle + 1
        return wert

    def sint(self) -> int:
        """An integer, stored as a natural number: 0, -1, 1, -2, ... as 0, 1, 2, 3, ..."""
        wert = self.uint()
        return (wert >> 1) ^ -(wert & 1)


def uint(wert: int) -> bytes:
    """The bytes that `Leser.uint` reads."""
    aus = bytearray()
    while wert >= _WEITER:
        aus.append(wert & 0x7F | _WEITER)
        wert >>= 7
    aus.append(wert)
    return bytes(aus)


def sint(wert: int) -> bytes:
    """The bytes that `Leser.sint` reads."""
    return uint(zigzag(wert))


def zigzag(wert: int) -> int:
    """The natural number that stands for an integer; a small one if it is near zero."""
    return wert << 1 if wert >= 0 else (~wert << 1) | 1


def pack(werte: Sequence[int]) -> bytes:
    """The bytes of a sequence of at most 128 integers; how many there are must be known to who reads them."""
    if not werte:
        return b""
    kleinster = min(werte)
    reste = list(map(sub, werte, repeat(kleinster)))
    teiler = gcd(*reste)
    if teiler == 0:
        return b"\0" + sint(kleinster)
    art, kopf = 0, sint(kleinster)
    if teiler > 1:
        art, kopf = _TEILER, kopf + uint(teiler)
        reste = [rest // teiler for rest in reste]
    breite = max(reste).bit_length()
    stellen, laenge = _best_bits(reste)
    if breite <= _BREITE and breite * len(reste) <= laenge + 8:
        return bytes((art | breite,)) + kopf + _pack_fields(reste, breite)
    unaer = pack_unary(list(map(rshift, reste, repeat(stellen))))
    felder = _pack_fields(list(map(and_, reste, repeat((1 << stellen) - 1))), stellen)
    return bytes((art | _UNAER | stellen,)) + kopf + uint(len(unaer)) + unaer + felder


def _best_bits(werte: Sequence[int]) -> tuple[int, int]:
    """How many low bits of each natural number Rice's code stores best as they are, and how many bits all take."""
    # 2 ** bits should be near ln 2 = 0.69 of the mean.
    mitte = min((sum(werte) * 11 // (len(werte) << 4)).bit_length(), _BREITE)
    laenge, stellen = min(
        (sum(map(rshift, werte, repeat(stellen))) + (stellen + 1) * len(werte), stellen)
        for stellen in (max(mitte - 1, 0), mitte)
    )
    return stellen, laenge


class Folge:
    """A stored sequence of integers. To read a part near one of its ends costs little."""

    __slots__ = ("_ab", "_ende", "_felder", "_kleinster", "_stellen", "_teiler", "_unaer", "anzahl")

    def __init__(self, leser: Leser, anzahl: int) -> None:
        """Takes `anzahl` integers off the reader; they are decoded when somebody asks for them."""
        self.anzahl = anzahl
        # What was asked for last of those that reach to the end: the others mostly lie in it.
        self._ab = anzahl
        self._ende: list[int] = []
        self._kleinster, self._teiler, self._stellen, self._unaer, self._felder = _take(leser, anzahl)

    def part(self, von: int, bis: int) -> list[int]:
        """The integers at the places [von, bis)."""
        if von < self._ab:
            if bis < self.anzahl:
                return self._decode(von, bis)
            self._ab, self._ende = von, self._decode(von, bis)
        return self._ende[von - self._ab : bis - self._ab]

    def _decode(self, von: int, bis: int) -> list[int]:
        kleinster, teiler = self._kleinster, self._teiler
        if not teiler or von == bis:
            return [kleinster] * (bis - von)
        stellen = self._stellen
        reste = _unpack_fields(self._felder, stellen, self.anzahl, von, bis)
        if self._unaer is None:
            return [kleinster + teiler * rest for rest in reste]
        hoehen = unpack_unary(self._unaer, self.anzahl, von, bis)
        teiler_oben = teiler << stellen
        return [kleinster + teiler_oben * hoehe + teiler * rest for hoehe, rest in zip(hoehen, reste, strict=True)]


def take_tail(leser: Leser, anzahl: int, von: int) -> int:
    """Take a sequence of `anzahl` integers off the reader; the sum of those from place `von` to the end."""
    kleinster, teiler, stellen, unaer, felder = _take(leser, anzahl)
    hinten = anzahl - von
    if not teiler or not hinten:
        return hinten * kleinster
    summe = _sum_fields(felder, stellen, anzahl, von)
    if unaer is not None:
        summe += _sum_unary(unaer, anzahl, von) << stellen
    return hinten * kleinster + teiler * summe


def _take(leser: Leser, anzahl: int) -> tuple[int, int, int, bytes | None, bytes]:
    """A sequence in its parts: smallest value, divisor (0: all are equal), low bits, Rice's upper part, fields."""
    if not anzahl:
        return 0, 0, 0, None, b""
    art, kleinster = leser.byte(), leser.sint()
    if not art:
        return kleinster, 0, 0, None, b""
    teiler = leser.uint() if art & _TEILER else 1
    stellen = art & _BREITE
    unaer = leser.take(leser.uint()) if art & _UNAER else None
    return kleinster, teiler, stellen, unaer, leser.take((anzahl * stellen + 7) >> 3)


def pack_unary(werte: Sequence[int]) -> bytes:
    """Natural numbers as so many ones and a zero each, from the highest bit on, filled up with ones."""
    bits = "0".join(["1" * wert for wert in werte]) + "0"
    return int(bits + "1" * (-len(bits) % 8), 2).to_bytes((len(bits) + 7) >> 3, "big")


def unpack_unary(inhalt: bytes, anzahl: int, von: int, bis: int) -> list[int]:
    """The numbers at the places [von, bis) of `anzahl` in `inhalt`."""
    # A one before the first bit keeps its zeros.
    bits = bin(int.from_bytes(b"\1" + inhalt, "big"))[3:]
    if 2 * von >= anzahl:
        teile = bits.rsplit("0", anzahl - von + 1)[von - anzahl - 1 :][: bis - von]
    else:
        teile = bits.split("0", bis)[von:bis]
    if len(teile) < bis - von:
        raise ValueError("fewer values than promised")
    return list(map(len, teile))


def _sum_unary(inhalt: bytes, anzahl: int, von: int) -> int:
    """The sum of the numbers from place `von` to the end, by the zeros that end them: half of the work near it."""
    if 2 * von < anzahl:
        return sum(unpack_unary(inhalt, anzahl, von, anzahl))
    bits = f"{int.from_bytes(inhalt, 'big'):b}"
    enden = anzahl - von + 1
    teile = bits.rsplit("0", enden)
    # Zeros at the very beginning got lost with the number; then there may be too few of them.
    if len(teile) <= enden:
        return sum(unpack_unary(inhalt, anzahl, von, anzahl))
    return len(bits) - len(teile[0]) - len(teile[-1]) - enden


def _pack_fields(werte: Sequence[int], breite: int) -> bytes:
    """Natural numbers of `breite` bits each, the first one in the lowest bits of the first byte."""
    if breite > _SCHMAL:
        zahl = 0
        for wert in reversed(werte):
            zahl = zahl << breite | wert
    else:
        weite, art = _space(breite)
        zahl = int.from_bytes(struct.pack(f"<{len(werte)}{art}", *werte), "little")
        for schub, unten, oben in reversed(_steps(breite, weite)):
            zahl = zahl & unten | zahl >> schub & oben
    return zahl.to_bytes((len(werte) * breite + 7) >> 3, "little")


def _unpack_fields(inhalt: bytes, breite: int, anzahl: int, von: int, bis: int) -> Sequence[int]:
    zahl = int.from_bytes(inhalt, "little")
    if zahl >> anzahl * breite:
        raise ValueError("bits beyond the last value")
    if breite > _SCHMAL or bis - von < HOECHSTENS >> 3:
        maske = (1 << breite) - 1
        return [zahl >> stelle * breite & maske for stelle in range(von, bis)]
    weite, art = _space(breite)
    for schub, unten, oben in _steps(breite, weite):
        zahl = zahl & unten | (zahl & oben) << schub
    return struct.unpack(f"<{anzahl}{art}", zahl.to_bytes(anzahl * weite >> 3, "little"))[von:bis]


def _sum_fields(inhalt: bytes, breite: int, anzahl: int, von: int) -> int:
    """The sum of the fields from place `von` to the end, without a list of them if they are few."""
    if anzahl - von >= HOECHSTENS >> 3:
        return sum(_unpack_fields(inhalt, breite, anzahl, von, anzahl))
    zahl = int.from_bytes(inhalt, "little")
    if zahl >> anzahl * breite:
        raise ValueError("bits beyond the last value")
    zahl >>= von * breite
    maske = (1 << breite) - 1
    summe = 0
    while zahl:
        summe += zahl & maske
        zahl >>= breite
    return summe


def _space(breite: int) -> tuple[int, str]:
    """Bits into which a narrow field is spread, and their letter in `struct`."""
    return (8, "B") if breite <= 8 else (16, "H")


@lru_cache(_SCHMAL + 1)
def _steps(breite: int, weite: int) -> tuple[tuple[int, int, int], ...]:
    """How to spread 128 fields of `breite` bits over `weite` each: (shift, mask of what stays, of what moves).

    The upper 64 fields move up by 64 times the difference; then, in each half, the upper 32; and so on.
    """
    schritte = []
    felder = HOECHSTENS >> 1
    while felder:
        feld = (1 << felder * breite) - 1
        unten = sum(feld << anfang * weite for anfang in range(0, HOECHSTENS, 2 * felder))
        schritte.append((felder * (weite - breite), unten, unten << felder * breite))
        felder >>= 1
    return tuple(schritte)

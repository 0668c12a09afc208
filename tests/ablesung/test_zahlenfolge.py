"""Sequences of integers: bytes by hand, and every part of any sequence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from betreiber.ablesung.zahlenfolge import Folge, Leser, pack, pack_unary, sint, uint, unpack_unary


def sequence(inhalt, anzahl):
    leser = Leser(inhalt, 0, len(inhalt))
    folge = Folge(leser, anzahl)
    assert leser.stelle == len(inhalt)
    return folge


@pytest.mark.parametrize(
    ("werte", "hexadezimal"),
    [
        ([], ""),
        ([7, 7, 7], "00 0e"),
        ([-1], "00 01"),
        # 0, 1, 9 times 10 above 10, in four bits each.
        ([10, 20, 100], "44 14 0a 10 09"),
        # Rice with no plain bits: 0000000 10 0000000 1{20}0, filled up with 111.
        ([0] * 7 + [1] + [0] * 7 + [20], "80 00 05 01 00 ff ff f7"),
        # 2**20 in one of two: 21 bits are wider than what is spread over bytes.
        ([0, 2**20, 1], "15 00 00 00 00 00 00 06 00 00"),
    ],
)
def test_bytes_written_by_hand(werte, hexadezimal):
    assert pack(werte) == bytes.fromhex(hexadezimal)
    assert sequence(bytes.fromhex(hexadezimal), len(werte)).part(0, len(werte)) == werte


# Wikipedia, LEB128: 624485 is e5 8e 26.
@pytest.mark.parametrize(("wert", "inhalt"), [(0, "00"), (127, "7f"), (128, "8001"), (624485, "e58e26")])
def test_numbers_of_seven_bits_a_byte(wert, inhalt):
    assert uint(wert).hex() == inhalt
    assert Leser(bytes.fromhex(inhalt), 0, 9).uint() == wert


@pytest.mark.parametrize(("wert", "inhalt"), [(0, "00"), (-1, "01"), (1, "02"), (-64, "7f"), (64, "8001")])
def test_signed_numbers(wert, inhalt):
    assert sint(wert).hex() == inhalt
    assert Leser(bytes.fromhex(inhalt), 0, 9).sint() == wert


def test_unary():
    assert pack_unary([2, 0, 1]) == bytes([0b11001011])
    assert unpack_unary(bytes([0b11001011]), 3, 0, 3) == [2, 0, 1]


FOLGEN = st.one_of(
    st.lists(st.integers(0, grenze), min_size=1, max_size=128) for grenze in (1, 9, 255, 256, 70_000, 2**64)
) | st.lists(st.integers(-(2**64), 2**64), max_size=96)


@given(FOLGEN, st.data())
def test_every_part(werte, daten):
    inhalt = pack(werte)
    von = daten.draw(st.integers(0, len(werte)))
    bis = daten.draw(st.integers(von, len(werte)))
    assert sequence(inhalt, len(werte)).part(von, bis) == werte[von:bis]
    assert sequence(inhalt, len(werte)).part(0, len(werte)) == werte

"""Seven-segment characters: which segments of a digit are lit.

The segments are named as on every data sheet: a on top, then clockwise b c d e f, and g in the middle::

     aaa
    f   b
     ggg
    e   c
     ddd
"""

from __future__ import annotations

from typing import NamedTuple

SEGMENTE = "abcdefg"

_ZEICHEN = {
    " ": "",
    "-": "g",
    "0": "abcdef",
    "1": "bc",
    "2": "abdeg",
    "3": "abcdg",
    "4": "bcfg",
    "5": "acdfg",
    "6": "acdefg",
    "7": "abc",
    "8": "abcdefg",
    "9": "abcdfg",
    "C": "adef",
    "E": "adefg",
    "F": "aefg",
    "H": "bcefg",
    "I": "ef",
    "L": "def",
    "O": "abcdef",
    "P": "abefg",
    "S": "acdfg",
    "d": "bcdeg",
    "i": "e",
    "n": "ceg",
    "r": "eg",
}


class Zelle(NamedTuple):
    """One digit: its lit segments, and whether the point after it is lit."""

    segmente: str
    punkt: bool = False


def cells(text: str, stellen: int) -> list[Zelle]:
    """The cells of a line with ``stellen`` digits, right-aligned; a point belongs to the character before it.

    Raises ValueError for a text that is too long and KeyError for a character that seven segments cannot show.
    """
    zellen: list[Zelle] = []
    for zeichen in text:
        if zeichen == ".":
            zellen[-1] = Zelle(zellen[-1].segmente, punkt=True)
        else:
            zellen.append(Zelle(_ZEICHEN[zeichen]))
    if len(zellen) > stellen:
        raise ValueError(f"{text!r} does not fit into {stellen} digits")
    return [Zelle("")] * (stellen - len(zellen)) + zellen

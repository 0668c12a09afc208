"""Seven segments: the table against a picture drawn by hand."""

from __future__ import annotations

import pytest

from stromzaehler_sim.anzeige.segmente import Zelle, cells

# Each character as three rows of the classic calculator drawing; "_" and "|" are lit segments.
BILD = {
    "0": (" _ ", "| |", "|_|"),
    "1": ("   ", "  |", "  |"),
    "2": (" _ ", " _|", "|_ "),
    "3": (" _ ", " _|", " _|"),
    "4": ("   ", "|_|", "  |"),
    "5": (" _ ", "|_ ", " _|"),
    "6": (" _ ", "|_ ", "|_|"),
    "7": (" _ ", "  |", "  |"),
    "8": (" _ ", "|_|", "|_|"),
    "9": (" _ ", "|_|", " _|"),
    "-": ("   ", " _ ", "   "),
    " ": ("   ", "   ", "   "),
    "P": (" _ ", "|_|", "|  "),
    "E": (" _ ", "|_ ", "|_ "),
    "H": ("   ", "|_|", "| |"),
    "I": ("   ", "|  ", "|  "),
    "S": (" _ ", "|_ ", " _|"),
    "C": (" _ ", "|  ", "|_ "),
    "L": ("   ", "|  ", "|_ "),
    "F": (" _ ", "|_ ", "|  "),
    "O": (" _ ", "| |", "|_|"),
    "d": ("   ", " _|", "|_|"),
    "n": ("   ", " _ ", "| |"),
    "r": ("   ", " _ ", "|  "),
    "i": ("   ", "   ", "|  "),
}


@pytest.mark.parametrize("zeichen", BILD)
def test_each_character_looks_as_drawn(zeichen: str) -> None:
    [zelle] = cells(zeichen, 1)

    def lit(segment: str, strich: str) -> str:
        return strich if segment in zelle.segmente else " "

    assert BILD[zeichen] == (
        " " + lit("a", "_") + " ",
        lit("f", "|") + lit("g", "_") + lit("b", "|"),
        lit("e", "|") + lit("d", "_") + lit("c", "|"),
    )


def test_a_point_belongs_to_the_character_before_it() -> None:
    assert cells("7.1", 4) == [Zelle(""), Zelle(""), Zelle("abc", punkt=True), Zelle("bc")]


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        cells("123", 2)
    with pytest.raises(KeyError):
        cells("K", 2)

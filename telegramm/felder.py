"""Checks of single fields, shared by all messages; each raises InhaltUngueltig when its rule is broken."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from telegramm import cbor
from telegramm.cbor import INT_MAX
from telegramm.fehler import InhaltUngueltig
from telegramm.zaehlernummer import ZAEHLERNUMMER

# Version of the messages of profile msb-1.
VERSION: Final = 1
# Length of a quarter hour in seconds: readings and gaps lie on its edges.
VIERTELSTUNDE_S: Final = 900
# At most this many rows of any kind in one message.
MAX_ZEILEN: Final = 1000
ANFRAGE_BYTES: Final = 16
SHA256_BYTES: Final = 32

# Codes of events and orders, made for machines.
CODE: Final = re.compile(r"[A-Z][A-Z0-9_]{0,63}")


def check_int(feld: str, wert: object, kleinster: int = 0, groesster: int = INT_MAX) -> int:
    """An integer, not a bool, from `kleinster` to `groesster`, both included."""
    if type(wert) is not int:
        raise InhaltUngueltig(feld, "must be an integer")
    if not kleinster <= wert <= groesster:
        raise InhaltUngueltig(feld, f"must be from {kleinster} to {groesster}")
    return wert


def check_text(feld: str, wert: object, laengster: int) -> str:
    """Text of 1 to `laengster` printable characters: nothing that could forge a line of a log."""
    if type(wert) is not str:
        raise InhaltUngueltig(feld, "must be text")
    if not 1 <= len(wert) <= laengster or not wert.isprintable():
        raise InhaltUngueltig(feld, f"must be 1 to {laengster} printable characters")
    return wert


def check_pattern(feld: str, wert: object, muster: re.Pattern[str]) -> str:
    """Text that matches the pattern as a whole."""
    if type(wert) is not str or muster.fullmatch(wert) is None:
        raise InhaltUngueltig(feld, f"must match {muster.pattern}")
    return wert


def check_bytes(feld: str, wert: object, kuerzester: int, laengster: int) -> bytes:
    """A byte string of `kuerzester` to `laengster` bytes."""
    if type(wert) is not bytes:
        raise InhaltUngueltig(feld, "must be bytes")
    if not kuerzester <= len(wert) <= laengster:
        raise InhaltUngueltig(feld, f"must be {kuerzester} to {laengster} bytes")
    return wert


def check_zaehler(wert: object) -> str:
    """The meter number in its one form on the wire: 14 characters without spaces."""
    return check_pattern("zaehler", wert, ZAEHLERNUMMER)


def check_map(feld: str, wert: object, pflicht: frozenset[str], wahl: frozenset[str]) -> dict[str, Any]:
    """A map with all keys of `pflicht`, any of `wahl`, and no others."""
    if type(wert) is not dict:
        raise InhaltUngueltig(feld, "must be a map")
    if fehlend := pflicht - wert.keys():
        raise InhaltUngueltig(feld, f"field is missing: {min(fehlend)}")
    if fremd := wert.keys() - pflicht - wahl:
        raise InhaltUngueltig(feld, f"unknown field: {min(fremd)!a}")
    return wert


def check_version(felder: Mapping[str, object]) -> None:
    """`v` is the version of this profile."""
    if check_int("v", felder["v"]) != VERSION:
        raise InhaltUngueltig("v", f"version {VERSION} is required")


def read_document(feld: str, daten: bytes, namen: Iterable[str], art: str | None = None) -> dict[str, Any]:
    """The fields `namen` of a CBOR map that has them all, `v`, and, when one is named, this `art`."""
    kopf = {"v"} if art is None else {"v", "art"}
    felder = check_map(feld, cbor.decode(daten), frozenset(kopf.union(namen)), frozenset())
    check_version(felder)
    del felder["v"]
    if art is not None and felder.pop("art") != art:
        raise InhaltUngueltig("art", f"must be {art}")
    return felder


def check_tuple(feld: str, wert: object, laengster: int = MAX_ZEILEN) -> tuple[Any, ...]:
    """A tuple of at most `laengster` members."""
    if type(wert) is not tuple:
        raise InhaltUngueltig(feld, "must be a tuple")
    if len(wert) > laengster:
        raise InhaltUngueltig(feld, f"must have at most {laengster} members")
    return wert


def to_tuple(feld: str, wert: object) -> tuple[Any, ...]:
    """An array of the wire as a tuple; its members stay as they are."""
    if type(wert) is not list:
        raise InhaltUngueltig(feld, "must be an array")
    return tuple(wert)


def to_rows(
    feld: str, wert: object, breite: int, to_row: Callable[[list[Any]], tuple[Any, ...]] = tuple
) -> tuple[Any, ...]:
    """An array of arrays of `breite` members each, as a tuple of what `to_row` makes of them."""
    if type(wert) is not list:
        raise InhaltUngueltig(feld, "must be an array")
    if not set(map(type, wert)) <= {list} or not set(map(len, wert)) <= {breite}:
        raise InhaltUngueltig(feld, f"each member must be an array of {breite}")
    return tuple(map(to_row, wert))


def check_luecken(wert: object) -> None:
    """Gaps: half-open periods [von, bis) in seconds since 1970, on quarter-hour edges, ascending, disjoint."""
    ende = -1
    for nummer, luecke in enumerate(check_tuple("luecken", wert)):
        feld = f"luecken[{nummer}]"
        if type(luecke) is not tuple or len(luecke) != 2:
            raise InhaltUngueltig(feld, "must be a pair (von, bis)")
        von, bis = (check_int(feld, rand) for rand in luecke)
        if von % VIERTELSTUNDE_S or bis % VIERTELSTUNDE_S:
            raise InhaltUngueltig(feld, f"must lie on multiples of {VIERTELSTUNDE_S} s")
        if not ende < von < bis:
            raise InhaltUngueltig(feld, "must be ascending, not empty, and apart from each other")
        ende = bis

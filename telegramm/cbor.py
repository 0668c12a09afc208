"""Deterministic CBOR (RFC 8949, 4.2.1) in the small subset that the profile needs.

Integers of 64 bits, bytes, text, booleans, null, arrays, and maps with text keys. One value has exactly one
encoding, so that the SHA-256 of a plaintext names its content.
"""

from __future__ import annotations

from bisect import bisect_left
from functools import lru_cache
from itertools import chain, repeat
from typing import Any, Final, NoReturn

import cbor2

from telegramm.fehler import InhaltUngueltig

INT_MIN: Final = -(2**63)
INT_MAX: Final = 2**63 - 1
MAX_DEPTH: Final = 8

_NONE_TYPE = type(None)

# From each of these arguments on a head is longer by the given number of bytes (RFC 8949, 3): 1, 2, 3, 5 or 9.
_STEPS: Final = ((24, 1), (256, 1), (65_536, 2), (4_294_967_296, 4))


def _refuse_tag(*_: object) -> NoReturn:
    raise ValueError("tags are not allowed")


# The decoder has built-in types for some of these tags (dates, fractions, shared references); the rest of the
# 64-bit space goes to its tag hook.
_NO_TAGS = dict.fromkeys((*range(1300), 43_000, 55_799), _refuse_tag)


def encode(wert: object) -> bytes:
    """Encode deterministically; InhaltUngueltig for a value outside the subset or deeper than MAX_DEPTH.

    Tuples become arrays. The result is read back, so that nothing can be written that the other side refuses.
    """
    try:
        daten = cbor2.dumps(wert, canonical=True)
    except (cbor2.CBORError, ValueError):
        raise InhaltUngueltig("", "not a value of the profile's CBOR") from None
    decode(daten)
    return daten


def decode(daten: bytes, max_depth: int = MAX_DEPTH) -> Any:
    """Decode strictly; InhaltUngueltig for everything that `encode` would not have written.

    That is: other types (floats, tags, undefined, big integers), duplicate keys, keys that are no text, more than
    `max_depth` nested containers, indefinite or over-long lengths, unsorted keys, and trailing bytes.
    """
    try:
        wert: Any = cbor2.loads(
            daten,
            tag_hook=_refuse_tag,
            semantic_decoders=_NO_TAGS,
            max_depth=max_depth,
            allow_indefinite=False,
            allow_duplicate_keys=False,
            strict_hashable_types=True,
        )
    except cbor2.CBORError:
        raise InhaltUngueltig("", "not the profile's CBOR") from None
    # Left to be refused are other types, unsorted keys, an empty container one level too deep, heads that are too
    # long, and bytes behind the value. _measure finds the first three. An encoding is the shortest one exactly if
    # each of its heads is, so one comparison of lengths finds the other two; that is cheaper than to encode again.
    if _measure(wert, max_depth) != len(daten):
        raise InhaltUngueltig("", "not the shortest CBOR encoding")
    return wert


def _head(argument: int) -> int:
    """Length in bytes of the shortest head with this argument, which is not negative."""
    if argument < 24:
        return 1
    if argument < 256:
        return 2
    if argument < 65_536:
        return 3
    return 5 if argument < 4_294_967_296 else 9


def _measure_column(werte: list[int]) -> int:
    """Length in bytes of integers in ascending order, without an array around them."""
    kleinster, groesster = werte[0], werte[-1]
    if kleinster < INT_MIN or groesster > INT_MAX:
        raise InhaltUngueltig("", "an integer does not fit into 64 bits")
    # A negative n has the argument -1 - n: its head grows below -24, -256, ...
    laenge = anzahl = len(werte)
    for grenze, zuwachs in _STEPS:
        if kleinster >= grenze:
            laenge += zuwachs * anzahl
        elif groesster >= grenze or kleinster < -grenze:
            laenge += zuwachs * (anzahl - bisect_left(werte, grenze) + bisect_left(werte, -grenze))
        else:
            break
    return laenge


def _measure_table(zeilen: list[list[int | None]]) -> int:
    """Length in bytes of equally long rows of integers and nulls, without the array around them.

    Readings are such a table and are nearly all of a long message: column by column it costs a fraction.
    """
    laenge = _head(len(zeilen[0])) * len(zeilen)
    for spalte in zip(*zeilen, strict=True):
        zahlen = sorted(spalte) if None not in spalte else sorted(wert for wert in spalte if wert is not None)
        laenge += len(spalte) - len(zahlen)
        if zahlen:
            laenge += _measure_column(zahlen)
    return laenge


def _measure(wert: Any, tiefe: int) -> int:
    """Length in bytes of the shortest encoding of a decoded value; InhaltUngueltig if it is outside the subset.

    `tiefe` is the number of nested containers that are still allowed. The decoder makes no subclasses, so the type
    itself decides; that a bool is an int plays no part.
    """
    typ = type(wert)
    if typ is int:
        if 0 <= wert <= INT_MAX:
            return _head(wert)
        return _measure_column([wert])
    if typ is str:
        laenge = len(wert.encode())
        return _head(laenge) + laenge
    if typ is bytes:
        return _head(len(wert)) + len(wert)
    if wert is None or typ is bool:
        return 1
    if typ is not dict and typ is not list:
        raise InhaltUngueltig("", f"type {typ.__name__} is not allowed")
    if tiefe == 0:
        raise InhaltUngueltig("", "nested too deeply")
    if typ is dict:
        return _measure_keys(tuple(wert)) + sum(map(_measure, wert.values(), repeat(tiefe - 1)))
    return _measure_array(wert, tiefe - 1)


def _measure_array(wert: list[Any], tiefe: int) -> int:
    laenge = _head(len(wert))
    if tiefe > 0 and set(map(type, wert)) == {list} and len(set(map(len, wert))) == 1:
        typen = set(map(type, chain.from_iterable(wert)))
        if typen <= {int, _NONE_TYPE}:
            return laenge + _measure_table(wert)
    return laenge + sum(map(_measure, wert, repeat(tiefe)))


@lru_cache(maxsize=256)
def _measure_keys(schluessel: tuple[object, ...]) -> int:
    """Length in bytes of the head and the keys of a map. Messages of a kind have the same few tuples."""
    laenge = _head(len(schluessel))
    voriger = (-1, b"")
    for name in schluessel:
        if type(name) is not str:
            raise InhaltUngueltig("", "a key is not text")
        # Among text keys, the order of the encoded keys is: the shorter one first, then by bytes.
        kodiert = name.encode()
        naechster = (len(kodiert), kodiert)
        if naechster <= voriger:
            raise InhaltUngueltig("", "keys are not sorted")
        voriger = naechster
        laenge += _head(len(kodiert)) + len(kodiert)
    return laenge

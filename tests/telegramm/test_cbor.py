"""Deterministic CBOR: one encoding for a value, and nothing else is read.

The encodings are written by hand, many of them out of RFC 8949, appendix A.
"""

from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telegramm import cbor
from telegramm.fehler import InhaltUngueltig

GUT: list[tuple[Any, str]] = [
    (0, "00"),
    (23, "17"),
    (24, "1818"),
    (255, "18ff"),
    (256, "190100"),
    (65_535, "19ffff"),
    (65_536, "1a00010000"),
    (4_294_967_295, "1affffffff"),
    (4_294_967_296, "1b0000000100000000"),
    (2**63 - 1, "1b7fffffffffffffff"),
    (-1, "20"),
    (-24, "37"),
    (-25, "3818"),
    (-256, "38ff"),
    (-257, "390100"),
    (-65_536, "39ffff"),
    (-65_537, "3a00010000"),
    (-4_294_967_296, "3affffffff"),
    (-4_294_967_297, "3b0000000100000000"),
    (-(2**63), "3b7fffffffffffffff"),
    (False, "f4"),
    (True, "f5"),
    (None, "f6"),
    (b"", "40"),
    (b"\x01\x02", "420102"),
    (b"x" * 24, "5818" + "78" * 24),
    ("", "60"),
    ("ü", "62c3bc"),
    ("a" * 256, "790100" + "61" * 256),
    ([], "80"),
    ([1, [2, 3]], "8201820203"),
    ([[]], "8180"),
    ([[], []], "828080"),
    ([[1, None], [24, -25]], "828201f68218183818"),
    ([[None], [None]], "8281f681f6"),
    ([[1], [True]], "82810181f5"),
    ([[1], [2, 3]], "828101820203"),
    ([0] * 24, "9818" + "00" * 24),
    ({}, "a0"),
    ({"a": 1, "b": [2]}, "a26161016162" + "8102"),
    ({"b": 1, "aa": 2}, "a2616201" + "62616102"),
    ({"é": 1, "zz": 2}, "a2627a7a0262c3a901"),
    ([[[[[[[[]]]]]]]], "81" * 7 + "80"),
]

SCHLECHT = {
    "nothing": "",
    "truncated": "18",
    "trailing byte": "0000",
    "integer too long": "1817",
    "integer much too long": "1b0000000000000001",
    "negative too long": "3817",
    "length of bytes too long": "580101",
    "length of text too long": "780161",
    "length of array too long": "980101",
    "length of map too long": "b801616101",
    "length of a key too long": "a178016101",
    "integer too long in a table": "828101811817",
    "null in two bytes": "f816",
    "2^63": "1b8000000000000000",
    "2^64-1": "1bffffffffffffffff",
    "-2^63-1": "3b8000000000000000",
    "2^63 in a table": "81811b8000000000000000",
    "big integer": "c249010000000000000000",
    "small big integer": "c24101",
    "half float": "f93c00",
    "float": "fa47c35000",
    "double": "fb3ff199999999999a",
    "NaN": "f97e00",
    "infinity": "f97c00",
    "float in a table": "8181f93c00",
    "undefined": "f7",
    "simple value": "e0",
    "simple value 255": "f8ff",
    "date": "c074323031332d30332d32315432303a30343a30305a",
    "epoch date": "c11a514b67b0",
    "fraction": "c48221196ab3",
    "shared value": "d81c80",
    "reference": "d81d00",
    "reference to itself": "d81c81d81d00",
    "regular expression": "d8236161",
    "unknown tag": "d9ffff00",
    "self-described": "d9d9f700",
    "indefinite array": "9f00ff",
    "indefinite map": "bf616101ff",
    "indefinite bytes": "5f4101ff",
    "indefinite text": "7f6161ff",
    "doubled key": "a2616101616101",
    "doubled key with another value": "a2616101616102",
    "keys not sorted": "a2616201616101",
    "longer key first": "a262616101616202",
    "integer key": "a10101",
    "bytes key": "a1416101",
    "array key": "a1800f",
    "null key": "a1f601",
    "not UTF-8": "61ff",
    "half of a surrogate pair": "63eda080",
    "nine arrays": "81" * 8 + "80",
    "nine maps": "a16161" * 8 + "a0",
    "bomb": "81" * 60_000,
    "huge array": "9bffffffffffffffff",
    "huge text": "7bffffffffffffffff",
    "huge bytes": "5b7fffffffffffffff",
    "reserved": "1c",
    "break": "ff",
}


@pytest.mark.parametrize(("wert", "kodiert"), GUT, ids=[kodiert[:24] for _, kodiert in GUT])
def test_one_encoding(wert: object, kodiert: str) -> None:
    assert cbor.encode(wert).hex() == kodiert
    gelesen = cbor.decode(bytes.fromhex(kodiert))
    assert gelesen == wert
    assert type(gelesen) is type(wert)


@pytest.mark.parametrize("name", SCHLECHT)
def test_refused(name: str) -> None:
    with pytest.raises(InhaltUngueltig):
        cbor.decode(bytes.fromhex(SCHLECHT[name]))


def test_order_of_keys_is_made_by_encode() -> None:
    assert cbor.encode({"bb": 1, "c": 2, "a": 3}).hex() == "a361610361630262626201"


def test_tuples_become_arrays() -> None:
    assert cbor.encode((1, (2,))).hex() == "82018102"


def test_depth_is_a_parameter() -> None:
    assert cbor.decode(b"\x81\x80", max_depth=2) == [[]]
    with pytest.raises(InhaltUngueltig):
        cbor.decode(b"\x81\x80", max_depth=1)


@pytest.mark.parametrize(
    "wert",
    [
        1.0,
        float("nan"),
        2**63,
        -(2**63) - 1,
        {1: 2},
        {b"a": 1},
        {"a": {1, 2}},
        "\ud800",
        pytest.param(object(), id="object()"),
        [[[[[[[[[]]]]]]]]],
    ],
    ids=repr,
)
def test_encode_writes_only_what_decode_reads(wert: object) -> None:
    with pytest.raises(InhaltUngueltig):
        cbor.encode(wert)


def test_encode_refuses_what_contains_itself() -> None:
    kreis: list[object] = []
    kreis.append(kreis)
    with pytest.raises(InhaltUngueltig):
        cbor.encode(kreis)


einfach = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.binary(max_size=300) | st.text(max_size=300)
)
zahl = st.none() | st.integers(-(2**63), 2**63 - 1) | st.integers(-300, 300)
tabelle = st.integers(0, 5).flatmap(
    lambda breite: st.lists(st.lists(zahl, min_size=breite, max_size=breite), max_size=30)
)
werte = st.recursive(
    einfach | tabelle,
    lambda kinder: st.lists(kinder, max_size=30) | st.dictionaries(st.text(max_size=30), kinder, max_size=30),
    max_leaves=20,
)


@given(werte)
def test_agrees_with_the_encoder_of_the_library(wert: object) -> None:
    """The own check of canonical form accepts exactly what encoding again would give."""
    kanonisch = cbor2.dumps(wert, canonical=True)
    try:
        gelesen = cbor.decode(kanonisch)
    except InhaltUngueltig:
        with pytest.raises(cbor2.CBORError):
            cbor2.loads(kanonisch, max_depth=8)
    else:
        assert gelesen == wert
        assert cbor.encode(gelesen) == kanonisch


@given(werte, st.data())
def test_accepts_no_second_encoding(wert: object, data: st.DataObject) -> None:
    """Any bytes that are read at all are the ones that would be written."""
    daten = bytearray(cbor2.dumps(wert, canonical=True))
    stelle = data.draw(st.integers(0, len(daten) - 1))
    daten[stelle] ^= data.draw(st.integers(1, 255))
    try:
        gelesen = cbor.decode(bytes(daten))
    except InhaltUngueltig:
        return
    assert cbor2.dumps(gelesen, canonical=True) == daten


@given(st.binary(max_size=60))
def test_noise_raises_nothing_else(daten: bytes) -> None:
    try:
        gelesen = cbor.decode(daten)
    except InhaltUngueltig:
        return
    assert cbor2.dumps(gelesen, canonical=True) == daten

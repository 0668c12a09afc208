"""The block of a day: bytes written by hand, any day of any values, damage, and what real households take."""

import csv
import gzip
import math
import random
import zlib
from contextlib import suppress
from itertools import accumulate, pairwise
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from betreiber.ablesung.domain import Ablesung, Herkunft, Qualitaet
from betreiber.ablesung.tagesblock import (
    TAG_S,
    VERSION,
    BlockUngueltig,
    decode,
    decode_registers,
    encode,
    energy_at,
    register_at,
)

LASTEN = (
    Path(__file__).parents[3] / "shared" / "realdaten" / "load" / "swiss_bamberg" / "dev_40_households_wh.csv.gz"
)
TAG = 20_000
T = TAG * TAG_S
INT64 = st.integers(-(2**63), 2**63 - 1)


def reading(platz, bezug=1000, einspeisung=0, leistung=None, *, qualitaet=0, status=0, verzug=5, herkunft=0):
    zeit = T + 900 * platz
    return Ablesung(
        zeit, bezug, einspeisung, leistung, Qualitaet(qualitaet), status, zeit + verzug, Herkunft(herkunft)
    )


def sealed(inhalt):
    """The bytes with their checksum."""
    return inhalt + (zlib.crc32(inhalt) & 0xFFFF).to_bytes(2, "little")


# Worked out by hand along docs/tagesblock.md, where they are explained byte by byte.
EINE = "01 0e 01 00 01 d0 0f 01 00 0a"
VIER = "01 42 01 00 04 d4 11 44 14 0a 10 09 04 01 0e 0a 01 00 0a 64 06 01 ab 28 02"
VEKTOREN = [
    (EINE, [reading(0)]),
    (
        VIER,
        [
            reading(0, 1000, leistung=50, status=5, verzug=7),
            reading(1, 1010, leistung=43, status=5, verzug=8),
            reading(2, 1030, leistung=75, status=5, verzug=7),
            reading(3, 1130, leistung=420, status=5, verzug=8),
        ],
    ),
]


@pytest.mark.parametrize(("hexadezimal", "ablesungen"), VEKTOREN)
def test_bytes_written_by_hand(hexadezimal, ablesungen):
    inhalt = sealed(bytes.fromhex(hexadezimal))
    assert encode(TAG, ablesungen) == inhalt
    assert decode(TAG, inhalt) == ablesungen


def test_the_documented_checksums():
    text = (Path(__file__).parents[2] / "docs" / "tagesblock.md").read_text(encoding="utf-8")
    for hexadezimal, _ in VEKTOREN:
        assert f"`{sealed(bytes.fromhex(hexadezimal)).hex(' ')}`" in text


@st.composite
def days(draw):
    """Days as meters make them, and days as nobody would: gaps, falls, corrections, single extremes."""
    plaetze = draw(
        st.one_of(
            st.just(range(96)),
            st.sets(st.integers(0, 95), min_size=1).map(sorted),
            st.integers(0, 94).map(lambda anfang: range(anfang, 96)),
        )
    )
    anzahl = len(plaetze)

    def column(*arten):
        return draw(st.one_of(*(st.lists(art, min_size=anzahl, max_size=anzahl) for art in arten)))

    schritt = draw(st.sampled_from([1, 5, 10]))
    energie = column(st.integers(0, 400), st.just(0), st.integers(-3, 10**7))
    bezug = list(accumulate((schritt * wh for wh in energie[1:]), initial=draw(st.integers(0, 10**10))))
    einspeisung = column(st.just(0), st.just(draw(INT64)), st.integers(0, 10**6), INT64)
    mittel = [0, *(4 * (b - a) for a, b in pairwise(bezug))]
    leistung = [
        wert if wert is None or art == "frei" else mittel[stelle] + wert
        for art in [draw(st.sampled_from(["frei", "mittel"]))]
        for stelle, wert in enumerate(
            column(st.none(), st.just(0), st.integers(-50, 50), st.none() | st.integers(-9000, 9000), INT64)
        )
    ]
    extrem = draw(st.dictionaries(st.integers(0, anzahl - 1), INT64, max_size=3))
    bezug = [extrem.get(stelle, wert) for stelle, wert in enumerate(bezug)]
    leistung = [None if wert is None else max(min(wert, 2**63 - 1), -(2**63)) for wert in leistung]
    qualitaet = column(st.just(Qualitaet.ABGELESEN), st.sampled_from(Qualitaet))
    status = column(st.just(0), st.just(5), st.integers(0, 2**31 - 1))
    verzug = column(st.integers(300, 303), st.sampled_from([0, 10**6]), st.integers(-(2**40), 2**40))
    herkunft = column(st.just(Herkunft.GERAET), st.sampled_from(Herkunft))
    zeiten = [T + 900 * platz for platz in plaetze]
    empfangen = [zeit + warten for zeit, warten in zip(zeiten, verzug, strict=True)]
    if draw(st.booleans()):
        # A part of the day that came in one message.
        von, bis = sorted((draw(st.integers(0, anzahl)), draw(st.integers(0, anzahl))))
        empfangen[von:bis] = [T + TAG_S] * (bis - von)
    spalten = (zeiten, bezug, einspeisung, leistung, qualitaet, status, empfangen, herkunft)
    return [Ablesung(*werte) for werte in zip(*spalten, strict=True)]


GANZER_TAG = [
    reading(
        platz,
        10**6 + 7 * platz**2,
        leistung=(56 + platz * 7 % 5) * platz,
        status=platz // 50,
        verzug=300 + platz % 3,
    )
    for platz in range(96)
    if platz not in (40, 41)
]


def without_power(ablesungen, *fehlend):
    return [
        wert._replace(leistung_w=None) if stelle in fehlend else wert for stelle, wert in enumerate(ablesungen)
    ]


@given(days())
@example(GANZER_TAG)
@example(without_power(GANZER_TAG, 0, 50, 51, 92))
@example(without_power(GANZER_TAG, *range(93)))
@example([wert._replace(leistung_w=28 * stelle) for stelle, wert in enumerate(GANZER_TAG[:30])])
@example([reading(0, 2**63 - 1, -(2**63), 2**63 - 1), reading(95, -(2**63), 2**63 - 1, -(2**63), verzug=2**62)])
def test_any_day_comes_back(ablesungen):
    inhalt = encode(TAG, ablesungen)
    assert decode(TAG, inhalt) == ablesungen
    assert decode_registers(TAG, inhalt) == [
        (wert.uhrzeit, wert.bezug_wh, wert.einspeisung_wh, wert.qualitaet) for wert in ablesungen
    ]
    einzeln = {wert.uhrzeit: wert for wert in ablesungen}
    for zeit in range(T - 900, T + TAG_S + 900, 900):
        wert = einzeln.get(zeit)
        assert register_at(TAG, inhalt, zeit) == wert
        assert energy_at(TAG, inhalt, zeit) == (wert and (wert.bezug_wh, wert.einspeisung_wh, wert.qualitaet))


def test_qualities_and_origins_are_names_again():
    (wert,) = decode(TAG, encode(TAG, [reading(7, qualitaet=1, herkunft=3)]))
    assert wert.qualitaet is Qualitaet.ERSATZWERT
    assert wert.herkunft is Herkunft.ERSATZWERT


@pytest.mark.parametrize(
    "ablesungen",
    [
        [reading(-1)],
        [reading(96)],
        [reading(3), reading(2)],
        [reading(3), reading(3)],
        [reading(3)._replace(uhrzeit=T + 1)],
        [],
    ],
)
def test_no_day(ablesungen):
    with pytest.raises(ValueError, match=r"ascending|one UTC day|not enough values"):
        encode(TAG, ablesungen)


FRAGEN = [
    decode,
    decode_registers,
    lambda tag, inhalt: register_at(tag, inhalt, T),
    lambda tag, inhalt: energy_at(tag, inhalt, T),
]


@pytest.mark.parametrize("frage", FRAGEN)
def test_damage_is_named(frage):
    inhalt = encode(TAG, GANZER_TAG)
    for stelle in range(len(inhalt)):
        with pytest.raises(BlockUngueltig):
            frage(TAG, inhalt[:stelle])
        with pytest.raises(BlockUngueltig):
            frage(TAG, inhalt[:stelle] + bytes([inhalt[stelle] ^ 0x10]) + inhalt[stelle + 1 :])


def test_a_later_version_is_refused():
    inhalt = bytes([VERSION + 1]) + encode(TAG, GANZER_TAG)[1:-2]
    with pytest.raises(BlockUngueltig, match="version 2"):
        decode(TAG, sealed(inhalt))


@given(
    st.sampled_from([encode(TAG, GANZER_TAG)[:-2], bytes.fromhex(VIER), bytes.fromhex(EINE)]),
    st.lists(st.tuples(st.integers(0, 300), st.integers(0, 255)), max_size=4),
    st.integers(0, 300) | st.none(),
    st.binary(max_size=3),
)
def test_nonsense_with_a_good_checksum_is_refused_or_read(inhalt, schaeden, ende, dahinter):
    kaputt = bytearray(inhalt[:ende] + dahinter)
    for stelle, wert in schaeden:
        if stelle < len(kaputt):
            kaputt[stelle] = wert
    block = sealed(bytes(kaputt))
    for frage in (decode, decode_registers):
        with suppress(BlockUngueltig):
            assert 1 <= len(frage(TAG, block)) <= 96
    for zeit in (T, T + 900 * 92):
        with suppress(BlockUngueltig):
            register_at(TAG, block, zeit)
        with suppress(BlockUngueltig):
            energy_at(TAG, block, zeit)


@pytest.mark.parametrize(
    ("hexadezimal", "was"),
    [
        ("01 0d 00 00 00 00 00 00 00 00 00 00 00 00 00 01 00 0a", "no reading at all"),
        ("01 0e 02 05 02 04 01 d0 0f 01 00 0a", "runs that overlap"),
        ("01 0e 01 5f 02 d0 0f 00 00 01 00 0a", "a run beyond the day"),
        ("01 0e 01 00 01 d0 0f 02 00 0a", "more runs of receipts than readings"),
        ("01 0e 01 00 01 d0 0f 01 00 0a 00", "a byte too many"),
        ("01 2e 01 00 01 d0 0f 01 00 0e 01 00 0a", "a quality that does not exist"),
        ("01 0e 01 00 03 d0 0f 00 00 02 00 06 00 0a", "runs that are longer than the day"),
        ("01 0e 01 00 03 d0 0f 01 00 08 01 00 0a", "bits beyond the last difference"),
        ("01 0e 01 00 04 d0 0f 80 00 01 7f 01 00 0a", "fewer differences than readings"),
        (
            "01 42 01 00 04 d4 11 44 14 0a 10 09 04 01 0e 0a 01 00 0a 64 06 01 ab 28 02 00",
            "power too long",
        ),
    ],
)
def test_what_cannot_be(hexadezimal, was):
    with pytest.raises(BlockUngueltig):
        pytest.fail(f"{was}: {decode(TAG, sealed(bytes.fromhex(hexadezimal)))}")


def _households():
    with gzip.open(LASTEN, "rt", encoding="utf-8") as text:
        zeilen = list(csv.reader(text))[1:]
    for spalte in list(zip(*zeilen, strict=True))[1:]:
        yield [int(wh) for wh in spalte]


@pytest.mark.skipif(not LASTEN.exists(), reason="the folder with real data is not here")
@pytest.mark.parametrize(("mit_leistung", "hoechstens"), [(False, 1.35), (True, 2.65)])
def test_size_of_real_households(mit_leistung, hoechstens):
    """Each meter sends in its second of the quarter hour, give or take one or two."""
    zufall = random.Random(1)
    bytes_, anzahl = 0, 0
    for energien in _households():
        stand, platz_s = 1_234_567, zufall.randrange(600)
        for beginn in range(0, len(energien) - 95, 96 * 7):
            tag = []
            for platz, wh in enumerate(energien[beginn : beginn + 96]):
                stand += wh
                leistung = round(4 * wh * math.exp(zufall.gauss(0, 0.3))) if mit_leistung else None
                verzug = platz_s + round(abs(zufall.gauss(0, 1)))
                tag.append(reading(platz, stand, 0, leistung, verzug=verzug))
            bytes_ += len(encode(TAG, tag))
            anzahl += len(tag)
    assert bytes_ / anzahl < hoechstens

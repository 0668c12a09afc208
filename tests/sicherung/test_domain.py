"""What a backup says of itself; the checksum of a month against one made by hand with openssl."""

import json

import pytest

from betreiber.ablesung.domain import Ablesung, Herkunft, Qualitaet
from betreiber.sicherung.domain import Manifest, SicherungUngueltig, compare, format_pruefsumme, sum_months

MANIFEST = Manifest(
    format=1,
    erstellt="2026-11-20T03:00:00Z",
    datenbank="sqlite",
    schema="0003",
    datei="betreiber.db",
    datei_sha256="ab",
    pruefsummen_sha256="cd",
    stichprobe=1,
    zeilen={"kunde": 3},
)


def reading(uhrzeit, leistung_w=None):
    return Ablesung(uhrzeit, 1000, 0, leistung_w, Qualitaet.ABGELESEN, 0, uhrzeit + 5, Herkunft.GERAET)


def test_a_manifest_comes_back():
    assert Manifest.from_json(MANIFEST.to_json()) == MANIFEST


@pytest.mark.parametrize(
    "text",
    [
        "kein JSON",
        b"\xff\xfe",
        "[]",
        "{}",
        '{"format": 1}',
        json.dumps(json.loads(MANIFEST.to_json()) | {"format": 2}),
    ],
)
def test_what_is_no_manifest_is_refused(text):
    with pytest.raises(SicherungUngueltig):
        Manifest.from_json(text)


def test_a_checksum_a_month():
    """By hand: the eight fields of a reading as 64 bits each, big-endian, in the order of Ablesung.

    printf %016x 1767225600 1000 0 ... | xxd -r -p | sha256sum, with 8000000000000000 for "no power".
    """
    neujahr = 1_767_225_600  # 2026-01-01T00:00:00Z
    paare = [("2025-12", reading(neujahr - 900, 4)), ("2026-01", reading(neujahr))]
    zeilen = [format_pruefsumme(summe) for summe in sum_months(7, paare)]
    assert zeilen == ["7;2025-12;1;65c8001861914d05", "7;2026-01;1;dd5060e068280166"]


@pytest.mark.parametrize(
    ("gesichert", "gefunden", "unterschiede"),
    [
        ("ab", "ab", []),
        ("ab", "bc", ["fehlt: a", "zuviel: c"]),
        ("abc", "ac", ["fehlt: b"]),
        ("a", "", ["fehlt: a"]),
        ("", "a", ["zuviel: a"]),
    ],
)
def test_differences_are_named(gesichert, gefunden, unterschiede):
    assert compare(gesichert, gefunden) == (len(gesichert), unterschiede)

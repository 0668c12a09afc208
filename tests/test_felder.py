"""Field types: what looks like a value and is none."""

import pytest
from marshmallow import ValidationError

from betreiber import felder
from betreiber.zeit import format_zeitpunkt


@pytest.mark.parametrize(
    ("text", "erwartet"),
    [
        ("2026-05-01T00:00:00Z", "2026-05-01T00:00:00Z"),
        ("2026-05-01t00:00:00z", "2026-05-01T00:00:00Z"),
        ("2026-05-01 00:00:00+02:00", "2026-04-30T22:00:00Z"),
        ("2026-05-01T00:00-23:59", "2026-05-01T23:59:00Z"),
        ("2026-05-01T00:00:00.5Z", "2026-05-01T00:00:00.500000Z"),
    ],
)
def test_instants(text, erwartet):
    assert format_zeitpunkt(felder.Zeitpunkt().deserialize(text)) == erwartet


@pytest.mark.parametrize(
    "text",
    [
        "2026-05-01T00:00:00Z\x00",
        "2026-05-01T00:00:00Zx",
        " 2026-05-01T00:00:00Z",
        "2026-05-01T00:00:00+01:00:30",
        "2026-05-01T00:00:00+0100",
        "2026-05-01T00:00:00+99:00",
        "2026-05-01T24:00:00Z",
        "2026-02-30T00:00:00Z",
        "2026-05-01T00:0\u0660:00Z",
        "2026-05-01",
        "2026-W18-5T00:00:00Z",
        1_777_593_600,
        True,
    ],
)
def test_no_instants(text):
    with pytest.raises(ValidationError, match=r"^Ein Zeitpunkt wie"):
        felder.Zeitpunkt().deserialize(text)


def test_a_naive_time_is_told_what_it_lacks():
    with pytest.raises(ValidationError, match="braucht einen Versatz"):
        felder.Zeitpunkt().deserialize("2026-05-01T00:00:00")


@pytest.mark.parametrize("text", ["1970-12-31T23:59:59Z", "2200-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_instants_beyond_all_contracts(text):
    with pytest.raises(ValidationError, match="Das Jahr muss zwischen"):
        felder.Zeitpunkt().deserialize(text)


def test_decimals_have_limits_in_value_and_places():
    feld = felder.Dezimal(stellen=3, von="0.001", bis="99.999")
    assert str(feld.deserialize("99.999")) == "99.999"
    for text in ("0", "100", "-1", "1.0001", "NaN", "1e1", "1,5", "", 1.5, 1, True):
        with pytest.raises(ValidationError):
            feld.deserialize(text)

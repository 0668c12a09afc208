"""Meter numbers of DIN 43863-5 against server ids of real meters."""

import pytest

from telegramm.zaehlernummer import check_zaehlernummer, format_zaehlernummer, from_server_id, to_server_id

PAARE = [
    ("0A01454D480000A1BD34", "1EMH0010599732"),
    ("0A0149534B00047A5544", "1ISK0075126084"),
    ("0A01484C5902000D6BE6", "1HLY0200879590"),
    ("09014553591103B599A5", "1ESY1162232997"),
]


@pytest.mark.parametrize(("server_id", "nummer"), PAARE)
def test_server_ids(server_id: str, nummer: str) -> None:
    assert from_server_id(bytes.fromhex(server_id)) == nummer
    assert to_server_id(nummer).hex().upper() == "0A" + server_id[2:]


@pytest.mark.parametrize(
    "server_id",
    [
        "0601454D480000A1BD34",  # another leading byte
        "0A07454D480000A1BD34",  # gas
        "0AFF454D480000A1BD34",
        "0A01454D480005F5E100",  # 100,000,000 has nine digits
        "0A01656D680000A1BD34",  # lower case
        "0A01C4D6DC0000A1BD34",  # not ASCII
        "0A01454D480000A1BD",  # too short
        "0A01454D480000A1BD3400",  # too long
        "0A",
        "",
    ],
)
def test_other_server_ids_stay_hexadecimal(server_id: str) -> None:
    assert from_server_id(bytes.fromhex(server_id)) == server_id


def test_highest_number() -> None:
    assert from_server_id(bytes.fromhex("0A01454D48FF05F5E0FF")) == "1EMHFF99999999"
    assert to_server_id("1EMHFF99999999").hex().upper() == "0A01454D48FF05F5E0FF"


def test_printed_form() -> None:
    assert format_zaehlernummer("1EMH0012345678") == "1 EMH 00 1234 5678"
    assert check_zaehlernummer("1 EMH 00 1234 5678") == "1EMH0012345678"
    assert check_zaehlernummer("1EMH0012345678") == "1EMH0012345678"


@pytest.mark.parametrize(
    "nummer",
    [
        "",
        "1EMH001234567",
        "1EMH00123456789",
        "7EMH0012345678",
        "1emh0012345678",
        "1EM10012345678",
        "1EMHG012345678",
        "1EMHaf12345678",
        "1EMH001234567A",
        "1EMH0012345678\n",
        "1EMH\t0012345678",
        "1ÄMH0012345678",
        "1EMH00١٢٣٤٥٦٧٨",
    ],
)
def test_not_a_meter_number(nummer: str) -> None:
    for funktion in (check_zaehlernummer, format_zaehlernummer, to_server_id):
        with pytest.raises(ValueError):
            funktion(nummer)

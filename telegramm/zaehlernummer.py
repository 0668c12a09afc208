"""The meter number of DIN 43863-5, as text and as the 10-byte server id of SML.

Fourteen characters, printed `1 EMH 00 1234 5678`: Sparte (1 = electricity), three letters of the maker, two
hexadecimal digits of the block, eight digits. It has no check digit.
"""

from __future__ import annotations

import re
from typing import Final

# The one form that is stored and sent.
ZAEHLERNUMMER: Final = re.compile(r"1[A-Z]{3}[0-9A-F]{2}[0-9]{8}")

_SERVER_ID_BYTES = 10
_LEADING = (0x0A, 0x09)  # DIN 43863-5:2012, and what some makers write instead


def check_zaehlernummer(nummer: str) -> str:
    """Return the number without its spaces; ValueError if it is not the number of an electricity meter."""
    ohne = nummer.replace(" ", "")
    if ZAEHLERNUMMER.fullmatch(ohne) is None:
        raise ValueError(f"not a meter number of DIN 43863-5: {nummer!a}")
    return ohne


def format_zaehlernummer(nummer: str) -> str:
    """The number as it is printed on the meter, `1 EMH 00 1234 5678`; ValueError as check_zaehlernummer."""
    n = check_zaehlernummer(nummer)
    return f"{n[0]} {n[1:4]} {n[4:6]} {n[6:10]} {n[10:]}"


def from_server_id(server_id: bytes) -> str:
    """The meter number in an SML server id: `0A | sparte | maker | block | uint32`.

    A server id of another form (other leading byte, other Sparte, number above eight digits) names no electricity
    meter of DIN 43863-5; it is returned as upper-case hexadecimal, because it is still the device's name.
    """
    if len(server_id) == _SERVER_ID_BYTES and server_id[0] in _LEADING:
        hersteller = server_id[2:5].decode("ascii", "replace")
        zahl = int.from_bytes(server_id[6:], "big")
        nummer = f"{server_id[1]}{hersteller}{server_id[5]:02X}{zahl:08d}"
        if ZAEHLERNUMMER.fullmatch(nummer):
            return nummer
    return server_id.hex().upper()


def to_server_id(nummer: str) -> bytes:
    """The 10-byte server id, always with the leading byte 0A of the standard; ValueError as above."""
    n = check_zaehlernummer(nummer)
    kopf = bytes([_LEADING[0], int(n[0])])
    return kopf + n[1:4].encode("ascii") + bytes.fromhex(n[4:6]) + int(n[6:]).to_bytes(4, "big")

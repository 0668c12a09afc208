"""Rules of metering points: the ids of the market and the Bundesland. Pure."""

import re
from enum import StrEnum

from betreiber.errors import EingabeUngueltig

_MALO_ID = re.compile(r"[1-9][0-9]{10}")
_MELO_ID = re.compile(r"DE[0-9]{11}[A-Z0-9]{20}")


class Bundesland(StrEnum):
    """The sixteen Länder, ISO 3166-2:DE; public holidays and concession fees depend on them."""

    BW = "BW"
    BY = "BY"
    BE = "BE"
    BB = "BB"
    HB = "HB"
    HH = "HH"
    HE = "HE"
    MV = "MV"
    NI = "NI"
    NW = "NW"
    RP = "RP"
    SL = "SL"
    SN = "SN"
    ST = "ST"
    SH = "SH"
    TH = "TH"


def check_malo_id(malo_id: str) -> str:
    """Return the id of a Marktlokation: 11 digits, the last one the check digit (BDEW).

    Raises EingabeUngueltig for another form or a wrong check digit.
    """
    if _MALO_ID.fullmatch(malo_id) is None:
        raise _malo_invalid("Die MaLo-ID hat 11 Ziffern, die erste ist nicht 0.")
    # Positions count from 1: the first digit stands at an odd one.
    summe = sum(map(int, malo_id[0:10:2])) + 2 * sum(map(int, malo_id[1:10:2]))
    if int(malo_id[10]) != (10 - summe % 10) % 10:
        raise _malo_invalid("Die Prüfziffer der MaLo-ID stimmt nicht. Prüfen Sie die Eingabe.")
    return malo_id


def check_melo_id(melo_id: str) -> str:
    """Return the id of a Messlokation: DE, 6 digits grid operator, 5 digits postcode, 20 characters.

    It has no check digit. Raises EingabeUngueltig for another form.
    """
    if _MELO_ID.fullmatch(melo_id) is None:
        raise EingabeUngueltig(
            "Die MeLo-ID hat 33 Zeichen: DE, 11 Ziffern, dann 20 Großbuchstaben oder Ziffern.",
            feld="melo_id",
            code="melo_id_ungueltig",
        )
    return melo_id


def _malo_invalid(detail: str) -> EingabeUngueltig:
    return EingabeUngueltig(detail, feld="malo_id", code="malo_id_ungueltig")

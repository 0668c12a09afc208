"""The receipt of the operator, and the check that it answers the Telegramm that was sent."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Final, Self

from telegramm import cbor
from telegramm.einschreibung import Kette
from telegramm.fehler import InhaltUngueltig, QuittungUngueltig
from telegramm.felder import (
    ANFRAGE_BYTES,
    CODE,
    MAX_ZEILEN,
    SHA256_BYTES,
    VERSION,
    check_bytes,
    check_int,
    check_luecken,
    check_map,
    check_pattern,
    check_tuple,
    check_version,
    check_zaehler,
    to_rows,
    to_tuple,
)
from telegramm.firmware import Firmwareangebot
from telegramm.messwerte import Telegramm

# The only `art` of a receipt. No Telegramm has it, so neither can be taken for the other.
QUITTUNG: Final = "QUITTUNG"
# Upload slots are seconds after the quarter hour.
PLATZ_MAX_S: Final = 599

# Orders that a receipt may carry; a meter ignores those that it does not know.
ZERTIFIKAT_ERNEUERN: Final = "ZERTIFIKAT_ERNEUERN"
CA_KETTE_HOLEN: Final = "CA_KETTE_HOLEN"
PROTOKOLL_SENDEN: Final = "PROTOKOLL_SENDEN"

_GRUND = re.compile(r"[a-z][a-z0-9_]{0,31}")
_AUFTRAEGE_MAX = 16
_TEILE: Final[tuple[tuple[str, type[Kette] | type[Firmwareangebot]], ...]] = (
    ("kette", Kette),
    ("firmware", Firmwareangebot),
)


@dataclass(frozen=True, slots=True)
class Quittung:
    """What the operator has stored durably. The constructor checks every rule and raises InhaltUngueltig."""

    art: str  # QUITTUNG
    zaehler: str  # 14 characters, DIN 43863-5
    anfrage: bytes  # 16 bytes, echo of the Telegramm's
    zu: bytes  # SHA-256 of the Telegramm's plaintext
    neu: int  # rows stored for the first time
    doppelt: int  # rows that were there already, with equal values
    abgelehnt: tuple[tuple[int, str], ...]  # (index of the row, reason), ascending: stored, but quarantined
    luecken: tuple[tuple[int, int], ...]  # [von, bis) in seconds, multiples of 900: the operator asks for them
    zeit: int  # ms since 1970, UTC, when the receipt was signed
    platz_s: int  # upload slot, 0 to 599 seconds after the quarter hour
    auftraege: tuple[str, ...]  # orders to the device, upper-case codes, at most 16
    kette: Kette | None = None  # the operator's new keys, in answer to a Telegramm of art KETTE
    firmware: Firmwareangebot | None = None  # a newer firmware for this meter

    def __post_init__(self) -> None:
        if self.art != QUITTUNG:
            raise InhaltUngueltig("art", f"must be {QUITTUNG}")
        check_zaehler(self.zaehler)
        check_bytes("anfrage", self.anfrage, ANFRAGE_BYTES, ANFRAGE_BYTES)
        check_bytes("zu", self.zu, SHA256_BYTES, SHA256_BYTES)
        check_int("neu", self.neu, 0, MAX_ZEILEN)
        check_int("doppelt", self.doppelt, 0, MAX_ZEILEN)
        _check_abgelehnt(self.abgelehnt)
        check_luecken(self.luecken)
        check_int("zeit", self.zeit)
        check_int("platz_s", self.platz_s, 0, PLATZ_MAX_S)
        for nummer, auftrag in enumerate(check_tuple("auftraege", self.auftraege, _AUFTRAEGE_MAX)):
            check_pattern(f"auftraege[{nummer}]", auftrag, CODE)
        for name, typ in _TEILE:
            if type(getattr(self, name)) not in (typ, type(None)):
                raise InhaltUngueltig(name, f"must be of type {typ.__name__}")

    def to_bytes(self) -> bytes:
        """Deterministic CBOR: the plaintext to be sealed to the meter."""
        felder = {name: getattr(self, name) for name in self.__slots__}
        for name, _ in _TEILE:
            teil = felder.pop(name)
            if teil is not None:
                felder[name] = teil.to_map()
        return cbor.encode({"v": VERSION} | felder)

    @classmethod
    def from_bytes(cls, daten: bytes) -> Self:
        """Read a plaintext; InhaltUngueltig for anything that to_bytes would not have written."""
        felder = check_map("", cbor.decode(daten), _PFLICHT, _WAHL)
        check_version(felder)
        del felder["v"]
        felder["abgelehnt"] = to_rows("abgelehnt", felder["abgelehnt"], 2)
        felder["luecken"] = to_rows("luecken", felder["luecken"], 2)
        felder["auftraege"] = to_tuple("auftraege", felder["auftraege"])
        for name, typ in _TEILE:
            if name in felder:
                felder[name] = typ.from_map(felder[name])
        return cls(**felder)


_WAHL = frozenset(name for name, _ in _TEILE)
_PFLICHT = frozenset({"v", *Quittung.__slots__}) - _WAHL


def _check_abgelehnt(wert: object) -> None:
    voriger = -1
    for nummer, paar in enumerate(check_tuple("abgelehnt", wert)):
        feld = f"abgelehnt[{nummer}]"
        if type(paar) is not tuple or len(paar) != 2:
            raise InhaltUngueltig(feld, "must be a pair (index, reason)")
        index = check_int(feld, paar[0], 0, MAX_ZEILEN - 1)
        check_pattern(feld, paar[1], _GRUND)
        if index <= voriger:
            raise InhaltUngueltig(feld, "indices must be ascending")
        voriger = index


def check_quittung(quittung: Quittung, telegramm: Telegramm, klartext: bytes) -> None:
    """Check that a receipt, verified and decrypted before, answers this Telegramm of the meter.

    `klartext` is what `Telegramm.to_bytes` gave and the meter sealed. Raises QuittungUngueltig for another
    meter, request or content, and for the index of a row that was not sent; then the meter forgets nothing.
    """
    if quittung.zaehler != telegramm.zaehler:
        raise QuittungUngueltig("the receipt is for another meter")
    if quittung.anfrage != telegramm.anfrage:
        raise QuittungUngueltig("the receipt answers another request")
    if quittung.zu != hashlib.sha256(klartext).digest():
        raise QuittungUngueltig("the receipt is about another content")
    if quittung.abgelehnt and quittung.abgelehnt[-1][0] >= telegramm.zeilen:
        raise QuittungUngueltig("the receipt names a row that was not sent")

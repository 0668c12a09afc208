"""The plaintext of a Telegramm: readings, events of the device, gaps that it can no longer fill, or a question.

An invalid Telegramm cannot exist: the constructor checks every rule, for the meter that makes one and for the
operator that reads one alike. All rules raise InhaltUngueltig.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntFlag
from functools import partial
from typing import Any, Final, NamedTuple, NoReturn, Self

from telegramm import cbor
from telegramm.cbor import INT_MAX, INT_MIN
from telegramm.fehler import InhaltUngueltig
from telegramm.felder import (
    ANFRAGE_BYTES,
    CODE,
    MAX_ZEILEN,
    SHA256_BYTES,
    VERSION,
    VIERTELSTUNDE_S,
    check_bytes,
    check_int,
    check_luecken,
    check_map,
    check_pattern,
    check_text,
    check_tuple,
    check_version,
    check_zaehler,
    to_rows,
)

STATUS_MAX: Final = 2**31 - 1

MESSWERTE: Final = "MESSWERTE"
EREIGNISSE: Final = "EREIGNISSE"
FEHLANZEIGE: Final = "FEHLANZEIGE"
ZEIT: Final = "ZEIT"
KETTE: Final = "KETTE"

# The one list that a message of each kind carries. ZEIT asks for a signed time, KETTE for the operator's new keys.
_LISTE: Final[Mapping[str, str | None]] = {
    MESSWERTE: "werte",
    EREIGNISSE: "ereignisse",
    FEHLANZEIGE: "luecken",
    ZEIT: None,
    KETTE: None,
}
_LISTEN = ("werte", "ereignisse", "luecken")
_PFLICHT = frozenset({"v", "art", "zaehler", "epoche", "folge", "anfrage", "erzeugt", "uhr"})
_WAHL = frozenset({"netz", "fw"})
_ZUSTAND = re.compile("GESTELLT|UNSICHER|UNGUELTIG")


class StatusBit(IntFlag):
    """Bits of Messwert.status. A reader ignores bits that it does not know."""

    UHR_UNSICHER = 1  # the clock was not surely right within 27 s
    UHR_GESTELLT = 2  # the clock was set by more than 9 s in this quarter hour
    NEUSTART = 4  # the device started anew
    SPANNUNGSAUSFALL = 8  # a phase was without voltage
    GEHAEUSE_OFFEN = 16  # terminal cover opened
    MAGNETFELD = 32  # strong magnetic field


class Messwert(NamedTuple):
    """The registers at the end of one quarter hour."""

    uhrzeit: int  # seconds since 1970, a multiple of 900
    bezug_wh: int  # 1-0:1.8.0*255, cumulative, 0 to 2^63-1
    einspeisung_wh: int  # 1-0:2.8.0*255, cumulative, 0 to 2^63-1
    leistung_w: int | None  # 1-0:16.7.0*255, negative while exporting; None = not measured, which is not zero
    status: int  # bits of StatusBit, 0 to 2^31-1


class Meldung(NamedTuple):
    """An entry of the device log. `nummer` counts the entries that a device has sent in an epoche."""

    nummer: int  # 0 to 2^63-1, ascending: the operator records each number once, however often it comes
    uhrzeit: int  # seconds since 1970
    code: str  # upper-case ASCII, at most 64 characters
    text: str  # 1 to 500 printable characters


@dataclass(frozen=True, slots=True)
class Uhrstand:
    """What the device knows of its clock."""

    zustand: str  # GESTELLT, UNSICHER or UNGUELTIG
    letzter_abgleich: int | None  # seconds since 1970 of the last accepted receipt time; None = never
    abweichung_ms: int | None  # device minus operator at that time, ms, signed

    def __post_init__(self) -> None:
        check_pattern("uhr.zustand", self.zustand, _ZUSTAND)
        if self.letzter_abgleich is not None:
            check_int("uhr.letzter_abgleich", self.letzter_abgleich)
        if self.abweichung_ms is not None:
            check_int("uhr.abweichung_ms", self.abweichung_ms, INT_MIN)


@dataclass(frozen=True, slots=True)
class Netz:
    """The mobile link."""

    apn: str  # 1 to 100 printable characters
    rat: str  # radio access technology, e.g. "LTE-M"; 1 to 16 printable characters
    rsrp: int | None  # dBm, -200 to 0
    rsrq: int | None  # dB, -100 to 100
    bytes_monat: int  # bytes in both directions since the month began

    def __post_init__(self) -> None:
        check_text("netz.apn", self.apn, 100)
        check_text("netz.rat", self.rat, 16)
        if self.rsrp is not None:
            check_int("netz.rsrp", self.rsrp, -200, 0)
        if self.rsrq is not None:
            check_int("netz.rsrq", self.rsrq, -100, 100)
        check_int("netz.bytes_monat", self.bytes_monat)


@dataclass(frozen=True, slots=True)
class Firmware:
    """The running firmware."""

    version: str  # 1 to 64 printable characters
    sha256: bytes  # 32 bytes, of the image

    def __post_init__(self) -> None:
        check_text("fw.version", self.version, 64)
        check_bytes("fw.sha256", self.sha256, SHA256_BYTES, SHA256_BYTES)


_TEILE: Final = (("uhr", (Uhrstand,)), ("netz", (Netz, type(None))), ("fw", (Firmware, type(None))))
_KEYS_UHR = frozenset(Uhrstand.__slots__)
_KEYS_NETZ = frozenset(Netz.__slots__)
_KEYS_FW = frozenset(Firmware.__slots__)

# A row as a Messwert, in C: the constructor of a NamedTuple is a Python function and would be called 96 times.
_to_messwert: partial[Messwert] = partial(tuple.__new__, Messwert)


@dataclass(frozen=True, slots=True)
class Telegramm:
    """One message of a meter. `art` decides which of the three tuples is filled; the others are empty."""

    art: str  # MESSWERTE, EREIGNISSE, FEHLANZEIGE, ZEIT or KETTE
    zaehler: str  # 14 characters, DIN 43863-5
    epoche: int  # 0 to 2^63-1: +1 at enrolment, key change and loss of memory
    folge: int  # 0 to 2^63-1: +1 a message, persisted before sending
    anfrage: bytes  # 16 random bytes, echoed by the receipt
    erzeugt: int  # ms since 1970, UTC
    uhr: Uhrstand
    werte: tuple[Messwert, ...] = ()  # 1 to 1000, strictly ascending by time
    ereignisse: tuple[Meldung, ...] = ()  # 1 to 1000, in the order of the log
    luecken: tuple[tuple[int, int], ...] = ()  # 1 to 1000 half-open periods [von, bis), seconds, multiples of 900
    netz: Netz | None = None
    fw: Firmware | None = None

    def __post_init__(self) -> None:
        if type(self.art) is not str or self.art not in _LISTE:
            raise InhaltUngueltig("art", f"must be one of {', '.join(_LISTE)}")
        check_zaehler(self.zaehler)
        check_int("epoche", self.epoche)
        check_int("folge", self.folge)
        check_bytes("anfrage", self.anfrage, ANFRAGE_BYTES, ANFRAGE_BYTES)
        check_int("erzeugt", self.erzeugt)
        for name, typ in _TEILE:
            if type(getattr(self, name)) not in typ:
                raise InhaltUngueltig(name, f"must be of type {typ[0].__name__}")
        eigene = _LISTE[self.art]
        for name in _LISTEN:
            zeilen = check_tuple(name, getattr(self, name))
            if name == eigene and not zeilen:
                raise InhaltUngueltig(name, f"must have 1 to {MAX_ZEILEN} members")
            if name != eigene and zeilen:
                raise InhaltUngueltig(name, f"must be empty in a message of art {self.art}")
        _check_werte(self.werte)
        _check_ereignisse(self.ereignisse)
        check_luecken(self.luecken)

    @property
    def zeilen(self) -> int:
        """Rows, each of which the receipt must account for. Exactly one of the three tuples may have any."""
        return len(self.werte) + len(self.ereignisse) + len(self.luecken)

    def to_bytes(self) -> bytes:
        """Deterministic CBOR: the plaintext to be sealed."""
        felder: dict[str, object] = {
            "v": VERSION,
            "art": self.art,
            "zaehler": self.zaehler,
            "epoche": self.epoche,
            "folge": self.folge,
            "anfrage": self.anfrage,
            "erzeugt": self.erzeugt,
            "uhr": _to_map(self.uhr),
        }
        if self.werte:
            felder["werte"] = [[*wert[:4], int(wert.status)] for wert in self.werte]
        elif self.ereignisse:
            felder["ereignisse"] = [list(meldung) for meldung in self.ereignisse]
        elif self.luecken:
            felder["luecken"] = [list(luecke) for luecke in self.luecken]
        if self.netz is not None:
            felder["netz"] = _to_map(self.netz)
        if self.fw is not None:
            felder["fw"] = _to_map(self.fw)
        return cbor.encode(felder)

    @classmethod
    def from_bytes(cls, daten: bytes) -> Self:
        """Read a plaintext; InhaltUngueltig for anything that to_bytes would not have written."""
        roh = cbor.decode(daten)
        art = roh.get("art") if type(roh) is dict else None
        liste = _LISTE.get(art) if type(art) is str else None
        felder = check_map("", roh, _PFLICHT if liste is None else _PFLICHT | {liste}, _WAHL)
        check_version(felder)
        return cls(
            art=felder["art"],
            zaehler=felder["zaehler"],
            epoche=felder["epoche"],
            folge=felder["folge"],
            anfrage=felder["anfrage"],
            erzeugt=felder["erzeugt"],
            uhr=Uhrstand(**check_map("uhr", felder["uhr"], _KEYS_UHR, frozenset())),
            werte=to_rows("werte", felder.get("werte", []), 5, _to_messwert),
            ereignisse=to_rows("ereignisse", felder.get("ereignisse", []), 4, Meldung._make),
            luecken=to_rows("luecken", felder.get("luecken", []), 2),
            netz=Netz(**check_map("netz", felder["netz"], _KEYS_NETZ, frozenset())) if "netz" in felder else None,
            fw=Firmware(**check_map("fw", felder["fw"], _KEYS_FW, frozenset())) if "fw" in felder else None,
        )


def _to_map(wert: Uhrstand | Netz | Firmware) -> dict[str, Any]:
    return {name: getattr(wert, name) for name in wert.__slots__}


def _check_werte(werte: tuple[Messwert, ...]) -> None:
    """A plain loop with the rules written out: it runs once for each reading of the whole network."""
    if not set(map(type, werte)) <= {Messwert}:
        raise InhaltUngueltig("werte", "each member must be a Messwert")
    voriger = -1
    for nummer, wert in enumerate(werte):
        uhrzeit, bezug, einspeisung, leistung, status = wert
        if not (
            type(uhrzeit) is int
            and type(bezug) is int
            and type(einspeisung) is int
            and (leistung is None or (type(leistung) is int and INT_MIN <= leistung <= INT_MAX))
            and isinstance(status, int)
            and voriger < uhrzeit <= INT_MAX
            and uhrzeit % VIERTELSTUNDE_S == 0
            and 0 <= bezug <= INT_MAX
            and 0 <= einspeisung <= INT_MAX
            and 0 <= status <= STATUS_MAX
            and type(status) is not bool
        ):
            _explain_wert(nummer, wert, voriger)
        voriger = uhrzeit


def _explain_wert(nummer: int, wert: Messwert, voriger: int) -> NoReturn:
    """Find the rule that a refused reading breaks, and raise InhaltUngueltig with it."""
    feld = f"werte[{nummer}]"
    uhrzeit = check_int(f"{feld}.uhrzeit", wert.uhrzeit)
    if uhrzeit % VIERTELSTUNDE_S:
        raise InhaltUngueltig(f"{feld}.uhrzeit", f"must be a multiple of {VIERTELSTUNDE_S} s")
    if uhrzeit <= voriger:
        raise InhaltUngueltig(f"{feld}.uhrzeit", "must be later than the one before")
    check_int(f"{feld}.bezug_wh", wert.bezug_wh)
    check_int(f"{feld}.einspeisung_wh", wert.einspeisung_wh)
    if wert.leistung_w is not None:
        check_int(f"{feld}.leistung_w", wert.leistung_w, INT_MIN)
    raise InhaltUngueltig(f"{feld}.status", f"must be an integer from 0 to {STATUS_MAX}")


def _check_ereignisse(ereignisse: tuple[Meldung, ...]) -> None:
    vorige = -1
    for stelle, meldung in enumerate(ereignisse):
        feld = f"ereignisse[{stelle}]"
        if type(meldung) is not Meldung:
            raise InhaltUngueltig(feld, "must be a Meldung")
        vorige = check_int(f"{feld}.nummer", meldung.nummer, vorige + 1)
        check_int(f"{feld}.uhrzeit", meldung.uhrzeit)
        check_pattern(f"{feld}.code", meldung.code, CODE)
        check_text(f"{feld}.text", meldung.text, 500)

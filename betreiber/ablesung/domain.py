"""Which readings are plausible. Pure: no database, no HTTP, no clock.

A faulty reading never holds up its neighbours: it goes to quarantine with its reason, the others are stored.
"""

import hashlib
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import NamedTuple

from telegramm.messwerte import Messwert

# A fuse carries more than its rating for a while; beyond a quarter more, a value is no longer believed.
UEBERLAST = Decimal("1.25")
# Registers may move in whole kWh (InF off), so that one step says nothing about power.
ANZEIGESCHRITT_WH = 1000
# PTB-A 50.8 allows a meter's clock 3 % of the interval: a reading within it is not from the future.
UHR_TOLERANZ_S = 27
FENSTER = 64
# A meter counts its epoche on when it has lost its memory; it does not come to that a hundred times unnoticed.
EPOCHE_VORAUS = 100


class Qualitaet(IntEnum):
    """State of a stored value (BO4E's Messwertstatus); the API gives the names."""

    ABGELESEN = 0
    ERSATZWERT = 1
    VORLAEUFIGERWERT = 2


class Befund(StrEnum):
    """What became of a reading. The last five are the reasons of a quarantine, as the receipt names them."""

    NEU = "neu"
    DOPPELT = "doppelt"
    KONFLIKT = "konflikt"
    RUECKLAUF = "ruecklauf"
    ZUKUNFT = "zukunft"
    ZU_ALT = "zu_alt"
    LEISTUNG = "leistung"


class Stand(NamedTuple):
    """A stored reading: seconds since 1970, Wh, Wh, W or None."""

    uhrzeit: int
    bezug_wh: int
    einspeisung_wh: int
    leistung_w: int | None


class Ablesung(NamedTuple):
    """A reading as it is given out: times in seconds since 1970, registers in Wh."""

    uhrzeit: int
    bezug_wh: int
    einspeisung_wh: int
    qualitaet: Qualitaet
    empfangen: int


@dataclass(frozen=True, slots=True)
class Grenzen:
    """Between which bounds a reading of a meter is possible.

    `fruehestens`, `spaetestens`: seconds since 1970, both allowed; `hoechstleistung_w`: None = unknown.
    """

    fruehestens: int
    spaetestens: int
    hoechstleistung_w: int | None


def max_power(anschlussleistung_kw: Iterable[Decimal], faktor: int) -> int | None:
    """The power in W that no reading can exceed, from the connections at which a meter hung; None without any.

    Behind a transformer the meter counts, and measures, the `faktor`-th part of what flows.
    """
    leistungen = list(anschlussleistung_kw)
    return int(max(leistungen) * 1000 * UEBERLAST / faktor) if leistungen else None


def judge(
    werte: Sequence[Messwert],
    bekannt: Mapping[int, Stand],
    vorher: Stand | None,
    nachher: Stand | None,
    grenzen: Grenzen,
) -> list[Befund]:
    """Judge the readings of one message, ascending by time; one Befund each.

    `bekannt`: what is stored for the same times and between them; `vorher`, `nachher`: the nearest stored readings
    outside. A known value is never overwritten: the first one that came stays.
    """
    befunde = []
    folgende = sorted(zeit for zeit in bekannt)
    naechster = 0
    unten = vorher
    for wert in werte:
        while naechster < len(folgende) and folgende[naechster] < wert.uhrzeit:
            unten = bekannt[folgende[naechster]]
            naechster += 1
        if (stand := bekannt.get(wert.uhrzeit)) is not None:
            befunde.append(Befund.DOPPELT if stand == wert[:4] else Befund.KONFLIKT)
            continue
        oben = bekannt[folgende[naechster]] if naechster < len(folgende) else nachher
        befund = _judge_new(wert, unten, oben, grenzen)
        if befund is Befund.NEU:
            unten = Stand(*wert[:4])
        befunde.append(befund)
    return befunde


def _judge_new(wert: Messwert, unten: Stand | None, oben: Stand | None, grenzen: Grenzen) -> Befund:
    if wert.uhrzeit > grenzen.spaetestens:
        return Befund.ZUKUNFT
    if wert.uhrzeit < grenzen.fruehestens:
        return Befund.ZU_ALT
    grenze_w = grenzen.hoechstleistung_w
    if grenze_w is not None and wert.leistung_w is not None and abs(wert.leistung_w) > grenze_w:
        return Befund.LEISTUNG
    for frueher, spaeter in ((unten, wert), (wert, oben)):
        if frueher is None or spaeter is None:
            continue
        bezug_wh = spaeter.bezug_wh - frueher.bezug_wh
        einspeisung_wh = spaeter.einspeisung_wh - frueher.einspeisung_wh
        if bezug_wh < 0 or einspeisung_wh < 0:
            return Befund.RUECKLAUF
        if grenze_w is not None:
            moeglich_wh = grenze_w * (spaeter.uhrzeit - frueher.uhrzeit) // 3600 + ANZEIGESCHRITT_WH
            if bezug_wh > moeglich_wh or einspeisung_wh > moeglich_wh:
                return Befund.LEISTUNG
    return Befund.NEU


def value_hash(wert: Messwert) -> bytes:
    """SHA-256 of a reading's values: in quarantine the same bad reading is one row, however often it is sent."""
    leistung = (0, 0) if wert.leistung_w is None else (1, wert.leistung_w)
    return hashlib.sha256(
        struct.pack(">qqBqq", wert.bezug_wh, wert.einspeisung_wh, *leistung, wert.status)
    ).digest()


class Fenster:
    """The last 64 pairs of folge and plaintext hash of a meter, newest last; stored as 40 bytes each."""

    def __init__(self, gespeichert: bytes) -> None:
        self._paare = [
            (int.from_bytes(gespeichert[i : i + 8], "big"), gespeichert[i + 8 : i + 40])
            for i in range(0, len(gespeichert), 40)
        ]

    def find(self, folge: int) -> bytes | None:
        """The hash under which a number was seen, None when it is new or too long ago."""
        return next((abdruck for nummer, abdruck in reversed(self._paare) if nummer == folge), None)

    def with_added(self, folge: int, abdruck: bytes) -> bytes:
        """What to store once this message is taken in."""
        paare = [*self._paare, (folge, abdruck)][-FENSTER:]
        return b"".join(nummer.to_bytes(8, "big") + wert for nummer, wert in paare)


def upload_slot(platz_schluessel: bytes, zaehlernummer: str) -> int:
    """The second after the quarter hour at which a meter sends, 0 to 599: the same for ever, spread evenly."""
    abdruck = hashlib.blake2b(zaehlernummer.encode(), key=platz_schluessel[:64], digest_size=8).digest()
    return int.from_bytes(abdruck, "big") % 600

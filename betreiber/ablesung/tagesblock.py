"""The readings of one meter and UTC day as one block of bytes: docs/tagesblock.md describes it bit by bit. Pure.

Every field of every reading comes back exactly, whatever it was: gaps, falling registers, quality, receipt. An
ordinary day costs little more than its energy and power: registers are stored as differences, power as what it
differs from the mean power of its interval, receipts as delays, all else as "as usual".
"""

import zlib
from collections.abc import Sequence
from functools import partial
from itertools import repeat
from operator import sub
from typing import NoReturn

from betreiber.ablesung.blockspalten import (
    KEINE,
    Laeufe,
    Leistung,
    Null,
    Register,
    pack_power,
    pack_presence,
    pack_register,
    pack_runs,
    read_presence,
    take_register,
)
from betreiber.ablesung.domain import Ablesung, Herkunft, Qualitaet
from betreiber.ablesung.zahlenfolge import Leser
from betreiber.errors import BetreiberError
from betreiber.zeit import VIERTELSTUNDE_S

VERSION = 1
VIERTELSTUNDEN = 96
TAG_S = VIERTELSTUNDEN * VIERTELSTUNDE_S

_PRUEFSUMME = 2
# The second byte. Two bits: which quarter hours have a value; two bits: which of these have a power; then what is
# not as usual, which is: feed-in 0, quality ABGELESEN, status 0, origin GERAET.
_LEISTUNG_AB_BIT = 2
_ART = 0x03
_EINSPEISUNG, _QUALITAET, _STATUS, _HERKUNFT = 0x10, 0x20, 0x40, 0x80
# A day with a gap, feed-in, or readings that are not measured.
_NICHT_WIE_IMMER = _ART | _EINSPEISUNG | _QUALITAET
# Reading an attribute of an Enum class costs more than all else that these columns need.
_ABGELESEN, _GERAET = Qualitaet.ABGELESEN, Herkunft.GERAET
_AS_ABLESUNG = partial(tuple.__new__, Ablesung)


class BlockUngueltig(BetreiberError):
    """The bytes are no block of a known version: damaged, or made by a later release. A fault of ours: 500."""


def encode(tag: int, ablesungen: Sequence[Ablesung]) -> bytes:
    """The block of 1 to 96 readings of the UTC day `tag` (days since 1970), ascending by time.

    Raises ValueError for readings of another day, in another order, or beside the quarter hours.
    """
    zeiten, bezug, einspeisung, leistung, qualitaet, status, empfangen, herkunft = zip(*ablesungen, strict=True)
    belegt_art, belegt = pack_presence(_occupied(tag * TAG_S, zeiten), VIERTELSTUNDEN)
    leistung_art, leistung_belegt = KEINE, b""
    if leistung.count(None) < len(leistung):
        bitfeld = sum(1 << stelle for stelle, wert in enumerate(leistung) if wert is not None)
        leistung_art, leistung_belegt = pack_presence(bitfeld, len(leistung))
    kennung = belegt_art | leistung_art << _LEISTUNG_AB_BIT
    teile = [belegt, pack_register(bezug)]
    if any(einspeisung):
        kennung |= _EINSPEISUNG
        teile.append(pack_register(einspeisung))
    if any(qualitaet):
        kennung |= _QUALITAET
        teile.append(pack_runs(qualitaet, qualitaet))
    teile.append(pack_runs(empfangen, list(map(sub, empfangen, zeiten))))
    if any(status):
        kennung |= _STATUS
        teile.append(pack_runs(status, status))
    if any(herkunft):
        kennung |= _HERKUNFT
        teile.append(pack_runs(herkunft, herkunft))
    if leistung_art != KEINE:
        teile += leistung_belegt, pack_power(leistung, bezug, einspeisung)
    inhalt = bytes((VERSION, kennung)) + b"".join(teile)
    return inhalt + _checksum(inhalt)


def decode(tag: int, inhalt: bytes) -> list[Ablesung]:
    """The readings of a block of the UTC day `tag`, ascending. Raises BlockUngueltig."""
    try:
        block = _Block(tag, *_open(inhalt))
        return block.readings(0, block.anzahl)
    except (IndexError, ValueError) as error:
        _refuse(error)


def decode_registers(tag: int, inhalt: bytes) -> list[tuple[int, int, int, Qualitaet]]:
    """Time, taken from the grid, fed into it, quality of each reading: half the work. Raises BlockUngueltig."""
    try:
        block = _Registerteil(tag, *_open(inhalt))
        return block.registers(0, block.anzahl)
    except (IndexError, ValueError) as error:
        _refuse(error)


def register_at(tag: int, inhalt: bytes, uhrzeit: int) -> Ablesung | None:
    """The reading at `uhrzeit` (seconds since 1970), None where there is none. Raises BlockUngueltig.

    Cheap near the end of the UTC day: that is where a local day begins.
    """
    try:
        block = _Block(tag, *_open(inhalt))
        stelle = block.find(uhrzeit)
        return None if stelle is None else block.readings(stelle, stelle + 1)[0]
    except (IndexError, ValueError) as error:
        _refuse(error)


def energy_at(tag: int, inhalt: bytes, uhrzeit: int) -> tuple[int, int, Qualitaet] | None:
    """Both registers and the quality at `uhrzeit`, None where there is no reading: a third of the work of
    `register_at`, for questions over many days or meters. Raises BlockUngueltig.
    """
    try:
        leser, kennung = _open(inhalt)
        if kennung & _NICHT_WIE_IMMER:
            block = _Registerteil(tag, leser, kennung)
            stelle = block.find(uhrzeit)
            return None if stelle is None else block.energy(stelle)
        # As good as always, and twice as fast: a day without a gap, nothing fed in, all of it measured.
        stelle, rest = divmod(uhrzeit - tag * TAG_S, VIERTELSTUNDE_S)
        if rest or not 0 <= stelle < VIERTELSTUNDEN:
            return None
        return take_register(leser, VIERTELSTUNDEN, stelle), 0, _ABGELESEN
    except (IndexError, ValueError) as error:
        _refuse(error)


def _refuse(grund: Exception) -> NoReturn:
    raise BlockUngueltig(f"Ein gespeicherter Tag ist beschädigt: {grund}") from grund


def _open(inhalt: bytes) -> tuple[Leser, int]:
    """What reads a block behind its first two bytes, and the second of these. Raises ValueError."""
    ende = len(inhalt) - _PRUEFSUMME
    if ende < 2 or zlib.crc32(inhalt[:ende]) & 0xFFFF != inhalt[ende] | inhalt[ende + 1] << 8:
        raise ValueError("checksum")
    if inhalt[0] != VERSION:
        raise ValueError(f"version {inhalt[0]}")
    return Leser(inhalt, 2, ende), inhalt[1]


def _checksum(inhalt: bytes) -> bytes:
    return (zlib.crc32(inhalt) & 0xFFFF).to_bytes(_PRUEFSUMME, "little")


def _occupied(beginn: int, zeiten: Sequence[int]) -> int:
    """The quarter hours of a day as bits, the first one lowest."""
    if zeiten == tuple(range(beginn, beginn + TAG_S, VIERTELSTUNDE_S)):
        return (1 << VIERTELSTUNDEN) - 1
    plaetze = [(zeit - beginn) // VIERTELSTUNDE_S for zeit in zeiten]
    aufsteigend = all(map(int.__lt__, plaetze, plaetze[1:]))
    if any(zeit % VIERTELSTUNDE_S for zeit in zeiten) or not aufsteigend:
        raise ValueError("quarter hours in ascending order expected")
    if plaetze[0] < 0 or plaetze[-1] >= VIERTELSTUNDEN:
        raise ValueError("readings of one UTC day expected")
    return sum([1 << platz for platz in plaetze])


class _Registerteil:
    """The first columns of a block: what a question for Verbrauch needs."""

    def __init__(self, tag: int, leser: Leser, kennung: int) -> None:
        """`leser`, `kennung`: what _open gives."""
        self.zeiten = _times(tag, read_presence(leser, kennung & _ART, VIERTELSTUNDEN))
        self.anzahl = len(self.zeiten)
        self._kennung = kennung
        self._bezug = Register(leser, self.anzahl)
        self._einspeisung = Register(leser, self.anzahl) if kennung & _EINSPEISUNG else Null()
        self._qualitaet = Laeufe(leser, self.anzahl) if kennung & _QUALITAET else None

    def find(self, uhrzeit: int) -> int | None:
        """The place of a reading among those of the block."""
        return self.zeiten.index(uhrzeit) if uhrzeit in self.zeiten else None

    def registers(self, von: int, bis: int) -> list[tuple[int, int, int, Qualitaet]]:
        """Time, both registers and quality of the readings [von, bis)."""
        zeiten, bezug, einspeisung = (
            self.zeiten[von:bis],
            self._bezug.part(von, bis),
            self._einspeisung.part(von, bis),
        )
        return list(zip(zeiten, bezug, einspeisung, self._qualities(von, bis), strict=True))

    def energy(self, stelle: int) -> tuple[int, int, Qualitaet]:
        """Both registers and quality of one reading."""
        qualitaet = _ABGELESEN if self._qualitaet is None else self._qualities(stelle, stelle + 1)[0]
        return self._bezug.value(stelle), self._einspeisung.value(stelle), qualitaet

    def _qualities(self, von: int, bis: int) -> Sequence[Qualitaet]:
        if self._qualitaet is None:
            return [_ABGELESEN] * (bis - von)
        return list(map(Qualitaet, self._qualitaet.part(von, bis)))


class _Block(_Registerteil):
    """A whole block."""

    def __init__(self, tag: int, leser: Leser, kennung: int) -> None:
        super().__init__(tag, leser, kennung)
        anzahl = self.anzahl
        self._empfangen = Laeufe(leser, anzahl)
        self._status = Laeufe(leser, anzahl) if kennung & _STATUS else None
        self._herkunft = Laeufe(leser, anzahl) if kennung & _HERKUNFT else None
        art = kennung >> _LEISTUNG_AB_BIT & _ART
        self._leistung = None if art == KEINE else Leistung(leser, art, anzahl, self._bezug, self._einspeisung)
        if leser.stelle != leser.ende:
            raise ValueError("length")

    def readings(self, von: int, bis: int) -> list[Ablesung]:
        """The readings [von, bis)."""
        anzahl = bis - von
        spalten = (
            self.zeiten[von:bis],
            self._bezug.part(von, bis),
            self._einspeisung.part(von, bis),
            repeat(None, anzahl) if self._leistung is None else self._leistung.part(von, bis),
            self._qualities(von, bis),
            repeat(0, anzahl) if self._status is None else self._status.part(von, bis),
            self._empfangen.moments(self.zeiten, von, bis),
            repeat(_GERAET, anzahl) if self._herkunft is None else map(Herkunft, self._herkunft.part(von, bis)),
        )
        return list(map(_AS_ABLESUNG, zip(*spalten, strict=True)))


def _times(tag: int, plaetze: Sequence[int]) -> Sequence[int]:
    beginn = tag * TAG_S
    if isinstance(plaetze, range):
        return range(beginn, beginn + TAG_S, VIERTELSTUNDE_S)
    return [beginn + platz * VIERTELSTUNDE_S for platz in plaetze]

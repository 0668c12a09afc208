"""Readings from CSV: registers at instants, or energies of quarter hours. docs/dateien.md describes both.

Strict where a guess could be wrong: columns by name, instants with their offset, whole Wh. Lenient where nothing
can be mistaken: BOM, line ends, semicolon or comma between cells, point or comma in a decimal.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from io import BufferedIOBase
from typing import Final

from betreiber.ablesung.domain import Qualitaet
from betreiber.errors import EingabeUngueltig
from betreiber.importlauf.csv_zeilen import ZU_LANG, Unbrauchbar, iter_lines, read_header, split_line
from betreiber.importlauf.domain import ENERGIE_HOECHSTENS_WH, Fehlzeile, Intervall, Messzeile, Satz, as_uhrzeit
from betreiber.zeit import VIERTELSTUNDE_S
from telegramm.zaehlernummer import check_zaehlernummer

# More than a register of nine digits can show, and far below what the storage holds.
STAND_HOECHSTENS_WH: Final = 10**15
LEISTUNG_HOECHSTENS_W: Final = 10**12
_ZEIT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(?::[0-9]{2})?(?P<versatz>[Zz]|[+-][0-9]{2}:[0-9]{2})?"
)
_GANZE = re.compile(r"-?[0-9]{1,18}")
_KILO = re.compile(r"(?P<ganze>[0-9]{1,15})(?:[.,](?P<bruch>[0-9]{1,9}))?")
_EINHEITEN = ("_wh", "_kwh")
_STAENDE: tuple[str, ...] = ("bezug_gesamt", "einspeisung_gesamt")
_ENERGIEN: tuple[str, ...] = ("bezug", "einspeisung")

# Turns the cells of a line into what it says.
_Leser = Callable[[int, Sequence[str]], Satz]


def read_csv(datei: BufferedIOBase) -> Iterator[Satz]:
    """The lines of a file in their order; `position` counts from 1, and line 1 is the header.

    Raises EingabeUngueltig, with the first line, for a file that is no CSV of the two kinds.
    """
    zeilen = iter_lines(datei)
    trenner, spalten = read_header(next(zeilen, b""))
    lesen = _choose_reader(spalten)
    for position, roh in enumerate(zeilen, start=2):
        if roh is None:
            yield Fehlzeile(position, "", ZU_LANG)
        elif roh.strip():
            yield _read_line(position, roh, trenner, spalten, lesen)


def _choose_reader(spalten: list[str]) -> _Leser:
    """How to read the lines below these columns. Raises EingabeUngueltig."""
    if {"zaehlernummer", "messzeitpunkt"} <= set(spalten):
        art, mengen, pflicht, weitere = _stand_reader, _STAENDE, _STAENDE, {"messzeitpunkt", "leistung_w"}
    elif {"zaehlernummer", "von"} <= set(spalten):
        art, mengen, pflicht, weitere = _energie_reader, _ENERGIEN, _ENERGIEN[:1], {"von"}
    else:
        raise EingabeUngueltig(
            "Die Kopfzeile braucht zaehlernummer;messzeitpunkt;bezug_gesamt_wh;einspeisung_gesamt_wh"
            " (Zählerstände) oder zaehlernummer;von;bezug_wh (Energien je Viertelstunde)."
        )
    plaetze: dict[str, int] = {}
    namen: dict[str, str] = {}
    for stelle, name in enumerate(spalten):
        stamm = next((name.removesuffix(e) for e in _EINHEITEN if name.removesuffix(e) in mengen), name)
        if stamm in plaetze:
            raise EingabeUngueltig(f"Die Spalte {stamm} steht doppelt in der Kopfzeile.")
        plaetze[stamm], namen[stamm] = stelle, name
    fremd = set(plaetze) - {"zaehlernummer", *mengen, *weitere}
    if fremd:
        raise EingabeUngueltig(f"Unbekannte Spalten: {', '.join(sorted(fremd))[:200]}. Nehmen Sie sie heraus.")
    fehlt = [f"{name}_wh" for name in pflicht if name not in plaetze]
    if fehlt:
        raise EingabeUngueltig(f"In der Kopfzeile fehlt: {', '.join(fehlt)}.")
    return art(plaetze, {name: namen[name].endswith("_kwh") for name in mengen if name in namen})


def _stand_reader(plaetze: dict[str, int], kilo: dict[str, bool]) -> _Leser:
    zaehler, zeit = plaetze["zaehlernummer"], plaetze["messzeitpunkt"]
    bezug, einspeisung, leistung = (
        plaetze["bezug_gesamt"],
        plaetze["einspeisung_gesamt"],
        plaetze.get("leistung_w"),
    )
    als_bezug, als_einspeisung = _energy_reader(kilo["bezug_gesamt"]), _energy_reader(kilo["einspeisung_gesamt"])

    def read(position: int, zellen: Sequence[str]) -> Satz:
        return Messzeile(
            position,
            _read_zaehlernummer(zellen[zaehler]),
            _read_zeit(zellen[zeit]),
            als_bezug(zellen[bezug], STAND_HOECHSTENS_WH),
            als_einspeisung(zellen[einspeisung], STAND_HOECHSTENS_WH),
            _read_leistung(zellen[leistung]) if leistung is not None and zellen[leistung] else None,
        )

    return read


def _energie_reader(plaetze: dict[str, int], kilo: dict[str, bool]) -> _Leser:
    zaehler, zeit = plaetze["zaehlernummer"], plaetze["von"]
    bezug, einspeisung = plaetze["bezug"], plaetze.get("einspeisung")
    als_bezug, als_einspeisung = _energy_reader(kilo["bezug"]), _energy_reader(kilo.get("einspeisung", False))

    def read(position: int, zellen: Sequence[str]) -> Satz:
        von = _read_zeit(zellen[zeit])
        return Intervall(
            position,
            _read_zaehlernummer(zellen[zaehler]),
            von,
            von + VIERTELSTUNDE_S,
            als_bezug(zellen[bezug], ENERGIE_HOECHSTENS_WH),
            0 if einspeisung is None else als_einspeisung(zellen[einspeisung], ENERGIE_HOECHSTENS_WH),
            Qualitaet.ABGELESEN,
        )

    return read


def _read_line(position: int, roh: bytes, trenner: str, spalten: list[str], lesen: _Leser) -> Satz:
    ort = ""
    try:
        zellen = split_line(roh, trenner, len(spalten))
        ort = zellen[spalten.index("zaehlernummer")][:40]
        return lesen(position, zellen)
    except Unbrauchbar as error:
        return Fehlzeile(position, ort, str(error))


# A file names the same meters and the same instants again and again.
@lru_cache(10_000)
def _read_zaehlernummer(text: str) -> str:
    try:
        return check_zaehlernummer(text.upper())
    except ValueError as error:
        raise Unbrauchbar(f"{text[:40]!r} ist keine Zählernummer (14 Zeichen wie 1EMH0012345678).") from error


@lru_cache(10_000)
def _read_zeit(text: str) -> int:
    treffer = _ZEIT.fullmatch(text)
    if treffer is None:
        raise Unbrauchbar(f"{text[:40]!r} ist kein Zeitpunkt wie 2026-10-25T02:15:00+02:00.")
    if treffer["versatz"] is None:
        raise Unbrauchbar(
            f"Der Zeitpunkt {text} hat keinen Versatz: schreiben Sie +01:00 (Winter), +02:00 (Sommer) oder Z."
        )
    try:
        return as_uhrzeit(datetime.fromisoformat(text.upper()))
    except ValueError as error:
        raise Unbrauchbar(f"Den Zeitpunkt {text} gibt es nicht: prüfen Sie Datum und Versatz.") from error


def _energy_reader(kilo: bool) -> Callable[[str, int], int]:
    return _read_kwh if kilo else _read_wh


def _read_wh(text: str, hoechstens: int) -> int:
    if not _GANZE.fullmatch(text):
        raise Unbrauchbar(f"{text[:40]!r} ist keine ganze Zahl von Wh.")
    return _check(int(text), hoechstens)


def _read_kwh(text: str, hoechstens: int) -> int:
    """Wh from kWh with a decimal point or comma, exactly."""
    treffer = _KILO.fullmatch(text)
    if treffer is None:
        raise Unbrauchbar(f"{text[:40]!r} ist keine Zahl von kWh wie 0,125 (ohne Tausenderpunkte).")
    bruch = (treffer["bruch"] or "").rstrip("0")
    if len(bruch) > 3:
        raise Unbrauchbar(f"{text} kWh sind keine ganzen Wh. Gerundet wird nicht.")
    return _check(int(treffer["ganze"]) * 1000 + int(bruch.ljust(3, "0")), hoechstens)


def _read_leistung(text: str) -> int:
    if not _GANZE.fullmatch(text) or abs(int(text)) > LEISTUNG_HOECHSTENS_W:
        raise Unbrauchbar(f"{text[:40]!r} ist keine ganze Zahl von W.")
    return int(text)


def _check(menge_wh: int, hoechstens: int) -> int:
    if not 0 <= menge_wh <= hoechstens:
        raise Unbrauchbar(f"{menge_wh} Wh liegen nicht zwischen 0 und {hoechstens}.")
    return menge_wh

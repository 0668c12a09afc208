"""Load profiles from MSCONS, the German market's message of metered energy (BDEW, on UN/EDIFACT D.04B). Pure.

Read are series of intervals: QTY with DTM+163 and DTM+164 below a place (LOC+172) and an OBIS code (PIA+5).
[m] The codes of QTY and OBIS are taken from published messages, not from the BDEW's guide itself, which is not at
hand; whatever is not in the tables below is refused with its line, never guessed.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from betreiber.ablesung.domain import Qualitaet
from betreiber.errors import EingabeUngueltig
from betreiber.importlauf.domain import ENERGIE_HOECHSTENS_WH, Fehlzeile, Intervall, Satz, as_uhrzeit
from betreiber.importlauf.edifact import Nachricht, Segment, Uebertragung

ORIGINAL = "9"  # BGM: a first message; reversals and corrections bear other codes [m].
QUALITAETEN = {
    "220": Qualitaet.ABGELESEN,  # wahrer Wert
    "67": Qualitaet.ERSATZWERT,
    "201": Qualitaet.VORLAEUFIGERWERT,  # Vorschlagswert [m]
    "Z18": Qualitaet.VORLAEUFIGERWERT,  # vorläufiger Wert [m]
}
# Active energy of an interval: C = 1 taken, 2 fed in; D = 29 and, in messages that were sent, 9 and 10 [m].
_OBIS = re.compile(r"1-[0-9]{1,2}:(?P<richtung>[12])\.(?:9|10|29)\.[0-9]{1,2}")
_BEZUG, _EINSPEISUNG = "1", "2"
_ZEIT = re.compile(r"[0-9]{12}[+-][0-9]{2}")


class _Wert(NamedTuple):
    """A value as it stands in a message, in one direction."""

    nummer: int
    ort: str
    von: int
    bis: int
    richtung: str
    energie_wh: int
    qualitaet: Qualitaet


class _Unbrauchbar(Exception):
    """A value cannot be used; the text says why, and what to do."""


def read_mscons(uebertragung: Uebertragung) -> list[Satz]:
    """The values of an interchange in its order; `position` is the number of the segment QTY.

    Raises EingabeUngueltig for what is no original MSCONS.
    """
    werte: list[_Wert] = []
    fehler: list[Satz] = []
    for nachricht in uebertragung.nachrichten:
        _check_message(nachricht)
        for fund in _Leser(uebertragung.dezimalzeichen).read(nachricht):
            if isinstance(fund, _Wert):
                werte.append(fund)
            else:
                fehler.append(fund)
    if not werte and not fehler:
        raise EingabeUngueltig("Die Übertragung enthält keine Werte eines Lastgangs.")
    return sorted([*fehler, *_join_directions(werte)], key=lambda satz: satz.position)


def _check_message(nachricht: Nachricht) -> None:
    if nachricht.art[:1] != ("MSCONS",):
        raise EingabeUngueltig(f"Die Nachricht {nachricht.referenz[:40]!r} ist keine MSCONS.")
    beginn = next((segment for segment in nachricht.segmente if segment.name == "BGM"), None)
    if beginn is None or beginn.get(2) != ORIGINAL:
        raise EingabeUngueltig(
            f"Die Nachricht {nachricht.referenz[:40]!r} ist kein Original (BGM {ORIGINAL}): Stornos und"
            " Korrekturen werden nicht eingelesen; tragen Sie sie als Korrektur ein."
        )


class _Leser:
    """Goes through the segments of a message and remembers to which place and code a value belongs."""

    def __init__(self, dezimalzeichen: str) -> None:
        self._zahl = re.compile(rf"([0-9]{{1,15}})(?:{re.escape(dezimalzeichen)}([0-9]{{1,9}}))?")
        self._ort = ""
        self._ortsart = ""
        self._obis = ""
        self._menge: Segment | None = None
        self._zeiten: dict[str, Segment] = {}

    def read(self, nachricht: Nachricht) -> Iterator[_Wert | Fehlzeile]:
        for segment in nachricht.segmente:
            if segment.name in ("NAD", "LOC", "LIN", "PIA", "QTY"):
                yield from self._finish()
            # What a group does not name it has not inherited from the one before.
            if segment.name == "NAD":
                self._ortsart = self._ort = self._obis = ""
            elif segment.name == "LOC":
                self._ortsart, self._ort = segment.get(0), segment.get(1)
            elif segment.name == "LIN":
                self._obis = ""
            elif segment.name == "PIA" and segment.get(0) == "5":
                self._obis = segment.get(1)
            elif segment.name == "QTY":
                self._menge = segment
            elif segment.name == "DTM" and self._menge is not None:
                self._zeiten[segment.get(0)] = segment
        yield from self._finish()

    def _finish(self) -> Iterator[_Wert | Fehlzeile]:
        menge, zeiten = self._menge, self._zeiten
        self._menge, self._zeiten = None, {}
        if menge is None:
            return
        try:
            yield self._read_wert(menge, zeiten)
        except _Unbrauchbar as error:
            yield Fehlzeile(menge.nummer, self._ort[:40], str(error))

    def _read_wert(self, menge: Segment, zeiten: dict[str, Segment]) -> _Wert:
        if self._ortsart != "172":
            raise _Unbrauchbar(f"Der Ort hat die Art {self._ortsart[:9]!r} statt 172 (Markt- oder Messlokation).")
        obis = _OBIS.fullmatch(self._obis)
        if obis is None:
            raise _Unbrauchbar(
                f"Die Kennzahl {self._obis[:40]!r} ist kein Lastgang von Wirkarbeit wie 1-1:1.29.0; Zählerstände"
                " lesen Sie aus einer CSV-Datei ein."
            )
        qualitaet = QUALITAETEN.get(menge.get(0))
        if qualitaet is None:
            raise _Unbrauchbar(f"Die Art des Wertes {menge.get(0)[:9]!r} ist nicht verwendbar.")
        if menge.get(0, 2) not in ("", "KWH"):
            raise _Unbrauchbar(f"Die Einheit {menge.get(0, 2)[:9]!r} ist nicht KWH.")
        von, bis = (_read_zeit(zeiten.get(art), art) for art in ("163", "164"))
        energie_wh = self._read_energie(menge.get(0, 1))
        return _Wert(menge.nummer, self._ort, von, bis, obis["richtung"], energie_wh, qualitaet)

    def _read_energie(self, text: str) -> int:
        treffer = self._zahl.fullmatch(text)
        if treffer is None:
            raise _Unbrauchbar(f"{text[:40]!r} ist keine Menge von kWh.")
        bruch = (treffer[2] or "").rstrip("0")
        energie_wh = int(treffer[1]) * 1000 + int(bruch[:3].ljust(3, "0"))
        if len(bruch) > 3 or energie_wh > ENERGIE_HOECHSTENS_WH:
            raise _Unbrauchbar(f"{text[:40]} kWh sind keine ganzen Wh oder zu viel. Gerundet wird nicht.")
        return energie_wh


def _read_zeit(segment: Segment | None, art: str) -> int:
    """Seconds since 1970 of DTM in format 303: CCYYMMDDHHMMZZZ."""
    if segment is None:
        raise _Unbrauchbar(f"Dem Wert fehlt DTM+{art}.")
    text, form = segment.get(0, 1), segment.get(0, 2)
    if form == "203":
        raise _Unbrauchbar(
            f"DTM+{art} hat keinen Versatz (Format 203): verlangt ist Format 303 wie 202610250200?+02."
        )
    if form != "303" or _ZEIT.fullmatch(text) is None:
        raise _Unbrauchbar(f"DTM+{art} {text[:20]!r} ist kein Zeitpunkt im Format 303 wie 202610250200?+02.")
    try:
        return as_uhrzeit(datetime.strptime(text + "00", "%Y%m%d%H%M%z"))
    except ValueError as error:
        raise _Unbrauchbar(f"DTM+{art} {text}: diesen Zeitpunkt gibt es nicht.") from error


def _join_directions(werte: list[_Wert]) -> Iterator[Intervall | Fehlzeile]:
    """Both directions of the same interval as one. A place with one direction only does not use the other.

    ASSUMPTION: a meter's two directions stand in the same file; one that comes later meets stored registers whose
    other direction did not move, and is quarantined.
    """
    richtungen: dict[str, set[str]] = {}
    gleichzeitige: dict[tuple[str, int, int, str], _Wert] = {}
    for wert in werte:
        richtungen.setdefault(wert.ort, set()).add(wert.richtung)
        gleichzeitige.setdefault((wert.ort, wert.von, wert.bis, wert.richtung), wert)
    for wert in werte:
        andere = _EINSPEISUNG if wert.richtung == _BEZUG else _BEZUG
        partner = gleichzeitige.get((wert.ort, wert.von, wert.bis, andere))
        if partner is None and andere in richtungen[wert.ort]:
            yield Fehlzeile(wert.nummer, wert.ort[:40], "Die Gegenrichtung desselben Zeitraums fehlt.")
        elif partner is None or wert.richtung == _BEZUG or wert is not gleichzeitige[wert[1:5]]:
            # What was fed in is told with what was taken; said twice, it contradicts itself.
            yield _as_intervall(wert, partner)


def _as_intervall(wert: _Wert, partner: _Wert | None) -> Intervall:
    energie = {wert.richtung: wert.energie_wh}
    qualitaet = wert.qualitaet
    if partner is not None:
        energie[partner.richtung] = partner.energie_wh
        # ABGELESEN is the lowest: a pair is measured when both are.
        qualitaet = max(qualitaet, partner.qualitaet)
    bezug_wh, einspeisung_wh = energie.get(_BEZUG, 0), energie.get(_EINSPEISUNG, 0)
    return Intervall(wert.nummer, wert.ort[:40], wert.von, wert.bis, bezug_wh, einspeisung_wh, qualitaet)

"""Rules of corrections, and the log of what changed. Pure."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import groupby
from typing import NamedTuple

from betreiber.ablesung.domain import Ablesung, Befund
from betreiber.errors import EingabeUngueltig, KonfliktFehler

_UNPLAUSIBEL = {
    Befund.RUECKLAUF: "Ein Stand läge niedriger als der davor. Prüfen Sie zuerst die Ablesungen davor und danach.",
    Befund.LEISTUNG: "Zwischen den Ständen davor und danach flösse mehr, als der Anschluss der Messstelle trägt.",
    Befund.ZU_ALT: "Zu diesem Zeitpunkt war der Zähler noch nicht eingebaut.",
}


class Wertaenderung(NamedTuple):
    """What became of a reading at the moment `geaendert` (seconds since 1970); None: there was none.

    The differences are those of the registers, in Wh, None where one of the two is missing.
    """

    uhrzeit: int
    geaendert: int
    alt: Ablesung | None
    neu: Ablesung | None

    @property
    def bezug_differenz_wh(self) -> int | None:
        """By how much the register of what is taken from the grid changed."""
        return None if self.alt is None or self.neu is None else self.neu.bezug_wh - self.alt.bezug_wh

    @property
    def einspeisung_differenz_wh(self) -> int | None:
        """By how much the register of what is fed into the grid changed."""
        return None if self.alt is None or self.neu is None else self.neu.einspeisung_wh - self.alt.einspeisung_wh


def check_korrektur(
    bezug_wh: int | None, einspeisung_wh: int | None, entfernen: bool, messzeitpunkt: datetime, jetzt: datetime
) -> None:
    """Raise EingabeUngueltig unless there are both registers, or with `entfernen` none, of a time that is over."""
    if entfernen and not (bezug_wh is None and einspeisung_wh is None):
        raise EingabeUngueltig(
            "Wer eine Ablesung entfernt, gibt keine Zählerstände an.", feld="entfernen", code="korrektur_unklar"
        )
    if not entfernen and (bezug_wh is None or einspeisung_wh is None):
        raise EingabeUngueltig(
            "Geben Sie beide Zählerstände an, oder entfernen: true.",
            feld="bezug_gesamt_wh" if bezug_wh is None else "einspeisung_gesamt_wh",
            code="korrektur_unklar",
        )
    if messzeitpunkt > jetzt:
        raise EingabeUngueltig(
            "Der Zeitpunkt liegt in der Zukunft. Tragen Sie ein, was abgelesen wurde.",
            feld="messzeitpunkt",
            code="zeitpunkt_in_zukunft",
        )


def check_befund(befund: Befund) -> None:
    """Raise KonfliktFehler unless a corrected reading fits the measured ones beside it."""
    if befund is not Befund.NEU:
        raise KonfliktFehler(_UNPLAUSIBEL[befund], code="korrektur_unplausibel")


def list_changes(ersetzte: Iterable[tuple[Ablesung, int]], jetzige: Mapping[int, Ablesung]) -> list[Wertaenderung]:
    """What changed, newest first. `ersetzte`: replaced readings with the moment, by time and in their order.

    A reading that was withdrawn, and its return, are two changes.
    """
    aenderungen = []
    for uhrzeit, gruppe in groupby(ersetzte, key=lambda ersetzt: ersetzt[0].uhrzeit):
        fassungen = list(gruppe)
        folgende: list[Ablesung | None] = [ablesung for ablesung, _ in fassungen[1:]]
        folgende.append(jetzige.get(uhrzeit))
        for (alt, ersetzt), neu in zip(fassungen, folgende, strict=True):
            if neu is None or neu.empfangen == ersetzt:
                aenderungen.append(Wertaenderung(uhrzeit, ersetzt, alt, neu))
            else:
                aenderungen.append(Wertaenderung(uhrzeit, ersetzt, alt, None))
                aenderungen.append(Wertaenderung(uhrzeit, neu.empfangen, None, neu))
    return sorted(aenderungen, key=lambda aenderung: (-aenderung.geaendert, aenderung.uhrzeit))

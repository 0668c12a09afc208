"""Rules of corrections, and the log of what changed. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import NamedTuple

from betreiber.ablesung.domain import Ablesung, Befund, Qualitaet
from betreiber.ablesung.zaehlwerk import Abschnitt, Abschnittsgrund, Register, Zaehlwerk, move_edge
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


def follow_edges(
    zaehlwerk: Zaehlwerk, alte: Mapping[int, Ablesung], neue: Mapping[int, Register]
) -> Sequence[Abschnitt]:
    """The sections once the readings at these times are `neue`, in Wh, in place of `alte`, as far as measured.

    A section that began with a reading that was wrong began with what the register really showed.
    """
    abschnitte = zaehlwerk.abschnitte
    for ab in {abschnitt.ab for abschnitt in abschnitte} & neue.keys() & alte.keys():
        if alte[ab].qualitaet is Qualitaet.ABGELESEN:
            abschnitte = move_edge(zaehlwerk.faktor, abschnitte, ab, alte[ab][1:3], neue[ab])
    return abschnitte


def check_no_edge(uhrzeit: int, abschnitte: Iterable[Abschnitt]) -> None:
    """Raise KonfliktFehler when the energy of what follows stands on the reading of this time."""
    gruende = {abschnitt.grund for abschnitt in abschnitte if abschnitt.ab == uhrzeit}
    if Abschnittsgrund.WECHSEL in gruende:
        raise KonfliktFehler(
            "Mit dieser Ablesung begann das Zählwerk neu. Korrigieren Sie ihren Stand; begann es doch nicht neu,"
            " tragen Sie den Stand der letzten Ablesung davor ein.",
            code="zaehlwerk_passt_nicht",
        )
    if Abschnittsgrund.FAKTOR in gruende:
        raise KonfliktFehler(
            "Ab dieser Ablesung gilt ein anderer Faktor. Korrigieren Sie ihren Stand; gilt der Faktor nicht,"
            " tragen Sie zum selben Zeitpunkt wieder den alten ein.",
            code="zaehlwerk_passt_nicht",
        )


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

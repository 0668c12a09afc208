"""Rules of corrections, and the log of what changed. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from typing import NamedTuple

from betreiber.ablesung.domain import Ablesung, Befund, Grenzen, Qualitaet, Stand, judge
from betreiber.ablesung.zaehlwerk import (
    Abschnitt,
    Abschnittsgrund,
    Register,
    Zaehlwerk,
    begin_anew,
    end_section,
    move_edge,
)
from betreiber.errors import EingabeUngueltig, KonfliktFehler
from telegramm.messwerte import Messwert

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


def follow_closing(zaehlwerk: Zaehlwerk, schluss: Register, nachher: Ablesung | None, jetzt: int) -> Zaehlwerk:
    """The register once `schluss` (Wh) is that of the last reading before the measured one `nachher`.

    Where that is the first one after an exchange the energy goes on from `schluss`, whatever stood there before.
    """
    abschnitte = zaehlwerk.abschnitte
    if nachher is None or not _begins_anew(nachher.uhrzeit, abschnitte):
        return zaehlwerk
    neu = begin_anew(zaehlwerk.faktor, abschnitte, nachher.uhrzeit, schluss, nachher[1:3], jetzt)
    return Zaehlwerk(zaehlwerk.faktor, neu)


def without_edge(uhrzeit: int, vorher: Ablesung | None, nachher: Ablesung | None, grenzen: Grenzen) -> Zaehlwerk:
    """The register without the exchange at `uhrzeit`; as it is, unless the measured readings around it allow that.

    They do when the later one goes on from the earlier one, without a rollover, or when one of them is missing.
    """
    zaehlwerk = grenzen.zaehlwerk
    if not _begins_anew(uhrzeit, zaehlwerk.abschnitte):
        return zaehlwerk
    ohne = Zaehlwerk(
        zaehlwerk.faktor,
        end_section(zaehlwerk.faktor, zaehlwerk.abschnitte, uhrzeit, Abschnittsgrund.WECHSEL),
    )
    if vorher is None or nachher is None:
        return ohne
    danach = [Messwert(*nachher[:4], nachher.status)]
    urteil = judge(danach, {}, Stand(*vorher[:4]), None, replace(grenzen, zaehlwerk=ohne))
    rollt = any(uebergang.bezug or uebergang.einspeisung for uebergang in urteil.uebergaenge)
    return ohne if urteil.befunde == [Befund.NEU] and not rollt else zaehlwerk


def _begins_anew(uhrzeit: int, abschnitte: Iterable[Abschnitt]) -> bool:
    return any((einer.ab, einer.grund) == (uhrzeit, Abschnittsgrund.WECHSEL) for einer in abschnitte)


def check_no_edge(uhrzeit: int, abschnitte: Iterable[Abschnitt]) -> None:
    """Raise KonfliktFehler when the energy of what follows stands on the reading of this time."""
    gruende = {abschnitt.grund for abschnitt in abschnitte if abschnitt.ab == uhrzeit}
    if Abschnittsgrund.WECHSEL in gruende:
        raise KonfliktFehler(
            "Mit dieser Ablesung begann das Zählwerk neu, und die danach zählen weiter. Korrigieren Sie ihren"
            " Stand; begann es doch nicht neu, tragen Sie den Stand der letzten Ablesung davor ein.",
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

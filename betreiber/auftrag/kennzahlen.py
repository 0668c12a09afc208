"""The figures of work orders: due, done, on time, how long a repair takes. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from betreiber.auftrag.domain import LAUFEND, Auftragsart, Auftragsverlauf, Auftragszustand
from betreiber.errors import EingabeUngueltig
from betreiber.zeit import local_date

_Z = Auftragszustand
ZEITRAUM_HOECHSTENS = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Kennzahlen:
    """Figures of a kind of order in a period; `art` None: of all kinds.

    Due: whose day lies in it. Of these done, done on time (is_puenktlich), and overdue (day over, not ended).
    `reparaturdauer_mittel_s`: mean time from the order to its end of the repairs that ended in it.
    """

    art: str | None
    faellig: int
    erledigt: int
    puenktlich: int
    ueberfaellig: int
    fehlgeschlagene_besuche: int
    reparaturdauer_mittel_s: int | None


def check_zeitraum(von: date, bis: date) -> None:
    """Raise EingabeUngueltig unless [von, bis) is a period of at most a year."""
    if bis <= von:
        raise EingabeUngueltig("bis muss nach von liegen.", feld="bis", code="zeitraum_ungueltig")
    if bis - von > ZEITRAUM_HOECHSTENS:
        raise EingabeUngueltig("Höchstens ein Jahr.", feld="bis", code="zeitraum_zu_lang")


def is_puenktlich(termin: date | None, beendet: datetime | None, erster_besuch: datetime | None) -> bool:
    """Whether what was done was done on its day or before, in Europe/Berlin.

    `erster_besuch`: the first visit that failed, on the day that had been agreed. What is done after that day is
    late, also when it keeps the new one.
    """
    if termin is None or beendet is None:
        return False
    return local_date(beendet) <= (termin if erster_besuch is None else min(termin, local_date(erster_besuch)))


def compute_kennzahlen(
    verlaeufe: Collection[Auftragsverlauf], besuche: Mapping[str, int], von: date, bis: date, heute: date
) -> list[Kennzahlen]:
    """The figures of [von, bis), of all kinds first. `besuche`: failed visits by kind of order."""
    return [
        _figures(art, [v for v in verlaeufe if art in (None, v.art)], besuche, von, bis, heute)
        for art in (None, *Auftragsart)
    ]


def _figures(
    art: Auftragsart | None,
    verlaeufe: Sequence[Auftragsverlauf],
    besuche: Mapping[str, int],
    von: date,
    bis: date,
    heute: date,
) -> Kennzahlen:
    faellige = [
        v
        for v in verlaeufe
        if v.termin_datum is not None and von <= v.termin_datum < bis and v.zustand != _Z.STORNIERT
    ]
    erledigte = [v for v in faellige if v.zustand == _Z.ERLEDIGT]
    dauern = [
        int((v.beendet_zeitpunkt - v.angelegt_zeitpunkt).total_seconds())
        for v in verlaeufe
        if v.art == Auftragsart.REPARATUR
        and v.zustand == _Z.ERLEDIGT
        and v.beendet_zeitpunkt is not None
        and von <= local_date(v.beendet_zeitpunkt) < bis
    ]
    return Kennzahlen(
        art,
        len(faellige),
        len(erledigte),
        sum(is_puenktlich(v.termin_datum, v.beendet_zeitpunkt, v.erster_besuch_zeitpunkt) for v in erledigte),
        sum(v.zustand in LAUFEND and v.termin_datum is not None and v.termin_datum < heute for v in faellige),
        sum(besuche.values()) if art is None else besuche.get(art, 0),
        sum(dauern) // len(dauern) if dauern else None,
    )

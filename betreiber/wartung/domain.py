"""Rules of maintenance: when a meter is due next, and why. Pure."""

from calendar import monthrange
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from betreiber.errors import EingabeUngueltig
from betreiber.stromzaehler.domain import Zaehlerzustand


class Sortierung(StrEnum):
    """How planners read the list: what is due first, or what lies on one tour."""

    FAELLIG = "faellig"
    POSTLEITZAHL = "postleitzahl"
    STRASSE = "strasse"


class Anlass(StrEnum):
    """Why maintenance is due; MANUELL: somebody set the date by hand."""

    EICHFRIST = "EICHFRIST"
    NUTZUNGSDAUER = "NUTZUNGSDAUER"
    GEWAEHRLEISTUNG = "GEWAEHRLEISTUNG"
    KONTROLLABLESUNG = "KONTROLLABLESUNG"
    MANUELL = "MANUELL"


class Eichungsart(StrEnum):
    """What the Eichfrist of a meter follows from, beside its marking."""

    EICHUNG = "EICHUNG"
    EINGRIFF = "EINGRIFF"
    LOSVERLAENGERUNG = "LOSVERLAENGERUNG"
    ANTRAG = "ANTRAG"
    NICHTBENUTZUNG = "NICHTBENUTZUNG"


class Rechtsgrund(StrEnum):
    """On which ground readings are billed although the Eichfrist is over."""

    ANTRAG_RECHTZEITIG = "ANTRAG_RECHTZEITIG"
    BEHOERDE_GESTATTET = "BEHOERDE_GESTATTET"
    STICHPROBENLOS = "STICHPROBENLOS"
    INSTANDGESETZT = "INSTANDGESETZT"


# Where each ground stands in the law, for people who read it.
RECHTSQUELLE = {
    Rechtsgrund.ANTRAG_RECHTZEITIG: "rechtzeitig beantragt, MessEG § 38 Satz 1",
    Rechtsgrund.BEHOERDE_GESTATTET: "von der Behörde gestattet, MessEG § 38 Satz 2",
    Rechtsgrund.STICHPROBENLOS: "Stichprobenverfahren, MessEV § 35",
    Rechtsgrund.INSTANDGESETZT: "instand gesetzt, MessEG § 37 Abs. 5",
}


# In these states a meter may hang at a Messstelle and measure what is billed.
HAENGEND = (Zaehlerzustand.EINGEBAUT, Zaehlerzustand.GESPERRT)


@dataclass(frozen=True, slots=True)
class Tatsache:
    """A fact of the law of verification, such as it stands in `eichung`."""

    art: Eichungsart
    datum: date
    bis_datum: date | None = None
    los: str | None = None


@dataclass(frozen=True, slots=True)
class Freigabe:
    """A ground to bill from `von_datum` to `bis_datum` (both included; None: until further notice)."""

    von_datum: date
    bis_datum: date | None
    rechtsgrund: Rechtsgrund
    beleg: str


@dataclass(frozen=True, slots=True)
class Wartungslage:
    """All that the next maintenance of a meter follows from, and what is stored of it now.

    `version` 0: there is no row yet. `bundesland`: where it hangs, whose holidays count; None: nowhere.
    """

    stromzaehler_id: int
    zustand: str
    bauart: str
    kennzeichnung_jahr: int | None
    nutzungsdauer_jahre: int | None
    gewaehrleistung_ende_datum: date | None
    inbetriebnahme_datum: date | None
    einbau_datum: date | None
    letzte_manuelle_ablesung_datum: date | None
    letzte_eichung_datum: date | None
    vorgabe_datum: date | None
    kontrollablesung_monate: int | None
    naechste_wartung_datum: date | None
    anlass: str | None
    eichfrist_ende_datum: date | None
    antragsfrist_datum: date | None
    antragswarnung_datum: date | None
    version: int
    bundesland: str | None
    erster_einbau_datum: date | None
    tatsachen: tuple[Tatsache, ...]


@dataclass(frozen=True, slots=True)
class Faelligkeit:
    """When maintenance is due and why; `datum` None: nothing is known that would make it due."""

    datum: date | None
    anlass: Anlass | None
    begruendung: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Wartungsblatt:
    """Maintenance of one meter as it is shown: what was done, what is due, and why."""

    stromzaehler_id: int
    einbau_datum: date | None
    letzte_manuelle_ablesung_datum: date | None
    letzte_eichung_datum: date | None
    naechste_wartung_datum: date | None
    anlass: Anlass | None
    eichfrist_ende_datum: date | None
    antragsfrist_datum: date | None
    antragswarnung_datum: date | None
    begruendung: tuple[str, ...]
    version: int


@dataclass(frozen=True, slots=True)
class Wartungseintrag:
    """One line of the planners' list; `messstelle` is None for a meter that hangs nowhere now."""

    stromzaehler_id: int
    zaehlernummer: str
    zustand: str
    einbau_datum: date | None
    letzte_manuelle_ablesung_datum: date | None
    letzte_eichung_datum: date | None
    naechste_wartung_datum: date | None
    anlass: str | None
    eichfrist_ende_datum: date | None
    antragsfrist_datum: date | None
    antragswarnung_datum: date | None
    version: int
    messstelle: object | None


@dataclass(frozen=True, slots=True)
class Anlassanzahl:
    """How many meters are due for a reason."""

    anlass: Anlass
    anzahl: int


@dataclass(frozen=True, slots=True)
class Wartungskennzahlen:
    """What planners have before them, of the meters that hang at a Messstelle.

    `faellig`, `antraege_faellig`: on a day in [von, bis). `ueberfaellig`, `eichfrist_abgelaufen`: before today.
    """

    von: date
    bis: date
    zaehler: int
    faellig: Sequence[Anlassanzahl]
    ueberfaellig: Sequence[Anlassanzahl]
    eichfrist_abgelaufen: int
    antraege_faellig: int


@dataclass(frozen=True, slots=True)
class Abrechnungsteil:
    """A stretch [von, bis) whose readings may all be billed, or all not, and why."""

    von: datetime
    bis: datetime
    abrechenbar: bool
    grund: str
    begruendung: str


def derive_faelligkeit(lage: Wartungslage, eichfrist_ende_datum: date | None, heute: date) -> Faelligkeit:
    """The earliest of the dates that make a meter due, unless somebody set another one by hand.

    ASSUMPTION: a warranty that is over makes nothing due; wrong where claims are made after its end.
    """
    if lage.zustand == Zaehlerzustand.VERSCHROTTET:
        return Faelligkeit(None, None, ("Der Zähler ist verschrottet und wird nicht mehr gewartet.",))
    termine = [*_termine(lage, eichfrist_ende_datum, heute)]
    saetze = [satz for _, _, satz in termine]
    if lage.vorgabe_datum is not None:
        saetze.append(f"Von Hand auf den {german(lage.vorgabe_datum)} gesetzt; das geht den anderen Terminen vor.")
        return Faelligkeit(lage.vorgabe_datum, Anlass.MANUELL, tuple(saetze))
    if not termine:
        return Faelligkeit(None, None, ("Es ist kein Termin bekannt.",))
    datum, anlass, _ = min(termine, key=lambda termin: termin[0])
    return Faelligkeit(datum, anlass, tuple(saetze))


def _termine(
    lage: Wartungslage, eichfrist_ende_datum: date | None, heute: date
) -> Iterable[tuple[date, Anlass, str]]:
    """The dates that make a meter due, each with its sentence; of equal ones the first counts."""
    if eichfrist_ende_datum is not None:
        satz = f"Bis zum {german(eichfrist_ende_datum)} (Ende der Eichfrist) ist zu eichen oder zu tauschen."
        yield eichfrist_ende_datum, Anlass.EICHFRIST, satz
    beginn = lage.inbetriebnahme_datum or lage.erster_einbau_datum
    if beginn is not None and lage.nutzungsdauer_jahre is not None:
        ende = add_months(beginn, 12 * lage.nutzungsdauer_jahre)
        satz = f"Die Nutzungsdauer seit {german(beginn)} ({lage.nutzungsdauer_jahre} Jahre): {german(ende)}."
        yield ende, Anlass.NUTZUNGSDAUER, satz
    garantie = lage.gewaehrleistung_ende_datum
    if garantie is not None and garantie >= heute:
        yield garantie, Anlass.GEWAEHRLEISTUNG, f"Die Gewährleistung endet am {german(garantie)}."
    # Of a meter that hangs nowhere nobody reads the display.
    if lage.kontrollablesung_monate and lage.zustand in HAENGEND:
        gelesen = [tag for tag in (lage.letzte_manuelle_ablesung_datum, lage.einbau_datum) if tag is not None]
        if gelesen:
            tag = add_months(max(gelesen), lage.kontrollablesung_monate)
            satz = (
                f"Kontrollablesung alle {lage.kontrollablesung_monate} Monate, zuletzt gelesen oder eingebaut am"
                f" {german(max(gelesen))}: am {german(tag)}."
            )
            yield tag, Anlass.KONTROLLABLESUNG, satz


def last_eichung(lage: Wartungslage) -> date | None:
    """The day of the last verification: of the facts, or the one entered by hand where there is no such fact."""
    eichungen = [tatsache.datum for tatsache in lage.tatsachen if tatsache.art is Eichungsart.EICHUNG]
    return max(eichungen, default=lage.letzte_eichung_datum)


def check_vergangen(daten: Mapping[str, Any], heute: date) -> None:
    """Raise EingabeUngueltig for a reading or a calibration that has not happened yet."""
    for feld in ("letzte_manuelle_ablesung_datum", "letzte_eichung_datum", "datum"):
        tag = daten.get(feld)
        if tag is not None and tag > heute:
            raise EingabeUngueltig("Das Datum liegt in der Zukunft.", feld=feld, code="datum_in_zukunft")


def check_kennzeichnung(daten: Mapping[str, Any], kennzeichnung_jahr: int | None) -> None:
    """Raise EingabeUngueltig for a day of verification before the year in the marking: the meter did not exist."""
    for feld in ("letzte_eichung_datum", "datum"):
        tag = daten.get(feld)
        if tag is not None and kennzeichnung_jahr is not None and tag.year < kennzeichnung_jahr:
            raise EingabeUngueltig(
                f"Der Zähler ist mit {kennzeichnung_jahr} gekennzeichnet; das Datum liegt davor.",
                feld=feld,
                code="datum_vor_kennzeichnung",
            )


def check_tage(von: date, bis: date | None) -> None:
    """Raise EingabeUngueltig when the last day lies before the first."""
    if bis is not None and bis < von:
        raise EingabeUngueltig("Der letzte Tag liegt vor dem ersten.", feld="bis_datum", code="zeitraum_ungueltig")


# What each fact needs beside its day; what it does not need, it must not have.
_ANGABEN = {
    Eichungsart.LOSVERLAENGERUNG: ({"bis_datum", "los", "beleg"}, {"bis_datum", "los"}),
    Eichungsart.NICHTBENUTZUNG: ({"beleg"}, {"bis_datum"}),
}


def check_tatsache(daten: Mapping[str, Any], heute: date) -> None:
    """Raise EingabeUngueltig for a fact of the future, with a part missing, or with one that means nothing."""
    check_vergangen(daten, heute)
    noetig, erlaubt = _ANGABEN.get(daten["art"], (set[str](), set[str]()))
    for feld in ("bis_datum", "los", "beleg"):
        if feld in noetig and daten[feld] is None:
            raise EingabeUngueltig(f"{daten['art']} braucht diese Angabe.", feld=feld)
        if feld != "beleg" and feld not in erlaubt and daten[feld] is not None:
            raise EingabeUngueltig(f"{daten['art']} kennt diese Angabe nicht.", feld=feld)
    check_tage(daten["datum"], daten["bis_datum"])


def add_months(tag: date, monate: int) -> date:
    """The same day some months later (or earlier), or the last of that month where it has no such day."""
    jahr, monat = divmod(tag.year * 12 + tag.month - 1 + monate, 12)
    return date(jahr, monat + 1, min(tag.day, monthrange(jahr, monat + 1)[1]))


def german(tag: date) -> str:
    """A date as people write it: 31.12.2034."""
    return f"{tag:%d.%m.%Y}"

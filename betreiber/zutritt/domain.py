"""Rules of access notices: when a fitter may come, and what the letter says of the work. Pure.

MsbG § 38: access must be announced at least two weeks before, with at least one substitute date.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any, Protocol

from betreiber.arbeitstage import arbeitstag_ab, arbeitstage_nach, is_arbeitstag
from betreiber.auftrag.domain import LAUFEND, Auftragsart, Auftragszustand
from betreiber.errors import EingabeUngueltig
from betreiber.vertrag.domain import LAUFENDE_ZUSTAENDE

# MsbG § 38: at least two weeks. The day on which the letter is there does not count (BGB § 187 Abs. 1), and the
# visit comes when the two weeks are over.
FRIST = timedelta(days=15)
ERSATZTERMIN_NACH = timedelta(days=7)
# Setting a letter takes about a tenth of a second, and somebody waits for the answer.
BRIEFE_HOECHSTENS = 200
# Only an order with a day and a fitter can be announced.
ANKUENDBAR = Auftragszustand.GEPLANT
# The letters of these are posted; a visit that was cancelled needs none.
BESUCH_STEHT_AUS = LAUFEND
# The contracts whose customers live at a place at which no meter hangs yet.
VERTRAG_LAEUFT = LAUFENDE_ZUSTAENDE


class Zutrittsergebnis(StrEnum):
    """What came of announcing a visit: a letter, or why there is none."""

    ANGEKUENDIGT = "ANGEKUENDIGT"
    SCHON_ANGEKUENDIGT = "SCHON_ANGEKUENDIGT"
    ZU_SPAET = "ZU_SPAET"
    KEIN_ARBEITSTAG = "KEIN_ARBEITSTAG"
    GEAENDERT = "GEAENDERT"
    ZAEHLER_HAENGT_NICHT = "ZAEHLER_HAENGT_NICHT"


class Absender(Protocol):
    """The operator as it stands on a letter; the settings know it."""

    @property
    def betreiber_name(self) -> str: ...
    @property
    def betreiber_anschrift(self) -> str: ...
    @property
    def betreiber_telefon(self) -> str: ...
    @property
    def betreiber_mail(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Empfaenger:
    """To whom a letter goes; `kunde_id` None: to whoever lives at the place. `anschrift`: lines of the window."""

    kunde_id: int | None
    kundennummer: str | None
    anrede: str
    anschrift: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Vorhaben:
    """A planned order and what a letter about it needs. `ort`: the lines of its place; `angekuendigt`: whether a
    letter to the same recipient names its day; `version`: of the order that was read; `haengt`: whether its meter
    is still there.
    """

    auftrag_id: int
    version: int
    art: Auftragsart
    termin_datum: date
    bundesland: str
    ort: tuple[str, str]
    zaehlernummer: str | None
    empfaenger: Empfaenger
    angekuendigt: bool
    haengt: bool = True


@dataclass(frozen=True, slots=True)
class Zutrittsplan:
    """What becomes of an order. `fruehestens_datum`: the first possible day of a visit that is too early or on a
    day on which nobody works; `ersatztermin_datum`, `kunde_id`: of a letter.
    """

    auftrag_id: int
    ergebnis: Zutrittsergebnis
    termin_datum: date
    ersatztermin_datum: date | None = None
    fruehestens_datum: date | None = None
    kunde_id: int | None = None
    zutrittsankuendigung_id: int | None = None


@dataclass(frozen=True, slots=True)
class Zutrittslauf:
    """The answer for all orders of a selection."""

    probelauf: bool
    versand_datum: date
    ergebnisse: list[Zutrittsplan]


@dataclass(frozen=True, slots=True)
class Arbeit:
    """A kind of work as a letter tells it, and about how long somebody has to be at home, in minutes."""

    text: str
    dauer_minuten: int


ARBEITEN: Mapping[Auftragsart, Arbeit] = {
    Auftragsart.EINBAU: Arbeit("Wir möchten ihn bei Ihnen einbauen. Dabei ist der Strom kurz abgeschaltet.", 60),
    Auftragsart.WECHSEL: Arbeit(
        "Wir möchten ihn gegen einen neuen tauschen. Dabei ist der Strom kurz abgeschaltet.", 45
    ),
    Auftragsart.REPARATUR: Arbeit("Wir möchten ihn prüfen und eine Störung beheben.", 45),
    Auftragsart.KONTROLLABLESUNG: Arbeit("Wir möchten den Zählerstand am Gerät ablesen.", 15),
    Auftragsart.EICHUNG: Arbeit("Wir möchten prüfen, ob er richtig misst; das Eichrecht verlangt es.", 45),
    Auftragsart.AUSBAU: Arbeit("Wir möchten ihn ausbauen. Dabei wird der Strom abgeschaltet.", 30),
}


def check_auswahl(auftrag_id: int | None, von: date | None, bis: date | None) -> None:
    """Raise EingabeUngueltig unless either an order or a period is named, and the period is one."""
    if (auftrag_id is None) == (von is None) or (von is None) != (bis is None):
        raise EingabeUngueltig("Nennen Sie entweder auftrag_id oder einen Zeitraum mit von und bis.")
    if von is not None and bis is not None and bis <= von:
        raise EingabeUngueltig("bis muss nach von liegen.", feld="bis", code="zeitraum_ungueltig")


def check_versand(versand: date, heute: date) -> None:
    """Raise EingabeUngueltig for a letter that would have left the house already."""
    if versand < heute:
        raise EingabeUngueltig(
            "Das Versanddatum liegt in der Vergangenheit.", feld="versand_datum", code="versand_vergangen"
        )


def check_anzahl(anzahl: int, auftrag_id: int | None) -> None:
    """Raise EingabeUngueltig for an order that is not planned, and for more orders than letters go in a call."""
    if anzahl == 0 and auftrag_id is not None:
        raise EingabeUngueltig(
            "Einen geplanten Auftrag mit dieser Nummer gibt es nicht. Planen Sie ihn zuerst.",
            feld="auftrag_id",
            code="auftrag_unbekannt",
        )
    if anzahl > BRIEFE_HOECHSTENS:
        raise EingabeUngueltig(
            f"Das sind mehr als {BRIEFE_HOECHSTENS} Aufträge. Wählen Sie weniger Tage, einen Monteur oder eine"
            " Postleitzahl.",
            feld="bis",
            code="zu_viele_auftraege",
        )


def split_zeitfenster(zeitfenster: str) -> tuple[str, str]:
    """08:00-12:00 as its two ends, local time. Raises EingabeUngueltig when it does not end after it begins."""
    von, _, bis = zeitfenster.partition("-")
    if bis <= von:  # both have five signs, so the order of texts is that of times
        raise EingabeUngueltig("Das Zeitfenster endet, bevor es beginnt.", feld="zeitfenster")
    return von, bis


def plan_zutritt(
    vorhaben: Vorhaben, versand: date, postlauf_tage: int, ersatztermin_arbeitstage: int | None
) -> Zutrittsplan:
    """Whether a letter that leaves the house on `versand` announces a visit in time, and its substitute day.

    ASSUMPTION: the letter is there `postlauf_tage` working days later, from when the two weeks count; later than
    that, the notice is late. The substitute day is as find_ersatztermin.
    """
    termin, land = vorhaben.termin_datum, vorhaben.bundesland
    fruehestens = arbeitstage_nach(versand, postlauf_tage, land) + FRIST
    if not vorhaben.haengt:
        return Zutrittsplan(vorhaben.auftrag_id, Zutrittsergebnis.ZAEHLER_HAENGT_NICHT, termin)
    if vorhaben.angekuendigt:
        return Zutrittsplan(vorhaben.auftrag_id, Zutrittsergebnis.SCHON_ANGEKUENDIGT, termin)
    if termin < fruehestens or not is_arbeitstag(termin, land):
        grund = Zutrittsergebnis.ZU_SPAET if termin < fruehestens else Zutrittsergebnis.KEIN_ARBEITSTAG
        moeglich = arbeitstag_ab(max(termin, fruehestens), land)
        return Zutrittsplan(vorhaben.auftrag_id, grund, termin, fruehestens_datum=moeglich)
    return Zutrittsplan(
        vorhaben.auftrag_id,
        Zutrittsergebnis.ANGEKUENDIGT,
        termin,
        ersatztermin_datum=find_ersatztermin(termin, land, ersatztermin_arbeitstage),
        kunde_id=vorhaben.empfaenger.kunde_id,
    )


def find_ersatztermin(termin: date, bundesland: str, arbeitstage: int | None) -> date:
    """So many working days after a day, or without a number the first working day from a week after it on."""
    if arbeitstage is None:
        return arbeitstag_ab(termin + ERSATZTERMIN_NACH, bundesland)
    return arbeitstage_nach(termin, arbeitstage, bundesland)


def as_vorhaben(auftrag: Any, kunde: Any, *, haengt: bool) -> Vorhaben:
    """An order with its place, its meter and its letters as what is to be announced; `kunde`: who lives there.

    Where nobody does in our books, the letter goes to the place: the law asks for notice to them, too.
    """
    ort = auftrag.messstelle
    empfaenger = address_ort(ort) if kunde is None else address_kunde(kunde)
    return Vorhaben(
        auftrag.auftrag_id,
        auftrag.version,
        Auftragsart(auftrag.art),
        auftrag.termin_datum,
        ort.bundesland,
        postal_lines(ort),
        None if auftrag.stromzaehler is None else auftrag.stromzaehler.zaehlernummer,
        empfaenger,
        any(
            brief.kunde_id == empfaenger.kunde_id
            and auftrag.termin_datum in (brief.termin_datum, brief.ersatztermin_datum)
            for brief in auftrag.ankuendigungen
        ),
        haengt,
    )


def postal_lines(ort: Any) -> tuple[str, str]:
    """Street and town of a customer or a place, as they stand on an envelope."""
    return (
        f"{ort.strasse} {ort.hausnummer}{ort.hausnummerzusatz or ''}",
        f"{ort.postleitzahl} {ort.stadtname}",
    )


def address_kunde(kunde: Any) -> Empfaenger:
    """A customer as the recipient, at the address under which they are reached."""
    anrede = "Sehr geehrte Damen und Herren" if kunde.art == "UNTERNEHMEN" else f"Guten Tag {kunde.name}"
    return Empfaenger(kunde.kunde_id, kunde.kundennummer, anrede, (kunde.name, *postal_lines(kunde)))


def address_ort(messstelle: Any) -> Empfaenger:
    """Whoever lives at a place, at its own address."""
    return Empfaenger(None, None, "Guten Tag", ("An die Bewohnerinnen und Bewohner", *postal_lines(messstelle)))

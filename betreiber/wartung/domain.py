"""Rules of maintenance. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from betreiber.errors import EingabeUngueltig


class Sortierung(StrEnum):
    """How planners read the list: what is due first, or what lies on one tour."""

    FAELLIG = "faellig"
    POSTLEITZAHL = "postleitzahl"


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
    version: int
    messstelle: object | None


def check_vergangen(daten: Mapping[str, Any], heute: date) -> None:
    """Raise EingabeUngueltig for a reading or a calibration that has not happened yet."""
    for feld in ("letzte_manuelle_ablesung_datum", "letzte_eichung_datum"):
        tag = daten.get(feld)
        if tag is not None and tag > heute:
            raise EingabeUngueltig("Das Datum liegt in der Zukunft.", feld=feld, code="datum_in_zukunft")

"""Rules of price sheets. Pure."""

from datetime import date
from enum import StrEnum

from betreiber.errors import EingabeUngueltig


class Produkt(StrEnum):
    """What is sold: operating the meter (MsbG), or electricity (EnWG)."""

    MESSSTELLENBETRIEB = "MESSSTELLENBETRIEB"
    STROMLIEFERUNG = "STROMLIEFERUNG"


def check_gueltigkeit(von: date, bis: date | None) -> None:
    """Raise EingabeUngueltig unless [von, bis) is a period of days; no `bis` = until further notice."""
    if bis is not None and bis <= von:
        raise EingabeUngueltig(
            "Das Ende der Gültigkeit muss nach ihrem Beginn liegen.",
            feld="gueltig_bis_datum",
            code="zeitraum_ungueltig",
        )

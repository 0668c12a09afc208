"""Which order the due date of a meter asks for, and which other order makes it needless. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from betreiber.auftrag.domain import Auftragsart
from betreiber.errors import EingabeUngueltig
from betreiber.wartung.domain import Anlass, german

# An order that was done and whose record (verification, exchange, new date) is missing asks for that record, not
# for a second visit; after four weeks nobody will enter it any more.
NACHTRAGSFRIST = timedelta(days=28)
# The reason that no other date puts off.
UNABWENDBAR = Anlass.EICHFRIST
# Whoever takes the meter away ends whatever is due.
_NIMMT_MIT = frozenset({Auftragsart.WECHSEL, Auftragsart.AUSBAU})
_WAS = {
    Anlass.EICHFRIST: "Ende der Eichfrist",
    Anlass.NUTZUNGSDAUER: "Ende der Nutzungsdauer",
    Anlass.KONTROLLABLESUNG: "Kontrollablesung fällig",
    Anlass.MANUELL: "Von Hand gesetzter Wartungstermin",
}


@dataclass(frozen=True, slots=True)
class Bedarf:
    """What a reason asks for: the kind of order to make, the kinds that make it needless while they run, and those
    that do so for a while after they are done.
    """

    art: Auftragsart
    deckend: frozenset[Auftragsart]
    nachzutragen: frozenset[Auftragsart]


def derive_bedarf(art_eichfrist: Auftragsart, art_manuell: Auftragsart | None) -> Mapping[str, Bedarf]:
    """What each reason asks for. A warranty that ends sends nobody; a date set by hand only with `art_manuell`.

    A control reading that is done has its reading, so that there is nothing to be entered later.
    """
    arten = {
        Anlass.EICHFRIST: (art_eichfrist, frozenset({Auftragsart.EICHUNG})),
        Anlass.NUTZUNGSDAUER: (Auftragsart.WECHSEL, frozenset[Auftragsart]()),
        Anlass.KONTROLLABLESUNG: (Auftragsart.KONTROLLABLESUNG, frozenset[Auftragsart]()),
    }
    if art_manuell is not None:
        arten[Anlass.MANUELL] = (art_manuell, frozenset({art_manuell}))
    return {
        anlass: Bedarf(art, _NIMMT_MIT | eigene | {art}, _NIMMT_MIT | eigene)
        for anlass, (art, eigene) in arten.items()
    }


def choose_anlaesse(bedarf: Mapping[str, Bedarf], anlass: Anlass | None) -> Collection[str]:
    """Of all reasons the one that is asked for, if one is. EingabeUngueltig: it asks for no order."""
    if anlass is None:
        return bedarf.keys()
    if anlass not in bedarf:
        raise EingabeUngueltig(
            "Zu diesem Anlass entsteht kein Auftrag; zu MANUELL nur mit art_manuell.", feld="anlass"
        )
    return {anlass}


def describe_faellig(anlass: Anlass, datum: date) -> str:
    """Why somebody must go there, for the people who plan it and who go."""
    return f"{_WAS[anlass]}: {german(datum)}"

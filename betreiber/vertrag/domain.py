"""Rules of contracts: their states and their dates. Pure."""

from datetime import date
from enum import StrEnum

from betreiber.errors import EingabeUngueltig, KonfliktFehler


class Vertragszustand(StrEnum):
    """Where a contract is in its life."""

    ANGELEGT = "ANGELEGT"
    AKTIV = "AKTIV"
    GEKUENDIGT = "GEKUENDIGT"
    BEENDET = "BEENDET"


# A contract that never began may be withdrawn, and a termination taken back; what has ended stays ended.
_UEBERGAENGE = {
    Vertragszustand.ANGELEGT: {Vertragszustand.AKTIV, Vertragszustand.BEENDET},
    Vertragszustand.AKTIV: {Vertragszustand.GEKUENDIGT, Vertragszustand.BEENDET},
    Vertragszustand.GEKUENDIGT: {Vertragszustand.AKTIV, Vertragszustand.BEENDET},
    Vertragszustand.BEENDET: set(),
}
LAUFENDE_ZUSTAENDE = frozenset({Vertragszustand.AKTIV, Vertragszustand.GEKUENDIGT})
_MIT_ENDE = {Vertragszustand.GEKUENDIGT, Vertragszustand.BEENDET}


def check_daten(zustand: Vertragszustand, beginn: date, ende: date | None) -> None:
    """Raise EingabeUngueltig unless dates and state go together: [beginn, ende), and no end without its day."""
    if ende is not None and ende <= beginn:
        raise EingabeUngueltig(
            "Das Ende des Vertrags muss nach seinem Beginn liegen.", feld="ende_datum", code="zeitraum_ungueltig"
        )
    if zustand in _MIT_ENDE and ende is None:
        raise EingabeUngueltig(
            f"Der Zustand {zustand} verlangt ein ende_datum: den ersten Tag ohne Vertrag.",
            feld="ende_datum",
            code="ende_fehlt",
        )


def check_aenderung(alt: Vertragszustand, neu: Vertragszustand, *, beginn_alt: date, beginn_neu: date) -> None:
    """Raise KonfliktFehler unless a contract in state `alt` may be changed so."""
    if alt is Vertragszustand.BEENDET:
        raise KonfliktFehler(
            "Der Vertrag ist beendet und ändert sich nicht mehr. Legen Sie einen neuen an.", code="vertrag_beendet"
        )
    if neu is not alt and neu not in _UEBERGAENGE[alt]:
        erlaubt = sorted(_UEBERGAENGE[alt])
        raise KonfliktFehler(
            f"Ein Vertrag im Zustand {alt} kann nicht {neu} werden. Möglich sind: {', '.join(erlaubt)}.",
            code="zustand_nicht_erlaubt",
            weitere={"erlaubt": erlaubt},
        )
    if alt is not Vertragszustand.ANGELEGT and beginn_neu != beginn_alt:
        raise KonfliktFehler("Der Beginn steht fest, sobald der Vertrag läuft.", code="vertrag_laeuft")

"""The tours of a day on paper: what a fitter takes along, with room for what they find."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from sqlalchemy.orm import Session

from betreiber.auftrag import queries
from betreiber.auftrag.domain import Auftragsauskunft, shows_zugang
from betreiber.auth.domain import Akteur
from betreiber.druck import fill_vorlage, print_pdf
from betreiber.errors import EingabeUngueltig
from db.models import Auftrag

STOPPS_HOECHSTENS = 200
_VORLAGE = Path(__file__).parent / "templates/tourblatt.html"


def print_tour(session: Session, akteur: Akteur, datum: date, tour: Sequence[Auftrag]) -> bytes:
    """A PDF with the stops of a day in the given order, each fitter's on pages of their own.

    Whom to call and how to get in stands there as far as this person may know it. Raises DruckFehlt, and
    EingabeUngueltig for more stops than a worker can set while somebody waits.
    """
    if len(tour) > STOPPS_HOECHSTENS:
        raise EingabeUngueltig(
            f"Das sind mehr als {STOPPS_HOECHSTENS} Stopps. Drucken Sie die Touren der Monteure einzeln.",
            feld="monteur",
            code="tour_zu_lang",
        )
    offene = [auftrag for auftrag in tour if shows_zugang(auftrag.zustand, alle=akteur.sees_all)]
    kontakte = queries.list_kontakte(session, [auftrag.auftrag_id for auftrag in offene], akteur.zeitpunkt)
    blaetter: dict[int, list[Auftragsauskunft]] = {}
    for auftrag in tour:
        stopp = Auftragsauskunft(auftrag, None, None)
        if auftrag in offene:
            stopp = Auftragsauskunft(auftrag, kontakte.get(auftrag.auftrag_id), auftrag.messstelle.zugangshinweis)
        blaetter.setdefault(auftrag.benutzer_id or 0, []).append(stopp)
    namen = queries.list_benutzernamen(session, list(blaetter))
    seiten = [(namen.get(monteur, ""), stopps) for monteur, stopps in sorted(blaetter.items())]
    return print_pdf(fill_vorlage(_VORLAGE, datum=datum, blaetter=seiten))

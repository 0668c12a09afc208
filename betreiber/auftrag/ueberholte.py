"""The sweep of the work orders that outlive their meter."""

from sqlalchemy.orm import Session

from betreiber.auftrag import queries
from betreiber.auftrag.domain import UEBERHOLT, Auftragszustand, is_ueberholt
from betreiber.auftrag.service import record_change
from betreiber.auth.domain import Akteur
from betreiber.ereignis.service import apply_changes
from db.session import begin_read
from db.stapel import flush

STAPEL = 500


def cancel_ueberholte(session: Session, akteur: Akteur, *, hoechstens: int = STAPEL) -> int:
    """Sweep: cancel the orders whose meter hangs at their place no longer, unless somebody may have been there.

    Commits `hoechstens` at a time; where there is nothing to do it only reads. Returns how many were cancelled.
    What somebody is changing at the same time is left for the next sweep.
    """
    anzahl = nach = 0
    while True:
        begin_read(session)
        gesehen = [
            (auftrag.auftrag_id, is_ueberholt(auftrag.termin_datum, ausbau))
            for auftrag, ausbau in queries.list_ueberholte(session, akteur.zeitpunkt, nach, hoechstens)
        ]
        session.rollback()
        if not gesehen:
            return anzahl
        if any(ueberholt for _, ueberholt in gesehen):
            anzahl += _cancel(session, akteur, nach, hoechstens)
        nach = gesehen[-1][0]


def _cancel(session: Session, akteur: Akteur, nach: int, hoechstens: int) -> int:
    werte = {
        "zustand": Auftragszustand.STORNIERT.value,
        "grund": UEBERHOLT,
        "beendet_zeitpunkt": akteur.zeitpunkt,
    }
    aenderungen = [
        (auftrag, *apply_changes(auftrag, werte))
        for auftrag, ausbau in queries.list_ueberholte(session, akteur.zeitpunkt, nach, hoechstens)
        if is_ueberholt(auftrag.termin_datum, ausbau)
    ]
    session.flush()
    for auftrag, alt, neu in aenderungen:
        record_change(session, akteur, auftrag, alt, neu)
    flush(session)
    session.commit()
    return len(aenderungen)

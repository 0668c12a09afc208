"""Counts for Prometheus which states orders reach: when their transaction commits, whoever began it."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import event
from sqlalchemy.orm import Session

from betreiber import metrik
from betreiber.auftrag.domain import Auftragsart, Auftragszustand
from betreiber.auftrag.kennzahlen import is_puenktlich
from db.models import Auftrag

_ERREICHT = "msb_auftraege_erreicht"


@dataclass(frozen=True, slots=True)
class _Schritt:
    """An order has reached a state; `dauer`: from its begin to its end, of one that is done."""

    art: str
    zustand: str
    puenktlich: bool = False
    dauer: timedelta | None = None


def note_zustand(session: Session, auftrag: Auftrag) -> None:
    """Count an order in the state that it has now, once the session commits; not at all if it is rolled back.

    Of an order that is ERLEDIGT its visits are loaded.
    """
    if _ERREICHT not in session.info:
        session.info[_ERREICHT] = []
        event.listen(session, "after_commit", _count)
        event.listen(session, "after_rollback", _forget)
    schritt = _Schritt(auftrag.art, auftrag.zustand)
    if auftrag.zustand == Auftragszustand.ERLEDIGT and auftrag.beendet_zeitpunkt is not None:
        besuche = [besuch.zeitpunkt for besuch in auftrag.besuche]
        puenktlich = is_puenktlich(auftrag.termin_datum, auftrag.beendet_zeitpunkt, min(besuche, default=None))
        dauer = auftrag.beendet_zeitpunkt - auftrag.angelegt_zeitpunkt
        schritt = _Schritt(auftrag.art, auftrag.zustand, puenktlich, dauer)
    session.info[_ERREICHT].append(schritt)


def _count(session: Session) -> None:
    # Also at the end of a savepoint, which the transaction around it may still undo.
    if session.in_nested_transaction():
        return
    schritte: list[_Schritt] = session.info[_ERREICHT]
    for schritt in schritte:
        metrik.AUFTRAEGE.labels(schritt.art, schritt.zustand).inc()
        if schritt.puenktlich:
            metrik.AUFTRAEGE_PUENKTLICH.labels(schritt.art).inc()
        if schritt.dauer is not None and schritt.art == Auftragsart.REPARATUR:
            metrik.REPARATURDAUER.observe(schritt.dauer.total_seconds())
    schritte.clear()


def _forget(session: Session) -> None:
    session.info[_ERREICHT].clear()

"""The sweep of the work orders that Störungen ask for."""

from sqlalchemy.orm import Session

from betreiber.auftrag import queries
from betreiber.auftrag.domain import BEHOBEN, Auftragsart, Auftragszustand, describe_stoerung
from betreiber.auftrag.service import add, finish
from betreiber.auth.domain import Akteur
from betreiber.stoerung.domain import OHNE_MONTEUR, Stufe
from db.models import Auftrag

STAPEL = 500


def open_auftraege(session: Session, akteur: Akteur) -> int:
    """Sweep: an order to repair for each meter with a Störung that asks for one, and none for those that are over.

    Commits some hundred at a time. Returns how many orders were made or cancelled.
    """
    unnoetige = queries.list_needless(session)
    for auftrag in unnoetige:
        finish(session, akteur, auftrag, Auftragszustand.STORNIERT, BEHOBEN)
    session.commit()
    anzahl = len(unnoetige)
    while stoerungen := queries.list_stoerungen_without_auftrag(
        session, Stufe.AUFTRAG, OHNE_MONTEUR, akteur.zeitpunkt, STAPEL
    ):
        # One visit a meter, also when several of its Störungen stand in one batch: the oldest gives the reason.
        for zeile in {zeile.stromzaehler_id: zeile for zeile in reversed(stoerungen)}.values():
            auftrag = Auftrag(
                art=Auftragsart.REPARATUR.value,
                stoerung_id=zeile.stoerung_id,
                messstelle_id=zeile.messstelle_id,
                stromzaehler_id=zeile.stromzaehler_id,
                anlass=describe_stoerung(zeile.art, zeile.ursache, zeile.beginn_zeitpunkt),
            )
            add(session, akteur, auftrag)
            anzahl += 1
        session.commit()
    session.rollback()
    return anzahl

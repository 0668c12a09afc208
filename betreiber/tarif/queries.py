"""The SQL of price sheets."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from betreiber.seite import Seite, fetch_seite
from db.models import Tarif


def get_tarif(session: Session, tarif_id: int) -> Tarif | None:
    return session.get(Tarif, tarif_id)


def find_tarif(session: Session, bezeichnung: str) -> Tarif | None:
    return session.scalar(select(Tarif).where(Tarif.bezeichnung == bezeichnung))


def list_tarife(session: Session, *, produkt: str | None, seite: int, pro_seite: int) -> Seite[Tarif]:
    """Price sheets by name."""
    anweisung = select(Tarif).order_by(Tarif.bezeichnung)
    if produkt:
        anweisung = anweisung.where(Tarif.produkt == produkt)
    return fetch_seite(session, anweisung, seite, pro_seite)

"""The SQL of contracts."""

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, joinedload

from betreiber.seite import Seite, fetch_seite
from db.models import Messstelle, Tarif, Vertrag


def get_vertrag(session: Session, kunde_id: int, vertrag_id: int) -> Vertrag | None:
    """A contract of that customer, with its Messstelle and its Tarif."""
    return session.scalar(_of_kunde(kunde_id).where(Vertrag.vertrag_id == vertrag_id))


def find_vertrag(session: Session, vertragsnummer: str) -> Vertrag | None:
    return session.scalar(select(Vertrag).where(Vertrag.vertragsnummer == vertragsnummer))


def list_vertraege(session: Session, kunde_id: int, *, seite: int, pro_seite: int) -> Seite[Vertrag]:
    """A customer's contracts, the newest first."""
    anweisung = _of_kunde(kunde_id).order_by(Vertrag.beginn_datum.desc(), Vertrag.vertrag_id.desc())
    return fetch_seite(session, anweisung, seite, pro_seite)


def get_messstelle(session: Session, messstelle_id: int) -> Messstelle | None:
    return session.get(Messstelle, messstelle_id)


def get_tarif(session: Session, tarif_id: int) -> Tarif | None:
    return session.get(Tarif, tarif_id)


def _of_kunde(kunde_id: int) -> Select[Vertrag]:
    return (
        select(Vertrag)
        .options(joinedload(Vertrag.messstelle, innerjoin=True), joinedload(Vertrag.tarif, innerjoin=True))
        .where(Vertrag.kunde_id == kunde_id)
    )

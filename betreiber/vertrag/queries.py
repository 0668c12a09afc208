"""The SQL of contracts."""

from collections.abc import Sequence
from datetime import date

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session, joinedload

from betreiber.seite import Seite, fetch_seite
from betreiber.vertrag.domain import LAUFENDE_ZUSTAENDE, Vertragszustand
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


def list_laufende(session: Session, messstelle_id: int, tag: date) -> Sequence[Vertrag]:
    """The contracts that run at a Messstelle on a day, by number."""
    anweisung = select(Vertrag).where(
        Vertrag.messstelle_id == messstelle_id,
        Vertrag.zustand.in_(LAUFENDE_ZUSTAENDE),
        Vertrag.beginn_datum <= tag,
        or_(Vertrag.ende_datum.is_(None), Vertrag.ende_datum > tag),
    )
    return session.scalars(anweisung.order_by(Vertrag.vertragsnummer)).all()


def list_kommende(session: Session, messstelle_id: int, kunde_id: int, ab: date) -> list[Vertrag]:
    """A customer's contracts at a Messstelle that begin on a day or later and were not withdrawn, by number."""
    anweisung = select(Vertrag).where(
        Vertrag.messstelle_id == messstelle_id,
        Vertrag.kunde_id == kunde_id,
        Vertrag.zustand != Vertragszustand.BEENDET,
        Vertrag.beginn_datum >= ab,
    )
    return list(session.scalars(anweisung.order_by(Vertrag.vertragsnummer)))


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

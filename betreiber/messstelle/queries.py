"""The SQL of metering points."""

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from betreiber.seite import Seite, fetch_seite
from db.models import Messstelle


def get_messstelle(session: Session, messstelle_id: int) -> Messstelle | None:
    return session.get(Messstelle, messstelle_id)


def find_messstelle(session: Session, *, malo_id: str, melo_id: str) -> Messstelle | None:
    """The metering point that bears one of these ids."""
    bedingung = or_(Messstelle.malo_id == malo_id, Messstelle.melo_id == melo_id)
    return session.scalar(select(Messstelle).where(bedingung).limit(1))


def list_messstellen(session: Session, *, suche: str | None, seite: int, pro_seite: int) -> Seite[Messstelle]:
    """Metering points by address. `suche`: start of MaLo-ID, MeLo-ID or postcode, or part of the street."""
    anweisung = select(Messstelle).order_by(
        Messstelle.postleitzahl, Messstelle.strasse, Messstelle.hausnummer, Messstelle.messstelle_id
    )
    if suche:
        anweisung = anweisung.where(
            or_(
                Messstelle.malo_id.startswith(suche, autoescape=True),
                Messstelle.melo_id.startswith(suche, autoescape=True),
                Messstelle.postleitzahl.startswith(suche, autoescape=True),
                Messstelle.strasse.icontains(suche, autoescape=True),
            )
        )
    return fetch_seite(session, anweisung, seite, pro_seite)

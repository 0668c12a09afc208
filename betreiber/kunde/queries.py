"""The SQL of customers."""

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from betreiber.seite import Seite, fetch_seite
from db.models import Kunde


def get_kunde(session: Session, kunde_id: int) -> Kunde | None:
    return session.get(Kunde, kunde_id)


def find_kunde(session: Session, kundennummer: str) -> Kunde | None:
    return session.scalar(select(Kunde).where(Kunde.kundennummer == kundennummer))


def list_kunden(session: Session, *, suche: str | None, seite: int, pro_seite: int) -> Seite[Kunde]:
    """Customers by name. `suche`: part of the name, or start of customer number, postcode or e-mail address."""
    anweisung = select(Kunde).order_by(Kunde.name, Kunde.kunde_id)
    if suche:
        anweisung = anweisung.where(
            or_(
                Kunde.name.icontains(suche, autoescape=True),
                Kunde.kundennummer.startswith(suche, autoescape=True),
                Kunde.postleitzahl.startswith(suche, autoescape=True),
                Kunde.e_mail.istartswith(suche, autoescape=True),
            )
        )
    return fetch_seite(session, anweisung, seite, pro_seite)

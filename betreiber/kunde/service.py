"""Use cases of customers: their personal data."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from betreiber.auth.domain import Akteur
from betreiber.ereignis.domain import Ereignisart
from betreiber.ereignis.service import apply_changes, record_audit, record_ereignis
from betreiber.errors import KonfliktFehler, NichtGefunden, VersionVeraltet, ZugriffVerweigert
from betreiber.kunde import queries
from betreiber.seite import Seite
from db.models import Kunde

# What customers may change of themselves; a name or an address needs a document, which staff check.
EIGENE_FELDER = frozenset({"e_mail", "telefon"})


def list_kunden(
    session: Session, akteur: Akteur, *, seite: int, pro_seite: int, suche: str | None = None
) -> Seite[Kunde]:
    """Customers by name, a page at a time."""
    return queries.list_kunden(session, suche=suche, seite=seite, pro_seite=pro_seite)


def get_kunde(session: Session, akteur: Akteur, kunde_id: int) -> Kunde:
    """One customer. Raises NichtGefunden, also for somebody else's data."""
    akteur.check_kunde(kunde_id)
    kunde = queries.get_kunde(session, kunde_id)
    if kunde is None:
        raise NichtGefunden
    return kunde


def create_kunde(session: Session, akteur: Akteur, daten: Mapping[str, Any]) -> Kunde:
    """Add a customer. Raises KonfliktFehler when the customer number is taken."""
    if queries.find_kunde(session, daten["kundennummer"]) is not None:
        raise KonfliktFehler("Diese Kundennummer gibt es schon.", code="kundennummer_vergeben")
    kunde = Kunde(**daten)
    session.add(kunde)
    session.flush()
    record_audit(session, akteur, "ANGELEGT", "kunde", kunde.kunde_id, neu=daten)
    record_ereignis(session, akteur, Ereignisart.KUNDE_ANGELEGT, "kunde", kunde.kunde_id)
    session.commit()
    return kunde


def change_kunde(session: Session, akteur: Akteur, kunde_id: int, version: int, daten: Mapping[str, Any]) -> Kunde:
    """Change personal data; customers their own contact data only.

    Raises NichtGefunden, ZugriffVerweigert for a field that staff must change, VersionVeraltet.
    """
    kunde = get_kunde(session, akteur, kunde_id)
    if not akteur.sees_all and (verboten := sorted(set(daten) - EIGENE_FELDER)):
        raise ZugriffVerweigert(
            f"Diese Angaben ändert der Kundenservice für Sie: {', '.join(verboten)}.", code="feld_nicht_erlaubt"
        )
    if kunde.version != version:
        raise VersionVeraltet
    alt, neu = apply_changes(kunde, daten)
    if neu:
        record_audit(session, akteur, "GEAENDERT", "kunde", kunde_id, alt=alt, neu=neu)
    session.commit()
    return kunde

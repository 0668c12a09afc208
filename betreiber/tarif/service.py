"""Use cases of price sheets."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from betreiber.auth.domain import Akteur
from betreiber.ereignis.service import record_audit
from betreiber.errors import KonfliktFehler, NichtGefunden
from betreiber.seite import Seite
from betreiber.tarif import queries
from betreiber.tarif.domain import check_gueltigkeit
from db.models import Tarif


def list_tarife(
    session: Session, akteur: Akteur, *, seite: int, pro_seite: int, produkt: str | None = None
) -> Seite[Tarif]:
    """Price sheets by name, a page at a time."""
    return queries.list_tarife(session, produkt=produkt, seite=seite, pro_seite=pro_seite)


def get_tarif(session: Session, akteur: Akteur, tarif_id: int) -> Tarif:
    """One price sheet. Raises NichtGefunden."""
    tarif = queries.get_tarif(session, tarif_id)
    if tarif is None:
        raise NichtGefunden
    return tarif


def create_tarif(session: Session, akteur: Akteur, daten: Mapping[str, Any]) -> Tarif:
    """Add a price sheet; it never changes.

    Raises EingabeUngueltig for dates that are no period, KonfliktFehler for a name that is taken.
    """
    check_gueltigkeit(daten["gueltig_von_datum"], daten["gueltig_bis_datum"])
    if queries.find_tarif(session, daten["bezeichnung"]) is not None:
        raise KonfliktFehler("Einen Tarif mit dieser Bezeichnung gibt es schon.", code="bezeichnung_vergeben")
    tarif = Tarif(**daten)
    session.add(tarif)
    session.flush()
    record_audit(session, akteur, "ANGELEGT", "tarif", tarif.tarif_id, neu=daten)
    session.commit()
    return tarif

"""Use cases of metering points."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from betreiber.auth.domain import Akteur
from betreiber.ereignis.service import apply_changes, record_audit
from betreiber.errors import KonfliktFehler, NichtGefunden, VersionVeraltet
from betreiber.messstelle import queries
from betreiber.messstelle.domain import check_malo_id, check_melo_id
from betreiber.seite import Seite
from db.models import Messstelle


def list_messstellen(
    session: Session, akteur: Akteur, *, seite: int, pro_seite: int, suche: str | None = None
) -> Seite[Messstelle]:
    """Metering points by address, a page at a time."""
    return queries.list_messstellen(session, suche=suche, seite=seite, pro_seite=pro_seite)


def get_messstelle(session: Session, akteur: Akteur, messstelle_id: int) -> Messstelle:
    """One metering point. Raises NichtGefunden."""
    messstelle = queries.get_messstelle(session, messstelle_id)
    if messstelle is None:
        raise NichtGefunden
    return messstelle


def create_messstelle(session: Session, akteur: Akteur, daten: Mapping[str, Any]) -> Messstelle:
    """Add a metering point. Raises EingabeUngueltig for a wrong id, KonfliktFehler for one that is taken."""
    malo_id, melo_id = check_malo_id(daten["malo_id"]), check_melo_id(daten["melo_id"])
    andere = queries.find_messstelle(session, malo_id=malo_id, melo_id=melo_id)
    if andere is not None:
        raise vergeben(andere, malo_id)
    messstelle = Messstelle(**daten)
    session.add(messstelle)
    session.flush()
    record_audit(session, akteur, "ANGELEGT", "messstelle", messstelle.messstelle_id, neu=daten)
    session.commit()
    return messstelle


def vergeben(andere: Messstelle, malo_id: str) -> KonfliktFehler:
    """Why a metering point cannot have its ids: another one bears this MaLo-ID, or else the MeLo-ID."""
    if andere.malo_id == malo_id:
        return KonfliktFehler("Diese MaLo-ID gibt es schon.", code="malo_id_vergeben")
    return KonfliktFehler("Diese MeLo-ID gibt es schon.", code="melo_id_vergeben")


def change_messstelle(
    session: Session, akteur: Akteur, messstelle_id: int, version: int, daten: Mapping[str, Any]
) -> Messstelle:
    """Change address, power or access notes. Raises NichtGefunden, VersionVeraltet."""
    messstelle = get_messstelle(session, akteur, messstelle_id)
    if messstelle.version != version:
        raise VersionVeraltet
    alt, neu = apply_changes(messstelle, daten)
    if neu:
        record_audit(session, akteur, "GEAENDERT", "messstelle", messstelle_id, alt=alt, neu=neu)
    session.commit()
    return messstelle

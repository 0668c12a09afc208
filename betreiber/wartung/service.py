"""Use cases of maintenance."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from betreiber.auth.domain import Akteur
from betreiber.ereignis.service import apply_changes, record_audit
from betreiber.errors import VersionVeraltet
from betreiber.seite import Seite
from betreiber.stromzaehler.service import get_stromzaehler
from betreiber.wartung import queries
from betreiber.wartung.domain import Sortierung, Wartungseintrag, check_vergangen
from betreiber.zeit import local_date
from db.models import Wartung


def list_wartungen(
    session: Session,
    akteur: Akteur,
    *,
    seite: int,
    pro_seite: int,
    sortierung: str,
    faellig_bis: date | None = None,
    postleitzahl: str | None = None,
) -> Seite[Wartungseintrag]:
    """What planners plan from. `faellig_bis` counts; `postleitzahl` is the start of one."""
    return queries.list_wartungen(
        session,
        akteur.zeitpunkt,
        faellig_bis=faellig_bis,
        postleitzahl=postleitzahl,
        sortierung=Sortierung(sortierung),
        seite=seite,
        pro_seite=pro_seite,
    )


def get_wartung(session: Session, akteur: Akteur, stromzaehler_id: int) -> Wartung:
    """Maintenance data of one meter, empty with version 0 before the first entry. Raises NichtGefunden."""
    get_stromzaehler(session, akteur, stromzaehler_id)
    # Not added to the session: reading writes nothing.
    return queries.get_wartung(session, stromzaehler_id) or Wartung(stromzaehler_id=stromzaehler_id, version=0)


def change_wartung(
    session: Session, akteur: Akteur, stromzaehler_id: int, version: int, daten: Mapping[str, Any]
) -> Wartung:
    """Enter dates. Raises NichtGefunden, VersionVeraltet, EingabeUngueltig for a past date in the future."""
    wartung = get_wartung(session, akteur, stromzaehler_id)
    if wartung.version != version:
        raise VersionVeraltet
    check_vergangen(daten, local_date(akteur.zeitpunkt))
    _change(session, akteur, wartung, daten)
    session.commit()
    return wartung


def record_einbau(session: Session, akteur: Akteur, stromzaehler_id: int, einbau_datum: date) -> None:
    """Note the day on which a meter was installed, in the caller's transaction."""
    wartung = get_wartung(session, akteur, stromzaehler_id)
    _change(session, akteur, wartung, {"einbau_datum": einbau_datum})


def _change(session: Session, akteur: Akteur, wartung: Wartung, daten: Mapping[str, Any]) -> None:
    alt, neu = apply_changes(wartung, daten)
    if neu:
        session.add(wartung)
        record_audit(session, akteur, "GEAENDERT", "wartung", wartung.stromzaehler_id, alt=alt, neu=neu)

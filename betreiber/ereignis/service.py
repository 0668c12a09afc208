"""Write events and audit rows. They belong to the transaction of their cause and never commit themselves."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy.orm import Session

from betreiber.auth.domain import Akteur
from betreiber.ereignis.domain import Ereignisart
from betreiber.zeit import format_zeitpunkt
from db.models import Audit, Ereignis


def record_ereignis(
    session: Session,
    akteur: Akteur,
    art: Ereignisart,
    objekt_art: str,
    objekt_id: int,
    daten: Mapping[str, Any] | None = None,
) -> None:
    """Add one event. `daten` holds no personal data: events outlive the customers they speak of."""
    session.add(
        Ereignis(
            zeitpunkt=akteur.zeitpunkt,
            art=art,
            objekt_art=objekt_art,
            objekt_id=objekt_id,
            akteur=akteur.name,
            daten=_as_json(daten or {}),
        )
    )


def record_audit(
    session: Session,
    akteur: Akteur,
    aktion: str,
    objekt_art: str,
    objekt_id: int,
    *,
    alt: Mapping[str, Any] | None = None,
    neu: Mapping[str, Any] | None = None,
) -> None:
    """Add one audit row: who did what to which object, and the values before and after."""
    session.add(
        Audit(
            zeitpunkt=akteur.zeitpunkt,
            akteur=akteur.name,
            aktion=aktion,
            objekt_art=objekt_art,
            objekt_id=objekt_id,
            alt=_as_json(alt or {}),
            neu=_as_json(neu or {}),
        )
    )


def apply_changes(zeile: Any, werte: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Set those attributes of a row that differ. Returns their old and new values, for the audit row."""
    alt = {name: getattr(zeile, name) for name, wert in werte.items() if getattr(zeile, name) != wert}
    neu = {name: werte[name] for name in alt}
    for name, wert in neu.items():
        setattr(zeile, name, wert)
    return alt, neu


def _as_json(werte: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _plain(wert) for name, wert in werte.items()}


def _plain(wert: Any) -> Any:
    if isinstance(wert, datetime):
        return format_zeitpunkt(wert)
    if isinstance(wert, date):
        return wert.isoformat()
    return str(wert) if isinstance(wert, Decimal) else wert

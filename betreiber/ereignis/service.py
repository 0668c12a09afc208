"""Write events and audit rows, and read events in their order.

What is written belongs to the transaction of its cause: nothing here commits it.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy.orm import Session

from betreiber.auth.domain import Akteur
from betreiber.ereignis import queries
from betreiber.ereignis.domain import (
    ARTEN,
    Artauskunft,
    Eintrag,
    Ereignisart,
    describe_arten,
    find_geschehen,
    sees_akteur,
    visible_arten,
)
from betreiber.errors import EingabeUngueltig
from betreiber.zeit import format_zeitpunkt
from db.models import Audit, Ereignis


@dataclass(frozen=True, slots=True)
class Folge:
    """A part of the log. `ereignisse` is None when the caller has it already: the one with this `etag`.

    `bis`: the last event that is among them, from which the caller goes on.
    """

    etag: str
    bis: int
    ereignisse: Sequence[Eintrag] | None


def list_arten(akteur: Akteur) -> list[Artauskunft]:
    """The kinds of events that this person sees."""
    return describe_arten(_visible(akteur))


def read_folge(
    session: Session,
    akteur: Akteur,
    *,
    seit: int,
    pro_seite: int,
    art: Ereignisart | None,
    objekt_art: str | None,
    objekt_id: int | None,
    has: Callable[[str], bool],
) -> Folge:
    """The events after `seit` that this person sees, in ascending order, at most `pro_seite`.

    None is left out for ever: as long as an event may yet appear before another one, that one is withheld. `has`
    says whether the caller has the answer with an ETag; then no event is read. Raises EingabeUngueltig for an
    object without its kind.
    """
    if objekt_id is not None and objekt_art is None:
        raise EingabeUngueltig("Nennen Sie auch die objekt_art, zum Beispiel stromzaehler.", feld="objekt_art")
    bekannt = queries.find_known(session)
    # What was known a moment ago is seen by a transaction that begins now; the one that runs may be older.
    session.commit()
    arten = frozenset(
        name for name in _visible(akteur) if art in (None, name) and objekt_art in (None, ARTEN[name].objekt_art)
    )
    zeitraeume = None
    if akteur.sees_all:
        zweige = queries.branches(arten, objekt_art, objekt_id)
    else:
        zeitraeume = queries.list_zeitraeume(session, akteur.kunde_id, objekt_id)
        zweige = queries.branches_of_kunde(arten, zeitraeume)
    mit_akteur = sees_akteur(akteur.rollen)
    neueste = queries.list_ids(session, zweige, seit, bekannt, 1, absteigend=True)
    # All that the answer follows from: of an append-only log the newest number stands for all before it.
    grundlage = (seit, pro_seite, objekt_id, sorted(arten), zeitraeume, mit_akteur, neueste)
    etag = hashlib.sha256(repr(grundlage).encode()).hexdigest()[:32]
    if has(etag):
        return Folge(etag, seit, None)
    ids = queries.list_ids(session, zweige, seit, bekannt, pro_seite) if neueste else []
    zeilen = queries.list_ereignisse(session, ids)
    return Folge(etag, ids[-1] if ids else seit, [_as_eintrag(zeile, mit_akteur) for zeile in zeilen])


def _visible(akteur: Akteur) -> frozenset[Ereignisart]:
    return visible_arten(akteur.rollen, eigene=not akteur.sees_all)


def _as_eintrag(zeile: Ereignis, mit_akteur: bool) -> Eintrag:
    return Eintrag(
        zeile.ereignis_id,
        zeile.zeitpunkt,
        zeile.art,
        zeile.objekt_art,
        zeile.objekt_id,
        zeile.akteur if mit_akteur else None,
        zeile.daten,
    )


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
            geschehen_zeitpunkt=find_geschehen(art, daten or {}),
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

"""The SQL of interventions at meters: what explains them, and what their logs tell of them."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, case, func, null, select, union_all
from sqlalchemy.orm import Session

from betreiber.stoerung.domain import Besuch
from betreiber.stoerung.queries import EINGRIFF, NUR_EINSATZ
from db.models import Auftrag, Auftragsbesuch, Ereignis, Stoerung


def list_erklaert(session: Session, stromzaehler_ids: Collection[int]) -> dict[int, datetime | None]:
    """When an intervention was last closed, by meter. A visit of our own that ended by itself does not count."""
    anweisung = select(Stoerung.stromzaehler_id, func.max(Stoerung.behoben_zeitpunkt)).where(
        Stoerung.stromzaehler_id.in_(stromzaehler_ids),
        EINGRIFF,
        Stoerung.behoben_zeitpunkt.is_not(None),
        ~NUR_EINSATZ,
    )
    return dict(session.execute(anweisung.group_by(Stoerung.stromzaehler_id)).all())


def list_besuche(session: Session, stromzaehler_ids: Collection[int]) -> dict[int, list[Besuch]]:
    """The visits to meters by number: orders that are planned, on their way or over, and those that failed."""
    # Of an order that failed the day excuses nothing: who stood before a closed door opened no meter.
    tag = case((Auftrag.zustand != "FEHLGESCHLAGEN", Auftrag.termin_datum))
    auftraege = select(Auftrag.stromzaehler_id, tag, Auftrag.beendet_zeitpunkt).where(
        Auftrag.stromzaehler_id.in_(stromzaehler_ids),
        Auftrag.zustand.in_(("GEPLANT", "UNTERWEGS", "ERLEDIGT", "FEHLGESCHLAGEN")),
    )
    vergebliche = (
        select(Auftrag.stromzaehler_id, null(), Auftragsbesuch.zeitpunkt)
        .join(Auftragsbesuch, Auftragsbesuch.auftrag_id == Auftrag.auftrag_id)
        .where(Auftrag.stromzaehler_id.in_(stromzaehler_ids))
    )
    besuche: dict[int, list[Besuch]] = {}
    zeilen: Sequence[Any] = session.execute(union_all(auftraege, vergebliche)).all()
    for nummer, *besuch in zeilen:
        besuche.setdefault(nummer, []).append(Besuch(*besuch))
    return besuche


def list_meldungen(
    session: Session, stromzaehler_ids: Collection[int], seit: datetime
) -> Sequence[Row[int, datetime, dict[str, Any]]]:
    """What the logs of meters brought since: meter, receipt, entry."""
    anweisung = select(Ereignis.objekt_id, Ereignis.zeitpunkt, Ereignis.daten).where(
        Ereignis.objekt_art == "stromzaehler",
        Ereignis.objekt_id.in_(stromzaehler_ids),
        Ereignis.zeitpunkt >= seit,
        Ereignis.art == "STROMZAEHLER_MELDUNG",
    )
    return session.execute(anweisung).all()

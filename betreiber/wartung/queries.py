"""The SQL of maintenance."""

from datetime import date, datetime

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from betreiber.seite import Seite, fetch_seite
from betreiber.wartung.domain import Sortierung, Wartungseintrag
from db.models import Einbau, Messstelle, Stromzaehler, Wartung


def get_wartung(session: Session, stromzaehler_id: int) -> Wartung | None:
    return session.get(Wartung, stromzaehler_id)


def list_wartungen(
    session: Session,
    zeitpunkt: datetime,
    *,
    faellig_bis: date | None,
    postleitzahl: str | None,
    sortierung: Sortierung,
    seite: int,
    pro_seite: int,
) -> Seite[Wartungseintrag]:
    """Maintenance of all meters that are not scrapped, with the place where each hangs at `zeitpunkt`."""
    am_platz = and_(
        Einbau.stromzaehler_id == Wartung.stromzaehler_id,
        Einbau.von <= zeitpunkt,
        or_(Einbau.bis.is_(None), Einbau.bis > zeitpunkt),
    )
    anweisung = (
        select(
            Wartung.stromzaehler_id,
            Stromzaehler.zaehlernummer,
            Stromzaehler.zustand,
            Wartung.einbau_datum,
            Wartung.letzte_manuelle_ablesung_datum,
            Wartung.letzte_eichung_datum,
            Wartung.naechste_wartung_datum,
            Wartung.version,
            Messstelle,
        )
        .join(Stromzaehler, Stromzaehler.stromzaehler_id == Wartung.stromzaehler_id)
        .outerjoin(Einbau, am_platz)
        .outerjoin(Messstelle, Messstelle.messstelle_id == Einbau.messstelle_id)
        .where(Stromzaehler.zustand != "VERSCHROTTET")
    )
    if faellig_bis is not None:
        anweisung = anweisung.where(Wartung.naechste_wartung_datum <= faellig_bis)
    if postleitzahl:
        anweisung = anweisung.where(Messstelle.postleitzahl.startswith(postleitzahl, autoescape=True))
    # What has no date or no place comes last: SQLite would put it first.
    if sortierung is Sortierung.POSTLEITZAHL:
        anweisung = anweisung.order_by(Messstelle.postleitzahl.nulls_last())
    anweisung = anweisung.order_by(Wartung.naechste_wartung_datum.nulls_last(), Wartung.stromzaehler_id)
    return fetch_seite(session, anweisung, seite, pro_seite, als=Wartungseintrag)

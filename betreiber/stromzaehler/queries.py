"""The SQL of meters and of whose they are."""

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import ColumnElement, and_, bindparam, func, or_, select
from sqlalchemy.orm import Session, joinedload

from betreiber.seite import Seite, fetch_seite
from db.models import Einbau, Kunde, KundeStromzaehler, Messstelle, Stromzaehler, Verbrauch, VerbrauchTag


def get_stromzaehler(session: Session, stromzaehler_id: int) -> Stromzaehler | None:
    return session.scalar(_EINER, {"stromzaehler_id": stromzaehler_id})


def find_stromzaehler(session: Session, zaehlernummer: str) -> Stromzaehler | None:
    return session.scalar(select(Stromzaehler).where(Stromzaehler.zaehlernummer == zaehlernummer))


def list_stromzaehler(
    session: Session,
    zeitpunkt: datetime,
    *,
    zaehlernummer: str | None,
    zustand: str | None,
    postleitzahl: str | None,
    bauart: str | None,
    kennzeichnung_jahr: int | None,
    gewaehrleistung_bis: date | None,
    seite: int,
    pro_seite: int,
) -> Seite[Stromzaehler]:
    """Meters by number. `postleitzahl`: start of the postcode of where the meter hangs at `zeitpunkt`."""
    anweisung = select(Stromzaehler).order_by(Stromzaehler.zaehlernummer)
    if zaehlernummer:
        anweisung = anweisung.where(Stromzaehler.zaehlernummer.startswith(zaehlernummer, autoescape=True))
    if zustand:
        anweisung = anweisung.where(Stromzaehler.zustand == zustand)
    if bauart:
        anweisung = anweisung.where(Stromzaehler.bauart == bauart)
    if kennzeichnung_jahr is not None:
        anweisung = anweisung.where(Stromzaehler.kennzeichnung_jahr == kennzeichnung_jahr)
    if gewaehrleistung_bis is not None:
        anweisung = anweisung.where(Stromzaehler.gewaehrleistung_ende_datum <= gewaehrleistung_bis)
    if postleitzahl:
        am_platz = and_(
            Einbau.stromzaehler_id == Stromzaehler.stromzaehler_id,
            Einbau.von <= zeitpunkt,
            or_(Einbau.bis.is_(None), Einbau.bis > zeitpunkt),
        )
        anweisung = (
            anweisung.join(Einbau, am_platz)
            .join(Messstelle, Messstelle.messstelle_id == Einbau.messstelle_id)
            .where(Messstelle.postleitzahl.startswith(postleitzahl, autoescape=True))
        )
    return fetch_seite(session, anweisung, seite, pro_seite)


def is_eingebaut(session: Session, stromzaehler_id: int) -> bool:
    """Whether the meter hangs somewhere."""
    offen = select(Einbau.einbau_id).where(Einbau.stromzaehler_id == stromzaehler_id, Einbau.bis.is_(None))
    return session.scalar(offen.limit(1)) is not None


def find_ersten_einbau(session: Session, stromzaehler_id: int) -> datetime | None:
    """When the meter was put in for the first time."""
    return session.scalar(select(func.min(Einbau.von)).where(Einbau.stromzaehler_id == stromzaehler_id))


def has_verbrauch(session: Session, stromzaehler_id: int) -> bool:
    """Whether there are readings of the meter."""
    werte = select(Verbrauch.uhrzeit).where(Verbrauch.stromzaehler_id == stromzaehler_id)
    tage = select(VerbrauchTag.tag).where(VerbrauchTag.stromzaehler_id == stromzaehler_id)
    return session.scalar(select(or_(werte.exists(), tage.exists()))) is True


def find_kunde(session: Session, kunde_id: int) -> Kunde | None:
    return session.get(Kunde, kunde_id)


def get_zuordnung(session: Session, stromzaehler_id: int, kunde_stromzaehler_id: int) -> KundeStromzaehler | None:
    zuordnung = session.get(KundeStromzaehler, kunde_stromzaehler_id)
    return zuordnung if zuordnung is not None and zuordnung.stromzaehler_id == stromzaehler_id else None


def list_zuordnungen(
    session: Session, stromzaehler_id: int, *, seite: int, pro_seite: int
) -> Seite[KundeStromzaehler]:
    """Whose meter it was, oldest first."""
    anweisung = (
        select(KundeStromzaehler)
        .where(KundeStromzaehler.stromzaehler_id == stromzaehler_id)
        .order_by(KundeStromzaehler.von)
    )
    return fetch_seite(session, anweisung, seite, pro_seite)


def list_zuordnungen_ab(
    session: Session, stromzaehler_id: int, zeitpunkt: datetime
) -> Sequence[KundeStromzaehler]:
    """Whose meter it is at an instant and whose it will be after it, in order."""
    anweisung = select(KundeStromzaehler).where(
        KundeStromzaehler.stromzaehler_id == stromzaehler_id, _touches(zeitpunkt, None)
    )
    return session.scalars(anweisung.order_by(KundeStromzaehler.von)).all()


def find_edge(
    session: Session, stromzaehler_id: int, kante: datetime
) -> tuple[KundeStromzaehler | None, KundeStromzaehler | None]:
    """The interval of a meter that ends at an instant, and the one that begins there."""
    zeilen = session.scalars(
        select(KundeStromzaehler).where(
            KundeStromzaehler.stromzaehler_id == stromzaehler_id,
            or_(KundeStromzaehler.bis == kante, KundeStromzaehler.von == kante),
        )
    ).all()
    vorher = next((zeile for zeile in zeilen if zeile.bis == kante), None)
    return vorher, next((zeile for zeile in zeilen if zeile.von == kante), None)


def list_of_kunde(
    session: Session, kunde_id: int, begonnen_bis: datetime | None, *, seite: int, pro_seite: int
) -> Seite[KundeStromzaehler]:
    """A customer's meters, the newest first; with `begonnen_bis` only those that were theirs by then."""
    anweisung = (
        select(KundeStromzaehler)
        .options(joinedload(KundeStromzaehler.stromzaehler, innerjoin=True))
        .where(KundeStromzaehler.kunde_id == kunde_id)
        .order_by(KundeStromzaehler.von.desc(), KundeStromzaehler.kunde_stromzaehler_id)
    )
    if begonnen_bis is not None:
        anweisung = anweisung.where(KundeStromzaehler.von <= begonnen_bis)
    return fetch_seite(session, anweisung, seite, pro_seite)


def list_in_zeitraum(
    session: Session, kunde_id: int, von: datetime, bis: datetime, begonnen_bis: datetime | None
) -> Sequence[KundeStromzaehler]:
    """A customer's intervals that touch [von, bis), by meter number and time, with their meters.

    With `begonnen_bis` only those that were theirs by then.
    """
    anweisung = (
        select(KundeStromzaehler)
        .join(KundeStromzaehler.stromzaehler)
        .options(joinedload(KundeStromzaehler.stromzaehler, innerjoin=True))
        .where(KundeStromzaehler.kunde_id == kunde_id, _touches(von, bis))
        .order_by(Stromzaehler.zaehlernummer, KundeStromzaehler.von)
    )
    if begonnen_bis is not None:
        anweisung = anweisung.where(KundeStromzaehler.von <= begonnen_bis)
    return session.scalars(anweisung).all()


def list_intervals(
    session: Session, stromzaehler_id: int, kunde_id: int, begonnen_bis: datetime
) -> list[tuple[datetime, datetime | None]]:
    """When the meter was that customer's, oldest first: intervals that had begun by `begonnen_bis`."""
    werte = {"stromzaehler_id": stromzaehler_id, "kunde_id": kunde_id, "begonnen_bis": begonnen_bis}
    return [(zeile[0], zeile[1]) for zeile in session.execute(_INTERVALLE, werte)]


def has_overlap(
    session: Session, stromzaehler_id: int, von: datetime, bis: datetime | None, *, ausser: int | None = None
) -> bool:
    """Whether the meter is somebody's in a part of [von, bis); `ausser` names a row that does not count."""
    anweisung = select(KundeStromzaehler.kunde_stromzaehler_id).where(
        KundeStromzaehler.stromzaehler_id == stromzaehler_id, _touches(von, bis)
    )
    if ausser is not None:
        anweisung = anweisung.where(KundeStromzaehler.kunde_stromzaehler_id != ausser)
    return session.scalar(anweisung.limit(1)) is not None


def _touches(von: datetime, bis: datetime | None) -> ColumnElement[bool]:
    offen = or_(KundeStromzaehler.bis.is_(None), KundeStromzaehler.bis > von)
    return offen if bis is None else and_(offen, KundeStromzaehler.von < bis)


# Built once: every question about a meter begins with one of them, or with both.
_EINER = select(Stromzaehler).where(Stromzaehler.stromzaehler_id == bindparam("stromzaehler_id"))
_INTERVALLE = (
    select(KundeStromzaehler.von, KundeStromzaehler.bis)
    .where(
        KundeStromzaehler.stromzaehler_id == bindparam("stromzaehler_id"),
        KundeStromzaehler.kunde_id == bindparam("kunde_id"),
        KundeStromzaehler.von <= bindparam("begonnen_bis"),
    )
    .order_by(KundeStromzaehler.von)
)

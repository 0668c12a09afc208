"""The SQL of which meter hangs where when."""

from datetime import date, datetime

from sqlalchemy import ColumnElement, Select, and_, or_, select
from sqlalchemy.orm import Session, joinedload

from betreiber.seite import Seite, fetch_seite
from betreiber.zeit import format_zeitpunkt
from db.models import Audit, Benutzer, Einbau, Messstelle, Stromzaehler, Wartung


def get_einbau(session: Session, stromzaehler_id: int, einbau_id: int) -> Einbau | None:
    """An Einbau of that meter, with its Messstelle."""
    return session.scalar(_of_stromzaehler(stromzaehler_id).where(Einbau.einbau_id == einbau_id))


def list_einbauten(session: Session, stromzaehler_id: int, *, seite: int, pro_seite: int) -> Seite[Einbau]:
    """Where a meter hung, oldest first."""
    return fetch_seite(session, _of_stromzaehler(stromzaehler_id).order_by(Einbau.von), seite, pro_seite)


def find_open_einbau(session: Session, stromzaehler_id: int, messstelle_id: int) -> Einbau | None:
    """The Einbau of a meter that hangs at that Messstelle, with it; locked, so that one writer ends it."""
    return session.scalar(
        _of_stromzaehler(stromzaehler_id)
        .where(Einbau.messstelle_id == messstelle_id, Einbau.bis.is_(None))
        .with_for_update(of=Einbau)
    )


def find_einbau_from(session: Session, stromzaehler_id: int, messstelle_id: int, von: datetime) -> Einbau | None:
    """The Einbau of a meter at that Messstelle that began at an instant."""
    return session.scalar(
        select(Einbau).where(
            Einbau.stromzaehler_id == stromzaehler_id, Einbau.messstelle_id == messstelle_id, Einbau.von == von
        )
    )


def find_einbau_until(session: Session, messstelle_id: int, bis: datetime) -> Einbau | None:
    """The Einbau at that Messstelle that ended at an instant, with it."""
    return session.scalar(
        select(Einbau)
        .options(joinedload(Einbau.messstelle, innerjoin=True))
        .where(Einbau.messstelle_id == messstelle_id, Einbau.bis == bis)
    )


def find_einbau_at(session: Session, stromzaehler_id: int, zeitpunkt: datetime) -> Einbau | None:
    """The Einbau of a meter at an instant."""
    return session.scalar(
        select(Einbau).where(
            Einbau.stromzaehler_id == stromzaehler_id,
            Einbau.von <= zeitpunkt,
            or_(Einbau.bis.is_(None), Einbau.bis > zeitpunkt),
        )
    )


def is_einbau_edge(session: Session, stromzaehler_id: int, zeitpunkt: datetime) -> bool:
    """Whether the meter was put in or taken out at an instant."""
    kante = select(Einbau.einbau_id).where(
        Einbau.stromzaehler_id == stromzaehler_id, or_(Einbau.von == zeitpunkt, Einbau.bis == zeitpunkt)
    )
    return session.scalar(kante.limit(1)) is not None


def is_ablesung_recorded(
    session: Session, stromzaehler_id: int, zeitpunkt: datetime, register: tuple[int, int]
) -> bool:
    """Whether these registers (Wh) were entered or confirmed for an instant, as the audit log tells."""
    eintraege = select(Audit.neu).where(_of_ablesung(stromzaehler_id, zeitpunkt, "EINGETRAGEN", "BESTAETIGT"))
    return any(
        (neu["bezug_gesamt_wh"], neu["einspeisung_gesamt_wh"]) == register for neu in session.scalars(eintraege)
    )


def is_entered_by_kunde(session: Session, stromzaehler_id: int, zeitpunkt: datetime) -> bool:
    """Whether it was a customer who entered the reading of an instant last, as the audit log tells."""
    eintraege = select(Audit.akteur).where(_of_ablesung(stromzaehler_id, zeitpunkt, "EINGETRAGEN"))
    akteur = session.scalar(eintraege.order_by(Audit.audit_id.desc()).limit(1))
    art, _, nummer = (akteur or "").partition(":")
    benutzer = session.get(Benutzer, int(nummer)) if art == "benutzer" else None
    return benutzer is not None and benutzer.kunde_id is not None


def find_exchange_audit(
    session: Session, messstelle_id: int, zeitpunkt: datetime, alter_id: int, neuer_id: int
) -> Audit | None:
    """The row of the audit log of the exchange of these meters at a place at an instant.

    None when that was taken back, or it was put together from single calls: other ones tell nothing of it.
    """
    wann = format_zeitpunkt(zeitpunkt)
    wechsel = select(Audit).where(
        Audit.objekt_art == "messstelle",
        Audit.objekt_id == messstelle_id,
        or_(
            and_(Audit.aktion == "ZAEHLERWECHSEL", Audit.neu["zeitpunkt"].as_string() == wann),
            and_(Audit.aktion == "ZAEHLERWECHSEL_ZURUECKGENOMMEN", Audit.alt["zeitpunkt"].as_string() == wann),
        ),
    )
    zeile = session.scalar(wechsel.order_by(Audit.audit_id.desc()).limit(1))
    if zeile is None or zeile.aktion != "ZAEHLERWECHSEL":
        return None
    meter = (zeile.neu["alter_stromzaehler_id"], zeile.neu["neuer_stromzaehler_id"])
    return zeile if meter == (alter_id, neuer_id) else None


def find_letzte_ablesung(session: Session, stromzaehler_id: int) -> date | None:
    """The newest day on which people read a meter's display."""
    letzte = select(Wartung.letzte_manuelle_ablesung_datum).where(Wartung.stromzaehler_id == stromzaehler_id)
    return session.scalar(letzte)


def find_newest_einbau(session: Session, messstelle_id: int) -> Einbau | None:
    """The Einbau at that Messstelle that began last, ended or not."""
    return session.scalar(
        select(Einbau).where(Einbau.messstelle_id == messstelle_id).order_by(Einbau.von.desc()).limit(1)
    )


def find_last_einbau(session: Session, stromzaehler_id: int) -> Einbau | None:
    """The Einbau of a meter that began last, ended or not."""
    return session.scalar(_of_stromzaehler(stromzaehler_id).order_by(Einbau.von.desc()).limit(1))


def get_messstelle(session: Session, messstelle_id: int) -> Messstelle | None:
    return session.get(Messstelle, messstelle_id)


def lock_messstelle(session: Session, messstelle_id: int) -> Messstelle | None:
    """A place, locked: what happens to the meters of one place is recorded one by one."""
    return session.get(Messstelle, messstelle_id, with_for_update={"key_share": True})


def get_stromzaehler(session: Session, stromzaehler_id: int) -> Stromzaehler | None:
    return session.get(Stromzaehler, stromzaehler_id)


def find_overlap(
    session: Session,
    stromzaehler_id: int,
    messstelle_id: int,
    von: datetime,
    bis: datetime | None,
    *,
    ausser: int | None = None,
) -> Einbau | None:
    """An Einbau of this meter or at this place in a part of [von, bis), one of the meter before others.

    `ausser` names a row that does not count.
    """
    anweisung = select(Einbau).where(
        or_(Einbau.stromzaehler_id == stromzaehler_id, Einbau.messstelle_id == messstelle_id),
        _touches(von, bis),
    )
    if ausser is not None:
        anweisung = anweisung.where(Einbau.einbau_id != ausser)
    return session.scalar(anweisung.order_by((Einbau.stromzaehler_id == stromzaehler_id).desc()).limit(1))


def _touches(von: datetime, bis: datetime | None) -> ColumnElement[bool]:
    offen = or_(Einbau.bis.is_(None), Einbau.bis > von)
    return offen if bis is None else and_(offen, Einbau.von < bis)


def _of_ablesung(stromzaehler_id: int, zeitpunkt: datetime, *aktionen: str) -> ColumnElement[bool]:
    """The rows of the audit log about the reading of an instant that tell of these."""
    return and_(
        Audit.objekt_art == "ablesung",
        Audit.objekt_id == stromzaehler_id,
        Audit.aktion.in_(aktionen),
        Audit.neu["messzeitpunkt"].as_string() == format_zeitpunkt(zeitpunkt),
    )


def _of_stromzaehler(stromzaehler_id: int) -> Select[Einbau]:
    return (
        select(Einbau)
        .options(joinedload(Einbau.messstelle, innerjoin=True))
        .where(Einbau.stromzaehler_id == stromzaehler_id)
    )

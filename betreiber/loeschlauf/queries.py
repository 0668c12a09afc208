"""The SQL of deletion runs, and of the sums that remain."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import and_, delete, func, insert, or_, select
from sqlalchemy.orm import Session

from betreiber.loeschlauf.domain import Regionssumme
from betreiber.seite import Seite, fetch_seite
from db.models import Einbau, KundeStromzaehler, Loeschlauf, Messstelle, Stromzaehler, Tagessumme


class Zaehlerzeit(NamedTuple):
    """A customer's meter at a place in [von, bis); `bis` None: to this day."""

    kunde_id: int
    postleitzahl: str
    stromzaehler_id: int
    faktor: int
    von: datetime
    bis: datetime | None


def list_loeschlaeufe(session: Session, *, seite: int, pro_seite: int) -> Seite[Loeschlauf]:
    """Receipts, newest first."""
    return fetch_seite(session, select(Loeschlauf).order_by(Loeschlauf.loeschlauf_id.desc()), seite, pro_seite)


def find_open(session: Session) -> Loeschlauf | None:
    """The run that was broken off."""
    return session.scalar(select(Loeschlauf).where(Loeschlauf.beendet_zeitpunkt.is_(None)).limit(1))


def lock_lauf(session: Session, loeschlauf_id: int) -> Loeschlauf:
    """A receipt as it is now, locked: two commands that go on with it count what each of them deletes."""
    anweisung = select(Loeschlauf).where(Loeschlauf.loeschlauf_id == loeschlauf_id).with_for_update()
    return session.scalars(anweisung, execution_options={"populate_existing": True}).one()


def last_number(session: Session) -> int | None:
    """The number of the newest receipt."""
    return session.scalar(select(func.max(Loeschlauf.loeschlauf_id)))


def last_stichtag(session: Session) -> date | None:
    """The day before which everything is deleted and summed."""
    return session.scalar(select(Loeschlauf.stichtag_datum).order_by(Loeschlauf.stichtag_datum.desc()).limit(1))


def list_zaehlerzeiten(session: Session, von: datetime, bis: datetime) -> list[Zaehlerzeit]:
    """Whose meter hung where in a part of [von, bis)."""
    zuordnung, einbau = KundeStromzaehler, Einbau
    anweisung = (
        select(
            zuordnung.kunde_id,
            Messstelle.postleitzahl,
            zuordnung.stromzaehler_id,
            Stromzaehler.faktor,
            zuordnung.von,
            zuordnung.bis,
            einbau.von,
            einbau.bis,
        )
        .join(Stromzaehler, Stromzaehler.stromzaehler_id == zuordnung.stromzaehler_id)
        .join(einbau, einbau.stromzaehler_id == zuordnung.stromzaehler_id)
        .join(Messstelle, Messstelle.messstelle_id == einbau.messstelle_id)
        .where(
            *(and_(zeit.von < bis, or_(zeit.bis.is_(None), zeit.bis > von)) for zeit in (zuordnung, einbau)),
            # They touch each other, too.
            or_(einbau.bis.is_(None), einbau.bis > zuordnung.von),
            or_(zuordnung.bis.is_(None), zuordnung.bis > einbau.von),
        )
    )
    return [
        Zaehlerzeit(*zeile[:4], max(zeile[4], zeile[6]), min(filter(None, (zeile[5], zeile[7])), default=None))
        for zeile in session.execute(anweisung)
    ]


def replace_tagessummen(session: Session, tag: date, summen: Sequence[Regionssumme]) -> None:
    """Let these be the sums of a day."""
    session.execute(delete(Tagessumme).where(Tagessumme.tag_datum == tag))
    if summen:
        zeilen = [
            {
                "tag_datum": tag,
                "region": summe.region,
                "kunden": summe.kunden,
                "bezug_wh": summe.bezug_wh,
                "einspeisung_wh": summe.einspeisung_wh,
            }
            for summe in summen
        ]
        session.execute(insert(Tagessumme), zeilen)

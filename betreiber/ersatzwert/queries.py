"""The SQL of Ersatzwerte: which meters have gaps, and how their substitutes were formed."""

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, and_, delete, func, or_, select, union
from sqlalchemy.orm import Session

from betreiber.seite import Seite, fetch_seite
from db.models import (
    Einbau,
    Ersatzwertbildung,
    Fehlanzeige,
    Neuberechnung,
    Quarantaene,
    Stromzaehler,
    Tagesstand,
    Telegrammstand,
    VerbrauchTag,
)

TAG_S = 86_400
VIERTEL_JE_TAG = 96


def list_candidates(session: Session, *, ueberfaellig_bis: int, seit: int) -> Sequence[int]:
    """Meters that may have overdue readings: as many rows are read as there are gaps, not as there are readings.

    What changed in the past stands in `neuberechnung`. What has become overdue since `seit` (seconds since 1970)
    shows in the meter's own state, in days with too few values, and in what it lost or what lies in quarantine.
    """
    hing_zuletzt = (
        select(Einbau.einbau_id)
        .where(
            Einbau.stromzaehler_id == Telegrammstand.stromzaehler_id,
            or_(Einbau.bis.is_(None), Einbau.bis >= datetime.fromtimestamp(seit, UTC)),
        )
        .exists()
    )
    tag_von, tag_bis = seit // TAG_S, ueberfaellig_bis // TAG_S
    kandidaten = union(
        select(Neuberechnung.stromzaehler_id),
        select(Telegrammstand.stromzaehler_id).where(
            or_(
                Telegrammstand.neueste_uhrzeit < ueberfaellig_bis,
                and_(
                    Telegrammstand.lueckenlos_bis < Telegrammstand.neueste_uhrzeit,
                    Telegrammstand.lueckenlos_bis < ueberfaellig_bis,
                ),
            ),
            hing_zuletzt,
        ),
        select(VerbrauchTag.stromzaehler_id)
        .outerjoin(Tagesstand, _same_day())
        .where(
            # As in the index: days that are whole are not read.
            VerbrauchTag.gemessen < VIERTEL_JE_TAG,
            VerbrauchTag.tag >= tag_von,
            VerbrauchTag.tag < tag_bis,
            VerbrauchTag.anzahl + func.coalesce(Tagesstand.anzahl, 0) < VIERTEL_JE_TAG,
        ),
        select(Tagesstand.stromzaehler_id)
        .outerjoin(VerbrauchTag, _same_day())
        .where(
            Tagesstand.tag >= tag_von,
            Tagesstand.tag < tag_bis,
            Tagesstand.anzahl + func.coalesce(VerbrauchTag.anzahl, 0) < VIERTEL_JE_TAG,
        ),
        select(Fehlanzeige.stromzaehler_id).where(Fehlanzeige.empfangen >= seit),
        select(Quarantaene.stromzaehler_id).where(
            Quarantaene.empfangen >= seit, Quarantaene.entscheidung.is_(None)
        ),
    ).subquery()
    eingebaut = select(Einbau.stromzaehler_id)
    return session.scalars(
        select(kandidaten.c.stromzaehler_id)
        .where(kandidaten.c.stromzaehler_id.in_(eingebaut))
        .order_by(kandidaten.c.stromzaehler_id)
    ).all()


def _same_day() -> ColumnElement[bool]:
    return and_(Tagesstand.stromzaehler_id == VerbrauchTag.stromzaehler_id, Tagesstand.tag == VerbrauchTag.tag)


def get_faktor(session: Session, stromzaehler_id: int) -> int:
    return session.scalars(
        select(Stromzaehler.faktor).where(Stromzaehler.stromzaehler_id == stromzaehler_id)
    ).one()


def list_einbauten(session: Session, stromzaehler_id: int) -> list[tuple[int, int | None]]:
    """When a meter hung somewhere, [von, bis) in seconds since 1970, oldest first."""
    anweisung = (
        select(Einbau.von, Einbau.bis).where(Einbau.stromzaehler_id == stromzaehler_id).order_by(Einbau.von)
    )
    return [
        (int(von.timestamp()), None if bis is None else int(bis.timestamp()))
        for von, bis in session.execute(anweisung)
    ]


def list_touched(session: Session, stromzaehler_id: int) -> Sequence[int]:
    """The UTC days of a meter, as days since 1970, whose readings have changed."""
    return session.scalars(select(Neuberechnung.tag).where(Neuberechnung.stromzaehler_id == stromzaehler_id)).all()


def forget_touched(session: Session, stromzaehler_id: int) -> None:
    """What was derived from the readings of this meter is up to date."""
    session.execute(delete(Neuberechnung).where(Neuberechnung.stromzaehler_id == stromzaehler_id))


def list_in_force(session: Session, stromzaehler_id: int) -> Sequence[Ersatzwertbildung]:
    """How the substitutes of a meter were formed that count now, oldest first."""
    return session.scalars(
        select(Ersatzwertbildung)
        .where(Ersatzwertbildung.stromzaehler_id == stromzaehler_id, Ersatzwertbildung.abgeloest.is_(None))
        .order_by(Ersatzwertbildung.von)
    ).all()


def next_nummer(session: Session, stromzaehler_id: int, von: int) -> int:
    """The number of one more Bildung that begins at `von`."""
    letzte = session.scalar(
        select(func.max(Ersatzwertbildung.nummer)).where(
            Ersatzwertbildung.stromzaehler_id == stromzaehler_id, Ersatzwertbildung.von == von
        )
    )
    return (letzte or 0) + 1


def list_bildungen(
    session: Session,
    stromzaehler_id: int,
    zeitraeume: Sequence[tuple[int, int]],
    *,
    seite: int,
    pro_seite: int,
) -> Seite[Ersatzwertbildung]:
    """Those that touch one of these half-open periods, oldest first, replaced ones among them."""
    beruehrt = [and_(Ersatzwertbildung.von < bis, Ersatzwertbildung.bis > von) for von, bis in zeitraeume]
    anweisung = (
        select(Ersatzwertbildung)
        .where(Ersatzwertbildung.stromzaehler_id == stromzaehler_id, or_(False, *beruehrt))
        .order_by(Ersatzwertbildung.von, Ersatzwertbildung.nummer)
    )
    return fetch_seite(session, anweisung, seite, pro_seite)

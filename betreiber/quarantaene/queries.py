"""The SQL of the quarantine."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from betreiber.quarantaene.domain import Fallzustand
from betreiber.seite import Seite, fetch_seite
from db.models import Quarantaene, Stromzaehler


def list_quarantaene(
    session: Session,
    *,
    stromzaehler_id: int | None,
    grund: str | None,
    zustand: str | None,
    von: int | None,
    bis: int | None,
    seite: int,
    pro_seite: int,
) -> Seite[tuple[Quarantaene, str]]:
    """Readings in quarantine of times in [von, bis), seconds since 1970, with the meter's number; newest first."""
    anweisung = (
        select(Quarantaene, Stromzaehler.zaehlernummer)
        .join(Stromzaehler, Stromzaehler.stromzaehler_id == Quarantaene.stromzaehler_id)
        .order_by(
            Quarantaene.empfangen.desc(), Quarantaene.stromzaehler_id, Quarantaene.uhrzeit, Quarantaene.wert_sha256
        )
    )
    if stromzaehler_id is not None:
        anweisung = anweisung.where(Quarantaene.stromzaehler_id == stromzaehler_id)
    if grund is not None:
        anweisung = anweisung.where(Quarantaene.grund == grund)
    if zustand is not None:
        offen = Quarantaene.entscheidung.is_(None)
        anweisung = anweisung.where(offen if zustand == Fallzustand.OFFEN else ~offen)
    if von is not None:
        anweisung = anweisung.where(Quarantaene.uhrzeit >= von)
    if bis is not None:
        anweisung = anweisung.where(Quarantaene.uhrzeit < bis)
    return fetch_seite(session, anweisung, seite, pro_seite, als=lambda fall, nummer: (fall, nummer))


def count_gruende(session: Session) -> list[tuple[str, int, int]]:
    """Reason, how many are open, how many were decided; by reason."""
    offen = func.count().filter(Quarantaene.entscheidung.is_(None))
    anweisung = (
        select(Quarantaene.grund, offen, func.count() - offen)
        .group_by(Quarantaene.grund)
        .order_by(Quarantaene.grund)
    )
    return [(grund, anzahl, entschieden) for grund, anzahl, entschieden in session.execute(anweisung)]


def list_in_spanne(
    session: Session, stromzaehler_id: int, von: int, bis: int, wert_sha256: bytes | None
) -> Sequence[Quarantaene]:
    """A meter's readings in quarantine in [von, bis), oldest first; with `wert_sha256` those of this value."""
    anweisung = (
        select(Quarantaene)
        .where(
            Quarantaene.stromzaehler_id == stromzaehler_id, Quarantaene.uhrzeit >= von, Quarantaene.uhrzeit < bis
        )
        .order_by(Quarantaene.uhrzeit, Quarantaene.wert_sha256)
    )
    if wert_sha256 is not None:
        anweisung = anweisung.where(Quarantaene.wert_sha256 == wert_sha256)
    return session.scalars(anweisung).all()

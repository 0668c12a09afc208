"""The SQL of imports: which meter is meant, and how far a file was taken in."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Row, or_, select
from sqlalchemy.orm import Session

from db.models import Einbau, Importlauf, Messstelle, Stromzaehler


def find_stromzaehler(session: Session, zaehlernummer: str) -> Stromzaehler | None:
    return session.scalar(select(Stromzaehler).where(Stromzaehler.zaehlernummer == zaehlernummer))


def list_at_messstelle(
    session: Session, ort: str
) -> Sequence[Row[datetime, datetime | None, Stromzaehler]] | None:
    """Which meters hung at a MaLo- or MeLo-ID and when, oldest first; None when nobody knows the id."""
    bedingung = or_(Messstelle.malo_id == ort, Messstelle.melo_id == ort)
    messstelle_id = session.scalar(select(Messstelle.messstelle_id).where(bedingung).limit(1))
    if messstelle_id is None:
        return None
    anweisung = (
        select(Einbau.von, Einbau.bis, Stromzaehler)
        .join(Stromzaehler, Stromzaehler.stromzaehler_id == Einbau.stromzaehler_id)
        .where(Einbau.messstelle_id == messstelle_id)
        .order_by(Einbau.von)
    )
    return session.execute(anweisung).all()


def list_anschluesse(session: Session, stromzaehler_id: int) -> Sequence[Row[datetime, Decimal]]:
    """Where a meter hung: begin and connection power in kW of each place, oldest first."""
    anweisung = (
        select(Einbau.von, Messstelle.anschlussleistung_kw)
        .join(Messstelle, Messstelle.messstelle_id == Einbau.messstelle_id)
        .where(Einbau.stromzaehler_id == stromzaehler_id)
        .order_by(Einbau.von)
    )
    return session.execute(anweisung).all()


def lock_lauf(session: Session, datei_sha256: bytes) -> Importlauf | None:
    """The run of a file, locked: two commands do not take in the same file at once."""
    anweisung = select(Importlauf).where(Importlauf.datei_sha256 == datei_sha256).with_for_update()
    return session.scalar(anweisung, execution_options={"populate_existing": True})

"""The SQL of evaluations: which meters hung at a Messstelle."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from db.models import Einbau, Stromzaehler


class Haengend(NamedTuple):
    """A meter at a place from `von` to `bis`, None = still."""

    einbau_id: int
    stromzaehler_id: int
    zaehlernummer: str
    von: datetime
    bis: datetime | None


def list_einbauten(session: Session, messstelle_id: int, von: datetime, bis: datetime) -> list[Haengend]:
    """What hung at a Messstelle in a part of [von, bis), oldest first."""
    anweisung = (
        select(Einbau.einbau_id, Einbau.stromzaehler_id, Stromzaehler.zaehlernummer, Einbau.von, Einbau.bis)
        .join(Stromzaehler, Stromzaehler.stromzaehler_id == Einbau.stromzaehler_id)
        .where(
            Einbau.messstelle_id == messstelle_id,
            Einbau.von < bis,
            or_(Einbau.bis.is_(None), Einbau.bis > von),
        )
        .order_by(Einbau.von)
    )
    return [Haengend(*zeile) for zeile in session.execute(anweisung)]

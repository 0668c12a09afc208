"""The SQL of corrections: what a meter can measure where it hangs."""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import Einbau, Messstelle


def list_einbauten(session: Session, stromzaehler_id: int) -> list[tuple[datetime, Decimal]]:
    """Where a meter hung: begin and connection power in kW of each place, oldest first."""
    zeilen = session.execute(
        select(Einbau.von, Messstelle.anschlussleistung_kw)
        .join(Messstelle, Messstelle.messstelle_id == Einbau.messstelle_id)
        .where(Einbau.stromzaehler_id == stromzaehler_id)
        .order_by(Einbau.von)
    )
    return [(zeile.von, zeile.anschlussleistung_kw) for zeile in zeilen]

"""The SQL of Verbrauch: all meters, some hundred at a time."""

from collections.abc import Iterator, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import Stromzaehler


def iter_faktoren(session: Session, anzahl: int) -> Iterator[Sequence[tuple[int, int]]]:
    """All meters with their transformer factor, ascending, `anzahl` at a time."""
    letzte = 0
    while True:
        anweisung = (
            select(Stromzaehler.stromzaehler_id, Stromzaehler.faktor)
            .where(Stromzaehler.stromzaehler_id > letzte)
            .order_by(Stromzaehler.stromzaehler_id)
            .limit(anzahl)
        )
        zeilen = [(zeile[0], zeile[1]) for zeile in session.execute(anweisung)]
        if not zeilen:
            return
        yield zeilen
        letzte = zeilen[-1][0]

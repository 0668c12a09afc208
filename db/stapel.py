"""Many new rows by few statements: the ORM asks SQLite row by row for what the database fills in."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, insert, inspect, select
from sqlalchemy.orm import Session

from db.models import Audit, Ereignis


def give_ids(session: Session, zeilen: Sequence[Any]) -> None:
    """Give new rows of one table their ids before they are added: then a flush of all is one statement."""
    if not zeilen:
        return
    schluessel = inspect(type(zeilen[0])).primary_key[0]
    if session.get_bind().dialect.name == "postgresql":
        folge = func.pg_get_serial_sequence(schluessel.table.name, schluessel.name)
        naechste = select(func.nextval(folge)).select_from(func.generate_series(1, len(zeilen)))
        ids = list(session.scalars(naechste))
    else:
        # This transaction is the only one that writes on SQLite.
        letzte = session.scalar(select(func.max(schluessel))) or 0
        ids = list(range(letzte + 1, letzte + 1 + len(zeilen)))
    for zeile, nummer in zip(zeilen, ids, strict=True):
        setattr(zeile, schluessel.name, nummer)


def flush(session: Session) -> None:
    """Write what was added; audit rows and events, of which nobody needs the id, by one statement a table."""
    eintraege = [eintrag for eintrag in session.new if isinstance(eintrag, Audit | Ereignis)]
    for eintrag in eintraege:
        session.expunge(eintrag)
    session.flush()
    for art in (Audit, Ereignis):
        werte = [
            {name: wert for name, wert in vars(eintrag).items() if not name.startswith("_")}
            for eintrag in eintraege
            if isinstance(eintrag, art)
        ]
        if werte:
            # Into the table: the model would ask row by row for what the database fills in.
            session.connection().execute(insert(art.__table__), werte)  # type: ignore[arg-type]

"""The SQL of backups: what is in a database, and whether anything is."""

from sqlalchemy import func, inspect, literal, select, text, union_all
from sqlalchemy.orm import Session

from db.base import Base
from db.models import Stromzaehler


def has_tables(session: Session) -> bool:
    """Whether anything was ever put into this database."""
    return bool(inspect(session.connection()).get_table_names())


def count_rows(session: Session) -> dict[str, int]:
    """Rows by table."""
    tabellen = [
        select(literal(tabelle.name), func.count()).select_from(tabelle) for tabelle in Base.metadata.sorted_tables
    ]
    return {zeile[0]: zeile[1] for zeile in session.execute(union_all(*tabellen))}


def list_meters(session: Session) -> list[int]:
    """All meters, ascending."""
    return list(session.scalars(select(Stromzaehler.stromzaehler_id).order_by(Stromzaehler.stromzaehler_id)))


def export_snapshot(session: Session) -> str:
    """A name under which pg_dump sees exactly what this transaction sees (PostgreSQL)."""
    name: str = session.execute(text("SELECT pg_export_snapshot()")).scalar_one()
    return name


def is_sound(session: Session) -> bool:
    """Whether SQLite finds its file in order."""
    return session.scalar(text("PRAGMA integrity_check")) == "ok"

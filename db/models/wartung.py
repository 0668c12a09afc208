"""Wartung: the maintenance data of a meter, one row each."""

from datetime import date

from sqlalchemy import Date, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from db.base import STRICT, Base, Versioned


class Wartung(Versioned, Base):
    """Dates of the brief. `naechste_wartung_datum` null = not planned yet; planners find it in the list."""

    __tablename__ = "wartung"
    __table_args__ = (
        Index("ix_wartung_naechste_wartung_datum", "naechste_wartung_datum", "stromzaehler_id"),
        STRICT,
    )

    stromzaehler_id: Mapped[int] = mapped_column(
        ForeignKey("stromzaehler.stromzaehler_id"), primary_key=True, autoincrement=False
    )
    einbau_datum: Mapped[date | None] = mapped_column(Date)
    letzte_manuelle_ablesung_datum: Mapped[date | None] = mapped_column(Date)
    letzte_eichung_datum: Mapped[date | None] = mapped_column(Date)
    naechste_wartung_datum: Mapped[date | None] = mapped_column(Date)

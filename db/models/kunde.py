"""Kunde: who uses the electricity (Anschlussnutzer)."""

from datetime import date

from sqlalchemy import CheckConstraint, Date, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from db.base import STRICT, Base, Versioned
from db.types import ZeilenId


class Kunde(Versioned, Base):
    """A customer with the address at which they are reached; where the meter hangs is the Messstelle's."""

    __tablename__ = "kunde"
    __table_args__ = (
        CheckConstraint("art IN ('VERBRAUCHER', 'UNTERNEHMEN')", name="art"),
        Index("ix_kunde_name_kunde_id", "name", "kunde_id"),
        Index("ix_kunde_postleitzahl", "postleitzahl"),
        STRICT,
    )

    kunde_id: Mapped[int] = mapped_column(ZeilenId, primary_key=True)
    kundennummer: Mapped[str] = mapped_column(Text, unique=True)
    art: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    strasse: Mapped[str] = mapped_column(Text)
    hausnummer: Mapped[str] = mapped_column(Text)
    hausnummerzusatz: Mapped[str | None] = mapped_column(Text)
    postleitzahl: Mapped[str] = mapped_column(Text)
    stadtname: Mapped[str] = mapped_column(Text)
    e_mail: Mapped[str | None] = mapped_column(Text)
    telefon: Mapped[str | None] = mapped_column(Text)
    registriert_datum: Mapped[date] = mapped_column(Date)

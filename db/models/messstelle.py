"""Messstelle: the place where a meter hangs, and Einbau: which meter hung there when."""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from db.base import STRICT, Base, Versioned
from db.types import Dezimal, ZeilenId, Zeitpunkt


class Messstelle(Versioned, Base):
    """A metering point. `anschlussleistung_kw` bounds the power that a reading can plausibly mean."""

    __tablename__ = "messstelle"
    __table_args__ = (STRICT,)

    messstelle_id: Mapped[int] = mapped_column(ZeilenId, primary_key=True)
    malo_id: Mapped[str] = mapped_column(Text, unique=True)
    melo_id: Mapped[str] = mapped_column(Text, unique=True)
    strasse: Mapped[str] = mapped_column(Text)
    hausnummer: Mapped[str] = mapped_column(Text)
    hausnummerzusatz: Mapped[str | None] = mapped_column(Text)
    postleitzahl: Mapped[str] = mapped_column(Text, index=True)
    stadtname: Mapped[str] = mapped_column(Text)
    bundesland: Mapped[str] = mapped_column(Text)
    anschlussleistung_kw: Mapped[Decimal] = mapped_column(Dezimal(9, 3))
    zugangshinweis: Mapped[str | None] = mapped_column(Text)


class Einbau(Versioned, Base):
    """A meter at a Messstelle in [von, bis); `bis` null = still there.

    One meter hangs at one place at a time and a place holds one meter at a time: EXCLUDE constraints on
    PostgreSQL (migration 0001), the service's check under the write lock on SQLite.
    """

    __tablename__ = "einbau"
    __table_args__ = (
        CheckConstraint("bis IS NULL OR bis > von", name="zeitraum"),
        Index("ix_einbau_stromzaehler_id_von", "stromzaehler_id", "von"),
        Index("ix_einbau_messstelle_id_von", "messstelle_id", "von"),
        STRICT,
    )

    einbau_id: Mapped[int] = mapped_column(ZeilenId, primary_key=True)
    stromzaehler_id: Mapped[int] = mapped_column(ForeignKey("stromzaehler.stromzaehler_id"))
    messstelle_id: Mapped[int] = mapped_column(ForeignKey("messstelle.messstelle_id"))
    von: Mapped[datetime] = mapped_column(Zeitpunkt)
    bis: Mapped[datetime | None] = mapped_column(Zeitpunkt)
    messstelle: Mapped[Messstelle] = relationship(lazy="raise")

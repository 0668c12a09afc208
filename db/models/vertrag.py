"""Vertrag: a customer's contract at a Messstelle, and the Tarif that it refers to."""

from datetime import date
from decimal import Decimal

from sqlalchemy import CheckConstraint, Date, ForeignKey, Integer, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from db.base import STRICT, Base, Versioned
from db.models.messstelle import Messstelle
from db.types import Dezimal, ZeilenId


class Tarif(Versioned, Base):
    """A price sheet, referenced by contracts; approval, zones and levies come with the tariff department."""

    __tablename__ = "tarif"
    __table_args__ = (
        CheckConstraint("produkt IN ('MESSSTELLENBETRIEB', 'STROMLIEFERUNG')", name="produkt"),
        STRICT,
    )

    tarif_id: Mapped[int] = mapped_column(ZeilenId, primary_key=True)
    bezeichnung: Mapped[str] = mapped_column(Text, unique=True)
    produkt: Mapped[str] = mapped_column(Text)
    grundpreis_eur_monat: Mapped[Decimal] = mapped_column(Dezimal(10, 4))
    arbeitspreis_ct_kwh: Mapped[Decimal] = mapped_column(Dezimal(10, 4))
    gueltig_von_datum: Mapped[date] = mapped_column(Date)
    gueltig_bis_datum: Mapped[date | None] = mapped_column(Date)


class Vertrag(Versioned, Base):
    """A contract in [beginn_datum, ende_datum), local days: the end is the first day without it."""

    __tablename__ = "vertrag"
    __table_args__ = (
        CheckConstraint("produkt IN ('MESSSTELLENBETRIEB', 'STROMLIEFERUNG')", name="produkt"),
        CheckConstraint("zustand IN ('ANGELEGT', 'AKTIV', 'GEKUENDIGT', 'BEENDET')", name="zustand"),
        CheckConstraint("ende_datum IS NULL OR ende_datum > beginn_datum", name="zeitraum"),
        CheckConstraint("kuendigungsfrist_wochen >= 0", name="kuendigungsfrist"),
        STRICT,
    )

    vertrag_id: Mapped[int] = mapped_column(ZeilenId, primary_key=True)
    vertragsnummer: Mapped[str] = mapped_column(Text, unique=True)
    kunde_id: Mapped[int] = mapped_column(ForeignKey("kunde.kunde_id"), index=True)
    messstelle_id: Mapped[int] = mapped_column(ForeignKey("messstelle.messstelle_id"), index=True)
    tarif_id: Mapped[int] = mapped_column(ForeignKey("tarif.tarif_id"), index=True)
    produkt: Mapped[str] = mapped_column(Text)
    zustand: Mapped[str] = mapped_column(Text)
    beginn_datum: Mapped[date] = mapped_column(Date)
    ende_datum: Mapped[date | None] = mapped_column(Date)
    kuendigungsfrist_wochen: Mapped[int] = mapped_column(Integer)
    messstelle: Mapped[Messstelle] = relationship(lazy="raise")
    tarif: Mapped[Tarif] = relationship(lazy="raise")

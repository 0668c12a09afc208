"""Wartung: the maintenance data of a meter, one row each."""

from datetime import date

from sqlalchemy import CheckConstraint, Date, ForeignKey, Index, Integer, Text
from sqlalchemy.orm import Mapped, mapped_column

from db.base import STRICT, Base, Versioned


class Wartung(Versioned, Base):
    """When it was last worked on, and when it is due next.

    `naechste_wartung_datum`, `anlass`, `eichfrist_ende_datum`, `antragsfrist_datum` and `antragswarnung_datum` are
    derived: they follow at each write of what they depend on, and every night. `vorgabe_datum` is a date that
    somebody set by hand and that wins; `kontrollablesung_monate` is the interval that was set when the nightly
    round last came by; `antrag_gewarnt_datum` is the end of the Eichfrist that planners were last warned of.
    """

    __tablename__ = "wartung"
    __table_args__ = (
        CheckConstraint(
            "anlass IN ('EICHFRIST', 'NUTZUNGSDAUER', 'GEWAEHRLEISTUNG', 'KONTROLLABLESUNG', 'MANUELL')",
            name="anlass",
        ),
        Index("ix_wartung_naechste_wartung_datum", "naechste_wartung_datum", "stromzaehler_id"),
        Index("ix_wartung_antragswarnung_datum", "antragswarnung_datum", "stromzaehler_id"),
        STRICT,
    )

    stromzaehler_id: Mapped[int] = mapped_column(
        ForeignKey("stromzaehler.stromzaehler_id"), primary_key=True, autoincrement=False
    )
    einbau_datum: Mapped[date | None] = mapped_column(Date)
    letzte_manuelle_ablesung_datum: Mapped[date | None] = mapped_column(Date)
    letzte_eichung_datum: Mapped[date | None] = mapped_column(Date)
    naechste_wartung_datum: Mapped[date | None] = mapped_column(Date)
    vorgabe_datum: Mapped[date | None] = mapped_column(Date)
    anlass: Mapped[str | None] = mapped_column(Text)
    eichfrist_ende_datum: Mapped[date | None] = mapped_column(Date)
    antragsfrist_datum: Mapped[date | None] = mapped_column(Date)
    antragswarnung_datum: Mapped[date | None] = mapped_column(Date)
    antrag_gewarnt_datum: Mapped[date | None] = mapped_column(Date)
    kontrollablesung_monate: Mapped[int | None] = mapped_column(Integer)

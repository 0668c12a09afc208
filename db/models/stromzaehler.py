"""Stromzähler: the device, and whose meter it is when."""

from datetime import date, datetime

from sqlalchemy import Boolean, CheckConstraint, Date, ForeignKey, Index, Integer, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from db.base import STRICT, Base, Versioned
from db.types import ZeilenId, Zeitpunkt


class Stromzaehler(Versioned, Base):
    """A meter. `zaehlernummer` after DIN 43863-5, 14 characters; `faktor` is the transformer factor.

    `stellen` counts the digits of the register before the decimal point in kWh: where it rolls over. `bauart` and
    `kennzeichnung_jahr` (the year in its marking) say how long it may be used for billing without verification.
    """

    __tablename__ = "stromzaehler"
    __table_args__ = (
        CheckConstraint(
            "zustand IN ('LAGER', 'EINGEBAUT', 'GESPERRT', 'AUSGEBAUT', 'VERSCHROTTET')", name="zustand"
        ),
        CheckConstraint("stellen BETWEEN 5 AND 9", name="stellen"),
        CheckConstraint("faktor >= 1", name="faktor"),
        CheckConstraint("bauart IN ('ELEKTRONISCH', 'INDUKTION', 'INDUKTION_WANDLER')", name="bauart"),
        STRICT,
    )

    stromzaehler_id: Mapped[int] = mapped_column(ZeilenId, primary_key=True)
    zaehlernummer: Mapped[str] = mapped_column(Text, unique=True)
    hersteller: Mapped[str] = mapped_column(Text)
    modell: Mapped[str] = mapped_column(Text)
    seriennummer: Mapped[str] = mapped_column(Text)
    stellen: Mapped[int] = mapped_column(Integer, default=6)
    faktor: Mapped[int] = mapped_column(Integer, default=1)
    inf: Mapped[bool] = mapped_column(Boolean(create_constraint=False), default=False)
    zustand: Mapped[str] = mapped_column(Text, default="LAGER")
    bauart: Mapped[str] = mapped_column(Text, default="ELEKTRONISCH", server_default="ELEKTRONISCH")
    kennzeichnung_jahr: Mapped[int | None] = mapped_column(Integer)
    nutzungsdauer_jahre: Mapped[int | None] = mapped_column(Integer)
    gewaehrleistung_ende_datum: Mapped[date | None] = mapped_column(Date)
    inbetriebnahme_datum: Mapped[date | None] = mapped_column(Date)
    verschrottung_datum: Mapped[date | None] = mapped_column(Date)
    sim_iccid: Mapped[str | None] = mapped_column(Text)


class KundeStromzaehler(Versioned, Base):
    """Whose meter it is in [von, bis); a customer sees readings of these intervals only.

    One customer per meter at a time: EXCLUDE constraint on PostgreSQL, the service's check on SQLite.
    """

    __tablename__ = "kunde_stromzaehler"
    __table_args__ = (
        CheckConstraint("bis IS NULL OR bis > von", name="zeitraum"),
        Index("ix_kunde_stromzaehler_stromzaehler_id_von", "stromzaehler_id", "von"),
        Index("ix_kunde_stromzaehler_kunde_id_von", "kunde_id", "von"),
        STRICT,
    )

    kunde_stromzaehler_id: Mapped[int] = mapped_column(ZeilenId, primary_key=True)
    kunde_id: Mapped[int] = mapped_column(ForeignKey("kunde.kunde_id"))
    stromzaehler_id: Mapped[int] = mapped_column(ForeignKey("stromzaehler.stromzaehler_id"))
    von: Mapped[datetime] = mapped_column(Zeitpunkt)
    bis: Mapped[datetime | None] = mapped_column(Zeitpunkt)
    stromzaehler: Mapped[Stromzaehler] = relationship(lazy="raise")

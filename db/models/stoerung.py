"""Störungen: meters that have stopped sending or are sick, one row a meter and kind until it is over."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import JSON

from db.base import STRICT, Base, Versioned
from db.types import ZeilenId, Zeitpunkt


class Stoerung(Versioned, Base):
    """What is wrong with a meter from `beginn_zeitpunkt` on; open until the data are back or a person says why.

    `stufe` only rises while it is open. `ursache`: the likely cause, by the last signs of life. `daten`: what was
    seen. `behoben_durch`: an Akteur; `grund`: what a person said. `erholt_zeitpunkt`: since when the signal is
    good again. `abgeklungen_zeitpunkt`: when it had been so for long enough; until then the meter gets no second
    row of the kind, also when a person has closed this one. `gemeldet_stufe`: the last one of which a mail told.
    `netz_zeitpunkt`: when it was last seen to be one of a whole area, or of a fleet, that was affected.
    """

    __tablename__ = "stoerung"
    __table_args__ = (
        CheckConstraint("stufe IN ('WARNUNG', 'ALARM', 'AUFTRAG')", name="stufe"),
        Index(
            "ix_stoerung_laufend",
            "stromzaehler_id",
            "art",
            unique=True,
            postgresql_where=text("abgeklungen_zeitpunkt IS NULL"),
            sqlite_where=text("abgeklungen_zeitpunkt IS NULL"),
        ),
        Index(
            "ix_stoerung_auftrag",
            "stoerung_id",
            postgresql_where=text("behoben_zeitpunkt IS NULL AND stufe = 'AUFTRAG'"),
            sqlite_where=text("behoben_zeitpunkt IS NULL AND stufe = 'AUFTRAG'"),
        ),
        Index("ix_stoerung_stromzaehler_id", "stromzaehler_id", "erkannt_zeitpunkt"),
        Index("ix_stoerung_erkannt_zeitpunkt", "erkannt_zeitpunkt", "stoerung_id"),
        STRICT,
    )

    stoerung_id: Mapped[int] = mapped_column(ZeilenId, primary_key=True)
    stromzaehler_id: Mapped[int] = mapped_column(ForeignKey("stromzaehler.stromzaehler_id"))
    art: Mapped[str] = mapped_column(Text)
    stufe: Mapped[str] = mapped_column(Text)
    ursache: Mapped[str] = mapped_column(Text)
    beginn_zeitpunkt: Mapped[datetime] = mapped_column(Zeitpunkt)
    erkannt_zeitpunkt: Mapped[datetime] = mapped_column(Zeitpunkt)
    behoben_zeitpunkt: Mapped[datetime | None] = mapped_column(Zeitpunkt)
    behoben_durch: Mapped[str | None] = mapped_column(Text)
    grund: Mapped[str | None] = mapped_column(Text)
    daten: Mapped[dict[str, Any]] = mapped_column(JSON)
    erholt_zeitpunkt: Mapped[datetime | None] = mapped_column(Zeitpunkt)
    abgeklungen_zeitpunkt: Mapped[datetime | None] = mapped_column(Zeitpunkt)
    gemeldet_stufe: Mapped[str | None] = mapped_column(Text)
    netz_zeitpunkt: Mapped[datetime | None] = mapped_column(Zeitpunkt)

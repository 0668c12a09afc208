"""Zutrittsankündigungen: the letters that tell a customer when a fitter comes."""

from datetime import date, datetime

from sqlalchemy import Date, ForeignKey, Index, LargeBinary, Text
from sqlalchemy.orm import Mapped, mapped_column

from db.base import STRICT, Base
from db.types import ZeilenId, Zeitpunkt


class Zutrittsankuendigung(Base):
    """A letter as it left the house, for a day and a substitute day; `inhalt`: the PDF. It is never changed.

    `zeitfenster`: local hours such as 08:00-12:00; `kunde_id`: to whom, None: to whoever lives there.
    """

    __tablename__ = "zutrittsankuendigung"
    __table_args__ = (
        Index("ix_zutrittsankuendigung_auftrag_id", "auftrag_id"),
        Index("ix_zutrittsankuendigung_kunde_id", "kunde_id"),
        Index("ix_zutrittsankuendigung_versand_datum", "versand_datum"),
        STRICT,
    )

    zutrittsankuendigung_id: Mapped[int] = mapped_column(ZeilenId, primary_key=True)
    auftrag_id: Mapped[int] = mapped_column(ForeignKey("auftrag.auftrag_id"))
    kunde_id: Mapped[int | None] = mapped_column(ForeignKey("kunde.kunde_id"))
    angelegt_zeitpunkt: Mapped[datetime] = mapped_column(Zeitpunkt)
    versand_datum: Mapped[date] = mapped_column(Date)
    termin_datum: Mapped[date] = mapped_column(Date)
    ersatztermin_datum: Mapped[date] = mapped_column(Date)
    zeitfenster: Mapped[str] = mapped_column(Text)
    inhalt: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)

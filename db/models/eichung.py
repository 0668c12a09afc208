"""What the Eichfrist of a meter follows from, and on which ground one is billed after its end."""

from datetime import date, datetime

from sqlalchemy import CheckConstraint, Date, ForeignKey, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from db.base import STRICT, Base
from db.types import ZeilenId, Zeitpunkt


class Eichung(Base):
    """A fact of the law of verification about one meter, on `datum`; never changed, only taken back.

    EICHUNG: verified again. EINGRIFF: opened, marks damaged or error limit exceeded: the period ends early.
    LOSVERLAENGERUNG: extended by a sample lot (`los`) up to `bis_datum`. ANTRAG: verification applied for.
    NICHTBENUTZUNG: provably unused from `datum` to `bis_datum`.
    """

    __tablename__ = "eichung"
    __table_args__ = (
        CheckConstraint(
            "art IN ('EICHUNG', 'EINGRIFF', 'LOSVERLAENGERUNG', 'ANTRAG', 'NICHTBENUTZUNG')", name="art"
        ),
        CheckConstraint("bis_datum IS NULL OR bis_datum >= datum", name="zeitraum"),
        Index("ix_eichung_stromzaehler_id_datum", "stromzaehler_id", "datum"),
        STRICT,
    )

    eichung_id: Mapped[int] = mapped_column(ZeilenId, primary_key=True)
    stromzaehler_id: Mapped[int] = mapped_column(ForeignKey("stromzaehler.stromzaehler_id"))
    art: Mapped[str] = mapped_column(Text)
    datum: Mapped[date] = mapped_column(Date)
    bis_datum: Mapped[date | None] = mapped_column(Date)
    los: Mapped[str | None] = mapped_column(Text)
    beleg: Mapped[str | None] = mapped_column(Text)
    angelegt_zeitpunkt: Mapped[datetime] = mapped_column(Zeitpunkt)
    zurueckgenommen_zeitpunkt: Mapped[datetime | None] = mapped_column(Zeitpunkt)


class Abrechnungsfreigabe(Base):
    """The ground on which readings are billed although the Eichfrist is over, for both days and those between.

    `bis_datum` null: until further notice. Never changed, only taken back.
    """

    __tablename__ = "abrechnungsfreigabe"
    __table_args__ = (
        CheckConstraint(
            "rechtsgrund IN ('ANTRAG_RECHTZEITIG', 'BEHOERDE_GESTATTET', 'STICHPROBENLOS', 'INSTANDGESETZT')",
            name="rechtsgrund",
        ),
        CheckConstraint("bis_datum IS NULL OR bis_datum >= von_datum", name="zeitraum"),
        Index("ix_abrechnungsfreigabe_stromzaehler_id", "stromzaehler_id", "von_datum"),
        STRICT,
    )

    abrechnungsfreigabe_id: Mapped[int] = mapped_column(ZeilenId, primary_key=True)
    stromzaehler_id: Mapped[int] = mapped_column(ForeignKey("stromzaehler.stromzaehler_id"))
    von_datum: Mapped[date] = mapped_column(Date)
    bis_datum: Mapped[date | None] = mapped_column(Date)
    rechtsgrund: Mapped[str] = mapped_column(Text)
    beleg: Mapped[str] = mapped_column(Text)
    angelegt_zeitpunkt: Mapped[datetime] = mapped_column(Zeitpunkt)
    zurueckgenommen_zeitpunkt: Mapped[datetime | None] = mapped_column(Zeitpunkt)

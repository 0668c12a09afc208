"""Firmware of meters: signed images and which meters are offered them."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Integer, LargeBinary, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.base import STRICT, Base
from db.types import ZeilenId, Zeitpunkt


class Firmware(Base):
    """A release of an image.

    `anteil_prozent` of the meters of its `modell` are offered it, always the same ones first. `manifest`,
    `signatur` and `zertifikat` are what a receipt carries (docs/telegramm.md); `zurueckgezogen_zeitpunkt` set = it
    is offered no longer.
    """

    __tablename__ = "firmware"
    __table_args__ = (
        UniqueConstraint("modell", "firmwareversion"),
        CheckConstraint("anteil_prozent BETWEEN 0 AND 100", name="anteil_prozent"),
        STRICT,
    )

    firmware_id: Mapped[int] = mapped_column(ZeilenId, primary_key=True)
    modell: Mapped[str] = mapped_column(Text)
    firmwareversion: Mapped[str] = mapped_column(Text)
    sha256: Mapped[bytes] = mapped_column(LargeBinary)
    manifest: Mapped[bytes] = mapped_column(LargeBinary)
    signatur: Mapped[bytes] = mapped_column(LargeBinary)
    zertifikat: Mapped[bytes] = mapped_column(LargeBinary)
    anteil_prozent: Mapped[int] = mapped_column(Integer)
    angelegt_zeitpunkt: Mapped[datetime] = mapped_column(Zeitpunkt)
    zurueckgezogen_zeitpunkt: Mapped[datetime | None] = mapped_column(Zeitpunkt)
    # The last column: SQLite would read through 16 MiB to whatever stood behind it.
    bild: Mapped[bytes] = mapped_column(LargeBinary)

"""Documents of a meter: warranty, certificate of verification, and the like, with their content."""

from datetime import date, datetime

from sqlalchemy import CheckConstraint, Date, ForeignKey, Integer, LargeBinary, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.base import STRICT, Base
from db.types import ZeilenId, Zeitpunkt


class Dokument(Base):
    """A file of a meter. `ende_datum`: the last day on which it holds, such as that of a warranty."""

    __tablename__ = "dokument"
    __table_args__ = (
        CheckConstraint("art IN ('GEWAEHRLEISTUNG', 'EICHSCHEIN', 'SONSTIGES')", name="art"),
        UniqueConstraint("stromzaehler_id", "inhalt_sha256"),
        STRICT,
    )

    dokument_id: Mapped[int] = mapped_column(ZeilenId, primary_key=True)
    stromzaehler_id: Mapped[int] = mapped_column(ForeignKey("stromzaehler.stromzaehler_id"))
    art: Mapped[str] = mapped_column(Text)
    dateiname: Mapped[str] = mapped_column(Text)
    medientyp: Mapped[str] = mapped_column(Text)
    groesse_bytes: Mapped[int] = mapped_column(Integer)
    inhalt_sha256: Mapped[bytes] = mapped_column(LargeBinary)
    ende_datum: Mapped[date | None] = mapped_column(Date)
    angelegt_zeitpunkt: Mapped[datetime] = mapped_column(Zeitpunkt)
    # The last column, as a firmware's image; lists of documents do not need it.
    inhalt: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)

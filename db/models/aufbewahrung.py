"""Files that were taken in, deletion runs, and what remains of deleted readings without persons."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Date, Integer, LargeBinary, Text
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import JSON

from db.base import STRICT, Base
from db.types import ZeilenId, Zeitpunkt


class Importlauf(Base):
    """A file of readings or of the inventory, and how far it was taken in: the same file again can go on there.

    `position`: lines (CSV) or segments (MSCONS) that are done and committed.
    """

    __tablename__ = "importlauf"
    __table_args__ = (STRICT,)

    importlauf_id: Mapped[int] = mapped_column(ZeilenId, primary_key=True)
    datei_sha256: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    dateiname: Mapped[str] = mapped_column(Text)
    format: Mapped[str] = mapped_column(Text)
    begonnen_zeitpunkt: Mapped[datetime] = mapped_column(Zeitpunkt)
    beendet_zeitpunkt: Mapped[datetime | None] = mapped_column(Zeitpunkt)
    position: Mapped[int] = mapped_column(BigInteger)
    neu: Mapped[int] = mapped_column(BigInteger)
    doppelt: Mapped[int] = mapped_column(BigInteger)
    abgelehnt: Mapped[int] = mapped_column(BigInteger)


class Loeschlauf(Base):
    """The receipt of a deletion run: what was deleted, how much of it, and by which rule.

    Written before the first reading goes; `beendet_zeitpunkt` null = it was broken off, and the next one goes on.
    """

    __tablename__ = "loeschlauf"
    __table_args__ = (STRICT,)

    loeschlauf_id: Mapped[int] = mapped_column(ZeilenId, primary_key=True)
    zeitpunkt: Mapped[datetime] = mapped_column(Zeitpunkt)
    beendet_zeitpunkt: Mapped[datetime | None] = mapped_column(Zeitpunkt)
    akteur: Mapped[str] = mapped_column(Text)
    stichtag_datum: Mapped[date] = mapped_column(Date)
    grund: Mapped[str] = mapped_column(Text)
    ergebnis: Mapped[dict[str, Any]] = mapped_column(JSON)


class Tagessumme(Base):
    """Energy of a local day of all customers of a region, at least five: what remains when readings are deleted.

    `region`: first digits of the postcode, as many as it takes to have five customers; `kunden`: how many.
    `einspeisung_wh` null: one to four of them fed in, and theirs is not to be told.
    """

    __tablename__ = "tagessumme"
    __table_args__ = (CheckConstraint("kunden >= 5", name="kunden"), STRICT)

    tag_datum: Mapped[date] = mapped_column(Date, primary_key=True)
    region: Mapped[str] = mapped_column(Text, primary_key=True)
    kunden: Mapped[int] = mapped_column(Integer)
    bezug_wh: Mapped[int] = mapped_column(BigInteger)
    einspeisung_wh: Mapped[int | None] = mapped_column(BigInteger)

"""The fact tables: readings as they came in. `stromzaehler_id` leads every key, so that Citus can distribute.

No foreign key leaves them, and none of them knows a customer: whose reading it is, kunde_stromzaehler tells.
"""

from datetime import date, datetime

from sqlalchemy import BigInteger, Boolean, Date, Index, Integer, LargeBinary, SmallInteger, Text
from sqlalchemy.orm import Mapped, mapped_column

from db.base import STRICT, Base
from db.types import Zeitpunkt

# The fact tables of one meter share a key; clustering by it keeps its readings together on SQLite, too.
FAKTENTABELLE = {"sqlite_strict": True, "sqlite_with_rowid": False}


class Verbrauch(Base):
    """One reading: the cumulative registers at the end of a quarter hour.

    `stromverbrauch_gesamt_wh` is an energy register (1-0:1.8.0), not a power: see ADR 0006. Verbrauch is
    the difference of two rows. `uhrzeit`: seconds since 1970 (UTC), multiple of 900. `empfangen`: when the
    operator took it, seconds since 1970, so that an answer can be given as of an earlier moment.
    """

    __tablename__ = "verbrauch"
    __table_args__ = ({**FAKTENTABELLE, "postgresql_partition_by": "RANGE (uhrzeit)"},)

    stromzaehler_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    uhrzeit: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    stromverbrauch_gesamt_wh: Mapped[int] = mapped_column(BigInteger)
    einspeisung_gesamt_wh: Mapped[int] = mapped_column(BigInteger)
    stromverbrauch_momentan_w: Mapped[int | None] = mapped_column(BigInteger)
    qualitaet: Mapped[int] = mapped_column(SmallInteger)
    status: Mapped[int] = mapped_column(Integer)
    empfangen: Mapped[int] = mapped_column(BigInteger)


class Quarantaene(Base):
    """A reading that was durably stored but is not used: staff decide on it.

    The whole value is in the key, so that the same bad reading sent twice is stored once.
    """

    __tablename__ = "quarantaene"
    __table_args__ = (
        Index("ix_quarantaene_empfangen", "empfangen"),
        {**FAKTENTABELLE},
    )

    stromzaehler_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    uhrzeit: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    wert_sha256: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    stromverbrauch_gesamt_wh: Mapped[int] = mapped_column(BigInteger)
    einspeisung_gesamt_wh: Mapped[int] = mapped_column(BigInteger)
    stromverbrauch_momentan_w: Mapped[int | None] = mapped_column(BigInteger)
    status: Mapped[int] = mapped_column(Integer)
    grund: Mapped[str] = mapped_column(Text)
    empfangen: Mapped[int] = mapped_column(BigInteger)


class Fehlanzeige(Base):
    """A period [von, bis), in seconds since 1970, of which a meter said that it no longer has the readings."""

    __tablename__ = "fehlanzeige"
    __table_args__ = ({**FAKTENTABELLE},)

    stromzaehler_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    von: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    bis: Mapped[int] = mapped_column(BigInteger)
    empfangen: Mapped[int] = mapped_column(BigInteger)


class Telegrammstand(Base):
    """What the operator remembers of a meter's messages: one row, locked while a Telegramm is taken in.

    `fenster` holds the last 64 pairs of folge and SHA-256 of the plaintext (40 bytes each, newest last).
    `lueckenlos_bis`, `neueste_uhrzeit`: seconds since 1970; up to the first no reading is missing, the second is
    the newest reading, so that only a meter with a gap costs a search. `viertel` is the quarter hour in which
    `viertel_anzahl` messages came. `meldung_nummer`: the last entry of the device's log that was recorded in this
    epoche, -1 before the first. `uhr_abweichung_s`: device minus operator, null while it is tolerable.
    """

    __tablename__ = "telegrammstand"
    __table_args__ = (STRICT,)

    stromzaehler_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    epoche: Mapped[int] = mapped_column(BigInteger)
    fenster: Mapped[bytes] = mapped_column(LargeBinary)
    zuletzt_empfangen: Mapped[datetime | None] = mapped_column(Zeitpunkt)
    empfangstag: Mapped[date | None] = mapped_column(Date)
    lueckenlos_bis: Mapped[int | None] = mapped_column(BigInteger)
    neueste_uhrzeit: Mapped[int | None] = mapped_column(BigInteger)
    viertel: Mapped[int | None] = mapped_column(BigInteger)
    viertel_anzahl: Mapped[int] = mapped_column(Integer, default=0)
    meldung_nummer: Mapped[int] = mapped_column(BigInteger, default=-1)
    uhr_abweichung_s: Mapped[int | None] = mapped_column(BigInteger)
    protokoll_angefordert: Mapped[bool] = mapped_column(Boolean(create_constraint=False), default=False)

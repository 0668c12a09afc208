"""The fact tables: readings as they came in. `stromzaehler_id` leads every key, so that Citus can distribute.

No foreign key leaves them, and none of them knows a customer: whose reading it is, kunde_stromzaehler tells.
"""

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Date,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Text,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import JSON

from db.base import STRICT, Base
from db.types import Zeitpunkt

# The fact tables of one meter share a key; clustering by it keeps its readings together on SQLite, too.
FAKTENTABELLE = {"sqlite_strict": True, "sqlite_with_rowid": False}


class Verbrauch(Base):
    """One reading: the cumulative registers at the end of a quarter hour, as long as its day is not folded.

    `stromverbrauch_gesamt_wh` is an energy register (1-0:1.8.0), not a power: see ADR 0006. Verbrauch is
    the difference of two rows. `uhrzeit`: seconds since 1970 (UTC), multiple of 900. `empfangen`: when the
    operator took it, seconds since 1970, so that an answer can be given as of an earlier moment. `herkunft`: who
    says so (Herkunft). A reading lies here or in the block of its day (VerbrauchTag), never in both.
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
    herkunft: Mapped[int] = mapped_column(SmallInteger, default=0, server_default=text("0"))


class VerbrauchTag(Base):
    """The readings of one meter and UTC day, folded: `inhalt` is a block as docs/tagesblock.md describes it.

    `tag`: days since 1970. `anzahl`: quarter hours with a value, `gemessen`: those of them that were measured.
    """

    __tablename__ = "verbrauch_tag"
    __table_args__ = (
        # The counts fit into bytes that each entry of the index has to spare: it answers whether days are whole.
        PrimaryKeyConstraint("stromzaehler_id", "tag", postgresql_include=["anzahl", "gemessen"]),
        # Only days with a gap stand in it: to find them costs as much as there are.
        Index(
            "ix_verbrauch_tag_unvollstaendig",
            "tag",
            "stromzaehler_id",
            postgresql_where=text("gemessen < 96"),
            sqlite_where=text("gemessen < 96"),
        ),
        {**FAKTENTABELLE},
    )

    stromzaehler_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    tag: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    anzahl: Mapped[int] = mapped_column(SmallInteger)
    gemessen: Mapped[int] = mapped_column(SmallInteger)
    inhalt: Mapped[bytes] = mapped_column(LargeBinary)


class Tagesstand(Base):
    """How many readings of a meter and UTC day lie in `verbrauch`, and how many of them are measured.

    Counted at writing; a block counts its own.
    """

    __tablename__ = "tagesstand"
    __table_args__ = ({**FAKTENTABELLE},)

    stromzaehler_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    tag: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    anzahl: Mapped[int] = mapped_column(SmallInteger)
    gemessen: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))


class VerbrauchFassung(Base):
    """A version of a reading that another one replaced: it was the valid one in [empfangen, ersetzt).

    `nummer` counts the versions of one reading from 1 in the order in which they were replaced.
    """

    __tablename__ = "verbrauch_fassung"
    __table_args__ = ({**FAKTENTABELLE},)

    stromzaehler_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    uhrzeit: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    nummer: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    stromverbrauch_gesamt_wh: Mapped[int] = mapped_column(BigInteger)
    einspeisung_gesamt_wh: Mapped[int] = mapped_column(BigInteger)
    stromverbrauch_momentan_w: Mapped[int | None] = mapped_column(BigInteger)
    qualitaet: Mapped[int] = mapped_column(SmallInteger)
    status: Mapped[int] = mapped_column(Integer)
    empfangen: Mapped[int] = mapped_column(BigInteger)
    herkunft: Mapped[int] = mapped_column(SmallInteger)
    ersetzt: Mapped[int] = mapped_column(BigInteger)


class Zaehlwerksabschnitt(Base):
    """How the register goes on from `ab` (seconds since 1970): after a rollover, an exchange, another factor.

    The energy that has flowed up to t is `faktor` x register(t) + versatz, with the last section that has begun by
    then; before the first one, `faktor` is the meter's own and the offset 0. What is known of a register may
    change (a late reading, a correction): a row holds in [erfasst, abgeloest), `abgeloest` null = now. `nummer`
    counts the rows that begin at the same time.
    """

    __tablename__ = "zaehlwerksabschnitt"
    __table_args__ = ({**FAKTENTABELLE},)

    stromzaehler_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    ab: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    nummer: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    grund: Mapped[str] = mapped_column(Text)
    faktor: Mapped[int] = mapped_column(Integer)
    bezug_versatz_wh: Mapped[int] = mapped_column(BigInteger)
    einspeisung_versatz_wh: Mapped[int] = mapped_column(BigInteger)
    erfasst: Mapped[int] = mapped_column(BigInteger)
    abgeloest: Mapped[int | None] = mapped_column(BigInteger)


class Neuberechnung(Base):
    """A UTC day of a meter whose readings changed or came late: what was derived from them is computed anew."""

    __tablename__ = "neuberechnung"
    __table_args__ = ({**FAKTENTABELLE},)

    stromzaehler_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    tag: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    seit: Mapped[int] = mapped_column(BigInteger)


class Ersatzwertbildung(Base):
    """Ersatzwerte of the quarter hours [von, bis) of a meter: by which rule, from what (`eingaben`), until when.

    Times in seconds since 1970; `nummer` counts those that begin at the same time; `abgeloest` null = in force.
    """

    __tablename__ = "ersatzwertbildung"
    __table_args__ = ({**FAKTENTABELLE},)

    stromzaehler_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    von: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    nummer: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    bis: Mapped[int] = mapped_column(BigInteger)
    verfahren: Mapped[str] = mapped_column(Text)
    eingaben: Mapped[dict[str, Any]] = mapped_column(JSON)
    gebildet: Mapped[int] = mapped_column(BigInteger)
    abgeloest: Mapped[int | None] = mapped_column(BigInteger)


class Quarantaene(Base):
    """A reading that was durably stored but is not used: staff decide on it.

    The whole value is in the key, so that the same bad reading sent twice is stored once. `entscheidung` null =
    open; `entschieden`: seconds since 1970; who decided and why stands in the audit.
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
    entscheidung: Mapped[str | None] = mapped_column(Text)
    entschieden: Mapped[int | None] = mapped_column(BigInteger)


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

    `fenster` holds the last 64 pairs of folge (8 bytes) and the first 16 bytes of the plaintext's SHA-256,
    newest last.
    `lueckenlos_bis`, `neueste_uhrzeit`: seconds since 1970; up to the first no reading is missing, the second is
    the newest reading, so that only a meter with a gap costs a search. `viertel` is the quarter hour in which
    `viertel_anzahl` messages came. `meldung_nummer`: the last entry of the device's log that was recorded in this
    epoche, -1 before the first. `uhr_abweichung_s`: device minus operator, null while it is tolerable.
    `stand_...`: the newest measured reading that is stored, so that the next one needs no search. Whoever writes
    readings of the meter holds this row.
    The rest are signs by which a sick meter is known: the last received power that it told, the firmware that
    runs, the end of the keys that it used last, when it last saw, on its own clock, an open cover or a magnet and
    that its voltage fails, and when something of it was last refused: `abgewiesen_anzahl` messages and readings
    that day.
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
    stand_uhrzeit: Mapped[int | None] = mapped_column(BigInteger)
    stand_bezug_wh: Mapped[int | None] = mapped_column(BigInteger)
    stand_einspeisung_wh: Mapped[int | None] = mapped_column(BigInteger)
    rsrp_dbm: Mapped[int | None] = mapped_column(Integer)
    firmwareversion: Mapped[str | None] = mapped_column(Text)
    schluessel_gueltig_bis: Mapped[datetime | None] = mapped_column(Zeitpunkt)
    manipuliert_zeitpunkt: Mapped[datetime | None] = mapped_column(Zeitpunkt)
    spannungslos_zeitpunkt: Mapped[datetime | None] = mapped_column(Zeitpunkt)
    abgewiesen_zeitpunkt: Mapped[datetime | None] = mapped_column(Zeitpunkt)
    abgewiesen_anzahl: Mapped[int] = mapped_column(Integer, default=0, server_default=text("0"))

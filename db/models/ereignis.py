"""What happened (Ereignis), who changed what (Audit), and mails that wait to be sent (Nachricht)."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, Text
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import JSON

from db.base import STRICT, Base
from db.types import ZeilenId, Zeitpunkt


class Ereignis(Base):
    """An event of the business, append-only: a trigger of migration 0001 refuses UPDATE and DELETE.

    `geschehen_zeitpunkt`: when it happened, where that is another instant than `zeitpunkt`, that of recording.
    """

    __tablename__ = "ereignis"
    __table_args__ = (
        Index("ix_ereignis_art", "art", "ereignis_id"),
        Index("ix_ereignis_folge", "objekt_art", "objekt_id", "ereignis_id"),
        Index("ix_ereignis_objekt", "objekt_art", "objekt_id", "zeitpunkt"),
        STRICT,
    )

    ereignis_id: Mapped[int] = mapped_column(ZeilenId, primary_key=True)
    zeitpunkt: Mapped[datetime] = mapped_column(Zeitpunkt)
    art: Mapped[str] = mapped_column(Text)
    objekt_art: Mapped[str] = mapped_column(Text)
    objekt_id: Mapped[int] = mapped_column(BigInteger)
    akteur: Mapped[str] = mapped_column(Text)
    daten: Mapped[dict[str, Any]] = mapped_column(JSON)
    geschehen_zeitpunkt: Mapped[datetime | None] = mapped_column(Zeitpunkt)


class Audit(Base):
    """One change of one row: who, when, which fields, old and new value. Append-only like Ereignis."""

    __tablename__ = "audit"
    __table_args__ = (Index("ix_audit_objekt", "objekt_art", "objekt_id"), STRICT)

    audit_id: Mapped[int] = mapped_column(ZeilenId, primary_key=True)
    zeitpunkt: Mapped[datetime] = mapped_column(Zeitpunkt)
    akteur: Mapped[str] = mapped_column(Text)
    aktion: Mapped[str] = mapped_column(Text)
    objekt_art: Mapped[str] = mapped_column(Text)
    objekt_id: Mapped[int] = mapped_column(BigInteger)
    alt: Mapped[dict[str, Any]] = mapped_column(JSON)
    neu: Mapped[dict[str, Any]] = mapped_column(JSON)


class Nachricht(Base):
    """A mail in the outbox: written in the transaction of its cause, sent by a sweep, deleted when sent."""

    __tablename__ = "nachricht"
    __table_args__ = (STRICT,)

    nachricht_id: Mapped[int] = mapped_column(ZeilenId, primary_key=True)
    angelegt_zeitpunkt: Mapped[datetime] = mapped_column(Zeitpunkt)
    empfaenger: Mapped[str] = mapped_column(Text)
    betreff: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)

"""Benutzer: who may log in, their sessions, and the attempts that failed."""

from datetime import datetime

from sqlalchemy import Boolean, CheckConstraint, ForeignKey, Index, LargeBinary, Text
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import JSON

from db.base import STRICT, Base, Versioned
from db.types import ZeilenId, Zeitpunkt


class Benutzer(Versioned, Base):
    """A login. `rollen` is a JSON list of role names; a customer's login names its `kunde_id`.

    `benutzername` is stored case-folded. `passwort_hash`: argon2id (RFC 9106) in PHC form.
    """

    __tablename__ = "benutzer"
    __table_args__ = (STRICT,)

    benutzer_id: Mapped[int] = mapped_column(ZeilenId, primary_key=True)
    benutzername: Mapped[str] = mapped_column(Text, unique=True)
    passwort_hash: Mapped[str] = mapped_column(Text)
    rollen: Mapped[list[str]] = mapped_column(JSON)
    kunde_id: Mapped[int | None] = mapped_column(ForeignKey("kunde.kunde_id"), index=True)
    aktiv: Mapped[bool] = mapped_column(Boolean(create_constraint=False), default=True)
    angelegt_zeitpunkt: Mapped[datetime] = mapped_column(Zeitpunkt)


class Sitzungsfamilie(Versioned, Base):
    """One login and all refresh tokens that came of it (RFC 9700, 4.14.2): a reused one revokes the family.

    `jti` is the id of the only refresh token that is still good; every access token names its family, so that
    ending the family ends the access at once.
    """

    __tablename__ = "sitzungsfamilie"
    __table_args__ = (Index("ix_sitzungsfamilie_gueltig_bis", "gueltig_bis"), STRICT)

    sitzungsfamilie_id: Mapped[str] = mapped_column(Text, primary_key=True)
    benutzer_id: Mapped[int] = mapped_column(ForeignKey("benutzer.benutzer_id"), index=True)
    jti: Mapped[str] = mapped_column(Text)
    angelegt_zeitpunkt: Mapped[datetime] = mapped_column(Zeitpunkt)
    gueltig_bis: Mapped[datetime] = mapped_column(Zeitpunkt)
    beendet_zeitpunkt: Mapped[datetime | None] = mapped_column(Zeitpunkt)


class Anmeldeversuch(Base):
    """A failed login. The name is stored as a hash: it may be a typed password, and it may not exist."""

    __tablename__ = "anmeldeversuch"
    __table_args__ = (Index("ix_anmeldeversuch_name_sha256_zeitpunkt", "name_sha256", "zeitpunkt"), STRICT)

    anmeldeversuch_id: Mapped[int] = mapped_column(ZeilenId, primary_key=True)
    name_sha256: Mapped[bytes] = mapped_column(LargeBinary)
    zeitpunkt: Mapped[datetime] = mapped_column(Zeitpunkt)


class Einmalcode(Base):
    """An invitation of a customer or a password reset; only the SHA-256 of the code is stored, one use."""

    __tablename__ = "einmalcode"
    __table_args__ = (
        CheckConstraint("zweck IN ('EINLADUNG', 'PASSWORT')", name="zweck"),
        CheckConstraint("(kunde_id IS NULL) <> (benutzer_id IS NULL)", name="fuer_wen"),
        STRICT,
    )

    einmalcode_id: Mapped[int] = mapped_column(ZeilenId, primary_key=True)
    zweck: Mapped[str] = mapped_column(Text)
    code_sha256: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    kunde_id: Mapped[int | None] = mapped_column(ForeignKey("kunde.kunde_id"), index=True)
    benutzer_id: Mapped[int | None] = mapped_column(ForeignKey("benutzer.benutzer_id"), index=True)
    gueltig_bis: Mapped[datetime] = mapped_column(Zeitpunkt)
    benutzt_zeitpunkt: Mapped[datetime | None] = mapped_column(Zeitpunkt)

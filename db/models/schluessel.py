"""Keys and certificates of meters, and the one-time tokens with which a meter gets them."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, LargeBinary, Text
from sqlalchemy.orm import Mapped, mapped_column

from db.base import STRICT, Base
from db.types import ZeilenId, Zeitpunkt


class Geraeteschluessel(Base):
    """A meter's certificate. The row decides on every request: `gesperrt_zeitpunkt` set = refused at once.

    `ski`: SubjectKeyIdentifier (RFC 5280, 4.2.1.2, method 1), `fingerabdruck`: SHA-256 of the certificate.
    """

    __tablename__ = "geraeteschluessel"
    __table_args__ = (
        CheckConstraint("zweck IN ('TLS', 'SIGNATUR', 'VERSCHLUESSELUNG')", name="zweck"),
        Index("ix_geraeteschluessel_stromzaehler_id_zweck", "stromzaehler_id", "zweck"),
        STRICT,
    )

    geraeteschluessel_id: Mapped[int] = mapped_column(ZeilenId, primary_key=True)
    stromzaehler_id: Mapped[int] = mapped_column(ForeignKey("stromzaehler.stromzaehler_id"))
    zweck: Mapped[str] = mapped_column(Text)
    epoche: Mapped[int] = mapped_column(Integer)
    ski: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    fingerabdruck: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    zertifikat: Mapped[bytes] = mapped_column(LargeBinary)
    gueltig_von: Mapped[datetime] = mapped_column(Zeitpunkt)
    gueltig_bis: Mapped[datetime] = mapped_column(Zeitpunkt)
    gesperrt_zeitpunkt: Mapped[datetime | None] = mapped_column(Zeitpunkt)


class Einschreibungstoken(Base):
    """A one-time token, bound to a meter. Only its SHA-256 is stored.

    `schluessel_sha256`: hash of the three public keys that used it. The same keys may ask again, because the
    answer may have been lost on its way; other keys may not.
    """

    __tablename__ = "einschreibungstoken"
    __table_args__ = (STRICT,)

    einschreibungstoken_id: Mapped[int] = mapped_column(ZeilenId, primary_key=True)
    stromzaehler_id: Mapped[int] = mapped_column(ForeignKey("stromzaehler.stromzaehler_id"), index=True)
    token_sha256: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    angelegt_zeitpunkt: Mapped[datetime] = mapped_column(Zeitpunkt)
    gueltig_bis: Mapped[datetime] = mapped_column(Zeitpunkt)
    fehlversuche: Mapped[int] = mapped_column(Integer, default=0)
    benutzt_zeitpunkt: Mapped[datetime | None] = mapped_column(Zeitpunkt)
    epoche: Mapped[int | None] = mapped_column(Integer)
    schluessel_sha256: Mapped[bytes | None] = mapped_column(LargeBinary)

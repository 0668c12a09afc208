"""Aufträge: the work of fitters, their visits, and what proves it."""

from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, CheckConstraint, Date, ForeignKey, Index, Integer, LargeBinary, Text, text
from sqlalchemy.orm import Mapped, deferred, mapped_column, relationship

from db.base import STRICT, Base, Versioned
from db.models.messstelle import Messstelle
from db.models.stromzaehler import Stromzaehler
from db.types import ZeilenId, Zeitpunkt

if TYPE_CHECKING:
    from db.models.zutritt import Zutrittsankuendigung


class Auftrag(Versioned, Base):
    """A work order at a Messstelle. `benutzer_id`: the fitter; `termin_datum`: the day; `grund`: why it failed or
    was cancelled; `stoerung_id`: the Störung that it is to end.
    """

    __tablename__ = "auftrag"
    __table_args__ = (
        CheckConstraint(
            "art IN ('EINBAU', 'WECHSEL', 'REPARATUR', 'KONTROLLABLESUNG', 'EICHUNG', 'AUSBAU')", name="art"
        ),
        CheckConstraint(
            "zustand IN ('OFFEN', 'GEPLANT', 'UNTERWEGS', 'ERLEDIGT', 'FEHLGESCHLAGEN', 'STORNIERT')",
            name="zustand",
        ),
        Index("ix_auftrag_zustand_termin_datum", "zustand", "termin_datum"),
        Index("ix_auftrag_termin_datum", "termin_datum", "auftrag_id"),
        Index("ix_auftrag_benutzer_id_termin_datum", "benutzer_id", "termin_datum"),
        Index("ix_auftrag_stromzaehler_id", "stromzaehler_id"),
        Index("ix_auftrag_messstelle_id", "messstelle_id"),
        Index(
            "ix_auftrag_stoerung_offen",
            "stoerung_id",
            unique=True,
            postgresql_where=text("zustand IN ('OFFEN', 'GEPLANT', 'UNTERWEGS')"),
            sqlite_where=text("zustand IN ('OFFEN', 'GEPLANT', 'UNTERWEGS')"),
        ),
        STRICT,
    )

    auftrag_id: Mapped[int] = mapped_column(ZeilenId, primary_key=True)
    art: Mapped[str] = mapped_column(Text)
    zustand: Mapped[str] = mapped_column(Text)
    messstelle_id: Mapped[int] = mapped_column(ForeignKey("messstelle.messstelle_id"))
    stromzaehler_id: Mapped[int | None] = mapped_column(ForeignKey("stromzaehler.stromzaehler_id"))
    stoerung_id: Mapped[int | None] = mapped_column(ForeignKey("stoerung.stoerung_id"))
    benutzer_id: Mapped[int | None] = mapped_column(ForeignKey("benutzer.benutzer_id"))
    termin_datum: Mapped[date | None] = mapped_column(Date)
    anlass: Mapped[str] = mapped_column(Text)
    grund: Mapped[str | None] = mapped_column(Text)
    angelegt_zeitpunkt: Mapped[datetime] = mapped_column(Zeitpunkt)
    beendet_zeitpunkt: Mapped[datetime | None] = mapped_column(Zeitpunkt)
    messstelle: Mapped[Messstelle] = relationship(lazy="raise")
    stromzaehler: Mapped[Stromzaehler | None] = relationship(lazy="raise")
    besuche: Mapped[list["Auftragsbesuch"]] = relationship(lazy="raise", order_by="Auftragsbesuch.nummer")
    nachweise: Mapped[list["Auftragsnachweis"]] = relationship(
        lazy="raise", order_by="Auftragsnachweis.auftragsnachweis_id"
    )
    ankuendigungen: Mapped[list["Zutrittsankuendigung"]] = relationship(
        lazy="raise", viewonly=True, order_by="Zutrittsankuendigung.zutrittsankuendigung_id"
    )

    def __init__(self, **werte: Any) -> None:
        # A new order has no letters, so that nobody need read them.
        super().__init__(**werte, ankuendigungen=[])

    @property
    def ankuendigung(self) -> "Zutrittsankuendigung | None":
        """The last letter that names the present day of the visit, as its day or as its substitute day."""
        passende = [a for a in self.ankuendigungen if self.termin_datum in (a.termin_datum, a.ersatztermin_datum)]
        return passende[-1] if passende else None

    @property
    def zutritt_angekuendigt(self) -> bool:
        """Whether the present day of the visit stands in a letter."""
        return self.ankuendigung is not None


class Auftragsbesuch(Base):
    """A visit that failed: why, and the day of the next one; `nummer` counts from 1."""

    __tablename__ = "auftragsbesuch"
    __table_args__ = (STRICT,)

    auftrag_id: Mapped[int] = mapped_column(
        ForeignKey("auftrag.auftrag_id"), primary_key=True, autoincrement=False
    )
    nummer: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    zeitpunkt: Mapped[datetime] = mapped_column(Zeitpunkt)
    grund: Mapped[str] = mapped_column(Text)
    ersatztermin_datum: Mapped[date | None] = mapped_column(Date)


class Auftragsnachweis(Base):
    """What a fitter brought back: a reading (Wh), a photo, a note."""

    __tablename__ = "auftragsnachweis"
    __table_args__ = (
        CheckConstraint("art IN ('ABLESUNG', 'FOTO', 'NOTIZ')", name="art"),
        Index("ix_auftragsnachweis_auftrag_id", "auftrag_id"),
        # An index and no constraint: SQLite cannot add one to a table that is there.
        Index("ix_auftragsnachweis_auftrag_id_inhalt_sha256", "auftrag_id", "inhalt_sha256", unique=True),
        STRICT,
    )

    auftragsnachweis_id: Mapped[int] = mapped_column(ZeilenId, primary_key=True)
    auftrag_id: Mapped[int] = mapped_column(ForeignKey("auftrag.auftrag_id"))
    art: Mapped[str] = mapped_column(Text)
    zeitpunkt: Mapped[datetime] = mapped_column(Zeitpunkt)
    notiz: Mapped[str | None] = mapped_column(Text)
    bezug_gesamt_wh: Mapped[int | None] = mapped_column(BigInteger)
    einspeisung_gesamt_wh: Mapped[int | None] = mapped_column(BigInteger)
    medientyp: Mapped[str | None] = mapped_column(Text)
    inhalt_sha256: Mapped[bytes | None] = mapped_column(LargeBinary)
    inhalt: Mapped[bytes | None] = deferred(mapped_column(LargeBinary))

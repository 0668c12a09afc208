"""The SQL of meters that are due: those that need an order, and those for which one was done already."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, case, func, or_, select
from sqlalchemy.orm import Session

from betreiber.auftrag.domain import LAUFEND, Auftragszustand
from betreiber.auftrag.faelligkeit import NACHTRAGSFRIST, UNABWENDBAR, Bedarf
from db.models import Auftrag, Einbau, Messstelle, Wartung

# Of an advisory lock (PostgreSQL): who makes orders for due meters waits for who does so already.
_SPERRE = 8_000_910


@dataclass(frozen=True, slots=True)
class Auswahl:
    """Which meters: due until `faellig_bis` for one of `anlaesse`, and hanging somewhere now; `bedarf`: what each
    reason that asks for an order asks for.
    """

    zeitpunkt: datetime
    faellig_bis: date
    postleitzahl: str | None
    bedarf: Mapping[str, Bedarf]
    anlaesse: Collection[str]


def lock(session: Session) -> None:
    """Let two who make orders at once do so one after the other; on SQLite every writer does."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(_SPERRE)))


def count_without_auftrag(session: Session, auswahl: Auswahl) -> int:
    """How many meters are due and have no order that does it."""
    anweisung = _without_auftrag(auswahl).with_only_columns(func.count(), maintain_column_froms=True)
    return session.scalar(anweisung) or 0


def list_without_auftrag(session: Session, auswahl: Auswahl, hoechstens: int) -> Sequence[Row[Any]]:
    """The same meters, what is due first first: meter, place, reason, day."""
    reihenfolge = (_datum(auswahl), Wartung.stromzaehler_id)
    return session.execute(_without_auftrag(auswahl).order_by(*reihenfolge).limit(hoechstens)).all()


def list_nachzutragen(session: Session, auswahl: Auswahl, hoechstens: int) -> Sequence[Row[int, str, int | None]]:
    """Orders of due meters that were done lately, without a record that would have moved the day: number, kind,
    meter.
    """
    anweisung = (
        _due(auswahl)
        .join(Auftrag, and_(*_of_the_meter(), _done(auswahl)))
        .with_only_columns(Auftrag.auftrag_id, Auftrag.art, Auftrag.stromzaehler_id, maintain_column_froms=True)
    )
    return session.execute(anweisung.order_by(Auftrag.auftrag_id).limit(hoechstens)).all()


def _due(auswahl: Auswahl) -> Select[*tuple[Any, ...]]:
    jetzt = auswahl.zeitpunkt
    haengt = and_(
        Einbau.stromzaehler_id == Wartung.stromzaehler_id,
        Einbau.von <= jetzt,
        or_(Einbau.bis.is_(None), Einbau.bis > jetzt),
    )
    anweisung: Select[*tuple[Any, ...]] = (
        select(
            Wartung.stromzaehler_id,
            Einbau.messstelle_id,
            _anlass(auswahl).label("anlass"),
            _datum(auswahl).label("faellig_datum"),
        )
        .join(Einbau, haengt)
        .where(
            or_(_by_its_reason(auswahl), Wartung.eichfrist_ende_datum <= auswahl.faellig_bis),
            _anlass(auswahl).in_(auswahl.anlaesse),
        )
    )
    if auswahl.postleitzahl is None:
        return anweisung
    anfang = Messstelle.postleitzahl.startswith(auswahl.postleitzahl, autoescape=True)
    return anweisung.join(Messstelle, Messstelle.messstelle_id == Einbau.messstelle_id).where(anfang)


def _by_its_reason(auswahl: Auswahl) -> ColumnElement[bool]:
    """Whether the reason for which a meter is due next is due, and asks for an order."""
    return and_(Wartung.naechste_wartung_datum <= auswahl.faellig_bis, Wartung.anlass.in_(auswahl.bedarf))


def _anlass(auswahl: Auswahl) -> ColumnElement[str]:
    # No date by hand makes an Eichfrist longer: where that date is not due, its end is.
    return case((_by_its_reason(auswahl), Wartung.anlass), else_=UNABWENDBAR.value)


def _datum(auswahl: Auswahl) -> ColumnElement[date]:
    return case((_by_its_reason(auswahl), Wartung.naechste_wartung_datum), else_=Wartung.eichfrist_ende_datum)


def _without_auftrag(auswahl: Auswahl) -> Select[*tuple[Any, ...]]:
    laeuft = and_(
        Auftrag.zustand.in_(LAUFEND),
        or_(*(_kind(auswahl, anlass, bedarf.deckend) for anlass, bedarf in auswahl.bedarf.items())),
    )
    # One look into the index a due meter. Of NOT EXISTS PostgreSQL makes a join, which is quadratic as long as its
    # statistics do not know of the orders that were made a moment ago.
    genug = select(Auftrag.auftrag_id).where(*_of_the_meter(), or_(laeuft, _done(auswahl))).limit(1)
    return _due(auswahl).where(genug.scalar_subquery().is_(None))


def _of_the_meter() -> tuple[ColumnElement[bool], ...]:
    return (
        Auftrag.stromzaehler_id == Wartung.stromzaehler_id,
        # An order that names another place is for a meter that has moved since.
        Auftrag.messstelle_id == Einbau.messstelle_id,
    )


def _done(auswahl: Auswahl) -> ColumnElement[bool]:
    return and_(
        Auftrag.zustand == Auftragszustand.ERLEDIGT,
        Auftrag.beendet_zeitpunkt > auswahl.zeitpunkt - NACHTRAGSFRIST,
        or_(*(_kind(auswahl, anlass, bedarf.nachzutragen) for anlass, bedarf in auswahl.bedarf.items())),
    )


def _kind(auswahl: Auswahl, anlass: str, arten: frozenset[Any]) -> ColumnElement[bool]:
    return and_(_anlass(auswahl) == anlass, Auftrag.art.in_(sorted(arten)))

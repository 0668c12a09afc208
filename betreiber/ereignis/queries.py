"""The SQL of events.

Events are looked for branch by branch: a branch is a stretch of one index, in which they ascend. Asked for several
kinds at once, a database may read the whole log to find the few that somebody sees.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select, tuple_, union_all
from sqlalchemy.orm import InstrumentedAttribute, Session

from betreiber.ereignis.domain import ARTEN, VERSATZ, Ereignisart, Zeitraum
from db.models import Ereignis, KundeStromzaehler
from db.types import INT64_MAX


@dataclass(frozen=True, slots=True)
class Zweig:
    """Where an index on `spalten` and the number has `werte`, as far as `bedingungen` hold."""

    spalten: tuple[InstrumentedAttribute[Any], ...] = ()
    werte: tuple[str | int, ...] = ()
    bedingungen: tuple[ColumnElement[bool], ...] = ()


# SQLite knows at most 500 parts of a compound statement; a short one is planned faster, too.
_ZWEIGE_JE_ANWEISUNG = 100
_OBJEKT = (Ereignis.objekt_art, Ereignis.objekt_id)


def find_known(session: Session) -> int:
    """Up to this number every event is committed, or never will be; a later transaction sees all of them.

    On SQLite the writers come one after another: what is visible is all that there is.
    """
    if session.get_bind().dialect.name != "postgresql":
        return INT64_MAX
    return session.scalars(select(func.ereignis_bekannt_bis())).one()


def list_zeitraeume(session: Session, kunde_id: int | None, stromzaehler_id: int | None) -> list[Zeitraum]:
    """When which meter was a customer's; with `stromzaehler_id` this meter only."""
    anweisung = (
        select(KundeStromzaehler.stromzaehler_id, KundeStromzaehler.von, KundeStromzaehler.bis)
        .where(KundeStromzaehler.kunde_id == kunde_id)
        .order_by(KundeStromzaehler.kunde_stromzaehler_id)
    )
    if stromzaehler_id is not None:
        anweisung = anweisung.where(KundeStromzaehler.stromzaehler_id == stromzaehler_id)
    return [Zeitraum(*zeile) for zeile in session.execute(anweisung)]


def branches(arten: Collection[Ereignisart], objekt_art: str | None, objekt_id: int | None) -> list[Zweig]:
    """Where the events of these kinds lie, of any object or of one."""
    if objekt_art is not None and objekt_id is not None:
        return [Zweig(_OBJEKT, (objekt_art, objekt_id), (Ereignis.art.in_(sorted(arten)),))] if arten else []
    if len(arten) == len(ARTEN):
        return [Zweig()]
    return [Zweig((Ereignis.art,), (art,)) for art in sorted(arten)]


def branches_of_kunde(arten: Collection[Ereignisart], zeitraeume: Sequence[Zeitraum]) -> list[Zweig]:
    """Where the events of these kinds lie that happened to a meter while it was the customer's."""
    geschehen = func.coalesce(Ereignis.geschehen_zeitpunkt, Ereignis.zeitpunkt)
    gruppen: dict[timedelta, list[Ereignisart]] = {}
    for art in sorted(arten):
        gruppen.setdefault(VERSATZ.get(art, timedelta()), []).append(art)
    zweige: list[Zweig] = []
    for zeitraum in zeitraeume if gruppen else ():
        wann = []
        for versatz, gruppe in gruppen.items():
            bedingung = Ereignis.art.in_(gruppe) & (geschehen >= zeitraum.von + versatz)
            if zeitraum.bis is not None:
                bedingung &= geschehen < zeitraum.bis + versatz
            wann.append(bedingung)
        zweige.append(Zweig(_OBJEKT, ("stromzaehler", zeitraum.stromzaehler_id), (or_(*wann),)))
    return zweige


def list_ids(
    session: Session, zweige: Sequence[Zweig], seit: int, bis: int, hoechstens: int, *, absteigend: bool = False
) -> list[int]:
    """The first numbers in (seit, bis] of these branches, which have no event in common; or the last ones."""
    walk = _walk_rows if session.get_bind().dialect.name == "postgresql" else _walk
    ids: list[int] = []
    for ab in range(0, len(zweige), _ZWEIGE_JE_ANWEISUNG):
        teile = []
        for zweig in zweige[ab : ab + _ZWEIGE_JE_ANWEISUNG]:
            folge = (*zweig.spalten, Ereignis.ereignis_id)
            teil = select(Ereignis.ereignis_id).where(*walk(zweig, seit, bis), *zweig.bedingungen)
            teil = teil.order_by(*(spalte.desc() if absteigend else spalte for spalte in folge))
            teile.append(teil.limit(hoechstens).subquery())
        ids += session.scalars(union_all(*(select(teil.c.ereignis_id) for teil in teile)))
    return sorted(ids, reverse=absteigend)[:hoechstens]


def _walk(zweig: Zweig, seit: int, bis: int) -> Iterator[ColumnElement[bool]]:
    yield from (spalte == wert for spalte, wert in zip(zweig.spalten, zweig.werte, strict=True))
    yield Ereignis.ereignis_id > seit
    yield Ereignis.ereignis_id <= bis


def _walk_rows(zweig: Zweig, seit: int, bis: int) -> Iterator[ColumnElement[bool]]:
    """The same for PostgreSQL. Told that `art` is one kind, whichever, it may walk along the primary key instead,
    which has the same order then: past every event of other kinds. SQLite, in turn, looks up no rows.
    """
    schluessel = tuple_(*zweig.spalten, Ereignis.ereignis_id)
    yield schluessel > (*zweig.werte, seit)
    yield schluessel <= (*zweig.werte, bis)


def list_ereignisse(session: Session, ids: Collection[int]) -> Sequence[Ereignis]:
    """These events, ascending."""
    return session.scalars(
        select(Ereignis).where(Ereignis.ereignis_id.in_(ids)).order_by(Ereignis.ereignis_id)
    ).all()

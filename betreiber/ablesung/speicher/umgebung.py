"""What is stored around readings that come in: by it they are judged, and it says what they replace."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from sqlalchemy import CTE, ColumnElement, FromClause, Select, and_, bindparam, func, select
from sqlalchemy.orm import Session

from betreiber.ablesung.domain import Ablesung, Qualitaet
from betreiber.ablesung.speicher.lesen import rows_and_blocks
from betreiber.ablesung.speicher.stapel import Block, as_block
from betreiber.ablesung.speicher.tabellen import (
    ABLESUNG,
    TAG_S,
    VERBRAUCH,
    VERBRAUCH_TAG,
    ForEach,
    T,
    V,
    among,
    as_ablesung,
)


@dataclass(slots=True)
class Umgebung:
    """Rows by time and blocks by day of one meter; every day from the first to the last of interest is whole."""

    zeilen: dict[int, Ablesung] = field(default_factory=dict)
    bloecke: dict[int, Block] = field(default_factory=dict)

    def readings(self) -> list[Ablesung]:
        """All of it, ascending."""
        bloecke = (ablesung for block in self.bloecke.values() for ablesung in block.values())
        return sorted([*self.zeilen.values(), *bloecke], key=itemgetter(0))

    def among(self, zeiten: Iterable[int]) -> dict[int, Ablesung]:
        """The readings at these times."""
        gefunden = {}
        for zeit in zeiten:
            ablesung = self.zeilen.get(zeit) or self.bloecke.get(zeit // TAG_S, {}).get(zeit)
            if ablesung is not None:
                gefunden[zeit] = ablesung
        return gefunden


def load(session: Session, stromzaehler_id: int, zeiten: Iterable[int]) -> Umgebung:
    """The rows at these times, and the blocks of their days."""
    gefragt = list(zeiten)
    werte = {
        "stromzaehler_id": stromzaehler_id,
        "zeiten": gefragt,
        "tage": sorted({zeit // TAG_S for zeit in gefragt}),
    }
    umgebung = Umgebung()
    for zeile in session.execute(_ZEITEN, werte):
        if zeile[8] is None:
            umgebung.zeilen[zeile[0]] = as_ablesung(zeile)
        else:
            umgebung.bloecke[zeile[0]] = as_block(zeile[0], zeile[8])
    return umgebung


def search(session: Session, spannen: Mapping[int, tuple[int, int]]) -> dict[int, Umgebung]:
    """What is stored within a span of each meter, [first, last] reading, and on either side of it.

    On either side: up to the nearest measured reading; where there is none, all that there is. Two
    statements for all meters together, each with a look-up by the key for each side of each meter.
    """
    umgebungen = {stromzaehler_id: Umgebung() for stromzaehler_id in spannen}
    if not spannen:
        return umgebungen
    zeiten = [(nummer, erste, letzte) for nummer, (erste, letzte) in spannen.items()]
    for nummer, *zeile in _ZEILEN.execute(session, zeiten):
        umgebungen[nummer].zeilen[zeile[0]] = as_ablesung(zeile)
    tage = [(nummer, erste // TAG_S, letzte // TAG_S) for nummer, erste, letzte in zeiten]
    for nummer, tag, inhalt in _BLOECKE.execute(session, tage):
        umgebungen[nummer].bloecke[tag] = as_block(tag, inhalt)
    return umgebungen


def _around(gefragt: FromClause, wo: ColumnElement[int], gemessen: ColumnElement[bool], meter: Any) -> Any:
    """The condition that a value of `wo` lies in the span that is asked for, or next to it."""

    def nearest(bedingung: ColumnElement[bool], ordnung: Any) -> Any:
        return (
            select(wo)
            .where(meter == gefragt.c.stromzaehler_id, bedingung)
            .order_by(ordnung)
            .limit(1)
            .correlate(gefragt)
            .scalar_subquery()
        )

    von = func.coalesce(
        nearest(and_(wo < gefragt.c.von, gemessen), wo.desc()),
        nearest(wo < gefragt.c.von, wo.asc()),
        gefragt.c.von,
    )
    bis = func.coalesce(
        nearest(and_(wo > gefragt.c.bis, gemessen), wo.asc()),
        nearest(wo > gefragt.c.bis, wo.desc()),
        gefragt.c.bis,
    )
    return von, bis


def _once(grenzen: Select[Any]) -> CTE:
    """The bounds of each meter, found before anything is joined to them; else a plan may do so for each row."""
    return grenzen.cte("grenzen").prefix_with("MATERIALIZED")


def _rows(gefragt: FromClause) -> Select[Any]:
    innen = VERBRAUCH.alias("innen")
    von, bis = _around(
        gefragt, innen.c.uhrzeit, innen.c.qualitaet == int(Qualitaet.ABGELESEN), innen.c.stromzaehler_id
    )
    grenzen = _once(select(gefragt.c.stromzaehler_id, von.label("von"), bis.label("bis")))
    return (
        select(grenzen.c.stromzaehler_id, *ABLESUNG)
        .select_from(grenzen)
        .join(
            VERBRAUCH,
            (V.stromzaehler_id == grenzen.c.stromzaehler_id) & V.uhrzeit.between(grenzen.c.von, grenzen.c.bis),
        )
    )


def _blocks(gefragt: FromClause) -> Select[Any]:
    innen = VERBRAUCH_TAG.alias("innen")
    von, bis = _around(gefragt, innen.c.tag, innen.c.gemessen > 0, innen.c.stromzaehler_id)
    grenzen = _once(select(gefragt.c.stromzaehler_id, von.label("von"), bis.label("bis")))
    return (
        select(grenzen.c.stromzaehler_id, T.tag, T.inhalt)
        .select_from(grenzen)
        .join(
            VERBRAUCH_TAG,
            (T.stromzaehler_id == grenzen.c.stromzaehler_id) & T.tag.between(grenzen.c.von, grenzen.c.bis),
        )
    )


_EIGENE_ZEILEN = V.stromzaehler_id == bindparam("stromzaehler_id")
_EIGENE_BLOECKE = T.stromzaehler_id == bindparam("stromzaehler_id")
_ZEITEN = rows_and_blocks(_EIGENE_ZEILEN & among(V.uhrzeit, "zeiten"), _EIGENE_BLOECKE & among(T.tag, "tage"))
_ZEILEN = ForEach(("stromzaehler_id", "von", "bis"), _rows)
_BLOECKE = ForEach(("stromzaehler_id", "von", "bis"), _blocks)

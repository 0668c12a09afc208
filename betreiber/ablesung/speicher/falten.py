"""Fold days that are over into blocks: a fraction of the bytes, and one look-up for a day."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import ColumnClause, bindparam, column, delete, func, select, table
from sqlalchemy.orm import Session

from betreiber.ablesung.domain import Ablesung
from betreiber.ablesung.speicher.schreiben import lock
from betreiber.ablesung.speicher.stapel import Block, load_blocks, write_blocks
from betreiber.ablesung.speicher.tabellen import (
    ABLESUNG,
    TAG_S,
    TAGESSTAND,
    VERBRAUCH,
    S,
    V,
    among,
    as_ablesung,
    is_postgresql,
)


class Verirrte(NamedTuple):
    """How many readings, of which times: the first and the last in seconds since 1970."""

    anzahl: int
    von: int
    bis: int


def fold(session: Session, stromzaehler_ids: Sequence[int], vor_tag: int) -> int:
    """Merge the rows of the days before `vor_tag` (days since 1970) of these meters into blocks.

    Takes the meters' locks. No answer changes by it. Returns how many readings were folded.
    """
    lock(session, stromzaehler_ids)
    bereich = {"ids": list(stromzaehler_ids), "bis": vor_tag * TAG_S, "vor_tag": vor_tag}
    je_tag: dict[tuple[int, int], list[Ablesung]] = {}
    for nummer, *zeile in session.execute(_ZEILEN, bereich):
        je_tag.setdefault((nummer, zeile[0] // TAG_S), []).append(as_ablesung(zeile))
    if not je_tag:
        return 0
    bloecke: dict[tuple[int, int], Block] = load_blocks(session, list(je_tag))
    for schluessel, ablesungen in je_tag.items():
        bloecke.setdefault(schluessel, {}).update((ablesung.uhrzeit, ablesung) for ablesung in ablesungen)
    write_blocks(session, bloecke)
    session.execute(_ZEILEN_LOESCHEN, bereich)
    session.execute(_ANZAHLEN_LOESCHEN, bereich)
    return sum(map(len, je_tag.values()))


def list_foldable(session: Session, vor_tag: int, nach_id: int, hoechstens: int) -> list[tuple[int, int]]:
    """Meters above `nach_id` with rows of days before `vor_tag`, ascending, and how many rows; at most so many."""
    werte = {"vor_tag": vor_tag, "nach_id": nach_id, "hoechstens": hoechstens}
    return [(nummer, anzahl) for nummer, anzahl in session.execute(_FAELLIG, werte)]


def count_foldable(session: Session, vor_tag: int) -> int:
    """How many readings of days before `vor_tag` lie in rows."""
    return session.scalar(_FALTBAR, {"vor_tag": vor_tag}) or 0


def count_without_partition(session: Session, ab: int) -> Verirrte | None:
    """The readings from `ab` on for which no partition was made; None without any, and on SQLite."""
    if not is_postgresql(session):
        return None
    anzahl, von, bis = session.execute(_OHNE_PARTITION, {"ab": ab}).one()
    return Verirrte(anzahl, von, bis) if anzahl else None


_BEREICH = among(V.stromzaehler_id, "ids") & (V.uhrzeit < bindparam("bis"))
_ZEILEN = select(V.stromzaehler_id, *ABLESUNG).where(_BEREICH)
_ZEILEN_LOESCHEN = delete(VERBRAUCH).where(_BEREICH)
_ANZAHLEN_LOESCHEN = delete(TAGESSTAND).where(among(S.stromzaehler_id, "ids"), S.tag < bindparam("vor_tag"))
_FAELLIG = (
    select(S.stromzaehler_id, func.sum(S.anzahl))
    .where(S.stromzaehler_id > bindparam("nach_id"), S.tag < bindparam("vor_tag"))
    .group_by(S.stromzaehler_id)
    .order_by(S.stromzaehler_id)
    .limit(bindparam("hoechstens"))
)
_FALTBAR = select(func.sum(S.anzahl)).where(S.tag < bindparam("vor_tag"))
_UHRZEIT: ColumnClause[int] = column("uhrzeit")
_OHNE_PARTITION = (
    select(func.count(), func.min(_UHRZEIT), func.max(_UHRZEIT))
    .select_from(table("verbrauch_p_default", _UHRZEIT))
    .where(_UHRZEIT >= bindparam("ab"))
)

"""Read the readings of a meter: those at given times, those of a period, the first and the last.

A reading lies in a row or in the block of its day, never in both. Each question asks for both in one statement, so
that it sees one state of the database, also while a day is folded.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import CompoundSelect, asc, bindparam, desc, null, select, union_all
from sqlalchemy.orm import Session

from betreiber.ablesung import tagesblock
from betreiber.ablesung.domain import Ablesung, Qualitaet, Registerstand
from betreiber.ablesung.speicher.fassungen import as_of
from betreiber.ablesung.speicher.tabellen import (
    ABLESUNG,
    SPALTEN,
    TAG_S,
    VERBRAUCH,
    VERBRAUCH_TAG,
    T,
    V,
    among,
    as_ablesung,
    as_qualitaet,
)

# So much of a series is in memory at a time.
_STUECK_S = 31 * TAG_S
# To decode a whole block costs as much as so many single look-ups in it.
_EINZELN_HOECHSTENS = 12


def registers(
    session: Session, stromzaehler_id: int, zeiten: Iterable[int], *, stand: int | None = None
) -> dict[int, Ablesung]:
    """The readings at these times exactly; what is missing is not in the answer."""
    gefragt = list(zeiten)
    je_tag: dict[int, list[int]] = {}
    for zeit in gefragt:
        je_tag.setdefault(zeit // TAG_S, []).append(zeit)
    werte = {"stromzaehler_id": stromzaehler_id, "zeiten": gefragt, "tage": list(je_tag)}
    gefunden: dict[int, Ablesung] = {}
    for zeile in session.execute(_ZEITEN, werte).all():
        if zeile[8] is None:
            gefunden[zeile[0]] = as_ablesung(zeile)
        else:
            gefunden.update(_look_up(zeile[0], zeile[8], je_tag[zeile[0]]))
    if stand is None:
        return gefunden
    return as_of(session, stromzaehler_id, gefunden, stand, gefragt, spanne=False)


def series(
    session: Session, stromzaehler_id: int, von: int, bis: int, *, stand: int | None = None
) -> dict[int, Ablesung]:
    """The readings in [von, bis], both ends included, oldest first: the registers at the edges are among them."""
    ablesungen: list[Ablesung] = []
    for zeile in session.execute(_SPANNE, _span(stromzaehler_id, von, bis)).all():
        if zeile[8] is None:
            ablesungen.append(as_ablesung(zeile))
        else:
            ablesungen += tagesblock.decode(zeile[0], zeile[8])
    ablesungen.sort(key=itemgetter(0))
    gefunden = {ablesung.uhrzeit: ablesung for ablesung in ablesungen if von <= ablesung.uhrzeit <= bis}
    if stand is None:
        return gefunden
    return as_of(session, stromzaehler_id, gefunden, stand, (von, bis), spanne=True)


def register_series(session: Session, stromzaehler_id: int, von: int, bis: int) -> dict[int, Registerstand]:
    """Registers (Wh: taken, fed in) and quality of the readings that `series` gives, for half of its work."""
    staende: list[tuple[int, int, int, Qualitaet]] = []
    for zeile in session.execute(_SPANNE, _span(stromzaehler_id, von, bis)).all():
        if zeile[8] is None:
            staende.append((zeile[0], zeile[1], zeile[2], as_qualitaet(zeile[4])))
        else:
            staende += tagesblock.decode_registers(zeile[0], zeile[8])
    staende.sort(key=itemgetter(0))
    return {stand[0]: stand[1:] for stand in staende if von <= stand[0] <= bis}


def iter_series(
    session: Session, stromzaehler_id: int, von: int, bis: int, *, stand: int | None = None
) -> Iterator[Ablesung]:
    """The same in constant memory, however long the period is."""
    # Whole days, so that no block is read twice.
    for anfang in range(von - von % TAG_S, bis + 1, _STUECK_S):
        ende = min(anfang + _STUECK_S - 1, bis)
        yield from series(session, stromzaehler_id, max(anfang, von), ende, stand=stand).values()


def fleet_registers(
    session: Session, stromzaehler_ids: Sequence[int], zeiten: Sequence[int]
) -> dict[tuple[int, int], Registerstand]:
    """Registers (Wh: taken, fed in) and quality of many meters at these times, by meter and time."""
    je_tag: dict[int, list[int]] = {}
    for zeit in zeiten:
        je_tag.setdefault(zeit // TAG_S, []).append(zeit)
    werte = {"stromzaehler_ids": stromzaehler_ids, "zeiten": zeiten, "tage": list(je_tag)}
    gefunden: dict[tuple[int, int], Registerstand] = {}
    for stromzaehler_id, zeit, bezug_wh, einspeisung_wh, qualitaet, inhalt in session.execute(
        _FLOTTE, werte
    ).all():
        if inhalt is None:
            gefunden[stromzaehler_id, zeit] = (bezug_wh, einspeisung_wh, as_qualitaet(qualitaet))
            continue
        for gefragt in je_tag[zeit]:
            if (stand := tagesblock.energy_at(zeit, inhalt, gefragt)) is not None:
                gefunden[stromzaehler_id, gefragt] = stand
    return gefunden


def newest(session: Session, stromzaehler_id: int) -> Ablesung | None:
    """A meter's last stored reading."""
    zeilen = session.execute(_NEUESTE, {"stromzaehler_id": stromzaehler_id})
    return max((ablesung for zeile in zeilen for ablesung in _readings(zeile)), default=None)


def earliest(session: Session, stromzaehler_id: int) -> int | None:
    """The time of a meter's first stored reading."""
    zeilen = session.execute(_FRUEHESTE, {"stromzaehler_id": stromzaehler_id})
    return min((ablesung.uhrzeit for zeile in zeilen for ablesung in _readings(zeile)), default=None)


def _look_up(tag: int, inhalt: bytes, zeiten: Sequence[int]) -> dict[int, Ablesung]:
    if len(zeiten) > _EINZELN_HOECHSTENS:
        alle = {ablesung.uhrzeit: ablesung for ablesung in tagesblock.decode(tag, inhalt)}
        return {zeit: alle[zeit] for zeit in zeiten if zeit in alle}
    gefunden = ((zeit, tagesblock.register_at(tag, inhalt, zeit)) for zeit in zeiten)
    return {zeit: ablesung for zeit, ablesung in gefunden if ablesung is not None}


def _span(stromzaehler_id: int, von: int, bis: int) -> dict[str, int]:
    tage = {"von_tag": von // TAG_S, "bis_tag": bis // TAG_S}
    return {"stromzaehler_id": stromzaehler_id, "von": von, "bis": bis, **tage}


def _readings(zeile: Sequence[Any]) -> list[Ablesung]:
    return [as_ablesung(zeile)] if zeile[8] is None else tagesblock.decode(zeile[0], zeile[8])


def rows_and_blocks(zeilen: Any, bloecke: Any) -> CompoundSelect[Any]:
    """The columns of an Ablesung and NULL from rows, and those of a block: its day, seven times NULL, its content.

    `zeilen`, `bloecke`: conditions of either.
    """
    return union_all(
        select(*ABLESUNG, null().label("inhalt")).where(zeilen),
        select(T.tag, *(null() for _ in SPALTEN[1:]), T.inhalt).where(bloecke),
    )


def _at_end(ordnung: Callable[[Any], Any]) -> CompoundSelect[Any]:
    """A meter's outermost row and outermost block."""
    zeile = select(*ABLESUNG).where(_ZEILEN).order_by(ordnung(V.uhrzeit)).limit(1).subquery()
    block = select(T.tag, T.inhalt).where(_BLOECKE).order_by(ordnung(T.tag)).limit(1).subquery()
    return union_all(
        select(*zeile.c, null().label("inhalt")),
        select(block.c.tag, *(null() for _ in SPALTEN[1:]), block.c.inhalt),
    )


_ZEILEN = V.stromzaehler_id == bindparam("stromzaehler_id")
_BLOECKE = T.stromzaehler_id == bindparam("stromzaehler_id")
_ZEITEN = rows_and_blocks(_ZEILEN & among(V.uhrzeit, "zeiten"), _BLOECKE & among(T.tag, "tage"))
_SPANNE = rows_and_blocks(
    _ZEILEN & V.uhrzeit.between(bindparam("von"), bindparam("bis")),
    _BLOECKE & T.tag.between(bindparam("von_tag"), bindparam("bis_tag")),
)
_FLOTTE = union_all(
    select(
        V.stromzaehler_id,
        V.uhrzeit,
        V.stromverbrauch_gesamt_wh,
        V.einspeisung_gesamt_wh,
        V.qualitaet,
        null().label("inhalt"),
    )
    .select_from(VERBRAUCH)
    .where(among(V.stromzaehler_id, "stromzaehler_ids"), among(V.uhrzeit, "zeiten")),
    select(T.stromzaehler_id, T.tag, null(), null(), null(), T.inhalt)
    .select_from(VERBRAUCH_TAG)
    .where(among(T.stromzaehler_id, "stromzaehler_ids"), among(T.tag, "tage")),
)
_NEUESTE = _at_end(desc)
_FRUEHESTE = _at_end(asc)

"""Versions of readings: what was replaced stays, so that an answer can be given as of an earlier moment."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Select, bindparam, func, select
from sqlalchemy.orm import Session

from betreiber.ablesung.domain import Ablesung
from betreiber.ablesung.speicher.tabellen import FASSUNG, SPALTEN, BulkInsert, F, among, as_ablesung

_FASSUNG = (*(F[name] for name in SPALTEN), F.nummer, F.ersetzt)


class Fassung(NamedTuple):
    """A replaced reading: the valid one in [ablesung.empfangen, ersetzt), the `nummer`-th of its quarter hour."""

    ablesung: Ablesung
    nummer: int
    ersetzt: int


def versions(session: Session, stromzaehler_id: int, von: int, bis: int) -> list[Fassung]:
    """The replaced versions of the readings in [von, bis), by time, each in the order of the replacements."""
    werte = {"stromzaehler_id": stromzaehler_id, "von": von, "bis": bis}
    return [
        Fassung(as_ablesung(zeile), zeile.nummer, zeile.ersetzt) for zeile in session.execute(_FASSUNGEN, werte)
    ]


def as_of(
    session: Session,
    stromzaehler_id: int,
    ablesungen: dict[int, Ablesung],
    stand: int,
    zeiten: Sequence[int] | tuple[int, int],
    *,
    spanne: bool,
) -> dict[int, Ablesung]:
    """What these readings, at `zeiten` or in the stretch of two `zeiten`, were at the moment of receipt `stand`.

    `ablesungen` were read before, so that none that is replaced meanwhile is missed; the answer is ascending.
    """
    damals = {uhrzeit: ablesung for uhrzeit, ablesung in ablesungen.items() if ablesung.empfangen <= stand}
    werte: dict[str, object] = {"stromzaehler_id": stromzaehler_id, "stand": stand}
    if spanne:
        zeilen = session.execute(_DAMALS_SPANNE, werte | {"von": zeiten[0], "bis": zeiten[1]})
    else:
        zeilen = session.execute(_DAMALS_ZEITEN, werte | {"zeiten": zeiten})
    damals |= {zeile.uhrzeit: as_ablesung(zeile) for zeile in zeilen}
    return dict(sorted(damals.items()))


def store(session: Session, ersetzte: Sequence[tuple[int, Ablesung, int]]) -> None:
    """Keep replaced readings: meter, reading, moment of the replacement. Numbers them on; each reading once."""
    if not ersetzte:
        return
    schluessel = {
        "stromzaehler_ids": sorted({stromzaehler_id for stromzaehler_id, _, _ in ersetzte}),
        "zeiten": sorted({ablesung.uhrzeit for _, ablesung, _ in ersetzte}),
    }
    nummern = {(zeile[0], zeile[1]): zeile[2] for zeile in session.execute(_NUMMERN, schluessel)}
    _EINFUEGEN.execute(
        session,
        [
            (stromzaehler_id, nummern.get((stromzaehler_id, ablesung.uhrzeit), 0) + 1, ersetzt, *ablesung)
            for stromzaehler_id, ablesung, ersetzt in ersetzte
        ],
    )


def _valid() -> Select[tuple[int, ...]]:
    """The versions of a meter that were valid at a moment of receipt."""
    return select(*_FASSUNG).where(
        F.stromzaehler_id == bindparam("stromzaehler_id"),
        F.empfangen <= bindparam("stand"),
        F.ersetzt > bindparam("stand"),
    )


_EINFUEGEN = BulkInsert(FASSUNG, ("stromzaehler_id", "nummer", "ersetzt", *SPALTEN))
_FASSUNGEN = (
    select(*_FASSUNG)
    .where(
        F.stromzaehler_id == bindparam("stromzaehler_id"),
        F.uhrzeit >= bindparam("von"),
        F.uhrzeit < bindparam("bis"),
    )
    .order_by(F.uhrzeit, F.nummer)
)
_DAMALS_SPANNE = _valid().where(F.uhrzeit.between(bindparam("von"), bindparam("bis")))
_DAMALS_ZEITEN = _valid().where(among(F.uhrzeit, "zeiten"))
_NUMMERN = (
    select(F.stromzaehler_id, F.uhrzeit, func.max(F.nummer))
    .where(among(F.stromzaehler_id, "stromzaehler_ids"), among(F.uhrzeit, "zeiten"))
    .group_by(F.stromzaehler_id, F.uhrzeit)
)

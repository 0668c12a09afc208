"""The sections of registers: how they go on after a rollover, an exchange of electronics, another factor.

What is known of a register may change: a late reading moves a rollover, a correction an edge. A row that does not
hold any more stays, so that an answer can be given as of an earlier moment.
"""

from collections.abc import Sequence

from sqlalchemy import Table, bindparam, func, insert, or_, select, update
from sqlalchemy.orm import Session

from betreiber.ablesung.domain import Grenzen
from betreiber.ablesung.speicher.tabellen import among
from betreiber.ablesung.zaehlwerk import Abschnitt, Abschnittsgrund, Uebergang, follow_rollovers
from db.models import Zaehlwerksabschnitt

_ABSCHNITT: Table = Zaehlwerksabschnitt.__table__  # type: ignore[assignment]
_A = _ABSCHNITT.c


def sections(session: Session, stromzaehler_id: int, *, stand: int | None = None) -> tuple[Abschnitt, ...]:
    """The sections of a meter's register, ascending; `stand`: those that held at that moment."""
    werte = {"stromzaehler_ids": [stromzaehler_id], "stand": stand}
    anweisung = _JETZT if stand is None else _DAMALS
    return tuple(_as_abschnitt(zeile[1:]) for zeile in session.execute(anweisung, werte))


def fleet_sections(session: Session, stromzaehler_ids: Sequence[int]) -> dict[int, tuple[Abschnitt, ...]]:
    """The sections of many meters in one statement; meters without any are not in the answer."""
    abschnitte: dict[int, tuple[Abschnitt, ...]] = {}
    for zeile in session.execute(_JETZT, {"stromzaehler_ids": stromzaehler_ids}):
        abschnitte[zeile[0]] = (*abschnitte.get(zeile[0], ()), _as_abschnitt(zeile[1:]))
    return abschnitte


def set_sections(session: Session, stromzaehler_id: int, neu: Sequence[Abschnitt], jetzt: int) -> bool:
    """Let these sections of a meter's register, ascending, hold from now on; whether that changed any.

    `neu` comes from a function of `zaehlwerk.py`. What is unchanged stays as it was recorded. The caller holds the
    lock of the meter.
    """
    alt = sections(session, stromzaehler_id)
    bleiben = {abschnitt[:-1] for abschnitt in alt} & {abschnitt[:-1] for abschnitt in neu}
    for ab, grund, *_ in (abschnitt for abschnitt in alt if abschnitt[:-1] not in bleiben):
        einer = (_A.stromzaehler_id == stromzaehler_id, _A.ab == ab, _A.grund == grund, _A.abgeloest.is_(None))
        session.execute(update(_ABSCHNITT).where(*einer).values(abgeloest=jetzt))
    for ab, grund, *werte in (abschnitt[:-1] for abschnitt in neu if abschnitt[:-1] not in bleiben):
        vorige = select(func.count()).where(_A.stromzaehler_id == stromzaehler_id, _A.ab == ab)
        nummer = (session.scalar(vorige) or 0) + 1
        zeile = (stromzaehler_id, ab, nummer, grund.value, *werte, jetzt, None)
        session.execute(insert(_ABSCHNITT).values(zeile))
    return len(bleiben) < max(len(alt), len(neu))


def note_rollovers(
    session: Session, stromzaehler_id: int, uebergaenge: Sequence[Uebergang], grenzen: Grenzen, jetzt: int
) -> bool:
    """Let the sections follow what `judge` found; whether they changed. The caller holds the meter's lock."""
    alt = sections(session, stromzaehler_id)
    neu = follow_rollovers(grenzen.zaehlwerk.faktor, alt, uebergaenge, grenzen.ueberlauf_wh or 0, jetzt)
    return set_sections(session, stromzaehler_id, neu, jetzt)


def _as_abschnitt(werte: Sequence[object]) -> Abschnitt:
    ab, grund, *rest = werte
    return Abschnitt(ab, Abschnittsgrund(grund), *rest)  # type: ignore[arg-type]


_ABSCHNITTE = (
    select(
        _A.stromzaehler_id,
        _A.ab,
        _A.grund,
        _A.faktor,
        _A.bezug_versatz_wh,
        _A.einspeisung_versatz_wh,
        _A.erfasst,
    )
    .where(among(_A.stromzaehler_id, "stromzaehler_ids"))
    # What begins at the same instant counts in the order of Abschnittsgrund.
    .order_by(_A.stromzaehler_id, _A.ab, _A.grund.desc())
)
_JETZT = _ABSCHNITTE.where(_A.abgeloest.is_(None))
_DAMALS = _ABSCHNITTE.where(
    _A.erfasst <= bindparam("stand"), or_(_A.abgeloest.is_(None), _A.abgeloest > bindparam("stand"))
)

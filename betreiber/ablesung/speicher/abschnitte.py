"""The sections of registers: how they go on after a rollover, an exchange of electronics, another factor.

What is known of a register may change: a late reading moves a rollover, a correction an edge. A row that does not
hold any more stays, so that an answer can be given as of an earlier moment.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, and_, bindparam, func, insert, or_, select, update
from sqlalchemy.orm import Session

from betreiber.ablesung.domain import Grenzen
from betreiber.ablesung.speicher.tabellen import among
from betreiber.ablesung.zaehlwerk import Abschnitt, Abschnittsgrund, Uebergang, Zaehlwerk, follow_rollovers
from db.models import Stromzaehler, Zaehlwerksabschnitt

_ABSCHNITT: Table = Zaehlwerksabschnitt.__table__  # type: ignore[assignment]
_ZAEHLER: Table = Stromzaehler.__table__  # type: ignore[assignment]
_A, _Z = _ABSCHNITT.c, _ZAEHLER.c


def sections(session: Session, stromzaehler_id: int, *, stand: int | None = None) -> tuple[Abschnitt, ...]:
    """The sections of a meter's register, ascending; `stand`: those that held at that moment."""
    werte = {"stromzaehler_ids": [stromzaehler_id], "stand": stand}
    anweisung = _JETZT if stand is None else _DAMALS
    return tuple(_as_abschnitt(zeile[1:]) for zeile in session.execute(anweisung, werte))


def find_zaehlwerk(session: Session, stromzaehler_id: int, stand: int) -> tuple[str, Zaehlwerk] | None:
    """A meter's number and how its register went on as of `stand`; None for a meter that does not exist."""
    zeilen = session.execute(_DAMALIGES_ZAEHLWERK, {"stromzaehler_id": stromzaehler_id, "stand": stand}).all()
    return as_zaehlwerk(zeilen) if zeilen else None


def as_zaehlwerk(zeilen: Sequence[Sequence[Any]]) -> tuple[str, Zaehlwerk]:
    """A meter's number and how its register went on, from the rows of ZAEHLWERK in any order, one at least.

    Of what begins at the same instant the order of Abschnittsgrund counts.
    """
    nummer, faktor, *_ = zeilen[0]
    abschnitte = [_as_abschnitt(zeile[2:]) for zeile in zeilen if zeile[2] is not None]
    abschnitte.sort(key=lambda einer: einer.grund, reverse=True)
    abschnitte.sort(key=lambda einer: einer.ab)
    return nummer, Zaehlwerk(faktor, tuple(abschnitte))


def iter_zaehlwerke(session: Session, anzahl: int) -> Iterator[dict[int, Zaehlwerk]]:
    """How the registers of all meters went on, by meter, ascending, those of `anzahl` meters at a time."""
    ohne: dict[int, Zaehlwerk] = {}
    letzte = 0
    while zeilen := session.execute(_FLOTTE, {"nach": letzte, "anzahl": anzahl}).all():
        zaehlwerke: dict[int, Zaehlwerk] = {}
        mit: dict[int, list[Sequence[Any]]] = {}
        for zeile in zeilen:
            nummer, faktor, ab, *_ = zeile
            if ab is None:
                # As with nearly every meter: they share one.
                zaehlwerke[nummer] = ohne.get(faktor) or ohne.setdefault(faktor, Zaehlwerk(faktor))
            else:
                mit.setdefault(nummer, []).append(zeile)
        zaehlwerke |= {nummer: as_zaehlwerk(eigene)[1] for nummer, eigene in mit.items()}
        yield dict(sorted(zaehlwerke.items()))
        letzte = max(zaehlwerke)


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


def _with_zaehler(galt: ColumnElement[bool]) -> Select[Any]:
    """A meter and those of its sections for which `galt` holds."""
    eigene = and_(_A.stromzaehler_id == _Z.stromzaehler_id, galt)
    return (
        select(_Z.zaehlernummer, _Z.faktor, *_SPALTEN)
        .select_from(_ZAEHLER.outerjoin(_ABSCHNITT, eigene))
        .where(_Z.stromzaehler_id == bindparam("stromzaehler_id"))
    )


_SPALTEN = (_A.ab, _A.grund, _A.faktor, _A.bezug_versatz_wh, _A.einspeisung_versatz_wh, _A.erfasst)
_GILT = _A.abgeloest.is_(None)
_GALT = and_(_A.erfasst <= bindparam("stand"), or_(_GILT, _A.abgeloest > bindparam("stand")))
_ABSCHNITTE = (
    select(_A.stromzaehler_id, *_SPALTEN)
    .where(among(_A.stromzaehler_id, "stromzaehler_ids"))
    # What begins at the same instant counts in the order of Abschnittsgrund.
    .order_by(_A.stromzaehler_id, _A.ab, _A.grund.desc())
)
_JETZT = _ABSCHNITTE.where(_GILT)
_DAMALS = _ABSCHNITTE.where(_GALT)
ZAEHLWERK = _with_zaehler(_GILT)
_TEIL = (
    select(_Z.stromzaehler_id, _Z.faktor)
    .where(_Z.stromzaehler_id > bindparam("nach"))
    .order_by(_Z.stromzaehler_id)
    .limit(bindparam("anzahl"))
    .subquery()
)
_FLOTTE = (
    select(*_TEIL.c, *_SPALTEN)
    .select_from(_TEIL.outerjoin(_ABSCHNITT, and_(_A.stromzaehler_id == _TEIL.c.stromzaehler_id, _GILT)))
    .order_by(_TEIL.c.stromzaehler_id)
)
_DAMALIGES_ZAEHLWERK = _with_zaehler(_GALT)

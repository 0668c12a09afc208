"""The SQL of the device channel; readings themselves are `speicher.py`'s."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Table, bindparam, func, literal, select, union_all
from sqlalchemy.orm import Session

from betreiber.ablesung.speicher.tabellen import BulkInsert, among
from db.models import (
    Einbau,
    Ereignis,
    Geraeteschluessel,
    Messstelle,
    Stromzaehler,
    Telegrammstand,
)

# They run with every Telegramm: built once, and of columns, because objects cost as much again.
_GERAET: Table = Stromzaehler.__table__  # type: ignore[assignment]
_SCHLUESSEL: Table = Geraeteschluessel.__table__  # type: ignore[assignment]
_EINBAU: Table = Einbau.__table__  # type: ignore[assignment]
_MESSSTELLE: Table = Messstelle.__table__  # type: ignore[assignment]
_G, _S, _E, _M = _GERAET.c, _SCHLUESSEL.c, _EINBAU.c, _MESSSTELLE.c
_GERAETE = (
    select(
        _G.stromzaehler_id,
        _G.zaehlernummer,
        _G.modell,
        _G.zustand,
        _G.faktor,
        _G.stellen,
        _S.geraeteschluessel_id,
        _S.zweck,
        _S.epoche,
        _S.ski,
        _S.fingerabdruck,
        _S.zertifikat,
        _S.gueltig_bis,
        _S.gesperrt_zeitpunkt,
    )
    .join(_GERAET, _G.stromzaehler_id == _S.stromzaehler_id)
    .where(_S.stromzaehler_id.in_(select(_S.stromzaehler_id).where(_S.ski.in_(bindparam("skis", expanding=True)))))
    .order_by(_S.geraeteschluessel_id)
)
_EINBAUTEN = (
    select(_E.stromzaehler_id, _E.von, _M.anschlussleistung_kw)
    .join(_MESSSTELLE, _M.messstelle_id == _E.messstelle_id)
    .where(among(_E.stromzaehler_id, "stromzaehler_ids"))
    .order_by(_E.von)
)
_VERBOTEN = union_all(
    select(_S.stromzaehler_id, literal("").label("zustand")).where(
        among(_S.geraeteschluessel_id, "schluessel_ids"),
        _S.gesperrt_zeitpunkt.is_not(None),
    ),
    select(_G.stromzaehler_id, _G.zustand).where(
        among(_G.stromzaehler_id, "stromzaehler_ids"),
        _G.zustand.in_(bindparam("zustaende", expanding=True)),
    ),
)

_STAND = tuple(Telegrammstand.__table__.columns.keys())
_STAENDE = BulkInsert(
    Telegrammstand.__table__,  # type: ignore[arg-type]
    _STAND,
    lambda anweisung: anweisung.on_conflict_do_update(
        index_elements=["stromzaehler_id"], set_={name: anweisung.excluded[name] for name in _STAND[1:]}
    ),
)


@dataclass(frozen=True, slots=True)
class Schluessel:
    """A key of a meter, as `geraeteschluessel` holds it."""

    schluessel_id: int
    zweck: str
    epoche: int
    ski: bytes
    fingerabdruck: bytes
    zertifikat: bytes
    gueltig_bis: datetime
    gesperrt: bool


@dataclass(frozen=True, slots=True)
class Geraet:
    """A meter as the channel knows it, with every key that was ever certified for it.

    `einbauten`: begin and connection power in kW of each place where it hung, oldest first; `stellen`: digits of
    its register before the decimal point in kWh.
    """

    stromzaehler_id: int
    zaehlernummer: str
    modell: str
    zustand: str
    faktor: int
    stellen: int
    schluessel: tuple[Schluessel, ...]
    einbauten: tuple[tuple[datetime, Decimal], ...]


def find_geraete(session: Session, skis: Sequence[bytes]) -> dict[bytes, Geraet]:
    """The meters to which these keys belong, by the names of all of their keys."""
    zeilen: dict[int, list[Any]] = {}
    for zeile in session.execute(_GERAETE, {"skis": skis}):
        zeilen.setdefault(zeile.stromzaehler_id, []).append(zeile)
    einbauten: dict[int, list[tuple[datetime, Decimal]]] = {}
    if zeilen:
        for stromzaehler_id, von, leistung_kw in session.execute(_EINBAUTEN, {"stromzaehler_ids": list(zeilen)}):
            einbauten.setdefault(stromzaehler_id, []).append((von, leistung_kw))
    geraete: dict[bytes, Geraet] = {}
    for stromzaehler_id, eigene in zeilen.items():
        schluessel = tuple(map(_as_schluessel, eigene))
        geraet = Geraet(
            stromzaehler_id,
            eigene[0].zaehlernummer,
            eigene[0].modell,
            eigene[0].zustand,
            eigene[0].faktor,
            eigene[0].stellen,
            schluessel,
            tuple(einbauten.get(stromzaehler_id, ())),
        )
        geraete |= dict.fromkeys((zeile.ski for zeile in schluessel), geraet)
    return geraete


def _as_schluessel(zeile: Any) -> Schluessel:
    return Schluessel(
        zeile.geraeteschluessel_id,
        zeile.zweck,
        zeile.epoche,
        zeile.ski,
        zeile.fingerabdruck,
        zeile.zertifikat,
        zeile.gueltig_bis,
        zeile.gesperrt_zeitpunkt is not None,
    )


def find_forbidden(
    session: Session, stromzaehler_ids: Sequence[int], zustaende: Collection[str], schluessel_ids: Sequence[int]
) -> dict[int, str]:
    """Which of the meters are in one of these states, with it, or have one of the keys revoked, with ""."""
    werte = {
        "stromzaehler_ids": stromzaehler_ids,
        "zustaende": sorted(zustaende),
        "schluessel_ids": schluessel_ids,
    }
    return {zeile.stromzaehler_id: zeile.zustand for zeile in session.execute(_VERBOTEN, werte)}


def lock_stand(session: Session, stromzaehler_id: int) -> Telegrammstand | None:
    """What is remembered of a meter's messages, locked: messages of one meter are taken in one by one."""
    return session.get(Telegrammstand, stromzaehler_id, with_for_update=True)


def save_staende(session: Session, staende: Iterable[Telegrammstand]) -> None:
    """Write these rows as they are now, in one statement; from here on the session knows nothing of them."""
    zeilen = []
    for stand in staende:
        session.expunge(stand)
        zeilen.append(tuple(getattr(stand, name) for name in _STAND))
    _STAENDE.execute(session, zeilen)


def has_stromzaehler(session: Session, stromzaehler_id: int) -> bool:
    return session.get(Stromzaehler, stromzaehler_id) is not None


def count_ereignisse(
    session: Session, stromzaehler_id: int, seit: datetime, arten: Sequence[str]
) -> dict[str, int]:
    """How many events of these kinds a meter has had since an instant, by kind."""
    zeilen = session.execute(
        select(Ereignis.art, func.count().label("anzahl"))
        .where(
            Ereignis.objekt_art == "stromzaehler",
            Ereignis.objekt_id == stromzaehler_id,
            Ereignis.zeitpunkt >= seit,
            Ereignis.art.in_(arten),
        )
        .group_by(Ereignis.art)
    )
    return {zeile.art: zeile.anzahl for zeile in zeilen}

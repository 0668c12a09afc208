"""The storage of readings: the one way in and out of `verbrauch`, on SQLite and PostgreSQL.

Callers never know where a value lies; days will be folded into blocks behind this interface.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, and_, bindparam, func, insert, literal, or_, select, union_all
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from betreiber.ablesung.domain import (
    Ablesung,
    Befund,
    Grenzen,
    Herkunft,
    Qualitaet,
    Spanne,
    Stand,
    judge,
    value_hash,
)
from betreiber.zeit import VIERTELSTUNDE_S
from db.models import Fehlanzeige, Quarantaene, Verbrauch
from telegramm.messwerte import Messwert

_V = Verbrauch.__table__.c
_Q = Quarantaene.__table__.c
_STAND = (_V.uhrzeit, _V.stromverbrauch_gesamt_wh, _V.einspeisung_gesamt_wh, _V.stromverbrauch_momentan_w)
_ABLESUNG = (*_STAND, _V.qualitaet, _V.status, _V.empfangen, _V.herkunft)
_VERBRAUCH: Table = Verbrauch.__table__  # type: ignore[assignment]
_F = Fehlanzeige.__table__.c
_FEHLANZEIGE: Table = Fehlanzeige.__table__  # type: ignore[assignment]
_QUARANTAENE: Table = Quarantaene.__table__  # type: ignore[assignment]


def write(
    session: Session, stromzaehler_id: int, werte: Sequence[Messwert], grenzen: Grenzen, empfangen: int
) -> list[Befund]:
    """Store the readings of one message, ascending by time; one Befund each. Does not commit.

    New ones become rows, known ones stay, implausible ones go to quarantine. The caller holds the lock of the
    meter (its row in `telegrammstand`), so that no other writer comes between looking and storing.
    """
    bekannt, vorher, nachher = _surroundings(session, stromzaehler_id, [wert.uhrzeit for wert in werte])
    befunde = judge(werte, bekannt, vorher, nachher, grenzen)
    neu = [
        _row(stromzaehler_id, wert, empfangen) | {"qualitaet": int(Qualitaet.ABGELESEN)}
        for wert, befund in zip(werte, befunde, strict=True)
        if befund is Befund.NEU
    ]
    if neu:
        _insert(session, neu)
    schlecht = [
        _row(stromzaehler_id, wert, empfangen) | {"grund": befund.value, "wert_sha256": value_hash(wert)}
        for wert, befund in zip(werte, befunde, strict=True)
        if befund not in (Befund.NEU, Befund.DOPPELT)
    ]
    if schlecht:
        dialekt = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
        session.execute(dialekt.insert(_QUARANTAENE).on_conflict_do_nothing(), schlecht)
    return befunde


def recall(session: Session, stromzaehler_id: int, werte: Sequence[Messwert]) -> list[Befund]:
    """What became of the readings of a message that was taken in before: in quarantine, or known by now."""
    if not werte:
        return []
    anweisung = select(_Q.uhrzeit, _Q.wert_sha256, _Q.grund).where(
        _Q.stromzaehler_id == stromzaehler_id, _Q.uhrzeit.between(werte[0].uhrzeit, werte[-1].uhrzeit)
    )
    gruende = {(uhrzeit, wert): Befund(grund) for uhrzeit, wert, grund in session.execute(anweisung)}
    return [gruende.get((wert.uhrzeit, value_hash(wert)), Befund.DOPPELT) for wert in werte]


def registers(session: Session, stromzaehler_id: int, zeiten: Iterable[int]) -> dict[int, Ablesung]:
    """The readings at these times exactly; what is missing is not in the answer."""
    anweisung = select(*_ABLESUNG).where(_V.stromzaehler_id == stromzaehler_id, _V.uhrzeit.in_(list(zeiten)))
    return {zeile.uhrzeit: _ablesung(zeile) for zeile in session.execute(anweisung)}


def series(session: Session, stromzaehler_id: int, von: int, bis: int) -> dict[int, Ablesung]:
    """The readings in [von, bis], both ends included, oldest first: the registers at the edges are among them."""
    anweisung = (
        select(*_ABLESUNG)
        .where(_V.stromzaehler_id == stromzaehler_id, _V.uhrzeit.between(von, bis))
        .order_by(_V.uhrzeit)
    )
    return {zeile.uhrzeit: _ablesung(zeile) for zeile in session.execute(anweisung)}


def count(session: Session, stromzaehler_id: int, zeitraeume: Sequence[tuple[int, int]]) -> int:
    """How many readings lie in these half-open periods."""
    if not zeitraeume:
        return 0
    return (
        session.scalar(select(func.count()).select_from(_VERBRAUCH).where(_within(stromzaehler_id, zeitraeume)))
        or 0
    )


def page(
    session: Session, stromzaehler_id: int, zeitraeume: Sequence[tuple[int, int]], *, versatz: int, anzahl: int
) -> list[Ablesung]:
    """Readings in these half-open periods, oldest first: `anzahl` of them after the first `versatz`."""
    if not zeitraeume:
        return []
    anweisung = (
        select(*_ABLESUNG)
        .where(_within(stromzaehler_id, zeitraeume))
        .order_by(_V.uhrzeit)
        .offset(versatz)
        .limit(anzahl)
    )
    return [_ablesung(zeile) for zeile in session.execute(anweisung)]


def runs(session: Session, stromzaehler_id: int, von: int, bis: int) -> list[tuple[int, int]]:
    """The stretches within [von, bis] in which every quarter hour has its reading, as (first, last) reading.

    A single reading with none beside it is a stretch of length 0.
    """
    raender = session.execute(_RAENDER, {"stromzaehler_id": stromzaehler_id, "von": von, "bis": bis}).all()
    anfaenge = [zeile.uhrzeit for zeile in raender if zeile.beginnt]
    enden = [zeile.uhrzeit for zeile in raender if zeile.endet]
    return list(zip(anfaenge, enden, strict=True))


def earliest(session: Session, stromzaehler_id: int) -> int | None:
    """The time of a meter's first stored reading."""
    return session.scalar(select(func.min(_V.uhrzeit)).where(_V.stromzaehler_id == stromzaehler_id))


def known(session: Session, stromzaehler_id: int, von: int, bis: int) -> list[Spanne]:
    """What is known of the quarter hours in [von, bis): stored, in quarantine, or told to be lost; in no order."""
    werte = {"stromzaehler_id": stromzaehler_id, "von": von, "bis": bis}
    return [
        *((erste, letzte + VIERTELSTUNDE_S) for erste, letzte in runs(session, stromzaehler_id, von, bis - 1)),
        *((zeit, zeit + VIERTELSTUNDE_S) for zeit in session.scalars(_IN_QUARANTAENE, werte)),
        *lost(session, stromzaehler_id, von, bis),
    ]


def lost(session: Session, stromzaehler_id: int, von: int, bis: int) -> list[Spanne]:
    """What a meter has told to be lost, as far as it touches [von, bis); may overlap."""
    werte = {"stromzaehler_id": stromzaehler_id, "von": von, "bis": bis}
    return [(zeile.von, zeile.bis) for zeile in session.execute(_VERLOREN, werte)]


def declare_lost(session: Session, stromzaehler_id: int, spannen: Sequence[Spanne], empfangen: int) -> None:
    """Note what a meter told to be lost, as it told it. Does not commit.

    One that begins like a known one takes its place: a caller gives only what was not known as a whole.
    """
    dialekt = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    anweisung = dialekt.insert(_FEHLANZEIGE)
    anweisung = anweisung.on_conflict_do_update(
        index_elements=["stromzaehler_id", "von"],
        set_={"bis": anweisung.excluded.bis, "empfangen": anweisung.excluded.empfangen},
    )
    zeilen = [
        {"stromzaehler_id": stromzaehler_id, "von": von, "bis": bis, "empfangen": empfangen}
        for von, bis in spannen
    ]
    session.execute(anweisung, zeilen)


def _insert(session: Session, zeilen: Sequence[dict[str, Any]]) -> None:
    if session.get_bind().dialect.name != "postgresql":
        session.execute(insert(_VERBRAUCH), zeilen)
        return
    # One statement with an array a column: many times cheaper than a statement a row.
    spalten = [spalte for spalte in _VERBRAUCH.columns if spalte.name in zeilen[0]]
    felder = [bindparam(s.name, [zeile[s.name] for zeile in zeilen], postgresql.ARRAY(s.type)) for s in spalten]
    quelle = func.unnest(*felder).table_valued(*(spalte.name for spalte in spalten)).render_derived()
    session.execute(insert(_VERBRAUCH).from_select([spalte.name for spalte in spalten], select(*quelle.columns)))


def _within(stromzaehler_id: int, zeitraeume: Sequence[tuple[int, int]]) -> ColumnElement[bool]:
    stuecke = [and_(_V.uhrzeit >= von, _V.uhrzeit < bis) for von, bis in zeitraeume]
    return and_(_V.stromzaehler_id == stromzaehler_id, or_(*stuecke))


def _surroundings(
    session: Session, stromzaehler_id: int, zeiten: list[int]
) -> tuple[dict[int, Stand], Stand | None, Stand | None]:
    """What is stored from the first to the last of these times, and the nearest reading on either side."""
    werte = {"stromzaehler_id": stromzaehler_id, "erste": zeiten[0], "letzte": zeiten[-1]}
    zeilen = session.execute(_UMGEBUNG, werte).all()
    aussen = {zeile.lage: _stand(zeile) for zeile in zeilen if zeile.lage != 0}
    bekannt = {zeile.uhrzeit: _stand(zeile) for zeile in zeilen if zeile.lage == 0}
    return bekannt, aussen.get(-1), aussen.get(1)


def _nearest(lage: int, bedingung: ColumnElement[bool], ordnung: Any) -> Select[Any]:
    """The reading nearest to a bound, marked with the side on which it lies."""
    nachbar = (
        select(literal(lage).label("lage"), *_STAND)
        .where(_V.stromzaehler_id == bindparam("stromzaehler_id"), bedingung)
        .order_by(ordnung)
        .limit(1)
        .subquery()
    )
    return select(nachbar)


def _edges() -> Select[Any]:
    """The readings in [von, bis] that have none right before or right after them."""
    vor = func.lag(_V.uhrzeit).over(order_by=_V.uhrzeit)
    nach = func.lead(_V.uhrzeit).over(order_by=_V.uhrzeit)
    innen = (
        select(_V.uhrzeit, vor.label("vor"), nach.label("nach"))
        .where(
            _V.stromzaehler_id == bindparam("stromzaehler_id"),
            _V.uhrzeit.between(bindparam("von"), bindparam("bis")),
        )
        .subquery()
    )
    beginnt = func.coalesce(innen.c.uhrzeit - innen.c.vor, 0) != VIERTELSTUNDE_S
    endet = func.coalesce(innen.c.nach - innen.c.uhrzeit, 0) != VIERTELSTUNDE_S
    return (
        select(innen.c.uhrzeit, beginnt.label("beginnt"), endet.label("endet"))
        .where(or_(beginnt, endet))
        .order_by(innen.c.uhrzeit)
    )


# Built once: they run with Telegramme, the last one with every Telegramm.
_RAENDER = _edges()
_IN_QUARANTAENE = select(_Q.uhrzeit).where(
    _Q.stromzaehler_id == bindparam("stromzaehler_id"),
    _Q.uhrzeit >= bindparam("von"),
    _Q.uhrzeit < bindparam("bis"),
)
_VERLOREN = select(_F.von, _F.bis).where(
    _F.stromzaehler_id == bindparam("stromzaehler_id"), _F.von < bindparam("bis"), _F.bis > bindparam("von")
)
_UMGEBUNG = union_all(
    _nearest(-1, _V.uhrzeit < bindparam("erste"), _V.uhrzeit.desc()),
    select(literal(0).label("lage"), *_STAND).where(
        _V.stromzaehler_id == bindparam("stromzaehler_id"),
        _V.uhrzeit.between(bindparam("erste"), bindparam("letzte")),
    ),
    _nearest(1, _V.uhrzeit > bindparam("letzte"), _V.uhrzeit.asc()),
)


def _row(stromzaehler_id: int, wert: Messwert, empfangen: int) -> dict[str, Any]:
    return {
        "stromzaehler_id": stromzaehler_id,
        "uhrzeit": wert.uhrzeit,
        "stromverbrauch_gesamt_wh": wert.bezug_wh,
        "einspeisung_gesamt_wh": wert.einspeisung_wh,
        "stromverbrauch_momentan_w": wert.leistung_w,
        "status": wert.status,
        "empfangen": empfangen,
    }


def _stand(zeile: Any) -> Stand:
    return Stand(
        zeile.uhrzeit,
        zeile.stromverbrauch_gesamt_wh,
        zeile.einspeisung_gesamt_wh,
        zeile.stromverbrauch_momentan_w,
    )


def _ablesung(zeile: Any) -> Ablesung:
    return Ablesung(
        zeile.uhrzeit,
        zeile.stromverbrauch_gesamt_wh,
        zeile.einspeisung_gesamt_wh,
        zeile.stromverbrauch_momentan_w,
        Qualitaet(zeile.qualitaet),
        zeile.status,
        zeile.empfangen,
        Herkunft(zeile.herkunft),
    )

"""The SQL of Störungen: one look over the whole fleet for those that may be sick, and what is known of these."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Row,
    Select,
    SQLColumnExpression,
    Table,
    and_,
    bindparam,
    func,
    insert,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.orm import Session

from betreiber.seite import Seite, fetch_seite
from betreiber.stoerung.domain import (
    AUCH_STUMM,
    IMMER_EINZELN,
    MELDUNGEN_SEIT,
    VIERTELSTUNDEN_JE_TAG,
    Lebenszeichen,
    Regeln,
    Stoerungsart,
    Stoerungszustand,
    Stufe,
    Ursache,
    day_begin,
)
from db.models import (
    Einbau,
    Messstelle,
    Stoerung,
    Stromzaehler,
    Tagesstand,
    Telegrammstand,
    VerbrauchTag,
)

_TAG_S = 86_400
# The columns of telegrammstand among the fields of Lebenszeichen, in their order.
_ZEICHEN = ("stromzaehler_id", *Lebenszeichen._fields[3:12])
_T, _Z = Telegrammstand, Stromzaehler
_TABELLE: Table = Stoerung.__table__  # type: ignore[assignment]
_LAUFEND = Stoerung.abgeklungen_zeitpunkt.is_(None)
_OFFEN = Stoerung.behoben_zeitpunkt.is_(None)
# Removed meters have nothing to say; those that never were enrolled have no epoche.
_UEBERWACHT = and_(_Z.zustand == "EINGEBAUT", _T.epoche > 0)
EINGRIFF = Stoerung.art == Stoerungsart.MANIPULATION
# A visit of our own that ended by itself: it explains what its fitter did, and nothing that was seen after it.
NUR_EINSATZ = and_(Stoerung.ursache == Ursache.EINSATZ, Stoerung.grund.is_(None))


class Laufend(NamedTuple):
    """A Störung that is not over, as it is stored."""

    stoerung_id: int
    version: int
    stromzaehler_id: int
    art: str
    stufe: str
    ursache: str
    beginn_zeitpunkt: datetime
    erkannt_zeitpunkt: datetime
    erholt_zeitpunkt: datetime | None
    netz_zeitpunkt: datetime | None
    behoben_zeitpunkt: datetime | None
    behoben_durch: str | None


class Zeile(NamedTuple):
    """A Störung in a list, with its meter and the place where that hangs now."""

    stoerung: Stoerung
    zaehlernummer: str
    messstelle: Messstelle | None


class Gebiet(NamedTuple):
    """How many meters of a postcode are watched, and how many of them are silent; None: meters without a place."""

    postleitzahl: str | None
    anzahl: int
    stumm: int


def _hanging(stromzaehler_id: SQLColumnExpression[int], jetzt: datetime) -> ColumnElement[bool]:
    return and_(
        Einbau.stromzaehler_id == stromzaehler_id,
        Einbau.von <= jetzt,
        or_(Einbau.bis.is_(None), Einbau.bis > jetzt),
    )


def count_unheard(
    session: Session, regeln: Regeln, jetzt: datetime, echtzeit: datetime
) -> tuple[list[Gebiet], dict[Stoerungsart, int]]:
    """The watched meters by postcode, and how many were neither heard nor installed there for too long.

    And of all of them, how many have each kind that the row of a meter tells of: what needs messages to be judged,
    only of those that were heard of late where they hang now.
    """
    ab = _silent_since(regeln, jetzt)
    gehoert = and_(_T.zuletzt_empfangen > ab, func.coalesce(Einbau.von <= _T.zuletzt_empfangen, true()))
    beide = ((_T.zuletzt_empfangen, Einbau.von), (Einbau.von, _T.zuletzt_empfangen))
    stumm = and_(*(func.coalesce(*zeiten) <= ab for zeiten in beide))
    arten = {
        art: or_(*zeichen) if art in AUCH_STUMM else and_(or_(*zeichen), gehoert)
        for art, zeichen in _signs(regeln, jetzt, echtzeit).items()
        if art not in IMMER_EINZELN
    }
    zeilen = _count_gebiete(session, [stumm, *arten.values()], jetzt)
    gebiete = [Gebiet(*zeile[:3]) for zeile in zeilen]
    return gebiete, {art: sum(zeile[stelle] for zeile in zeilen) for stelle, art in enumerate(arten, start=3)}


def count_silent(session: Session, jetzt: datetime) -> list[Gebiet]:
    """The watched meters by postcode, silent being those that the sweep found and that nobody has explained."""
    stumme = select(Stoerung.stromzaehler_id).where(_LAUFEND, _OFFEN, Stoerung.art == Stoerungsart.STUMM)
    return [Gebiet(*zeile) for zeile in _count_gebiete(session, [_T.stromzaehler_id.in_(stumme)], jetzt)]


def _count_gebiete(session: Session, merkmale: Sequence[ColumnElement[bool]], jetzt: datetime) -> Sequence[Any]:
    anweisung = (
        select(Messstelle.postleitzahl, func.count(), *(func.count().filter(merkmal) for merkmal in merkmale))
        .select_from(_T)
        .join(_Z, _Z.stromzaehler_id == _T.stromzaehler_id)
        .outerjoin(Einbau, _hanging(_Z.stromzaehler_id, jetzt))
        .outerjoin(Messstelle, Messstelle.messstelle_id == Einbau.messstelle_id)
        .where(_UEBERWACHT)
        .group_by(Messstelle.postleitzahl)
    )
    return session.execute(anweisung).all()


def find_candidates(
    session: Session, regeln: Regeln, jetzt: datetime, echtzeit: datetime, nach: int, hoechstens: int
) -> list[Lebenszeichen]:
    """The next meters after `nach`, by number, that may be sick or have a Störung that is not over.

    Coarser than the rules, never finer: what a rule would find is among them.
    """
    laufende = select(Stoerung.stromzaehler_id).where(_LAUFEND)
    auffaellig = (
        select(*(_T.__table__.c[name] for name in _ZEICHEN), _Z.zaehlernummer, _Z.zustand)
        .join(_Z, _Z.stromzaehler_id == _T.stromzaehler_id)
        .where(
            _T.stromzaehler_id > nach,
            or_(
                and_(_UEBERWACHT, or_(*_conspicuous(regeln, jetzt, echtzeit))),
                _T.stromzaehler_id.in_(laufende),
            ),
        )
        .order_by(_T.stromzaehler_id)
        .limit(hoechstens)
        .subquery("auffaellig")
    )
    # Where they hang is asked of the few only that were found.
    anweisung = (
        select(
            *(auffaellig.c[name] for name in ("stromzaehler_id", "zaehlernummer", "zustand", *_ZEICHEN[1:])),
            Einbau.von,
            Messstelle.postleitzahl,
            _measured(auffaellig.c.stromzaehler_id, regeln, jetzt),
        )
        .outerjoin(Einbau, _hanging(auffaellig.c.stromzaehler_id, jetzt))
        .outerjoin(Messstelle, Messstelle.messstelle_id == Einbau.messstelle_id)
        .order_by(auffaellig.c.stromzaehler_id)
    )
    return [Lebenszeichen(*tuple(zeile)) for zeile in session.execute(anweisung)]


def _silent_since(regeln: Regeln, jetzt: datetime) -> datetime:
    return jetzt - timedelta(seconds=regeln[Stoerungsart.STUMM].ab)


def _measured(stromzaehler_id: SQLColumnExpression[int], regeln: Regeln, jetzt: datetime) -> ColumnElement[int]:
    """Measured readings of a meter in the last whole UTC days, those in rows and those in blocks, by its key."""
    heute = int(jetzt.timestamp()) // _TAG_S
    in_zeilen, in_bloecken = (
        select(func.coalesce(func.sum(tabelle.gemessen, type_=BigInteger), 0))
        .where(tabelle.stromzaehler_id == stromzaehler_id, tabelle.tag.between(heute - regeln.tage, heute - 1))
        .scalar_subquery()
        for tabelle in (Tagesstand, VerbrauchTag)
    )
    return in_zeilen + in_bloecken


def _signs(
    regeln: Regeln, jetzt: datetime, echtzeit: datetime
) -> dict[Stoerungsart, Sequence[ColumnElement[bool]]]:
    """What a rule may find something at in the row of a meter, by kind."""
    s = Stoerungsart
    spaet = int(jetzt.timestamp()) - regeln[s.VERSPAETET].ab
    ablauf = echtzeit - timedelta(seconds=regeln[s.SCHLUESSEL].ab)
    # What a log brings of the time after a visit it brings soon; a meter that was silent is looked at anyway.
    erklaert = (
        select(Stoerung.stoerung_id)
        .where(
            Stoerung.stromzaehler_id == _T.stromzaehler_id,
            EINGRIFF,
            Stoerung.behoben_zeitpunkt >= _T.manipuliert_zeitpunkt,
            or_(~NUR_EINSATZ, Stoerung.behoben_zeitpunkt < jetzt - MELDUNGEN_SEIT),
        )
        .correlate(_T)
    )
    frueher = (
        select(Einbau.einbau_id)
        .where(_hanging(_T.stromzaehler_id, jetzt), Einbau.von >= _T.manipuliert_zeitpunkt)
        .correlate(_T)
    )
    return {
        s.VERSPAETET: (_T.neueste_uhrzeit.is_(None), _T.neueste_uhrzeit <= spaet),
        s.UHR: (_T.uhr_abweichung_s.is_not(None),),
        s.FUNK: (_T.rsrp_dbm <= -regeln[s.FUNK].ab,),
        s.SCHLUESSEL: (_T.schluessel_gueltig_bis <= ablauf,),
        s.MANIPULATION: (and_(_T.manipuliert_zeitpunkt.is_not(None), ~erklaert.exists(), ~frueher.exists()),),
        s.ABWEISUNGEN: (
            and_(_T.abgewiesen_zeitpunkt >= day_begin(jetzt), _T.abgewiesen_anzahl >= regeln[s.ABWEISUNGEN].ab),
        ),
    }


def _conspicuous(regeln: Regeln, jetzt: datetime, echtzeit: datetime) -> Sequence[ColumnElement[bool]]:
    """What a rule may find something at; the dearest to ask comes last."""
    erwartet = regeln.tage * VIERTELSTUNDEN_JE_TAG
    return (
        _T.zuletzt_empfangen.is_(None),
        _T.zuletzt_empfangen <= _silent_since(regeln, jetzt),
        *chain(*_signs(regeln, jetzt, echtzeit).values()),
        # The least number that is enough, rounded up.
        _measured(_T.stromzaehler_id, regeln, jetzt) < -(-regeln.abdeckung_promille * erwartet // 1000),
    )


def list_running(session: Session, stromzaehler_ids: Collection[int]) -> list[Laufend]:
    """The Störungen of meters that are not over: of all between the least and the greatest of the numbers."""
    anweisung = select(*(_TABELLE.c[name] for name in Laufend._fields)).where(
        _LAUFEND, Stoerung.stromzaehler_id.between(min(stromzaehler_ids), max(stromzaehler_ids))
    )
    return [Laufend(*zeile) for zeile in session.execute(anweisung)]


def lock_unchanged(session: Session, laufende: Collection[Laufend]) -> set[int]:
    """Those that nobody has changed since they were read, locked until the commit."""
    if not laufende:
        return set()
    versionen = {zeile.stoerung_id: zeile.version for zeile in laufende}
    anweisung = (
        select(Stoerung.stoerung_id, Stoerung.version)
        .where(Stoerung.stoerung_id.in_(versionen))
        .order_by(Stoerung.stoerung_id)
        .with_for_update()
    )
    return {nummer for nummer, version in session.execute(anweisung) if versionen[nummer] == version}


def insert_stoerungen(session: Session, zeilen: Sequence[Mapping[str, Any]]) -> None:
    """New rows, each with all of its columns but the key."""
    if zeilen:
        session.execute(insert(_TABELLE), list(zeilen))


def update_stoerungen(session: Session, zeilen: Sequence[Mapping[str, Any]]) -> None:
    """Change rows, named by `nummer`, all in the same columns."""
    if zeilen:
        spalten: dict[str, Any] = {name: bindparam(f"neu_{name}") for name in zeilen[0] if name != "nummer"}
        anweisung = update(_TABELLE).where(_TABELLE.c.stoerung_id == bindparam("neu_nummer"))
        session.connection().execute(
            anweisung.values(**spalten, version=_TABELLE.c.version + 1),
            [{f"neu_{name}": wert for name, wert in zeile.items()} for zeile in zeilen],
        )


def _with_place(jetzt: datetime) -> Select[*tuple[Any, ...]]:
    return (
        select(Stoerung, _Z.zaehlernummer, Messstelle)
        .join(_Z, _Z.stromzaehler_id == Stoerung.stromzaehler_id)
        .outerjoin(Einbau, _hanging(_Z.stromzaehler_id, jetzt))
        .outerjoin(Messstelle, Messstelle.messstelle_id == Einbau.messstelle_id)
    )


def list_stoerungen(
    session: Session,
    jetzt: datetime,
    *,
    stromzaehler_id: int | None,
    art: str | None,
    stufe: str | None,
    zustand: str | None,
    postleitzahl: str | None,
    seite: int,
    pro_seite: int,
) -> Seite[Zeile]:
    """Störungen, the last found first. `postleitzahl`: the start of that of the meter's present place."""
    anweisung = _with_place(jetzt).order_by(Stoerung.erkannt_zeitpunkt.desc(), Stoerung.stoerung_id.desc())
    if stromzaehler_id is not None:
        anweisung = anweisung.where(Stoerung.stromzaehler_id == stromzaehler_id)
    if art is not None:
        anweisung = anweisung.where(Stoerung.art == art)
    if stufe is not None:
        anweisung = anweisung.where(Stoerung.stufe == stufe)
    if zustand is not None:
        anweisung = anweisung.where(_OFFEN if zustand == Stoerungszustand.OFFEN else ~_OFFEN)
    if postleitzahl:
        anweisung = anweisung.where(Messstelle.postleitzahl.startswith(postleitzahl, autoescape=True))
    return fetch_seite(session, anweisung, seite, pro_seite, als=Zeile)


def get_stoerung(session: Session, jetzt: datetime, stoerung_id: int) -> Zeile | None:
    zeile = session.execute(_with_place(jetzt).where(Stoerung.stoerung_id == stoerung_id)).first()
    return None if zeile is None else Zeile._make(zeile)


def _untold(stufen: Collection[Stufe]) -> ColumnElement[bool]:
    """Open Störungen of these degrees of which no mail has told yet."""
    ungesagt = or_(Stoerung.gemeldet_stufe.is_(None), Stoerung.gemeldet_stufe != Stoerung.stufe)
    return and_(_LAUFEND, _OFFEN, Stoerung.stufe.in_(stufen), ungesagt)


def count_untold(session: Session, stufen: Collection[Stufe]) -> Sequence[Row[str, str, str, int]]:
    """How many have not been told of: degree, kind, cause, number; the greatest number first."""
    gruppe = (Stoerung.stufe, Stoerung.art, Stoerung.ursache)
    anweisung = select(*gruppe, func.count().label("anzahl")).where(_untold(stufen)).group_by(*gruppe)
    return session.execute(anweisung.order_by(func.count().desc(), *gruppe)).all()


def list_untold(session: Session, jetzt: datetime, stufen: Collection[Stufe], hoechstens: int) -> list[Zeile]:
    """Those that have not been told of, the oldest first."""
    anweisung = _with_place(jetzt).where(_untold(stufen)).order_by(Stoerung.stoerung_id).limit(hoechstens)
    return [Zeile._make(zeile) for zeile in session.execute(anweisung)]


def list_untold_ids(session: Session, stufen: Collection[Stufe]) -> Sequence[int]:
    """The numbers of all that have not been told of, ascending."""
    return session.scalars(
        select(Stoerung.stoerung_id).where(_untold(stufen)).order_by(Stoerung.stoerung_id)
    ).all()


def mark_told(session: Session, stufen: Collection[Stufe], von: int, bis: int) -> None:
    """Note of those from one number to another that a mail told; no change that anybody else has to know of."""
    bereich = Stoerung.stoerung_id.between(von, bis)
    session.execute(update(_TABELLE).where(_untold(stufen), bereich).values(gemeldet_stufe=_TABELLE.c.stufe))


def count_open(session: Session) -> dict[tuple[str, str], int]:
    """How many Störungen are open, by kind and degree."""
    anweisung = (
        select(Stoerung.art, Stoerung.stufe, func.count())
        .where(_LAUFEND, _OFFEN)
        .group_by(Stoerung.art, Stoerung.stufe)
        .order_by(Stoerung.art, Stoerung.stufe)
    )
    return {(art, stufe): anzahl for art, stufe, anzahl in session.execute(anweisung)}


def count_zustaende(session: Session) -> Sequence[Row[str, int]]:
    """Meters by state."""
    return session.execute(select(_Z.zustand, func.count()).group_by(_Z.zustand).order_by(_Z.zustand)).all()


def count_jahre(session: Session) -> Sequence[Row[int | None, int]]:
    """Meters that are not scrapped by the year in their marking, the oldest first; without one last."""
    jahr = _Z.kennzeichnung_jahr
    anweisung = select(jahr, func.count()).where(_Z.zustand != "VERSCHROTTET").group_by(jahr)
    return session.execute(anweisung.order_by(jahr.nulls_last())).all()


def count_firmware(session: Session) -> Sequence[Row[str, str | None, int]]:
    """Watched meters by model and the firmware that they told last; without one first."""
    anweisung = (
        select(_Z.modell, _T.firmwareversion, func.count())
        .join(_T, _T.stromzaehler_id == _Z.stromzaehler_id)
        .where(_UEBERWACHT)
        .group_by(_Z.modell, _T.firmwareversion)
        .order_by(_Z.modell, _T.firmwareversion.nulls_first())
    )
    return session.execute(anweisung).all()

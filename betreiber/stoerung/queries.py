"""The SQL of Störungen: one look over the whole fleet for those that may be sick, and what is known of these."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
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
    update,
)
from sqlalchemy.orm import Session

from betreiber.seite import Seite, fetch_seite
from betreiber.stoerung.domain import (
    MANIPULIERT_SEIT,
    VIERTELSTUNDEN_JE_TAG,
    Lebenszeichen,
    Regeln,
    Stoerungsart,
    Stoerungszustand,
    Stufe,
    day_begin,
)
from db.models import Einbau, Messstelle, Stoerung, Stromzaehler, Tagesstand, Telegrammstand

_TAG_S = 86_400
_Nummer = SQLColumnExpression[int]
# The columns of telegrammstand among the fields of Lebenszeichen, in their order.
_ZEICHEN = ("stromzaehler_id", *Lebenszeichen._fields[3:12])
_T, _Z = Telegrammstand, Stromzaehler
_TABELLE: Table = Stoerung.__table__  # type: ignore[assignment]
_LAUFEND = Stoerung.abgeklungen_zeitpunkt.is_(None)
_OFFEN = Stoerung.behoben_zeitpunkt.is_(None)
# Removed meters have nothing to say; those that never were enrolled have no epoche.
_UEBERWACHT = and_(_Z.zustand == "EINGEBAUT", _T.epoche > 0)


class Laufend(NamedTuple):
    """A Störung that is not over, as it is stored."""

    stoerung_id: int
    version: int
    stromzaehler_id: int
    art: str
    stufe: str
    ursache: str
    beginn_zeitpunkt: datetime
    erholt_zeitpunkt: datetime | None
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


def _hanging(stromzaehler_id: _Nummer, jetzt: datetime) -> ColumnElement[bool]:
    return and_(
        Einbau.stromzaehler_id == stromzaehler_id,
        Einbau.von <= jetzt,
        or_(Einbau.bis.is_(None), Einbau.bis > jetzt),
    )


def count_unheard(session: Session, regeln: Regeln, jetzt: datetime) -> list[Gebiet]:
    """The watched meters by the postcode of their place, and of how many nothing was heard for too long."""
    unerhoert = or_(_T.zuletzt_empfangen.is_(None), _T.zuletzt_empfangen <= _silent_since(regeln, jetzt))
    return _count_gebiete(session, unerhoert, jetzt)


def count_silent(session: Session, jetzt: datetime) -> list[Gebiet]:
    """The same, silent being those that the sweep found and that nobody has explained."""
    stumme = select(Stoerung.stromzaehler_id).where(_LAUFEND, _OFFEN, Stoerung.art == Stoerungsart.STUMM)
    return _count_gebiete(session, _T.stromzaehler_id.in_(stumme), jetzt)


def _count_gebiete(session: Session, stumm: ColumnElement[bool], jetzt: datetime) -> list[Gebiet]:
    anweisung = (
        select(Messstelle.postleitzahl, func.count(), func.count().filter(stumm))
        .select_from(_T)
        .join(_Z, _Z.stromzaehler_id == _T.stromzaehler_id)
        .outerjoin(Einbau, _hanging(_Z.stromzaehler_id, jetzt))
        .outerjoin(Messstelle, Messstelle.messstelle_id == Einbau.messstelle_id)
        .where(_UEBERWACHT)
        .group_by(Messstelle.postleitzahl)
    )
    return [Gebiet(*zeile) for zeile in session.execute(anweisung)]


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
    return [Lebenszeichen._make(zeile) for zeile in session.execute(anweisung)]


def _silent_since(regeln: Regeln, jetzt: datetime) -> datetime:
    return jetzt - timedelta(seconds=regeln[Stoerungsart.STUMM].ab)


def _measured(stromzaehler_id: _Nummer, regeln: Regeln, jetzt: datetime) -> ColumnElement[int]:
    """Measured readings of a meter in the last whole UTC days, by its key: tagesstand holds years."""
    heute = int(jetzt.timestamp()) // _TAG_S
    summe = select(func.coalesce(func.sum(Tagesstand.gemessen, type_=BigInteger), 0)).where(
        Tagesstand.stromzaehler_id == stromzaehler_id,
        Tagesstand.tag >= heute - regeln.tage,
        Tagesstand.tag < heute,
    )
    return summe.scalar_subquery()


def _conspicuous(regeln: Regeln, jetzt: datetime, echtzeit: datetime) -> Sequence[ColumnElement[bool]]:
    """What a rule may find something at; the dearest to ask comes last."""
    s = Stoerungsart
    spaet = int(jetzt.timestamp()) - regeln[s.VERSPAETET].ab
    ablauf = echtzeit - timedelta(seconds=regeln[s.SCHLUESSEL].ab)
    erwartet = regeln.tage * VIERTELSTUNDEN_JE_TAG
    return (
        _T.zuletzt_empfangen.is_(None),
        _T.zuletzt_empfangen <= _silent_since(regeln, jetzt),
        _T.neueste_uhrzeit.is_(None),
        _T.neueste_uhrzeit <= spaet,
        _T.uhr_abweichung_s.is_not(None),
        _T.rsrp_dbm <= -regeln[s.FUNK].ab,
        _T.schluessel_gueltig_bis <= ablauf,
        _T.manipuliert_zeitpunkt > jetzt - MANIPULIERT_SEIT,
        and_(_T.abgewiesen_zeitpunkt >= day_begin(jetzt), _T.abgewiesen_anzahl >= regeln[s.ABWEISUNGEN].ab),
        # The least number that is enough, rounded up.
        _measured(_T.stromzaehler_id, regeln, jetzt) < -(-regeln.abdeckung_promille * erwartet // 1000),
    )


def list_running(session: Session, stromzaehler_ids: Collection[int]) -> list[Laufend]:
    """The Störungen of meters that are not over; the meters: all of those between the least and the greatest."""
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


def list_untold(session: Session, jetzt: datetime, stufen: Collection[Stufe], hoechstens: int) -> list[Zeile]:
    """Open Störungen of these degrees of which no mail has told yet, the oldest first."""
    anweisung = (
        _with_place(jetzt)
        .where(
            _LAUFEND,
            _OFFEN,
            Stoerung.stufe.in_(stufen),
            or_(Stoerung.gemeldet_stufe.is_(None), Stoerung.gemeldet_stufe != Stoerung.stufe),
        )
        .order_by(Stoerung.stoerung_id)
        .limit(hoechstens)
    )
    return [Zeile._make(zeile) for zeile in session.execute(anweisung)]


def mark_told(session: Session, gemeldete: Sequence[tuple[int, str]]) -> None:
    """Note of which degree a mail told; not a change that anybody else has to know of."""
    anweisung = update(_TABELLE).where(_TABELLE.c.stoerung_id == bindparam("nummer"))
    session.connection().execute(
        anweisung.values(gemeldet_stufe=bindparam("stufe_neu")),
        [{"nummer": nummer, "stufe_neu": stufe} for nummer, stufe in gemeldete],
    )


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

"""The SQL of maintenance."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, cast

from sqlalchemy import ColumnElement, Table, and_, bindparam, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from betreiber.seite import Seite, fetch_seite
from betreiber.wartung.domain import (
    Anlass,
    Eichungsart,
    Freigabe,
    Rechtsgrund,
    Sortierung,
    Tatsache,
    Wartungseintrag,
    Wartungslage,
)
from betreiber.zeit import local_date
from db.models import Abrechnungsfreigabe, Eichung, Einbau, Messstelle, Stromzaehler, Wartung


def get_wartung(session: Session, stromzaehler_id: int) -> Wartung | None:
    return session.get(Wartung, stromzaehler_id)


def get_lage(session: Session, stromzaehler_id: int) -> Wartungslage:
    """What the next maintenance of a meter follows from; the meter exists."""
    return _lagen(session, Stromzaehler.stromzaehler_id == stromzaehler_id, 1)[0]


def list_lagen(session: Session, nach_id: int, anzahl: int) -> list[Wartungslage]:
    """The same of the next meters after an id that are not scrapped."""
    weitere = and_(Stromzaehler.stromzaehler_id > nach_id, Stromzaehler.zustand != "VERSCHROTTET")
    return _lagen(session, weitere, anzahl)


def _lagen(session: Session, bedingung: ColumnElement[bool], anzahl: int) -> list[Wartungslage]:
    """Three statements for any number of meters."""
    anweisung = (
        select(
            Stromzaehler.stromzaehler_id,
            Stromzaehler.zustand,
            Stromzaehler.bauart,
            Stromzaehler.kennzeichnung_jahr,
            Stromzaehler.nutzungsdauer_jahre,
            Stromzaehler.gewaehrleistung_ende_datum,
            Stromzaehler.inbetriebnahme_datum,
            Wartung.einbau_datum,
            Wartung.letzte_manuelle_ablesung_datum,
            Wartung.letzte_eichung_datum,
            Wartung.vorgabe_datum,
            Wartung.kontrollablesung_monate,
            Wartung.naechste_wartung_datum,
            Wartung.anlass,
            Wartung.eichfrist_ende_datum,
            func.coalesce(Wartung.version, 0).label("version"),
        )
        .outerjoin(Wartung, Wartung.stromzaehler_id == Stromzaehler.stromzaehler_id)
        .where(bedingung)
        .order_by(Stromzaehler.stromzaehler_id)
        .limit(anzahl)
    )
    zeilen: Sequence[Any] = session.execute(anweisung).all()
    if not zeilen:
        return []
    von, bis = zeilen[0].stromzaehler_id, zeilen[-1].stromzaehler_id
    tatsachen = defaultdict(list)
    for stromzaehler_id, art, datum, bis_datum, los in session.execute(
        select(Eichung.stromzaehler_id, Eichung.art, Eichung.datum, Eichung.bis_datum, Eichung.los)
        .where(Eichung.stromzaehler_id.between(von, bis), Eichung.zurueckgenommen_zeitpunkt.is_(None))
        .order_by(Eichung.eichung_id)
    ):
        tatsachen[stromzaehler_id].append(Tatsache(Eichungsart(art), datum, bis_datum, los))
    erster_einbau = {
        stromzaehler_id: local_date(zeitpunkt)
        for stromzaehler_id, zeitpunkt in session.execute(
            select(Einbau.stromzaehler_id, func.min(Einbau.von))
            .where(Einbau.stromzaehler_id.between(von, bis))
            .group_by(Einbau.stromzaehler_id)
        )
    }
    return [
        Wartungslage(
            **zeile._mapping,
            erster_einbau_datum=erster_einbau.get(zeile.stromzaehler_id),
            tatsachen=tuple(tatsachen[zeile.stromzaehler_id]),
        )
        for zeile in zeilen
    ]


def write_derived(session: Session, neue: Sequence[Mapping[str, Any]], alte: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows that are not there yet, and update those whose `version` is still the given one.

    Who wrote a row meanwhile derived it anew.
    """
    # The tables, not the classes: the ORM would make a statement for each set of columns that are null.
    tabelle = cast(Table, Wartung.__table__)
    if neue:
        insert: Any = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}[session.get_bind().dialect.name]
        session.connection().execute(insert(tabelle).on_conflict_do_nothing(), neue)
    if alte:
        anweisung = (
            update(tabelle)
            .where(
                tabelle.c.stromzaehler_id == bindparam("b_stromzaehler_id"),
                tabelle.c.version == bindparam("b_version"),
            )
            .values(
                {name: bindparam(f"b_{name}") for name in alte[0] if name not in ("stromzaehler_id", "version")}
            )
            .values(version=tabelle.c.version + 1)
        )
        session.connection().execute(anweisung, [{f"b_{name}": wert for name, wert in z.items()} for z in alte])


def get_bundesland(session: Session, stromzaehler_id: int, zeitpunkt: datetime) -> str | None:
    """Where a meter hangs at an instant; None: nowhere."""
    anweisung = (
        select(Messstelle.bundesland)
        .join(Einbau, Einbau.messstelle_id == Messstelle.messstelle_id)
        .where(Einbau.stromzaehler_id == stromzaehler_id, _am_platz(zeitpunkt))
    )
    return session.scalar(anweisung)


def list_eichungen(session: Session, stromzaehler_id: int, *, seite: int, pro_seite: int) -> Seite[Eichung]:
    """The facts of a meter, those that were taken back among them, oldest first."""
    anweisung = select(Eichung).where(Eichung.stromzaehler_id == stromzaehler_id)
    return fetch_seite(session, anweisung.order_by(Eichung.datum, Eichung.eichung_id), seite, pro_seite)


def get_eichung(session: Session, stromzaehler_id: int, eichung_id: int) -> Eichung | None:
    eichung = session.get(Eichung, eichung_id)
    return eichung if eichung is not None and eichung.stromzaehler_id == stromzaehler_id else None


def list_abrechnungsfreigaben(
    session: Session, stromzaehler_id: int, *, seite: int, pro_seite: int
) -> Seite[Abrechnungsfreigabe]:
    """The grounds to bill of a meter, those that were taken back among them, oldest first."""
    anweisung = (
        select(Abrechnungsfreigabe)
        .where(Abrechnungsfreigabe.stromzaehler_id == stromzaehler_id)
        .order_by(Abrechnungsfreigabe.von_datum, Abrechnungsfreigabe.abrechnungsfreigabe_id)
    )
    return fetch_seite(session, anweisung, seite, pro_seite)


def get_abrechnungsfreigabe(
    session: Session, stromzaehler_id: int, abrechnungsfreigabe_id: int
) -> Abrechnungsfreigabe | None:
    freigabe = session.get(Abrechnungsfreigabe, abrechnungsfreigabe_id)
    return freigabe if freigabe is not None and freigabe.stromzaehler_id == stromzaehler_id else None


def list_freigaben(session: Session, stromzaehler_id: int) -> list[Freigabe]:
    """The grounds to bill that hold, oldest first."""
    anweisung = (
        select(
            Abrechnungsfreigabe.von_datum,
            Abrechnungsfreigabe.bis_datum,
            Abrechnungsfreigabe.rechtsgrund,
            Abrechnungsfreigabe.beleg,
        )
        .where(
            Abrechnungsfreigabe.stromzaehler_id == stromzaehler_id,
            Abrechnungsfreigabe.zurueckgenommen_zeitpunkt.is_(None),
        )
        .order_by(Abrechnungsfreigabe.von_datum, Abrechnungsfreigabe.abrechnungsfreigabe_id)
    )
    return [Freigabe(von, bis, Rechtsgrund(grund), beleg) for von, bis, grund, beleg in session.execute(anweisung)]


def list_wartungen(
    session: Session,
    zeitpunkt: datetime,
    *,
    faellig_bis: date | None,
    ueberfaellig_am: date | None,
    anlass: Anlass | None,
    postleitzahl: str | None,
    sortierung: Sortierung,
    seite: int,
    pro_seite: int,
) -> Seite[Wartungseintrag]:
    """Maintenance of all meters that are not scrapped, with the place where each hangs at `zeitpunkt`."""
    anweisung = (
        select(
            Wartung.stromzaehler_id,
            Stromzaehler.zaehlernummer,
            Stromzaehler.zustand,
            Wartung.einbau_datum,
            Wartung.letzte_manuelle_ablesung_datum,
            Wartung.letzte_eichung_datum,
            Wartung.naechste_wartung_datum,
            Wartung.anlass,
            Wartung.eichfrist_ende_datum,
            Wartung.version,
            Messstelle,
        )
        .join(Stromzaehler, Stromzaehler.stromzaehler_id == Wartung.stromzaehler_id)
        .outerjoin(Einbau, and_(Einbau.stromzaehler_id == Wartung.stromzaehler_id, _am_platz(zeitpunkt)))
        .outerjoin(Messstelle, Messstelle.messstelle_id == Einbau.messstelle_id)
        .where(Stromzaehler.zustand != "VERSCHROTTET")
    )
    if faellig_bis is not None:
        anweisung = anweisung.where(Wartung.naechste_wartung_datum <= faellig_bis)
    if ueberfaellig_am is not None:
        # A date set by hand may lie after the end of the Eichfrist: it does not make the meter less overdue.
        tage = (Wartung.naechste_wartung_datum, Wartung.eichfrist_ende_datum)
        anweisung = anweisung.where(or_(*(tag < ueberfaellig_am for tag in tage)))
    if anlass is not None:
        anweisung = anweisung.where(Wartung.anlass == anlass)
    if postleitzahl:
        anweisung = anweisung.where(Messstelle.postleitzahl.startswith(postleitzahl, autoescape=True))
    # What has no date or no place comes last: SQLite would put it first.
    if sortierung is not Sortierung.FAELLIG:
        anweisung = anweisung.order_by(Messstelle.postleitzahl.nulls_last())
    if sortierung is Sortierung.STRASSE:
        # House numbers are texts: 9 comes before 10 because it is shorter.
        nummer = Messstelle.hausnummer
        anweisung = anweisung.order_by(
            Messstelle.strasse.nulls_last(),
            func.length(nummer).nulls_last(),
            nummer.nulls_last(),
            Messstelle.hausnummerzusatz.nulls_first(),
        )
    anweisung = anweisung.order_by(Wartung.naechste_wartung_datum.nulls_last(), Wartung.stromzaehler_id)
    return fetch_seite(session, anweisung, seite, pro_seite, als=Wartungseintrag)


def _am_platz(zeitpunkt: datetime) -> ColumnElement[bool]:
    return and_(Einbau.von <= zeitpunkt, or_(Einbau.bis.is_(None), Einbau.bis > zeitpunkt))

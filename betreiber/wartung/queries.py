"""The SQL of maintenance."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, cast

from sqlalchemy import ColumnElement, Table, and_, bindparam, case, func, or_, select, true, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from betreiber.seite import Seite, fetch_seite
from betreiber.wartung.domain import (
    HAENGEND,
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
from db.models import Abrechnungsfreigabe, Audit, Eichung, Einbau, Ereignis, Messstelle, Stromzaehler, Wartung


def get_wartung(session: Session, stromzaehler_id: int) -> Wartung | None:
    return session.get(Wartung, stromzaehler_id)


def get_lage(session: Session, stromzaehler_id: int, zeitpunkt: datetime) -> Wartungslage:
    """What the next maintenance of a meter follows from at an instant; the meter exists."""
    return _lagen(session, Stromzaehler.stromzaehler_id == stromzaehler_id, zeitpunkt, 1)[0]


def list_lagen(session: Session, nach_id: int, zeitpunkt: datetime, anzahl: int) -> list[Wartungslage]:
    """The same of the next meters after an id that are not scrapped."""
    weitere = and_(Stromzaehler.stromzaehler_id > nach_id, Stromzaehler.zustand != "VERSCHROTTET")
    return _lagen(session, weitere, zeitpunkt, anzahl)


def _lagen(
    session: Session, bedingung: ColumnElement[bool], zeitpunkt: datetime, anzahl: int
) -> list[Wartungslage]:
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
            Wartung.antragsfrist_datum,
            Wartung.antragswarnung_datum,
            func.coalesce(Wartung.version, 0).label("version"),
            Messstelle.bundesland,
        )
        .outerjoin(Wartung, Wartung.stromzaehler_id == Stromzaehler.stromzaehler_id)
        .outerjoin(Einbau, and_(Einbau.stromzaehler_id == Stromzaehler.stromzaehler_id, _am_platz(zeitpunkt)))
        .outerjoin(Messstelle, Messstelle.messstelle_id == Einbau.messstelle_id)
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
    antrag_bis: date | None,
    anlass: Anlass | None,
    eingebaut: bool,
    modell: str | None,
    postleitzahl: str | None,
    sortierung: Sortierung,
    seite: int,
    pro_seite: int,
) -> Seite[Wartungseintrag]:
    """Maintenance of all meters that are not scrapped, with the place where each hangs at `zeitpunkt`.

    Counted and sorted are bare ids, joined to what is asked for only: of 300,000 whole rows that takes seconds.
    """
    auswahl: Any = (
        select(Wartung.stromzaehler_id)
        .join(Stromzaehler, Stromzaehler.stromzaehler_id == Wartung.stromzaehler_id)
        .where(Stromzaehler.zustand != "VERSCHROTTET")
    )
    if faellig_bis is not None:
        auswahl = auswahl.where(Wartung.naechste_wartung_datum <= faellig_bis)
    if ueberfaellig_am is not None:
        # A date set by hand may lie after the end of the Eichfrist: it does not make the meter less overdue.
        tage = (Wartung.naechste_wartung_datum, Wartung.eichfrist_ende_datum)
        auswahl = auswahl.where(or_(*(tag < ueberfaellig_am for tag in tage)))
    if antrag_bis is not None:
        # Without a day on which to warn verification was applied for in time.
        zu_beantragen = Wartung.antragswarnung_datum.is_not(None)
        auswahl = auswahl.where(Wartung.antragsfrist_datum <= antrag_bis, zu_beantragen)
    if anlass is not None:
        auswahl = auswahl.where(Wartung.anlass == anlass)
    if eingebaut:
        auswahl = auswahl.where(Stromzaehler.zustand.in_(HAENGEND))
    if modell is not None:
        auswahl = auswahl.where(Stromzaehler.modell == modell)
    if postleitzahl:
        # A range, because SQLite looks for no LIKE in an index.
        anfang = Messstelle.postleitzahl.between(postleitzahl.ljust(5, "0"), postleitzahl.ljust(5, "9"))
        auswahl = _join_platz(auswahl, zeitpunkt, isouter=False).where(anfang)
    gesamt = session.scalar(select(func.count()).select_from(auswahl.subquery())) or 0
    if sortierung is not Sortierung.FAELLIG and not postleitzahl:
        auswahl = _join_platz(auswahl, zeitpunkt)
    reihe = auswahl.order_by(*_order(sortierung)).limit(pro_seite).offset((seite - 1) * pro_seite)
    return Seite(_read_entries(session, zeitpunkt, session.scalars(reihe).all()), seite, pro_seite, gesamt)


def _order(sortierung: Sortierung) -> Sequence[ColumnElement[Any]]:
    """What has no date or no place comes last: SQLite would put it first."""
    faellig = (Wartung.naechste_wartung_datum.nulls_last(), Wartung.stromzaehler_id)
    ort = (Messstelle.postleitzahl.nulls_last(),)
    # House numbers are texts: 9 comes before 10 because it is shorter.
    nummer = Messstelle.hausnummer
    strasse = (
        Messstelle.strasse.nulls_last(),
        func.length(nummer).nulls_last(),
        nummer.nulls_last(),
        Messstelle.hausnummerzusatz.nulls_first(),
    )
    reihen: Mapping[Sortierung, Sequence[Any]] = {
        Sortierung.FAELLIG: faellig,
        Sortierung.POSTLEITZAHL: (*ort, *faellig),
        Sortierung.STRASSE: (*ort, *strasse, *faellig),
    }
    return reihen[sortierung]


def _read_entries(
    session: Session, zeitpunkt: datetime, stromzaehler_ids: Sequence[int]
) -> Sequence[Wartungseintrag]:
    """These meters, in their order."""
    anweisung = select(
        Wartung.stromzaehler_id,
        Stromzaehler.zaehlernummer,
        Stromzaehler.zustand,
        Wartung.einbau_datum,
        Wartung.letzte_manuelle_ablesung_datum,
        Wartung.letzte_eichung_datum,
        Wartung.naechste_wartung_datum,
        Wartung.anlass,
        Wartung.eichfrist_ende_datum,
        Wartung.antragsfrist_datum,
        Wartung.antragswarnung_datum,
        Wartung.version,
        Messstelle,
    ).join(Stromzaehler, Stromzaehler.stromzaehler_id == Wartung.stromzaehler_id)
    zeilen = session.execute(
        _join_platz(anweisung, zeitpunkt).where(Wartung.stromzaehler_id.in_(stromzaehler_ids))
    )
    eintraege = {zeile.stromzaehler_id: Wartungseintrag(*zeile) for zeile in zeilen}
    return [eintraege[stromzaehler_id] for stromzaehler_id in stromzaehler_ids]


def _join_platz(anweisung: Any, zeitpunkt: datetime, *, isouter: bool = True) -> Any:
    """Add where each meter hangs at an instant."""
    haengt = and_(Einbau.stromzaehler_id == Wartung.stromzaehler_id, _am_platz(zeitpunkt))
    return anweisung.join(Einbau, haengt, isouter=isouter).join(
        Messstelle, Messstelle.messstelle_id == Einbau.messstelle_id, isouter=isouter
    )


def count_wartungen(session: Session, von: date, bis: date, heute: date) -> Sequence[Any]:
    """Of the meters that hang, by Anlass: all, due in [von, bis), overdue, Eichfrist over, to be applied for."""
    faellig, frist = Wartung.naechste_wartung_datum, Wartung.antragsfrist_datum
    fragen = {
        "zaehler": true(),
        "faellig": and_(faellig >= von, faellig < bis),
        "ueberfaellig": faellig < heute,
        "abgelaufen": Wartung.eichfrist_ende_datum < heute,
        "antraege": and_(frist >= von, frist < bis, Wartung.antragswarnung_datum.is_not(None)),
    }
    anweisung = (
        select(Wartung.anlass, *(func.count(case((frage, 1))).label(name) for name, frage in fragen.items()))
        .select_from(Stromzaehler)
        .outerjoin(Wartung, Wartung.stromzaehler_id == Stromzaehler.stromzaehler_id)
        .where(Stromzaehler.zustand.in_(HAENGEND))
        .group_by(Wartung.anlass)
    )
    return session.execute(anweisung).all()


def list_zu_warnende(session: Session, heute: date) -> Sequence[int]:
    """The meters whose day to warn has come and of whose Eichfrist, which has not ended, nobody was told."""
    anweisung = select(Wartung.stromzaehler_id).where(_zu_warnen(heute))
    return session.scalars(anweisung.order_by(Wartung.antragswarnung_datum, Wartung.stromzaehler_id)).all()


def mark_gewarnt(session: Session, heute: date, stromzaehler_ids: Sequence[int]) -> Sequence[Any]:
    """Note of which Eichfrist is told; returns who still is to be warned: id, end, last day to apply.

    In the order of their ids. Nobody is shown the note, and so the version stays.
    """
    tabelle = cast(Table, Wartung.__table__)
    anweisung = (
        update(tabelle)
        .where(tabelle.c.stromzaehler_id.in_(stromzaehler_ids), _zu_warnen(heute))
        .values(antrag_gewarnt_datum=tabelle.c.eichfrist_ende_datum)
        .returning(tabelle.c.stromzaehler_id, tabelle.c.eichfrist_ende_datum, tabelle.c.antragsfrist_datum)
    )
    return sorted(session.connection().execute(anweisung).all())


def _zu_warnen(heute: date) -> ColumnElement[bool]:
    haengt = (
        select(Stromzaehler.stromzaehler_id)
        .where(Stromzaehler.stromzaehler_id == Wartung.stromzaehler_id, Stromzaehler.zustand.in_(HAENGEND))
        .exists()
    )
    return and_(
        Wartung.antragswarnung_datum <= heute,
        # Nobody can apply for what has ended: that is counted, and does not flood the first mail of an old fleet.
        Wartung.eichfrist_ende_datum >= heute,
        Wartung.antrag_gewarnt_datum.is_distinct_from(Wartung.eichfrist_ende_datum),
        haengt,
    )


def find_unreported(session: Session) -> tuple[int, int]:
    """The last event of which a mail has told, and the last that there is."""
    gemeldet = select(func.max(Audit.objekt_id)).where(Audit.objekt_art == "eichantrag")
    letztes = select(func.max(Ereignis.ereignis_id)).where(Ereignis.art == "EICHANTRAG_FAELLIG")
    return session.scalar(gemeldet) or 0, session.scalar(letztes) or 0


def count_gewarnte(session: Session, seit: int, heute: date) -> Sequence[Any]:
    """Meters of events after `seit` that are still to be applied for: last day to apply, maker, model, number."""
    gruppe = (Wartung.antragsfrist_datum, Stromzaehler.hersteller, Stromzaehler.modell)
    return session.execute(
        select(*gruppe, func.count())
        .select_from(Wartung)
        .join(Stromzaehler, Stromzaehler.stromzaehler_id == Wartung.stromzaehler_id)
        .where(_gewarnt(seit, heute))
        .group_by(*gruppe)
        .order_by(*gruppe)
    ).all()


def list_gewarnte(session: Session, seit: int, heute: date, anzahl: int) -> Sequence[str]:
    """The first numbers of these meters, by the day to apply."""
    anweisung = (
        select(Stromzaehler.zaehlernummer)
        .join(Wartung, Stromzaehler.stromzaehler_id == Wartung.stromzaehler_id)
        .where(_gewarnt(seit, heute))
        .order_by(Wartung.antragsfrist_datum, Stromzaehler.zaehlernummer)
        .limit(anzahl)
    )
    return session.scalars(anweisung).all()


def _gewarnt(seit: int, heute: date) -> ColumnElement[bool]:
    """Of whom events tell. One that was taken down since may hang again, and no other event would tell of it."""
    ereignisse = select(Ereignis.objekt_id).where(
        Ereignis.art == "EICHANTRAG_FAELLIG", Ereignis.ereignis_id > seit
    )
    return and_(
        Wartung.antragswarnung_datum.is_not(None),
        # That of which the event told: it has not ended, and no other has begun.
        Wartung.eichfrist_ende_datum >= heute,
        Wartung.eichfrist_ende_datum == Wartung.antrag_gewarnt_datum,
        Stromzaehler.zustand != "VERSCHROTTET",
        Wartung.stromzaehler_id.in_(ereignisse),
    )


def _am_platz(zeitpunkt: datetime) -> ColumnElement[bool]:
    return and_(Einbau.von <= zeitpunkt, or_(Einbau.bis.is_(None), Einbau.bis > zeitpunkt))

"""The SQL of work orders."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any, cast

from sqlalchemy import ColumnElement, Row, Select, Table, and_, bindparam, false, func, or_, select, update
from sqlalchemy.orm import Session, joinedload, selectinload, undefer
from sqlalchemy.orm.attributes import flag_modified
from sqlalchemy.orm.interfaces import ORMOption

from betreiber.auftrag.domain import (
    LAUFEND,
    NACHFRIST,
    NOCH_ZUHAUSE,
    NUR_VON_MENSCHEN_BEHOBEN,
    Auftragsverlauf,
    Auftragszustand,
    Nachweisart,
)
from betreiber.seite import Seite, fetch_seite
from db.models import (
    Auftrag,
    Auftragsbesuch,
    Auftragsnachweis,
    Benutzer,
    Einbau,
    Kunde,
    KundeStromzaehler,
    Messstelle,
    Stoerung,
    Stromzaehler,
)

_MIT_ORT: Sequence[ORMOption] = (
    joinedload(Auftrag.messstelle, innerjoin=True),
    joinedload(Auftrag.stromzaehler),
    selectinload(Auftrag.ankuendigungen),
)


def get_auftrag(session: Session, auftrag_id: int, monteur: int | None) -> Auftrag | None:
    """An order with its place, its meter and what was brought back; `monteur`: only if it is this fitter's."""
    mit = (*_MIT_ORT, selectinload(Auftrag.besuche), selectinload(Auftrag.nachweise))
    return session.scalar(_of(monteur).where(Auftrag.auftrag_id == auftrag_id).options(*mit))


def list_auftraege(
    session: Session,
    *,
    monteur: int | None,
    zustand: str | None,
    art: str | None,
    von: date | None,
    bis: date | None,
    postleitzahl: str | None,
    stromzaehler_id: int | None,
    seite: int,
    pro_seite: int,
) -> Seite[Auftrag]:
    """Orders by day of the visit, those without one last."""
    anweisung = _of(monteur).options(*_MIT_ORT)
    if zustand is not None:
        anweisung = anweisung.where(Auftrag.zustand == zustand)
    if art is not None:
        anweisung = anweisung.where(Auftrag.art == art)
    if von is not None:
        anweisung = anweisung.where(Auftrag.termin_datum >= von)
    if bis is not None:
        anweisung = anweisung.where(Auftrag.termin_datum < bis)
    if postleitzahl is not None:
        anweisung = anweisung.join(Auftrag.messstelle).where(_in(postleitzahl))
    if stromzaehler_id is not None:
        anweisung = anweisung.where(Auftrag.stromzaehler_id == stromzaehler_id)
    anweisung = anweisung.order_by(Auftrag.termin_datum.nulls_last(), Auftrag.auftrag_id)
    return fetch_seite(session, anweisung, seite, pro_seite)


def list_of_day(session: Session, tag: date, monteur: int | None) -> Sequence[Auftrag]:
    """The orders of a day that were not cancelled, with their places."""
    anweisung = _of(monteur).where(Auftrag.termin_datum == tag, Auftrag.zustand != Auftragszustand.STORNIERT)
    return session.scalars(anweisung.options(*_MIT_ORT)).all()


def count_open(session: Session, postleitzahl: str | None) -> int:
    """How many orders wait for a plan."""
    return session.scalar(_open(postleitzahl).with_only_columns(func.count(), maintain_column_froms=True)) or 0


def list_stopps(session: Session, postleitzahl: str | None, je_land: Mapping[str, int]) -> Sequence[Row[Any]]:
    """Orders that wait for a plan, with their places: of each Bundesland the first so many on the way."""
    ort = (Messstelle.postleitzahl, Messstelle.strasse, Messstelle.hausnummer, Messstelle.hausnummerzusatz)
    # House numbers are texts: 9 comes before 10 because it is shorter.
    weg = (*ort[:2], func.length(Messstelle.hausnummer), *ort[2:], Auftrag.auftrag_id)
    rang = func.row_number().over(partition_by=Messstelle.bundesland, order_by=weg).label("rang")
    offene = (
        _open(postleitzahl)
        .with_only_columns(Auftrag.auftrag_id, Auftrag.art, Messstelle.bundesland, *ort, rang)
        .subquery()
    )
    zeilen = select(*(spalte for spalte in offene.c if spalte.name != "rang"))
    plaetze = (and_(offene.c.bundesland == land, offene.c.rang <= anzahl) for land, anzahl in je_land.items())
    return session.execute(zeilen.where(or_(false(), *plaetze))).all()


def _open(postleitzahl: str | None) -> Select[Auftrag]:
    anweisung = _of(None).join(Auftrag.messstelle).where(Auftrag.zustand == Auftragszustand.OFFEN)
    return anweisung if postleitzahl is None else anweisung.where(_in(postleitzahl))


def write_plan(session: Session, plan: Sequence[Mapping[str, Any]]) -> int:
    """Give orders their plan (`auftrag_id`, `termin_datum`, `benutzer_id`); how many still waited for one."""
    # The table, not the class: SQLite would get a statement for each row, to compare its version.
    tabelle = cast(Table, Auftrag.__table__)
    anweisung = (
        update(tabelle)
        .where(tabelle.c.auftrag_id == bindparam("b_auftrag_id"), tabelle.c.zustand == Auftragszustand.OFFEN)
        .values(
            zustand=Auftragszustand.GEPLANT.value,
            termin_datum=bindparam("b_termin_datum"),
            benutzer_id=bindparam("b_benutzer_id"),
            version=tabelle.c.version + 1,
        )
    )
    zeilen = [{f"b_{name}": wert for name, wert in zeile.items()} for zeile in plan]
    return session.connection().execute(anweisung, zeilen).rowcount


def count_stopps(session: Session, von: date, bis: date) -> Mapping[tuple[date, int], int]:
    """How many orders each fitter has on each day of [von, bis) already: those that are done were a stop, too."""
    anweisung = (
        select(Auftrag.termin_datum, Auftrag.benutzer_id, func.count())
        .where(
            Auftrag.zustand != Auftragszustand.STORNIERT, Auftrag.termin_datum >= von, Auftrag.termin_datum < bis
        )
        .group_by(Auftrag.termin_datum, Auftrag.benutzer_id)
    )
    return {(tag, monteur): anzahl for tag, monteur, anzahl in session.execute(anweisung) if tag and monteur}


def get_messstelle(session: Session, messstelle_id: int) -> Messstelle | None:
    return session.get(Messstelle, messstelle_id)


def get_stromzaehler(session: Session, stromzaehler_id: int) -> Stromzaehler | None:
    return session.get(Stromzaehler, stromzaehler_id)


def find_eingebauter(session: Session, messstelle_id: int, zeitpunkt: datetime) -> Stromzaehler | None:
    """The meter that hangs at a Messstelle at an instant."""
    return session.scalar(
        select(Stromzaehler)
        .join(Einbau, Einbau.stromzaehler_id == Stromzaehler.stromzaehler_id)
        .where(Einbau.messstelle_id == messstelle_id, _at(zeitpunkt))
    )


def may_read(session: Session, stromzaehler: Stromzaehler, messstelle_id: int, zeitpunkt: datetime) -> bool:
    """Whether a reading at a place can be of this meter: not if it hung at another one at that instant."""
    am = select(Einbau.messstelle_id).where(Einbau.stromzaehler_id == stromzaehler.stromzaehler_id, _at(zeitpunkt))
    return session.scalar(am) in (None, messstelle_id)


def list_monteure(session: Session, benutzer_ids: Sequence[int]) -> set[int]:
    """Those of these logins that are fitters and may log in."""
    anweisung = select(Benutzer).where(Benutzer.benutzer_id.in_(benutzer_ids), Benutzer.aktiv)
    # The two databases look into a list in JSON in two ways; there are few fitters.
    return {benutzer.benutzer_id for benutzer in session.scalars(anweisung) if "monteur" in benutzer.rollen}


def lock_monteure(session: Session, benutzer_ids: Sequence[int]) -> None:
    """Let whoever else distributes orders among these logins wait for the end of this transaction.

    Always in the order of their numbers, so that two never wait for each other; what only refers to a login, as an
    order that is planned by hand does, need not wait.
    """
    anweisung = select(Benutzer.benutzer_id).where(Benutzer.benutzer_id.in_(benutzer_ids))
    session.execute(anweisung.order_by(Benutzer.benutzer_id).with_for_update(key_share=True)).all()


def list_kontakte(session: Session, auftrag_ids: Sequence[int], zeitpunkt: datetime) -> Mapping[int, Kunde]:
    """By order, the customer of whom its meter is at an instant, if it hangs at the place of the order then."""
    anweisung = (
        select(Auftrag.auftrag_id, Kunde)
        .join(KundeStromzaehler, KundeStromzaehler.stromzaehler_id == Auftrag.stromzaehler_id)
        .join(Kunde, Kunde.kunde_id == KundeStromzaehler.kunde_id)
        .join(Einbau, Einbau.stromzaehler_id == Auftrag.stromzaehler_id)
        .where(
            Auftrag.auftrag_id.in_(auftrag_ids),
            Einbau.messstelle_id == Auftrag.messstelle_id,
            _at(zeitpunkt),
            KundeStromzaehler.von <= zeitpunkt,
            or_(KundeStromzaehler.bis.is_(None), KundeStromzaehler.bis > zeitpunkt),
        )
    )
    return {zeile[0]: zeile[1] for zeile in session.execute(anweisung)}


def list_benutzernamen(session: Session, benutzer_ids: Sequence[int]) -> Mapping[int, str]:
    """The names of logins."""
    anweisung = select(Benutzer.benutzer_id, Benutzer.benutzername).where(Benutzer.benutzer_id.in_(benutzer_ids))
    return {zeile[0]: zeile[1] for zeile in session.execute(anweisung)}


def find_ablesung(session: Session, auftrag_id: int) -> Auftragsnachweis | None:
    """The last reading that was brought back for an order."""
    return session.scalar(
        select(Auftragsnachweis)
        .where(Auftragsnachweis.auftrag_id == auftrag_id, Auftragsnachweis.art == Nachweisart.ABLESUNG)
        .order_by(Auftragsnachweis.zeitpunkt.desc(), Auftragsnachweis.auftragsnachweis_id.desc())
        .limit(1)
    )


def get_foto(session: Session, auftrag_id: int, auftragsnachweis_id: int) -> Auftragsnachweis | None:
    """A proof of an order with its content."""
    return session.scalar(
        select(Auftragsnachweis)
        .where(
            Auftragsnachweis.auftrag_id == auftrag_id,
            Auftragsnachweis.auftragsnachweis_id == auftragsnachweis_id,
        )
        .options(undefer(Auftragsnachweis.inhalt))
        # The order has brought its proofs without their contents.
        .execution_options(populate_existing=True)
    )


def raise_version(session: Session, auftrag: Auftrag) -> None:
    """Write an order that did not change all the same: whoever read it before is behind (StaleDataError)."""
    flag_modified(auftrag, "termin_datum")
    session.flush()


def count_besuche(session: Session, auftrag_id: int) -> int:
    anweisung = select(func.count()).where(Auftragsbesuch.auftrag_id == auftrag_id)
    return session.scalar(anweisung) or 0


def list_stoerungen_without_auftrag(
    session: Session, stufe: str, ausser: Collection[str], zeitpunkt: datetime, hoechstens: int
) -> Sequence[Row[int, str, str, datetime, int, int]]:
    """Open Störungen of a stage and of all causes but some, oldest first, that lack an order, of meters that hang
    somewhere: id, kind, cause, begin, meter, place.

    One visit a meter: while an order runs for another of its Störungen, it is enough. One that a person cancelled
    is not opened again. One that was done has NACHFRIST to show its effect on all that was wrong with the meter by
    then; a MANIPULATION that was looked into ends only when a person closes it, so it gets no second order.
    """
    eigener = Auftrag.stoerung_id == Stoerung.stoerung_id
    genug = and_(
        # At the top, so that the index of the meters' orders serves for all that follows.
        Auftrag.stromzaehler_id == Stoerung.stromzaehler_id,
        Auftrag.stoerung_id.is_not(None),
        or_(
            Auftrag.zustand.in_(LAUFEND),
            and_(Auftrag.zustand == Auftragszustand.STORNIERT, eigener),
            and_(
                Auftrag.zustand == Auftragszustand.ERLEDIGT,
                or_(
                    and_(
                        Auftrag.beendet_zeitpunkt > zeitpunkt - NACHFRIST,
                        Auftrag.beendet_zeitpunkt >= Stoerung.beginn_zeitpunkt,
                    ),
                    and_(Stoerung.art == NUR_VON_MENSCHEN_BEHOBEN, eigener),
                ),
            ),
        ),
    )
    anweisung = (
        select(
            Stoerung.stoerung_id,
            Stoerung.art,
            Stoerung.ursache,
            Stoerung.beginn_zeitpunkt,
            Stoerung.stromzaehler_id,
            Einbau.messstelle_id,
        )
        .join(Einbau, and_(Einbau.stromzaehler_id == Stoerung.stromzaehler_id, _at(zeitpunkt)))
        .where(
            Stoerung.behoben_zeitpunkt.is_(None),
            Stoerung.stufe == stufe,
            Stoerung.ursache.not_in(ausser),
            ~select(Auftrag.auftrag_id).where(genug).exists(),
        )
        .order_by(Stoerung.stoerung_id)
        .limit(hoechstens)
    )
    return session.execute(anweisung).all()


def list_needless(session: Session) -> Sequence[Auftrag]:
    """Orders for which nobody has set out yet and whose Störung is over."""
    return session.scalars(
        _of(None)
        .join(Stoerung, Stoerung.stoerung_id == Auftrag.stoerung_id)
        .where(Auftrag.zustand.in_(NOCH_ZUHAUSE), Stoerung.behoben_zeitpunkt.is_not(None))
    ).all()


def list_verlaeufe(
    session: Session, tage: tuple[date, date], zeitraum: tuple[datetime, datetime]
) -> list[Auftragsverlauf]:
    """Orders whose day or whose end lies in [von, bis): `tage` as days, `zeitraum` as the same in instants."""
    erster_besuch = (
        select(func.min(Auftragsbesuch.zeitpunkt))
        .where(Auftragsbesuch.auftrag_id == Auftrag.auftrag_id)
        .scalar_subquery()
    )
    anweisung = select(
        Auftrag.art,
        Auftrag.zustand,
        Auftrag.termin_datum,
        Auftrag.angelegt_zeitpunkt,
        Auftrag.beendet_zeitpunkt,
        erster_besuch,
    ).where(
        or_(
            and_(Auftrag.termin_datum >= tage[0], Auftrag.termin_datum < tage[1]),
            and_(Auftrag.beendet_zeitpunkt >= zeitraum[0], Auftrag.beendet_zeitpunkt < zeitraum[1]),
        )
    )
    return [Auftragsverlauf(*zeile) for zeile in session.execute(anweisung)]


def count_failed_visits(session: Session, von: datetime, bis: datetime) -> Mapping[str, int]:
    """Visits of [von, bis) that failed, by kind of order."""
    anweisung = (
        select(Auftrag.art, func.count())
        .join(Auftragsbesuch, Auftragsbesuch.auftrag_id == Auftrag.auftrag_id)
        .where(Auftragsbesuch.zeitpunkt >= von, Auftragsbesuch.zeitpunkt < bis)
        .group_by(Auftrag.art)
    )
    return {zeile[0]: zeile[1] for zeile in session.execute(anweisung)}


def _of(monteur: int | None) -> Select[Auftrag]:
    anweisung = select(Auftrag)
    return anweisung if monteur is None else anweisung.where(Auftrag.benutzer_id == monteur)


def _in(postleitzahl: str) -> ColumnElement[bool]:
    return Messstelle.postleitzahl.startswith(postleitzahl, autoescape=True)


def _at(zeitpunkt: datetime) -> ColumnElement[bool]:
    return and_(Einbau.von <= zeitpunkt, or_(Einbau.bis.is_(None), Einbau.bis > zeitpunkt))

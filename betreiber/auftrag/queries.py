"""The SQL of work orders."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    Table,
    Text,
    and_,
    bindparam,
    case,
    false,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Session, joinedload, selectinload, undefer
from sqlalchemy.orm.attributes import flag_modified
from sqlalchemy.orm.interfaces import ORMOption

from betreiber.auftrag.domain import (
    LAUFEND,
    NOCH_ZUHAUSE,
    Auftragsart,
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
    Stromzaehler,
    Wartung,
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


def count_open(session: Session, zeitpunkt: datetime, postleitzahl: str | None) -> int:
    """How many orders wait for a plan; not those whose meter hangs there no longer."""
    return (
        session.scalar(_open(zeitpunkt, postleitzahl).with_only_columns(func.count(), maintain_column_froms=True))
        or 0
    )


def list_stopps(
    session: Session, zeitpunkt: datetime, postleitzahl: str | None, je_land: Mapping[str, int]
) -> Sequence[Row[Any]]:
    """Of each Bundesland so many of these orders, with their places, the most urgent ones first.

    Repairs come first, the oldest ones first; then the others by the due date of the meter, or the end of its
    Eichfrist if that is earlier; then what is older; and of those that were made at once the first on the way.
    """
    ort = (Messstelle.postleitzahl, Messstelle.strasse, Messstelle.hausnummer, Messstelle.hausnummerzusatz)
    # House numbers are texts: 9 comes before 10 because it is shorter.
    weg = (*ort[:2], func.length(Messstelle.hausnummer), *ort[2:], Auftrag.auftrag_id)
    reparatur = or_(Auftrag.art == Auftragsart.REPARATUR, Auftrag.stoerung_id.is_not(None))
    faellig = case(
        (reparatur, None),
        # A date by hand may lie after the end of the Eichfrist.
        (Wartung.eichfrist_ende_datum < Wartung.naechste_wartung_datum, Wartung.eichfrist_ende_datum),
        else_=Wartung.naechste_wartung_datum,
    )
    dringend = (case((reparatur, 0), else_=1), faellig.nulls_last(), Auftrag.angelegt_zeitpunkt, *weg)
    rang = func.row_number().over(partition_by=Messstelle.bundesland, order_by=dringend).label("rang")
    folge = func.row_number().over(order_by=dringend).label("folge")
    offene = (
        _open(zeitpunkt, postleitzahl)
        .outerjoin(Wartung, Wartung.stromzaehler_id == Auftrag.stromzaehler_id)
        .with_only_columns(Auftrag.auftrag_id, Auftrag.art, Messstelle.bundesland, *ort, rang, folge)
        .subquery()
    )
    plaetze = (and_(offene.c.bundesland == land, offene.c.rang <= anzahl) for land, anzahl in je_land.items())
    return session.execute(select(offene).where(or_(false(), *plaetze)).order_by(offene.c.folge)).all()


def _open(zeitpunkt: datetime, postleitzahl: str | None) -> Select[Auftrag]:
    offen = Auftrag.zustand == Auftragszustand.OFFEN
    anweisung = _of(None).join(Auftrag.messstelle).where(offen, haengt(zeitpunkt))
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


def lock_messstelle(session: Session, messstelle_id: int) -> Messstelle | None:
    """A place; whoever else makes an order for it waits for the end of this transaction."""
    return session.get(Messstelle, messstelle_id, with_for_update={"key_share": True})


def find_laufender(
    session: Session, art: Auftragsart, messstelle: Messstelle, stromzaehler: Stromzaehler | None
) -> int | None:
    """The oldest running order of a kind at a place: for the meter, or of an EINBAU for whichever one."""
    anweisung = select(func.min(Auftrag.auftrag_id)).where(
        Auftrag.messstelle_id == messstelle.messstelle_id, Auftrag.art == art, Auftrag.zustand.in_(LAUFEND)
    )
    if art is not Auftragsart.EINBAU:
        anweisung = anweisung.where(Auftrag.stromzaehler == stromzaehler)
    return session.scalar(anweisung)


def has_ausbau(session: Session, messstelle_id: int) -> bool:
    """Whether an order to remove the meter of a place runs."""
    anweisung = select(Auftrag.auftrag_id).where(
        Auftrag.messstelle_id == messstelle_id,
        Auftrag.art == Auftragsart.AUSBAU,
        Auftrag.zustand.in_(LAUFEND),
    )
    return session.scalar(anweisung.limit(1)) is not None


def get_stromzaehler(session: Session, stromzaehler_id: int) -> Stromzaehler | None:
    return session.get(Stromzaehler, stromzaehler_id)


def find_eingebauter(session: Session, messstelle_id: int, zeitpunkt: datetime) -> Stromzaehler | None:
    """The meter that hangs at a Messstelle at an instant."""
    return session.scalar(
        select(Stromzaehler)
        .join(Einbau, Einbau.stromzaehler_id == Stromzaehler.stromzaehler_id)
        .where(Einbau.messstelle_id == messstelle_id, _at(zeitpunkt))
    )


def haengt(zeitpunkt: datetime) -> ColumnElement[bool]:
    """Whether the meter of an order hangs at its place; true where none has to, as before an EINBAU."""
    dort = select(Einbau.einbau_id).where(
        Einbau.stromzaehler_id == Auftrag.stromzaehler_id,
        Einbau.messstelle_id == Auftrag.messstelle_id,
        _at(zeitpunkt),
    )
    return or_(Auftrag.art == Auftragsart.EINBAU, Auftrag.stromzaehler_id.is_(None), dort.exists())


def is_zaehler_there(session: Session, auftrag_id: int, zeitpunkt: datetime) -> bool:
    """The same of one order."""
    anweisung = select(Auftrag.auftrag_id).where(Auftrag.auftrag_id == auftrag_id, haengt(zeitpunkt))
    return session.scalar(anweisung) is not None


def list_ueberholte(
    session: Session, zeitpunkt: datetime, nach: int, hoechstens: int
) -> Sequence[Row[Auftrag, datetime | None]]:
    """Orders after one, by number, for which nobody has set out and whose meter hangs there no longer, each with
    when it was removed. None: it never hung there, its installation was undone.

    Locked until the end of the transaction (PostgreSQL);
    those that somebody else is changing now are left out.
    """
    letzter = select(func.max(Einbau.bis)).where(
        Einbau.stromzaehler_id == Auftrag.stromzaehler_id, Einbau.messstelle_id == Auftrag.messstelle_id
    )
    anweisung = (
        select(Auftrag, letzter.scalar_subquery())
        .where(Auftrag.auftrag_id > nach, Auftrag.zustand.in_(NOCH_ZUHAUSE), ~haengt(zeitpunkt))
        .order_by(Auftrag.auftrag_id)
        .limit(hoechstens)
        .with_for_update(of=Auftrag, skip_locked=True)
        .execution_options(populate_existing=True)
    )
    return session.execute(anweisung).all()


def may_read(session: Session, stromzaehler: Stromzaehler, messstelle_id: int, zeitpunkt: datetime) -> bool:
    """Whether a reading at a place can be of this meter: not if it hung at another one at that instant."""
    am = select(Einbau.messstelle_id).where(Einbau.stromzaehler_id == stromzaehler.stromzaehler_id, _at(zeitpunkt))
    return session.scalar(am) in (None, messstelle_id)


def list_logins_of_monteure(session: Session, *, seite: int, pro_seite: int) -> Seite[Benutzer]:
    """The logins of fitters by name, also of those that may not log in."""
    # As text the list is the same to both databases; the index leaves out the customers, who are many.
    monteur = Benutzer.rollen.cast(Text).contains('"monteur"')
    anweisung = select(Benutzer).where(Benutzer.kunde_id.is_(None), monteur).order_by(Benutzer.benutzername)
    return fetch_seite(session, anweisung, seite, pro_seite)


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


def list_fotos(session: Session, auftrag_id: int) -> Sequence[bytes | None]:
    """The SHA-256 of each photo of an order; None where it is not known."""
    ist_foto = and_(Auftragsnachweis.auftrag_id == auftrag_id, Auftragsnachweis.art == Nachweisart.FOTO)
    return session.scalars(select(Auftragsnachweis.inhalt_sha256).where(ist_foto)).all()


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

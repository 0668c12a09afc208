"""The SQL of work orders."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from sqlalchemy import ColumnElement, Row, Select, and_, func, or_, select
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

_MIT_ORT: Sequence[ORMOption] = (joinedload(Auftrag.messstelle), joinedload(Auftrag.stromzaehler))


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
    anweisung = _of(monteur).join(Auftrag.messstelle).options(*_MIT_ORT)
    if zustand is not None:
        anweisung = anweisung.where(Auftrag.zustand == zustand)
    if art is not None:
        anweisung = anweisung.where(Auftrag.art == art)
    if von is not None:
        anweisung = anweisung.where(Auftrag.termin_datum >= von)
    if bis is not None:
        anweisung = anweisung.where(Auftrag.termin_datum < bis)
    if postleitzahl is not None:
        anweisung = anweisung.where(Messstelle.postleitzahl.startswith(postleitzahl, autoescape=True))
    if stromzaehler_id is not None:
        anweisung = anweisung.where(Auftrag.stromzaehler_id == stromzaehler_id)
    anweisung = anweisung.order_by(Auftrag.termin_datum.nulls_last(), Auftrag.auftrag_id)
    return fetch_seite(session, anweisung, seite, pro_seite)


def list_of_day(session: Session, tag: date, monteur: int | None) -> Sequence[Auftrag]:
    """The orders of a day that were not cancelled, with their places."""
    anweisung = _of(monteur).where(Auftrag.termin_datum == tag, Auftrag.zustand != Auftragszustand.STORNIERT)
    return session.scalars(anweisung.options(*_MIT_ORT)).all()


def list_open(session: Session, postleitzahl: str | None) -> Sequence[Auftrag]:
    """The orders that wait for a plan, with their places."""
    anweisung = _of(None).where(Auftrag.zustand == Auftragszustand.OFFEN).options(*_MIT_ORT)
    if postleitzahl is not None:
        anweisung = anweisung.join(Auftrag.messstelle).where(
            Messstelle.postleitzahl.startswith(postleitzahl, autoescape=True)
        )
    return session.scalars(anweisung).all()


def count_stopps(session: Session, von: date, bis: date) -> Mapping[tuple[date, int], int]:
    """How many orders each fitter has on each day of [von, bis) already."""
    anweisung = (
        select(Auftrag.termin_datum, Auftrag.benutzer_id, func.count())
        .where(Auftrag.zustand.in_(LAUFEND), Auftrag.termin_datum >= von, Auftrag.termin_datum < bis)
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


def find_kontakt(
    session: Session, messstelle_id: int, stromzaehler_id: int | None, zeitpunkt: datetime
) -> Kunde | None:
    """The customer of whom a meter is at an instant, if it hangs at that place then."""
    return session.scalar(
        select(Kunde)
        .join(KundeStromzaehler, KundeStromzaehler.kunde_id == Kunde.kunde_id)
        .join(Einbau, Einbau.stromzaehler_id == KundeStromzaehler.stromzaehler_id)
        .where(
            Einbau.messstelle_id == messstelle_id,
            _at(zeitpunkt),
            KundeStromzaehler.stromzaehler_id == stromzaehler_id,
            KundeStromzaehler.von <= zeitpunkt,
            or_(KundeStromzaehler.bis.is_(None), KundeStromzaehler.bis > zeitpunkt),
        )
    )


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
    session: Session, stufe: str, zeitpunkt: datetime, hoechstens: int
) -> Sequence[Row[int, str, str, datetime, int, int]]:
    """Open Störungen of a stage, oldest first, that lack an order, of meters that hang somewhere: id, kind, cause,
    begin, meter, place.

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
    anweisung = select(
        Auftrag.art,
        Auftrag.zustand,
        Auftrag.termin_datum,
        Auftrag.angelegt_zeitpunkt,
        Auftrag.beendet_zeitpunkt,
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


def _at(zeitpunkt: datetime) -> ColumnElement[bool]:
    return and_(Einbau.von <= zeitpunkt, or_(Einbau.bis.is_(None), Einbau.bis > zeitpunkt))

"""The SQL of access notices."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from itertools import groupby

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session, contains_eager, joinedload, selectinload, undefer

from betreiber.auftrag.queries import haengt
from betreiber.seite import Seite, fetch_seite
from betreiber.zeit import day_start, local_date
from betreiber.zutritt.domain import ANKUENDBAR, BESUCH_STEHT_AUS, VERTRAG_LAEUFT, Vorhaben, as_vorhaben
from db.models import Auftrag, Einbau, Kunde, KundeStromzaehler, Messstelle, Vertrag, Zutrittsankuendigung

# Of an advisory lock (PostgreSQL): who announces visits waits for who does so already.
_SPERRE = 8_000_911


def list_vorhaben(
    session: Session,
    zeitpunkt: datetime,
    *,
    auftrag_id: int | None,
    von: date | None,
    bis: date | None,
    monteur: int | None,
    postleitzahl: str | None,
    hoechstens: int,
) -> list[Vorhaben]:
    """The planned orders of a selection by day of the visit, each with whoever lives there on that day."""
    anweisung = (
        select(Auftrag, haengt(zeitpunkt))
        .join(Auftrag.messstelle)
        .options(
            contains_eager(Auftrag.messstelle),
            joinedload(Auftrag.stromzaehler),
            selectinload(Auftrag.ankuendigungen),
        )
        .where(Auftrag.zustand == ANKUENDBAR)
    )
    if auftrag_id is not None:
        anweisung = anweisung.where(Auftrag.auftrag_id == auftrag_id)
    if von is not None:
        anweisung = anweisung.where(Auftrag.termin_datum >= von)
    if bis is not None:
        anweisung = anweisung.where(Auftrag.termin_datum < bis)
    if monteur is not None:
        anweisung = anweisung.where(Auftrag.benutzer_id == monteur)
    if postleitzahl is not None:
        anweisung = anweisung.where(Messstelle.postleitzahl.startswith(postleitzahl, autoescape=True))
    anweisung = anweisung.order_by(Auftrag.termin_datum, Auftrag.auftrag_id).limit(hoechstens)
    vorhaben = []
    # Who lives there on the day of the visit: a move may come between it and the letter.
    for tag, zeilen in groupby(session.execute(anweisung).all(), lambda zeile: zeile[0].termin_datum):
        des_tages = list(zeilen)
        orte = {auftrag.messstelle_id for auftrag, _ in des_tages}
        kunden = _list_kunden(session, orte, max(zeitpunkt, day_start(tag)))
        vorhaben += [as_vorhaben(a, kunden.get(a.messstelle_id), haengt=bool(dort)) for a, dort in des_tages]
    return vorhaben


def _list_kunden(session: Session, messstellen: Collection[int], zeitpunkt: datetime) -> Mapping[int, Kunde]:
    """Who lives at places at an instant: whose the meter is that hangs there, or else whose the contract is."""
    nach_zaehler = (
        select(Einbau.messstelle_id, Kunde)
        .join(KundeStromzaehler, KundeStromzaehler.stromzaehler_id == Einbau.stromzaehler_id)
        .join(Kunde, Kunde.kunde_id == KundeStromzaehler.kunde_id)
        .where(
            Einbau.messstelle_id.in_(messstellen),
            *(
                and_(tabelle.von <= zeitpunkt, or_(tabelle.bis.is_(None), tabelle.bis > zeitpunkt))
                for tabelle in (Einbau, KundeStromzaehler)
            ),
        )
    )
    tag = local_date(zeitpunkt)
    nach_vertrag = (
        select(Vertrag.messstelle_id, Kunde)
        .join(Kunde, Kunde.kunde_id == Vertrag.kunde_id)
        .where(
            Vertrag.messstelle_id.in_(messstellen),
            Vertrag.zustand.in_(VERTRAG_LAEUFT),
            Vertrag.beginn_datum <= tag,
            or_(Vertrag.ende_datum.is_(None), Vertrag.ende_datum > tag),
        )
        # Of several customers with a contract at a place, the one with the oldest contract is written to.
        .order_by(Vertrag.beginn_datum.desc(), Vertrag.vertrag_id.desc())
    )
    return {ort: kunde for anweisung in (nach_vertrag, nach_zaehler) for ort, kunde in session.execute(anweisung)}


def lock_auftraege(session: Session, auftrag_ids: Sequence[int]) -> None:
    """Let whoever else changes these orders, or announces any, wait for the end of this transaction.

    The numbers of letters rise as they are committed, so that whoever prints those after a number misses none; on
    SQLite every writer waits for the other.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(_SPERRE)))
    anweisung = select(Auftrag.auftrag_id).where(Auftrag.auftrag_id.in_(auftrag_ids)).order_by(Auftrag.auftrag_id)
    session.execute(anweisung.with_for_update()).all()


def list_ankuendigungen(
    session: Session, *, auftrag_id: int | None, versand_datum: date | None, seite: int, pro_seite: int
) -> Seite[Zutrittsankuendigung]:
    """Letters, the newest first, without their content."""
    anweisung = select(Zutrittsankuendigung)
    if auftrag_id is not None:
        anweisung = anweisung.where(Zutrittsankuendigung.auftrag_id == auftrag_id)
    if versand_datum is not None:
        anweisung = anweisung.where(Zutrittsankuendigung.versand_datum == versand_datum)
    anweisung = anweisung.order_by(Zutrittsankuendigung.zutrittsankuendigung_id.desc())
    return fetch_seite(session, anweisung, seite, pro_seite)


def get_ankuendigung(session: Session, zutrittsankuendigung_id: int) -> Zutrittsankuendigung | None:
    """A letter with its content."""
    return session.get(
        Zutrittsankuendigung, zutrittsankuendigung_id, options=[undefer(Zutrittsankuendigung.inhalt)]
    )


def list_inhalte(session: Session, versand_datum: date, *, nach: int, hoechstens: int) -> Sequence[bytes]:
    """The PDFs of the letters that leave the house on a day, those after a number, in the order of their numbers.

    Only of visits that will be: one that was cancelled or moved since needs no letter.
    """
    brief = Zutrittsankuendigung
    return session.scalars(
        select(brief.inhalt)
        .join(Auftrag, Auftrag.auftrag_id == brief.auftrag_id)
        .where(
            brief.versand_datum == versand_datum,
            brief.zutrittsankuendigung_id > nach,
            Auftrag.zustand.in_(BESUCH_STEHT_AUS),
            or_(Auftrag.termin_datum == brief.termin_datum, Auftrag.termin_datum == brief.ersatztermin_datum),
        )
        .order_by(brief.zutrittsankuendigung_id)
        .limit(hoechstens)
    ).all()

"""The SQL of access notices."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session, contains_eager, joinedload, selectinload, undefer

from betreiber.seite import Seite, fetch_seite
from betreiber.zeit import local_date
from betreiber.zutritt.domain import ANKUENDBAR, VERTRAG_LAEUFT, Vorhaben, as_vorhaben
from db.models import Auftrag, Einbau, Kunde, KundeStromzaehler, Messstelle, Vertrag, Zutrittsankuendigung


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
    """The planned orders of a selection by day of the visit, each with whoever lives there at an instant."""
    anweisung = (
        select(Auftrag)
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
    auftraege = session.scalars(anweisung).all()
    kunden = _list_kunden(session, {auftrag.messstelle_id for auftrag in auftraege}, zeitpunkt)
    return [as_vorhaben(auftrag, kunden.get(auftrag.messstelle_id)) for auftrag in auftraege]


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
    """Let whoever else changes or announces these orders wait for the end of this transaction."""
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


def list_inhalte(session: Session, versand_datum: date, *, seite: int, pro_seite: int) -> Sequence[bytes]:
    """The PDFs of a page of the letters that leave the house on a day, in the order in which they were made."""
    return session.scalars(
        select(Zutrittsankuendigung.inhalt)
        .where(Zutrittsankuendigung.versand_datum == versand_datum)
        .order_by(Zutrittsankuendigung.zutrittsankuendigung_id)
        .limit(pro_seite)
        .offset((seite - 1) * pro_seite)
    ).all()

"""The SQL of the work orders that Störungen ask for."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Row, and_, literal_column, or_, select
from sqlalchemy.orm import Session, selectinload

from betreiber.auftrag.domain import (
    LAUFEND,
    NACHFRIST,
    NOCH_ZUHAUSE,
    NUR_VON_MENSCHEN_BEHOBEN,
    Auftragsart,
    Auftragszustand,
)
from db.models import Auftrag, Einbau, Stoerung

# Whoever comes for one of these sees to whatever is wrong with the meter.
VOR_ORT = (Auftragsart.REPARATUR, Auftragsart.WECHSEL, Auftragsart.AUSBAU)


def list_stoerungen_without_auftrag(
    session: Session,
    zeitpunkt: datetime,
    ausser: Mapping[str, datetime | None],
    *,
    nach: int = 0,
    hoechstens: int | None = None,
    statt: Sequence[Auftrag] | None = None,
) -> Sequence[Row[int, str, str, datetime, int, int]]:
    """Open Störungen of the stage AUFTRAG after one, by number, that lack an order, of meters that hang somewhere:
    id, kind, cause, begin, meter, place. `statt`: only of the meters of these orders, as if they were none.

    `ausser`: causes that send nobody, unless it began at that instant or before. One visit a meter: while it is
    repaired, exchanged or removed at its place, that is enough, whoever asked for it. One that a person cancelled
    is not opened again. One that was done has NACHFRIST to show its effect on all that was wrong with the meter by
    then; a MANIPULATION that was looked into ends only when a person closes it, so it gets no second order.
    """
    eigener = Auftrag.stoerung_id == Stoerung.stoerung_id
    genug = and_(
        # At the top, so that the index of the meters' orders serves for all that follows.
        Auftrag.stromzaehler_id == Stoerung.stromzaehler_id,
        Auftrag.messstelle_id == Einbau.messstelle_id,
        Auftrag.art.in_(VOR_ORT),
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
    doch = [
        and_(Stoerung.ursache == ursache, Stoerung.beginn_zeitpunkt <= bis)
        for ursache, bis in ausser.items()
        if bis is not None
    ]
    anweisung = (
        select(
            Stoerung.stoerung_id,
            Stoerung.art,
            Stoerung.ursache,
            Stoerung.beginn_zeitpunkt,
            Stoerung.stromzaehler_id,
            Einbau.messstelle_id,
        )
        .join(
            Einbau,
            and_(
                Einbau.stromzaehler_id == Stoerung.stromzaehler_id,
                and_(Einbau.von <= zeitpunkt, or_(Einbau.bis.is_(None), Einbau.bis > zeitpunkt)),
            ),
        )
        .where(
            Stoerung.stoerung_id > nach,
            Stoerung.behoben_zeitpunkt.is_(None),
            # As it stands in the index: SQLite does not look at what is bound.
            Stoerung.stufe == literal_column("'AUFTRAG'"),
            or_(Stoerung.ursache.not_in(ausser), *doch),
        )
        .order_by(Stoerung.stoerung_id)
        .limit(hoechstens)
    )
    if statt is not None:
        genug = and_(genug, Auftrag.auftrag_id.not_in([auftrag.auftrag_id for auftrag in statt]))
        anweisung = anweisung.where(Stoerung.stromzaehler_id.in_([auftrag.stromzaehler_id for auftrag in statt]))
    return session.execute(anweisung.where(~select(Auftrag.auftrag_id).where(genug).exists())).all()


def list_needless(session: Session, nach: int, hoechstens: int) -> Sequence[Auftrag]:
    """Orders after one, by number, for which nobody has set out yet and whose Störung is over, with their letters.

    Locked until the end of the transaction (PostgreSQL); those that somebody else is changing now are left out.
    """
    anweisung = (
        select(Auftrag)
        .join(Stoerung, Stoerung.stoerung_id == Auftrag.stoerung_id)
        .where(
            Auftrag.auftrag_id > nach,
            Auftrag.zustand.in_(NOCH_ZUHAUSE),
            Stoerung.behoben_zeitpunkt.is_not(None),
        )
        .options(selectinload(Auftrag.ankuendigungen))
        .order_by(Auftrag.auftrag_id)
        .limit(hoechstens)
        .with_for_update(of=Auftrag, skip_locked=True)
        .execution_options(populate_existing=True)
    )
    return session.scalars(anweisung).all()

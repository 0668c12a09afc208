"""The use cases of folding: put the readings of days that are over into the blocks of their days."""

from collections.abc import Callable, Iterator, Sequence

from sqlalchemy.orm import Session

from betreiber.ablesung import speicher
from betreiber.auth.domain import Akteur
from betreiber.ereignis.domain import Ereignisart
from betreiber.ereignis.service import record_ereignis
from db.session import begin_read

Fortschritt = Callable[[str, int, int], None]
_TAG_S = 86_400
_VIERTELSTUNDEN = 96
# Readings of one transaction: it holds its meters for a fraction of a second.
_GRUPPE = 20_000


def fold_days(
    session: Session,
    akteur: Akteur,
    *,
    nach_tagen: int,
    gruppe: int = _GRUPPE,
    fortschritt: Fortschritt = lambda *_: None,
) -> int:
    """Fold the UTC days that ended at least `nach_tagen` days ago, of all meters; returns how many readings.

    Commits on its way, some meters at a time: what is folded stays so if it is broken off, and a repetition does
    the rest. A second run at the same time does no harm. No answer changes. `fortschritt` is told what is done,
    how much of it, and of how much; `gruppe`: readings of one transaction, unless a single meter has more.
    """
    vor_tag = int(akteur.zeitpunkt.timestamp()) // _TAG_S - nach_tagen
    begin_read(session)
    gesamt = speicher.count_foldable(session, vor_tag)
    session.rollback()
    gefaltet = bearbeitet = 0
    for stromzaehler_ids, anzahl in _groups(session, vor_tag, gruppe):
        gefaltet += speicher.fold(session, stromzaehler_ids, vor_tag)
        session.commit()
        bearbeitet += anzahl
        fortschritt("Falten", min(bearbeitet, gesamt), gesamt)
    return gefaltet


def watch_partitionen(session: Session, akteur: Akteur, *, nach_tagen: int) -> int:
    """An event when readings lie where no partition was made for them (PostgreSQL); returns how many there are.

    Only those that the next folding does not clear away, so that a single late reading is no alarm.
    """
    ab = (int(akteur.zeitpunkt.timestamp()) // _TAG_S - nach_tagen) * _TAG_S
    verirrt = speicher.count_without_partition(session, ab)
    if verirrt is None:
        return 0
    daten = {"anzahl": verirrt.anzahl, "von": verirrt.von, "bis": verirrt.bis}
    record_ereignis(session, akteur, Ereignisart.PARTITION_FEHLT, "datenbank", 0, daten)
    session.commit()
    return verirrt.anzahl


def _groups(session: Session, vor_tag: int, hoechstens: int) -> Iterator[tuple[Sequence[int], int]]:
    """Meters of which days are to be folded, ascending, in groups of at most so many readings."""
    # Every night one day of each meter is folded.
    schritt = hoechstens // _VIERTELSTUNDEN + 1
    nach_id = -1
    while True:
        begin_read(session)
        faellig = speicher.list_foldable(session, vor_tag, nach_id, schritt)
        session.rollback()
        gruppe: list[int] = []
        summe = 0
        for stromzaehler_id, anzahl in faellig:
            if gruppe and summe + anzahl > hoechstens:
                yield gruppe, summe
                gruppe, summe = [], 0
            gruppe.append(stromzaehler_id)
            summe += anzahl
        if gruppe:
            yield gruppe, summe
        if len(faellig) < schritt:
            return
        nach_id = faellig[-1][0]

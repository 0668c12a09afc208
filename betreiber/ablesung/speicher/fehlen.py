"""What is known of a period besides its readings, and what a meter told to be lost."""

from collections.abc import Sequence

from sqlalchemy import Table, bindparam, select
from sqlalchemy.orm import Session

from betreiber.ablesung.domain import Spanne
from betreiber.ablesung.speicher.tabellen import BulkInsert
from betreiber.ablesung.speicher.tage import runs
from betreiber.zeit import VIERTELSTUNDE_S
from db.models import Fehlanzeige, Quarantaene

_FEHLANZEIGE: Table = Fehlanzeige.__table__  # type: ignore[assignment]
_F, _Q = _FEHLANZEIGE.c, Quarantaene.__table__.c


def known(session: Session, stromzaehler_id: int, von: int, bis: int) -> list[Spanne]:
    """What is known of the quarter hours in [von, bis): stored, in quarantine, or told to be lost; in no order."""
    werte = {"stromzaehler_id": stromzaehler_id, "von": von, "bis": bis}
    laeufe = runs(session, stromzaehler_id, von, bis - 1, gemessen=True)
    return [
        *((erste, letzte + VIERTELSTUNDE_S) for erste, letzte in laeufe),
        *((zeit, zeit + VIERTELSTUNDE_S) for zeit in session.scalars(_IN_QUARANTAENE, werte)),
        *lost(session, stromzaehler_id, von, bis),
    ]


def lost(session: Session, stromzaehler_id: int, von: int, bis: int) -> list[Spanne]:
    """What a meter has told to be lost, as far as it touches [von, bis); may overlap."""
    werte = {"stromzaehler_id": stromzaehler_id, "von": von, "bis": bis}
    return [(zeile.von, zeile.bis) for zeile in session.execute(_VERLOREN, werte)]


def declare_lost(session: Session, stromzaehler_id: int, spannen: Sequence[Spanne], empfangen: int) -> None:
    """Note what a meter told to be lost, as it told it.

    One that begins like a known one takes its place: a caller gives only what was not known as a whole.
    """
    _VERLIEREN.execute(session, [(stromzaehler_id, von, bis, empfangen) for von, bis in spannen])


_IN_QUARANTAENE = select(_Q.uhrzeit).where(
    _Q.stromzaehler_id == bindparam("stromzaehler_id"),
    _Q.uhrzeit >= bindparam("von"),
    _Q.uhrzeit < bindparam("bis"),
)
_VERLOREN = select(_F.von, _F.bis).where(
    _F.stromzaehler_id == bindparam("stromzaehler_id"), _F.von < bindparam("bis"), _F.bis > bindparam("von")
)
_VERLIEREN = BulkInsert(
    _FEHLANZEIGE,
    ("stromzaehler_id", "von", "bis", "empfangen"),
    lambda anweisung: anweisung.on_conflict_do_update(
        index_elements=["stromzaehler_id", "von"],
        set_={"bis": anweisung.excluded.bis, "empfangen": anweisung.excluded.empfangen},
    ),
)

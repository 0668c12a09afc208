"""Delete the readings of meters before an instant, wherever they lie, and what speaks of them.

Sections of registers stay: without them the readings that are kept would mean another energy.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from sqlalchemy import BigInteger, ColumnElement, Table, and_, bindparam, delete, exists, func, or_, select, update
from sqlalchemy.orm import Session

from betreiber.ablesung.domain import Ablesung, Qualitaet
from betreiber.ablesung.speicher.schreiben import lock
from betreiber.ablesung.speicher.stapel import count_measured
from betreiber.ablesung.speicher.tabellen import (
    FASSUNG,
    TAG_S,
    TAGESSTAND,
    VERBRAUCH,
    VERBRAUCH_TAG,
    F,
    S,
    T,
    V,
    among,
    as_qualitaet,
)
from betreiber.ablesung.tagesblock import decode, encode
from db.models import Ersatzwertbildung, Fehlanzeige, Neuberechnung, Quarantaene, Stromzaehler, Telegrammstand

_QUARANTAENE: Table = Quarantaene.__table__  # type: ignore[assignment]
_FEHLANZEIGE: Table = Fehlanzeige.__table__  # type: ignore[assignment]
_ERSATZWERTBILDUNG: Table = Ersatzwertbildung.__table__  # type: ignore[assignment]
_NEUBERECHNUNG: Table = Neuberechnung.__table__  # type: ignore[assignment]
_STAND: Table = Telegrammstand.__table__  # type: ignore[assignment]
_Q = _QUARANTAENE.c
# Meters of one statement that only looks.
_SCHRITT = 1000


def count_before(session: Session, vor: int) -> Counter[str]:
    """How many rows of each table `delete_before` would take from all meters; days cut in two are not counted."""
    return Counter(
        {
            tabelle.name: anzahl
            for tabelle, bedingung in _over().items()
            if (anzahl := session.scalar(select(func.count()).select_from(tabelle).where(bedingung), _at(vor)))
        }
    )


def meters_before(session: Session, vor: int) -> list[int]:
    """The meters of which something is to be deleted, ascending."""
    gefunden: list[int] = []
    alle = session.scalars(select(Stromzaehler.stromzaehler_id).order_by(Stromzaehler.stromzaehler_id)).all()
    for anfang in range(0, len(alle), _SCHRITT):
        stueck = alle[anfang : anfang + _SCHRITT]
        werte = _at(vor) | {"stromzaehler_ids": stueck}
        zeilen = set(session.scalars(_FAELLIGE, werte))
        bloecke = _edge_blocks(session, stueck, vor)
        zeilen |= {nummer for nummer, ablesungen in bloecke if ablesungen[0].uhrzeit < vor}
        gefunden += sorted(zeilen)
    return gefunden


def earliest_of(session: Session, stromzaehler_ids: Sequence[int]) -> int | None:
    """The first time (seconds since 1970) at which one of these meters may have a reading."""
    werte = {"stromzaehler_ids": stromzaehler_ids}
    zeile, tag = session.scalar(_FRUEHESTE_ZEILE, werte), session.scalar(_FRUEHESTER_TAG, werte)
    zeiten = [zeit for zeit in (zeile, None if tag is None else tag * TAG_S) if zeit is not None]
    return min(zeiten, default=None)


def delete_before(session: Session, stromzaehler_ids: Sequence[int], vor: int) -> Counter[str]:
    """Delete what these meters measured before `vor` (seconds since 1970); rows by table. Takes their locks.

    A UTC day on both sides of `vor` is cut: a local year does not begin with one.
    """
    lock(session, stromzaehler_ids)
    werte = _at(vor) | {"stromzaehler_ids": list(stromzaehler_ids)}
    gezaehlt: Counter[str] = Counter()
    for tabelle, bedingung in _over().items():
        eigene = among(tabelle.c.stromzaehler_id, "stromzaehler_ids")
        gezaehlt[tabelle.name] = session.execute(delete(tabelle).where(eigene, bedingung), werte).rowcount  # type: ignore[attr-defined]
    gezaehlt[VERBRAUCH_TAG.name] += _cut_blocks(session, stromzaehler_ids, vor)
    # The newest reading as well, of a meter that has been silent for so long.
    session.execute(
        update(_STAND)
        .where(among(_STAND.c.stromzaehler_id, "stromzaehler_ids"), _STAND.c.stand_uhrzeit < bindparam("vor"))
        .values(stand_uhrzeit=None, stand_bezug_wh=None, stand_einspeisung_wh=None),
        {"stromzaehler_ids": list(stromzaehler_ids), "vor": vor},
    )
    return +gezaehlt


def _cut_blocks(session: Session, stromzaehler_ids: Sequence[int], vor: int) -> int:
    """Shorten the day in which `vor` lies to what was measured from then on; returns how many were cut."""
    if vor % TAG_S == 0:
        return 0
    tag, anzahl = vor // TAG_S, 0
    in_bloecken: dict[int, set[int]] = {}
    for stromzaehler_id, ablesungen in _edge_blocks(session, stromzaehler_ids, vor):
        bleiben = [ablesung for ablesung in ablesungen if ablesung.uhrzeit >= vor]
        in_bloecken[stromzaehler_id] = {ablesung.uhrzeit for ablesung in bleiben}
        if len(bleiben) == len(ablesungen):
            continue
        anzahl += 1
        dieser = (T.stromzaehler_id == stromzaehler_id, T.tag == tag)
        if not bleiben:
            session.execute(delete(VERBRAUCH_TAG).where(*dieser))
            continue
        neu = {"inhalt": encode(tag, bleiben), "anzahl": len(bleiben), "gemessen": count_measured(bleiben)}
        session.execute(update(VERBRAUCH_TAG).where(*dieser).values(neu))
    _count_rows_anew(session, stromzaehler_ids, tag, in_bloecken)
    return anzahl


def _count_rows_anew(
    session: Session, stromzaehler_ids: Sequence[int], tag: int, in_bloecken: Mapping[int, set[int]]
) -> None:
    """Let `tagesstand` tell how many rows of that day are left beside the block."""
    werte = {"stromzaehler_ids": list(stromzaehler_ids)}
    gezaehlt = list(session.scalars(_GEZAEHLTE, werte | {"tag": tag}))
    if not gezaehlt:
        return
    session.execute(
        delete(TAGESSTAND).where(among(S.stromzaehler_id, "stromzaehler_ids"), S.tag == tag),
        {"stromzaehler_ids": gezaehlt},
    )
    zeilen = session.execute(
        _ZEITEN, {"stromzaehler_ids": gezaehlt, "von": tag * TAG_S, "bis": tag * TAG_S + TAG_S}
    )
    anzahlen, gemessene = Counter[int](), Counter[int]()
    for nummer, zeit, qualitaet in zeilen:
        if zeit not in in_bloecken.get(nummer, ()):
            anzahlen[nummer] += 1
            gemessene[nummer] += as_qualitaet(qualitaet) is Qualitaet.ABGELESEN
    if anzahlen:
        neu = [
            {"stromzaehler_id": nummer, "tag": tag, "anzahl": anzahl, "gemessen": gemessene[nummer]}
            for nummer, anzahl in anzahlen.items()
        ]
        session.execute(TAGESSTAND.insert(), neu)


def _edge_blocks(
    session: Session, stromzaehler_ids: Sequence[int], vor: int
) -> Iterator[tuple[int, list[Ablesung]]]:
    """The readings of the day in which `vor` lies, by meter, as far as it is folded."""
    if vor % TAG_S == 0:
        return
    werte = {"stromzaehler_ids": list(stromzaehler_ids), "tag": vor // TAG_S}
    for stromzaehler_id, inhalt in session.execute(_RANDBLOECKE, werte).all():
        yield stromzaehler_id, decode(vor // TAG_S, inhalt)


def _at(vor: int) -> dict[str, int]:
    return {"vor": vor, "vor_tag": vor // TAG_S}


def _over() -> dict[Table, ColumnElement[bool]]:
    """What is over, by table; needs the parameters `vor` and `vor_tag`."""
    vor, vor_tag = bindparam("vor", type_=BigInteger()), bindparam("vor_tag", type_=BigInteger())
    return {
        VERBRAUCH: V.uhrzeit < vor,
        VERBRAUCH_TAG: T.tag < vor_tag,
        TAGESSTAND: S.tag < vor_tag,
        FASSUNG: F.uhrzeit < vor,
        # The time of such a reading may be the very thing that is wrong with it: as long as nobody has decided on
        # it, it counts when it came.
        _QUARANTAENE: or_(_Q.empfangen < vor, and_(_Q.uhrzeit < vor, _Q.entscheidung.is_not(None))),
        _FEHLANZEIGE: _FEHLANZEIGE.c.bis <= vor,
        # It names the reading before the gap. Ersatzwerte that are kept stay what they are, without it.
        _ERSATZWERTBILDUNG: _ERSATZWERTBILDUNG.c.von <= vor,
        _NEUBERECHNUNG: _NEUBERECHNUNG.c.tag < vor_tag,
    }


_FAELLIGE = select(Stromzaehler.stromzaehler_id).where(
    among(Stromzaehler.__table__.c.stromzaehler_id, "stromzaehler_ids"),
    or_(
        *(
            exists().where(tabelle.c.stromzaehler_id == Stromzaehler.stromzaehler_id, bedingung)
            for tabelle, bedingung in _over().items()
        )
    ),
)
_FRUEHESTE_ZEILE = select(func.min(V.uhrzeit)).where(among(V.stromzaehler_id, "stromzaehler_ids"))
_FRUEHESTER_TAG = select(func.min(T.tag)).where(among(T.stromzaehler_id, "stromzaehler_ids"))
_GEZAEHLTE = select(S.stromzaehler_id).where(
    among(S.stromzaehler_id, "stromzaehler_ids"), S.tag == bindparam("tag")
)
_RANDBLOECKE = select(T.stromzaehler_id, T.inhalt).where(
    among(T.stromzaehler_id, "stromzaehler_ids"), T.tag == bindparam("tag")
)
_ZEITEN = select(V.stromzaehler_id, V.uhrzeit, V.qualitaet).where(
    among(V.stromzaehler_id, "stromzaehler_ids"), V.uhrzeit >= bindparam("von"), V.uhrzeit < bindparam("bis")
)

"""How many readings there are, and where there are none: answered by the counts of days as far as possible."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from sqlalchemy import Integer, bindparam, cast, func, literal, select, union_all
from sqlalchemy.orm import Session

from betreiber.ablesung import tagesblock
from betreiber.ablesung.domain import Ablesung, Lauf, Qualitaet
from betreiber.ablesung.speicher.lesen import rows_and_blocks, series
from betreiber.ablesung.speicher.tabellen import (
    TAG_S,
    S,
    T,
    V,
    among,
    as_ablesung,
)
from betreiber.zeit import VIERTELSTUNDE_S

_VOLL = TAG_S // VIERTELSTUNDE_S


class Uebersicht:
    """How the days that touch [von, bis] are stored.

    `frage`: the parameters of UEBERSICHT; `erste`, `letzte`: the outer quarter hours. `ganze`: how many days have
    a block with all their readings, all measured; the first of them and the last. `anzahlen`: how many readings
    the other days have, and how many of them are measured. `in_zeilen`: the days with readings in rows.
    """

    __slots__ = ("anzahlen", "erste", "frage", "ganze", "in_zeilen", "letzte")

    def __init__(self, stromzaehler_id: int, von: int, bis: int) -> None:
        self.erste = -(-von // VIERTELSTUNDE_S) * VIERTELSTUNDE_S
        self.letzte = bis // VIERTELSTUNDE_S * VIERTELSTUNDE_S
        self.frage = {"stromzaehler_id": stromzaehler_id, "von_tag": von // TAG_S, "bis_tag": bis // TAG_S}
        self.ganze: tuple[int, int | None, int | None] = (0, None, None)
        self.anzahlen: dict[int, tuple[int, int]] = {}
        self.in_zeilen: set[int] = set()

    def add(self, art: str, tag: int, alle: int, gemessen: int) -> None:
        """Take note of a row of UEBERSICHT: a day with its counts; of whole ones the first, how many, the last."""
        if art == _GANZE:
            self.ganze = (alle, tag, gemessen)
            return
        if art == _ZEILEN:
            self.in_zeilen.add(tag)
        bisher_alle, bisher_gemessen = self.anzahlen.get(tag, (0, 0))
        self.anzahlen[tag] = (bisher_alle + alle, bisher_gemessen + gemessen)


class _Stueck(NamedTuple):
    """Some of the readings in [von, bis): how many there are."""

    von: int
    bis: int
    anzahl: int


def count(session: Session, stromzaehler_id: int, zeitraeume: Sequence[tuple[int, int]]) -> int:
    """How many readings lie in these half-open periods."""
    return sum(stueck.anzahl for von, bis in zeitraeume for stueck in _pieces(session, stromzaehler_id, von, bis))


def page(
    session: Session, stromzaehler_id: int, zeitraeume: Sequence[tuple[int, int]], *, versatz: int, anzahl: int
) -> list[Ablesung]:
    """Readings in these half-open periods, oldest first: `anzahl` of them after the first `versatz`."""
    davor = 0
    gefunden: list[Ablesung] = []
    for von, bis in sorted(zeitraeume):
        noetig: list[tuple[int, _Stueck]] = []
        for stueck in _pieces(session, stromzaehler_id, von, bis):
            if davor + stueck.anzahl > versatz and davor < versatz + anzahl:
                noetig.append((davor, stueck))
            davor += stueck.anzahl
        if noetig:
            (beginn, erstes), (_, letztes) = noetig[0], noetig[-1]
            ablesungen = series(session, stromzaehler_id, erstes.von, letztes.bis - 1)
            gefunden += list(ablesungen.values())[max(versatz - beginn, 0) :]
    return gefunden[:anzahl]


def runs(
    session: Session,
    stromzaehler_id: int,
    von: int,
    bis: int,
    *,
    stand: int | None = None,
    gemessen: bool = False,
) -> list[Lauf]:
    """The stretches within [von, bis] in which every quarter hour has its reading, as (first, last) reading.

    A single reading with none beside it is a stretch of length 0. `gemessen`: measured readings only.
    """
    return coverage(session, stromzaehler_id, von, bis, stand=stand)[gemessen]


def coverage(
    session: Session, stromzaehler_id: int, von: int, bis: int, *, stand: int | None = None
) -> tuple[list[Lauf], list[Lauf]]:
    """The stretches within [von, bis] without a gap, and those in which all is measured.

    A period without a gap costs one look at its days' counts; only days that are not whole are looked into, so
    that a year that goes on costs little more. As of an earlier moment the readings themselves are asked for,
    because the counts are those of now.
    """
    if stand is not None:
        return _runs_of(series(session, stromzaehler_id, von, bis, stand=stand).values())
    uebersicht = Uebersicht(stromzaehler_id, von, bis)
    for zeile in session.execute(_UEBERSICHT, uebersicht.frage):
        uebersicht.add(*zeile)
    return coverage_of(session, uebersicht)


def coverage_of(session: Session, uebersicht: Uebersicht) -> tuple[list[Lauf], list[Lauf]]:
    """The same, of days that are looked over already."""
    erste, letzte = uebersicht.erste, uebersicht.letzte
    if erste > letzte:
        return [], []
    ganze, *raender = uebersicht.ganze
    belegte = [*uebersicht.anzahlen, *(tag for tag in raender if tag is not None)]
    if not belegte:
        return [], []
    von_tag, bis_tag = min(belegte), max(belegte)
    unganz = {tag: zahlen for tag, zahlen in uebersicht.anzahlen.items() if zahlen != (_VOLL, _VOLL)}
    if ganze + len(uebersicht.anzahlen) <= bis_tag - von_tag:
        # What has no reading at all stands nowhere.
        da = uebersicht.anzahlen.keys() | set(session.scalars(_GANZE_TAGE, uebersicht.frage))
        unganz |= {tag: (0, 0) for tag in range(von_tag, bis_tag + 1) if tag not in da}
    bekannt, belegt = _runs_by_day(session, uebersicht.frage["stromzaehler_id"], von_tag, bis_tag, unganz)
    return _clip(bekannt, erste, letzte), _clip(belegt, erste, letzte)


def _runs_by_day(
    session: Session, stromzaehler_id: int, von_tag: int, bis_tag: int, unganz: dict[int, tuple[int, int]]
) -> tuple[list[Lauf], list[Lauf]]:
    """The stretches of some whole days; `unganz`: how many readings have those of them that are not whole."""
    offen = [tag for tag, (alle, gemessen) in unganz.items() if 0 < alle < _VOLL or 0 < gemessen < _VOLL]
    einzeln = _read_days(session, stromzaehler_id, offen) if offen else {}
    bekannt: list[Lauf] = []
    belegt: list[Lauf] = []
    naechster = von_tag
    for tag in sorted(unganz):
        ganz = _whole_days(naechster, tag)
        # A day of which all is known, and nothing measured.
        ersatz = _whole_days(tag, tag + 1) if unganz[tag] == (_VOLL, 0) else []
        laeufe, gemessene = _runs_of(einzeln[tag]) if tag in einzeln else (ersatz, [])
        bekannt += ganz + laeufe
        belegt += ganz + gemessene
        naechster = tag + 1
    rest = _whole_days(naechster, bis_tag + 1)
    return _join(bekannt + rest), _join(belegt + rest)


def _whole_days(von_tag: int, bis_tag: int) -> list[Lauf]:
    return [(von_tag * TAG_S, bis_tag * TAG_S - VIERTELSTUNDE_S)] if von_tag < bis_tag else []


def _clip(laeufe: Iterable[Lauf], von: int, bis: int) -> list[Lauf]:
    return [(max(erste, von), min(letzte, bis)) for erste, letzte in laeufe if erste <= bis and letzte >= von]


def _read_days(session: Session, stromzaehler_id: int, tage: Sequence[int]) -> dict[int, list[Ablesung]]:
    """The readings of some days of a period, ascending."""
    je_tag: dict[int, list[Ablesung]] = {tag: [] for tag in tage}
    spanne = {"von": min(tage) * TAG_S, "bis": max(tage) * TAG_S + TAG_S - 1}
    for zeile in session.execute(_TAGE, spanne | {"stromzaehler_id": stromzaehler_id, "tage": tage}):
        if zeile[8] is None:
            ablesung = as_ablesung(zeile)
            je_tag[ablesung.uhrzeit // TAG_S].append(ablesung)
        else:
            je_tag[zeile[0]] += tagesblock.decode(zeile[0], zeile[8])
    return {tag: sorted(ablesungen) for tag, ablesungen in je_tag.items()}


def _pieces(session: Session, stromzaehler_id: int, von: int, bis: int) -> Iterator[_Stueck]:
    """A half-open period in pieces of a day at the most, ascending: a whole day is known by its counts."""
    von_tag, bis_tag = -(-von // TAG_S), bis // TAG_S
    if von_tag >= bis_tag:
        yield _read_piece(session, stromzaehler_id, von, bis)
        return
    yield _read_piece(session, stromzaehler_id, von, von_tag * TAG_S)
    werte = {"stromzaehler_id": stromzaehler_id, "von_tag": von_tag, "bis_tag": bis_tag - 1}
    for tag, anzahl in sorted((zeile[0], zeile[1]) for zeile in session.execute(_JE_TAG, werte)):
        yield _Stueck(tag * TAG_S, (tag + 1) * TAG_S, anzahl)
    yield _read_piece(session, stromzaehler_id, bis_tag * TAG_S, bis)


def _read_piece(session: Session, stromzaehler_id: int, von: int, bis: int) -> _Stueck:
    if von >= bis:
        return _Stueck(von, bis, 0)
    return _Stueck(von, bis, len(series(session, stromzaehler_id, von, bis - 1)))


def _runs_of(ablesungen: Iterable[Ablesung]) -> tuple[list[Lauf], list[Lauf]]:
    alle = list(ablesungen)
    gemessen = (ablesung for ablesung in alle if ablesung.qualitaet is Qualitaet.ABGELESEN)
    return _join(_singles(alle)), _join(_singles(gemessen))


def _singles(ablesungen: Iterable[Ablesung]) -> Iterator[Lauf]:
    return ((ablesung.uhrzeit, ablesung.uhrzeit) for ablesung in ablesungen)


def _join(stuecke: Iterable[Lauf]) -> list[Lauf]:
    """Ascending stretches, those that follow each other by a quarter hour as one."""
    laeufe: list[Lauf] = []
    for erste, letzte in stuecke:
        if laeufe and erste - laeufe[-1][1] == VIERTELSTUNDE_S:
            laeufe[-1] = (laeufe[-1][0], letzte)
        else:
            laeufe.append((erste, letzte))
    return laeufe


_EIGENE_ZEILEN = (V.stromzaehler_id == bindparam("stromzaehler_id")) & V.uhrzeit.between(
    bindparam("von"), bindparam("bis")
)
EIGENE_BLOECKE = T.stromzaehler_id == bindparam("stromzaehler_id")
_TAG_DER_ZEILE = V.uhrzeit // TAG_S
_TAGE_IM_BLOCK = EIGENE_BLOECKE & T.tag.between(bindparam("von_tag"), bindparam("bis_tag"))
_TAGE_IN_ZEILEN = (S.stromzaehler_id == bindparam("stromzaehler_id")) & S.tag.between(
    bindparam("von_tag"), bindparam("bis_tag")
)
_ZAEHLER = union_all(
    select(T.tag, T.anzahl).where(_TAGE_IM_BLOCK), select(S.tag, S.anzahl).where(_TAGE_IN_ZEILEN)
).subquery("zaehler")
_JE_TAG = select(_ZAEHLER.c.tag, cast(func.sum(_ZAEHLER.c.anzahl), Integer)).group_by(_ZAEHLER.c.tag)
# Most days are whole; of these only how many there are is told, which the index knows, of the others each.
_GANZE, _UNGANZ, _ZEILEN = "ganze", "unganz", "zeilen"
UEBERSICHT = (
    select(literal(_GANZE), func.min(T.tag), func.count(), func.max(T.tag)).where(
        _TAGE_IM_BLOCK, T.gemessen == _VOLL
    ),
    select(literal(_UNGANZ), T.tag, T.anzahl, T.gemessen).where(_TAGE_IM_BLOCK, T.gemessen != _VOLL),
    select(literal(_ZEILEN), S.tag, S.anzahl, S.gemessen).where(_TAGE_IN_ZEILEN),
)
_UEBERSICHT = union_all(*UEBERSICHT)
_GANZE_TAGE = select(T.tag).where(_TAGE_IM_BLOCK, T.gemessen == _VOLL)
_TAGE = rows_and_blocks(
    _EIGENE_ZEILEN & among(_TAG_DER_ZEILE, "tage"),
    EIGENE_BLOECKE & among(T.tag, "tage"),
)

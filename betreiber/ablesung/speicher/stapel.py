"""What is to change in the tables of readings, of many meters, written in a few statements.

A reading lies in a row or in the block of its day, never in both, so that counts add up and every question may ask
both in any order. The readings of a day that is over go into its block when several come at once, or when the
block is written anyway; a single late one becomes a row, until its day is folded.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import bindparam, delete, select
from sqlalchemy.orm import Session

from betreiber.ablesung import tagesblock
from betreiber.ablesung.domain import Ablesung, Qualitaet
from betreiber.ablesung.speicher import fassungen
from betreiber.ablesung.speicher.tabellen import (
    NEUBERECHNUNG,
    SPALTEN,
    TAG_S,
    TAGESSTAND,
    VERBRAUCH,
    VERBRAUCH_TAG,
    BulkInsert,
    ForEach,
    S,
    T,
    V,
    among,
)

# Fewer of a day become rows: to write a block costs as much as some rows.
ALS_BLOCK_MINDESTENS = 8
Block = dict[int, Ablesung]


class Stapel:
    """Changes of readings; nothing is written before `flush`. Whoever fills it holds the locks of the meters."""

    def __init__(self) -> None:
        self._zeilen: list[tuple[int, Ablesung]] = []
        self._zeilen_weg: dict[int, list[int]] = {}
        self._bloecke: dict[tuple[int, int], Block] = {}
        self._ersetzt: list[tuple[int, Ablesung, int]] = []
        self._anzahlen: Counter[tuple[int, int]] = Counter()
        self._gemessene: Counter[tuple[int, int]] = Counter()
        self._neuberechnung: dict[tuple[int, int], int] = {}

    def put(
        self,
        stromzaehler_id: int,
        neue: Sequence[Ablesung],
        zeilen: Mapping[int, Ablesung],
        bloecke: Mapping[int, Block],
    ) -> None:
        """Readings of one meter, of all its days: new ones, and ones that take the place of others.

        `zeilen`, `bloecke`: what is stored of these days, blocks by day and as a whole.
        """
        je_tag: dict[int, list[Ablesung]] = {}
        for neu in neue:
            je_tag.setdefault(neu.uhrzeit // TAG_S, []).append(neu)
        for tag, ablesungen in je_tag.items():
            block = self._block(stromzaehler_id, tag, bloecke)
            im_block = False
            for neu in ablesungen:
                alt = block.get(neu.uhrzeit)
                if alt is not None:
                    im_block = True
                elif (alt := zeilen.get(neu.uhrzeit)) is not None:
                    self._remove_row(stromzaehler_id, alt)
                if alt is not None:
                    self._keep(stromzaehler_id, alt, neu.empfangen)
                elif neu.qualitaet is Qualitaet.ABGELESEN and neu.empfangen - neu.uhrzeit > TAG_S:
                    self._mark(stromzaehler_id, tag, neu.empfangen)
            vorbei = tag < ablesungen[-1].empfangen // TAG_S
            if im_block or (vorbei and len(ablesungen) >= ALS_BLOCK_MINDESTENS):
                self.write_block(stromzaehler_id, tag, block | {neu.uhrzeit: neu for neu in ablesungen})
            else:
                self._zeilen += [(stromzaehler_id, neu) for neu in ablesungen]
                self._anzahlen[stromzaehler_id, tag] += len(ablesungen)
                self._gemessene[stromzaehler_id, tag] += count_measured(ablesungen)

    def remove(
        self,
        stromzaehler_id: int,
        zeiten: Iterable[int],
        zeilen: Mapping[int, Ablesung],
        bloecke: Mapping[int, Block],
        jetzt: int,
    ) -> None:
        """Withdraw the readings at these times; the rest as above."""
        je_tag: dict[int, list[int]] = {}
        for zeit in zeiten:
            je_tag.setdefault(zeit // TAG_S, []).append(zeit)
        for tag, weg in je_tag.items():
            block = self._block(stromzaehler_id, tag, bloecke)
            rest = dict(block)
            for zeit in weg:
                if zeit in rest:
                    self._keep(stromzaehler_id, rest.pop(zeit), jetzt)
                elif zeit in zeilen:
                    self._remove_row(stromzaehler_id, zeilen[zeit])
                    self._keep(stromzaehler_id, zeilen[zeit], jetzt)
            if len(rest) < len(block):
                self.write_block(stromzaehler_id, tag, rest)

    def write_block(self, stromzaehler_id: int, tag: int, block: Block) -> None:
        """All readings of a day's block; none: there is no block any more."""
        self._bloecke[stromzaehler_id, tag] = block

    def flush(self, session: Session) -> None:
        """Write it all: a statement for each table that is touched, whatever the number of readings."""
        fassungen.store(session, self._ersetzt)
        if self._zeilen_weg:
            session.execute(_ZEILEN_LOESCHEN, [{"id": nr, "zeiten": weg} for nr, weg in self._zeilen_weg.items()])
        _ZEILEN.execute(session, [(nr, *ablesung) for nr, ablesung in self._zeilen])
        _ANZAHLEN.execute(session, self._counts())
        if self._zeilen_weg:
            session.execute(_ANZAHLEN_LOESCHEN, {"ids": list(self._zeilen_weg)})
        write_blocks(session, self._bloecke)
        _NEUBERECHNUNGEN.execute(
            session, [(*schluessel, seit) for schluessel, seit in self._neuberechnung.items()]
        )

    def _block(self, stromzaehler_id: int, tag: int, bloecke: Mapping[int, Block]) -> Block:
        """The block of a day as it will be after what is on the pile already."""
        return self._bloecke.get((stromzaehler_id, tag), bloecke.get(tag, {}))

    def _counts(self) -> list[tuple[int, int, int, int]]:
        """By how much the counts of days change: all readings, measured ones."""
        anzahlen = ((tag, anzahl, self._gemessene[tag]) for tag, anzahl in sorted(self._anzahlen.items()))
        return [(*tag, anzahl, gemessen) for tag, anzahl, gemessen in anzahlen if anzahl or gemessen]

    def _remove_row(self, stromzaehler_id: int, alt: Ablesung) -> None:
        tag = stromzaehler_id, alt.uhrzeit // TAG_S
        self._zeilen_weg.setdefault(stromzaehler_id, []).append(alt.uhrzeit)
        self._anzahlen[tag] -= 1
        self._gemessene[tag] -= count_measured([alt])

    def _keep(self, stromzaehler_id: int, alt: Ablesung, moment: int) -> None:
        self._ersetzt.append((stromzaehler_id, alt, moment))
        self._mark(stromzaehler_id, alt.uhrzeit // TAG_S, moment)

    def _mark(self, stromzaehler_id: int, tag: int, seit: int) -> None:
        self._neuberechnung.setdefault((stromzaehler_id, tag), seit)


def count_measured(ablesungen: Iterable[Ablesung]) -> int:
    """How many of these readings a meter gave."""
    return sum(ablesung.qualitaet is Qualitaet.ABGELESEN for ablesung in ablesungen)


def load_blocks(session: Session, tage: Sequence[tuple[int, int]]) -> dict[tuple[int, int], Block]:
    """The blocks of these meters and days, as far as there are some."""
    if not tage:
        return {}
    return {(nummer, tag): as_block(tag, inhalt) for nummer, tag, inhalt in _BLOECKE_LESEN.execute(session, tage)}


def as_block(tag: int, inhalt: bytes) -> Block:
    """The readings of a stored block by time."""
    return {ablesung.uhrzeit: ablesung for ablesung in tagesblock.decode(tag, inhalt)}


def write_blocks(session: Session, bloecke: Mapping[tuple[int, int], Block]) -> None:
    """Blocks by meter and day in place of those that are there; an empty one is deleted."""
    zeilen = []
    for (stromzaehler_id, tag), block in sorted(bloecke.items()):
        if block:
            ablesungen = [block[zeit] for zeit in sorted(block)]
            inhalt = tagesblock.encode(tag, ablesungen)
            zeilen.append((stromzaehler_id, tag, len(ablesungen), count_measured(ablesungen), inhalt))
    _BLOECKE.execute(session, zeilen)
    leere = [{"id": nr, "der_tag": tag} for (nr, tag), block in bloecke.items() if not block]
    if leere:
        session.execute(_BLOCK_LOESCHEN, leere)


_ZEILEN = BulkInsert(VERBRAUCH, ("stromzaehler_id", *SPALTEN))
_ZEILEN_LOESCHEN = delete(VERBRAUCH).where(V.stromzaehler_id == bindparam("id"), among(V.uhrzeit, "zeiten"))
_ANZAHLEN = BulkInsert(
    TAGESSTAND,
    ("stromzaehler_id", "tag", "anzahl", "gemessen"),
    lambda anweisung: anweisung.on_conflict_do_update(
        index_elements=["stromzaehler_id", "tag"],
        set_={name: S[name] + anweisung.excluded[name] for name in ("anzahl", "gemessen")},
    ),
)
_ANZAHLEN_LOESCHEN = delete(TAGESSTAND).where(among(S.stromzaehler_id, "ids"), S.anzahl == 0)
_BLOECKE_LESEN = ForEach(
    ("stromzaehler_id", "tag"),
    lambda gefragt: (
        select(T.stromzaehler_id, T.tag, T.inhalt)
        .select_from(gefragt)
        .join(VERBRAUCH_TAG, (T.stromzaehler_id == gefragt.c.stromzaehler_id) & (T.tag == gefragt.c.tag))
    ),
)
_BLOECKE = BulkInsert(
    VERBRAUCH_TAG,
    ("stromzaehler_id", "tag", "anzahl", "gemessen", "inhalt"),
    lambda anweisung: anweisung.on_conflict_do_update(
        index_elements=["stromzaehler_id", "tag"],
        set_={name: anweisung.excluded[name] for name in ("anzahl", "gemessen", "inhalt")},
    ),
)
_BLOCK_LOESCHEN = delete(VERBRAUCH_TAG).where(T.stromzaehler_id == bindparam("id"), T.tag == bindparam("der_tag"))
_NEUBERECHNUNGEN = BulkInsert(
    NEUBERECHNUNG,
    ("stromzaehler_id", "tag", "seit"),
    lambda anweisung: anweisung.on_conflict_do_nothing(),
)

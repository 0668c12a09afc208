"""What a question for Verbrauch needs of a meter, in one statement: registers at edges, and what is between."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import cast, literal, null, select, union_all
from sqlalchemy.orm import Session

from betreiber.ablesung import tagesblock
from betreiber.ablesung.domain import Lauf, Registerstand, as_staende
from betreiber.ablesung.speicher.abschnitte import ZAEHLWERK, as_zaehlwerk, find_zaehlwerk
from betreiber.ablesung.speicher.lesen import fleet_registers, registers
from betreiber.ablesung.speicher.tabellen import TAG_S, T, among
from betreiber.ablesung.speicher.tage import EIGENE_BLOECKE, UEBERSICHT, Uebersicht, coverage, coverage_of
from betreiber.ablesung.zaehlwerk import Zaehlwerk

_BLOCK, _ZAEHLWERK = "block", "zaehlwerk"


@dataclass(frozen=True, slots=True)
class Kanten:
    """A meter's number, how its register went on, what it shows at some times, and the stretches between these.

    `bekannt`: without a gap; `gemessen`: in which all is measured.
    """

    zaehlernummer: str
    zaehlwerk: Zaehlwerk
    staende: dict[int, Registerstand]
    bekannt: list[Lauf]
    gemessen: list[Lauf]


def edges(
    session: Session, stromzaehler_id: int, zeiten: Sequence[int], *, stand: int | None = None
) -> Kanten | None:
    """What is known of these times, ascending, and of all between the outer two; None without such a meter.

    One statement where all days are folded and whole; readings of the other days are asked for besides.
    """
    if stand is not None:
        return _edges_as_of(session, stromzaehler_id, zeiten, stand)
    je_tag: dict[int, list[int]] = {}
    for zeit in zeiten:
        je_tag.setdefault(zeit // TAG_S, []).append(zeit)
    uebersicht = Uebersicht(stromzaehler_id, zeiten[0], zeiten[-1])
    staende: dict[int, Registerstand] = {}
    zaehler: list[Sequence[Any]] = []
    # Not by the session, which first looks whether objects are wanted.
    zeilen = session.connection().execute(_KANTEN, uebersicht.frage | {"tage": list(je_tag)}).all()
    for zeile in zeilen:
        art = zeile[0]
        if art == _BLOCK:
            tag, inhalt = zeile[1:3]
            for zeit in je_tag[tag]:
                if (gefunden := tagesblock.energy_at(tag, inhalt, zeit)) is not None:
                    staende[zeit] = gefunden
        elif art == _ZAEHLWERK:
            zaehler.append(zeile[5:])
        else:
            _, tag, _, alle, gemessen = zeile[:5]
            uebersicht.add(art, tag, alle, gemessen)
    if not zaehler:
        return None
    # Blocks again, too: a day with rows may have been folded since.
    in_zeilen = [zeit for zeit in zeiten if zeit // TAG_S in uebersicht.in_zeilen]
    if in_zeilen:
        einzeln = fleet_registers(session, [stromzaehler_id], in_zeilen)
        staende |= {zeit: gefunden for (_, zeit), gefunden in einzeln.items()}
    return Kanten(*as_zaehlwerk(zaehler), staende, *coverage_of(session, uebersicht))


def _edges_as_of(session: Session, stromzaehler_id: int, zeiten: Sequence[int], stand: int) -> Kanten | None:
    zaehler = find_zaehlwerk(session, stromzaehler_id, stand)
    if zaehler is None:
        return None
    ablesungen = registers(session, stromzaehler_id, zeiten, stand=stand)
    return Kanten(
        *zaehler, as_staende(ablesungen), *coverage(session, stromzaehler_id, zeiten[0], zeiten[-1], stand=stand)
    )


# Each kind of row fills columns of its own: PostgreSQL has to be told what type those have that are empty.
_LEERER_TAG, _LEERER_INHALT, *_LEERE_ANZAHLEN = (
    cast(null(), spalte.type) for spalte in (T.tag, T.inhalt, T.anzahl, T.gemessen)
)
_LEERES_ZAEHLWERK = [cast(null(), spalte.type) for spalte in ZAEHLWERK.selected_columns]
_KANTEN = union_all(
    ZAEHLWERK.with_only_columns(
        literal(_ZAEHLWERK), _LEERER_TAG, _LEERER_INHALT, *_LEERE_ANZAHLEN, *ZAEHLWERK.selected_columns
    ),
    select(literal(_BLOCK), T.tag, T.inhalt, *_LEERE_ANZAHLEN, *_LEERES_ZAEHLWERK).where(
        EIGENE_BLOECKE, among(T.tag, "tage")
    ),
    *(
        teil.with_only_columns(art, tag, _LEERER_INHALT, *anzahlen, *_LEERES_ZAEHLWERK)
        for teil in UEBERSICHT
        for art, tag, *anzahlen in [teil.selected_columns]
    ),
)

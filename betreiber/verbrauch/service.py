"""Use cases of Verbrauch: of one meter, and of all meters of a customer."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise

from sqlalchemy.orm import Session

from betreiber.ablesung import speicher
from betreiber.ablesung.domain import Registerstand, as_staende, check_stand
from betreiber.ablesung.zaehlwerk import Zaehlwerk
from betreiber.auth.domain import Akteur
from betreiber.errors import NichtGefunden
from betreiber.kunde.service import get_kunde
from betreiber.stromzaehler.service import get_stromzaehler, list_zuordnungen_of_kunde, own_intervals
from betreiber.verbrauch.domain import (
    FEINE_AUFLOESUNGEN,
    Deckung,
    Flottenwert,
    Reihe,
    Verbrauchswert,
    check_umfang,
    check_zeitraum,
    compute_flottenwert,
    compute_verbrauch,
    find_coverage,
    group_by_edges,
    sum_werte,
)
from betreiber.zeit import VIERTELSTUNDE_S, Aufloesung, iter_edges

# Meters in one statement: enough to be worth it, few enough for any database.
FLOTTE_JE_ABFRAGE = 1000


@dataclass(frozen=True, slots=True)
class Kundenreihe:
    """Verbrauch of a customer: each meter apart, for the time in which it was theirs, and in sum."""

    kunde_id: int
    von: datetime
    bis: datetime
    aufloesung: Aufloesung
    stand: datetime | None
    stromzaehler: Sequence[Reihe]
    werte: Sequence[Verbrauchswert]
    summe: Verbrauchswert


def compute_stromzaehler(
    session: Session,
    akteur: Akteur,
    stromzaehler_id: int,
    *,
    von: datetime,
    bis: datetime,
    aufloesung: Aufloesung,
    stand: datetime | None = None,
) -> Reihe:
    """Verbrauch of a meter in [von, bis); a customer gets the part in which the meter was theirs.

    Raises NichtGefunden for a meter that was never theirs, EingabeUngueltig for an impossible or too long period
    and for a `stand` in the future.
    """
    reihe = stream_stromzaehler(
        session, akteur, stromzaehler_id, von=von, bis=bis, aufloesung=aufloesung, stand=stand
    )
    return replace(reihe, werte=list(reihe.werte))


def stream_stromzaehler(
    session: Session,
    akteur: Akteur,
    stromzaehler_id: int,
    *,
    von: datetime,
    bis: datetime,
    aufloesung: Aufloesung,
    stand: datetime | None = None,
) -> Reihe:
    """As compute_stromzaehler, but `werte` can be gone through once, and is read a month at a time meanwhile."""
    check_zeitraum(von, bis, aufloesung)
    stand_s = check_stand(stand, akteur.zeitpunkt)
    # Who sees all needs no look at whose the meter is; whether there is one shows on the way.
    zeitraeume = [(von, bis)] if akteur.sees_all else own_intervals(session, akteur, stromzaehler_id, von, bis)
    leser = _Leser(session, stromzaehler_id, stand_s)
    teile = [leser.read(anfang, ende, aufloesung) for anfang, ende in zeitraeume]
    return Reihe(
        stromzaehler_id,
        leser.zaehlernummer or get_stromzaehler(session, akteur, stromzaehler_id).zaehlernummer,
        von,
        bis,
        aufloesung,
        stand,
        (wert for werte, _ in teile for wert in werte),
        sum_werte(von, bis, [summe for _, summe in teile]),
    )


def compute_kunde(
    session: Session,
    akteur: Akteur,
    kunde_id: int,
    *,
    von: datetime,
    bis: datetime,
    aufloesung: Aufloesung,
    stand: datetime | None = None,
) -> Kundenreihe:
    """Verbrauch of a customer in [von, bis) over all meters that were theirs. Raises as above."""
    check_zeitraum(von, bis, aufloesung)
    stand_s = check_stand(stand, akteur.zeitpunkt)
    get_kunde(session, akteur, kunde_id)
    zuordnungen = list_zuordnungen_of_kunde(session, akteur, kunde_id, von, bis)
    kanten = list(iter_edges(von, bis, aufloesung))
    check_umfang(len(zuordnungen), len(kanten) - 1)
    reihen = []
    for stromzaehler, anfang, ende in zuordnungen:
        leser = _Leser(session, stromzaehler.stromzaehler_id, stand_s)
        werte, summe = leser.read(anfang, ende, aufloesung)
        reihen.append(
            Reihe(
                stromzaehler.stromzaehler_id,
                stromzaehler.zaehlernummer,
                anfang,
                ende,
                aufloesung,
                stand,
                list(werte),
                summe,
            )
        )
    eimer = group_by_edges(kanten, [wert for reihe in reihen for wert in reihe.werte])
    return Kundenreihe(
        kunde_id,
        von,
        bis,
        aufloesung,
        stand,
        reihen,
        [sum_werte(anfang, ende, teile) for anfang, ende, teile in eimer],
        sum_werte(von, bis, [reihe.summe for reihe in reihen]),
    )


def iter_flotte(session: Session, von: datetime, bis: datetime) -> Iterator[Flottenwert]:
    """The energy of every meter in [von, bis), by meter: the reading part of a bill run.

    Two look-ups a meter, a thousand meters in a statement; `von` and `bis` on quarter hours. Whose energy it is,
    and how many quarter hours are known, is not looked at.
    """
    kanten = int(von.timestamp()), int(bis.timestamp())
    for zaehlwerke in speicher.iter_zaehlwerke(session, FLOTTE_JE_ABFRAGE):
        staende = speicher.fleet_registers(session, list(zaehlwerke), kanten)
        for stromzaehler_id, zaehlwerk in zaehlwerke.items():
            alt, neu = staende.get((stromzaehler_id, kanten[0])), staende.get((stromzaehler_id, kanten[1]))
            yield compute_flottenwert(stromzaehler_id, kanten, (alt, neu), zaehlwerk)


class _Leser:
    """Reads the Verbrauch of one meter, as of a moment of receipt."""

    def __init__(self, session: Session, stromzaehler_id: int, stand: int | None) -> None:
        """`zaehlernummer` is known when something was read."""
        self._session = session
        self._id = stromzaehler_id
        self._stand = stand
        self.zaehlernummer = ""

    def read(
        self, von: datetime, bis: datetime, aufloesung: Aufloesung
    ) -> tuple[Iterable[Verbrauchswert], Verbrauchswert]:
        """The values of [von, bis) by the resolution, and the one of the whole period. Raises NichtGefunden."""
        fein = aufloesung in FEINE_AUFLOESUNGEN
        zeiten = _seconds(von, bis, Aufloesung.GESAMT if fein else aufloesung)
        kanten = speicher.edges(self._session, self._id, zeiten, stand=self._stand)
        if kanten is None:
            raise NichtGefunden
        self.zaehlernummer = kanten.zaehlernummer
        # Where both are the same the values need them once.
        gemessen = kanten.bekannt if kanten.gemessen == kanten.bekannt else kanten.gemessen
        womit = kanten.staende, Deckung(kanten.bekannt, gemessen), kanten.zaehlwerk
        summe = compute_verbrauch([zeiten[0], zeiten[-1]], *womit)[0]
        if fein:
            return self._iter_fine(von, bis, aufloesung, kanten.zaehlwerk), summe
        return compute_verbrauch(zeiten, *womit), summe

    def _iter_fine(
        self, von: datetime, bis: datetime, aufloesung: Aufloesung, zaehlwerk: Zaehlwerk
    ) -> Iterator[Verbrauchswert]:
        # Month by month: an edge of a month is one of an hour, so that no value is cut.
        monate = list(iter_edges(von, bis, Aufloesung.MONAT))
        for anfang, ende in pairwise(monate):
            if aufloesung is Aufloesung.VIERTELSTUNDE:
                kanten = list(range(int(anfang.timestamp()), int(ende.timestamp()) + 1, VIERTELSTUNDE_S))
            else:
                kanten = _seconds(anfang, ende, aufloesung)
            staende = self._series(kanten[0], kanten[-1])
            yield from compute_verbrauch(kanten, staende, find_coverage(staende), zaehlwerk)

    def _series(self, von: int, bis: int) -> dict[int, Registerstand]:
        if self._stand is not None:
            return as_staende(speicher.series(self._session, self._id, von, bis, stand=self._stand))
        return speicher.register_series(self._session, self._id, von, bis)


def _seconds(von: datetime, bis: datetime, aufloesung: Aufloesung) -> list[int]:
    return [int(kante.timestamp()) for kante in iter_edges(von, bis, aufloesung)]

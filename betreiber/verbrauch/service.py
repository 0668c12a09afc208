"""Use cases of Verbrauch: of one meter, and of all meters of a customer."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from betreiber.ablesung import speicher
from betreiber.auth.domain import Akteur
from betreiber.kunde.service import get_kunde
from betreiber.stromzaehler.service import get_stromzaehler, list_zuordnungen_of_kunde, own_intervals
from betreiber.verbrauch.domain import (
    FEINE_AUFLOESUNGEN,
    Verbrauchswert,
    check_umfang,
    check_zeitraum,
    compute_verbrauch,
    find_runs,
    group_by_edges,
    sum_werte,
)
from betreiber.zeit import Aufloesung, iter_edges


@dataclass(frozen=True, slots=True)
class Reihe:
    """Verbrauch of one meter in [von, bis)."""

    stromzaehler_id: int
    zaehlernummer: str
    von: datetime
    bis: datetime
    aufloesung: Aufloesung
    werte: Sequence[Verbrauchswert]
    summe: Verbrauchswert


@dataclass(frozen=True, slots=True)
class Kundenreihe:
    """Verbrauch of a customer: each meter apart, for the time in which it was theirs, and in sum."""

    kunde_id: int
    von: datetime
    bis: datetime
    aufloesung: Aufloesung
    stromzaehler: Sequence[Reihe]
    werte: Sequence[Verbrauchswert]
    summe: Verbrauchswert


def compute_stromzaehler(
    session: Session, akteur: Akteur, stromzaehler_id: int, *, von: datetime, bis: datetime, aufloesung: Aufloesung
) -> Reihe:
    """Verbrauch of a meter in [von, bis); a customer gets the part in which the meter was theirs.

    Raises NichtGefunden for a meter that was never theirs, EingabeUngueltig for an impossible or too long period.
    """
    check_zeitraum(von, bis, aufloesung)
    stromzaehler = get_stromzaehler(session, akteur, stromzaehler_id)
    werte: list[Verbrauchswert] = []
    summen: list[Verbrauchswert] = []
    for anfang, ende in own_intervals(session, akteur, stromzaehler_id, von, bis):
        teile, summe = _compute(session, stromzaehler_id, stromzaehler.faktor, anfang, ende, aufloesung)
        werte += teile
        summen.append(summe)
    return Reihe(
        stromzaehler_id, stromzaehler.zaehlernummer, von, bis, aufloesung, werte, sum_werte(von, bis, summen)
    )


def compute_kunde(
    session: Session, akteur: Akteur, kunde_id: int, *, von: datetime, bis: datetime, aufloesung: Aufloesung
) -> Kundenreihe:
    """Verbrauch of a customer in [von, bis) over all meters that were theirs. Raises as above."""
    check_zeitraum(von, bis, aufloesung)
    get_kunde(session, akteur, kunde_id)
    zuordnungen = list_zuordnungen_of_kunde(session, akteur, kunde_id, von, bis)
    kanten = list(iter_edges(von, bis, aufloesung))
    check_umfang(len(zuordnungen), len(kanten) - 1)
    reihen = []
    for stromzaehler, anfang, ende in zuordnungen:
        teile, summe = _compute(
            session, stromzaehler.stromzaehler_id, stromzaehler.faktor, anfang, ende, aufloesung
        )
        reihen.append(
            Reihe(stromzaehler.stromzaehler_id, stromzaehler.zaehlernummer, anfang, ende, aufloesung, teile, summe)
        )
    eimer = group_by_edges(kanten, [teil for reihe in reihen for teil in reihe.werte])
    return Kundenreihe(
        kunde_id,
        von,
        bis,
        aufloesung,
        reihen,
        [sum_werte(anfang, ende, teile) for anfang, ende, teile in eimer],
        sum_werte(von, bis, [reihe.summe for reihe in reihen]),
    )


def _compute(
    session: Session, stromzaehler_id: int, faktor: int, von: datetime, bis: datetime, aufloesung: Aufloesung
) -> tuple[list[Verbrauchswert], Verbrauchswert]:
    """The values of [von, bis) by the resolution, and the one of the whole period."""
    kanten = [int(kante.timestamp()) for kante in iter_edges(von, bis, aufloesung)]
    if aufloesung in FEINE_AUFLOESUNGEN:
        staende = speicher.series(session, stromzaehler_id, kanten[0], kanten[-1])
        laeufe = find_runs(staende)
    else:
        staende = speicher.registers(session, stromzaehler_id, kanten)
        laeufe = speicher.runs(session, stromzaehler_id, kanten[0], kanten[-1])
    werte = compute_verbrauch(kanten, staende, laeufe, faktor)
    return werte, compute_verbrauch([kanten[0], kanten[-1]], staende, laeufe, faktor)[0]

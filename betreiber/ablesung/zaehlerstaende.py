"""Use cases of looking at readings: those of a period, the newest one, the sections of a register."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

from sqlalchemy.orm import Session

from betreiber.ablesung import speicher
from betreiber.ablesung.domain import UHR_TOLERANZ_S, Ablesung, check_stand
from betreiber.ablesung.zaehlwerk import Abschnittsgrund
from betreiber.auth.domain import Akteur
from betreiber.errors import EingabeUngueltig, NichtGefunden
from betreiber.seite import Seite
from betreiber.stromzaehler.service import own_intervals

# A half-open period in seconds since 1970.
Zeitraum = tuple[int, int]
_ANFANG = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Zaehlerstand:
    messzeitpunkt: datetime
    bezug_gesamt_wh: int
    einspeisung_gesamt_wh: int
    qualitaet: str
    herkunft: str
    empfangen_zeitpunkt: datetime


@dataclass(frozen=True, slots=True)
class Zaehlwerksabschnitt:
    """How a register goes on from `von` to `bis` (None = still): energy = faktor x register + versatz."""

    von: datetime
    bis: datetime | None
    grund: Abschnittsgrund
    faktor: int
    bezug_versatz_wh: int
    einspeisung_versatz_wh: int
    erfasst_zeitpunkt: datetime


def list_zaehlerstaende(
    session: Session,
    akteur: Akteur,
    stromzaehler_id: int,
    *,
    von: datetime,
    bis: datetime,
    seite: int,
    pro_seite: int,
    stand: datetime | None = None,
) -> Seite[Zaehlerstand]:
    """Readings in [von, bis), oldest first; a customer gets those of the time in which the meter was theirs.

    Raises NichtGefunden for a meter that was never theirs, EingabeUngueltig unless `bis` is after `von`, and for a
    `stand` in the future.
    """
    if bis <= von:
        raise EingabeUngueltig("bis muss nach von liegen.", feld="bis", code="zeitraum_ungueltig")
    stand_s = check_stand(stand, akteur.zeitpunkt)
    zeitraeume = _own_seconds(session, akteur, stromzaehler_id, von, bis)
    versatz = (seite - 1) * pro_seite
    if stand_s is None:
        ablesungen = speicher.page(session, stromzaehler_id, zeitraeume, versatz=versatz, anzahl=pro_seite)
        gesamt = speicher.count(session, stromzaehler_id, zeitraeume)
    else:
        # How many there were at an earlier moment is counted nowhere: they are gone through.
        alle = (
            ablesung
            for anfang, ende in zeitraeume
            for ablesung in speicher.iter_series(session, stromzaehler_id, anfang, ende - 1, stand=stand_s)
        )
        davor = sum(1 for _ in islice(alle, versatz))
        ablesungen = list(islice(alle, pro_seite))
        gesamt = davor + len(ablesungen) + sum(1 for _ in alle)
    return Seite([as_zaehlerstand(ablesung) for ablesung in ablesungen], seite, pro_seite, gesamt)


def get_letzter_zaehlerstand(session: Session, akteur: Akteur, stromzaehler_id: int) -> Zaehlerstand:
    """The newest reading of a meter; for a customer the newest of the time in which the meter was theirs.

    Raises NichtGefunden for a meter that was never theirs, and when there is no such reading.
    """
    jetzt = datetime.fromtimestamp(math.ceil(akteur.zeitpunkt.timestamp()) + UHR_TOLERANZ_S + 1, UTC)
    zeitraeume = _own_seconds(session, akteur, stromzaehler_id, _ANFANG, jetzt)
    ablesung = speicher.newest(session, stromzaehler_id)
    if ablesung is not None and not any(von <= ablesung.uhrzeit < bis for von, bis in zeitraeume):
        ablesung = _last_of(session, stromzaehler_id, zeitraeume)
    if ablesung is None:
        raise NichtGefunden("Von diesem Zähler ist noch kein Zählerstand da.")
    return as_zaehlerstand(ablesung)


def list_zaehlwerksabschnitte(
    session: Session, akteur: Akteur, stromzaehler_id: int, *, stand: datetime | None = None
) -> list[Zaehlwerksabschnitt]:
    """How a meter's register goes on, oldest first; customers get what held while the meter was theirs.

    Before the first section the meter's own factor holds, without an offset. Raises NichtGefunden,
    EingabeUngueltig for a `stand` in the future.
    """
    stand_s = check_stand(stand, akteur.zeitpunkt)
    eigene = own_intervals(session, akteur, stromzaehler_id, _ANFANG, akteur.zeitpunkt)
    abschnitte = speicher.sections(session, stromzaehler_id, stand=stand_s)
    enden = [*(abschnitt.ab for abschnitt in abschnitte[1:]), None]
    alle = [
        Zaehlwerksabschnitt(
            _instant(abschnitt.ab),
            None if ende is None else _instant(ende),
            abschnitt.grund,
            abschnitt.faktor,
            abschnitt.bezug_versatz_wh,
            abschnitt.einspeisung_versatz_wh,
            _instant(abschnitt.erfasst),
        )
        for abschnitt, ende in zip(abschnitte, enden, strict=False)
    ]
    return [
        abschnitt
        for abschnitt in alle
        if any(abschnitt.von < bis and (abschnitt.bis is None or abschnitt.bis > von) for von, bis in eigene)
    ]


def find_raender(
    session: Session, stromzaehler_id: int, von: datetime, bis: datetime
) -> tuple[Zaehlerstand | None, Zaehlerstand | None]:
    """The first and the last reading in [von, bis], both ends included and on whole seconds; None without any."""
    zeitraum = (int(von.timestamp()), int(bis.timestamp()) + 1)
    erste = speicher.page(session, stromzaehler_id, [zeitraum], versatz=0, anzahl=1)
    letzte = _last_of(session, stromzaehler_id, [zeitraum])
    return (as_zaehlerstand(erste[0]) if erste else None, None if letzte is None else as_zaehlerstand(letzte))


def as_zaehlerstand(ablesung: Ablesung) -> Zaehlerstand:
    """A stored reading as people see it."""
    return Zaehlerstand(
        _instant(ablesung.uhrzeit),
        ablesung.bezug_wh,
        ablesung.einspeisung_wh,
        ablesung.qualitaet.name,
        ablesung.herkunft.name,
        _instant(ablesung.empfangen),
    )


def _own_seconds(
    session: Session, akteur: Akteur, stromzaehler_id: int, von: datetime, bis: datetime
) -> list[Zeitraum]:
    """own_intervals in seconds. Readings stand on whole seconds: both edges go up to the next one.

    The register at which a customer's time ends closes their Verbrauch and opens the next one's: both see it.
    """
    return [
        (math.ceil(anfang.timestamp()), math.ceil(ende.timestamp()) + (ende < bis))
        for anfang, ende in own_intervals(session, akteur, stromzaehler_id, von, bis)
    ]


def _last_of(session: Session, stromzaehler_id: int, zeitraeume: Sequence[Zeitraum]) -> Ablesung | None:
    anzahl = speicher.count(session, stromzaehler_id, zeitraeume)
    if anzahl == 0:
        return None
    return speicher.page(session, stromzaehler_id, zeitraeume, versatz=anzahl - 1, anzahl=1)[0]


def _instant(sekunden: int) -> datetime:
    return datetime.fromtimestamp(sekunden, UTC)

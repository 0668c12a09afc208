"""The use case of listing readings: Zählerstände of a meter in a period."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from betreiber.ablesung import speicher
from betreiber.auth.domain import Akteur
from betreiber.errors import EingabeUngueltig
from betreiber.seite import Seite
from betreiber.stromzaehler.service import own_intervals


@dataclass(frozen=True, slots=True)
class Zaehlerstand:
    messzeitpunkt: datetime
    bezug_gesamt_wh: int
    einspeisung_gesamt_wh: int
    qualitaet: str
    empfangen_zeitpunkt: datetime


def list_zaehlerstaende(
    session: Session,
    akteur: Akteur,
    stromzaehler_id: int,
    *,
    von: datetime,
    bis: datetime,
    seite: int,
    pro_seite: int,
) -> Seite[Zaehlerstand]:
    """Readings in [von, bis), oldest first; a customer gets those of the time in which the meter was theirs.

    Raises NichtGefunden for a meter that was never theirs, EingabeUngueltig unless `bis` is after `von`.
    """
    if bis <= von:
        raise EingabeUngueltig("bis muss nach von liegen.", feld="bis", code="zeitraum_ungueltig")
    # Readings stand on whole seconds: both edges go up to the next one.
    zeitraeume = [
        (math.ceil(anfang.timestamp()), math.ceil(ende.timestamp()))
        for anfang, ende in own_intervals(session, akteur, stromzaehler_id, von, bis)
    ]
    ablesungen = speicher.page(
        session, stromzaehler_id, zeitraeume, versatz=(seite - 1) * pro_seite, anzahl=pro_seite
    )
    return Seite(
        _as_zaehlerstaende(ablesungen), seite, pro_seite, speicher.count(session, stromzaehler_id, zeitraeume)
    )


def _as_zaehlerstaende(ablesungen: Sequence[speicher.Ablesung]) -> list[Zaehlerstand]:
    return [
        Zaehlerstand(
            datetime.fromtimestamp(ablesung.uhrzeit, UTC),
            ablesung.bezug_wh,
            ablesung.einspeisung_wh,
            ablesung.qualitaet.name,
            datetime.fromtimestamp(ablesung.empfangen, UTC),
        )
        for ablesung in ablesungen
    ]

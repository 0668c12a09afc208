"""The use case of another transformer factor: from an edge on, what the register counts means more or less."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from betreiber.ablesung import speicher
from betreiber.ablesung.domain import Qualitaet
from betreiber.ablesung.zaehlwerk import Abschnittsgrund, Zaehlwerk, begin_factor
from betreiber.auth.domain import Akteur
from betreiber.einbau.domain import check_geschehen
from betreiber.ereignis.service import record_audit
from betreiber.errors import KonfliktFehler
from betreiber.stromzaehler.service import get_stromzaehler


@dataclass(frozen=True, slots=True)
class Faktorwechsel:
    """Another transformer factor from `ab` on, when the registers showed that many Wh."""

    stromzaehler_id: int
    ab: datetime
    faktor: int
    bezug_gesamt_wh: int
    einspeisung_gesamt_wh: int


def change_factor(
    session: Session, akteur: Akteur, stromzaehler_id: int, daten: Mapping[str, Any]
) -> Faktorwechsel:
    """Record that another transformer factor holds from `ab` on. Said again for the same instant, it is corrected.

    Raises NichtGefunden, EingabeUngueltig for an instant in the future, and KonfliktFehler when there is no
    reading at `ab`, or when the factor holds there anyway.
    """
    stromzaehler = get_stromzaehler(session, akteur, stromzaehler_id)
    check_geschehen(daten["ab"], akteur.zeitpunkt, "ab")
    stand = speicher.lock(session, [stromzaehler_id])[stromzaehler_id]
    ab, jetzt = int(daten["ab"].timestamp()), int(akteur.zeitpunkt.timestamp())
    alt = speicher.sections(session, stromzaehler_id)
    kanten = {ab} | {abschnitt.ab for abschnitt in alt if abschnitt.grund is Abschnittsgrund.FAKTOR}
    ablesungen = speicher.registers(session, stromzaehler_id, kanten)
    ablesung = ablesungen.get(ab)
    if ablesung is None or ablesung.qualitaet is not Qualitaet.ABGELESEN:
        raise KonfliktFehler(
            "Zu diesem Zeitpunkt gibt es keine Ablesung. Nehmen Sie eine Viertelstunde, von der es eine gibt.",
            code="ablesung_fehlt",
        )
    staende = {zeit: wert[1:3] for zeit, wert in ablesungen.items() if wert.qualitaet is Qualitaet.ABGELESEN}
    neu = begin_factor(stromzaehler.faktor, alt, ab, daten["faktor"], staende, jetzt)
    bisher = [abschnitt for abschnitt in alt if (abschnitt.ab, abschnitt.grund) == (ab, Abschnittsgrund.FAKTOR)]
    if not bisher and len(neu) == len(alt):
        raise KonfliktFehler(
            f"Der Faktor {daten['faktor']} gilt zu diesem Zeitpunkt schon.", code="faktor_gilt_schon"
        )
    vorher = Zaehlwerk(stromzaehler.faktor, alt).faktor_at(ab)
    if vorher != daten["faktor"]:
        speicher.set_sections(session, stromzaehler_id, neu, jetzt)
        # What was counted on from the last reading by the factor of before is formed anew.
        danach = speicher.iter_series(session, stromzaehler_id, ab, jetzt)
        vorlaeufig = [wert.uhrzeit for wert in danach if wert.qualitaet is Qualitaet.VORLAEUFIGERWERT]
        speicher.remove(session, stand, vorlaeufig, jetzt)
        alt_neu = {"alt": {"ab": daten["ab"], "faktor": vorher}, "neu": daten}
        record_audit(session, akteur, "FAKTORWECHSEL", "stromzaehler", stromzaehler_id, **alt_neu)
    session.commit()
    return Faktorwechsel(stromzaehler_id, daten["ab"], daten["faktor"], *ablesung[1:3])

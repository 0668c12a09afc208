"""The use case of a reading that people take at the display, apart from any work at the meter."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from betreiber.ablesung import speicher
from betreiber.ablesung.domain import Ablesung, Herkunft
from betreiber.ablesung.zaehlerstaende import Zaehlerstand, as_zaehlerstand
from betreiber.ablesung.zaehlwerk import Register
from betreiber.auth.domain import Akteur
from betreiber.einbau.domain import check_geschehen, schon_eingetragen
from betreiber.einbau.zaehlerstand import as_register, find_measured, store_zaehlerstand
from betreiber.ereignis.domain import Ereignisart
from betreiber.ereignis.service import record_audit, record_ereignis
from betreiber.errors import EingabeUngueltig
from betreiber.stromzaehler.service import get_stromzaehler, own_intervals

_VON_HAND = (Herkunft.MANUELL, Herkunft.KORREKTUR)


def enter_ablesung(
    session: Session, akteur: Akteur, stromzaehler_id: int, daten: Mapping[str, Any]
) -> Zaehlerstand:
    """Store what somebody read at a quarter hour; where the meter has sent the same, it is confirmed.

    Staff read every meter, a customer theirs, within their own time. Its edges are staff's: the register there is
    somebody else's as well, and ends or begins what they pay for. Raises NichtGefunden, and as add_ablesung.
    """
    get_stromzaehler(session, akteur, stromzaehler_id)
    _check_own(session, akteur, stromzaehler_id, daten["zeitpunkt"])
    ablesung = add_ablesung(session, akteur, stromzaehler_id, daten["zeitpunkt"], as_register(daten))
    session.commit()
    return as_zaehlerstand(ablesung)


def add_ablesung(
    session: Session, akteur: Akteur, stromzaehler_id: int, zeitpunkt: datetime, register: Register
) -> Ablesung:
    """Store both registers (Wh) as read at a quarter hour, in the caller's transaction.

    Raises NichtGefunden, EingabeUngueltig for an instant in the future or before the installation, or registers
    that the readings around rule out, KonfliktFehler where another one is measured, or people entered the same.
    """
    check_geschehen(zeitpunkt, akteur.zeitpunkt, "zeitpunkt")
    stromzaehler = get_stromzaehler(session, akteur, stromzaehler_id)
    stand = speicher.lock(session, [stromzaehler_id])[stromzaehler_id]
    da = find_measured(session, stromzaehler_id, zeitpunkt)
    if da is not None and da[1:3] == register and da.herkunft in _VON_HAND:
        raise schon_eingetragen("Diese Ablesung")
    ablesung = store_zaehlerstand(session, akteur, stromzaehler, stand, zeitpunkt, register, "bezug_gesamt_wh")
    wann = {"messzeitpunkt": zeitpunkt}
    neu = wann | {"bezug_gesamt_wh": register[0], "einspeisung_gesamt_wh": register[1]}
    # Of one that is confirmed nothing else tells what people saw, and that they did.
    aktion = "EINGETRAGEN" if da is None else "BESTAETIGT"
    record_audit(session, akteur, aktion, "ablesung", stromzaehler_id, neu=neu)
    if da is None:
        daten = wann | {"aktion": aktion}
        record_ereignis(session, akteur, Ereignisart.ABLESUNG_KORRIGIERT, "stromzaehler", stromzaehler_id, daten)
    return ablesung


def _check_own(session: Session, akteur: Akteur, stromzaehler_id: int, zeitpunkt: datetime) -> None:
    # Theirs on both sides: what touches an interval of their own is no edge to them.
    davor, danach = zeitpunkt - timedelta(seconds=1), zeitpunkt + timedelta(seconds=1)
    if own_intervals(session, akteur, stromzaehler_id, davor, danach) != [(davor, danach)]:
        raise EingabeUngueltig(
            "Zu diesem Zeitpunkt war der Zähler nicht Ihrer, oder Ihre Zeit begann oder endete gerade. Nennen Sie"
            " einen Zeitpunkt dazwischen; Stände von Einzug und Auszug trägt die Sachbearbeitung ein.",
            feld="zeitpunkt",
            code="zeitpunkt_fremd",
        )

"""The use case of a reading that people take at the display, apart from any work at the meter."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from betreiber.ablesung import speicher
from betreiber.ablesung.domain import Ablesung, Herkunft
from betreiber.ablesung.zaehlerstaende import Zaehlerstand, as_zaehlerstand
from betreiber.ablesung.zaehlwerk import Register
from betreiber.auth.domain import Akteur
from betreiber.einbau import queries
from betreiber.einbau.domain import check_geschehen, schon_eingetragen, sendet_selbst
from betreiber.einbau.zaehlerstand import as_register, find_measured, store_zaehlerstand
from betreiber.ereignis.domain import Ereignisart
from betreiber.ereignis.service import record_audit, record_ereignis
from betreiber.errors import EingabeUngueltig
from betreiber.stromzaehler.service import get_stromzaehler, own_intervals

_VON_HAND = (Herkunft.MANUELL, Herkunft.KORREKTUR)
# A meter that has sent within this time before an instant is expected to send for that, too.
_STILLE = timedelta(hours=24)


def enter_ablesung(
    session: Session, akteur: Akteur, stromzaehler_id: int, daten: Mapping[str, Any]
) -> Zaehlerstand:
    """Store what somebody read at a quarter hour; where the meter has sent the same, it is confirmed.

    Staff read every meter, a customer theirs, within their own time. Its edges are staff's: the register there is
    somebody else's as well, and ends or begins what they pay for. Nor does a customer's reading come before the
    meter's own: what they may have misread would keep those out. Raises NichtGefunden, and as add_ablesung.
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
    that the readings around rule out, KonfliktFehler where another one is measured, or the same was entered or
    confirmed before, or a customer enters one that the meter is about to send.
    """
    check_geschehen(zeitpunkt, akteur.zeitpunkt, "zeitpunkt")
    stromzaehler = get_stromzaehler(session, akteur, stromzaehler_id)
    stand = speicher.lock(session, [stromzaehler_id])[stromzaehler_id]
    da = find_measured(session, stromzaehler_id, zeitpunkt)
    if da is not None and (
        (da[1:3] == register and da.herkunft in _VON_HAND)
        or queries.is_ablesung_recorded(session, stromzaehler_id, zeitpunkt, register)
    ):
        raise schon_eingetragen("Diese Ablesung")
    if da is None and not akteur.sees_all and _sends_itself(session, stromzaehler_id, zeitpunkt, akteur.zeitpunkt):
        raise sendet_selbst(stromzaehler.zaehlernummer)
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


def _sends_itself(session: Session, stromzaehler_id: int, zeitpunkt: datetime, jetzt: datetime) -> bool:
    """Whether the meter has sent shortly before an instant, at this place, and nothing since: it is about to."""
    einbau = queries.find_einbau_at(session, stromzaehler_id, zeitpunkt)
    frueh = zeitpunkt - _STILLE
    ab = frueh if einbau is None else max(frueh, einbau.von)
    von, uhrzeit, bis = (int(moment.timestamp()) for moment in (ab, zeitpunkt, jetzt))
    return _has_sent(speicher.series(session, stromzaehler_id, von, uhrzeit).values()) and not _has_sent(
        speicher.iter_series(session, stromzaehler_id, uhrzeit, bis)
    )


def _has_sent(ablesungen: Iterable[Ablesung]) -> bool:
    return any(ablesung.herkunft is Herkunft.GERAET for ablesung in ablesungen)


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

"""What a device tells of itself: its log, the readings that it lost, and how far its clock is off.

Everything here belongs to the transaction of a message (`aufnahme.py`) and does not commit.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from betreiber.ablesung import queries, speicher
from betreiber.ablesung.domain import (
    MANIPULATION,
    MELDUNGEN_JE_TAG,
    Befund,
    Grenzen,
    Spanne,
    clock_error_s,
    date_meldung,
)
from betreiber.ablesung.luecken import first_quarter, missing, overlaps
from betreiber.auth.domain import Akteur
from betreiber.ereignis.domain import Ereignisart
from betreiber.ereignis.service import record_ereignis
from betreiber.zeit import VIERTELSTUNDE_S
from db.models import Telegrammstand
from telegramm.messwerte import StatusBit, Telegramm

# The last word of a device's log before its voltage is gone.
SPANNUNGSLOS = "LETZTES_LEBENSZEICHEN"
# A plain number: a flag would be asked for every reading.
_MANIPULIERT = int(StatusBit.GEHAEUSE_OFFEN | StatusBit.MAGNETFELD)


def record_meldungen(
    session: Session, akteur: Akteur, stand: Telegrammstand, telegramm: Telegramm
) -> list[Befund]:
    """Record each entry of the device's log once, by its number; what was asked for has come.

    Beyond 1,000 entries in 24 hours one event notes the number of the first entry that was left out; the next one
    that is recorded tells how many there were, because a device counts without gaps.
    """
    stand.protokoll_angefordert = False
    meldungen = telegramm.ereignisse
    neu = [meldung for meldung in meldungen if meldung.nummer > stand.meldung_nummer]
    if neu:
        gezaehlt = queries.count_ereignisse(
            session,
            stand.stromzaehler_id,
            akteur.zeitpunkt - timedelta(days=1),
            (Ereignisart.STROMZAEHLER_MELDUNG, Ereignisart.MELDUNGEN_AUSGELASSEN),
        )
        platz = max(0, MELDUNGEN_JE_TAG - gezaehlt.get(Ereignisart.STROMZAEHLER_MELDUNG, 0))
        for meldung in neu[:platz]:
            _record(session, akteur, stand, Ereignisart.STROMZAEHLER_MELDUNG, meldung._asdict())
        for meldung in neu:
            geschehen = date_meldung(meldung.uhrzeit, telegramm.erzeugt // 1000, akteur.zeitpunkt)
            if meldung.code in MANIPULATION:
                stand.manipuliert_zeitpunkt = _later(stand.manipuliert_zeitpunkt, geschehen)
            elif meldung.code == SPANNUNGSLOS:
                stand.spannungslos_zeitpunkt = _later(stand.spannungslos_zeitpunkt, geschehen)
        if neu[platz:] and Ereignisart.MELDUNGEN_AUSGELASSEN not in gezaehlt:
            _record(session, akteur, stand, Ereignisart.MELDUNGEN_AUSGELASSEN, {"ab_nummer": neu[platz].nummer})
        stand.meldung_nummer = neu[-1].nummer
    return [Befund.DOPPELT] * (len(meldungen) - len(neu)) + [Befund.NEU] * len(neu)


def record_lost(
    session: Session, akteur: Akteur, stromzaehler_id: int, spannen: Sequence[Spanne], grenzen: Grenzen
) -> list[Befund]:
    """Note what the device has lost for good; an event for each span that was not known as a whole.

    A span counts as far as readings of its time would be taken. Spans stay as they were told: they are not merged.
    """
    von = first_quarter(grenzen.fruehestens)
    bis = grenzen.spaetestens // VIERTELSTUNDE_S * VIERTELSTUNDE_S + VIERTELSTUNDE_S
    anfang, ende = spannen[0][0], spannen[-1][1]
    # Searched once for all spans: a thousand of them may meet tens of thousands that are known.
    offen = missing(anfang, ende, speicher.lost(session, stromzaehler_id, anfang, ende))
    moeglich = [(max(anfang, von), min(ende, bis)) for anfang, ende in spannen]
    befunde = [Befund.NEU if overlaps(spanne, offen) else Befund.DOPPELT for spanne in moeglich]
    neu = [spanne for spanne, befund in zip(moeglich, befunde, strict=True) if befund is Befund.NEU]
    if neu:
        speicher.declare_lost(session, stromzaehler_id, neu, int(akteur.zeitpunkt.timestamp()))
    for anfang, ende in neu:
        daten = {"von": anfang, "bis": ende}
        record_ereignis(session, akteur, Ereignisart.LUECKE_BLEIBT, "stromzaehler", stromzaehler_id, daten)
    return befunde


def watch_clock(session: Session, akteur: Akteur, stand: Telegrammstand, erzeugt_ms: int, toleranz_s: int) -> None:
    """An event when a device's clock begins to be off by more than that, and one when it is right again."""
    abweichung_s = clock_error_s(erzeugt_ms, akteur.zeitpunkt, toleranz_s)
    if abweichung_s is not None and stand.uhr_abweichung_s is None:
        _record(session, akteur, stand, Ereignisart.UHR_WEICHT_AB, {"sekunden": abweichung_s})
    elif abweichung_s is None and stand.uhr_abweichung_s is not None:
        _record(session, akteur, stand, Ereignisart.UHR_STIMMT, {})
    stand.uhr_abweichung_s = abweichung_s


def note_signs(
    stand: Telegrammstand, telegramm: Telegramm, gueltig_bis: datetime, empfangen_zeitpunkt: datetime
) -> None:
    """Keep what a message tells of the state of its device; `gueltig_bis`: the end of the keys that it used."""
    stand.schluessel_gueltig_bis = gueltig_bis
    if telegramm.netz is not None and telegramm.netz.rsrp is not None:
        stand.rsrp_dbm = telegramm.netz.rsrp
    if telegramm.fw is not None:
        stand.firmwareversion = telegramm.fw.version
    eingriffe = [wert.uhrzeit for wert in telegramm.werte if wert.status & _MANIPULIERT]
    if eingriffe:
        # The bit says that it was somewhen in the quarter hour before.
        viertel = eingriffe[-1] - VIERTELSTUNDE_S
        geschehen = date_meldung(viertel, telegramm.erzeugt // 1000, empfangen_zeitpunkt)
        stand.manipuliert_zeitpunkt = _later(stand.manipuliert_zeitpunkt, geschehen)


def _later(vorher: datetime | None, zeitpunkt: datetime) -> datetime:
    """The later of two: what comes late does not hide what is known."""
    return zeitpunkt if vorher is None else max(vorher, zeitpunkt)


def count_rejected(stand: Telegrammstand, anzahl: int, zeitpunkt: datetime) -> None:
    """Count refused messages and readings, each UTC day anew."""
    vorher = stand.abgewiesen_zeitpunkt
    heute = vorher is not None and vorher.date() == zeitpunkt.astimezone(UTC).date()
    stand.abgewiesen_anzahl = anzahl + (stand.abgewiesen_anzahl if heute else 0)
    stand.abgewiesen_zeitpunkt = zeitpunkt


def _record(
    session: Session, akteur: Akteur, stand: Telegrammstand, art: Ereignisart, daten: Mapping[str, Any]
) -> None:
    record_ereignis(session, akteur, art, "stromzaehler", stand.stromzaehler_id, daten)

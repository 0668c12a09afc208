"""Take a Telegramm in: one transaction, under the lock of its meter, for everything that it brings."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NoReturn

from sqlalchemy.orm import Session

from betreiber import metrik
from betreiber.ablesung import geraeteprotokoll, queries, speicher
from betreiber.ablesung.domain import (
    AKTUELL_S,
    EPOCHE_VORAUS,
    TELEGRAMME_JE_VIERTEL,
    Befund,
    Fenster,
    Grenzen,
    Spanne,
    too_many,
)
from betreiber.ablesung.luecken import advance, choose, first_quarter, missing
from betreiber.ablesung.queries import Geraet
from betreiber.auth.domain import Akteur
from betreiber.ereignis.domain import Ereignisart
from betreiber.ereignis.service import record_ereignis
from betreiber.errors import GeraeteFehler
from betreiber.schluessel.service import retire_older_keys
from betreiber.zeit import VIERTELSTUNDE_S
from db.models import Telegrammstand
from telegramm.messwerte import EREIGNISSE, FEHLANZEIGE, MESSWERTE, Messwert, Telegramm


@dataclass(frozen=True, slots=True)
class Aufnahme:
    """What became of a message: one Befund for each of its rows, and what its meter is asked for."""

    befunde: Sequence[Befund]
    luecken: tuple[Spanne, ...]
    protokoll: bool


def take_in(
    session: Session,
    akteur: Akteur,
    geraet: Geraet,
    telegramm: Telegramm,
    *,
    abdruck: bytes,
    schluessel_epoche: int,
    grenzen: Grenzen,
) -> Aufnahme:
    """Store a message and commit. `abdruck`: SHA-256 of its plaintext.

    `schluessel_epoche`: of the keys with which it came. Raises GeraeteFehler: 429 `zu_viele`, 409 `epoche`
    and `folge`, 403 `gesperrt`.
    """
    stand = queries.lock_stand(session, geraet.stromzaehler_id)
    if stand is None:
        raise GeraeteFehler(401, "unbekannt")  # Enrolment writes the row together with the keys.
    _count(stand, int(akteur.zeitpunkt.timestamp()))
    _begin_epoche(session, akteur, stand, telegramm.epoche)
    fenster = Fenster(stand.fenster)
    bekannt = fenster.find(telegramm.folge)
    if bekannt == abdruck:
        befunde = speicher.recall(session, geraet.stromzaehler_id, telegramm.werte)
        session.commit()
        return Aufnahme(befunde or [Befund.DOPPELT] * _count_rows(telegramm), (), stand.protokoll_angefordert)
    if bekannt is not None:
        _refuse(session, akteur, stand, "folge", {"folge": telegramm.folge})
    # The row of the meter changes on the way and is written once, with the commit.
    with session.no_autoflush:
        befunde = _write(session, akteur, stand, telegramm, grenzen)
        if telegramm.art == MESSWERTE:
            _note_readings(session, akteur, stand, telegramm.werte, befunde, grenzen)
        luecken = _find_gaps(session, stand, grenzen) if _is_first(stand, akteur.zeitpunkt) else ()
    geraeteprotokoll.watch_clock(session, akteur, stand, telegramm.erzeugt, grenzen.uhr_toleranz_s)
    aeltere = any(zeile.epoche < schluessel_epoche and not zeile.gesperrt for zeile in geraet.schluessel)
    if aeltere and retire_older_keys(session, akteur, geraet.stromzaehler_id, schluessel_epoche):
        record_ereignis(session, akteur, Ereignisart.SCHLUESSEL_ABGELOEST, "stromzaehler", stand.stromzaehler_id)
    stand.fenster = fenster.with_added(telegramm.folge, abdruck)
    stand.zuletzt_empfangen = akteur.zeitpunkt
    session.commit()
    if telegramm.art == MESSWERTE:
        for befund, anzahl in Counter(befunde).items():
            metrik.ABLESUNGEN.labels(befund.value).inc(anzahl)
    return Aufnahme(befunde, luecken, stand.protokoll_angefordert)


def _count(stand: Telegrammstand, jetzt: int) -> None:
    """Count a message of any kind, also one that is refused or was here before. Raises GeraeteFehler, 429."""
    viertel = jetzt // VIERTELSTUNDE_S
    anzahl = stand.viertel_anzahl + 1 if stand.viertel == viertel else 1
    if too_many(anzahl, stand.neueste_uhrzeit, jetzt):
        raise GeraeteFehler(429, "zu_viele", nach_s=(viertel + 1) * VIERTELSTUNDE_S - jetzt)
    stand.viertel, stand.viertel_anzahl = viertel, anzahl


def _is_first(stand: Telegrammstand, jetzt: datetime) -> bool:
    """Whether no other message of this quarter hour was taken in; repeated and refused ones do not count."""
    vorher = stand.zuletzt_empfangen
    return vorher is None or _quarter(vorher) != _quarter(jetzt)


def _quarter(zeitpunkt: datetime) -> int:
    return int(zeitpunkt.timestamp()) // VIERTELSTUNDE_S


def _begin_epoche(session: Session, akteur: Akteur, stand: Telegrammstand, epoche: int) -> None:
    # One from far ahead would use the numbers up: the meter could never be enrolled again.
    if not stand.epoche <= epoche <= stand.epoche + EPOCHE_VORAUS:
        _refuse(session, akteur, stand, "epoche", {})
    if epoche > stand.epoche:
        # All numbering begins anew: of messages, and of the entries of the device's log.
        stand.epoche, stand.fenster, stand.meldung_nummer = epoche, b"", -1


def _refuse(session: Session, akteur: Akteur, stand: Telegrammstand, code: str, daten: dict[str, int]) -> NoReturn:
    # Also of a meter that repeats it for ever, only some are written down.
    if stand.viertel_anzahl <= TELEGRAMME_JE_VIERTEL:
        record_ereignis(
            session,
            akteur,
            Ereignisart.TELEGRAMM_ABGEWIESEN,
            "stromzaehler",
            stand.stromzaehler_id,
            {"code": code} | daten,
        )
    session.commit()
    raise GeraeteFehler(409, code)


def _write(
    session: Session, akteur: Akteur, stand: Telegrammstand, telegramm: Telegramm, grenzen: Grenzen
) -> list[Befund]:
    empfangen = int(akteur.zeitpunkt.timestamp())
    if telegramm.art == MESSWERTE:
        return speicher.write(session, stand.stromzaehler_id, telegramm.werte, grenzen, empfangen)
    if telegramm.art == EREIGNISSE:
        return geraeteprotokoll.record_meldungen(session, akteur, stand, telegramm.ereignisse)
    if telegramm.art == FEHLANZEIGE:
        return geraeteprotokoll.record_lost(session, akteur, stand.stromzaehler_id, telegramm.luecken, grenzen)
    return []


def _note_readings(
    session: Session,
    akteur: Akteur,
    stand: Telegrammstand,
    werte: Sequence[Messwert],
    befunde: Sequence[Befund],
    grenzen: Grenzen,
) -> None:
    """What readings change besides the readings: events, and up to where there is no gap."""
    _record_quarantine(session, akteur, stand.stromzaehler_id, werte, befunde)
    heute = akteur.zeitpunkt.astimezone(UTC).date()
    if stand.empfangstag != heute:
        stand.empfangstag = heute
        record_ereignis(session, akteur, Ereignisart.DATEN_EMPFANGEN, "stromzaehler", stand.stromzaehler_id)
    alt = int(akteur.zeitpunkt.timestamp()) - AKTUELL_S
    if any(befund is Befund.NEU and wert.uhrzeit <= alt for wert, befund in zip(werte, befunde, strict=True)):
        # A message that fills a gap does not count against its meter: there are only so many gaps.
        stand.viertel_anzahl -= 1
    zeiten = [wert.uhrzeit for wert in werte if grenzen.fruehestens <= wert.uhrzeit <= grenzen.spaetestens]
    if not zeiten:
        return
    if stand.lueckenlos_bis is None:
        beginn = None if grenzen.eingebaut else speicher.earliest(session, stand.stromzaehler_id)
        stand.lueckenlos_bis = (first_quarter(grenzen.fruehestens) if beginn is None else beginn) - VIERTELSTUNDE_S
    stand.lueckenlos_bis = advance(stand.lueckenlos_bis, zeiten)
    stand.neueste_uhrzeit = max(stand.neueste_uhrzeit or 0, zeiten[-1])


def _find_gaps(session: Session, stand: Telegrammstand, grenzen: Grenzen) -> tuple[Spanne, ...]:
    """What the meter is asked for; moves `lueckenlos_bis` up to the first gap. The rule: `luecken.py`."""
    if stand.lueckenlos_bis is None or stand.neueste_uhrzeit is None:
        return ()  # It has sent no reading yet.
    if stand.neueste_uhrzeit <= stand.lueckenlos_bis:
        return ()
    # What is too old to be taken is not asked for.
    von = max(stand.lueckenlos_bis + VIERTELSTUNDE_S, first_quarter(grenzen.fruehestens))
    bis = stand.neueste_uhrzeit + VIERTELSTUNDE_S
    luecken = missing(von, bis, speicher.known(session, stand.stromzaehler_id, von, bis))
    stand.lueckenlos_bis = (luecken[0][0] if luecken else bis) - VIERTELSTUNDE_S
    return choose(luecken)


def _record_quarantine(
    session: Session, akteur: Akteur, stromzaehler_id: int, werte: Sequence[Messwert], befunde: Sequence[Befund]
) -> None:
    """One event a message and reason: a meter gone mad must not fill the log with a row a reading."""
    gruende: dict[Befund, list[int]] = {}
    for wert, befund in zip(werte, befunde, strict=True):
        if befund not in (Befund.NEU, Befund.DOPPELT):
            gruende.setdefault(befund, []).append(wert.uhrzeit)
    for grund, zeiten in gruende.items():
        daten = {"grund": grund.value, "anzahl": len(zeiten), "von": zeiten[0], "bis": zeiten[-1]}
        record_ereignis(
            session, akteur, Ereignisart.ABLESUNG_IN_QUARANTAENE, "stromzaehler", stromzaehler_id, daten
        )


def _count_rows(telegramm: Telegramm) -> int:
    return len(telegramm.werte) + len(telegramm.ereignisse) + len(telegramm.luecken)

"""Take Telegramme in: one transaction for several, each under the lock of its meter, for everything they bring."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from betreiber.ablesung import geraeteprotokoll, queries, speicher
from betreiber.ablesung.domain import (
    AKTUELL_S,
    EPOCHE_VORAUS,
    TELEGRAMME_JE_VIERTEL,
    Befund,
    Fenster,
    Grenzen,
    Spanne,
    find_rejected,
    too_many,
)
from betreiber.ablesung.luecken import advance, choose, first_quarter, missing
from betreiber.ablesung.oeffnung import Eingang
from betreiber.ablesung.zaehlwerk import Zaehlwerk
from betreiber.auth.domain import Akteur
from betreiber.ereignis.domain import Ereignisart
from betreiber.ereignis.service import record_ereignis
from betreiber.errors import GeraeteFehler
from betreiber.schluessel.domain import GESPERRTE_ZUSTAENDE
from betreiber.schluessel.service import retire_older_keys
from betreiber.zeit import VIERTELSTUNDE_S
from db.models import Telegrammstand
from telegramm.messwerte import EREIGNISSE, FEHLANZEIGE, MESSWERTE, Messwert, Telegramm


@dataclass(frozen=True, slots=True)
class Auftrag:
    """A message that is to be taken in; `grenzen`: of its readings, without the sections of the register."""

    akteur: Akteur
    eingang: Eingang
    grenzen: Grenzen

    @property
    def stromzaehler_id(self) -> int:
        return self.eingang.geraet.stromzaehler_id

    @property
    def telegramm(self) -> Telegramm:
        return self.eingang.telegramm

    @property
    def empfangen(self) -> int:
        """Seconds since 1970."""
        return int(self.akteur.zeitpunkt.timestamp())


@dataclass(frozen=True, slots=True)
class Aufnahme:
    """What became of a message: one Befund for each of its rows, and what its meter is asked for."""

    eingang: Eingang
    befunde: Sequence[Befund]
    luecken: tuple[Spanne, ...]
    protokoll: bool


@dataclass(slots=True)
class _Eintrag:
    """A message on its way into the tables, with the locked row of its meter."""

    auftrag: Auftrag
    stand: Telegrammstand
    grenzen: Grenzen
    befunde: Sequence[Befund] = ()
    luecken: tuple[Spanne, ...] = ()

    def as_aufnahme(self) -> Aufnahme:
        return Aufnahme(self.auftrag.eingang, self.befunde, self.luecken, self.stand.protokoll_angefordert)


def take_in(session: Session, auftraege: Sequence[Auftrag]) -> list[Aufnahme | GeraeteFehler]:
    """Store messages, each meter at most once; what became of each of them. Does not commit.

    Refused are, whatever the others bring: 401 `unbekannt`, 403 `gesperrt`, 429 `zu_viele`, 409 `epoche`, `folge`.
    The number of statements does not grow with that of the messages, as long as they bring readings.
    """
    staende = speicher.lock(session, [auftrag.stromzaehler_id for auftrag in auftraege])
    schluessel_ids = [zeile.schluessel_id for auftrag in auftraege for zeile in auftrag.eingang.schluessel]
    verboten = queries.find_forbidden(session, list(staende), GESPERRTE_ZUSTAENDE, schluessel_ids)
    abschnitte = speicher.fleet_sections(session, list(staende))
    ergebnisse: list[Aufnahme | GeraeteFehler | _Eintrag] = []
    # The row of a meter changes on the way and is written once, with all the others.
    with session.no_autoflush:
        for auftrag in auftraege:
            stromzaehler_id = auftrag.stromzaehler_id
            eintrag = _Eintrag(auftrag, staende[stromzaehler_id], auftrag.grenzen)
            if stromzaehler_id in abschnitte:
                zaehlwerk = Zaehlwerk(auftrag.eingang.geraet.faktor, abschnitte[stromzaehler_id])
                eintrag.grenzen = replace(auftrag.grenzen, zaehlwerk=zaehlwerk)
            try:
                ergebnisse.append(_begin(session, eintrag, verboten))
            except GeraeteFehler as error:
                ergebnisse.append(error)
        eintraege = [teil for teil in ergebnisse if isinstance(teil, _Eintrag)]
        _write(session, eintraege)
        for eintrag in eintraege:
            _finish(session, eintrag)
        queries.save_staende(session, staende.values())
    return [teil.as_aufnahme() if isinstance(teil, _Eintrag) else teil for teil in ergebnisse]


def _begin(session: Session, eintrag: _Eintrag, verboten: Mapping[int, str]) -> _Eintrag | Aufnahme:
    """Whether a message may come in; one that was here before is answered. Raises GeraeteFehler."""
    auftrag, stand = eintrag.auftrag, eintrag.stand
    if stand.epoche == 0:
        raise GeraeteFehler(401, "unbekannt")  # Enrolment begins the first epoche together with the keys.
    if (zustand := verboten.get(stand.stromzaehler_id)) is not None:
        raise GeraeteFehler(403, "gesperrt", zustand=zustand or None)
    _count(stand, int(auftrag.akteur.zeitpunkt.timestamp()))
    _begin_epoche(session, auftrag.akteur, stand, auftrag.telegramm.epoche)
    bekannt = Fenster(stand.fenster).find(auftrag.telegramm.folge)
    if bekannt is None:
        return eintrag
    if not auftrag.eingang.abdruck.startswith(bekannt):
        raise _refuse(session, auftrag.akteur, stand, "folge", {"folge": auftrag.telegramm.folge})
    befunde = speicher.recall(session, stand.stromzaehler_id, auftrag.telegramm.werte)
    befunde = befunde or [Befund.DOPPELT] * auftrag.telegramm.zeilen
    return Aufnahme(auftrag.eingang, befunde, (), stand.protokoll_angefordert)


def _count(stand: Telegrammstand, jetzt: int) -> None:
    """Count a message of any kind, also one that is refused or was here before. Raises GeraeteFehler, 429."""
    viertel = jetzt // VIERTELSTUNDE_S
    anzahl = stand.viertel_anzahl + 1 if stand.viertel == viertel else 1
    if too_many(anzahl, stand.neueste_uhrzeit, jetzt):
        raise GeraeteFehler(429, "zu_viele", nach_s=(viertel + 1) * VIERTELSTUNDE_S - jetzt)
    stand.viertel, stand.viertel_anzahl = viertel, anzahl


def _begin_epoche(session: Session, akteur: Akteur, stand: Telegrammstand, epoche: int) -> None:
    # One from far ahead would use the numbers up: the meter could never be enrolled again.
    if not stand.epoche <= epoche <= stand.epoche + EPOCHE_VORAUS:
        raise _refuse(session, akteur, stand, "epoche", {})
    if epoche > stand.epoche:
        # All numbering begins anew: of messages, and of the entries of the device's log.
        stand.epoche, stand.fenster, stand.meldung_nummer = epoche, b"", -1


def _refuse(
    session: Session, akteur: Akteur, stand: Telegrammstand, code: str, daten: dict[str, int]
) -> GeraeteFehler:
    """A refusal that is recorded; of a meter that repeats its message for ever, only some are."""
    geraeteprotokoll.count_rejected(stand, 1, akteur.zeitpunkt)
    if stand.viertel_anzahl <= TELEGRAMME_JE_VIERTEL:
        record_ereignis(
            session,
            akteur,
            Ereignisart.TELEGRAMM_ABGEWIESEN,
            "stromzaehler",
            stand.stromzaehler_id,
            {"code": code} | daten,
        )
    return GeraeteFehler(409, code)


def _write(session: Session, eintraege: Sequence[_Eintrag]) -> None:
    """Store what messages bring: the readings of all of them together."""
    mit_werten = [eintrag for eintrag in eintraege if eintrag.auftrag.telegramm.art == MESSWERTE]
    posten = [
        speicher.Posten(eintrag.stand, eintrag.auftrag.telegramm.werte, eintrag.grenzen, eintrag.auftrag.empfangen)
        for eintrag in mit_werten
    ]
    for eintrag, befunde in zip(mit_werten, speicher.write(session, posten), strict=True):
        eintrag.befunde = befunde
    for eintrag in eintraege:
        akteur, telegramm, stand = eintrag.auftrag.akteur, eintrag.auftrag.telegramm, eintrag.stand
        if telegramm.art == EREIGNISSE:
            eintrag.befunde = geraeteprotokoll.record_meldungen(session, akteur, stand, telegramm)
        elif telegramm.art == FEHLANZEIGE:
            eintrag.befunde = geraeteprotokoll.record_lost(
                session, akteur, stand.stromzaehler_id, telegramm.luecken, eintrag.grenzen
            )


def _finish(session: Session, eintrag: _Eintrag) -> None:
    """What a message changes besides the rows that it brings."""
    auftrag, stand = eintrag.auftrag, eintrag.stand
    akteur, telegramm = auftrag.akteur, auftrag.telegramm
    if telegramm.art == MESSWERTE:
        _note_readings(session, eintrag)
    if _is_first(stand, akteur.zeitpunkt):
        eintrag.luecken = _find_gaps(session, stand, eintrag.grenzen)
    geraeteprotokoll.watch_clock(session, akteur, stand, telegramm.erzeugt, eintrag.grenzen.uhr_toleranz_s)
    geraeteprotokoll.note_signs(stand, telegramm, auftrag.eingang.gueltig_bis, akteur.zeitpunkt)
    epoche = auftrag.eingang.schluessel[0].epoche
    aeltere = any(zeile.epoche < epoche and not zeile.gesperrt for zeile in auftrag.eingang.geraet.schluessel)
    if aeltere and retire_older_keys(session, akteur, stand.stromzaehler_id, epoche):
        record_ereignis(session, akteur, Ereignisart.SCHLUESSEL_ABGELOEST, "stromzaehler", stand.stromzaehler_id)
    stand.fenster = Fenster(stand.fenster).with_added(telegramm.folge, auftrag.eingang.abdruck)
    stand.zuletzt_empfangen = akteur.zeitpunkt


def _note_readings(session: Session, eintrag: _Eintrag) -> None:
    """What readings change besides the readings: events, and up to where there is no gap."""
    stand, grenzen, akteur = eintrag.stand, eintrag.grenzen, eintrag.auftrag.akteur
    werte, befunde = eintrag.auftrag.telegramm.werte, eintrag.befunde
    _record_quarantine(session, akteur, stand, werte, befunde)
    heute = akteur.zeitpunkt.astimezone(UTC).date()
    if stand.empfangstag != heute:
        stand.empfangstag = heute
        record_ereignis(session, akteur, Ereignisart.DATEN_EMPFANGEN, "stromzaehler", stand.stromzaehler_id)
    alt = eintrag.auftrag.empfangen - AKTUELL_S
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


def _is_first(stand: Telegrammstand, jetzt: datetime) -> bool:
    """Whether no other message of this quarter hour was taken in; repeated and refused ones do not count."""
    vorher = stand.zuletzt_empfangen
    return vorher is None or _quarter(vorher) != _quarter(jetzt)


def _quarter(zeitpunkt: datetime) -> int:
    return int(zeitpunkt.timestamp()) // VIERTELSTUNDE_S


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
    session: Session,
    akteur: Akteur,
    stand: Telegrammstand,
    werte: Sequence[Messwert],
    befunde: Sequence[Befund],
) -> None:
    """One event a message and reason: a meter gone mad must not fill the log with a row a reading."""
    abgelehnt = find_rejected(befunde)
    if abgelehnt:
        geraeteprotokoll.count_rejected(stand, len(abgelehnt), akteur.zeitpunkt)
    gruende: dict[Befund, list[int]] = {}
    for stelle in abgelehnt:
        gruende.setdefault(befunde[stelle], []).append(werte[stelle].uhrzeit)
    for grund, zeiten in gruende.items():
        daten = {"grund": grund.value, "anzahl": len(zeiten), "von": zeiten[0], "bis": zeiten[-1]}
        record_ereignis(
            session, akteur, Ereignisart.ABLESUNG_IN_QUARANTAENE, "stromzaehler", stand.stromzaehler_id, daten
        )

"""Use cases of corrections: put a reading right, take it back, enter one by hand; the log of what changed."""

import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.orm import Session

from betreiber.ablesung import speicher
from betreiber.ablesung.domain import (
    Ablesung,
    Grenzen,
    Herkunft,
    Qualitaet,
    max_power,
    rollover_wh,
)
from betreiber.ablesung.zaehlwerk import Zaehlwerk
from betreiber.auth.domain import Akteur
from betreiber.ereignis.domain import Ereignisart
from betreiber.ereignis.service import record_audit, record_ereignis
from betreiber.errors import EingabeUngueltig, KonfliktFehler
from betreiber.korrektur import queries
from betreiber.korrektur.domain import (
    Wertaenderung,
    check_befund,
    check_korrektur,
    check_no_edge,
    follow_closing,
    follow_edges,
    list_changes,
    without_edge,
)
from betreiber.seite import Seite
from betreiber.stromzaehler.service import get_stromzaehler
from db.models import Stromzaehler, Telegrammstand
from telegramm.messwerte import Messwert

_AKTION = {Herkunft.KORREKTUR: "KORRIGIERT", Herkunft.MANUELL: "EINGETRAGEN"}


@dataclass(frozen=True, slots=True)
class Wertauskunft:
    """A reading as it was or is."""

    bezug_gesamt_wh: int
    einspeisung_gesamt_wh: int
    qualitaet: str
    herkunft: str
    empfangen_zeitpunkt: datetime


@dataclass(frozen=True, slots=True)
class Aenderungsauskunft:
    """What became of a reading; `alt` or `neu` None: there was none."""

    messzeitpunkt: datetime
    geaendert_zeitpunkt: datetime
    alt: Wertauskunft | None
    neu: Wertauskunft | None
    bezug_differenz_wh: int | None
    einspeisung_differenz_wh: int | None


def correct_ablesung(
    session: Session,
    akteur: Akteur,
    stromzaehler_id: int,
    *,
    messzeitpunkt: datetime,
    bezug_gesamt_wh: int | None,
    einspeisung_gesamt_wh: int | None,
    entfernen: bool,
    begruendung: str,
) -> Wertauskunft | None:
    """Put a reading in place of the stored one or where none is, or take it back; returns what is stored now.

    The old one stays as a version. Twice is once. Raises NichtGefunden, EingabeUngueltig for registers that do not
    go with `entfernen` or an instant in the future, KonfliktFehler for one that does not fit the measured readings
    beside it, or when there is nothing to take back, or a section of the register begins with it.
    """
    check_korrektur(bezug_gesamt_wh, einspeisung_gesamt_wh, entfernen, messzeitpunkt, akteur.zeitpunkt)
    stromzaehler = get_stromzaehler(session, akteur, stromzaehler_id)
    stand = speicher.lock(session, [stromzaehler_id])[stromzaehler_id]
    uhrzeit = int(messzeitpunkt.timestamp())
    alt = speicher.registers(session, stromzaehler_id, [uhrzeit]).get(uhrzeit)
    if alt is not None and alt.qualitaet is not Qualitaet.ABGELESEN:
        alt = None  # A substitute gives way to what was read.
    grenzen = find_grenzen(session, akteur, stromzaehler)
    if entfernen:
        _withdraw(session, akteur, stand, uhrzeit, alt, grenzen, begruendung)
        return None
    neu = (bezug_gesamt_wh or 0, einspeisung_gesamt_wh or 0)
    if alt is not None and alt[1:3] == neu:
        return _as_auskunft(alt)
    jetzt = int(akteur.zeitpunkt.timestamp())
    zaehlwerk = grenzen.zaehlwerk
    if alt is not None:
        speicher.remove(session, stand, [uhrzeit], jetzt)
        zaehlwerk = Zaehlwerk(zaehlwerk.faktor, follow_edges(zaehlwerk, {uhrzeit: alt}, {uhrzeit: neu}))
    _, nachher = _neighbours(session, stromzaehler_id, uhrzeit)
    zaehlwerk = follow_closing(zaehlwerk, neu, nachher, jetzt)
    if speicher.set_sections(session, stromzaehler_id, zaehlwerk.abschnitte, jetzt):
        _withdraw_ersatzwerte(session, stand, uhrzeit, nachher, jetzt)
    grenzen = replace(grenzen, zaehlwerk=zaehlwerk)
    herkunft = Herkunft.MANUELL if alt is None else Herkunft.KORREKTUR
    posten = speicher.Posten(stand, [Messwert(uhrzeit, *neu, None, 0)], grenzen, jetzt, herkunft)
    ((befund,),) = speicher.write(session, [posten])
    check_befund(befund)
    _record(session, akteur, stromzaehler_id, _AKTION[herkunft], messzeitpunkt, alt, neu, begruendung)
    jetzige = speicher.registers(session, stromzaehler_id, [uhrzeit])[uhrzeit]
    session.commit()
    return _as_auskunft(jetzige)


def list_wertaenderungen(
    session: Session,
    akteur: Akteur,
    stromzaehler_id: int,
    *,
    von: datetime,
    bis: datetime,
    seite: int,
    pro_seite: int,
) -> Seite[Aenderungsauskunft]:
    """What changed of the readings in [von, bis), newest change first: corrections, Ersatzwerte, their end.

    Raises NichtGefunden, EingabeUngueltig unless `bis` is after `von`.
    """
    if bis <= von:
        raise EingabeUngueltig("bis muss nach von liegen.", feld="bis", code="zeitraum_ungueltig")
    get_stromzaehler(session, akteur, stromzaehler_id)
    anfang, ende = math.ceil(von.timestamp()), math.ceil(bis.timestamp())
    fassungen = speicher.versions(session, stromzaehler_id, anfang, ende)
    zeiten = sorted({fassung.ablesung.uhrzeit for fassung in fassungen})
    aenderungen = list_changes(
        ((fassung.ablesung, fassung.ersetzt) for fassung in fassungen),
        speicher.registers(session, stromzaehler_id, zeiten),
    )
    erste = (seite - 1) * pro_seite
    return Seite(
        [_describe(aenderung) for aenderung in aenderungen[erste : erste + pro_seite]],
        seite,
        pro_seite,
        len(aenderungen),
    )


def find_grenzen(session: Session, akteur: Akteur, stromzaehler: Stromzaehler) -> Grenzen:
    """Between which bounds staff may enter readings of a meter: from its installation on, whatever their age."""
    einbauten = queries.list_einbauten(session, stromzaehler.stromzaehler_id)
    return Grenzen(
        fruehestens=int(einbauten[0][0].timestamp()) if einbauten else 0,
        spaetestens=int(akteur.zeitpunkt.timestamp()),
        hoechstleistung_w=max_power(leistung for _, leistung in einbauten),
        eingebaut=bool(einbauten),
        ueberlauf_wh=rollover_wh(stromzaehler.stellen),
        zaehlwerk=Zaehlwerk(stromzaehler.faktor, speicher.sections(session, stromzaehler.stromzaehler_id)),
        einbauten=[int(von.timestamp()) for von, _ in einbauten],
    )


def _withdraw(
    session: Session,
    akteur: Akteur,
    stand: Telegrammstand,
    uhrzeit: int,
    alt: Ablesung | None,
    grenzen: Grenzen,
    begruendung: str,
) -> None:
    jetzt = int(akteur.zeitpunkt.timestamp())
    if alt is None:
        fassungen = speicher.versions(session, stand.stromzaehler_id, uhrzeit, uhrzeit + 1)
        if any(fassung.ablesung.qualitaet is Qualitaet.ABGELESEN for fassung in fassungen):
            return  # It was taken back before.
        raise KonfliktFehler(
            "Zu diesem Zeitpunkt ist keine Ablesung gespeichert. Prüfen Sie den Zeitpunkt.", code="ablesung_fehlt"
        )
    vorher, nachher = _neighbours(session, stand.stromzaehler_id, uhrzeit)
    zaehlwerk = without_edge(uhrzeit, vorher, nachher, grenzen)
    check_no_edge(uhrzeit, zaehlwerk.abschnitte)
    if vorher is not None:
        zaehlwerk = follow_closing(zaehlwerk, vorher[1:3], nachher, jetzt)
    speicher.remove(session, stand, [uhrzeit], jetzt)
    if speicher.set_sections(session, stand.stromzaehler_id, zaehlwerk.abschnitte, jetzt):
        _withdraw_ersatzwerte(session, stand, uhrzeit if vorher is None else vorher.uhrzeit, nachher, jetzt)
    _record(session, akteur, stand.stromzaehler_id, "ENTFERNT", _instant(uhrzeit), alt, None, begruendung)
    session.commit()


def _neighbours(session: Session, stromzaehler_id: int, uhrzeit: int) -> tuple[Ablesung | None, Ablesung | None]:
    """The measured readings next to this time."""
    umgebung = speicher.search(session, {stromzaehler_id: (uhrzeit, uhrzeit)})[stromzaehler_id]
    gemessen = [ablesung for ablesung in umgebung.readings() if ablesung.qualitaet is Qualitaet.ABGELESEN]
    return (
        max((ablesung for ablesung in gemessen if ablesung.uhrzeit < uhrzeit), default=None),
        min((ablesung for ablesung in gemessen if ablesung.uhrzeit > uhrzeit), default=None),
    )


def _withdraw_ersatzwerte(
    session: Session, stand: Telegrammstand, von: int, nachher: Ablesung | None, jetzt: int
) -> None:
    """Take back what was substituted after `von` by sections that have moved: it is formed anew."""
    letzte = nachher or speicher.newest(session, stand.stromzaehler_id)
    if letzte is None:
        return
    werte = speicher.series(session, stand.stromzaehler_id, von, letzte.uhrzeit)
    zeiten = [zeit for zeit, wert in werte.items() if wert.herkunft is Herkunft.ERSATZWERT]
    speicher.remove(session, stand, zeiten, jetzt)


def _record(
    session: Session,
    akteur: Akteur,
    stromzaehler_id: int,
    aktion: str,
    messzeitpunkt: datetime,
    alt: Ablesung | None,
    neu: tuple[int, int] | None,
    begruendung: str,
) -> None:
    wann = {"messzeitpunkt": messzeitpunkt}
    record_audit(
        session,
        akteur,
        aktion,
        "ablesung",
        stromzaehler_id,
        alt=wann | _registers(None if alt is None else alt[1:3]),
        neu=wann | _registers(neu) | {"begruendung": begruendung},
    )
    record_ereignis(
        session,
        akteur,
        Ereignisart.ABLESUNG_KORRIGIERT,
        "stromzaehler",
        stromzaehler_id,
        wann | {"aktion": aktion},
    )


def _registers(stand: tuple[int, int] | None) -> dict[str, Any]:
    return {} if stand is None else {"bezug_gesamt_wh": stand[0], "einspeisung_gesamt_wh": stand[1]}


def _describe(aenderung: Wertaenderung) -> Aenderungsauskunft:
    return Aenderungsauskunft(
        _instant(aenderung.uhrzeit),
        _instant(aenderung.geaendert),
        None if aenderung.alt is None else _as_auskunft(aenderung.alt),
        None if aenderung.neu is None else _as_auskunft(aenderung.neu),
        aenderung.bezug_differenz_wh,
        aenderung.einspeisung_differenz_wh,
    )


def _as_auskunft(ablesung: Ablesung) -> Wertauskunft:
    return Wertauskunft(
        ablesung.bezug_wh,
        ablesung.einspeisung_wh,
        ablesung.qualitaet.name,
        ablesung.herkunft.name,
        _instant(ablesung.empfangen),
    )


def _instant(sekunden: int) -> datetime:
    return datetime.fromtimestamp(sekunden, UTC)

"""Use cases of the quarantine: look at what lies in it, and decide."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from betreiber.ablesung import speicher
from betreiber.ablesung.domain import (
    Ablesung,
    Befund,
    Grenzen,
    Herkunft,
    Qualitaet,
    Stand,
    judge,
)
from betreiber.ablesung.zaehlwerk import Zaehlwerk, follow_rollovers
from betreiber.auth.domain import Akteur
from betreiber.ereignis.domain import Ereignisart
from betreiber.ereignis.service import record_audit, record_ereignis
from betreiber.errors import EingabeUngueltig, KonfliktFehler, NichtGefunden
from betreiber.korrektur.domain import follow_edges
from betreiber.korrektur.service import find_grenzen
from betreiber.quarantaene import queries
from betreiber.quarantaene.domain import (
    Entscheidung,
    begin_section,
    check_fits,
    check_rising,
    check_unambiguous,
    nearest,
    select_open,
)
from betreiber.seite import Seite
from betreiber.stromzaehler.service import get_stromzaehler
from db.models import Quarantaene, Telegrammstand
from telegramm.messwerte import Messwert


@dataclass(frozen=True, slots=True)
class Nachbar:
    """A measured reading that is stored."""

    messzeitpunkt: datetime
    bezug_gesamt_wh: int
    einspeisung_gesamt_wh: int


@dataclass(frozen=True, slots=True)
class Fallauskunft:
    """A reading in quarantine; of one meter also what is measured and stored around it."""

    stromzaehler_id: int
    zaehlernummer: str
    messzeitpunkt: datetime
    wert_sha256: str
    bezug_gesamt_wh: int
    einspeisung_gesamt_wh: int
    leistung_w: int | None
    grund: str
    empfangen_zeitpunkt: datetime
    entscheidung: str | None
    entschieden_zeitpunkt: datetime | None
    vorher: Nachbar | None = None
    gespeichert: Nachbar | None = None
    nachher: Nachbar | None = None


@dataclass(frozen=True, slots=True)
class Grundauskunft:
    grund: str
    offen: int
    entschieden: int


@dataclass(frozen=True, slots=True)
class Entscheidungsergebnis:
    """How many of the readings were decided now, and how many of them are open still."""

    entschieden: int
    offen: int


def list_quarantaene(
    session: Session,
    akteur: Akteur,
    *,
    stromzaehler_id: int | None,
    grund: str | None,
    zustand: str | None,
    von: datetime | None,
    bis: datetime | None,
    seite: int,
    pro_seite: int,
) -> Seite[Fallauskunft]:
    """Readings in quarantine of all meters, the last received first."""
    faelle = queries.list_quarantaene(
        session,
        stromzaehler_id=stromzaehler_id,
        grund=grund,
        zustand=zustand,
        von=_seconds(von),
        bis=_seconds(bis),
        seite=seite,
        pro_seite=pro_seite,
    )
    eintraege = [_describe(fall, nummer) for fall, nummer in faelle.eintraege]
    return Seite(eintraege, faelle.seite, faelle.pro_seite, faelle.gesamt)


def list_of_stromzaehler(
    session: Session,
    akteur: Akteur,
    stromzaehler_id: int,
    *,
    grund: str | None,
    zustand: str | None,
    von: datetime | None,
    bis: datetime | None,
    seite: int,
    pro_seite: int,
) -> Seite[Fallauskunft]:
    """The same of one meter, each with the measured readings stored around it. Raises NichtGefunden."""
    get_stromzaehler(session, akteur, stromzaehler_id)
    faelle = list_quarantaene(
        session,
        akteur,
        stromzaehler_id=stromzaehler_id,
        grund=grund,
        zustand=zustand,
        von=von,
        bis=bis,
        seite=seite,
        pro_seite=pro_seite,
    )
    laeufe = _measured_runs(session, stromzaehler_id)
    lage = {}
    for fall in faelle.eintraege:
        uhrzeit = int(fall.messzeitpunkt.timestamp())
        vorher, nachher = nearest(laeufe, uhrzeit)
        lage[fall.messzeitpunkt] = [zeit or 0 for zeit in (vorher, uhrzeit, nachher)]
    staende = speicher.registers(session, stromzaehler_id, sorted({z for zeiten in lage.values() for z in zeiten}))
    eintraege = []
    for fall in faelle.eintraege:
        davor, selbst, danach = (_as_nachbar(staende.get(zeit)) for zeit in lage[fall.messzeitpunkt])
        eintraege.append(replace(fall, vorher=davor, gespeichert=selbst, nachher=danach))
    return Seite(eintraege, faelle.seite, faelle.pro_seite, faelle.gesamt)


def count_gruende(session: Session, akteur: Akteur) -> list[Grundauskunft]:
    """How many readings are in quarantine, by reason."""
    return [Grundauskunft(*zeile) for zeile in queries.count_gruende(session)]


def decide(
    session: Session,
    akteur: Akteur,
    stromzaehler_id: int,
    *,
    von: datetime,
    bis: datetime,
    wert_sha256: str | None,
    entscheidung: Entscheidung,
    begruendung: str,
) -> Entscheidungsergebnis:
    """Decide on the readings of a meter in [von, bis) that are in quarantine. Twice is once.

    UEBERNEHMEN: they become the stored ones, what was stored at their times stays as versions. UEBERLAUF, WECHSEL:
    the same, and the registers begin anew with the first of them, after a rollover or an exchange of electronics.
    VERWERFEN: they are kept and not used. ERNEUT_PRUEFEN: what is plausible by now is used, the rest stays open.
    Raises NichtGefunden, EingabeUngueltig, and KonfliktFehler when one was decided otherwise, two are of the same
    time, or the register would fall.
    """
    if bis <= von:
        raise EingabeUngueltig("bis muss nach von liegen.", feld="bis", code="zeitraum_ungueltig")
    stromzaehler = get_stromzaehler(session, akteur, stromzaehler_id)
    stand = speicher.lock(session, [stromzaehler_id])[stromzaehler_id]
    gesucht = None if wert_sha256 is None else bytes.fromhex(wert_sha256)
    faelle = queries.list_in_spanne(
        session, stromzaehler_id, math.ceil(von.timestamp()), math.ceil(bis.timestamp()), gesucht
    )
    if not faelle:
        raise NichtGefunden("In diesem Zeitraum liegt keine solche Ablesung in Quarantäne.")
    offene = select_open(faelle, entscheidung)
    entschieden = offene
    ergebnis = entscheidung
    if entscheidung is Entscheidung.ERNEUT_PRUEFEN:
        ergebnis = Entscheidung.UEBERNEHMEN
        entschieden = _judge_anew(session, akteur, stand, offene, find_grenzen(session, akteur, stromzaehler))
    elif offene and entscheidung is not Entscheidung.VERWERFEN:
        _accept(session, akteur, stand, offene, entscheidung, find_grenzen(session, akteur, stromzaehler))
    if entschieden:
        _record(session, akteur, stromzaehler_id, entschieden, entscheidung, ergebnis, begruendung)
    session.commit()
    return Entscheidungsergebnis(len(entschieden), len(offene) - len(entschieden))


def _judge_anew(
    session: Session, akteur: Akteur, stand: Telegrammstand, offene: Sequence[Quarantaene], grenzen: Grenzen
) -> list[Quarantaene]:
    """Hand the readings in once more; returns those that are stored now."""
    stoff = list(offene)
    gut = []
    while stoff:
        # Each time once: the next round has what else there is of the same times.
        runde = {fall.uhrzeit: fall for fall in reversed(stoff)}
        stoff = [fall for fall in stoff if runde[fall.uhrzeit] is not fall]
        reihe = [runde[uhrzeit] for uhrzeit in sorted(runde)]
        werte = [_as_messwert(fall) for fall in reihe]
        (befunde,) = speicher.write(
            session, [speicher.Posten(stand, werte, grenzen, int(akteur.zeitpunkt.timestamp()))]
        )
        gut += [
            fall for fall, befund in zip(reihe, befunde, strict=True) if befund in (Befund.NEU, Befund.DOPPELT)
        ]
    return gut


def _accept(
    session: Session,
    akteur: Akteur,
    stand: Telegrammstand,
    offene: Sequence[Quarantaene],
    entscheidung: Entscheidung,
    grenzen: Grenzen,
) -> None:
    """Make these readings the stored ones."""
    check_unambiguous(offene)
    jetzt = int(akteur.zeitpunkt.timestamp())
    if offene[-1].uhrzeit > jetzt:
        raise KonfliktFehler(
            "Eine dieser Ablesungen liegt in der Zukunft. Warten Sie, bis ihr Zeitpunkt vorbei ist, oder verwerfen"
            " Sie sie.",
            code="ablesung_in_zukunft",
        )
    neue = [
        Ablesung(*_as_messwert(fall)[:4], Qualitaet.ABGELESEN, fall.status, jetzt, Herkunft.GERAET)
        for fall in offene
    ]
    vorher, dazwischen, nachher = _surroundings(session, stand.stromzaehler_id, neue)
    register = {ablesung.uhrzeit: ablesung[1:3] for ablesung in neue}
    alte = speicher.registers(session, stand.stromzaehler_id, register)
    zaehlwerk = Zaehlwerk(grenzen.zaehlwerk.faktor, follow_edges(grenzen.zaehlwerk, alte, register))
    if entscheidung is not Entscheidung.UEBERNEHMEN:
        abschnitte = begin_section(entscheidung, zaehlwerk, vorher, neue[0], grenzen.ueberlauf_wh or 0, jetzt)
        zaehlwerk = Zaehlwerk(zaehlwerk.faktor, abschnitte)
        if nachher is not None:
            # Energy that rises says nothing: a reading of the old count after the new one would be a huge step.
            danach = [Messwert(*nachher[:4], nachher.status)]
            urteil = judge(danach, {}, Stand(*neue[-1][:4]), None, replace(grenzen, zaehlwerk=zaehlwerk))
            check_fits(urteil.befunde[0])
            # The rollover that was known between the two is the one before the first of these readings.
            ueberlauf_wh = grenzen.ueberlauf_wh or 0
            abschnitte = follow_rollovers(zaehlwerk.faktor, abschnitte, urteil.uebergaenge, ueberlauf_wh, jetzt)
            zaehlwerk = Zaehlwerk(zaehlwerk.faktor, abschnitte)
    raender = [ablesung for ablesung in (vorher, nachher) if ablesung is not None]
    check_rising(sorted([*raender, *dazwischen, *neue], key=lambda ablesung: ablesung.uhrzeit), zaehlwerk)
    speicher.replace(session, stand, neue)
    speicher.set_sections(session, stand.stromzaehler_id, zaehlwerk.abschnitte, jetzt)
    _withdraw_ersatzwerte(session, stand, vorher or neue[0], nachher, jetzt)


def _withdraw_ersatzwerte(
    session: Session, stand: Telegrammstand, vorher: Ablesung, nachher: Ablesung | None, jetzt: int
) -> None:
    """Take back what was substituted up to or from other readings than these: it is formed anew between them."""
    letzte = nachher or speicher.newest(session, stand.stromzaehler_id) or vorher
    werte = speicher.series(session, stand.stromzaehler_id, vorher.uhrzeit, letzte.uhrzeit)
    zeiten = [zeit for zeit, wert in werte.items() if wert.herkunft is Herkunft.ERSATZWERT]
    speicher.remove(session, stand, zeiten, jetzt)


def _surroundings(
    session: Session, stromzaehler_id: int, neue: Sequence[Ablesung]
) -> tuple[Ablesung | None, list[Ablesung], Ablesung | None]:
    """The measured readings before, between and after these."""
    laeufe = _measured_runs(session, stromzaehler_id)
    vorher, _ = nearest(laeufe, neue[0].uhrzeit)
    _, nachher = nearest(laeufe, neue[-1].uhrzeit)
    raender = speicher.registers(
        session, stromzaehler_id, [zeit for zeit in (vorher, nachher) if zeit is not None]
    )
    belegt = {ablesung.uhrzeit for ablesung in neue}
    dazwischen = [
        ablesung
        for zeit, ablesung in speicher.series(session, stromzaehler_id, neue[0].uhrzeit, neue[-1].uhrzeit).items()
        if ablesung.qualitaet is Qualitaet.ABGELESEN and zeit not in belegt
    ]
    return raender.get(vorher or 0), dazwischen, raender.get(nachher or 0)


def _measured_runs(session: Session, stromzaehler_id: int) -> list[tuple[int, int]]:
    erste, letzte = speicher.earliest(session, stromzaehler_id), speicher.newest(session, stromzaehler_id)
    if erste is None or letzte is None:
        return []
    return speicher.runs(session, stromzaehler_id, erste, letzte.uhrzeit, gemessen=True)


def _record(
    session: Session,
    akteur: Akteur,
    stromzaehler_id: int,
    entschieden: Sequence[Quarantaene],
    entscheidung: Entscheidung,
    ergebnis: Entscheidung,
    begruendung: str,
) -> None:
    for fall in entschieden:
        fall.entscheidung, fall.entschieden = ergebnis.value, int(akteur.zeitpunkt.timestamp())
    daten = {
        "entscheidung": entscheidung.value,
        "anzahl": len(entschieden),
        "von": _instant(min(fall.uhrzeit for fall in entschieden)),
        "bis": _instant(max(fall.uhrzeit for fall in entschieden)),
    }
    werte = {"werte": [fall.wert_sha256.hex() for fall in entschieden], "begruendung": begruendung}
    record_audit(session, akteur, "ENTSCHIEDEN", "quarantaene", stromzaehler_id, neu=daten | werte)
    record_ereignis(
        session, akteur, Ereignisart.ABLESUNG_ENTSCHIEDEN, "stromzaehler", stromzaehler_id, daten=daten
    )


def _as_messwert(fall: Quarantaene) -> Messwert:
    return Messwert(
        fall.uhrzeit,
        fall.stromverbrauch_gesamt_wh,
        fall.einspeisung_gesamt_wh,
        fall.stromverbrauch_momentan_w,
        fall.status,
    )


def _describe(fall: Quarantaene, zaehlernummer: str) -> Fallauskunft:
    return Fallauskunft(
        fall.stromzaehler_id,
        zaehlernummer,
        _instant(fall.uhrzeit),
        fall.wert_sha256.hex(),
        fall.stromverbrauch_gesamt_wh,
        fall.einspeisung_gesamt_wh,
        fall.stromverbrauch_momentan_w,
        fall.grund,
        _instant(fall.empfangen),
        fall.entscheidung,
        None if fall.entschieden is None else _instant(fall.entschieden),
    )


def _as_nachbar(ablesung: Ablesung | None) -> Nachbar | None:
    if ablesung is None or ablesung.qualitaet is not Qualitaet.ABGELESEN:
        return None
    return Nachbar(_instant(ablesung.uhrzeit), ablesung.bezug_wh, ablesung.einspeisung_wh)


def _seconds(zeitpunkt: datetime | None) -> int | None:
    return None if zeitpunkt is None else math.ceil(zeitpunkt.timestamp())


def _instant(sekunden: int) -> datetime:
    return datetime.fromtimestamp(sekunden, UTC)

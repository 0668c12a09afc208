"""The sweep for silent and sick meters: one look over the whole fleet, and a mail of what it found."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import product
from typing import Any

from sqlalchemy import Row
from sqlalchemy.orm import Session

from betreiber import metrik
from betreiber.ablesung.domain import MANIPULATION, date_meldung
from betreiber.auth.domain import Akteur
from betreiber.ereignis.domain import Ereignisart
from betreiber.ereignis.nachricht import enqueue_nachricht
from betreiber.stoerung import eingriffe, queries
from betreiber.stoerung.domain import (
    ARTEN,
    MELDUNGEN_SEIT,
    URSACHEN,
    Einsatz,
    Lebenszeichen,
    Regeln,
    Stoerungsart,
    Stufe,
    Ursache,
    find_einsatz,
    is_silent_area,
    is_widespread,
)
from betreiber.stoerung.queries import Laufend, Zeile
from betreiber.stoerung.service import record_change
from betreiber.stoerung.urteil import Lage, Umfeld, judge_all
from betreiber.zeit import BERLIN, format_zeitpunkt
from db.session import begin_read
from db.stapel import flush

# So many meters share a transaction: when all of them are sick it holds the lock of SQLite for about a second.
STAPEL = 5000
# From so many on they share a mail: who gets a thousand reads none.
EINZELN_HOECHSTENS = 20
# So many of them it names.
GENANNT_HOECHSTENS = 100


@dataclass(slots=True)
class Durchlauf:
    """What a sweep did; of `stumme` of the `gesamt` watched meters nothing was heard for too long."""

    erkannt: int = 0
    gestiegen: int = 0
    behoben: int = 0
    gemeldet: int = 0
    stumme: int = 0
    gesamt: int = 0

    @property
    def anzahl(self) -> int:
        """How many changes it made."""
        return self.erkannt + self.gestiegen + self.behoben + self.gemeldet


def sweep_stoerungen(
    session: Session, akteur: Akteur, regeln: Regeln, *, echtzeit: datetime, hoechstens: int = STAPEL
) -> Durchlauf:
    """Look at the whole fleet; open, raise and end Störungen, and tell of them by mail. May run twice.

    What people closed stays closed until the signal was good again. `echtzeit`: certificates live on real time;
    `hoechstens`: meters of a transaction.
    Raises nothing of ours. ASSUMPTION: one job process sweeps; of two at once one would fail at the unique index
    and be right with its next round.
    """
    jetzt, ergebnis = akteur.zeitpunkt, Durchlauf()
    begin_read(session)
    gebiete, betroffene = queries.count_unheard(session, regeln, jetzt, echtzeit)
    offene = queries.count_open(session)
    session.rollback()
    ergebnis.gesamt = sum(gebiet.anzahl for gebiet in gebiete)
    ergebnis.stumme = sum(gebiet.stumm for gebiet in gebiete)
    netze = {teil.postleitzahl for teil in gebiete if is_silent_area(teil.anzahl, teil.stumm, regeln)} - {None}
    betroffene[Stoerungsart.STUMM] = ergebnis.stumme
    # What is dear to count is known by what the last sweep left open.
    luecken = sum(anzahl for (art, _), anzahl in offene.items() if art == Stoerungsart.UNVOLLSTAENDIG)
    betroffene[Stoerungsart.UNVOLLSTAENDIG] = luecken
    verbreitet = {art for art, anzahl in betroffene.items() if is_widespread(ergebnis.gesamt, anzahl, regeln)}
    umfelder = {netz: Umfeld(netz, verbreitet) for netz in (False, True)}
    nach = 0
    while True:
        begin_read(session)
        stapel = queries.find_candidates(session, regeln, jetzt, echtzeit, nach, hoechstens)
        laufende = queries.list_running(session, [eines.stromzaehler_id for eines in stapel]) if stapel else []
        # After what runs: what a person closes meanwhile is explained, or its row is no longer as it was read.
        erklaert = _explain(session, stapel, jetzt)
        session.rollback()
        in_umfeld = [(zeichen, umfelder[zeichen.postleitzahl in netze]) for zeichen in erklaert]
        _sweep_stapel(session, akteur, regeln, echtzeit, in_umfeld, laufende, ergebnis)
        if len(stapel) < hoechstens:
            break
        nach = stapel[-1].stromzaehler_id
    ergebnis.gemeldet = _tell(session, akteur, regeln, hoechstens)
    begin_read(session)
    offen = queries.count_open(session)
    session.rollback()
    for art, stufe in product(Stoerungsart, Stufe):
        metrik.STOERUNGEN.labels(art, stufe).set(offen.get((art, stufe), 0))
    metrik.STUMM_ANTEIL.set(ergebnis.stumme / max(1, ergebnis.gesamt))
    return ergebnis


def _sweep_stapel(
    session: Session,
    akteur: Akteur,
    regeln: Regeln,
    echtzeit: datetime,
    stapel: Sequence[tuple[Lebenszeichen, Umfeld]],
    laufende: Sequence[Laufend],
    ergebnis: Durchlauf,
) -> None:
    """Judge some meters and write what has changed, in one transaction."""
    je_zaehler: dict[int, dict[Stoerungsart, Laufend]] = {}
    for zeile in laufende:
        je_zaehler.setdefault(zeile.stromzaehler_id, {})[Stoerungsart(zeile.art)] = zeile
    neue: list[tuple[Lebenszeichen, Stoerungsart, Lage]] = []
    geaenderte: list[tuple[Laufend, Lage]] = []
    for zeichen, umfeld in stapel:
        alte = je_zaehler.get(zeichen.stromzaehler_id, {})
        lagen = {art: _as_lage(zeile) for art, zeile in alte.items()}
        for art, lage in judge_all(zeichen, lagen, regeln, akteur.zeitpunkt, echtzeit, umfeld).items():
            if art in alte:
                geaenderte.append((alte[art], lage))
            else:
                neue.append((zeichen, art, lage))
    if not neue and not geaenderte:
        return
    unberuehrt = queries.lock_unchanged(session, [zeile for zeile, _ in geaenderte])
    geaenderte = [(zeile, lage) for zeile, lage in geaenderte if zeile.stoerung_id in unberuehrt]
    queries.update_stoerungen(session, [_as_update(akteur, *eine) for eine in geaenderte])
    queries.insert_stoerungen(session, [_as_row(akteur, *eine) for eine in neue])
    for zeichen, art, lage in neue:
        record_change(session, akteur, Ereignisart.STOERUNG_ERKANNT, zeichen.stromzaehler_id, art, lage)
    for zeile, lage in geaenderte:
        if lage.behoben and zeile.behoben_zeitpunkt is None:
            ergebnis.behoben += 1
            record_change(session, akteur, Ereignisart.STOERUNG_BEHOBEN, zeile.stromzaehler_id, zeile.art, lage)
        elif lage.stufe != zeile.stufe:
            ergebnis.gestiegen += 1
            record_change(session, akteur, Ereignisart.STOERUNG_GESTIEGEN, zeile.stromzaehler_id, zeile.art, lage)
    ergebnis.erkannt += len(neue)
    flush(session)
    session.commit()


def _explain(session: Session, stapel: Sequence[Lebenszeichen], jetzt: datetime) -> list[Lebenszeichen]:
    """The same with what is known of interventions: until when a person explained them, and our own visits."""
    geoeffnete = [zeichen.stromzaehler_id for zeichen in stapel if zeichen.manipuliert_zeitpunkt is not None]
    behoben = eingriffe.list_erklaert(session, geoeffnete) if geoeffnete else {}
    alle = [zeichen._replace(eingriff_behoben=behoben.get(zeichen.stromzaehler_id)) for zeichen in stapel]
    eigene = _find_own_visits(session, alle, jetzt)
    return [zeichen._replace(einsatz=eigene.get(zeichen.stromzaehler_id, zeichen.einsatz)) for zeichen in alle]


def _find_own_visits(session: Session, stapel: Sequence[Lebenszeichen], jetzt: datetime) -> dict[int, Einsatz]:
    """Whether what meters saw were our own visits: all that their logs brought of late, not the last of it only.

    Who opens a meter and cuts its radio is told of together with the fitter who comes because it is silent.
    """
    geoeffnete = {zeichen.stromzaehler_id: zeichen for zeichen in stapel if zeichen.eingriff() is not None}
    besuche = eingriffe.list_besuche(session, geoeffnete) if geoeffnete else {}
    if not besuche:
        return {}
    gesehen = {nummer: [geoeffnete[nummer].eingriff()] for nummer in besuche}
    for nummer, empfangen, meldung in eingriffe.list_meldungen(session, besuche, jetzt - MELDUNGEN_SEIT):
        geschehen = date_meldung(meldung["uhrzeit"], int(empfangen.timestamp()), empfangen)
        if meldung["code"] in MANIPULATION and geoeffnete[nummer].is_unexplained(geschehen):
            gesehen[nummer].append(geschehen)
    return {
        nummer: find_einsatz(filter(None, zeiten), besuche[nummer], jetzt) for nummer, zeiten in gesehen.items()
    }


def _as_lage(zeile: Laufend) -> Lage:
    return Lage(
        Stufe(zeile.stufe),
        Ursache(zeile.ursache),
        zeile.beginn_zeitpunkt,
        zeile.erkannt_zeitpunkt,
        zeile.erholt_zeitpunkt,
        zeile.netz_zeitpunkt,
        zeile.behoben_zeitpunkt is not None,
    )


def _as_row(akteur: Akteur, zeichen: Lebenszeichen, art: Stoerungsart, lage: Lage) -> dict[str, Any]:
    gehoert = zeichen.zuletzt_empfangen
    return {
        "stromzaehler_id": zeichen.stromzaehler_id,
        "art": art,
        "stufe": lage.stufe,
        "ursache": lage.ursache,
        "beginn_zeitpunkt": lage.beginn,
        "erkannt_zeitpunkt": lage.erkannt,
        "daten": {
            "zuletzt_empfangen": None if gehoert is None else format_zeitpunkt(gehoert),
            "uhr_abweichung_s": zeichen.uhr_abweichung_s,
            "rsrp_dbm": zeichen.rsrp_dbm,
            "abgewiesen_anzahl": zeichen.abgewiesen_anzahl,
            "gemessen": zeichen.gemessen,
        },
        "version": 1,
    }


def _as_update(akteur: Akteur, zeile: Laufend, lage: Lage) -> dict[str, Any]:
    jetzt = akteur.zeitpunkt
    return {
        "nummer": zeile.stoerung_id,
        "stufe": lage.stufe,
        "ursache": lage.ursache,
        "erholt_zeitpunkt": lage.erholt,
        "netz_zeitpunkt": lage.netz,
        "abgeklungen_zeitpunkt": jetzt if lage.abgeklungen else None,
        "behoben_zeitpunkt": (zeile.behoben_zeitpunkt or jetzt) if lage.behoben else None,
        "behoben_durch": (zeile.behoben_durch or akteur.name) if lage.behoben else None,
    }


def _tell(session: Session, akteur: Akteur, regeln: Regeln, hoechstens: int) -> int:
    """One mail for each Störung that was found or has risen; in quiet hours a WARNUNG waits.

    One that ended before its mail was sent is told of no more. A great many share a mail. They are marked so many
    at a time, the first together with the mail: whoever is stopped in between tells of some twice, and of all.
    """
    if not regeln.empfaenger:
        return 0
    stufen = [Stufe.ALARM, Stufe.AUFTRAG]
    if not regeln.ruhezeit.covers(akteur.zeitpunkt):
        stufen.append(Stufe.WARNUNG)
    begin_read(session)
    nummern = queries.list_untold_ids(session, stufen)
    gruppen, anzahl = queries.count_untold(session, stufen), len(nummern)
    zeilen = queries.list_untold(session, akteur.zeitpunkt, stufen, GENANNT_HOECHSTENS)
    # All is read before the rollback: after it each row would be asked for anew, in the transaction that writes.
    if anzahl > EINZELN_HOECHSTENS:
        briefe = [(f"{anzahl} Störungen an Stromzählern", _summary(gruppen, zeilen, anzahl))]
    else:
        briefe = [(_headline(zeile), _letter(zeile)) for zeile in zeilen]
    session.rollback()
    if not anzahl:
        return 0
    for betreff, text in briefe:
        enqueue_nachricht(session, akteur, regeln.empfaenger, betreff, text)
    for ab in range(0, anzahl, hoechstens):
        queries.mark_told(session, stufen, nummern[ab], nummern[ab : ab + hoechstens][-1])
        session.commit()
    return anzahl


def _summary(gruppen: Sequence[Row[str, str, str, int]], zeilen: Sequence[Zeile], anzahl: int) -> str:
    """How many of what, and the oldest of them."""
    gezaehlt = [
        f"{gruppe.anzahl} x {gruppe.stufe}, {gruppe.art}: {URSACHEN[Ursache(gruppe.ursache)]}"
        for gruppe in gruppen
    ]
    rest = anzahl - len(zeilen)
    weitere = ["", f"Und {rest} weitere: GET /v1/stoerungen?zustand=OFFEN"] if rest else []
    return "\n".join([*gezaehlt, "", *map(_headline, zeilen), *weitere, ""])


def _headline(zeile: Zeile) -> str:
    stoerung = zeile.stoerung
    return (
        f"{stoerung.stufe}: Zähler {zeile.zaehlernummer}, {stoerung.art} seit {_local(stoerung.beginn_zeitpunkt)}"
    )


def _letter(zeile: Zeile) -> str:
    stoerung, platz = zeile.stoerung, zeile.messstelle
    # A mail leaves the house: who may see whose meter it is looks the number up.
    ort = "hängt an keiner Messstelle" if platz is None else platz.postleitzahl
    return (
        f"{ARTEN[Stoerungsart(stoerung.art)]}\n{URSACHEN[Ursache(stoerung.ursache)]}\n\n"
        f"Zähler: {zeile.zaehlernummer}\nPostleitzahl: {ort}\nBeginn: {_local(stoerung.beginn_zeitpunkt)}\n"
        f"Störung: {stoerung.stoerung_id}\n"
    )


def _local(zeitpunkt: datetime) -> str:
    return f"{zeitpunkt.astimezone(BERLIN):%d.%m.%Y %H:%M}"

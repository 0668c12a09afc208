"""Use cases of Störungen: find them, look at them, close one, and see the whole fleet."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain, product
from typing import Any

from sqlalchemy.orm import Session

from betreiber import metrik
from betreiber.auth.domain import Akteur
from betreiber.ereignis.domain import Ereignisart
from betreiber.ereignis.nachricht import enqueue_nachricht
from betreiber.ereignis.service import record_audit, record_ereignis
from betreiber.errors import KonfliktFehler, NichtGefunden, VersionVeraltet
from betreiber.seite import Seite
from betreiber.stoerung import queries
from betreiber.stoerung.domain import (
    ARTEN,
    URSACHEN,
    Lage,
    Lebenszeichen,
    Regeln,
    Stoerungsart,
    Stufe,
    Ursache,
    is_silent_area,
    judge_all,
)
from betreiber.stoerung.queries import Gebiet, Laufend, Zeile
from betreiber.zeit import BERLIN, format_zeitpunkt
from db.session import begin_read

# So many meters share a transaction: the lock of SQLite is held for milliseconds.
STAPEL = 5000
# From so many on they share a mail: who gets a thousand reads none.
EINZELN_HOECHSTENS = 20
# What is known of so many untold ones is kept in memory at most.
UNGEMELDET_HOECHSTENS = 5000


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


@dataclass(frozen=True, slots=True)
class Stoerungsauskunft:
    """A Störung as the API tells it."""

    stoerung_id: int
    stromzaehler_id: int
    zaehlernummer: str
    art: str
    stufe: str
    ursache: str
    beschreibung: str
    beginn_zeitpunkt: datetime
    erkannt_zeitpunkt: datetime
    behoben_zeitpunkt: datetime | None
    behoben_durch: str | None
    grund: str | None
    daten: Mapping[str, Any]
    messstelle: Any
    version: int


@dataclass(frozen=True, slots=True)
class Anzahl:
    """How many meters have a property."""

    wert: str | None
    anzahl: int
    stumm: int | None = None


@dataclass(frozen=True, slots=True)
class Firmwareanzahl:
    modell: str
    firmwareversion: str | None
    anzahl: int


@dataclass(frozen=True, slots=True)
class Stoerungsanzahl:
    art: str
    stufe: str
    anzahl: int


@dataclass(frozen=True, slots=True)
class Flotte:
    """The whole fleet in numbers."""

    gesamt: int
    stumm: int
    stumm_promille: int
    zustaende: Sequence[Anzahl]
    jahre: Sequence[Anzahl]
    postleitzahlen: Sequence[Anzahl]
    firmware: Sequence[Firmwareanzahl]
    stoerungen: Sequence[Stoerungsanzahl]


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
    gebiete = queries.count_unheard(session, regeln, jetzt)
    session.rollback()
    ergebnis.gesamt = sum(gebiet.anzahl for gebiet in gebiete)
    ergebnis.stumme = sum(gebiet.stumm for gebiet in gebiete)
    netze = {teil.postleitzahl for teil in gebiete if is_silent_area(teil.anzahl, teil.stumm, regeln)} - {None}
    nach = 0
    while True:
        begin_read(session)
        stapel = queries.find_candidates(session, regeln, jetzt, echtzeit, nach, hoechstens)
        laufende = queries.list_running(session, [eines.stromzaehler_id for eines in stapel]) if stapel else []
        session.rollback()
        _sweep_stapel(session, akteur, regeln, echtzeit, stapel, laufende, netze, ergebnis)
        if len(stapel) < hoechstens:
            break
        nach = stapel[-1].stromzaehler_id
    ergebnis.gemeldet = _tell(session, akteur, regeln)
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
    stapel: Sequence[Lebenszeichen],
    laufende: Sequence[Laufend],
    netze: Collection[str | None],
    ergebnis: Durchlauf,
) -> None:
    """Judge some meters and write what has changed, in one transaction."""
    je_zaehler: dict[int, dict[Stoerungsart, Laufend]] = {}
    for zeile in laufende:
        je_zaehler.setdefault(zeile.stromzaehler_id, {})[Stoerungsart(zeile.art)] = zeile
    neue: list[tuple[Lebenszeichen, Stoerungsart, Lage]] = []
    geaenderte: list[tuple[Laufend, Lage]] = []
    for zeichen in stapel:
        alte = je_zaehler.get(zeichen.stromzaehler_id, {})
        geaenderte.extend(_pop_overtaken(zeichen, alte))
        lagen = {art: _as_lage(zeile) for art, zeile in alte.items()}
        netz = zeichen.postleitzahl in netze
        for art, lage in judge_all(zeichen, lagen, regeln, akteur.zeitpunkt, echtzeit, netz=netz).items():
            if art in alte:
                geaenderte.append((alte[art], lage))
            else:
                neue.append((zeichen, art, lage))
    if not neue and not geaenderte:
        return
    unberuehrt = queries.lock_unchanged(session, [zeile for zeile, _ in geaenderte])
    geaenderte = [(zeile, lage) for zeile, lage in geaenderte if zeile.stoerung_id in unberuehrt]
    # First the ends: a meter has one row of a kind that is not over.
    queries.update_stoerungen(session, [_as_update(akteur, *eine) for eine in geaenderte])
    queries.insert_stoerungen(session, [_as_row(akteur, *eine) for eine in neue])
    for zeichen, art, lage in neue:
        _record(session, akteur, Ereignisart.STOERUNG_ERKANNT, zeichen.stromzaehler_id, art, lage)
    for zeile, lage in geaenderte:
        if lage.behoben and zeile.behoben_zeitpunkt is None:
            ergebnis.behoben += 1
            _record(session, akteur, Ereignisart.STOERUNG_BEHOBEN, zeile.stromzaehler_id, zeile.art, lage)
        elif lage.stufe != zeile.stufe:
            ergebnis.gestiegen += 1
            _record(session, akteur, Ereignisart.STOERUNG_GESTIEGEN, zeile.stromzaehler_id, zeile.art, lage)
    ergebnis.erkannt += len(neue)
    session.commit()


def _pop_overtaken(zeichen: Lebenszeichen, alte: dict[Stoerungsart, Laufend]) -> list[tuple[Laufend, Lage]]:
    """An intervention that a person closed is over with the next one, which gets a row of its own."""
    eingriff = alte.get(Stoerungsart.MANIPULATION)
    if eingriff is None or not zeichen.is_opened_after(eingriff.behoben_zeitpunkt):
        return []
    return [(alte.pop(Stoerungsart.MANIPULATION), replace(_as_lage(eingriff), abgeklungen=True))]


def _as_lage(zeile: Laufend) -> Lage:
    return Lage(
        Stufe(zeile.stufe),
        Ursache(zeile.ursache),
        zeile.beginn_zeitpunkt,
        zeile.erholt_zeitpunkt,
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
        "erkannt_zeitpunkt": akteur.zeitpunkt,
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
        "abgeklungen_zeitpunkt": jetzt if lage.abgeklungen else None,
        "behoben_zeitpunkt": (zeile.behoben_zeitpunkt or jetzt) if lage.behoben else None,
        "behoben_durch": (zeile.behoben_durch or akteur.name) if lage.behoben else None,
    }


def _record(
    session: Session, akteur: Akteur, was: Ereignisart, stromzaehler_id: int, art: str, lage: Lage
) -> None:
    daten = {"art": art, "stufe": lage.stufe, "ursache": lage.ursache}
    record_ereignis(session, akteur, was, "stromzaehler", stromzaehler_id, daten)


def _tell(session: Session, akteur: Akteur, regeln: Regeln) -> int:
    """One mail for each Störung that was found or has risen; in quiet hours a WARNUNG waits.

    One that ended before its mail was sent is told of no more. A great many share a mail.
    """
    if not regeln.empfaenger:
        return 0
    stufen = [Stufe.ALARM, Stufe.AUFTRAG]
    if not regeln.ruhezeit.covers(akteur.zeitpunkt):
        stufen.append(Stufe.WARNUNG)
    begin_read(session)
    zeilen = queries.list_untold(session, akteur.zeitpunkt, stufen, UNGEMELDET_HOECHSTENS)
    # All is read before the rollback: after it each row would be asked for anew, in the transaction that writes.
    gemeldete = [(zeile.stoerung.stoerung_id, zeile.stoerung.stufe) for zeile in zeilen]
    if len(zeilen) > EINZELN_HOECHSTENS:
        briefe = [(f"{len(zeilen)} Störungen an Stromzählern", "\n".join(map(_headline, zeilen)) + "\n")]
    else:
        briefe = [(_headline(zeile), _letter(zeile)) for zeile in zeilen]
    session.rollback()
    if not gemeldete:
        return 0
    for betreff, text in briefe:
        enqueue_nachricht(session, akteur, regeln.empfaenger, betreff, text)
    queries.mark_told(session, gemeldete)
    session.commit()
    return len(gemeldete)


def _headline(zeile: Zeile) -> str:
    stoerung = zeile.stoerung
    return (
        f"{stoerung.stufe}: Zähler {zeile.zaehlernummer}, {stoerung.art} seit {_local(stoerung.beginn_zeitpunkt)}"
    )


def _letter(zeile: Zeile) -> str:
    stoerung, platz = zeile.stoerung, zeile.messstelle
    ort = "hängt an keiner Messstelle" if platz is None else f"{platz.malo_id} in {platz.postleitzahl}"
    return (
        f"{ARTEN[Stoerungsart(stoerung.art)]}\n{URSACHEN[Ursache(stoerung.ursache)]}\n\n"
        f"Zähler: {zeile.zaehlernummer}\nMessstelle: {ort}\nBeginn: {_local(stoerung.beginn_zeitpunkt)}\n"
        f"Störung: {stoerung.stoerung_id}\n"
    )


def _local(zeitpunkt: datetime) -> str:
    return f"{zeitpunkt.astimezone(BERLIN):%d.%m.%Y %H:%M}"


def list_stoerungen(session: Session, akteur: Akteur, **auswahl: Any) -> Seite[Stoerungsauskunft]:
    """Störungen, the last found first. `auswahl`: the arguments of StoerungenQuerySchema."""
    seite = queries.list_stoerungen(session, akteur.zeitpunkt, **auswahl)
    return Seite([_describe(zeile) for zeile in seite.eintraege], seite.seite, seite.pro_seite, seite.gesamt)


def get_stoerung(session: Session, akteur: Akteur, stoerung_id: int) -> Stoerungsauskunft:
    """One Störung. Raises NichtGefunden."""
    return _describe(_find(session, akteur, stoerung_id))


def close_stoerung(
    session: Session, akteur: Akteur, stoerung_id: int, version: int, grund: str
) -> Stoerungsauskunft:
    """Close an open one for a reason; it does not open anew before its signal was good again.

    Raises NichtGefunden, VersionVeraltet, KonfliktFehler (`stoerung_behoben`).
    """
    zeile = _find(session, akteur, stoerung_id)
    if zeile.stoerung.version != version:
        raise VersionVeraltet
    stoerung = zeile.stoerung
    if stoerung.behoben_zeitpunkt is not None:
        raise KonfliktFehler(
            "Die Störung ist schon behoben, und ihr Grund bleibt stehen.", code="stoerung_behoben"
        )
    stoerung.behoben_zeitpunkt, stoerung.behoben_durch, stoerung.grund = akteur.zeitpunkt, akteur.name, grund
    record_audit(session, akteur, "BEHOBEN", "stoerung", stoerung_id, neu={"grund": grund})
    lage = Lage(Stufe(stoerung.stufe), Ursache(stoerung.ursache), stoerung.beginn_zeitpunkt)
    _record(session, akteur, Ereignisart.STOERUNG_BEHOBEN, stoerung.stromzaehler_id, stoerung.art, lage)
    session.commit()
    return _describe(zeile)


def _find(session: Session, akteur: Akteur, stoerung_id: int) -> Zeile:
    zeile = queries.get_stoerung(session, akteur.zeitpunkt, stoerung_id)
    if zeile is None:
        raise NichtGefunden
    return zeile


def _describe(zeile: Zeile) -> Stoerungsauskunft:
    stoerung = zeile.stoerung
    return Stoerungsauskunft(
        stoerung.stoerung_id,
        stoerung.stromzaehler_id,
        zeile.zaehlernummer,
        stoerung.art,
        stoerung.stufe,
        stoerung.ursache,
        f"{ARTEN[Stoerungsart(stoerung.art)]} {URSACHEN[Ursache(stoerung.ursache)]}",
        stoerung.beginn_zeitpunkt,
        stoerung.erkannt_zeitpunkt,
        stoerung.behoben_zeitpunkt,
        stoerung.behoben_durch,
        stoerung.grund,
        stoerung.daten,
        zeile.messstelle,
        stoerung.version,
    )


def describe_flotte(session: Session, akteur: Akteur, *, stellen: int) -> Flotte:
    """The fleet by state, year, place and firmware; `stellen`: how many digits of a postcode count."""
    gebiete = queries.count_silent(session, akteur.zeitpunkt)
    gesamt, stumm = sum(gebiet.anzahl for gebiet in gebiete), sum(gebiet.stumm for gebiet in gebiete)
    jahre = ((None if jahr is None else str(jahr), anzahl) for jahr, anzahl in queries.count_jahre(session))
    return Flotte(
        gesamt,
        stumm,
        1000 * stumm // gesamt if gesamt else 0,
        [Anzahl(*zeile) for zeile in queries.count_zustaende(session)],
        [Anzahl(*zeile) for zeile in jahre],
        _by_prefix(gebiete, stellen),
        [Firmwareanzahl(*zeile) for zeile in queries.count_firmware(session)],
        [Stoerungsanzahl(*art_stufe, anzahl) for art_stufe, anzahl in queries.count_open(session).items()],
    )


def _by_prefix(gebiete: Sequence[Gebiet], stellen: int) -> list[Anzahl]:
    """Postcodes that begin alike, in order; those without a place last."""
    summen: dict[str | None, tuple[int, int]] = {}
    for postleitzahl, anzahl, stumm in gebiete:
        anfang = None if postleitzahl is None else postleitzahl[:stellen]
        vorher = summen.get(anfang, (0, 0))
        summen[anfang] = vorher[0] + anzahl, vorher[1] + stumm
    orte = chain(sorted(filter(None, summen)), [None] if None in summen else [])
    return [Anzahl(ort, *summen[ort]) for ort in orte]

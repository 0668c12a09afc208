"""Store readings that come in: new ones are kept, known ones stay, implausible ones go to quarantine."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from sqlalchemy import Table, select
from sqlalchemy.orm import Session

from betreiber.ablesung.anzeige import find_highest
from betreiber.ablesung.domain import (
    Ablesung,
    Befund,
    Grenzen,
    Herkunft,
    Qualitaet,
    Stand,
    Urteil,
    find_rejected,
    judge,
    raise_stand,
    value_hash,
)
from betreiber.ablesung.speicher.abschnitte import note_rollovers
from betreiber.ablesung.speicher.aendern import remove
from betreiber.ablesung.speicher.lesen import series
from betreiber.ablesung.speicher.stapel import Stapel, load_blocks
from betreiber.ablesung.speicher.tabellen import TAG_S, BulkInsert, among
from betreiber.ablesung.speicher.umgebung import Umgebung, search
from betreiber.ablesung.zaehlwerk import Register, Uebergang, Zaehlwerk
from db.models import Quarantaene, Telegrammstand
from telegramm.messwerte import Messwert

_QUARANTAENE: Table = Quarantaene.__table__  # type: ignore[assignment]
_TELEGRAMMSTAND: Table = Telegrammstand.__table__  # type: ignore[assignment]
_Q = _QUARANTAENE.c


@dataclass(frozen=True, slots=True)
class Posten:
    """Readings of one meter that came in together, ascending by time, each time once.

    `stand`: its row, locked; `empfangen`: seconds since 1970.
    """

    stand: Telegrammstand
    werte: Sequence[Messwert]
    grenzen: Grenzen
    empfangen: int
    herkunft: Herkunft = Herkunft.GERAET

    @property
    def stromzaehler_id(self) -> int:
        return self.stand.stromzaehler_id

    @property
    def vorher(self) -> Stand | None:
        """The newest stored reading, if all of these come after everything that is stored."""
        uhrzeit = self.stand.stand_uhrzeit
        if uhrzeit is None or self.werte[0].uhrzeit <= uhrzeit:
            return None
        return Stand(uhrzeit, self.stand.stand_bezug_wh or 0, self.stand.stand_einspeisung_wh or 0, None)


def lock(session: Session, stromzaehler_ids: Iterable[int]) -> dict[int, Telegrammstand]:
    """The rows of these meters, locked: who holds one is the only writer of its readings. Missing ones are made.

    In ascending order, so that two who lock several meters never wait for each other.
    """
    gefragt = sorted(set(stromzaehler_ids))
    staende = _lock(session, gefragt)
    if len(staende) < len(gefragt):
        fehlende = [nummer for nummer in gefragt if nummer not in staende]
        _STAND_ANLEGEN.execute(session, [(nummer, 0, b"", 0, -1, False) for nummer in fehlende])
        staende |= _lock(session, fehlende)
    return staende


def write(session: Session, posten: Sequence[Posten]) -> list[list[Befund]]:
    """Store the readings of several meters, each meter at most once; one Befund for each reading.

    The caller holds the locks of the meters. Readings after everything that is stored need no look at it; for the
    others two statements find what is around them. Ersatzwerte give way to what was measured: at its own time, and
    beside it where both cannot be true.
    """
    umgebungen = _surroundings(session, [einer for einer in posten if einer.werte])
    stapel = Stapel()
    schlecht: list[tuple[Any, ...]] = []
    befunde = []
    umbrueche = []
    for einer in posten:
        urteil = _take(stapel, einer, umgebungen[einer.stromzaehler_id]) if einer.werte else Urteil([], [])
        befunde.append(urteil.befunde)
        schlecht += _rejected(einer, urteil.befunde)
        if urteil.uebergaenge:
            umbrueche.append((einer, urteil.uebergaenge))
    stapel.flush(session)
    for einer, uebergaenge in umbrueche:
        _note_rollovers(session, einer, uebergaenge)
    _AUSSONDERN.execute(session, schlecht)
    return befunde


def recall(session: Session, stromzaehler_id: int, werte: Sequence[Messwert]) -> list[Befund]:
    """What became of the readings of a message that was taken in before: in quarantine, or known by now."""
    if not werte:
        return []
    anweisung = select(_Q.uhrzeit, _Q.wert_sha256, _Q.grund).where(
        _Q.stromzaehler_id == stromzaehler_id, _Q.uhrzeit.between(werte[0].uhrzeit, werte[-1].uhrzeit)
    )
    gruende = {(uhrzeit, wert): Befund(grund) for uhrzeit, wert, grund in session.execute(anweisung)}
    return [gruende.get((wert.uhrzeit, value_hash(wert)), Befund.DOPPELT) for wert in werte]


def _lock(session: Session, stromzaehler_ids: list[int]) -> dict[int, Telegrammstand]:
    # What this session has changed and not yet written must not be read over.
    session.flush()
    zeilen = session.scalars(
        _SPERREN, {"stromzaehler_ids": stromzaehler_ids}, execution_options={"populate_existing": True}
    )
    return {zeile.stromzaehler_id: zeile for zeile in zeilen}


def _surroundings(session: Session, posten: Sequence[Posten]) -> dict[int, Umgebung]:
    """What each of them has to know: of readings ahead only the block to which they may be added.

    A day that is not over has no block.
    """
    spannen = {}
    angefangen = []
    for einer in posten:
        erste, vorher = einer.werte[0].uhrzeit, einer.vorher
        if vorher is None:
            spannen[einer.stromzaehler_id] = (erste, einer.werte[-1].uhrzeit)
        elif (tag := erste // TAG_S) == vorher.uhrzeit // TAG_S and tag < einer.empfangen // TAG_S:
            angefangen.append((einer.stromzaehler_id, tag))
    umgebungen = _search(session, posten, spannen)
    for (nummer, tag), block in load_blocks(session, angefangen).items():
        umgebungen[nummer] = Umgebung(bloecke={tag: block})
    return {einer.stromzaehler_id: umgebungen.get(einer.stromzaehler_id) or Umgebung() for einer in posten}


def _search(
    session: Session, posten: Sequence[Posten], spannen: Mapping[int, tuple[int, int]]
) -> dict[int, Umgebung]:
    """What is stored around readings; and beyond what people read, where that gives way to what is before it.

    Up to a reading that does not: that needs more statements, which next to none needs.
    """
    umgebungen = search(session, spannen)
    je_zaehler = {einer.stromzaehler_id: einer.werte for einer in posten}
    while spannen:
        spannen = {
            nummer: (erste, naechste.uhrzeit)
            for nummer, (erste, letzte) in spannen.items()
            if (naechste := _next_measured(umgebungen[nummer], letzte)) is not None
            and naechste.herkunft is Herkunft.MANUELL
            and any(wert[1] > naechste[1] or wert[2] > naechste[2] for wert in je_zaehler[nummer])
        }
        umgebungen |= search(session, spannen)
    return umgebungen


def _next_measured(umgebung: Umgebung, uhrzeit: int) -> Ablesung | None:
    """The measured reading next after a time."""
    return next(
        (
            ablesung
            for ablesung in umgebung.readings()
            if ablesung.uhrzeit > uhrzeit and ablesung.qualitaet is Qualitaet.ABGELESEN
        ),
        None,
    )


def _take(stapel: Stapel, posten: Posten, umgebung: Umgebung) -> Urteil:
    """Judge the readings of one meter, put the good ones on the pile, remember the newest."""
    stored = umgebung.readings() if posten.vorher is None else []
    bekannt, vorher, nachher = _neighbours(posten, stored)
    hoechstens = _read_at_display(posten, stored)
    urteil = judge(posten.werte, bekannt, vorher, nachher, posten.grenzen, hoechstens)
    qualitaet, empfangen, herkunft = Qualitaet.ABGELESEN, posten.empfangen, posten.herkunft
    neue = [
        Ablesung(uhrzeit, bezug_wh, einspeisung_wh, leistung_w, qualitaet, status, empfangen, herkunft)
        for (uhrzeit, bezug_wh, einspeisung_wh, leistung_w, status), befund in zip(
            posten.werte, urteil.befunde, strict=True
        )
        if befund is Befund.NEU
    ]
    if hoechstens:
        neue = _raise_display(stored, neue, hoechstens, empfangen)
    falsche = _refuted(stored, neue, posten.grenzen.zaehlwerk)
    if nachher is None or (neue and neue[-1].uhrzeit == posten.stand.stand_uhrzeit):
        _remember_newest(posten.stand, neue, [ablesung for ablesung in stored if ablesung.uhrzeit not in falsche])
    stapel.remove(posten.stromzaehler_id, falsche, umgebung.zeilen, umgebung.bloecke, posten.empfangen)
    stapel.put(posten.stromzaehler_id, neue, umgebung.zeilen, umgebung.bloecke)
    return urteil


def _read_at_display(posten: Posten, stored: Sequence[Ablesung]) -> dict[int, Register]:
    """What people read, by time, with the most that it can mean (Wh): it gives way to what the meter itself says.

    Only to the same Wh where a section of the registers begins or the meter was put in: from the very ones that
    are stored there all that follows is reckoned. At its own time it gives way to nobody but the meter.
    """
    abgelesen = {ablesung.uhrzeit for ablesung in stored if ablesung.herkunft is Herkunft.MANUELL}
    if not abgelesen:
        return {}
    zaehlwerk = posten.grenzen.zaehlwerk
    fest = {abschnitt.ab for abschnitt in zaehlwerk.abschnitte}.union(posten.grenzen.einbauten)
    gemessen = [ablesung[:3] for ablesung in stored if ablesung.qualitaet is Qualitaet.ABGELESEN]
    eigene = set() if posten.herkunft is Herkunft.GERAET else {wert.uhrzeit for wert in posten.werte}
    hoechstens = find_highest(gemessen, abgelesen, fest, zaehlwerk)
    return {zeit: register for zeit, register in hoechstens.items() if zeit not in eigene}


def _raise_display(
    stored: Sequence[Ablesung], neue: Sequence[Ablesung], hoechstens: Mapping[int, Register], empfangen: int
) -> list[Ablesung]:
    """The new readings, with what people read at the display after them and that can be no less, as judged."""
    gemessen = {ablesung.uhrzeit: ablesung for ablesung in stored if ablesung.qualitaet is Qualitaet.ABGELESEN}
    neu = {ablesung.uhrzeit: ablesung for ablesung in neue}
    vorher = None
    for uhrzeit, ablesung in sorted((gemessen | neu).items()):
        stand = Stand(*ablesung[:4])
        if uhrzeit not in neu and (angehoben := raise_stand(stand, vorher, hoechstens)) != stand:
            neu[uhrzeit] = ablesung._replace(
                bezug_wh=angehoben.bezug_wh, einspeisung_wh=angehoben.einspeisung_wh, empfangen=empfangen
            )
            stand = angehoben
        vorher = stand
    return [neu[uhrzeit] for uhrzeit in sorted(neu)]


def _neighbours(posten: Posten, stored: Sequence[Ablesung]) -> tuple[dict[int, Stand], Stand | None, Stand | None]:
    """By what readings are judged: measured ones between the first and the last, before, and after them."""
    if (vorher := posten.vorher) is not None:
        return {}, vorher, None
    erste, letzte = posten.werte[0].uhrzeit, posten.werte[-1].uhrzeit
    bekannt: dict[int, Stand] = {}
    for ablesung in stored:
        if ablesung.qualitaet is not Qualitaet.ABGELESEN:
            continue
        gemessen = Stand(*ablesung[:4])
        if gemessen.uhrzeit > letzte:
            return bekannt, vorher, gemessen
        if gemessen.uhrzeit < erste:
            vorher = gemessen
        else:
            bekannt[gemessen.uhrzeit] = gemessen
    return bekannt, vorher, None


def _refuted(stored: Sequence[Ablesung], neue: Sequence[Ablesung], zaehlwerk: Zaehlwerk) -> set[int]:
    """The times of the Ersatzwerte above the new measured reading next after them, or below the one before them.

    And of all provisional ones that follow a new one: they were counted on from an older register, and the whole
    difference would lie in one quarter hour. Until others are formed there is no value, instead of a wrong one.
    """
    if all(ablesung.herkunft is not Herkunft.ERSATZWERT for ablesung in stored):
        return set()
    neu = {ablesung.uhrzeit: ablesung for ablesung in neue}
    reihe = sorted(({ablesung.uhrzeit: ablesung for ablesung in stored} | neu).values(), key=itemgetter(0))
    falsche = set()
    for richtung, folge in ((1, reihe), (-1, reversed(reihe))):
        nachbar = None
        for ablesung in folge:
            if ablesung.qualitaet is Qualitaet.ABGELESEN:
                nachbar = neu.get(ablesung.uhrzeit)
            elif nachbar is not None and ablesung.herkunft is Herkunft.ERSATZWERT:
                ueberholt = richtung > 0 and ablesung.qualitaet is Qualitaet.VORLAEUFIGERWERT
                if ueberholt or any(richtung * wh < 0 for wh in zaehlwerk.difference(nachbar[:4], ablesung[:4])):
                    falsche.add(ablesung.uhrzeit)
    return falsche


def _note_rollovers(session: Session, posten: Posten, uebergaenge: Sequence[Uebergang]) -> None:
    """Let the sections follow; Ersatzwerte that were counted on over another edge are taken back."""
    nummer = posten.stromzaehler_id
    if not note_rollovers(session, nummer, uebergaenge, posten.grenzen, posten.empfangen):
        return
    von, bis = uebergaenge[0].frueher, uebergaenge[-1].spaeter
    ersetzte = [
        zeit
        for zeit, ablesung in series(session, nummer, von, bis).items()
        if ablesung.qualitaet is not Qualitaet.ABGELESEN
    ]
    remove(session, posten.stand, ersetzte, posten.empfangen)


def _remember_newest(stand: Telegrammstand, neue: Sequence[Ablesung], stored: Sequence[Ablesung]) -> None:
    """Note the newest reading; unless Ersatzwerte lie after it: they have to be found by what comes next."""
    letzte = [*stored[-1:], *neue[-1:]]
    if not letzte:
        return
    # Of a new one and the Ersatzwert in whose place it came, the new one, which is the last in the list, counts.
    neueste = max(reversed(letzte), key=lambda ablesung: ablesung.uhrzeit)
    ist_gemessen = neueste.qualitaet is Qualitaet.ABGELESEN
    stand.stand_uhrzeit = neueste.uhrzeit if ist_gemessen else None
    stand.stand_bezug_wh = neueste.bezug_wh if ist_gemessen else None
    stand.stand_einspeisung_wh = neueste.einspeisung_wh if ist_gemessen else None


def _rejected(posten: Posten, befunde: Sequence[Befund]) -> list[tuple[Any, ...]]:
    """The rows of what goes to quarantine."""
    return [
        (posten.stromzaehler_id, *wert, posten.empfangen, befunde[stelle].value, value_hash(wert))
        for stelle in find_rejected(befunde)
        for wert in (posten.werte[stelle],)
    ]


_SPERREN = (
    select(Telegrammstand)
    .where(among(_TELEGRAMMSTAND.c.stromzaehler_id, "stromzaehler_ids"))
    .order_by(Telegrammstand.stromzaehler_id)
    .with_for_update()
)
_STAND_ANLEGEN = BulkInsert(
    _TELEGRAMMSTAND,
    ("stromzaehler_id", "epoche", "fenster", "viertel_anzahl", "meldung_nummer", "protokoll_angefordert"),
    lambda anweisung: anweisung.on_conflict_do_nothing(),
)
_AUSSONDERN = BulkInsert(
    _QUARANTAENE,
    (
        "stromzaehler_id",
        "uhrzeit",
        "stromverbrauch_gesamt_wh",
        "einspeisung_gesamt_wh",
        "stromverbrauch_momentan_w",
        "status",
        "empfangen",
        "grund",
        "wert_sha256",
    ),
    lambda anweisung: anweisung.on_conflict_do_nothing(),
)

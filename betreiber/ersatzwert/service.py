"""Use cases of Ersatzwerte: the sweep that forms them, and the list of how they were formed."""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from betreiber.ablesung import speicher
from betreiber.ablesung.domain import Ablesung, Herkunft
from betreiber.ablesung.zaehlwerk import Zaehlwerk
from betreiber.auth.domain import Akteur
from betreiber.ereignis.domain import Ereignisart
from betreiber.ereignis.service import record_ereignis
from betreiber.errors import EingabeUngueltig
from betreiber.ersatzwert import queries
from betreiber.ersatzwert.domain import (
    Auslassung,
    Bildung,
    Luecke,
    Regeln,
    Vergangenheit,
    find_gaps,
    form,
    given,
    is_same_gap,
    same_value,
    sources,
)
from betreiber.seite import Seite
from betreiber.stromzaehler.service import own_intervals
from betreiber.zeit import VIERTELSTUNDE_S, day_start, local_date
from db.models import Ersatzwertbildung, Telegrammstand
from db.session import begin_read

log = structlog.get_logger()
# A sweep that stood still for this long has missed nothing.
VERSAEUMT_TAGE = 35
TAG_S = 86_400


@dataclass
class Ergebnis:
    """What a sweep has done: meters looked at, readings by Verfahren, gaps that stay open by reason."""

    zaehler: int = 0
    gebildet: Counter[str] = field(default_factory=Counter)
    ausgelassen: Counter[str] = field(default_factory=Counter)

    @property
    def anzahl(self) -> int:
        """Readings that were written."""
        return self.gebildet.total()


@dataclass(frozen=True, slots=True)
class Bildungsauskunft:
    """How the Ersatzwerte of [von, bis) came about. `eingaben` None: not this person's to see."""

    von: datetime
    bis: datetime
    verfahren: str
    eingaben: dict[str, Any] | None
    gebildet_zeitpunkt: datetime
    abgeloest_zeitpunkt: datetime | None


def form_ersatzwerte(
    session: Session,
    akteur: Akteur,
    regeln: Regeln,
    *,
    alles: bool = False,
    probelauf: bool = False,
    fortschritt: Callable[[int, int], None] = lambda fertig, gesamt: None,
) -> Ergebnis:
    """Form what is missing and overdue, of all meters that hang or hung somewhere; one transaction a meter.

    Twice is once: what is formed follows from the measured readings. `alles`: look for gaps of any age, not only
    for those of the last weeks and for what has changed. `probelauf`: nothing is written. `fortschritt` hears how
    many of how many meters are done.
    """
    ueberfaellig_bis = int(akteur.zeitpunkt.timestamp()) - regeln.wartezeit_s
    begin_read(session)
    kandidaten = queries.list_candidates(
        session,
        ueberfaellig_bis=ueberfaellig_bis,
        seit=0 if alles else ueberfaellig_bis - VERSAEUMT_TAGE * TAG_S,
    )
    session.rollback()
    ergebnis = Ergebnis()
    for nummer, stromzaehler_id in enumerate(kandidaten, start=1):
        try:
            stand = speicher.lock(session, [stromzaehler_id])[stromzaehler_id]
            _Zaehler(session, akteur, stand, regeln, ergebnis).treat()
        except SQLAlchemyError:
            raise
        except Exception:
            # One meter whose data are not what they should be must not keep all others from theirs.
            session.rollback()
            log.exception("ersatzwerte_failed", stromzaehler_id=stromzaehler_id)
            ergebnis.ausgelassen["FEHLER"] += 1
        if probelauf:
            session.rollback()
        else:
            session.commit()
        ergebnis.zaehler = nummer
        fortschritt(nummer, len(kandidaten))
    return ergebnis


def list_ersatzwerte(
    session: Session,
    akteur: Akteur,
    stromzaehler_id: int,
    *,
    von: datetime,
    bis: datetime,
    seite: int,
    pro_seite: int,
) -> Seite[Bildungsauskunft]:
    """How the Ersatzwerte in [von, bis) were formed, replaced ones among them; customers see those of their time.

    Raises NichtGefunden for a meter that was never theirs, EingabeUngueltig unless `bis` is after `von`.
    """
    if bis <= von:
        raise EingabeUngueltig("bis muss nach von liegen.", feld="bis", code="zeitraum_ungueltig")
    zeitraeume = [
        (math.ceil(anfang.timestamp()), math.ceil(ende.timestamp()))
        for anfang, ende in own_intervals(session, akteur, stromzaehler_id, von, bis)
    ]
    eigene = None
    if not akteur.sees_all:
        # What a value was formed from may lie before the period that is asked for, not before the customer's own.
        eigene = own_intervals(session, akteur, stromzaehler_id, datetime.fromtimestamp(0, UTC), akteur.zeitpunkt)
    bildungen = queries.list_bildungen(session, stromzaehler_id, zeitraeume, seite=seite, pro_seite=pro_seite)
    return Seite(
        [_describe(bildung, eigene) for bildung in bildungen.eintraege],
        bildungen.seite,
        bildungen.pro_seite,
        bildungen.gesamt,
    )


class _Zaehler:
    """One meter under its lock: its gaps, what stands in them, and what ought to."""

    def __init__(
        self, session: Session, akteur: Akteur, stand: Telegrammstand, regeln: Regeln, ergebnis: Ergebnis
    ) -> None:
        self._session, self._akteur, self._stand, self._regeln, self._ergebnis = (
            session,
            akteur,
            stand,
            regeln,
            ergebnis,
        )
        self._id = stand.stromzaehler_id
        self._jetzt = int(akteur.zeitpunkt.timestamp())
        self._zaehlwerk = Zaehlwerk(queries.get_faktor(session, self._id), speicher.sections(session, self._id))
        self._beruehrt = sorted(queries.list_touched(session, self._id))
        self._alte = list(queries.list_in_force(session, self._id))

    def treat(self) -> None:
        """Bring the substitutes of the meter up to date."""
        luecken = self._find_gaps()
        kanten = [zeit for luecke in luecken for zeit in (luecke.anfang, luecke.ende) if zeit is not None]
        raender = speicher.registers(self._session, self._id, kanten)
        bleibt: list[Luecke] = []
        for luecke in luecken:
            if self._fill(luecke, raender[luecke.anfang], raender.get(luecke.ende or 0)):
                bleibt.append(luecke)
        self._withdraw(bleibt)
        queries.forget_touched(self._session, self._id)

    def _find_gaps(self) -> list[Luecke]:
        erste = speicher.earliest(self._session, self._id)
        if erste is None:
            return []
        laeufe = speicher.runs(self._session, self._id, erste, self._jetzt, gemessen=True)
        einbauten = queries.list_einbauten(self._session, self._id)
        ueberfaellig_bis = self._jetzt - self._regeln.wartezeit_s
        luecken = find_gaps(laeufe, einbauten, ueberfaellig_bis)
        fremde = [
            stelle
            for luecke in luecken
            for stelle in given(
                speicher.series(self._session, self._id, self._unknown_from(luecke), luecke.bis).values()
            )
        ]
        return find_gaps(sorted([*laeufe, *fremde]), einbauten, ueberfaellig_bis) if fremde else luecken

    def _unknown_from(self, luecke: Luecke) -> int:
        """Where in a gap others may have put substitutes since it was last looked at, seconds since 1970."""
        bekannt = [
            alte.bis
            for alte in self._alte
            if alte.von == luecke.von and alte.bis <= luecke.bis and not self._is_touched(alte.von, alte.bis)
        ]
        return max(bekannt, default=luecke.von)

    def _fill(self, luecke: Luecke, anfang: Ablesung, ende: Ablesung | None) -> bool:
        """Substitute the readings of a gap; False when it stays open."""
        alte = self._matching(luecke, anfang, ende)
        beginn = day_start(local_date(_instant(anfang.uhrzeit)) - timedelta(days=self._regeln.rueckschau_tage))
        quelle_von = int(beginn.timestamp())
        gilt_noch = alte is not None and not self._is_touched(quelle_von, luecke.bis)
        if alte is not None and gilt_noch and alte.bis == luecke.bis:
            self._alte.remove(alte)
            return True
        vorher = speicher.series(self._session, self._id, quelle_von, luecke.anfang)
        vergangenheit = Vergangenheit(list(vorher.values()), self._zaehlwerk)
        if alte is not None and gilt_noch and self._extend(alte, luecke, vergangenheit):
            return True
        bildung = form(luecke, anfang, ende, vergangenheit, self._zaehlwerk, self._regeln, self._jetzt)
        if isinstance(bildung, Auslassung):
            self._ergebnis.ausgelassen[bildung] += 1
            return False
        steht = speicher.series(self._session, self._id, luecke.von, luecke.bis - VIERTELSTUNDE_S)
        neu = [wert for wert in bildung.werte if not same_value(steht.get(wert.uhrzeit), wert)]
        if neu:
            speicher.replace(self._session, self._stand, neu)
            self._ergebnis.gebildet[bildung.verfahren] += len(neu)
        if alte is not None and alte.bis <= luecke.bis and _is_same(alte, bildung):
            # Some more of it has become overdue.
            alte.bis = luecke.bis
            self._alte.remove(alte)
            return True
        self._session.add(
            Ersatzwertbildung(
                stromzaehler_id=self._id,
                von=luecke.von,
                nummer=queries.next_nummer(self._session, self._id, luecke.von),
                bis=luecke.bis,
                verfahren=bildung.verfahren,
                eingaben=bildung.eingaben,
                gebildet=self._jetzt,
                abgeloest=None,
            )
        )
        daten = {"verfahren": bildung.verfahren, "von": luecke.von, "bis": luecke.bis}
        record_ereignis(
            self._session, self._akteur, Ereignisart.ERSATZWERTE_GEBILDET, "stromzaehler", self._id, daten
        )
        return True

    def _extend(self, alte: Ersatzwertbildung, luecke: Luecke, vergangenheit: Vergangenheit) -> bool:
        """Count the substitutes of a silent meter on from the last of them; False when all must be formed anew.

        What comes out is the same either way: a meter that is silent for a year need not be counted from its last
        reading every hour. Behind a transformer it must: there the register is less than the energy, by rounding.
        """
        letzte_zeit = alte.bis - VIERTELSTUNDE_S
        if luecke.ende is not None or alte.bis > luecke.bis or self._zaehlwerk.faktor_at(letzte_zeit) != 1:
            return False
        letzte = speicher.registers(self._session, self._id, [letzte_zeit]).get(letzte_zeit)
        if letzte is None or letzte.herkunft is not Herkunft.ERSATZWERT:
            return False
        rest = Luecke(letzte_zeit, None, luecke.bis)
        bildung = form(rest, letzte, None, vergangenheit, self._zaehlwerk, self._regeln, self._jetzt)
        if (
            isinstance(bildung, Auslassung)
            or bildung.eingaben | {"anfang": alte.eingaben["anfang"]} != alte.eingaben
        ):
            return False
        speicher.replace(self._session, self._stand, bildung.werte)
        self._ergebnis.gebildet[bildung.verfahren] += len(bildung.werte)
        alte.bis = luecke.bis
        self._alte.remove(alte)
        return True

    def _matching(self, luecke: Luecke, anfang: Ablesung, ende: Ablesung | None) -> Ersatzwertbildung | None:
        """The Bildung in force for this gap, if it was between the same two readings."""
        for alte in self._alte:
            if alte.von == luecke.von and is_same_gap(anfang, ende, self._zaehlwerk, alte.eingaben):
                return alte
        return None

    def _is_touched(self, von: int, bis: int) -> bool:
        return any(von // TAG_S <= tag <= bis // TAG_S for tag in self._beruehrt)

    def _withdraw(self, bleibt: Sequence[Luecke]) -> None:
        """End what no gap stands behind any more, and take back those of its readings that are still there."""
        for alte in self._alte:
            alte.abgeloest = self._jetzt
            steht = speicher.series(self._session, self._id, alte.von, alte.bis - VIERTELSTUNDE_S)
            zeiten = [
                zeit
                for zeit, wert in steht.items()
                if wert.herkunft is Herkunft.ERSATZWERT
                and not any(luecke.von <= zeit < luecke.bis for luecke in bleibt)
            ]
            if zeiten:
                speicher.remove(self._session, self._stand, zeiten, self._jetzt)


def _is_same(alte: Ersatzwertbildung, bildung: Bildung) -> bool:
    return (alte.verfahren, alte.eingaben) == (bildung.verfahren, bildung.eingaben)


def _describe(bildung: Ersatzwertbildung, eigene: Sequence[tuple[datetime, datetime]] | None) -> Bildungsauskunft:
    von, bis = _instant(bildung.von), _instant(bildung.bis)
    sichtbar = True
    if eigene is not None:
        quelle_von, quelle_bis = map(_instant, sources(bildung.bis, bildung.eingaben))
        sichtbar = any(anfang <= quelle_von and quelle_bis <= ende for anfang, ende in eigene)
        teile = [teil for teil in eigene if teil[0] < bis and teil[1] > von]
        von, bis = max(von, teile[0][0]), min(bis, teile[-1][1])
    return Bildungsauskunft(
        von,
        bis,
        bildung.verfahren,
        bildung.eingaben if sichtbar else None,
        _instant(bildung.gebildet),
        None if bildung.abgeloest is None else _instant(bildung.abgeloest),
    )


def _instant(sekunden: int) -> datetime:
    return datetime.fromtimestamp(sekunden, UTC)

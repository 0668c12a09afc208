"""Some thousand lines of a file at a time: from what they say to readings, and from these to the storage."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import NamedTuple

from sqlalchemy.orm import Session

from betreiber.ablesung import speicher
from betreiber.ablesung.domain import Ablesung, Befund, Grenzen, Herkunft, Qualitaet, Stand, judge
from betreiber.ablesung.zaehlwerk import Zaehlwerk
from betreiber.auth.domain import Akteur
from betreiber.ereignis.domain import Ereignisart
from betreiber.ereignis.service import record_ereignis
from betreiber.importlauf.domain import (
    ABGEWIESEN,
    HINWEISE,
    Berichtszeile,
    Fehlzeile,
    Intervall,
    Messzeile,
    Reihe,
    Satz,
    as_register,
)
from betreiber.importlauf.plan import Zaehler, Zaehlerfinder
from betreiber.zeit import VIERTELSTUNDE_S
from db.models import Telegrammstand
from telegramm.messwerte import Messwert

_ZU_ALT = "Älter als die Aufbewahrungsfrist (MsbG § 60 Abs. 6): wird nicht übernommen."
_KEIN_VIERTEL = "Der Zeitpunkt liegt auf keiner Viertelstunde (:00, :15, :30, :45)."
_ENERGIE_ZAEHLT = f"{_KEIN_VIERTEL} Die Energie zählt im nächsten Stand mit."
_NICHT_TEILBAR = "Die Energie ergibt keinen ganzen Stand hinter dem Wandler: lesen Sie Zählerstände ein."
_GEMESSEN_GILT = "Zu diesem Zeitpunkt ist ein gemessener Wert gespeichert: er gilt."
_AUSSERHALB = "Ersatz- und vorläufige Werte gibt es nur zwischen Einbau und jetzt."
_PASST_NICHT = "Der Wert passt nicht zwischen die gemessenen davor und danach: prüfen Sie die Energien der Datei."
_ERSATZ_ABGEWIESEN = {
    Befund.DOPPELT: _GEMESSEN_GILT,
    Befund.KONFLIKT: _GEMESSEN_GILT,
    Befund.ZUKUNFT: _AUSSERHALB,
    Befund.ZU_ALT: _AUSSERHALB,
    Befund.RUECKLAUF: _PASST_NICHT,
    Befund.LEISTUNG: _PASST_NICHT,
}


class _Eintrag(NamedTuple):
    """A reading and the line that says it; without a line, the register with which a Lauf begins."""

    zeile: Messzeile | Intervall | None
    wert: Messwert
    qualitaet: Qualitaet


class Stapel:
    """Takes in lines, in the caller's transaction."""

    def __init__(
        self, session: Session, akteur: Akteur, finder: Zaehlerfinder, reihen: dict[Zaehler, Reihe]
    ) -> None:
        self._session = session
        self._akteur = akteur
        self._jetzt = int(akteur.zeitpunkt.timestamp())
        self._finder = finder
        self._reihen = reihen
        self._bericht: list[Berichtszeile] = []

    def take_in(self, saetze: Sequence[Satz]) -> list[Berichtszeile]:
        """Store what these lines say. Returns what became of each, in their order."""
        self._bericht = []
        zeilen = self._sort_by_meter(saetze)
        ids = [zaehler.stromzaehler_id for zaehler in zeilen]
        if ids:
            staende = speicher.lock(self._session, ids)
            abschnitte = speicher.fleet_sections(self._session, ids)
            gelesen: list[tuple[Telegrammstand, Grenzen, list[_Eintrag]]] = []
            for zaehler, eigene in zeilen.items():
                nummer = zaehler.stromzaehler_id
                zaehlwerk = Zaehlwerk(zaehler.grenzen.zaehlwerk.faktor, abschnitte.get(nummer, ()))
                eintraege = [
                    eintrag
                    for zeile in eigene
                    for eintrag in self._read(zaehler, zaehlwerk, zeile)
                    if self._is_storable(eintrag)
                ]
                if eintraege:
                    eintraege.sort(key=lambda eintrag: eintrag.wert.uhrzeit)
                    gelesen.append((staende[nummer], replace(zaehler.grenzen, zaehlwerk=zaehlwerk), eintraege))
            self._store(self._prepare(gelesen))
        return sorted(self._bericht, key=lambda zeile: zeile.position)

    def _sort_by_meter(self, saetze: Sequence[Satz]) -> dict[Zaehler, list[Messzeile | Intervall]]:
        zeilen: dict[Zaehler, list[Messzeile | Intervall]] = {}
        for satz in saetze:
            if isinstance(satz, Fehlzeile):
                self._bericht.append(Berichtszeile(satz.position, satz.ort, None, ABGEWIESEN, satz.hinweis))
                continue
            if isinstance(satz, Messzeile):
                zaehler = self._finder.find(satz.zaehlernummer, satz.uhrzeit, satz.uhrzeit)
            else:
                zaehler = self._finder.find(satz.ort, satz.von, satz.bis)
            if isinstance(zaehler, str):
                self._tell(satz, ABGEWIESEN, zaehler)
            else:
                zeilen.setdefault(zaehler, []).append(satz)
        return zeilen

    def _read(self, zaehler: Zaehler, zaehlwerk: Zaehlwerk, zeile: Messzeile | Intervall) -> Iterator[_Eintrag]:
        """The readings that a line says."""
        if isinstance(zeile, Messzeile):
            wert = Messwert(zeile.uhrzeit, zeile.bezug_wh, zeile.einspeisung_wh, zeile.leistung_w, 0)
            yield _Eintrag(zeile, wert, Qualitaet.ABGELESEN)
            return
        reihe = self._reihen[zaehler]
        if reihe.widerspruch is not None:
            hinweis = (
                f"Die Reihe dieses Zählers widerspricht sich ab Zeile {reihe.widerspruch}: Intervalle müssen"
                " aufsteigend stehen und dürfen sich nicht überschneiden."
            )
            self._tell(zeile, ABGEWIESEN, hinweis)
            return
        lauf = reihe.find(zeile.von)
        if lauf.grund:
            self._tell(zeile, ABGEWIESEN, lauf.grund)
            return
        ueberlauf_wh = zaehler.grenzen.ueberlauf_wh
        if zeile.von == lauf.kanten[0]:
            stand = as_register(lauf.energie(zeile.von), zeile.von, zaehlwerk, ueberlauf_wh)
            if stand is not None:
                yield _Eintrag(None, Messwert(zeile.von, *stand, None, 0), Qualitaet.ABGELESEN)
        # A substitute is no register that a device shows: it does not roll over.
        ueberlauf_wh = ueberlauf_wh if zeile.qualitaet is Qualitaet.ABGELESEN else None
        stand = as_register(lauf.energie(zeile.bis), zeile.bis, zaehlwerk, ueberlauf_wh)
        if stand is None:
            self._tell(zeile, ABGEWIESEN, _NICHT_TEILBAR)
        else:
            yield _Eintrag(zeile, Messwert(zeile.bis, *stand, None, 0), zeile.qualitaet)

    def _is_storable(self, eintrag: _Eintrag) -> bool:
        """Whether a reading may be stored at all, in quarantine at least; tells why not."""
        hinweis = ""
        if eintrag.wert.uhrzeit % VIERTELSTUNDE_S:
            hinweis = _ENERGIE_ZAEHLT if isinstance(eintrag.zeile, Intervall) else _KEIN_VIERTEL
        elif eintrag.wert.uhrzeit < self._finder.fruehestens:
            hinweis = _ZU_ALT
        if hinweis:
            self._tell(eintrag.zeile, ABGEWIESEN, hinweis)
        return not hinweis

    def _prepare(self, gelesen: Sequence[tuple[Telegrammstand, Grenzen, list[_Eintrag]]]) -> list["_Posten"]:
        """Sort the readings of each meter: those that are there already, measured ones, and substitutes."""
        spannen = {
            stand.stromzaehler_id: (eintraege[0].wert.uhrzeit, eintraege[-1].wert.uhrzeit)
            for stand, _, eintraege in gelesen
        }
        umgebungen = speicher.search(self._session, spannen)
        alle = []
        for stand, grenzen, eintraege in gelesen:
            bekannt = {ablesung.uhrzeit: ablesung for ablesung in umgebungen[stand.stromzaehler_id].readings()}
            gemessen = (wert for wert in bekannt.values() if wert.qualitaet is Qualitaet.ABGELESEN)
            posten = _Posten(stand, grenzen, {wert.uhrzeit: Stand(*wert[:4]) for wert in gemessen}, [], [])
            for eintrag in eintraege:
                alt = bekannt.get(eintrag.wert.uhrzeit)
                if alt is not None and _says_no_more(eintrag, alt):
                    self._judge(eintrag, Befund.DOPPELT)
                elif eintrag.qualitaet is Qualitaet.ABGELESEN:
                    posten.gemessen.append(eintrag)
                else:
                    posten.ersetzt.append(eintrag)
            alle.append(posten)
        return alle

    def _store(self, posten: Sequence["_Posten"]) -> None:
        offen = [(einer, einer.gemessen) for einer in posten if einer.gemessen]
        while offen:
            # A time that a file names twice is judged again: the second one meets what the first one left.
            runde = [(einer, *_split_repeated(eintraege)) for einer, eintraege in offen]
            self._write([(einer, erste) for einer, erste, _ in runde])
            offen = [(einer, weitere) for einer, _, weitere in runde if weitere]
        if ersetzende := [einer for einer in posten if einer.ersetzt]:
            self._substitute(ersetzende)

    def _write(self, runde: Sequence[tuple["_Posten", Sequence[_Eintrag]]]) -> None:
        auftrag = [
            speicher.Posten(
                einer.stand,
                [eintrag.wert for eintrag in eintraege],
                einer.grenzen,
                self._jetzt,
                Herkunft.IMPORT,
            )
            for einer, eintraege in runde
        ]
        for (einer, eintraege), befunde in zip(runde, speicher.write(self._session, auftrag), strict=True):
            gruende: dict[Befund, list[int]] = {}
            for eintrag, befund in zip(eintraege, befunde, strict=True):
                self._judge(eintrag, befund)
                if befund is Befund.NEU:
                    einer.staende[eintrag.wert.uhrzeit] = Stand(*eintrag.wert[:4])
                elif befund is not Befund.DOPPELT:
                    gruende.setdefault(befund, []).append(eintrag.wert.uhrzeit)
            for grund, zeiten in gruende.items():
                daten = {"grund": grund.value, "anzahl": len(zeiten), "von": zeiten[0], "bis": zeiten[-1]}
                art, nummer = Ereignisart.ABLESUNG_IN_QUARANTAENE, einer.stand.stromzaehler_id
                record_ereignis(self._session, self._akteur, art, "stromzaehler", nummer, daten)

    def _substitute(self, posten: Sequence["_Posten"]) -> None:
        """Substitutes take the place of nothing or of other substitutes, and fit between what was measured.

        A register may have rolled over between the measured readings that were just stored: what a substitute
        means is its energy, so energies are compared, and each becomes a register of the section in which it lies.
        """
        abschnitte = speicher.fleet_sections(self._session, [einer.stand.stromzaehler_id for einer in posten])
        for einer in posten:
            werk = Zaehlwerk(einer.grenzen.zaehlwerk.faktor, abschnitte.get(einer.stand.stromzaehler_id, ()))
            energien = [
                Messwert(wert.uhrzeit, *einer.grenzen.zaehlwerk.energie(*wert[:3]), None, 0)
                for _, wert, _ in einer.ersetzt
            ]
            gemessen = {
                zeit: Stand(zeit, *werk.energie(*stand[:3]), None) for zeit, stand in einer.staende.items()
            }
            grenzen = replace(einer.grenzen, ueberlauf_wh=None, zaehlwerk=Zaehlwerk(1))
            befunde = judge(energien, gemessen, None, None, grenzen).befunde
            neu: list[Ablesung] = []
            for eintrag, energie, befund in zip(einer.ersetzt, energien, befunde, strict=True):
                zeit = energie.uhrzeit
                register = as_register(energie[1:3], zeit, werk, None)
                if befund is not Befund.NEU:
                    self._tell(eintrag.zeile, ABGEWIESEN, _ERSATZ_ABGEWIESEN[befund])
                elif register is None:
                    self._tell(eintrag.zeile, ABGEWIESEN, _NICHT_TEILBAR)
                else:
                    self._judge(eintrag, befund)
                    neu.append(Ablesung(zeit, *register, None, eintrag.qualitaet, 0, self._jetzt, Herkunft.IMPORT))
            speicher.replace(self._session, einer.stand, neu)

    def _judge(self, eintrag: _Eintrag, befund: Befund) -> None:
        self._tell(eintrag.zeile, befund.name, HINWEISE[befund])

    def _tell(self, zeile: Messzeile | Intervall | None, ergebnis: str, hinweis: str) -> None:
        if isinstance(zeile, Messzeile):
            ort, uhrzeit = zeile.zaehlernummer, zeile.uhrzeit
        elif zeile is not None:
            ort, uhrzeit = zeile.ort, zeile.bis
        else:
            return
        self._bericht.append(Berichtszeile(zeile.position, ort, uhrzeit, ergebnis, hinweis))


class _Posten(NamedTuple):
    """The readings of one meter, ascending; `staende`: what was measured between them and next to them."""

    stand: Telegrammstand
    grenzen: Grenzen
    staende: dict[int, Stand]
    gemessen: list[_Eintrag]
    ersetzt: list[_Eintrag]


def _says_no_more(eintrag: _Eintrag, alt: Ablesung) -> bool:
    """Whether a stored reading says all that a line says: files seldom know the power that the meter told.

    The register with which a Lauf begins says nothing of how it came about.
    """
    wert = eintrag.wert
    gleiche_art = eintrag.zeile is None or alt.qualitaet is eintrag.qualitaet
    return gleiche_art and alt[1:3] == wert[1:3] and wert.leistung_w in (None, alt.leistung_w)


def _split_repeated(eintraege: Sequence[_Eintrag]) -> tuple[list[_Eintrag], list[_Eintrag]]:
    """The first of each time, and all others."""
    gruppen = [list(gruppe) for _, gruppe in groupby(eintraege, key=lambda eintrag: eintrag.wert.uhrzeit)]
    return [gruppe[0] for gruppe in gruppen], [eintrag for gruppe in gruppen for eintrag in gruppe[1:]]

"""What becomes of a meter: how bad each kind is, how far it has come, why, and whether it is over. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from betreiber.stoerung.domain import (
    AUCH_STUMM,
    OHNE_MONTEUR,
    Einsatz,
    Lebenszeichen,
    Regel,
    Regeln,
    Stoerungsart,
    Stufe,
    Ursache,
    day_begin,
    expected_readings,
    sends_nobody,
)
from betreiber.zeit import VIERTELSTUNDE_S

_SEKUNDE, _TAG = timedelta(seconds=1), timedelta(days=1)
# Of these the kind says the cause; of the others the last signs of life do.
_EIGENE_URSACHE = {Stoerungsart(name): Ursache(name) for name in ("UHR", "SCHLUESSEL", "FUNK", "MANIPULATION")}
_EIGENE_URSACHE[Stoerungsart.ABWEISUNGEN] = Ursache.ABGEWIESEN
# The operator's own fitter opened the cover: it is closed again by itself, and nobody else goes there.
_EIGENER_EINSATZ = Regel(1, 0, timedelta(hours=1))


class Umfeld(NamedTuple):
    """What is wrong beyond a meter: `netz`: all of its postcode is silent; `verbreitet`: kinds that a great part
    of all meters has.
    """

    netz: bool = False
    verbreitet: Collection[Stoerungsart] = ()


EIN_ZAEHLER = Umfeld()


class Mass(NamedTuple):
    """How bad something is, and since when."""

    wert: int
    seit: datetime


@dataclass(frozen=True, slots=True)
class Lage:
    """A Störung as it stands; `erholt`: since when its signal is good; `netz`: when it was last seen to be one of
    an area, or of a fleet, that was affected as a whole; the rest as in the table.
    """

    stufe: Stufe
    ursache: Ursache
    beginn: datetime
    erkannt: datetime
    erholt: datetime | None = None
    netz: datetime | None = None
    behoben: bool = False
    abgeklungen: bool = False

    def patience(self, regel: Regel) -> datetime:
        """From when on the time to AUFTRAG counts."""
        gesehen = self.erkannt - regel.ab * _SEKUNDE if regel.gesehen else self.beginn
        return max(self.beginn, gesehen, self.netz or self.beginn)


def measure(
    zeichen: Lebenszeichen, regeln: Regeln, jetzt: datetime, echtzeit: datetime
) -> dict[Stoerungsart, Mass]:
    """Every kind that can be judged. `echtzeit`: certificates live on real time, also beside a simulated clock."""
    s = Stoerungsart
    gehoert = zeichen.heard() or jetzt
    masse = {s.STUMM: Mass((jetzt - gehoert) // _SEKUNDE, gehoert)}
    neueste = gehoert if zeichen.neueste_uhrzeit is None else datetime.fromtimestamp(zeichen.neueste_uhrzeit, UTC)
    masse[s.VERSPAETET] = Mass((jetzt - max(neueste, zeichen.eingebaut_von or neueste)) // _SEKUNDE, jetzt)
    masse[s.UHR] = Mass(abs(zeichen.uhr_abweichung_s or 0), jetzt)
    if zeichen.rsrp_dbm is not None:
        masse[s.FUNK] = Mass(-zeichen.rsrp_dbm, jetzt)
    if zeichen.schluessel_gueltig_bis is not None:
        wert = (echtzeit - zeichen.schluessel_gueltig_bis) // _SEKUNDE
        masse[s.SCHLUESSEL] = Mass(wert, jetzt - max(0, wert - regeln[s.SCHLUESSEL].ab) * _SEKUNDE)
    eingriff = zeichen.eingriff()
    offen = eingriff is not None and not _is_closed_again(zeichen, eingriff)
    masse[s.MANIPULATION] = Mass(int(offen), eingriff or jetzt)
    am_tag = zeichen.abgewiesen_zeitpunkt is not None and zeichen.abgewiesen_zeitpunkt >= day_begin(jetzt)
    masse[s.ABWEISUNGEN] = Mass(zeichen.abgewiesen_anzahl if am_tag else 0, jetzt)
    erwartet = expected_readings(zeichen.eingebaut_von, jetzt, regeln.tage)
    if erwartet:
        masse[s.UNVOLLSTAENDIG] = Mass(1000 - min(1000, zeichen.gemessen * 1000 // erwartet), jetzt)
    return masse


def _is_closed_again(zeichen: Lebenszeichen, eingriff: datetime) -> bool:
    """Whether a visit is over, and a reading of a later quarter hour tells of no open cover any more."""
    neueste = zeichen.neueste_uhrzeit or 0
    return zeichen.einsatz is Einsatz.BEENDET and neueste >= int(eingriff.timestamp()) + 2 * VIERTELSTUNDE_S


def find_ursache(
    art: Stoerungsart, zeichen: Lebenszeichen, regeln: Regeln, echtzeit: datetime, umfeld: Umfeld
) -> Ursache:
    """The likely cause; of several the one that is surest."""
    if zeichen.zustand == "GESPERRT":
        return Ursache.GESPERRT
    if zeichen.zustand != "EINGEBAUT":
        return Ursache.AUSGEBAUT
    if art in umfeld.verbreitet:
        return Ursache.BETREIBER
    if art is Stoerungsart.MANIPULATION and zeichen.einsatz is not Einsatz.KEINER:
        return Ursache.EINSATZ
    if art in _EIGENE_URSACHE:
        return _EIGENE_URSACHE[art]
    if zeichen.zuletzt_empfangen is None:
        return Ursache.NIE_GEMELDET
    gehoert, funk = zeichen.zuletzt_empfangen, regeln[Stoerungsart.FUNK]
    gueltig_bis, rsrp_dbm = zeichen.schluessel_gueltig_bis, zeichen.rsrp_dbm
    # Of a silent meter only what was refused later explains anything.
    abgewiesen_ab = gehoert + _SEKUNDE if art is Stoerungsart.STUMM else gehoert - _TAG

    def since(zeitpunkt: datetime | None, ab: datetime) -> bool:
        return zeitpunkt is not None and zeitpunkt >= ab

    merkmale = {
        Ursache.SCHLUESSEL: gueltig_bis is not None and gueltig_bis <= echtzeit,
        Ursache.ABGEWIESEN: since(zeichen.abgewiesen_zeitpunkt, abgewiesen_ab),
        Ursache.MANIPULATION: zeichen.einsatz is Einsatz.KEINER and since(zeichen.eingriff(), gehoert - _TAG),
        # Where the power of a whole area is gone, each meter says so for itself.
        Ursache.NETZ: umfeld.netz,
        Ursache.SPANNUNGSLOS: since(zeichen.spannungslos_zeitpunkt, gehoert - timedelta(minutes=15)),
        Ursache.FUNK: rsrp_dbm is not None and -rsrp_dbm > funk.frei,
        Ursache.UHR: zeichen.uhr_abweichung_s is not None,
    }
    return next((ursache for ursache, trifft in merkmale.items() if trifft), Ursache.UNBEKANNT)


def find_stufe(regel: Regel, lage: Lage, jetzt: datetime) -> Stufe:
    """How badly, by now. No fitter is sent where it is not the meter."""
    faellig = regel.auftrag_nach is not None and jetzt - lage.patience(regel) >= regel.auftrag_nach
    if faellig and not sends_nobody(lage.ursache, lage.beginn, jetzt):
        return Stufe.AUFTRAG
    if regel.alarm_nach is not None and jetzt - lage.beginn >= regel.alarm_nach:
        return Stufe.ALARM
    return Stufe.WARNUNG


def judge(regel: Regel, lage: Lage | None, mass: Mass, ursache: Ursache, jetzt: datetime) -> Lage | None:
    """What becomes of a kind at a meter; None: there is nothing. `lage`: what there was, unless it was over."""
    if lage is None:
        if mass.wert < regel.ab:
            return None
        neue = Lage(Stufe.WARNUNG, ursache, mass.seit, jetzt)
        return replace(neue, stufe=find_stufe(regel, neue, jetzt))
    if mass.wert <= regel.frei:
        return _recover(regel, lage, jetzt)
    if mass.wert < regel.ab or lage.behoben:
        return replace(lage, erholt=None)
    # The area has its network again: from now on it is the meter itself.
    netz = jetzt if lage.ursache in OHNE_MONTEUR and ursache not in OHNE_MONTEUR else lage.netz
    neue = replace(lage, ursache=ursache, erholt=None, netz=netz)
    return replace(neue, stufe=max(lage.stufe, find_stufe(regel, neue, jetzt), key=list(Stufe).index))


def _recover(regel: Regel, lage: Lage, jetzt: datetime) -> Lage:
    erholt = lage.erholt or jetzt
    vorbei = jetzt - erholt >= regel.ruhe and (regel.von_selbst or lage.behoben)
    return replace(lage, erholt=erholt, behoben=lage.behoben or vorbei, abgeklungen=vorbei)


def judge_all(
    zeichen: Lebenszeichen,
    lagen: Mapping[Stoerungsart, Lage],
    regeln: Regeln,
    jetzt: datetime,
    echtzeit: datetime,
    umfeld: Umfeld = EIN_ZAEHLER,
) -> dict[Stoerungsart, Lage]:
    """What becomes of every kind at a meter; those that stay as they are not among them.

    A meter that hangs nowhere, or is locked, has no Störung any more. While one is silent, what needs messages
    stays as it was, and nothing of it opens; once a fitter has to go there he sees to all of it with one order.
    """
    if zeichen.zustand != "EINGEBAUT":
        ende = find_ursache(Stoerungsart.STUMM, zeichen, regeln, echtzeit, umfeld)
        return {
            art: replace(lage, ursache=lage.ursache if lage.behoben else ende, behoben=True, abgeklungen=True)
            for art, lage in lagen.items()
        }
    zeichen = _without_doubt(zeichen.here(), lagen.get(Stoerungsart.MANIPULATION))
    neue: dict[Stoerungsart, Lage] = {}
    schweigt = vor_ort = False
    for art, mass in measure(zeichen, regeln, jetzt, echtzeit).items():
        alt = lagen.get(art)
        if schweigt and art not in AUCH_STUMM:
            neu = alt and _wait(alt, vor_ort=vor_ort)
        else:
            ursache = find_ursache(art, zeichen, regeln, echtzeit, umfeld)
            regel = _EIGENER_EINSATZ if ursache is Ursache.EINSATZ else regeln[art]
            neu = judge(regel, alt, mass, ursache, jetzt)
        if art is Stoerungsart.STUMM:  # It is the first to be measured.
            offen = neu is not None and not neu.behoben
            schweigt = offen or mass.wert >= regeln[art].ab
            vor_ort = neu is not None and offen and neu.stufe is Stufe.AUFTRAG
        if neu is not None and neu != alt:
            neue[art] = neu
    return neue


def _wait(lage: Lage, *, vor_ort: bool) -> Lage:
    """The same at a silent meter: nobody knows whether it still recovers. Over, when a fitter goes there."""
    return replace(lage, erholt=None, behoben=lage.behoben or vor_ort, abgeklungen=vor_ort)


def _without_doubt(zeichen: Lebenszeichen, alt: Lage | None) -> Lebenszeichen:
    """The same without a visit where an intervention stands open that was none: only a person explains that."""
    if alt is None or alt.ursache is Ursache.EINSATZ:
        return zeichen
    return zeichen._replace(einsatz=Einsatz.KEINER)

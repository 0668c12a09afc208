"""Rules of silent and sick meters: what is wrong, how badly, why, and when it is over. Pure.

Every kind is judged by one number, the larger the worse. A Störung opens at one bound (`ab`), and ends only below
a better one (`frei`) that held for a while (`ruhe`), so that a number near a bound opens and closes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from betreiber.zeit import BERLIN, VIERTELSTUNDE_S

# A receipt names the slot after the quarter hour in which a meter sends, 0 to 599 s (docs/telegramm.md, 2).
PLATZ_S = 600
VIERTELSTUNDEN_JE_TAG = 96
_SOFORT, _SEKUNDE, _STUNDE, _TAG = timedelta(0), timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
# A report of an open cover is news for so long; a sweep runs many times meanwhile.
MANIPULIERT_SEIT = 2 * _TAG


class Stoerungsart(StrEnum):
    """What is wrong with a meter."""

    STUMM = "STUMM"
    UNVOLLSTAENDIG = "UNVOLLSTAENDIG"
    VERSPAETET = "VERSPAETET"
    UHR = "UHR"
    SCHLUESSEL = "SCHLUESSEL"
    FUNK = "FUNK"
    MANIPULATION = "MANIPULATION"
    ABWEISUNGEN = "ABWEISUNGEN"


class Stufe(StrEnum):
    """How badly: somebody should know, somebody must act, a fitter has to go there."""

    WARNUNG = "WARNUNG"
    ALARM = "ALARM"
    AUFTRAG = "AUFTRAG"


class Stoerungszustand(StrEnum):
    """Whether it is still to be dealt with."""

    OFFEN = "OFFEN"
    BEHOBEN = "BEHOBEN"


class Ursache(StrEnum):
    """The likely cause, by the last signs of life."""

    GESPERRT = "GESPERRT"
    AUSGEBAUT = "AUSGEBAUT"
    NIE_GEMELDET = "NIE_GEMELDET"
    SCHLUESSEL = "SCHLUESSEL"
    ABGEWIESEN = "ABGEWIESEN"
    MANIPULATION = "MANIPULATION"
    SPANNUNGSLOS = "SPANNUNGSLOS"
    NETZ = "NETZ"
    FUNK = "FUNK"
    UHR = "UHR"
    UNBEKANNT = "UNBEKANNT"


ARTEN: Mapping[Stoerungsart, str] = {
    Stoerungsart.STUMM: "Der Zähler meldet sich nicht.",
    Stoerungsart.UNVOLLSTAENDIG: "In den letzten Tagen fehlen zu viele Messwerte.",
    Stoerungsart.VERSPAETET: "Der Zähler meldet sich, aber seine Messwerte kommen zu spät.",
    Stoerungsart.UHR: "Die Uhr des Zählers geht falsch.",
    Stoerungsart.SCHLUESSEL: "Die Schlüssel des Zählers laufen ab, und er hat sie nicht erneuert.",
    Stoerungsart.FUNK: "Der Zähler hat schlechten Empfang.",
    Stoerungsart.MANIPULATION: "Der Zähler meldet einen Eingriff.",
    Stoerungsart.ABWEISUNGEN: "Vieles, was der Zähler sendet, wird abgewiesen.",
}
URSACHEN: Mapping[Ursache, str] = {
    Ursache.GESPERRT: "Der Zähler ist gesperrt.",
    Ursache.AUSGEBAUT: "Der Zähler ist nicht mehr eingebaut.",
    Ursache.NIE_GEMELDET: "Der Zähler hat sich seit dem Einbau nicht gemeldet: Antenne, SIM und Empfang prüfen.",
    Ursache.SCHLUESSEL: "Die Schlüssel sind abgelaufen oder laufen ab: den Zähler neu einschreiben.",
    Ursache.ABGEWIESEN: "Der Zähler sendet, wird aber abgewiesen: die Gründe stehen in seinen Ereignissen.",
    Ursache.MANIPULATION: "Der Zähler hat ein offenes Gehäuse oder ein Magnetfeld gemeldet: vor Ort prüfen.",
    Ursache.SPANNUNGSLOS: "Der Zähler hat einen Spannungsausfall gemeldet: Anschluss und Netz prüfen.",
    Ursache.NETZ: "Fast alle Zähler der Postleitzahl schweigen: Mobilfunk- oder Stromnetz.",
    Ursache.FUNK: "Der Empfang ist oder war zuletzt schwach: Antenne und Standort prüfen.",
    Ursache.UHR: "Die Uhr des Zählers geht oder ging zuletzt falsch.",
    Ursache.UNBEKANNT: "Aus den letzten Lebenszeichen ist keine Ursache zu erkennen.",
}
# Of these the kind says the cause; of the others the last signs of life do.
_EIGENE_URSACHE = {Stoerungsart(name): Ursache(name) for name in ("UHR", "SCHLUESSEL", "FUNK", "MANIPULATION")}
_EIGENE_URSACHE[Stoerungsart.ABWEISUNGEN] = Ursache.ABGEWIESEN
# What can be seen also when nothing comes.
_AUCH_STUMM = frozenset({Stoerungsart.STUMM, Stoerungsart.SCHLUESSEL, Stoerungsart.MANIPULATION})


@dataclass(frozen=True, slots=True)
class Regel:
    """When a kind opens, rises and ends. `alarm_nach`, `auftrag_nach`: how long after it began; None = never.

    `von_selbst`: whether it ends with the signal, or only when a person says why.
    """

    ab: int
    frei: int
    ruhe: timedelta
    alarm_nach: timedelta | None = None
    auftrag_nach: timedelta | None = None
    von_selbst: bool = True


# ASSUMPTION: bounds of experience, none of them of law; only those of settings are asked of the operator.
_STANDARD = {
    Stoerungsart.STUMM: Regel(3 * VIERTELSTUNDE_S + PLATZ_S, 1800, timedelta(minutes=30), _TAG, 36 * _STUNDE),
    # Missing readings in thousandths of those expected.
    Stoerungsart.UNVOLLSTAENDIG: Regel(101, 50, _TAG, 7 * _TAG, 14 * _TAG),
    Stoerungsart.VERSPAETET: Regel(4 * 3600, 3600, 2 * _STUNDE, _TAG, 7 * _TAG),
    # What the intake tolerates (27 s) is no deviation.
    Stoerungsart.UHR: Regel(28, 0, 6 * _STUNDE, _TAG, 3 * _TAG),
    # Seconds since the end of the keys. A meter renews them from 60 days before it on.
    Stoerungsart.SCHLUESSEL: Regel(-30 * 86_400, -45 * 86_400, _STUNDE, 16 * _TAG, 23 * _TAG),
    # -RSRP in dBm: LTE is hardly received below -120 (3GPP TS 36.133 counts from -140 to -44).
    Stoerungsart.FUNK: Regel(120, 115, 6 * _STUNDE, 7 * _TAG, 14 * _TAG),
    Stoerungsart.MANIPULATION: Regel(1, 0, _STUNDE, _SOFORT, _SOFORT, von_selbst=False),
    # Refused messages and readings of a UTC day.
    Stoerungsart.ABWEISUNGEN: Regel(20, 5, _TAG, _TAG, 7 * _TAG),
}


@dataclass(frozen=True, slots=True)
class Ruhezeit:
    """Hours of the day in Europe/Berlin, [von, bis), in which a WARNUNG waits; also over midnight."""

    von: int
    bis: int

    def covers(self, zeitpunkt: datetime) -> bool:
        """Whether it is quiet at that instant; equal hours: never."""
        stunde = zeitpunkt.astimezone(BERLIN).hour
        if self.von <= self.bis:
            return self.von <= stunde < self.bis
        return stunde >= self.von or stunde < self.bis


@dataclass(frozen=True, slots=True)
class Regeln:
    """By which rules this operator looks for sick meters. `tage`: whole UTC days whose coverage counts.

    `empfaenger`: to whom mails go, "" = nobody. A postcode with at least `netz_zaehler` meters is silent as a
    whole from `netz_prozent` on.
    """

    regeln: Mapping[Stoerungsart, Regel] = field(default_factory=lambda: _STANDARD)
    tage: int = 3
    netz_zaehler: int = 5
    netz_prozent: int = 80
    empfaenger: str = ""
    ruhezeit: Ruhezeit = Ruhezeit(22, 6)

    def __getitem__(self, art: Stoerungsart) -> Regel:
        return self.regeln[art]

    @property
    def abdeckung_promille(self) -> int:
        """The coverage, in thousandths, under which a meter is incomplete."""
        return 1001 - self[Stoerungsart.UNVOLLSTAENDIG].ab


def make_regeln(
    *,
    intervalle: int,
    alarm_stunden: int,
    auftrag_stunden: int,
    abdeckung_prozent: int,
    verspaetet_stunden: int,
    empfaenger: str,
    ruhezeit: str,
) -> Regeln:
    """The rules with what an operator may set; `intervalle`: missed quarter hours until a meter is silent."""
    s = Stoerungsart
    ab = intervalle * VIERTELSTUNDE_S + PLATZ_S
    stumm = replace(
        _STANDARD[s.STUMM],
        ab=ab,
        frei=min(_STANDARD[s.STUMM].frei, ab - 300),
        alarm_nach=alarm_stunden * _STUNDE,
        auftrag_nach=auftrag_stunden * _STUNDE,
    )
    fehlend, viertel_s = 1001 - 10 * abdeckung_prozent, 900 * verspaetet_stunden
    eigene = {
        s.STUMM: stumm,
        s.UNVOLLSTAENDIG: replace(_STANDARD[s.UNVOLLSTAENDIG], ab=fehlend, frei=fehlend // 2),
        s.VERSPAETET: replace(_STANDARD[s.VERSPAETET], ab=4 * viertel_s, frei=viertel_s),
    }
    return Regeln(_STANDARD | eigene, empfaenger=empfaenger, ruhezeit=Ruhezeit(*map(int, ruhezeit.split("-"))))


class Lebenszeichen(NamedTuple):
    """What is known of a meter: the signs of telegrammstand, where it hangs since when, its readings of late.

    `gemessen`: measured readings in the days of which the coverage is asked; `neueste_uhrzeit`: s since 1970.
    """

    stromzaehler_id: int
    zaehlernummer: str
    zustand: str
    zuletzt_empfangen: datetime | None
    neueste_uhrzeit: int | None
    uhr_abweichung_s: int | None
    rsrp_dbm: int | None
    schluessel_gueltig_bis: datetime | None
    manipuliert_zeitpunkt: datetime | None
    spannungslos_zeitpunkt: datetime | None
    abgewiesen_zeitpunkt: datetime | None
    abgewiesen_anzahl: int
    eingebaut_von: datetime | None
    postleitzahl: str | None
    gemessen: int

    def heard(self) -> datetime | None:
        """Since when nothing has come: the last message, or the installation if it is later."""
        zeiten = [zeit for zeit in (self.zuletzt_empfangen, self.eingebaut_von) if zeit is not None]
        return max(zeiten, default=None)

    def here(self) -> "Lebenszeichen":
        """The same without what it told at a former place; its keys are its own wherever it hangs."""
        if self.heard() == self.zuletzt_empfangen:
            return self
        leer: dict[str, Any] = {name: None for name in self._fields[3:11] if name != "schluessel_gueltig_bis"}
        return self._replace(**leer)

    def is_opened_after(self, behoben: datetime | None) -> bool:
        """Whether it told of an intervention after a person had closed the one before; None: nobody has."""
        eingriff = self.manipuliert_zeitpunkt
        return behoben is not None and eingriff is not None and eingriff > behoben


class Mass(NamedTuple):
    """How bad something is, and since when."""

    wert: int
    seit: datetime


@dataclass(frozen=True, slots=True)
class Lage:
    """A Störung as it stands; `erholt`: since when its signal is good; the rest as in the table."""

    stufe: Stufe
    ursache: Ursache
    beginn: datetime
    erholt: datetime | None = None
    behoben: bool = False
    abgeklungen: bool = False


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
    eingriff = zeichen.manipuliert_zeitpunkt
    neu = eingriff is not None and eingriff > jetzt - MANIPULIERT_SEIT
    masse[s.MANIPULATION] = Mass(int(neu), eingriff if eingriff is not None and neu else jetzt)
    am_tag = zeichen.abgewiesen_zeitpunkt is not None and zeichen.abgewiesen_zeitpunkt >= day_begin(jetzt)
    masse[s.ABWEISUNGEN] = Mass(zeichen.abgewiesen_anzahl if am_tag else 0, jetzt)
    erwartet = expected_readings(zeichen.eingebaut_von, jetzt, regeln.tage)
    if erwartet:
        masse[s.UNVOLLSTAENDIG] = Mass(1000 - min(1000, zeichen.gemessen * 1000 // erwartet), jetzt)
    return masse


def day_begin(zeitpunkt: datetime) -> datetime:
    """The begin of the UTC day of an instant."""
    return zeitpunkt.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def expected_readings(eingebaut_von: datetime | None, jetzt: datetime, tage: int) -> int:
    """How many readings the last whole UTC days should have, from the first after the installation on."""
    ende = day_begin(jetzt)
    anfang = ende - tage * _TAG
    if eingebaut_von is not None and eingebaut_von > anfang:
        anfang = day_begin(eingebaut_von) + _TAG
    return max(0, (ende - anfang) // _TAG) * VIERTELSTUNDEN_JE_TAG


def find_ursache(
    art: Stoerungsart, zeichen: Lebenszeichen, regeln: Regeln, echtzeit: datetime, *, netz: bool
) -> Ursache:
    """The likely cause; of several the one that is surest. `netz`: whether the whole postcode is silent."""
    if zeichen.zustand == "GESPERRT":
        return Ursache.GESPERRT
    if zeichen.zustand != "EINGEBAUT":
        return Ursache.AUSGEBAUT
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
        Ursache.MANIPULATION: since(zeichen.manipuliert_zeitpunkt, gehoert - _TAG),
        Ursache.SPANNUNGSLOS: since(zeichen.spannungslos_zeitpunkt, gehoert - timedelta(minutes=15)),
        Ursache.NETZ: netz,
        Ursache.FUNK: rsrp_dbm is not None and -rsrp_dbm > funk.frei,
        Ursache.UHR: zeichen.uhr_abweichung_s is not None,
    }
    return next((ursache for ursache, trifft in merkmale.items() if trifft), Ursache.UNBEKANNT)


def is_silent_area(zaehler: int, stumme: int, regeln: Regeln) -> bool:
    """Whether so many silent ones of the meters of a postcode mean a network and not the meters."""
    return zaehler >= regeln.netz_zaehler and 100 * stumme >= regeln.netz_prozent * zaehler


def find_stufe(regel: Regel, dauer: timedelta, ursache: Ursache) -> Stufe:
    """How badly, after so long. No fitter is sent to a meter whose network is away."""
    if regel.auftrag_nach is not None and dauer >= regel.auftrag_nach and ursache is not Ursache.NETZ:
        return Stufe.AUFTRAG
    if regel.alarm_nach is not None and dauer >= regel.alarm_nach:
        return Stufe.ALARM
    return Stufe.WARNUNG


def judge(regel: Regel, lage: Lage | None, mass: Mass, ursache: Ursache, jetzt: datetime) -> Lage | None:
    """What becomes of a kind at a meter; None: there is nothing. `lage`: what there was, unless it was over."""
    if lage is None:
        if mass.wert < regel.ab:
            return None
        return Lage(find_stufe(regel, jetzt - mass.seit, ursache), ursache, mass.seit)
    if mass.wert <= regel.frei:
        return _recover(regel, lage, jetzt)
    if mass.wert < regel.ab or lage.behoben:
        return replace(lage, erholt=None)
    stufe = find_stufe(regel, jetzt - lage.beginn, ursache)
    return replace(lage, stufe=max(lage.stufe, stufe, key=list(Stufe).index), ursache=ursache, erholt=None)


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
    *,
    netz: bool,
) -> dict[Stoerungsart, Lage]:
    """What becomes of every kind at a meter; those that stay as they are not among them.

    A meter that hangs nowhere, or is locked, has no Störung any more. While one is silent, what needs messages
    stays as it was, and nothing of it opens; once a fitter has to go there he sees to all of it with one order.
    """
    if zeichen.zustand != "EINGEBAUT":
        ende = find_ursache(Stoerungsart.STUMM, zeichen, regeln, echtzeit, netz=netz)
        return {
            art: replace(lage, ursache=lage.ursache if lage.behoben else ende, behoben=True, abgeklungen=True)
            for art, lage in lagen.items()
        }
    zeichen = zeichen.here()
    neue: dict[Stoerungsart, Lage] = {}
    schweigt = vor_ort = False
    for art, mass in measure(zeichen, regeln, jetzt, echtzeit).items():
        alt = lagen.get(art)
        if schweigt and art not in _AUCH_STUMM:
            neu = replace(alt, behoben=True, abgeklungen=True) if alt and vor_ort else alt
        else:
            ursache = find_ursache(art, zeichen, regeln, echtzeit, netz=netz)
            neu = judge(regeln[art], alt, mass, ursache, jetzt)
        if art is Stoerungsart.STUMM:  # It is the first to be measured.
            offen = neu is not None and not neu.behoben
            schweigt = offen or mass.wert >= regeln[art].ab
            vor_ort = neu is not None and offen and neu.stufe is Stufe.AUFTRAG
        if neu is not None and neu != alt:
            neue[art] = neu
    return neue

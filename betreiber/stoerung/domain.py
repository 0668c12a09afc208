"""Silent and sick meters: kinds, degrees, causes, the bounds of each kind, and what is known of a meter. Pure.

Every kind is judged by one number, the larger the worse. A Störung opens at one bound (`ab`), and ends only below
a better one (`frei`) that held for a while (`ruhe`), so that a number near a bound opens and closes nothing.
What becomes of a meter by these rules: `urteil.py`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from betreiber.zeit import BERLIN, VIERTELSTUNDE_S, local_date

# A receipt names the slot after the quarter hour in which a meter sends, 0 to 599 s (docs/telegramm.md, 2).
PLATZ_S = 600
VIERTELSTUNDEN_JE_TAG = 96
_SOFORT, _STUNDE, _TAG = timedelta(0), timedelta(hours=1), timedelta(days=1)
# So long after an order was noted as done its fitter may still be at the open meter.
NACH_DEM_EINSATZ = _STUNDE
# So long a fitter may take to note what became of a visit; after that nobody was there.
EINSATZ_MELDEN = 3 * _TAG
# What a log brought earlier a sweep has judged, unless it stood still for so long.
MELDUNGEN_SEIT = 3 * _TAG
# So long after it began a silent area is still taken for its network; after that somebody has to look.
NETZ_HOECHSTENS = 7 * _TAG


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

    BETREIBER = "BETREIBER"
    GESPERRT = "GESPERRT"
    AUSGEBAUT = "AUSGEBAUT"
    NIE_GEMELDET = "NIE_GEMELDET"
    SCHLUESSEL = "SCHLUESSEL"
    ABGEWIESEN = "ABGEWIESEN"
    EINSATZ = "EINSATZ"
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
    Ursache.BETREIBER: "Ein großer Teil aller Zähler ist betroffen: unsere eigene Annahme und ihre Wege prüfen.",
    Ursache.GESPERRT: "Der Zähler ist gesperrt.",
    Ursache.AUSGEBAUT: "Der Zähler ist nicht mehr eingebaut.",
    Ursache.NIE_GEMELDET: "Der Zähler hat sich seit dem Einbau nicht gemeldet: Antenne, SIM und Empfang prüfen.",
    Ursache.SCHLUESSEL: "Die Schlüssel sind abgelaufen oder laufen ab: den Zähler neu einschreiben.",
    Ursache.ABGEWIESEN: "Der Zähler sendet, wird aber abgewiesen: die Gründe stehen in seinen Ereignissen.",
    Ursache.EINSATZ: "An diesem Tag war ein eigener Einsatz am Zähler: kein fremder Eingriff.",
    Ursache.MANIPULATION: "Der Zähler hat ein offenes Gehäuse oder ein Magnetfeld gemeldet: vor Ort prüfen.",
    Ursache.SPANNUNGSLOS: "Der Zähler hat einen Spannungsausfall gemeldet: Anschluss und Netz prüfen.",
    Ursache.NETZ: "Fast alle Zähler der Postleitzahl schweigen: Mobilfunk- oder Stromnetz.",
    Ursache.FUNK: "Der Empfang ist oder war zuletzt schwach: Antenne und Standort prüfen.",
    Ursache.UHR: "Die Uhr des Zählers geht oder ging zuletzt falsch.",
    Ursache.UNBEKANNT: "Aus den letzten Lebenszeichen ist keine Ursache zu erkennen.",
}
# It is not the meters, and a fitter at each of them would change nothing.
OHNE_MONTEUR = frozenset({Ursache.BETREIBER, Ursache.NETZ})
# What can be seen also when nothing comes.
AUCH_STUMM = frozenset({Stoerungsart.STUMM, Stoerungsart.SCHLUESSEL, Stoerungsart.MANIPULATION})
# However many meters somebody opens: it is never the operator's own outage, and each has to be looked at.
IMMER_EINZELN = frozenset({Stoerungsart.MANIPULATION})


class Einsatz(StrEnum):
    """Whether an intervention at a meter was a visit of the operator's own."""

    KEINER = "KEINER"
    LAEUFT = "LAEUFT"
    BEENDET = "BEENDET"


@dataclass(frozen=True, slots=True)
class Regel:
    """When a kind opens, rises and ends. `alarm_nach`, `auftrag_nach`: how long after it began; None = never.

    `von_selbst`: whether it ends with the signal, or only when a person says why. `gesehen`: whether the time to
    AUFTRAG counts only from when a sweep could find it (`ab` in seconds): while the operator is down nobody looks.
    """

    ab: int
    frei: int
    ruhe: timedelta
    alarm_nach: timedelta | None = None
    auftrag_nach: timedelta | None = None
    von_selbst: bool = True
    gesehen: bool = False


# ASSUMPTION: bounds of experience, none of them of law; only those of settings are asked of the operator.
_STANDARD = {
    Stoerungsart.STUMM: Regel(
        3 * VIERTELSTUNDE_S + PLATZ_S, 1800, timedelta(minutes=30), _TAG, 36 * _STUNDE, gesehen=True
    ),
    # Missing readings in thousandths of those expected.
    Stoerungsart.UNVOLLSTAENDIG: Regel(101, 50, _TAG, 7 * _TAG, 14 * _TAG),
    Stoerungsart.VERSPAETET: Regel(4 * 3600, 3600, 2 * _STUNDE, _TAG, 7 * _TAG),
    # What the intake tolerates (27 s) is no deviation.
    Stoerungsart.UHR: Regel(28, 0, 6 * _STUNDE, _TAG, 3 * _TAG),
    # Seconds since the end of the keys. A meter renews them from 60 days before it on.
    Stoerungsart.SCHLUESSEL: Regel(-30 * 86_400, -45 * 86_400, _STUNDE, 16 * _TAG, 23 * _TAG),
    # -RSRP in dBm: LTE is hardly received below -120 (3GPP TS 36.133 counts from -140 to -44).
    Stoerungsart.FUNK: Regel(120, 115, 6 * _STUNDE, 7 * _TAG, 14 * _TAG),
    Stoerungsart.MANIPULATION: Regel(1, 0, _SOFORT, _SOFORT, _SOFORT, von_selbst=False),
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
    whole from `netz_prozent` on. What has at least `flotte_zaehler` meters and `flotte_prozent` of all is no fault
    of the meters.
    """

    regeln: Mapping[Stoerungsart, Regel] = field(default_factory=lambda: _STANDARD)
    tage: int = 3
    netz_zaehler: int = 5
    netz_prozent: int = 80
    flotte_zaehler: int = 100
    flotte_prozent: int = 20
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
    `eingriff_behoben`: when the last MANIPULATION was closed: what the meter saw until then is explained.
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
    eingriff_behoben: datetime | None = None
    einsatz: Einsatz = Einsatz.KEINER

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

    def is_unexplained(self, eingriff: datetime) -> bool:
        """Whether an intervention was at the present place, and after the last one that somebody has explained."""
        return all(ab is None or eingriff > ab for ab in (self.eingebaut_von, self.eingriff_behoben))

    def eingriff(self) -> datetime | None:
        """When the meter last saw an intervention that nobody has explained."""
        zeit = self.manipuliert_zeitpunkt
        return zeit if zeit is not None and self.is_unexplained(zeit) else None


class Besuch(NamedTuple):
    """A visit of a fitter to a meter: planned for a day, or over (`beendet`); without a day: it failed then."""

    termin_datum: date | None
    beendet: datetime | None

    def covers(self, eingriff: datetime, jetzt: datetime) -> bool:
        """Whether its fitter opened the meter: on that local day, and not long after it was over.

        Whoever failed stood before a closed door: that excuses the hour before and after, not the day.
        """
        if self.beendet is None:
            return local_date(eingriff) == self.termin_datum and jetzt - eingriff < EINSATZ_MELDEN
        if self.termin_datum is None:
            return abs(eingriff - self.beendet) <= NACH_DEM_EINSATZ
        tage = (self.termin_datum, local_date(self.beendet))
        return local_date(eingriff) in tage and eingriff <= self.beendet + NACH_DEM_EINSATZ


def find_einsatz(eingriffe: Iterable[datetime], besuche: Sequence[Besuch], jetzt: datetime) -> Einsatz:
    """Whether all of these interventions were visits of the operator's own, and whether these are over."""
    je_eingriff = [[besuch for besuch in besuche if besuch.covers(zeit, jetzt)] for zeit in eingriffe]
    if not all(je_eingriff):
        return Einsatz.KEINER
    beendet = all(any(besuch.beendet is not None for besuch in einer) for einer in je_eingriff)
    return Einsatz.BEENDET if beendet else Einsatz.LAEUFT


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


def sends_nobody(ursache: Ursache, beginn: datetime, jetzt: datetime) -> bool:
    """Whether a fitter would change nothing: it is the operator, or the network of an area, which comes back."""
    return ursache in OHNE_MONTEUR and (ursache is not Ursache.NETZ or jetzt - beginn < NETZ_HOECHSTENS)


def is_silent_area(zaehler: int, stumme: int, regeln: Regeln) -> bool:
    """Whether so many silent ones of the meters of a postcode mean a network and not the meters."""
    return zaehler >= regeln.netz_zaehler and 100 * stumme >= regeln.netz_prozent * zaehler


def is_widespread(zaehler: int, betroffene: int, regeln: Regeln) -> bool:
    """Whether so many of all meters mean the operator itself, or what all of them hang on."""
    return betroffene >= regeln.flotte_zaehler and 100 * betroffene >= regeln.flotte_prozent * zaehler

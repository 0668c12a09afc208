"""The kinds of events: what each says, and which roles see it. Names are part of the API."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from betreiber.auth.domain import Rolle
from betreiber.zeit import VIERTELSTUNDE_S


class Ereignisart(StrEnum):
    """Kind of an event."""

    KUNDE_ANGELEGT = "KUNDE_ANGELEGT"
    STROMZAEHLER_EINGEBAUT = "STROMZAEHLER_EINGEBAUT"
    STROMZAEHLER_AUSGEBAUT = "STROMZAEHLER_AUSGEBAUT"
    STROMZAEHLER_EINGELAGERT = "STROMZAEHLER_EINGELAGERT"
    ZAEHLERWECHSEL_ZURUECKGENOMMEN = "ZAEHLERWECHSEL_ZURUECKGENOMMEN"
    KUNDE_UMGEZOGEN = "KUNDE_UMGEZOGEN"
    ZUORDNUNG_BERICHTIGT = "ZUORDNUNG_BERICHTIGT"
    STROMZAEHLER_EINGESCHRIEBEN = "STROMZAEHLER_EINGESCHRIEBEN"
    STROMZAEHLER_ERNEUERT = "STROMZAEHLER_ERNEUERT"
    SCHLUESSEL_ABGELOEST = "SCHLUESSEL_ABGELOEST"
    SCHLUESSEL_GESPERRT = "SCHLUESSEL_GESPERRT"
    TARIF_GEWAEHLT = "TARIF_GEWAEHLT"
    DATEN_EMPFANGEN = "DATEN_EMPFANGEN"
    ABLESUNG_IN_QUARANTAENE = "ABLESUNG_IN_QUARANTAENE"
    ABLESUNG_ENTSCHIEDEN = "ABLESUNG_ENTSCHIEDEN"
    ABLESUNG_KORRIGIERT = "ABLESUNG_KORRIGIERT"
    ERSATZWERTE_GEBILDET = "ERSATZWERTE_GEBILDET"
    TELEGRAMM_ABGEWIESEN = "TELEGRAMM_ABGEWIESEN"
    STROMZAEHLER_MELDUNG = "STROMZAEHLER_MELDUNG"
    MELDUNGEN_AUSGELASSEN = "MELDUNGEN_AUSGELASSEN"
    LUECKE_BLEIBT = "LUECKE_BLEIBT"
    UHR_WEICHT_AB = "UHR_WEICHT_AB"
    UHR_STIMMT = "UHR_STIMMT"
    FIRMWARE_FREIGEGEBEN = "FIRMWARE_FREIGEGEBEN"
    FIRMWARE_AUSGEWEITET = "FIRMWARE_AUSGEWEITET"
    FIRMWARE_ZURUECKGEZOGEN = "FIRMWARE_ZURUECKGEZOGEN"
    PARTITION_FEHLT = "PARTITION_FEHLT"
    STOERUNG_ERKANNT = "STOERUNG_ERKANNT"
    STOERUNG_GESTIEGEN = "STOERUNG_GESTIEGEN"
    STOERUNG_BEHOBEN = "STOERUNG_BEHOBEN"
    EICHANTRAG_FAELLIG = "EICHANTRAG_FAELLIG"
    AUFTRAG_ANGELEGT = "AUFTRAG_ANGELEGT"
    AUFTRAG_GEPLANT = "AUFTRAG_GEPLANT"
    AUFTRAG_ERLEDIGT = "AUFTRAG_ERLEDIGT"
    AUFTRAG_FEHLGESCHLAGEN = "AUFTRAG_FEHLGESCHLAGEN"
    AUFTRAG_STORNIERT = "AUFTRAG_STORNIERT"
    ZUTRITT_ANGEKUENDIGT = "ZUTRITT_ANGEKUENDIGT"
    KONTROLLABLESUNG_WEICHT_AB = "KONTROLLABLESUNG_WEICHT_AB"
    ABRECHNUNGSTAG_ERREICHT = "ABRECHNUNGSTAG_ERREICHT"
    RECHNUNG_GESTELLT = "RECHNUNG_GESTELLT"
    RECHNUNG_BEZAHLT = "RECHNUNG_BEZAHLT"
    RECHNUNG_UEBERFAELLIG = "RECHNUNG_UEBERFAELLIG"


@dataclass(frozen=True, slots=True)
class Artbeschreibung:
    """What events of a kind say.

    `bezeichnung`: its German name; `rollen`: who sees it besides those who see everything; `daten`: the names of
    its details, each with what it says, in German.
    """

    objekt_art: str
    bezeichnung: str
    rollen: str = ""
    daten: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Artauskunft:
    """A kind as a person may ask for it."""

    art: Ereignisart
    bezeichnung: str
    objekt_art: str
    daten: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Eintrag:
    """An event as it is handed out; `akteur` is None for those who must not learn who in the house acted."""

    ereignis_id: int
    zeitpunkt: datetime
    art: str
    objekt_art: str
    objekt_id: int
    akteur: str | None
    daten: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Zeitraum:
    """When a meter was a customer's: [von, bis), edges of quarter hours."""

    stromzaehler_id: int
    von: datetime
    bis: datetime | None


_AUFTRAG = {"art": "was zu tun ist", "termin_datum": "Tag des Besuchs; null, wenn ohne Termin"}
_STOERUNG = {
    "art": "was nicht stimmt",
    "stufe": "wie ernst es ist: WARNUNG, ALARM, AUFTRAG",
    "ursache": "die wahrscheinliche Ursache",
}
_ABLESUNGEN = {"anzahl": "Zahl der Ablesungen", "von": "Zeit der ersten", "bis": "Zeit der letzten"}
_ABLESUNGEN_S = {
    "anzahl": "Zahl der Ablesungen",
    "von": "Zeit der ersten, Sekunden seit 1970",
    "bis": "Zeit der letzten, Sekunden seit 1970",
}
_SPANNE = {"von": "Beginn, Sekunden seit 1970", "bis": "erster Zeitpunkt danach, Sekunden seit 1970"}
_ALLES = frozenset({Rolle.SACHBEARBEITUNG, Rolle.ADMIN})
# Who acted is a person, and so it is only for those who answer for what was done.
_MIT_AKTEUR = _ALLES | {Rolle.WARTUNG}

# Which detail says when it happened: a meter is installed first and that is recorded later.
_GESCHEHEN = {Ereignisart.STROMZAEHLER_EINGEBAUT: "von", Ereignisart.STROMZAEHLER_AUSGEBAUT: "bis"}

# By how much the period in which an event counts as a customer's is moved. An installation or a removal counts at
# the first quarter hour at or after it, as its reading does: the first of one period, the last of the other.
_NACH = timedelta(microseconds=1)
VERSATZ = {
    Ereignisart.STROMZAEHLER_EINGEBAUT: _NACH - timedelta(seconds=VIERTELSTUNDE_S),
    Ereignisart.STROMZAEHLER_AUSGEBAUT: _NACH,
}

ARTEN: Mapping[Ereignisart, Artbeschreibung] = {
    Ereignisart.KUNDE_ANGELEGT: Artbeschreibung("kunde", "Kunde angelegt", "buchhaltung"),
    Ereignisart.STROMZAEHLER_EINGEBAUT: Artbeschreibung(
        "stromzaehler",
        "Zähler eingebaut",
        "kunde wartung buchhaltung analyse",
        {"messstelle_id": "Nummer der Messstelle", "von": "Zeitpunkt des Einbaus"},
    ),
    Ereignisart.STROMZAEHLER_AUSGEBAUT: Artbeschreibung(
        "stromzaehler",
        "Zähler ausgebaut",
        "kunde wartung buchhaltung analyse",
        {"messstelle_id": "Nummer der Messstelle", "bis": "Zeitpunkt des Ausbaus"},
    ),
    Ereignisart.STROMZAEHLER_EINGELAGERT: Artbeschreibung(
        "stromzaehler", "Zähler wieder im Lager", "wartung", {"ort": "wo er liegt"}
    ),
    Ereignisart.ZAEHLERWECHSEL_ZURUECKGENOMMEN: Artbeschreibung(
        "messstelle",
        "Zählerwechsel zurückgenommen",
        "wartung buchhaltung analyse",
        {
            "alter_stromzaehler_id": "Nummer des Zählers, der wieder hängt",
            "neuer_stromzaehler_id": "Nummer des Zählers, der wieder im Lager liegt",
            "zeitpunkt": "Zeitpunkt des Wechsels, den es nicht gab",
        },
    ),
    Ereignisart.KUNDE_UMGEZOGEN: Artbeschreibung(
        "messstelle",
        "Umzug: Auszug, Einzug oder beides",
        "wartung buchhaltung",
        {"stromzaehler_id": "Nummer des Zählers", "zeitpunkt": "Zeitpunkt der Übergabe"},
    ),
    Ereignisart.ZUORDNUNG_BERICHTIGT: Artbeschreibung(
        "stromzaehler",
        "Übergabe zwischen Kunden berichtigt",
        "wartung buchhaltung",
        {"kante_alt": "bisheriger Zeitpunkt der Übergabe", "kante_neu": "richtiger Zeitpunkt der Übergabe"},
    ),
    Ereignisart.STROMZAEHLER_EINGESCHRIEBEN: Artbeschreibung(
        "stromzaehler", "Zähler eingeschrieben", "wartung", {"epoche": "laufende Nummer der Schlüssel"}
    ),
    Ereignisart.STROMZAEHLER_ERNEUERT: Artbeschreibung(
        "stromzaehler", "Schlüssel erneuert", "wartung", {"epoche": "laufende Nummer der Schlüssel"}
    ),
    Ereignisart.SCHLUESSEL_ABGELOEST: Artbeschreibung("stromzaehler", "Alte Schlüssel abgelöst", "wartung"),
    Ereignisart.SCHLUESSEL_GESPERRT: Artbeschreibung("stromzaehler", "Schlüssel gesperrt", "wartung"),
    Ereignisart.TARIF_GEWAEHLT: Artbeschreibung(
        "vertrag",
        "Tarif gewählt",
        "tarif buchhaltung",
        {
            "tarif_id": "Nummer des gewählten Tarifs",
            "bisheriger_tarif_id": "Nummer des Tarifs davor; null bei einem neuen Vertrag",
        },
    ),
    Ereignisart.DATEN_EMPFANGEN: Artbeschreibung(
        "stromzaehler", "Daten empfangen (einmal je Zähler und Tag)", "kunde wartung analyse"
    ),
    Ereignisart.ABLESUNG_IN_QUARANTAENE: Artbeschreibung(
        "stromzaehler",
        "Ablesungen in Quarantäne",
        "wartung analyse",
        {"grund": "warum", **_ABLESUNGEN_S},
    ),
    Ereignisart.ABLESUNG_ENTSCHIEDEN: Artbeschreibung(
        "stromzaehler",
        "Über Ablesungen entschieden",
        "wartung buchhaltung analyse",
        {"entscheidung": "was entschieden wurde", **_ABLESUNGEN},
    ),
    Ereignisart.ABLESUNG_KORRIGIERT: Artbeschreibung(
        "stromzaehler",
        "Ablesung korrigiert",
        "wartung buchhaltung analyse",
        {"aktion": "was geändert wurde", "messzeitpunkt": "Zeitpunkt der Ablesung"},
    ),
    Ereignisart.ERSATZWERTE_GEBILDET: Artbeschreibung(
        "stromzaehler",
        "Ersatzwerte gebildet",
        "wartung buchhaltung analyse",
        {"verfahren": "wie sie gebildet wurden", **_SPANNE},
    ),
    Ereignisart.TELEGRAMM_ABGEWIESEN: Artbeschreibung(
        "stromzaehler",
        "Telegramm abgewiesen",
        "wartung",
        {"code": "Grund, wie das Gerät ihn erfuhr", "folge": "Nummer des Telegramms, bei manchem Grund"},
    ),
    Ereignisart.STROMZAEHLER_MELDUNG: Artbeschreibung(
        "stromzaehler",
        "Meldung des Zählers",
        "wartung",
        {
            "nummer": "laufende Nummer im Gerät",
            "uhrzeit": "Sekunden seit 1970",
            "code": "was das Gerät meldet",
            "text": "dasselbe in Worten",
        },
    ),
    Ereignisart.MELDUNGEN_AUSGELASSEN: Artbeschreibung(
        "stromzaehler", "Meldungen ausgelassen", "wartung", {"ab_nummer": "Nummer der ersten ausgelassenen"}
    ),
    Ereignisart.LUECKE_BLEIBT: Artbeschreibung(
        "stromzaehler", "Werte im Gerät verloren", "wartung buchhaltung analyse", _SPANNE
    ),
    Ereignisart.UHR_WEICHT_AB: Artbeschreibung(
        "stromzaehler", "Uhr des Zählers weicht ab", "wartung", {"sekunden": "um wie viel; positiv geht sie vor"}
    ),
    Ereignisart.UHR_STIMMT: Artbeschreibung("stromzaehler", "Uhr des Zählers stimmt wieder", "wartung"),
    Ereignisart.FIRMWARE_FREIGEGEBEN: Artbeschreibung(
        "firmware",
        "Firmware freigegeben",
        "wartung",
        {
            "modell": "Modell der Zähler",
            "version": "Version",
            "anteil_prozent": "welchem Anteil der Zähler sie angeboten wird",
            "sha256": "SHA-256 des Abbilds",
        },
    ),
    Ereignisart.FIRMWARE_AUSGEWEITET: Artbeschreibung(
        "firmware",
        "Firmware ausgeweitet",
        "wartung",
        {"modell": "Modell der Zähler", "version": "Version", "anteil_prozent": "neuer Anteil der Zähler"},
    ),
    Ereignisart.FIRMWARE_ZURUECKGEZOGEN: Artbeschreibung(
        "firmware", "Firmware zurückgezogen", "wartung", {"modell": "Modell der Zähler", "version": "Version"}
    ),
    Ereignisart.PARTITION_FEHLT: Artbeschreibung("datenbank", "Monat ohne eigene Partition", "", _ABLESUNGEN_S),
    Ereignisart.STOERUNG_ERKANNT: Artbeschreibung("stromzaehler", "Störung erkannt", "wartung", _STOERUNG),
    Ereignisart.STOERUNG_GESTIEGEN: Artbeschreibung("stromzaehler", "Störung ernster", "wartung", _STOERUNG),
    Ereignisart.STOERUNG_BEHOBEN: Artbeschreibung("stromzaehler", "Störung behoben", "wartung", _STOERUNG),
    Ereignisart.EICHANTRAG_FAELLIG: Artbeschreibung(
        "stromzaehler",
        "Eichung zu beantragen",
        "wartung",
        {
            "eichfrist_ende_datum": "letzter Tag der Eichfrist",
            "antragsfrist_datum": "letzter Tag für den Antrag (MessEG § 38)",
        },
    ),
    Ereignisart.AUFTRAG_ANGELEGT: Artbeschreibung(
        "auftrag",
        "Auftrag angelegt",
        "wartung",
        {
            "art": "was zu tun ist",
            "messstelle_id": "Nummer der Messstelle",
            "stromzaehler_id": "Nummer des Zählers; null, wo noch keiner hängt",
            "stoerung_id": "Nummer der Störung, die er beheben soll; oder null",
        },
    ),
    Ereignisart.AUFTRAG_GEPLANT: Artbeschreibung("auftrag", "Auftrag geplant", "wartung", _AUFTRAG),
    Ereignisart.AUFTRAG_ERLEDIGT: Artbeschreibung("auftrag", "Auftrag erledigt", "wartung", _AUFTRAG),
    Ereignisart.AUFTRAG_FEHLGESCHLAGEN: Artbeschreibung("auftrag", "Auftrag fehlgeschlagen", "wartung", _AUFTRAG),
    Ereignisart.AUFTRAG_STORNIERT: Artbeschreibung("auftrag", "Auftrag storniert", "wartung", _AUFTRAG),
    Ereignisart.ZUTRITT_ANGEKUENDIGT: Artbeschreibung(
        "auftrag",
        "Besuch mit einem Brief angekündigt",
        "wartung",
        {
            "zutrittsankuendigung_id": "Nummer des Briefs",
            "versand_datum": "Tag, an dem er hinausgeht",
            "termin_datum": "Tag des Besuchs",
            "ersatztermin_datum": "angebotener Ersatztermin",
        },
    ),
    Ereignisart.KONTROLLABLESUNG_WEICHT_AB: Artbeschreibung(
        "stromzaehler",
        "Kontrollablesung weicht vom Fernwert ab",
        "wartung analyse",
        {
            "auftrag_id": "Nummer der Kontrollablesung",
            "folgeauftrag_id": "Nummer des Auftrags, den Zähler zu prüfen",
            "bezug_abweichung_wh": "Abweichung des Bezugs in Wh",
            "einspeisung_abweichung_wh": "Abweichung der Einspeisung in Wh; null, wenn nicht abgelesen",
        },
    ),
    Ereignisart.ABRECHNUNGSTAG_ERREICHT: Artbeschreibung("vertrag", "Abrechnungstag erreicht", "buchhaltung"),
    Ereignisart.RECHNUNG_GESTELLT: Artbeschreibung("rechnung", "Rechnung gestellt", "kunde buchhaltung"),
    Ereignisart.RECHNUNG_BEZAHLT: Artbeschreibung("rechnung", "Rechnung bezahlt", "kunde buchhaltung"),
    Ereignisart.RECHNUNG_UEBERFAELLIG: Artbeschreibung("rechnung", "Rechnung überfällig", "kunde buchhaltung"),
}


def visible_arten(rollen: frozenset[Rolle], *, eigene: bool) -> frozenset[Ereignisart]:
    """The kinds that these roles see; `eigene`: a customer, of whose kinds only the own events count.

    What somebody may see as a customer is no right on the events of others.
    """
    wirksam = rollen & {Rolle.KUNDE} if eigene else rollen - {Rolle.KUNDE}
    if wirksam & _ALLES:
        return frozenset(ARTEN)
    return frozenset(art for art, was in ARTEN.items() if wirksam.intersection(was.rollen.split()))


def sees_akteur(rollen: frozenset[Rolle]) -> bool:
    """Whether these roles learn who acted."""
    return bool(rollen & _MIT_AKTEUR)


def describe_arten(arten: frozenset[Ereignisart]) -> list[Artauskunft]:
    """These kinds in the order of the API."""
    return [
        Artauskunft(art, was.bezeichnung, was.objekt_art, was.daten) for art, was in ARTEN.items() if art in arten
    ]


def find_geschehen(art: Ereignisart, daten: Mapping[str, Any]) -> datetime | None:
    """When an event happened, by its details; None: when it is recorded."""
    name = _GESCHEHEN.get(art)
    return None if name is None else daten.get(name)

"""The log of the meter: what happened to it, for the fitter at the cupboard and for the operator.

The newest thousand entries are kept in `zaehlwerk.sqlite`, in the same transactions as what they tell of. From
there they are handed to the buffer of the gateway: alarms are sent at once, the rest when the operator asks.
"""

from __future__ import annotations

import sqlite3
from enum import StrEnum
from typing import NamedTuple

from gateway.puffer import transaction

EINTRAEGE_HOECHSTENS = 1000
TEXT_HOECHSTENS = 500  # what a Meldung may carry

SCHEMA = """
CREATE TABLE IF NOT EXISTS protokoll (
    nummer INTEGER PRIMARY KEY AUTOINCREMENT, uhrzeit INTEGER NOT NULL, code TEXT NOT NULL, text TEXT NOT NULL,
    uebergeben INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS protokoll_offen ON protokoll (nummer) WHERE uebergeben = 0;
"""


class Code(StrEnum):
    """The codes of the log. `text` is what people read, `is_alarm` whether the operator is told at once."""

    text: str
    is_alarm: bool

    def __new__(cls, code: str, text: str, is_alarm: bool = False) -> Code:
        glied = str.__new__(cls, code)
        glied._value_ = code
        glied.text = text
        glied.is_alarm = is_alarm
        return glied

    NEUSTART = "NEUSTART", "Der Zähler ist neu gestartet"
    SPANNUNGSAUSFALL = "SPANNUNGSAUSFALL", "Alle Phasen sind ohne Spannung"
    LETZTES_LEBENSZEICHEN = "LETZTES_LEBENSZEICHEN", "Spannung fehlt, letzte Meldung aus dem Kondensator", True
    SPANNUNGSWIEDERKEHR = "SPANNUNGSWIEDERKEHR", "Die Spannung ist zurück", True
    NETZAUSFALL = "NETZAUSFALL", "Netzausfall beendet"
    PHASE_FEHLT = "PHASE_FEHLT", "Eine Phase ist ohne Spannung", True
    PHASE_DA = "PHASE_DA", "Die Phase ist wieder unter Spannung"
    GEHAEUSE_OFFEN = "GEHAEUSE_OFFEN", "Der Klemmendeckel wurde geöffnet", True
    GEHAEUSE_ZU = "GEHAEUSE_ZU", "Der Klemmendeckel ist geschlossen", True
    MAGNETFELD = "MAGNETFELD", "Ein starkes Magnetfeld wirkt auf den Zähler", True
    MAGNETFELD_ENDE = "MAGNETFELD_ENDE", "Das Magnetfeld ist fort", True
    UHR_UNGUELTIG = "UHR_UNGUELTIG", "Die Uhr hat ihre Zeit verloren", True
    UHR_UNSICHER = "UHR_UNSICHER", "Die Uhr weicht von der Zeit des Betreibers ab", True
    UHR_GESTELLT = "UHR_GESTELLT", "Die Uhr wurde gestellt"
    SIM_GEWECHSELT = "SIM_GEWECHSELT", "Die SIM-Karte wurde gewechselt", True
    SIM_FEHLT = "SIM_FEHLT", "Die SIM-Karte fehlt"
    SIM_PIN_GESPERRT = "SIM_PIN_GESPERRT", "Die SIM-Karte ist gesperrt"
    SIM_EINGEBUCHT = "SIM_EINGEBUCHT", "Das Modem ist im Mobilfunknetz eingebucht"
    SIM_NICHT_EINGEBUCHT = "SIM_NICHT_EINGEBUCHT", "Das Modem ist nicht im Mobilfunknetz eingebucht"
    VOLUMEN_80 = "VOLUMEN_80", "80 % des monatlichen Datenvolumens sind verbraucht", True
    VOLUMEN_100 = "VOLUMEN_100", "Das monatliche Datenvolumen ist verbraucht, es wird gebündelt", True
    FIREWALL_ABGEWIESEN = "FIREWALL_ABGEWIESEN", "Die Firewall hat eine Verbindung abgewiesen", True
    FIRMWARE_AKTUALISIERT = "FIRMWARE_AKTUALISIERT", "Eine neue Firmware läuft", True
    FIRMWARE_ABGELEHNT = "FIRMWARE_ABGELEHNT", "Eine angebotene Firmware wurde abgelehnt", True
    GESPERRT = "GESPERRT", "Der Betreiber weist diesen Zähler oder seine Schlüssel ab"
    ENDGUELTIG_GESPERRT = "ENDGUELTIG_GESPERRT", "Der Betreiber führt diesen Zähler nicht mehr"
    EPOCHE_NEU = "EPOCHE_NEU", "Eine neue Epoche der Nachrichten hat begonnen", True
    PUFFER_VOLL = "PUFFER_VOLL", "Der Puffer war voll, die ältesten Messwerte fielen heraus", True
    PUFFER_VERLOREN = "PUFFER_VERLOREN", "Der Puffer ging verloren", True
    SCHLUESSEL_ERNEUERT = "SCHLUESSEL_ERNEUERT", "Schlüssel und Zertifikate sind erneuert"
    SCHLUESSEL_VERLOREN = "SCHLUESSEL_VERLOREN", "Die Schlüssel gingen verloren"
    KETTE_ERNEUERT = "KETTE_ERNEUERT", "Neue Schlüssel des Betreibers sind übernommen"
    AUFTRAG_FEHLGESCHLAGEN = "AUFTRAG_FEHLGESCHLAGEN", "Ein Auftrag des Betreibers schlug fehl"
    PIN_FALSCH = "PIN_FALSCH", "Am Display wurde eine falsche PIN eingegeben"


class Eintrag(NamedTuple):
    """One entry. ``uhrzeit`` in s since 1970 by the meter's own clock, also when that was wrong."""

    nummer: int
    uhrzeit: int
    code: Code
    text: str


class Protokoll:
    """The log in the database of the register; several processes may write into it."""

    def __init__(self, verbindung: sqlite3.Connection) -> None:
        self._verbindung = verbindung

    def add(self, uhrzeit: float, code: Code, text: str = "") -> None:
        """Write an entry, durably. ``text`` replaces the general text of the code."""
        with transaction(self._verbindung):
            self.insert(uhrzeit, code, text)

    def insert(self, uhrzeit: float, code: Code, text: str = "") -> None:
        """As `add`, inside a transaction."""
        nummer = self._verbindung.execute(
            "INSERT INTO protokoll (uhrzeit, code, text) VALUES (?, ?, ?)",
            (max(0, int(uhrzeit)), code, (text or f"{code.text}.")[:TEXT_HOECHSTENS]),
        ).lastrowid
        self._verbindung.execute(
            "DELETE FROM protokoll WHERE nummer <= ?", ((nummer or 0) - EINTRAEGE_HOECHSTENS,)
        )

    def newest(self, hoechstens: int = EINTRAEGE_HOECHSTENS) -> list[Eintrag]:
        """The newest entries, newest first."""
        return self._select("ORDER BY nummer DESC LIMIT ?", hoechstens)

    def pending(self, hoechstens: int = 100) -> list[Eintrag]:
        """The oldest entries that the gateway has not yet got. Follow it with `handed_over`."""
        return self._select("WHERE uebergeben = 0 ORDER BY nummer LIMIT ?", hoechstens)

    def handed_over(self, bis_nummer: int) -> None:
        """The gateway has every entry up to and including ``bis_nummer`` on disk."""
        with transaction(self._verbindung):
            self._verbindung.execute(
                "UPDATE protokoll SET uebergeben = 1 WHERE uebergeben = 0 AND nummer <= ?", (bis_nummer,)
            )

    def _select(self, bedingung: str, hoechstens: int) -> list[Eintrag]:
        zeilen = self._verbindung.execute(
            f"SELECT nummer, uhrzeit, code, text FROM protokoll {bedingung}",  # noqa: S608 - our own words
            (hoechstens,),
        )
        return [Eintrag(nummer, uhrzeit, Code[code], text) for nummer, uhrzeit, code, text in zeilen]

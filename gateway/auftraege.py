"""What receipts ask of a meter beside its readings: new certificates, the operator's new keys, new firmware.

`note` looks at each receipt and talks to nobody. `work` does what is due, in an upload slot after the readings: no
order is worth a reading that comes late, and none that fails stops the readings.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime

from gateway.erneuerung import Erneuerungsplan, renew
from gateway.fehler import EinschreibungFehler, SendeFehler, ZertifikatUngueltig
from gateway.firmware import STUECKE_JE_PLATZ, Firmwareaktualisierung
from gateway.kette import accept_kette, load_schluesselbund
from gateway.ordner import Ordner
from gateway.verbindung import Uebertragung, tls_context
from gateway.versand import Versand
from telegramm.messwerte import Firmware
from telegramm.quittung import CA_KETTE_HOLEN, ZERTIFIKAT_ERNEUERN, Quittung

SCHLUESSEL_ERNEUERT = "SCHLUESSEL_ERNEUERT"
KETTE_ERNEUERT = "KETTE_ERNEUERT"
FEHLGESCHLAGEN = "AUFTRAG_FEHLGESCHLAGEN"
# An order stands in every receipt until it is done; one that fails is tried again after so long.
KETTE_VERSUCH_S = 3600


class Auftraege:
    """The orders of one meter. ``echtzeit`` is real time in seconds since 1970, because certificates live in it.

    ``einschreibung`` posts application/cms to the enrolment address; without it a renewal makes a connection of
    its own. Usable by one thread at a time. Raises OrdnerFehler when keys or certificates are lost.
    """

    def __init__(
        self,
        ordner: Ordner,
        versand: Versand,
        verbindung: Uebertragung,
        *,
        einschreibung: Uebertragung | None = None,
        echtzeit: Callable[[], float] = time.time,
        zufall: Callable[[], float] = random.random,
    ) -> None:
        self._ordner = ordner
        self._versand = versand
        self._verbindung = verbindung
        self._einschreibung = einschreibung
        self._echtzeit = echtzeit
        self._zufall = zufall
        self._plan = Erneuerungsplan.of(ordner)
        self._firmware = Firmwareaktualisierung(ordner, versand.report)
        self._kette_faellig = False
        self._kette_versuch = 0.0
        self._ersetzte_saetze = True
        self._gemeldet: set[str] = set()
        versand.rat = self._advise

    @property
    def fw(self) -> Firmware:
        """The installed firmware, as Telegramme report it."""
        return Firmware(self._firmware.stand.version, self._firmware.stand.sha256)

    def note(self, quittung: Quittung) -> None:
        """Take note of what a valid receipt orders and announces."""
        if self._ersetzte_saetze:
            # It came under the set in use: nobody will ask for an earlier one any more.
            self._ordner.remove_old_saetze()
            self._ersetzte_saetze = False
        if ZERTIFIKAT_ERNEUERN in quittung.auftraege:
            self._plan.beauftragt = True
        self._kette_faellig = CA_KETTE_HOLEN in quittung.auftraege
        self._firmware.consider(quittung.firmware, self._echtzeit())

    def work(self, stuecke: int = STUECKE_JE_PLATZ) -> None:
        """Do what is due; ``stuecke`` limits the pieces of firmware (1 while the data volume is being saved).

        Raises SendeFehler when the link to the device listener fails; then it is tried again in the next slot.
        """
        if self._kette_faellig and self._echtzeit() >= self._kette_versuch:
            self._fetch_kette()
        if self._plan.is_due(self._echtzeit()):
            self._renew()
        self._firmware.fetch(self._verbindung, stuecke)

    def _advise(self) -> str:
        """Once a certificate has ended, nothing is ever sent again: the person must hear of the way out."""
        if self._echtzeit() <= self._plan.gueltig_bis:
            return ""
        ende = datetime.fromtimestamp(self._plan.gueltig_bis, UTC)
        return f"Die Zertifikate des Zählers sind seit {ende:%d.%m.%Y} abgelaufen. {self._ordner.remedy}"

    def _fetch_kette(self) -> None:
        self._kette_versuch = self._echtzeit() + KETTE_VERSUCH_S
        kette = self._versand.send_kette()
        self._kette_faellig = False
        try:
            self._versand.use(accept_kette(self._ordner, kette, self._echtzeit()))
        except ZertifikatUngueltig as fehler:
            self._report_once(f"Neue Schlüssel des Betreibers abgelehnt: {fehler}")
        else:
            self._kette_versuch = 0.0
            self._versand.report(KETTE_ERNEUERT, "Neue Schlüssel des Betreibers übernommen.")

    def _renew(self) -> None:
        self._plan.after_try(self._echtzeit(), self._zufall)
        try:
            konfiguration = renew(self._ordner, uebertragung=self._einschreibung, jetzt=self._echtzeit)
        except (EinschreibungFehler, SendeFehler) as fehler:
            # The old keys work on, so the readings go on; the plan says when to try again.
            self._report_once(f"Erneuerung der Zertifikate: {fehler}")
            return
        finally:
            if self._einschreibung is not None:
                # The next renewal is years away.
                self._einschreibung.reconnect()
        self._versand.use(load_schluesselbund(self._ordner), konfiguration.epoche)
        self._verbindung.reconnect(
            tls_context(
                self._ordner.ca_datei, self._ordner.zertifikat_datei("tls"), self._ordner.schluessel_datei("tls")
            )
        )
        self._plan = Erneuerungsplan.of(self._ordner)
        self._ersetzte_saetze = True
        self._versand.report(SCHLUESSEL_ERNEUERT, f"Zertifikate erneuert, Epoche {konfiguration.epoche}.")

    def _report_once(self, text: str) -> None:
        """An order that fails is tried for days; the same reason stands in the log once a start."""
        if text not in self._gemeldet:
            self._gemeldet.add(text)
            self._versand.report(FEHLGESCHLAGEN, text[:500])

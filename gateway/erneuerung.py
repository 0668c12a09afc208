"""Renewal: new keys and certificates for a meter, asked for with the keys that they replace.

A renewal must never cost the keys that work. So the new ones get a set of their own, on disk before the operator
is asked; the answer is checked as at enrolment; then the configuration names the new set, in one file, at once.
Broken off anywhere, the old set is in use and the same call goes on with the same new keys.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from gateway.einschreibung import activate, ask, build_csrs, prepare_keys
from gateway.fehler import Abgewiesen, EinschreibungFehler
from gateway.kette import load_schluesselbund
from gateway.ordner import ZWECKE, Konfiguration, Ordner, write_atomic
from gateway.verbindung import Uebertragung
from telegramm.einschreibung import Erneuerung
from telegramm.umschlag import seal

VORLAUF_S = 60 * 86400
# A renewal that fails is tried again after one to two hours: meters of one lot were enrolled on the same day.
VERSUCH_S = 3600

_RAT: Mapping[int | str, str] = {
    403: "Der Betreiber hat den Zähler oder seine Schlüssel gesperrt; ihn fragen.",
    "nicht_faellig": "Der Betreiber erneuert noch nicht. Geht die Uhr dieses Rechners richtig?",
    "schluessel_bekannt": "Der Betreiber nimmt diese Schlüssel nicht mehr; beim nächsten Versuch gibt es andere.",
    503: "Der Betreiber ist überlastet; der Zähler versucht es später wieder.",
}


@dataclass(slots=True)
class Erneuerungsplan:
    """When to renew: from 60 days before the first certificate ends, or when the operator has ordered it.

    Times are real seconds since 1970, because certificates live in real time.
    """

    gueltig_bis: float
    beauftragt: bool = False
    naechster_versuch: float = 0.0

    @classmethod
    def of(cls, ordner: Ordner) -> Erneuerungsplan:
        """The plan for the set in use. Raises OrdnerFehler."""
        return cls(min(ordner.load_zertifikat(zweck).not_valid_after_utc.timestamp() for zweck in ZWECKE))

    def is_due(self, jetzt: float) -> bool:
        noetig = self.beauftragt or jetzt >= self.gueltig_bis - VORLAUF_S
        return noetig and jetzt >= self.naechster_versuch

    def after_try(self, jetzt: float, zufall: Callable[[], float] = random.random) -> None:
        """Wait one to two hours before the next try; a plan of the new set replaces this one after a success."""
        self.naechster_versuch = jetzt + VERSUCH_S * (1 + zufall())


def renew(
    ordner: Ordner, *, uebertragung: Uebertragung | None = None, jetzt: Callable[[], float] = time.time
) -> Konfiguration:
    """Replace the three keys of the meter and return the configuration, which names the new set and epoche.

    From then on `load_schluesselbund` and the files of ``ordner`` are those of the new set; the old one stays
    until `Ordner.remove_old_saetze`. ``uebertragung`` posts application/cms to the enrolment address;
    without it one over TLS 1.3 is made. ``jetzt`` is real time. Raises EinschreibungFehler, OrdnerFehler or
    SendeFehler; then the old set is in use, and the call can be repeated.
    """
    bisher, bund = ordner.load_konfiguration(), load_schluesselbund(ordner)
    neu = ordner.next_satz()
    schluessel = prepare_keys(neu)
    write_atomic(neu.ca_datei, ordner.ca_datei.read_bytes())
    zeitpunkt = datetime.fromtimestamp(int(jetzt()), UTC)
    umschlag = seal(
        Erneuerung(zaehler=bisher.zaehler, **build_csrs(bisher.zaehler, schluessel)).to_bytes(),
        empfaenger=bund.betreiber_verschluesselung,
        unterzeichner=bund.unterzeichner,
        signiert_um=zeitpunkt,
    )
    try:
        antwort = ask(
            ordner, bisher.einschreibung_url, umschlag, "application/cms", _RAT, uebertragung=uebertragung
        )
    except EinschreibungFehler as fehler:
        if isinstance(fehler.__cause__, Abgewiesen) and fehler.__cause__.code == "schluessel_bekannt":
            # Certified once and revoked since: with these keys no renewal would ever succeed.
            neu.discard()
        raise
    return activate(neu, replace(bisher, satz=neu.satz), antwort, schluessel, zeitpunkt)

"""A model of the radio link, around any `Uebertragung`: latency, loss, drop-outs, attach time, bandwidth.

It wraps the real connection and only decides what becomes of an exchange and how long it takes; TLS and TCP below
stay what they are. So a loss here is the loss of a whole exchange, after TCP has given up repeating. It can lose
the request, so that the operator never sees it, or the answer, so that the operator has the readings and the meter
does not know: the second case is the one that idempotency is for.

How the quality of reception tells (a model, not a standard; the terms are those of 3GPP TS 36.213 and TR 45.820,
where coverage enhancement repeats each block up to 2048 times): from -95 dBm upwards the link is as good as it
gets, at -120 dBm latency has grown fivefold, loss fivefold, and a tenth of the bandwidth is left; in between it is
linear. All of it multiplies the settings, so an ideal link stays ideal in every cellar.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

from gateway.fehler import NichtErreichbar
from gateway.verbindung import Antwort, Uebertragung, Weg
from stromzaehler_sim.mobilfunk.einstellung import Funkeinstellung
from stromzaehler_sim.mobilfunk.funkzelle import Empfang, Funkzelle

RSRP_GUT_DBM: Final = -95
RSRP_SCHLECHT_DBM: Final = -120


def quality(rsrp_dbm: int) -> float:
    """1.0 for a good and 0.0 for the worst reception that still attaches."""
    return min(max((rsrp_dbm - RSRP_SCHLECHT_DBM) / (RSRP_GUT_DBM - RSRP_SCHLECHT_DBM), 0.0), 1.0)


class Funkstrecke(Weg):
    """An `Uebertragung` over the radio. Usable by one thread at a time.

    ``jetzt`` is the meter's clock in seconds since 1970, ``schlafe`` lets that many of its seconds pass, so an
    accelerated clock accelerates the link. ``zufall`` decides over jitter and loss.
    """

    def __init__(
        self,
        uebertragung: Uebertragung,
        funkzelle: Funkzelle,
        einstellung: Funkeinstellung,
        *,
        jetzt: Callable[[], float],
        schlafe: Callable[[float], object],
        zufall: random.Random,
    ) -> None:
        super().__init__(uebertragung)
        self._funkzelle = funkzelle
        self._einstellung = einstellung
        self._jetzt = jetzt
        self._schlafe = schlafe
        self._zufall = zufall
        self._bereit_ab: float | None = None

    # --- network -----------------------------------------------------------------------------------------------
    def empfang(self) -> Empfang | None:
        """What the modem hears now. Hearing a network begins the attaching, not hearing one ends it."""
        jetzt = self._jetzt()
        empfang = self._funkzelle.empfang(jetzt)
        if empfang is None:
            self._bereit_ab = None
        # The second condition: the clock of the meter was set back, and attaching takes no longer than it takes.
        elif self._bereit_ab is None or self._bereit_ab > jetzt + self._einstellung.einbuchen_s:
            self._bereit_ab = jetzt + self._einstellung.einbuchen_s
        return empfang

    @property
    def eingebucht(self) -> bool:
        return self.empfang() is not None and self._bereit_ab is not None and self._bereit_ab <= self._jetzt()

    def detach(self) -> None:
        """The card was taken out or locked: attaching begins anew."""
        self._bereit_ab = None

    # --- Weg ---------------------------------------------------------------------------------------------------
    def exchange(self, laenge: int, carry: Callable[[], Antwort]) -> Antwort:
        """Let the radio act on an exchange that ``carry`` makes with a request of ``laenge`` bytes."""
        # The draws are made before anything else and always all of them, so that what one exchange meets does not
        # shift the fate of the next.
        schwankung, hin, zurueck = (self._zufall.random() for _ in range(3))
        guete = quality(self._attach().rsrp_dbm)
        einstellung = self._einstellung
        weg_s = (einstellung.latenz_s + schwankung * einstellung.jitter_s) * (5.0 - 4.0 * guete) / 2
        self._wait(weg_s + _transfer_s(laenge, einstellung.bytes_s_hin, guete))
        self._check_link("bevor die Nachricht ankam")
        if hin < _loss(einstellung.verlust_hin, guete):
            self._give_up("Die Nachricht ging auf dem Funkweg verloren")
        antwort = carry()
        self._wait(weg_s + _transfer_s(len(antwort.body), einstellung.bytes_s_zurueck, guete))
        self._check_link("bevor die Antwort kam")
        if zurueck < _loss(einstellung.verlust_zurueck, guete):
            self._give_up("Die Antwort ging auf dem Funkweg verloren")
        return antwort

    def _attach(self) -> Empfang:
        """Wait for the rest of the attach time and return what is heard then."""
        empfang = self.empfang()
        if empfang is not None and self._bereit_ab is not None:
            self._wait(self._bereit_ab - self._jetzt())
            empfang = self.empfang()
        if empfang is None:
            raise NichtErreichbar(
                "Kein Netz: der Zähler ist nicht eingebucht. Er versucht es weiter; "
                "bleibt es dabei, Antenne oder Standort prüfen."
            )
        return empfang

    def _check_link(self, wann: str) -> None:
        if self.empfang() is None:
            self._give_up(f"Das Netz fiel aus, {wann}")

    def _give_up(self, text: str) -> None:
        self._wait(self._einstellung.frist_s)
        raise NichtErreichbar(f"{text}. Der Zähler sendet später noch einmal.")

    def _wait(self, sekunden: float) -> None:
        if sekunden > 0:
            self._schlafe(sekunden)


def _transfer_s(laenge: int, bytes_s: float | None, guete: float) -> float:
    return 0.0 if bytes_s is None else laenge / (bytes_s * (0.1 + 0.9 * guete))


def _loss(verlust: float, guete: float) -> float:
    return min(1.0, verlust * (5.0 - 4.0 * guete))

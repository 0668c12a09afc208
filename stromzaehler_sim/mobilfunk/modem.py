"""The modem of one meter: card, radio, link and volume in one object that is itself an `Uebertragung`.

A meter without ``sim.json`` has no modem: everything passes as over an ideal cable, and nothing is counted.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gateway.fehler import NichtErreichbar
from gateway.verbindung import Antwort, Uebertragung, Weg
from stromzaehler_sim.fehler import MobilfunkFehler
from stromzaehler_sim.mobilfunk.einstellung import Funkeinstellung
from stromzaehler_sim.mobilfunk.funkzelle import Funkzelle, radio_seed
from stromzaehler_sim.mobilfunk.sim import DATEI, Sim, SimZustand
from stromzaehler_sim.mobilfunk.strecke import Funkstrecke
from stromzaehler_sim.mobilfunk.volumen import Eintrag, Volumen
from telegramm.messwerte import Netz


@dataclass(frozen=True, slots=True)
class Modemstatus:
    """What the display shows. ``funk`` is False for a meter on a cable; then the rest says nothing."""

    funk: bool
    sim: SimZustand = SimZustand.KEINE
    iccid: str = ""
    apn: str = ""
    rat: str = ""
    zelle: int | None = None
    rsrp_dbm: int | None = None
    rsrq_db: int | None = None
    bytes_monat: int = 0
    budget_bytes: int | None = None
    buendeln: bool = False


class Modem(Weg):
    """See the module. Usable by one thread at a time; ``Modem.open(ordner, uebertragung, ...)``.

    The card may be changed by `stromzaehler sim` while the meter runs: ``sim.json`` is read again when it changed.
    """

    def __init__(
        self,
        ordner: Path,
        uebertragung: Uebertragung,
        einstellung: Funkeinstellung,
        strecke: Funkstrecke,
        volumen: Volumen,
    ) -> None:
        self._ordner = ordner
        super().__init__(uebertragung)
        self._einstellung = einstellung
        self._nebenwege: list[Uebertragung] = []
        self._strecke = strecke
        self._volumen = volumen
        self._sim: Sim | None = None
        self._sim_stand: tuple[int, int] | None = None
        volumen.begin(uebertragung.bytes_gesamt)

    @classmethod
    def open(
        cls,
        ordner: Path | str,
        uebertragung: Uebertragung,
        *,
        jetzt: Callable[[], float],
        schlafe: Callable[[float], object] = time.sleep,
        seed: int | None = None,
    ) -> Modem:
        """The modem of the meter in ``ordner`` around the real connection.

        ``jetzt`` is the meter's clock in seconds since 1970, ``schlafe`` lets seconds of that clock pass. ``seed``
        makes the radio; without one it is made from the ICCID. Raises MobilfunkFehler for damaged files.
        """
        pfad = Path(ordner)
        einstellung = Funkeinstellung.load(pfad)
        sim = Sim.load(pfad)
        if seed is None:
            seed = radio_seed(sim.iccid if sim else "")
        strecke = Funkstrecke(
            uebertragung,
            Funkzelle(seed, einstellung),
            einstellung,
            jetzt=jetzt,
            schlafe=schlafe,
            zufall=random.Random(seed),  # noqa: S311 - a model of the weather, no secret
        )
        return cls(pfad, uebertragung, einstellung, strecke, Volumen(pfad, einstellung.budget_bytes, jetzt))

    # --- Weg ---------------------------------------------------------------------------------------------------
    @property
    def bytes_gesamt(self) -> int:
        return super().bytes_gesamt + sum(weg.bytes_gesamt for weg in self._nebenwege)

    def beside(self, uebertragung: Uebertragung) -> Uebertragung:
        """Another connection by this modem: the same card and radio let it pass, the same volume counts it."""
        self._nebenwege.append(uebertragung)
        self._volumen.begin(self.bytes_gesamt)
        return Nebenweg(self, uebertragung)

    def exchange(self, laenge: int, carry: Callable[[], Antwort]) -> Antwort:
        """Let ``carry`` make an exchange, with a request of ``laenge`` bytes, by card and radio."""
        sim = self._card()
        if sim is None:
            try:
                return carry()
            finally:
                # It went over the cable; a card that is put in later begins behind it.
                self._volumen.begin(self.bytes_gesamt)
        _check_card(sim)
        try:
            return self._strecke.exchange(laenge, carry)
        finally:
            # What was lost on the way was sent all the same, and the tariff counts it.
            self._volumen.note(self.bytes_gesamt)

    # --- for the meter and its display -------------------------------------------------------------------------
    @property
    def buendeln(self) -> bool:
        """True when the budget of the month is used up: the sender sends only every ``buendel_s`` seconds."""
        return self._card() is not None and self._volumen.buendeln

    @property
    def buendel_s(self) -> int:
        """How seldom the meter sends while `buendeln`, in seconds of its clock."""
        return self._einstellung.buendel_s

    def take_meldungen(self) -> list[Eintrag]:
        """New entries for the device log (VOLUMEN_80, VOLUMEN_100); each is handed out once."""
        return self._volumen.take_meldungen()

    def netz(self) -> Netz | None:
        """What a Telegramm says of the link; None without a card."""
        status = self.status()
        if status.sim is SimZustand.KEINE:
            return None
        return Netz(
            apn=status.apn,
            rat=status.rat,
            rsrp=status.rsrp_dbm,
            rsrq=status.rsrq_db,
            bytes_monat=status.bytes_monat,
        )

    def status(self) -> Modemstatus:
        """The modem now."""
        sim = self._card()
        if sim is None:
            return Modemstatus(funk=False)
        zustand = sim.zustand
        if zustand is SimZustand.KEINE:
            return Modemstatus(funk=True)
        empfang = None
        if zustand is SimZustand.NICHT_EINGEBUCHT:
            empfang = self._strecke.empfang()
            zustand = SimZustand.EINGEBUCHT if self._strecke.eingebucht else zustand
        return Modemstatus(
            funk=True,
            sim=zustand,
            iccid=sim.iccid,
            apn=sim.apn,
            rat=self._einstellung.rat,
            zelle=empfang.zelle if empfang else None,
            rsrp_dbm=empfang.rsrp_dbm if empfang else None,
            rsrq_db=empfang.rsrq_db if empfang else None,
            bytes_monat=self._volumen.bytes_monat,
            budget_bytes=self._einstellung.budget_bytes,
            buendeln=self._volumen.buendeln,
        )

    def _card(self) -> Sim | None:
        """The card as it is now; a card that is out or locked is not attached when it comes back."""
        try:
            datei = (self._ordner / DATEI).stat()
        except FileNotFoundError:
            self._sim = self._sim_stand = None
            return None
        stand = (datei.st_ino, datei.st_mtime_ns)
        if stand != self._sim_stand:
            # A damaged file is told at the start; a meter that runs goes on with the card that it knows.
            with suppress(MobilfunkFehler):
                self._sim = Sim.load(self._ordner)
            self._sim_stand = stand
            if self._sim is None or self._sim.zustand is not SimZustand.NICHT_EINGEBUCHT:
                self._strecke.detach()
        return self._sim


class Nebenweg(Weg):
    """A further connection of the meter that `Modem.beside` has let in."""

    def __init__(self, modem: Modem, uebertragung: Uebertragung) -> None:
        super().__init__(uebertragung)
        self._modem = modem

    def exchange(self, laenge: int, carry: Callable[[], Antwort]) -> Antwort:
        return self._modem.exchange(laenge, carry)


def _check_card(sim: Sim) -> None:
    """Raises NichtErreichbar, saying what to do, unless the card lets the modem into the network."""
    if sim.zustand is SimZustand.KEINE:
        raise NichtErreichbar("Keine SIM-Karte. Einlegen mit: stromzaehler sim einlegen ORDNER")
    if sim.puk_noetig:
        raise NichtErreichbar("SIM-Karte gesperrt. Entsperren mit: stromzaehler sim pin ORDNER PIN --puk PUK")
    if sim.zustand is SimZustand.PIN_GESPERRT:
        raise NichtErreichbar("SIM-PIN fehlt oder ist falsch. Eingeben mit: stromzaehler sim pin ORDNER PIN")

"""One meter of a fleet: the ordinary meter, its files in memory, its line measured."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from gateway.gateway import open_verbindung
from gateway.ordner import Ordner
from gateway.sendeplan import Sendeplan
from gateway.verbindung import HttpsVerbindung, Uebertragung
from gateway.versand import Sendung
from stromzaehler_sim.flotte.bilanz import Flottenbilanz
from stromzaehler_sim.flotte.leitung import Leitung, Verbindungsgrenze
from stromzaehler_sim.flotte.speicher import Arbeitsspeicher
from stromzaehler_sim.stromzaehler import Stromzaehler
from stromzaehler_sim.uhr import Uhr, quarter_before

MakeVerbindung = Callable[[Ordner], Uebertragung]
# A meter whose turn changed nothing, because it has no voltage, is looked at again after that many of its seconds.
WIEDERSEHEN_S = 60.0
# After so many turns in vain a meter that shall send at once is left with what waits.
VERGEBLICH_HOECHSTENS = 5


class Mitglied:
    """Usable by one thread at a time. ``wartend`` is the number of readings without a receipt.

    ``abzug_faellig`` is for whoever writes the snapshots: when this meter's next one is due.
    """

    def __init__(
        self,
        pfad: Path,
        uhr: Uhr,
        grenze: Verbindungsgrenze,
        bilanz: Flottenbilanz,
        zufall: Callable[[], float],
        make_verbindung: MakeVerbindung = open_verbindung,
    ) -> None:
        """Open the meter and hold its folder. One that never counted begins at the present quarter hour.

        Raises GatewayFehler, SimulationFehler, OSError, sqlite3.Error.
        """
        self._uhr = uhr
        self._bilanz = bilanz
        self._speicher = Arbeitsspeicher()
        ordner = Ordner(pfad)
        with ExitStack() as stapel:
            stapel.enter_context(ordner.lock())
            innen = make_verbindung(ordner)
            if isinstance(innen, HttpsVerbindung):
                stapel.callback(innen.close)
            self._leitung = Leitung(innen, grenze)
            self._zaehler = stapel.enter_context(
                Stromzaehler.open(
                    pfad, uhr, uebertragung=self._leitung, zufall=zufall, connect=self._speicher.connect
                )
            )
            if self._zaehler.zaehlwerk.uhrzeit is None:
                self._zaehler.zaehlwerk.install(quarter_before(self._zaehler.jetzt()))
                # From here on the register is known on disk: after a kill it goes on and does not begin anew.
                self.save()
            self._stapel = stapel.pop_all()
        self._zufall = zufall
        self.begin()
        self.wartend = self._zaehler.gateway.puffer.waiting()
        self.abzug_faellig = 0.0
        self._vergeblich = 0

    @property
    def fehlversuche(self) -> int:
        """How many tries in a row failed."""
        return self._plan.fehlversuche

    @property
    def endgueltig(self) -> bool:
        """The operator said that this meter was removed or scrapped."""
        return self._zaehler.endgueltig

    def begin(self) -> None:
        """Plan the first slot."""
        self._plan = Sendeplan.begin(self._zaehler.jetzt(), self._zaehler.gateway.puffer.platz_s, self._zufall)

    def faellig(self) -> float:
        """When it is this meter's turn, on the clock of the world: its own may differ by some seconds."""
        return self._plan.naechste - self._zaehler.jetzt() + self._uhr.now()

    def step(self) -> None:
        """Count up to now and send what is due: one Telegramm with everything that waits."""
        versuche, vorher = self._leitung.versuche, self._plan
        verspaetung_s = max(0.0, self._zaehler.jetzt() - vorher.naechste) / self._uhr.faktor
        self._plan = self._zaehler.step(vorher, on_sendung=self._acknowledged, on_fehler=self._bilanz.add_fehler)
        jetzt = self._zaehler.jetzt()
        if self._plan == vorher and vorher.is_due(jetzt):
            self._plan = replace(vorher, naechste=jetzt + WIEDERSEHEN_S)
        self.wartend = self._zaehler.gateway.puffer.waiting()
        self._bilanz.add_step(self._leitung.versuche - versuche, verspaetung_s)

    def step_at_once(self) -> bool:
        """As `step`, without waiting for the slot; True when nothing waits, or too many tries were in vain."""
        versuche, fehlversuche = self._leitung.versuche, self.fehlversuche
        if not fehlversuche:
            self._plan = replace(self._plan, naechste=self._zaehler.jetzt())
        self.step()
        self._vergeblich += self.fehlversuche > fehlversuche or self._leitung.versuche == versuche
        wartet = self.wartend > 0 or self.fehlversuche > 0 or self._plan.is_due(self._zaehler.jetzt())
        return not wartet or self._vergeblich >= VERGEBLICH_HOECHSTENS

    def save(self) -> None:
        """Write the snapshots to the folder. Raises OSError, sqlite3.Error."""
        self._speicher.save()

    def close(self) -> None:
        self._stapel.close()

    @property
    def bytes_netz(self) -> int:
        """Bytes on the wire in both directions, with everything that TLS, HTTP and TCP/IP add."""
        return self._leitung.bytes_gesamt

    def _acknowledged(self, sendung: Sendung, _wartend: int) -> None:
        self._bilanz.add_sendung(sendung, self._leitung.elapsed())

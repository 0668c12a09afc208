"""What the display and the optical port learn from the folder of a meter.

Nothing is written there but the PIN, when the meter has none yet; so a display may look while another process runs
the meter.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gateway.ordner import Ordner
from gateway.puffer import count_waiting
from stromzaehler_sim.anzeige.bedienung import Bedienung, Schritt
from stromzaehler_sim.anzeige.einstellungen import Einstellungen
from stromzaehler_sim.fehler import LastprofilUngueltig, ZaehlwerkFehler
from stromzaehler_sim.geraetezustand import Geraetezustand
from stromzaehler_sim.last.lastprofil import Lastprofil, LastprofilEinstellung
from stromzaehler_sim.uhr import quarter_before
from stromzaehler_sim.zaehlwerk import ZEHNTEL, Registerstand, Zaehlwerk, zaehlwerk_datei

TAG_S = 86_400


@dataclass(frozen=True, slots=True)
class Messstand:
    """The state of the meter as far as it can be seen from outside.

    Registers in 0.1 Wh, powers in W; ``verbrauch_wh`` is the energy that the operation asks for, None when it asks
    for none or the memory does not have it; ``wartend`` counts the readings without a receipt.
    """

    zaehler: str
    uhrzeit: int
    bezug_zehntelwh: int
    einspeisung_zehntelwh: int
    leistung_w: int | None
    leistung_phasen_w: tuple[int, int, int] | None = None
    verbrauch_wh: int | None = None
    wartend: int = 0
    zustand: Geraetezustand | None = None

    @property
    def is_dark(self) -> bool:
        """True without voltage on any phase: a meter is fed by what it measures."""
        return self.zustand is not None and not any(self.zustand.phasen)


class Messquelle:
    """Reads the folder of an enrolled meter; raises GatewayFehler or SimulationFehler when it cannot be read."""

    def __init__(self, ordner: Path) -> None:
        self.ordner = ordner
        self.zaehler = Ordner(ordner).load_konfiguration().zaehler
        self._lastprofil: Lastprofil | None = None
        # Whoever runs the meter is told; its display goes on with the last quarter hour.
        with suppress(LastprofilUngueltig):
            self._lastprofil = LastprofilEinstellung.load(ordner).build()

    def settings(self) -> Einstellungen:
        """What the customer set at this meter; OSError when its first PIN cannot be saved."""
        return Einstellungen.load(self.ordner)

    def read(self, instant: float, bedienung: Bedienung) -> Messstand:
        """The meter at ``instant``, with the energy that line 2 shows in this state of the operation."""
        datei = zaehlwerk_datei(self.ordner)
        if not datei.exists():
            raise self._never_ran()
        with Zaehlwerk(datei, self._lastprofil) as zaehlwerk:
            stand = zaehlwerk.live(instant)
            if stand is None:
                raise self._never_ran()
            verbrauch = _verbrauch(zaehlwerk, stand, bedienung)
        return Messstand(
            zaehler=self.zaehler,
            uhrzeit=stand.uhrzeit,
            bezug_zehntelwh=stand.bezug_zehntelwh,
            einspeisung_zehntelwh=stand.einspeisung_zehntelwh,
            leistung_w=stand.leistung_w,
            leistung_phasen_w=stand.leistung_phasen_w,
            verbrauch_wh=verbrauch,
            wartend=count_waiting(Ordner(self.ordner).puffer_datei),
            zustand=Geraetezustand.load(self.ordner),
        )

    def _never_ran(self) -> ZaehlwerkFehler:
        return ZaehlwerkFehler(f"Dieser Zähler lief noch nie. Zuerst: stromzaehler start {self.ordner}")


def _verbrauch(zaehlwerk: Zaehlwerk, stand: Registerstand, bedienung: Bedienung) -> int | None:
    """Imported energy in Wh for the step of the operation; None when the memory cannot tell it."""
    einstellungen = bedienung.einstellungen
    if bedienung.schritt is Schritt.VERBRAUCH:
        return (stand.bezug_zehntelwh - einstellungen.null_zehntelwh) // ZEHNTEL
    if bedienung.fenster is None:
        return None
    tage, zurueck = bedienung.fenster
    ende = quarter_before(stand.uhrzeit)
    von = ende - (zurueck + 1) * tage * TAG_S
    bis = von + tage * TAG_S
    if einstellungen.historie_ab is not None and von < einstellungen.historie_ab:
        return None
    anfang = _register_wh(zaehlwerk, von)
    # The newest window ends now, the stored ones where the next newer one begins.
    schluss = _register_wh(zaehlwerk, bis) if zurueck else stand.bezug_zehntelwh // ZEHNTEL
    return None if anfang is None or schluss is None else schluss - anfang


def _register_wh(zaehlwerk: Zaehlwerk, uhrzeit: int) -> int | None:
    """The register of 1.8.0 in Wh at a quarter hour, None when the memory does not have it."""
    werte = zaehlwerk.readings(uhrzeit, uhrzeit + 1)
    return werte[0].bezug_wh if werte else None

"""The clock of the device: a source that drifts or loses its time, corrected by the signed time of receipts.

Small deviations are slewed, larger ones set, and a large one is not believed until a second receipt says the same:
then it is the clock that was wrong, and not one answer. The default limits are those of PTB-A 50.8 for a quarter
hour: 1 % of the interval is tolerated, 3 % is the most that a reading may be off.

Pure but for the source of time that is passed in. All times are seconds since 1970 unless a name says otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from enum import StrEnum

from telegramm.felder import VIERTELSTUNDE_S
from telegramm.messwerte import StatusBit, Uhrstand

STELLGRENZE_S = 9.0
SETZGRENZE_S = 27.0
# As adjtime(3) does it: nine seconds take five hours, and a drift of 100 ppm is followed easily.
SLEW_PPM = 500.0
# The build of this firmware, 2026-01-01: no device that runs it lives earlier.
BAUDATUM = 1_767_225_600
# A larger correction was made for a source that had lost its time.
KORREKTUR_HALTBAR_S = 86_400.0


class Uhrzustand(StrEnum):
    """GESTELLT: right as far as is known; UNSICHER: a receipt disagrees; UNGUELTIG: the time is lost."""

    GESTELLT = "GESTELLT"
    UNSICHER = "UNSICHER"
    UNGUELTIG = "UNGUELTIG"


class Massnahme(StrEnum):
    """What the clock made of the time of a receipt."""

    IGNORIERT = "IGNORIERT"  # the answer was under way for too long to say anything
    NACHGEFUEHRT = "NACHGEFUEHRT"  # the deviation is slewed
    GESTELLT = "GESTELLT"  # the clock was set
    MISSTRAUT = "MISSTRAUT"  # far off: noted, until a second receipt agrees
    VERWEIGERT = "VERWEIGERT"  # before the last accepted one: such a receipt is refused


class Geraeteuhr:
    """Gives the time of the device. Usable by one thread at a time.

    ``quelle`` is its source of time; deviations up to ``stellgrenze_s`` are slewed by ``slew_ppm``, those up to
    ``setzgrenze_s`` are set at once. A source that shows less than ``baudatum`` has lost its time.
    """

    def __init__(
        self,
        quelle: Callable[[], float],
        *,
        stellgrenze_s: float = STELLGRENZE_S,
        setzgrenze_s: float = SETZGRENZE_S,
        slew_ppm: float = SLEW_PPM,
        baudatum: int = BAUDATUM,
    ) -> None:
        if not 0 < stellgrenze_s <= setzgrenze_s or not 0 < slew_ppm < 1e6:
            raise ValueError("limits must be ascending and above 0, slew_ppm below a million")
        self._quelle = quelle
        self._stellgrenze_s = stellgrenze_s
        self._setzgrenze_s = setzgrenze_s
        self._slew = slew_ppm / 1e6
        self._baudatum = baudatum
        # The correction at the instant `_anker` of the source, and what of it is still to be slewed since.
        self._korrektur = 0.0
        self._rest = 0.0
        self._anker = 0.0
        self._zustand = Uhrzustand.GESTELLT
        self._abgleich_ms: int | None = None
        self._abweichung_ms: int | None = None
        self._gestellt: tuple[float, float] | None = None
        # (operator's time, instant of the source, bound of its error) of a receipt that was not believed.
        self._vorlaeufig: tuple[float, float, float] | None = None

    # --- time --------------------------------------------------------------------------------------------------
    def now(self) -> float:
        """The time of the device. Slewing never turns it back; only setting it and a fault of the source do."""
        quelle = self._quelle()
        return max(0.0, quelle + self._correction(quelle))

    @property
    def zustand(self) -> Uhrzustand:
        """Once the time is lost it stays UNGUELTIG until the clock is set."""
        if self._zustand is not Uhrzustand.UNGUELTIG and self.now() < self._earliest():
            self._zustand = Uhrzustand.UNGUELTIG
        return self._zustand

    @property
    def abweichung_ms(self) -> int | None:
        """Device minus operator at the last accepted receipt, before it was corrected; None = never."""
        return self._abweichung_ms

    def uhrstand(self) -> Uhrstand:
        """What each Telegramm tells of the clock."""
        abgleich = None if self._abgleich_ms is None else self._abgleich_ms // 1000
        return Uhrstand(self.zustand.value, abgleich, self._abweichung_ms)

    def status(self, uhrzeit: int) -> StatusBit:
        """The bits for the reading at the end ``uhrzeit`` of a quarter hour: clock not sure, or set within it."""
        bits = StatusBit(0)
        if self.zustand is not Uhrzustand.GESTELLT:
            bits |= StatusBit.UHR_UNSICHER
        if self._gestellt is not None and self._gestellt[0] <= uhrzeit < self._gestellt[1] + VIERTELSTUNDE_S:
            bits |= StatusBit.UHR_GESTELLT
        return bits

    def misstraue(self) -> None:
        """The source jumped: the time counts as lost until two receipts agree."""
        self._zustand = Uhrzustand.UNGUELTIG
        self._vorlaeufig = None

    # --- receipts ----------------------------------------------------------------------------------------------
    def abgleich(self, zeit_ms: int, gesendet: float, empfangen: float) -> Massnahme:
        """Compare with the time of a valid receipt and correct the clock.

        ``gesendet`` and ``empfangen`` are this clock's own instants around the request. The receipt was signed in
        between, so half of the way is the bound of the error. A deviation beyond that bound is real however long
        the way was: otherwise a clock behind a slow link, or an accelerated one, would never be right again.
        """
        zeit = zeit_ms / 1000
        fehler = (empfangen - gesendet) / 2
        abweichung = (gesendet + empfangen) / 2 - zeit
        beurteilbar = 0 <= fehler and (fehler <= self._stellgrenze_s or fehler < abs(abweichung))
        weit = self.zustand is Uhrzustand.UNGUELTIG or abs(abweichung) > self._setzgrenze_s
        if self._abgleich_ms is not None and zeit_ms < self._abgleich_ms:
            # Time that went back is refused, but not for ever: two receipts that agree are right, and what was
            # accepted before them was not.
            if beurteilbar and weit and self._confirm(zeit, gesendet, empfangen):
                return self._set(zeit_ms, abweichung)
            return Massnahme.VERWEIGERT
        if not beurteilbar:
            return Massnahme.IGNORIERT
        if weit and not self._confirm(zeit, gesendet, empfangen):
            return Massnahme.MISSTRAUT
        if weit or abs(abweichung) > self._stellgrenze_s:
            return self._set(zeit_ms, abweichung)
        self._rebase(-abweichung)
        self._accept(zeit_ms, abweichung)
        return Massnahme.NACHGEFUEHRT

    def _confirm(self, zeit: float, gesendet: float, empfangen: float) -> bool:
        """True when the receipt before this one was not believed either and says the same.

        Between the two the operator's time and the source must have gone on alike, whatever they show.
        """
        quelle = self._quelle()
        mitte = quelle - (empfangen - gesendet) / 2
        fehler = (empfangen - gesendet) / 2
        vorher, self._vorlaeufig = self._vorlaeufig, (zeit, mitte, fehler)
        if self._zustand is Uhrzustand.GESTELLT:
            self._zustand = Uhrzustand.UNSICHER
        if vorher is None or mitte < vorher[1]:
            return False
        grenze = max(self._stellgrenze_s, vorher[2] + fehler)
        return abs((zeit - vorher[0]) - (mitte - vorher[1])) <= grenze

    def _set(self, zeit_ms: int, abweichung: float) -> Massnahme:
        alt = self.now()
        self._rebase(0.0)
        self._korrektur -= abweichung
        neu = self.now()
        self._gestellt = (min(alt, neu), max(alt, neu))
        self._accept(zeit_ms, abweichung)
        return Massnahme.GESTELLT

    def _accept(self, zeit_ms: int, abweichung: float) -> None:
        self._zustand = Uhrzustand.GESTELLT
        self._vorlaeufig = None
        self._abgleich_ms = zeit_ms
        self._abweichung_ms = round(abweichung * 1000)

    # --- correction --------------------------------------------------------------------------------------------
    def _correction(self, quelle: float) -> float:
        weg = min(abs(self._rest), self._slew * max(0.0, quelle - self._anker))
        return self._korrektur + math.copysign(weg, self._rest)

    def _rebase(self, rest: float) -> None:
        """From here on slew by ``rest``; what was to be slewed before is done or dropped."""
        quelle = self._quelle()
        self._korrektur, self._anker, self._rest = self._correction(quelle), quelle, rest

    def _earliest(self) -> float:
        """The earliest time that the device can live in."""
        if self._abgleich_ms is None:
            return float(self._baudatum)
        return max(float(self._baudatum), self._abgleich_ms / 1000 - self._setzgrenze_s)

    # --- restart -----------------------------------------------------------------------------------------------
    def export_state(self) -> dict[str, int]:
        """What must outlive the process, as named integers; see `import_state`."""
        stand = {
            "uhr_korrektur_us": round(self._korrektur * 1e6),
            "uhr_rest_us": round(self._rest * 1e6),
            "uhr_anker_us": round(self._anker * 1e6),
            "uhr_zustand": list(Uhrzustand).index(self.zustand),
        }
        if self._abgleich_ms is not None and self._abweichung_ms is not None:
            stand |= {"uhr_abgleich_ms": self._abgleich_ms, "uhr_abweichung_ms": self._abweichung_ms}
        if self._gestellt is not None:
            stand |= {"uhr_gestellt_von": int(self._gestellt[0]), "uhr_gestellt_bis": math.ceil(self._gestellt[1])}
        return stand

    def import_state(self, stand: Mapping[str, int]) -> None:
        """Take up `export_state` of an earlier process among other names; nothing changes when it is not there."""
        if "uhr_zustand" not in stand:
            return
        self._korrektur = stand.get("uhr_korrektur_us", 0) / 1e6
        self._rest = stand.get("uhr_rest_us", 0) / 1e6
        self._anker = stand.get("uhr_anker_us", 0) / 1e6
        self._zustand = list(Uhrzustand)[stand.get("uhr_zustand", 0)]
        self._abgleich_ms = stand.get("uhr_abgleich_ms")
        self._abweichung_ms = stand.get("uhr_abweichung_ms")
        if "uhr_gestellt_von" in stand and "uhr_gestellt_bis" in stand:
            self._gestellt = (float(stand["uhr_gestellt_von"]), float(stand["uhr_gestellt_bis"]))
        # A source that lost its time and has got it back, for example from the computer below it, shows more than
        # the last receipt said without any correction. The old one would make it run decades ahead.
        if abs(self._korrektur) > KORREKTUR_HALTBAR_S and self._quelle() >= self._earliest():
            self._korrektur, self._rest = 0.0, 0.0
            self._zustand = Uhrzustand.UNSICHER

"""The simulated meter: register, clock and gateway working together.

Each quarter hour the register counts, the reading goes to the buffer of the gateway, and at the meter's slot the
buffer is sent. Everything that must outlive the process is on disk in `zaehlwerk.sqlite` and `puffer.sqlite`.
"""

from __future__ import annotations

import random
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from gateway import Gateway
from gateway.fehler import SendeFehler
from gateway.ordner import Ordner
from gateway.puffer import Puffer
from gateway.sendeplan import Sendeplan
from gateway.verbindung import Uebertragung
from gateway.versand import Bilanz, Sendung
from stromzaehler_sim.anzeige.display import Anzeigestand, register_in_turn
from stromzaehler_sim.fehler import LastprofilZuEnde, ZaehlwerkFehler
from stromzaehler_sim.last.lastprofil import WOCHE_S, Lastprofil, LastprofilEinstellung
from stromzaehler_sim.uhr import VIERTELSTUNDE_S, Halt, Uhr, quarter_before
from stromzaehler_sim.zaehlwerk import Zaehlwerk

TAG_S = 86400
VERSUCHE_HISTORIE = 10

OnSendung = Callable[[Sendung, int], None]
"""Called after each receipt with the `Sendung` and the number of readings still waiting."""
OnFehler = Callable[[Exception], None]
OnFortschritt = Callable[[int, int], None]
"""Called with (readings done, readings in all)."""


class Stromzaehler:
    """One meter in its folder. Usable by one thread at a time; close it, or use it as a context manager."""

    def __init__(
        self,
        gateway: Gateway,
        zaehlwerk: Zaehlwerk,
        uhr: Uhr,
        zufall: Callable[[], float] = random.random,
    ) -> None:
        self.gateway = gateway
        self.zaehlwerk = zaehlwerk
        self.uhr = uhr
        self._zufall = zufall
        self._profil_zu_ende = False

    @classmethod
    def open(
        cls,
        ordner: Path | str,
        uhr: Uhr | None = None,
        *,
        uebertragung: Uebertragung | None = None,
        lastprofil: Lastprofil | None = None,
        zufall: Callable[[], float] = random.random,
    ) -> Stromzaehler:
        """Open an enrolled meter. Without ``uhr`` the clock of the MSB_UHR_* settings, without ``lastprofil`` the
        one of ``lastprofil.json``. Raises GatewayFehler or SimulationFehler."""
        pfad = Path(ordner)
        uhr = uhr if uhr is not None else Uhr.from_env()
        gateway = Gateway.open(Ordner(pfad), uebertragung=uebertragung, jetzt=uhr.now)
        try:
            profil = lastprofil if lastprofil is not None else LastprofilEinstellung.load(pfad).build()
            return cls(gateway, Zaehlwerk(zaehlwerk_datei(pfad), profil), uhr, zufall)
        except BaseException:
            gateway.close()
            raise

    @property
    def zaehler(self) -> str:
        return self.gateway.konfiguration.zaehler

    # --- the normal life ---------------------------------------------------------------------------------------
    def run(
        self, stop_event: Halt, *, on_sendung: OnSendung | None = None, on_fehler: OnFehler | None = None
    ) -> None:
        """Count and send until ``stop_event`` is set. Faults are told to ``on_fehler`` and tried again."""
        jetzt = self.uhr.now()
        self.zaehlwerk.install(quarter_before(jetzt))
        plan = Sendeplan.begin(jetzt, self.gateway.puffer.platz_s, self._zufall)
        while not stop_event.is_set():
            plan = self.step(plan, on_sendung=on_sendung, on_fehler=on_fehler)
            naechstes_viertel = quarter_before(self.uhr.now()) + VIERTELSTUNDE_S
            self.uhr.sleep_until(min(naechstes_viertel, plan.naechste), stop_event)

    def step(
        self, plan: Sendeplan, *, on_sendung: OnSendung | None = None, on_fehler: OnFehler | None = None
    ) -> Sendeplan:
        """Do what is due now and return the plan for what comes next. Sends one Telegramm at most."""
        puffer = self.gateway.puffer
        try:
            self.count(on_fehler)
            jetzt = self.uhr.now()
            if not plan.is_due(jetzt):
                return plan
            sendung = self.gateway.versand.send_one()
            if sendung is None:
                return plan.without_work(jetzt)
            wartend = puffer.waiting()
        except (SendeFehler, sqlite3.Error) as fehler:
            # A full disk is like a lost link: nothing is lost as long as nothing is forgotten, so wait and retry.
            if on_fehler is not None:
                on_fehler(fehler)
            wunsch = fehler.retry_after if isinstance(fehler, SendeFehler) else None
            return plan.after_failure(self.uhr.now(), self._zufall, wunsch)
        if on_sendung is not None:
            on_sendung(sendung, wartend)
        return plan.after_success(self.uhr.now(), sendung.platz_s, wartend)

    def count(self, on_fehler: OnFehler | None = None) -> None:
        """Bring the register up to now and hand every new reading to the buffer.

        At the end of a series that is not repeated the register stands still; that is told once.
        """
        if not self._profil_zu_ende:
            try:
                self.zaehlwerk.advance(quarter_before(self.uhr.now()))
            except LastprofilZuEnde as fehler:
                self._profil_zu_ende = True
                if on_fehler is not None:
                    on_fehler(fehler)
        while werte := self.zaehlwerk.pending():
            self.gateway.puffer.put_many(werte)
            self.zaehlwerk.handed_over(werte[-1].uhrzeit)

    def send_waiting(self, *, on_sendung: OnSendung | None = None) -> Bilanz:
        """Count up to now and send everything that waits, once. Raises SendeFehler."""
        if self.zaehlwerk.uhrzeit is not None:
            self.count()
        return self.gateway.versand.send_all(on_sendung)

    # --- back history ------------------------------------------------------------------------------------------
    def history(
        self,
        von: int,
        bis: int,
        neueste_zuerst_tage: int = 7,
        *,
        aelteste_zuerst: bool = False,
        on_progress: OnFortschritt | None = None,
        stop_event: Halt | None = None,
        versuche: int = VERSUCHE_HISTORIE,
    ) -> Bilanz:
        """Let the meter have counted from ``von`` to ``bis`` (s since 1970) and deliver all of it.

        The register is computed in order; then the newest ``neueste_zuerst_tage`` days are sent, then the older
        weeks, newest or ``aelteste_zuerst`` first. Broken off, the same call goes on where it stopped; what is
        delivered already is not delivered again. ``bis`` is cut at now. ``versuche`` tries in a row may fail
        (with back-off) before the SendeFehler is raised. ``stop_event`` ends it early without an error.

        Raises ZaehlwerkFehler when the meter began to count after ``von``: a register cannot be turned back.
        """
        von, bis = quarter_before(von), quarter_before(min(bis, self.uhr.now()))
        if von >= bis:
            raise ZaehlwerkFehler("Die Historie ist leer: --von muss vor --bis und vor der Gegenwart liegen.")
        self.zaehlwerk.install(von)
        beginn = self.zaehlwerk.beginn
        if beginn is not None and beginn > von:
            raise ZaehlwerkFehler(
                "Dieser Zähler zählt schon seit einem späteren Zeitpunkt als --von; "
                "Historie gibt es nur vor dem ersten Start. --von später wählen oder einen neuen Zähler nehmen."
            )
        self.zaehlwerk.advance(bis)
        self.zaehlwerk.plan_history(
            lambda a, b: cut_batches(a, b, neueste_zuerst_tage, aelteste_zuerst=aelteste_zuerst)
        )
        return self._deliver_history(on_progress, stop_event, versuche)

    def _deliver_history(
        self, on_progress: OnFortschritt | None, stop_event: Halt | None, versuche: int
    ) -> Bilanz:
        puffer, bilanz = self.gateway.puffer, Bilanz()
        halt = stop_event if stop_event is not None else threading.Event()
        offen = self.zaehlwerk.open_batches()
        gesamt = puffer.waiting() + sum((bis - von) // VIERTELSTUNDE_S for _, von, bis in offen)

        def report(sendung: Sendung, wartend: int) -> None:
            bilanz.add(sendung)
            if on_progress is not None:
                on_progress(min(bilanz.sent, gesamt), gesamt)

        def pause(sekunden: float) -> bool:
            return not self.uhr.sleep_until(self.uhr.now() + sekunden, halt)

        def send() -> bool:
            self.gateway.versand.send_all(report, versuche=versuche, pause=pause, zufall=self._zufall)
            return puffer.waiting() == 0

        # What waits already goes first, so that a batch never meets a full buffer.
        if not send():
            return bilanz
        for rang, von, bis in offen:
            if halt.is_set():
                break
            puffer.put_many(self.zaehlwerk.readings(von, bis))
            # From here on the buffer answers for the batch, whatever happens to the sending.
            self.zaehlwerk.batch_done(rang)
            if not send():
                break
        return bilanz

    def close(self) -> None:
        self.zaehlwerk.close()
        self.gateway.close()

    def __enter__(self) -> Stromzaehler:
        return self

    def __exit__(
        self, art: type[BaseException] | None, fehler: BaseException | None, spur: TracebackType | None
    ) -> None:
        self.close()


def zaehlwerk_datei(ordner: Path) -> Path:
    return ordner / "zaehlwerk.sqlite"


def cut_batches(
    von: int, bis: int, neueste_zuerst_tage: int = 7, *, aelteste_zuerst: bool = False
) -> list[tuple[int, int]]:
    """Cut [von, bis) into batches of at most a week, in the order of delivery.

    The newest ``neueste_zuerst_tage`` days come first, week by week backwards; the rest backwards, too, or
    forwards from ``von`` with ``aelteste_zuerst``.
    """
    grenze = max(von, bis - neueste_zuerst_tage * TAG_S)
    batches = _weeks_backwards(grenze, bis)
    if aelteste_zuerst:
        return batches + [(a, min(a + WOCHE_S, grenze)) for a in range(von, grenze, WOCHE_S)]
    return batches + _weeks_backwards(von, grenze)


def _weeks_backwards(von: int, bis: int) -> list[tuple[int, int]]:
    return [(max(von, b - WOCHE_S), b) for b in range(bis, von, -WOCHE_S)]


def read_anzeigestand(ordner: Path | str, uhr: Uhr) -> Anzeigestand:
    """What the display of a meter shows now; reads only, so it may look while another process runs the meter."""
    pfad = Path(ordner)
    konfiguration = Ordner(pfad).load_konfiguration()
    datei = zaehlwerk_datei(pfad)
    if not datei.exists():
        raise ZaehlwerkFehler(f"Dieser Zähler lief noch nie. Zuerst: stromzaehler start {pfad}")
    with Zaehlwerk(datei, None) as zaehlwerk:
        stand = zaehlwerk.stand()
    if stand is None:
        raise ZaehlwerkFehler(f"Dieser Zähler lief noch nie. Zuerst: stromzaehler start {pfad}")
    with Puffer(Ordner(pfad).puffer_datei, epoche=konfiguration.epoche) as puffer:
        wartend, letzte_quittung = puffer.waiting(), puffer.letzte_quittung
    return Anzeigestand(
        bezug_zehntelwh=stand.bezug_zehntelwh,
        einspeisung_zehntelwh=stand.einspeisung_zehntelwh,
        leistung_w=stand.leistung_w,
        wartend=wartend,
        letzte_quittung=letzte_quittung,
        zeigt=register_in_turn(uhr.now()),
    )

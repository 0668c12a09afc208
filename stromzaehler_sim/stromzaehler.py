"""The simulated meter: register, clock, surroundings, modem and gateway working together.

Each quarter hour the register counts, the reading goes to the buffer of the gateway, and at the meter's slot the
buffer is sent. Everything that must outlive the process is on disk in `zaehlwerk.sqlite` and `puffer.sqlite`.
"""

from __future__ import annotations

import random
import shutil
import sqlite3
import threading
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from gateway import Gateway
from gateway.auftraege import FEHLGESCHLAGEN, Auftraege
from gateway.fehler import GatewayFehler, Gesperrt, SendeFehler
from gateway.firmware import STUECKE_JE_PLATZ
from gateway.gateway import open_einschreibung, open_verbindung
from gateway.ordner import Ordner
from gateway.puffer import Connect, connect
from gateway.sendeplan import Sendeplan
from gateway.uhr import Geraeteuhr, Uhrzustand
from gateway.verbindung import HttpsVerbindung, Uebertragung
from gateway.versand import Bilanz, Sendung
from stromzaehler_sim.bekanntgabe import Bekanntgabe
from stromzaehler_sim.fehler import LastprofilZuEnde, ZaehlwerkFehler
from stromzaehler_sim.last.lastprofil import Lastprofil, LastprofilEinstellung
from stromzaehler_sim.mobilfunk import Modem
from stromzaehler_sim.protokoll import Code
from stromzaehler_sim.stoerung import Eingriffsart, Lageart, live_phases
from stromzaehler_sim.uebergabe import Uebergabe
from stromzaehler_sim.uhr import ECHTZEIT, VIERTELSTUNDE_S, Halt, Uhr, quarter_before
from stromzaehler_sim.uhrwache import Uhrwache
from stromzaehler_sim.umwelt import Umwelt
from stromzaehler_sim.zaehlwerk import Zaehlwerk, zaehlwerk_datei
from telegramm.quittung import Quittung

# Real seconds after which a running meter looks again whether anything was done to it.
HINSEHEN_S = 1.0
# A clock that jumped by more takes the plan along; less is drift and its correction.
SPRUNG_S = 1.0

OnSendung = Callable[[Sendung, int], None]
"""Called after each receipt with the `Sendung` and the number of readings still waiting."""
OnFehler = Callable[[Exception], None]


class Stromzaehler:
    """One meter in its folder: `Stromzaehler.open`. Usable by one thread at a time; close it in the end.

    ``endgueltig`` is set once the operator has said twice, 20 hours apart, that the meter was removed or scrapped.
    """

    def __init__(
        self,
        ordner: Ordner,
        uhr: Uhr,
        zaehlwerk: Zaehlwerk,
        verbindung: Uebertragung,
        *,
        zufall: Callable[[], float] = random.random,
        connect: Connect = connect,
        einschreibung: Uebertragung | None = None,
        echtzeit: Callable[[], float] = ECHTZEIT,
    ) -> None:
        self.zaehler = ordner.load_konfiguration().zaehler
        self.ordner = ordner
        self.uhr = uhr
        self.zaehlwerk = zaehlwerk
        self.zufall = zufall
        self.endgueltig = False
        self.umwelt = Umwelt(zaehlwerk, uhr, self.zaehler)
        self._geraeteuhr = Geraeteuhr(self.umwelt.rtc_now)
        self.modem = Modem.open(ordner.pfad, verbindung, jetzt=self.jetzt, schlafe=self.sleep)
        self.uebergabe = Uebergabe(zaehlwerk, self.modem.take_meldungen)
        self._connect = connect
        self._einschreibung = None if einschreibung is None else self.modem.beside(einschreibung)
        self._echtzeit = echtzeit
        self._open_gateway()
        self._halt: Halt = threading.Event()
        self._stapel = ExitStack()
        self._bekanntgabe: Bekanntgabe | None = None
        self._profil_zu_ende = False
        self._wache = Uhrwache(uhr, self._geraeteuhr, self.umwelt)
        self._dunkel = self.umwelt.lasts(Lageart.STROMAUSFALL, self._lagezeit())

    @classmethod
    def open(
        cls,
        ordner: Path | str,
        uhr: Uhr | None = None,
        *,
        uebertragung: Uebertragung | None = None,
        lastprofil: Lastprofil | None = None,
        zufall: Callable[[], float] = random.random,
        connect: Connect = connect,
        einschreibung: Uebertragung | None = None,
        echtzeit: Callable[[], float] = ECHTZEIT,
    ) -> Self:
        """Open an enrolled meter. Without ``uhr`` the clock of the MSB_UHR_* settings, without ``lastprofil`` the
        one of ``lastprofil.json``, without ``uebertragung`` HTTPS to the operator.

        ``einschreibung`` replaces the connection for renewals, ``connect`` opens the SQLite files, ``echtzeit`` is
        the time in which certificates live. Raises GatewayFehler or SimulationFehler.
        """
        teile = Ordner(ordner)
        with ExitStack() as stapel:
            if uebertragung is None and einschreibung is None:
                einschreibung = stapel.enter_context(closing(open_einschreibung(teile)))
            profil = lastprofil if lastprofil is not None else LastprofilEinstellung.load(teile.pfad).build()
            verbindung = uebertragung if uebertragung is not None else open_verbindung(teile)
            if isinstance(verbindung, HttpsVerbindung):
                stapel.callback(verbindung.close)
            zaehler = cls(
                teile,
                uhr if uhr is not None else Uhr.from_env(),
                stapel.enter_context(Zaehlwerk(zaehlwerk_datei(teile.pfad), profil, connect=connect)),
                verbindung,
                zufall=zufall,
                connect=connect,
                einschreibung=einschreibung,
                echtzeit=echtzeit,
            )
            zaehler._stapel = stapel.pop_all()
        return zaehler

    def _open_gateway(self) -> None:
        """Open gateway and orders; raises OrdnerFehler, which says what helps."""
        self.gateway = Gateway.open(
            self.ordner,
            uebertragung=self.modem,
            uhr=self._geraeteuhr,
            connect=self._connect,
            gedaechtnis=self.zaehlwerk,
            netz=self.modem.netz,
            fw=lambda: self._auftraege.fw,
            bei_quittung=self._note_orders,
            melden=lambda code, text: self.zaehlwerk.protokoll.add(self.jetzt(), Code[code], text),
        )
        try:
            self._auftraege = Auftraege(
                self.ordner,
                self.gateway.versand,
                self.modem,
                einschreibung=self._einschreibung,
                echtzeit=self._echtzeit,
                zufall=self.zufall,
            )
        except BaseException:
            self.gateway.close()
            raise

    def jetzt(self) -> float:
        """The meter's own time, in seconds since 1970."""
        return self._geraeteuhr.now()

    # --- the normal life ---------------------------------------------------------------------------------------
    def run(
        self, stop_event: Halt, *, on_sendung: OnSendung | None = None, on_fehler: OnFehler | None = None
    ) -> None:
        """Count and send until ``stop_event`` is set, or the meter is ``endgueltig``.

        Faults are told to ``on_fehler`` and tried again. Raises OrdnerFehler when the keys are lost.
        """
        self._halt = stop_event
        self._bekanntgabe = Bekanntgabe(self.ordner.pfad, self.modem, self._geraeteuhr, self.zaehlwerk.protokoll)
        if self.zaehlwerk.uhrzeit is not None:
            self.zaehlwerk.protokoll.add(self.jetzt(), Code.NEUSTART)
        plan = Sendeplan.begin(self.jetzt(), self.gateway.puffer.platz_s, self.zufall)
        while not (stop_event.is_set() or self.endgueltig):
            if self.zaehlwerk.uhrzeit is None and self._geraeteuhr.zustand is not Uhrzustand.UNGUELTIG:
                self.zaehlwerk.install(quarter_before(self.jetzt()))
            plan = self.step(plan, on_sendung=on_sendung, on_fehler=on_fehler)
            self._publish(plan)
            jetzt = self.jetzt()
            rest = min(quarter_before(jetzt) + VIERTELSTUNDE_S, plan.naechste) - jetzt
            hinsehen = HINSEHEN_S * self.uhr.faktor
            # Without voltage nothing is due but to see whether it is back.
            self.sleep(hinsehen if self._dunkel else min(rest, hinsehen))

    def sleep(self, sekunden: float) -> None:
        """Let seconds of simulated time pass, fewer when the meter is to stop."""
        self.uhr.sleep_until(self.uhr.now() + sekunden, self._halt)

    def step(
        self, plan: Sendeplan, *, on_sendung: OnSendung | None = None, on_fehler: OnFehler | None = None
    ) -> Sendeplan:
        """Do what is due now and return the plan for what comes next. Sends one Telegramm at most.

        A meter without voltage does nothing but notice when it has voltage again.
        """
        try:
            plan = self._notice(plan, on_fehler)
            if self._dunkel:
                return plan.without_work(self.jetzt())
            if self.count(on_fehler):
                plan = plan.on_alarm(self.jetzt())
            if not plan.is_due(self.jetzt()):
                return plan
            self._publish(plan, sendet=True)
            if self._geraeteuhr.zustand is Uhrzustand.UNGUELTIG:
                return self._ask_time(plan)
            sendung = self.gateway.versand.send_one()
            if sendung is None:
                return plan.without_work(self.jetzt(), abstand_s=self._abstand_s)
            self._work(on_fehler)
            wartend = self.gateway.puffer.waiting()
        except (SendeFehler, sqlite3.Error) as fehler:
            return self._after_failure(plan, fehler, on_fehler)
        finally:
            # What the gateway made of the clock is in the plan already; what is done to the chip is not.
            self._wache.note()
        if on_sendung is not None:
            on_sendung(sendung, wartend)
        return plan.after_success(
            self.jetzt(), sendung.platz_s, wartend, eilig=sendung.eilig, abstand_s=self._abstand_s
        )

    def count(self, on_fehler: OnFehler | None = None) -> bool:
        """Bring the register up to now and hand every new reading and entry to the buffer; True for an alarm.

        At the end of a series that is not repeated the register stands still; that is told once. Without a valid
        time nothing is stamped, and without voltage there is nothing to count.
        """
        uhr = self._geraeteuhr
        if not (self._profil_zu_ende or self._dunkel or uhr.zustand is Uhrzustand.UNGUELTIG):
            try:
                self.zaehlwerk.advance(quarter_before(uhr.now()), status=uhr.status)
            except LastprofilZuEnde as fehler:
                self._profil_zu_ende = True
                if on_fehler is not None:
                    on_fehler(fehler)
        return self.uebergabe.hand_over(self.gateway.puffer, self.jetzt())

    def send_waiting(self, *, on_sendung: OnSendung | None = None) -> Bilanz:
        """Count up to now and send everything that waits, once. Raises SendeFehler, ZaehlwerkFehler."""
        if self._dunkel:
            raise ZaehlwerkFehler(
                f"Der Zähler ist ohne Spannung. Zuerst: stromzaehler stoere {self.ordner.pfad} wiederkehr, "
                f"dann: stromzaehler start {self.ordner.pfad}."
            )
        if self.zaehlwerk.uhrzeit is not None:
            self.count()
        return self.gateway.versand.send_all(on_sendung)

    # --- what is done to the meter -----------------------------------------------------------------------------
    def _notice(self, plan: Sendeplan, on_fehler: OnFehler | None) -> Sendeplan:
        """Take note of faults and of the clock; the plan goes along when the clock jumps or voltage returns."""
        verloren: list[Eingriffsart] = []

        def lose(art: Eingriffsart) -> None:
            verloren.append(art)
            self._lose(art)

        bemerkt = self.umwelt.notice(self._lagezeit(), self.jetzt(), lose)
        if Eingriffsart.SCHLUESSEL_VERLUST in verloren:
            self.gateway.close()
            self._open_gateway()
        sprung_s = self._watch_clock()
        if abs(sprung_s) > SPRUNG_S:
            plan = replace(plan, naechste=plan.naechste + sprung_s)
        if bemerkt:
            dunkel, self._dunkel = self._dunkel, self.umwelt.lasts(Lageart.STROMAUSFALL, self._lagezeit())
            if self._dunkel and not dunkel:
                self._send_last_gasp(on_fehler)
            elif dunkel and not self._dunkel:
                # After an outage of a whole street everybody has something to tell: each at its slot.
                plan = Sendeplan.begin(self.jetzt(), self.gateway.puffer.platz_s, self.zufall)
                self.count(on_fehler)
        return plan

    def _lose(self, art: Eingriffsart) -> None:
        if art is Eingriffsart.SCHLUESSEL_VERLUST:
            shutil.rmtree(self.ordner.schluessel_datei("tls").parent, ignore_errors=True)
            return
        self.gateway.close()
        for endung in ("", "-wal", "-shm"):
            Path(f"{self.ordner.puffer_datei}{endung}").unlink(missing_ok=True)
        self._open_gateway()

    def _send_last_gasp(self, on_fehler: OnFehler | None) -> None:
        """One message while the capacitor lasts. What does not arrive waits in the buffer for the voltage.

        ASSUMPTION: the capacitor lasts as long as the connection waits for an answer, a minute at the most.
        """
        self.uebergabe.hand_over(self.gateway.puffer, self.jetzt())
        try:
            # Readings may have their turn first: see `Ausgang`.
            for _ in range(2):
                if self.gateway.puffer.lage().meldungen:
                    self.gateway.versand.send_one()
        except SendeFehler as fehler:
            if on_fehler is not None:
                on_fehler(fehler)
        self.modem.reconnect()

    def _watch_clock(self) -> float:
        """By how many seconds the clock jumped. That its time is lost must outlive the process."""
        vorher = self._geraeteuhr.zustand
        sprung_s = self._wache.watch()
        if self._geraeteuhr.zustand is not vorher:
            self.gateway.puffer.set_zustand(self._geraeteuhr.export_state())
        return sprung_s

    def _lagezeit(self) -> float:
        """The meter's time, and the world's while the meter has none: what lasts needs two ends."""
        uhr = self._geraeteuhr
        return self.uhr.now() if uhr.zustand is Uhrzustand.UNGUELTIG else uhr.now()

    # --- sending -----------------------------------------------------------------------------------------------
    def _ask_time(self, plan: Sendeplan) -> Sendeplan:
        """Two receipts that agree set the clock; until then nothing else is sent. Raises SendeFehler."""
        for _ in range(2):
            sendung = self.gateway.versand.frage_zeit()
        # That it was set is no jump.
        self._wache.note()
        self._watch_clock()
        if self._geraeteuhr.zustand is Uhrzustand.UNGUELTIG:
            return plan.after_failure(self.jetzt(), self.zufall)
        return plan.after_success(self.jetzt(), sendung.platz_s, 0, eilig=True)

    def _after_failure(self, plan: Sendeplan, fehler: Exception, on_fehler: OnFehler | None) -> Sendeplan:
        """A full disk is like a lost link: nothing is lost as long as nothing is forgotten, so wait and retry."""
        if on_fehler is not None:
            on_fehler(fehler)
        if not isinstance(fehler, SendeFehler):
            return plan.after_failure(self.jetzt(), self.zufall)
        if isinstance(fehler, Gesperrt) and fehler.endgueltig and not self.endgueltig:
            self.endgueltig = True
            self.zaehlwerk.protokoll.add(self.jetzt(), Code.ENDGUELTIG_GESPERRT)
        return plan.after_failure(self.jetzt(), self.zufall, fehler.retry_after, taeglich=fehler.taeglich)

    def _note_orders(self, quittung: Quittung) -> None:
        """Take the orders of a receipt. Its readings are safe already: what fails here must not say otherwise."""
        try:
            self._auftraege.note(quittung)
        except (GatewayFehler, OSError) as fehler:
            self.gateway.versand.report(FEHLGESCHLAGEN, str(fehler)[:500])

    def _work(self, on_fehler: OnFehler | None) -> None:
        """Carry out orders. One that fails is tried again after a later message."""
        try:
            self._auftraege.work(1 if self.modem.buendeln else STUECKE_JE_PLATZ)
        except (GatewayFehler, OSError, sqlite3.Error) as fehler:
            if on_fehler is not None:
                on_fehler(fehler)

    @property
    def _abstand_s(self) -> int:
        """From slot to slot: longer once the volume of the month is used up."""
        return self.modem.buendel_s if self.modem.buendeln else VIERTELSTUNDE_S

    def _publish(self, plan: Sendeplan, *, sendet: bool = False) -> None:
        if self._bekanntgabe is not None:
            lagen = self.zaehlwerk.stoerungen.lasting(self._lagezeit())
            self._bekanntgabe.publish(
                sendet=sendet,
                quittiert=plan.fehlversuche == 0,
                gesperrt=self.gateway.puffer.gesperrt,
                phasen=live_phases(lagen, self._lagezeit()),
                firmware=self._auftraege.fw.version,
            )

    def close(self) -> None:
        self.gateway.close()
        self._stapel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, art: type[BaseException] | None, fehler: BaseException | None, spur: TracebackType | None
    ) -> None:
        self.close()

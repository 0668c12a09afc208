"""From the buffer to the operator and back: seal, post, believe a receipt only after every check, forget.

The order is the safety argument: the running number is on disk before anything is sent, and a reading leaves the
disk only in the transaction that also notes the valid receipt naming it. Every other outcome is a `SendeFehler`,
after which the buffer holds what it held before.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric import ec

from gateway import sendeplan
from gateway.ausgang import Ausgang, Gedaechtnis, Inhalt
from gateway.empfang import Empfang
from gateway.fehler import Abgewiesen, EpocheAbgewiesen, Gesperrt, QuittungUngueltig, SendeFehler
from gateway.meldungen import PROTOKOLL_GESENDET
from gateway.puffer import Lage, Puffer
from gateway.uhr import Geraeteuhr, Massnahme, Uhrzustand
from gateway.verbindung import Uebertragung
from telegramm.einschreibung import Kette
from telegramm.messwerte import KETTE, ZEIT, Firmware, Netz, Telegramm
from telegramm.quittung import PROTOKOLL_SENDEN, Quittung
from telegramm.umschlag import seal

# The operator takes epochen that are up to a hundred ahead; after so many in a row it is one a day.
EPOCHEN_IN_FOLGE = 20
EPOCHE_FALSCH = {"folge", "epoche"}
# That a meter was removed is believed when it is said again after so long; the meter asks once a day.
AUSGEBAUT_BESTAETIGT_S = 20 * 3600
# Numbers in the buffer that a valid receipt sets back to 0.
BIS_ZUR_QUITTUNG = ("gesperrt", "ausgebaut_seit", "epochen_in_folge")

UHR_GESTELLT = "UHR_GESTELLT"
UHR_UNSICHER = "UHR_UNSICHER"
EPOCHE_NEU = "EPOCHE_NEU"
GESPERRT = "GESPERRT"
# Of the entries that are written here the operator is told these at once.
ALARME = {UHR_UNSICHER, EPOCHE_NEU}

Melden = Callable[[str, str], None]
"""Writes an entry (code, text) into the log of the device."""


@dataclass(frozen=True, slots=True)
class Abgelehnt:
    """A reading in quarantine. It is durably stored with the operator, so the meter forgets it, too."""

    uhrzeit: int
    grund: str


@dataclass(frozen=True, slots=True)
class Sendung:
    """One acknowledged Telegramm. ``zeit`` in ms since 1970, ``platz_s`` in s after the quarter.

    ``sent``, ``neu``, ``doppelt`` and ``abgelehnt`` count readings, so they are 0 in a message of another ``art``.
    ``eilig``: something waits that should follow at once.
    """

    art: str
    folge: int
    sent: int
    neu: int
    doppelt: int
    abgelehnt: tuple[Abgelehnt, ...]
    zeit: int
    platz_s: int
    bytes_out: int
    bytes_in: int
    luecken: tuple[tuple[int, int], ...] = ()
    auftraege: tuple[str, ...] = ()
    eilig: bool = False


@dataclass(slots=True)
class Bilanz:
    """The sums over several `Sendung`."""

    sendungen: int = 0
    sent: int = 0
    neu: int = 0
    doppelt: int = 0
    abgelehnt: int = 0
    bytes_out: int = 0
    bytes_in: int = 0

    def add(self, sendung: Sendung) -> None:
        self.sendungen += 1
        self.sent += sendung.sent
        self.neu += sendung.neu
        self.doppelt += sendung.doppelt
        self.abgelehnt += len(sendung.abgelehnt)
        self.bytes_out += sendung.bytes_out
        self.bytes_in += sendung.bytes_in


@dataclass(frozen=True, slots=True)
class Schluesselbund:
    """What is needed to seal to the operator and to open its receipts."""

    unterzeichner: ec.EllipticCurvePrivateKey
    entschluesselung: ec.EllipticCurvePrivateKey
    betreiber_signatur: ec.EllipticCurvePublicKey
    betreiber_verschluesselung: ec.EllipticCurvePublicKey


@dataclass(frozen=True, slots=True)
class Umfeld:
    """What the device around the gateway contributes; everything may be missing.

    ``gedaechtnis`` fills gaps; without it the buffer is all that the device remembers, and of anything else the
    operator is told that it is gone. ``netz`` and ``fw`` are told in each Telegramm. ``bei_quittung`` is called
    after each valid receipt and reacts to its orders; what it raises goes to the caller, the receipt counts.
    ``melden`` writes into the log of the device, without it straight into the buffer. ``bei_epoche`` is told of an
    epoche before it is used.
    """

    gedaechtnis: Gedaechtnis | None = None
    netz: Callable[[], Netz | None] = lambda: None
    fw: Callable[[], Firmware | None] = lambda: None
    bei_quittung: Callable[[Quittung], None] = lambda quittung: None
    melden: Melden | None = None
    bei_epoche: Callable[[int], None] = lambda epoche: None


class Versand:
    """Sends what one meter has to tell. Usable by one thread at a time; ``uhr`` is the clock of the device.

    ``rat`` is asked after each SendeFehler for what the person should know (`Auftraege` sets it).
    """

    def __init__(
        self,
        *,
        zaehler: str,
        puffer: Puffer,
        uebertragung: Uebertragung,
        schluessel: Schluesselbund,
        uhr: Geraeteuhr | None = None,
        umfeld: Umfeld | None = None,
        zufall_bytes: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self.uhr = uhr if uhr is not None else Geraeteuhr(time.time)
        self._zaehler = zaehler
        self._puffer = puffer
        self._uebertragung = uebertragung
        self._umfeld = umfeld if umfeld is not None else Umfeld()
        self._zufall_bytes = zufall_bytes
        self._ausgang = Ausgang(puffer, self._umfeld.gedaechtnis, self.uhr)
        self._folge: int | None = None
        self.rat: Callable[[], str] = lambda: ""
        self.use(schluessel)

    def use(self, schluessel: Schluesselbund, epoche: int | None = None) -> None:
        """Use these keys from now on; with new ones of the meter a later ``epoche`` begins, on disk at once."""
        self._schluessel = schluessel
        self._empfang = Empfang(schluessel.entschluesselung, schluessel.betreiber_signatur)
        if epoche is not None and self._puffer.begin_epoche(epoche):
            self._folge = None

    # --- sending -----------------------------------------------------------------------------------------------
    def send_one(self, hoechstens: int = sendeplan.WERTE_JE_TELEGRAMM) -> Sendung | None:
        """Send what is next in one Telegramm; None when nothing waits. Raises SendeFehler."""
        inhalt, lage = self._ausgang.choose(hoechstens)
        return None if inhalt is None else self._send(inhalt, lage)[0]

    def send_all(
        self,
        on_progress: Callable[[Sendung, int], None] | None = None,
        *,
        hoechstens: int = sendeplan.WERTE_JE_TELEGRAMM,
        versuche: int = 1,
        pause: Callable[[float], bool | None] = time.sleep,
        zufall: Callable[[], float] = lambda: int.from_bytes(os.urandom(6)) / 2**48,
    ) -> Bilanz:
        """Send until nothing waits, one Telegramm in flight.

        ``on_progress`` is called after each receipt with the `Sendung` and the number of readings still waiting.
        ``versuche`` tries in a row may fail before the last SendeFehler is raised; between them ``pause`` is
        called with the back-off in seconds, and when it returns True sending ends early without an error
        (``stop_event.wait`` fits). A SendeFehler that is ``taeglich`` is raised at once.
        """
        bilanz = Bilanz()
        fehler_in_folge = 0
        inhalt, lage = self._ausgang.choose(hoechstens)
        while inhalt is not None:
            try:
                sendung, _ = self._send(inhalt, lage, weiter=True)
            except SendeFehler as fehler:
                fehler_in_folge += 1
                if fehler.taeglich or fehler_in_folge >= versuche:
                    raise
                if pause(sendeplan.backoff(fehler_in_folge, zufall, fehler.retry_after)):
                    break
            else:
                fehler_in_folge = 0
                bilanz.add(sendung)
                if on_progress is not None:
                    on_progress(sendung, self._puffer.waiting())
            inhalt, lage = self._ausgang.choose(hoechstens)
        return bilanz

    def frage_zeit(self) -> Sendung:
        """Ask for a signed time, for a clock that has lost its own. Raises SendeFehler."""
        return self._send(Inhalt(ZEIT), self._puffer.lage())[0]

    def send_kette(self) -> Kette:
        """Ask for the operator's new certificates. They are not checked here. Raises SendeFehler."""
        _, quittung = self._send(Inhalt(KETTE), self._puffer.lage())
        if quittung.kette is None:
            raise QuittungUngueltig("Die Quittung bringt keine neue Kette des Betreibers.")
        return quittung.kette

    # --- one message -------------------------------------------------------------------------------------------
    def _send(self, inhalt: Inhalt, lage: Lage, *, weiter: bool = False) -> tuple[Sendung, Quittung]:
        """Send until it is acknowledged or fails, then tell who is to know."""
        try:
            ergebnis = self._exchange_numbered(inhalt, lage, weiter=weiter)
        except SendeFehler as fehler:
            fehler.rat = self.rat()
            raise
        # The old chain is what such a message is sent for, so its receipt may order the same once more.
        if inhalt.art != KETTE:
            self._umfeld.bei_quittung(ergebnis[1])
        return ergebnis

    def _exchange_numbered(self, inhalt: Inhalt, lage: Lage, *, weiter: bool) -> tuple[Sendung, Quittung]:
        """Send until it is acknowledged or fails; a refused epoche or number is replaced at once."""
        while True:
            try:
                return self._exchange(inhalt, lage, weiter=weiter)
            except Gesperrt as fehler:
                self._note_gesperrt(fehler, lage)
                raise
            except Abgewiesen as fehler:
                if fehler.status != 409 or fehler.code not in EPOCHE_FALSCH:
                    raise
                if self._begin_next_epoche(fehler.code, lage) > EPOCHEN_IN_FOLGE:
                    raise EpocheAbgewiesen(fehler.status, fehler.code) from fehler
                lage = self._puffer.lage()

    def _exchange(self, inhalt: Inhalt, lage: Lage, *, weiter: bool) -> tuple[Sendung, Quittung]:
        # Whatever happens, this number may have reached the operator, so the next try takes a new one.
        folge, self._folge = self._folge, None
        folge = self._puffer.next_folge() if folge is None else folge
        telegramm = self._build(inhalt, lage.zustand["epoche"], folge)
        klartext = telegramm.to_bytes()
        umschlag = seal(
            klartext,
            empfaenger=self._schluessel.betreiber_verschluesselung,
            unterzeichner=self._schluessel.unterzeichner,
            signiert_um=datetime.fromtimestamp(int(self.uhr.now()), UTC),
        )
        gesendet = self.uhr.now()
        antwort = self._uebertragung.post(umschlag)
        empfangen = self.uhr.now()
        quittung = self._empfang.open(antwort, telegramm, klartext)
        vorher = self.uhr.zustand
        massnahme = self.uhr.abgleich(quittung.zeit, gesendet, empfangen)
        if massnahme is Massnahme.VERWEIGERT:
            raise QuittungUngueltig("Die Zeit der Quittung liegt vor der letzten Quittung.")
        danach = self._acknowledge(inhalt, lage, quittung, weiter=weiter)
        self._report_clock(massnahme, vorher)
        gezaehlt = quittung if inhalt.werte else None
        sendung = Sendung(
            art=inhalt.art,
            folge=folge,
            sent=len(inhalt.werte),
            neu=gezaehlt.neu if gezaehlt else 0,
            doppelt=gezaehlt.doppelt if gezaehlt else 0,
            abgelehnt=tuple(Abgelehnt(inhalt.werte[i].uhrzeit, grund) for i, grund in quittung.abgelehnt)
            if gezaehlt
            else (),
            zeit=quittung.zeit,
            platz_s=quittung.platz_s,
            bytes_out=len(umschlag),
            bytes_in=len(antwort.body),
            luecken=quittung.luecken,
            auftraege=quittung.auftraege,
            eilig=self._ausgang.is_urgent(danach),
        )
        return sendung, quittung

    def _build(self, inhalt: Inhalt, epoche: int, folge: int) -> Telegramm:
        return Telegramm(
            art=inhalt.art,
            zaehler=self._zaehler,
            epoche=epoche,
            folge=folge,
            anfrage=self._zufall_bytes(16),
            erzeugt=int(self.uhr.now() * 1000),
            uhr=self.uhr.uhrstand(),
            werte=tuple(inhalt.werte),
            ereignisse=tuple(inhalt.ereignisse),
            luecken=tuple(inhalt.luecken),
            netz=self._umfeld.netz(),
            fw=self._umfeld.fw(),
        )

    def _acknowledge(self, inhalt: Inhalt, lage: Lage, quittung: Quittung, *, weiter: bool) -> Lage:
        """Everything that a valid receipt changes, in one commit; returns what is left to be sent."""
        zustand = {"letzte_quittung": quittung.zeit, "platz_s": quittung.platz_s, **self.uhr.export_state()}
        zustand |= {name: 0 for name in BIS_ZUR_QUITTUNG if lage.zustand.get(name)}
        luecken = self._ausgang.owe(quittung.luecken)
        # The answer to the end of the log may still carry the order for it.
        protokoll = PROTOKOLL_SENDEN in quittung.auftraege and not any(
            meldung.code == PROTOKOLL_GESENDET for meldung in inhalt.ereignisse
        )
        with self._puffer.bundle():
            self._puffer.acknowledge(
                [wert.uhrzeit for wert in inhalt.werte],
                meldungen=[meldung.nummer for meldung in inhalt.ereignisse],
                fehlanzeigen=inhalt.luecken,
                luecken=luecken,
                zustand=zustand,
            )
            if protokoll:
                self._puffer.queue_meldungen(int(self.uhr.now()))
            # Mostly nothing but readings waits, and then the rest is known without another look.
            if protokoll or luecken or lage.meldungen or lage.fehlanzeigen or lage.schulden:
                lage = self._puffer.lage()
            else:
                lage = lage._replace(wartend=lage.wartend - len(inhalt.werte))
            # Only when the next Telegramm follows at once is its number reserved in the same commit; a number
            # that was reserved and never used would only look like a lost Telegramm.
            if weiter and self._ausgang.waits(lage):
                self._folge = self._puffer.next_folge()
        self._ausgang.note_sent(inhalt)
        return lage

    # --- what the log tells ------------------------------------------------------------------------------------
    def _report_clock(self, massnahme: Massnahme, vorher: Uhrzustand) -> None:
        if massnahme is Massnahme.GESTELLT:
            abweichung_ms = self.uhr.abweichung_ms or 0
            richtung = "vor" if abweichung_ms > 0 else "nach"
            self.report(UHR_GESTELLT, f"Die Uhr ging {abs(abweichung_ms)} ms {richtung} und wurde gestellt.")
        elif massnahme is Massnahme.MISSTRAUT and vorher is Uhrzustand.GESTELLT:
            self.report(UHR_UNSICHER, "Die Zeit des Betreibers weicht weit ab; eine zweite Antwort entscheidet.")

    def _note_gesperrt(self, fehler: Gesperrt, lage: Lage) -> None:
        if not lage.zustand.get("gesperrt"):
            self._puffer.set_zustand({"gesperrt": 1})
            self.report(GESPERRT, f"{fehler}. Der Zähler zählt weiter und fragt einmal am Tag.")
        if fehler.ausgebaut:
            fehler.endgueltig = self._is_confirmed(lage)

    def _is_confirmed(self, lage: Lage) -> bool:
        """Whether the operator has said for long that the meter was removed.

        A refusal is not signed by the operator's signature key, so a single one must not silence a meter. A
        receipt, which may set the clock, ends this; a clock that went back begins it anew.
        """
        jetzt, seit = int(self.uhr.now()), lage.zustand.get("ausgebaut_seit", 0)
        if seit and seit <= jetzt:
            return jetzt - seit >= AUSGEBAUT_BESTAETIGT_S
        self._puffer.set_zustand({"ausgebaut_seit": jetzt})
        return False

    def _begin_next_epoche(self, code: str, lage: Lage) -> int:
        """The operator has seen more than this device remembers: number anew. Returns how many times in a row."""
        epoche = lage.zustand["epoche"] + 1
        in_folge = lage.zustand.get("epochen_in_folge", 0) + 1
        self._umfeld.bei_epoche(epoche)
        with self._puffer.bundle():
            self._puffer.begin_epoche(epoche)
            self._puffer.set_zustand({"epochen_in_folge": in_folge})
        if in_folge == 1:
            self.report(EPOCHE_NEU, f"Epoche {epoche} begonnen, weil der Betreiber {code!r} meldet.")
        return in_folge

    def report(self, code: str, text: str) -> None:
        """Write an entry into the log of the device."""
        if self._umfeld.melden is not None:
            self._umfeld.melden(code, text)
        else:
            self._puffer.put_meldungen([(int(self.uhr.now()), code, text)], alarm=code in ALARME)

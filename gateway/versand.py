"""From the buffer to the operator and back: seal, post, believe a receipt only after every check, forget.

The order is the safety argument: the running number is on disk before anything is sent, and a reading leaves the
disk only in the transaction that also notes the valid receipt naming it. Every other outcome is a `SendeFehler`,
after which the buffer holds what it held before.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric import ec

from gateway import sendeplan
from gateway.fehler import Abgewiesen, AntwortUnzulaessig, QuittungUngueltig, SendeFehler
from gateway.puffer import Puffer
from gateway.verbindung import Antwort, Uebertragung
from telegramm.fehler import TelegrammFehler
from telegramm.messwerte import Messwert, Telegramm, Uhrstand
from telegramm.quittung import Quittung, check_quittung
from telegramm.schluessel import ski
from telegramm.umschlag import parse, seal

RETRY_AFTER_HOECHSTENS_S = 3600.0


@dataclass(frozen=True, slots=True)
class Abgelehnt:
    """A reading in quarantine. It is durably stored with the operator, so the meter forgets it, too."""

    uhrzeit: int
    grund: str


@dataclass(frozen=True, slots=True)
class Sendung:
    """One acknowledged Telegramm. ``zeit`` in ms since 1970, ``platz_s`` in s after the quarter."""

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


class Versand:
    """Sends the readings of one meter. ``jetzt`` gives the meter's time in seconds since 1970."""

    def __init__(
        self,
        *,
        zaehler: str,
        puffer: Puffer,
        uebertragung: Uebertragung,
        schluessel: Schluesselbund,
        jetzt: Callable[[], float] = time.time,
        zufall_bytes: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._zaehler = zaehler
        self._puffer = puffer
        self._uebertragung = uebertragung
        self._schluessel = schluessel
        self._jetzt = jetzt
        self._zufall_bytes = zufall_bytes
        self._betreiber_ski = ski(schluessel.betreiber_signatur)
        self._eigene = {ski(schluessel.entschluesselung.public_key()): schluessel.entschluesselung}

    def send_one(self, hoechstens: int = sendeplan.WERTE_JE_TELEGRAMM) -> Sendung | None:
        """Send the oldest readings in one Telegramm; None when nothing waits. Raises SendeFehler."""
        werte = self._puffer.oldest(hoechstens)
        if not werte:
            return None
        sendung, _ = self._send(werte, self._puffer.next_folge())
        return sendung

    def send_all(
        self,
        on_progress: Callable[[Sendung, int], None] | None = None,
        *,
        hoechstens: int = sendeplan.WERTE_JE_TELEGRAMM,
        versuche: int = 1,
        pause: Callable[[float], bool | None] = time.sleep,
        zufall: Callable[[], float] = lambda: int.from_bytes(os.urandom(6)) / 2**48,
    ) -> Bilanz:
        """Send until nothing waits, one Telegramm in flight, oldest first.

        ``on_progress`` is called after each receipt with the `Sendung` and the number still waiting.
        ``versuche`` tries in a row may fail before the last SendeFehler is raised; between them ``pause`` is
        called with the back-off in seconds, and when it returns True sending ends early without an error
        (``stop_event.wait`` fits).
        """
        bilanz = Bilanz()
        folge: int | None = None
        fehler_in_folge = 0
        werte = self._puffer.oldest(hoechstens)
        while werte:
            try:
                folge = self._puffer.next_folge() if folge is None else folge
                sendung, folge = self._send(werte, folge, reserve=True)
            except SendeFehler as fehler:
                # The number may have reached the operator, so the next try takes a new one.
                folge = None
                fehler_in_folge += 1
                if fehler_in_folge >= versuche:
                    raise
                if pause(sendeplan.backoff(fehler_in_folge, zufall, fehler.retry_after)):
                    break
            else:
                fehler_in_folge = 0
                bilanz.add(sendung)
                if on_progress is not None:
                    on_progress(sendung, self._puffer.waiting())
            werte = self._puffer.oldest(hoechstens)
        return bilanz

    def _send(self, werte: list[Messwert], folge: int, *, reserve: bool = False) -> tuple[Sendung, int | None]:
        anfrage = self._zufall_bytes(16)
        klartext = self._build(werte, folge, anfrage)
        umschlag = seal(
            klartext,
            empfaenger=self._schluessel.betreiber_verschluesselung,
            unterzeichner=self._schluessel.unterzeichner,
            signiert_um=datetime.fromtimestamp(int(self._jetzt()), UTC),
        )
        antwort = self._uebertragung.post(umschlag)
        quittung = self._open(antwort, klartext)
        sendung = Sendung(
            folge=folge,
            sent=len(werte),
            neu=quittung.neu,
            doppelt=quittung.doppelt,
            abgelehnt=_rejected(quittung, werte),
            zeit=quittung.zeit,
            platz_s=quittung.platz_s,
            bytes_out=len(umschlag),
            bytes_in=len(antwort.body),
            luecken=quittung.luecken,
            auftraege=quittung.auftraege,
        )
        # Only when the next Telegramm follows at once is its number reserved in the same commit; a number that
        # was reserved and never used would only look like a lost Telegramm.
        weiter = reserve and self._puffer.waiting() > len(werte)
        naechste = self._puffer.acknowledge(
            [wert.uhrzeit for wert in werte],
            zeit=quittung.zeit,
            platz_s=quittung.platz_s,
            reserve_folge=weiter,
        )
        return sendung, naechste

    def _build(self, werte: list[Messwert], folge: int, anfrage: bytes) -> bytes:
        return Telegramm(
            art="MESSWERTE",
            zaehler=self._zaehler,
            epoche=self._puffer.epoche,
            folge=folge,
            anfrage=anfrage,
            erzeugt=int(self._jetzt() * 1000),
            uhr=Uhrstand(zustand="GESTELLT", letzter_abgleich=None, abweichung_ms=None),
            werte=tuple(werte),
            ereignisse=(),
            luecken=(),
            netz=None,
            fw=None,
        ).to_bytes()

    def _open(self, antwort: Antwort, klartext: bytes) -> Quittung:
        """Check and open a receipt. Raises Abgewiesen, AntwortUnzulaessig, QuittungUngueltig."""
        if antwort.status != 200:
            raise Abgewiesen(antwort.status, error_code(antwort), retry_after(antwort.headers))
        if antwort.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/cms":
            raise AntwortUnzulaessig("Die Antwort ist keine Quittung (falscher Content-Type).")
        try:
            umschlag = parse(antwort.body)
            if umschlag.unterzeichner_ski != self._betreiber_ski:
                raise QuittungUngueltig("Die Quittung ist nicht vom Betreiber unterzeichnet.")
            geprueft = umschlag.verify(self._schluessel.betreiber_signatur)
            quittung = Quittung.from_bytes(geprueft.decrypt(self._eigene))
            check_quittung(quittung, klartext, self._zaehler)
        except TelegrammFehler as fehler:
            raise QuittungUngueltig(f"Die Quittung ist ungültig ({fehler.code}).") from fehler
        letzte = self._puffer.letzte_quittung
        if letzte is not None and quittung.zeit < letzte:
            raise QuittungUngueltig("Die Zeit der Quittung liegt vor der letzten Quittung.")
        return quittung


def _rejected(quittung: Quittung, werte: list[Messwert]) -> tuple[Abgelehnt, ...]:
    """Name the rejected readings; raises QuittungUngueltig unless the receipt accounts for every row once."""
    stellen = [stelle for stelle, _ in quittung.abgelehnt]
    if len(set(stellen)) != len(stellen) or not all(0 <= stelle < len(werte) for stelle in stellen):
        raise QuittungUngueltig("Die Quittung lehnt Messwerte ab, die nicht gesendet wurden.")
    if quittung.neu + quittung.doppelt + len(stellen) != len(werte):
        raise QuittungUngueltig("Die Quittung zählt andere Messwerte, als gesendet wurden.")
    return tuple(Abgelehnt(werte[stelle].uhrzeit, grund) for stelle, grund in quittung.abgelehnt)


def error_code(antwort: Antwort) -> str:
    """The code of a problem+json body, "" when there is none. It is only shown, so anything odd is left out."""
    try:
        code = json.loads(antwort.body).get("code", "")
    except (ValueError, AttributeError, RecursionError):
        return ""
    return code if isinstance(code, str) and code.isascii() and code.isidentifier() and len(code) < 50 else ""


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Retry-After in seconds (RFC 9110, 10.2.3, delay-seconds only), at most an hour.

    A longer wish is cut, because an answer that is not a receipt is not signed end to end by the operator's
    signature key and must not be able to silence a meter.
    """
    text = headers.get("retry-after", "")
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        return None
    return min(float(text), RETRY_AFTER_HOECHSTENS_S)

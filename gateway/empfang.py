"""What came back: believe a receipt only after every check, and name what else the operator says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from gateway.fehler import Abgewiesen, AntwortUnzulaessig, Gesperrt, QuittungUngueltig
from gateway.verbindung import Antwort
from telegramm.fehler import TelegrammFehler
from telegramm.messwerte import Telegramm
from telegramm.quittung import Quittung, check_quittung
from telegramm.schluessel import ski
from telegramm.umschlag import parse

RETRY_AFTER_HOECHSTENS_S = 3600.0
GESPERRT = "gesperrt"
# States of a meter that the operator no longer runs.
AUSGEBAUTE_ZUSTAENDE = {"AUSGEBAUT", "VERSCHROTTET"}


class Empfang:
    """Opens the receipts for one meter under one pair of keys."""

    def __init__(
        self, entschluesselung: ec.EllipticCurvePrivateKey, betreiber_signatur: ec.EllipticCurvePublicKey
    ) -> None:
        self._betreiber_signatur = betreiber_signatur
        self._betreiber_ski = ski(betreiber_signatur)
        self._eigene = {ski(entschluesselung.public_key()): entschluesselung}

    def open(self, antwort: Antwort, telegramm: Telegramm, klartext: bytes) -> Quittung:
        """The receipt for ``telegramm``, sent with the plaintext ``klartext``, checked but for its time.

        Raises Abgewiesen, AntwortUnzulaessig, QuittungUngueltig.
        """
        if antwort.status != 200:
            raise _refusal(antwort)
        if antwort.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/cms":
            raise AntwortUnzulaessig("Die Antwort ist keine Quittung (falscher Content-Type).")
        try:
            umschlag = parse(antwort.body)
            if umschlag.unterzeichner_ski != self._betreiber_ski:
                raise QuittungUngueltig("Die Quittung ist nicht vom Betreiber unterzeichnet.")
            geprueft = umschlag.verify(self._betreiber_signatur)
            quittung = Quittung.from_bytes(geprueft.decrypt(self._eigene))
            check_quittung(quittung, telegramm, klartext)
        except TelegrammFehler as fehler:
            raise QuittungUngueltig(f"Die Quittung ist ungültig ({fehler.code}).") from fehler
        if quittung.neu + quittung.doppelt + len(quittung.abgelehnt) != telegramm.zeilen:
            raise QuittungUngueltig("Die Quittung zählt andere Zeilen, als gesendet wurden.")
        return quittung


def _refusal(antwort: Antwort) -> Abgewiesen:
    code = error_code(antwort)
    if antwort.status == 403 and code == GESPERRT:
        zustand = _problem(antwort).get("zustand")
        return Gesperrt(403, code, isinstance(zustand, str) and zustand in AUSGEBAUTE_ZUSTAENDE)
    return Abgewiesen(antwort.status, code, retry_after(antwort.headers))


def _problem(antwort: Antwort) -> dict[str, Any]:
    try:
        problem = json.loads(antwort.body)
    except (ValueError, RecursionError):
        return {}
    return problem if isinstance(problem, dict) else {}


def error_code(antwort: Antwort) -> str:
    """The code of a problem+json body, "" when there is none. It is only shown, so anything odd is left out."""
    code = _problem(antwort).get("code")
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

"""From a container to the Telegramm in it: whose it is, whether it may come in, what it says.

The order of the checks is that of docs/telegramm.md, 1.4. Nothing here knows the database: the meter was looked up
by the signer that the container names, and no lock is held while the cryptography runs.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

from betreiber.ablesung.queries import Geraet, Schluessel
from betreiber.errors import GeraeteFehler
from betreiber.schluessel.ablage import Betreibersatz, Betreiberschluessel
from betreiber.schluessel.domain import GESPERRTE_ZUSTAENDE, Zweck
from telegramm.fehler import SignaturUngueltig, TelegrammFehler
from telegramm.messwerte import Telegramm
from telegramm.schluessel import public_key_of_certificate
from telegramm.umschlag import GeprueftesTelegramm, Umschlag


@dataclass(frozen=True, slots=True)
class Eingang:
    """A Telegramm that its meter signed and sent, and what a receipt for it needs.

    `abdruck`: SHA-256 of the plaintext; `satz`: the operator's keys to which it was sealed; `empfaenger`: the
    meter's key for receipts; `schluessel`: of the meter, the one that signed, that of receipts, that of the
    connection; `gueltig_bis`: of the set of the first two.
    """

    geraet: Geraet
    abdruck: bytes
    telegramm: Telegramm
    satz: Betreibersatz
    empfaenger: EllipticCurvePublicKey
    schluessel: tuple[Schluessel, Schluessel, Schluessel]
    gueltig_bis: datetime


def open_telegramm(
    brief: Umschlag, geraet: Geraet, schluessel: Betreiberschluessel, tls_fingerabdruck: bytes, echtzeit: datetime
) -> Eingang:
    """Check and open a container that names a key of `geraet` as its signer.

    `echtzeit`: certificates live on real time, also beside a simulated clock. Raises TelegrammFehler and
    GeraeteFehler.
    """
    unterzeichner = next(zeile for zeile in geraet.schluessel if zeile.ski == brief.unterzeichner_ski)
    if unterzeichner.zweck != Zweck.SIGNATUR:
        raise GeraeteFehler(401, "unbekannt")
    _check_valid(unterzeichner, echtzeit)
    geprueft, tls = _verify(brief, unterzeichner, geraet, tls_fingerabdruck, echtzeit)
    eigene = [zeile for zeile in geraet.schluessel if zeile.epoche == unterzeichner.epoche]
    empfaenger = next(zeile for zeile in eigene if zeile.zweck == Zweck.VERSCHLUESSELUNG)
    # Whom nobody could answer is refused before anything is stored.
    _check_valid(empfaenger, echtzeit)
    klartext = geprueft.decrypt(schluessel.entschluesselung)
    telegramm = Telegramm.from_bytes(klartext)
    # A ciphertext that another meter stole and signed anew ends here.
    if telegramm.zaehler != geraet.zaehlernummer:
        raise GeraeteFehler(403, "identitaet")
    return Eingang(
        geraet,
        hashlib.sha256(klartext).digest(),
        telegramm,
        schluessel.satz_zu(geprueft.empfaenger_ski),
        _public_key(empfaenger),
        (unterzeichner, empfaenger, tls),
        min(zeile.gueltig_bis for zeile in eigene),
    )


def _verify(
    brief: Umschlag, unterzeichner: Schluessel, geraet: Geraet, tls_fingerabdruck: bytes, echtzeit: datetime
) -> tuple[GeprueftesTelegramm, Schluessel]:
    """The container with its signature checked, and the key of the connection."""
    try:
        geprueft = brief.verify(_public_key(unterzeichner))
    except SignaturUngueltig:
        raise
    except TelegrammFehler:
        # The signature holds and the content is none: who sent it comes first.
        _check_connection(geraet, tls_fingerabdruck, echtzeit)
        raise
    return geprueft, _check_connection(geraet, tls_fingerabdruck, echtzeit)


def _check_connection(geraet: Geraet, tls_fingerabdruck: bytes, echtzeit: datetime) -> Schluessel:
    """The connection must be the signer's own; by any valid set of its keys, because it may outlive a renewal.

    Only now, when the meter has proved who it is, an answer says that it was removed or locked.
    """
    tls = next((zeile for zeile in geraet.schluessel if zeile.fingerabdruck == tls_fingerabdruck), None)
    if tls is None or tls.zweck != Zweck.TLS:
        raise GeraeteFehler(403, "identitaet")
    _check_valid(tls, echtzeit)
    if geraet.zustand in GESPERRTE_ZUSTAENDE:
        raise GeraeteFehler(403, "gesperrt", zustand=geraet.zustand)
    return tls


def _check_valid(zeile: Schluessel, echtzeit: datetime) -> None:
    if zeile.gesperrt or zeile.gueltig_bis <= echtzeit:
        raise GeraeteFehler(403, "gesperrt")


def _public_key(zeile: Schluessel) -> EllipticCurvePublicKey:
    # Reading a certificate takes 7 microseconds: a cache would have to hold the keys of all meters to save them.
    return public_key_of_certificate(x509.load_der_x509_certificate(zeile.zertifikat))

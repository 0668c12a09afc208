"""The keys with which a meter and its operator speak: load them, and take over the operator's new ones.

The operator's keys rotate with overlap. A receipt under the old ones carries the order CA_KETTE_HOLEN; the answer
to a Telegramm of art KETTE brings the new ones. They are believed for the pinned root alone, not for the receipt.
"""

from __future__ import annotations

from datetime import UTC, datetime

from gateway.einschreibung import pinned_root
from gateway.fehler import OrdnerFehler, ZertifikatUngueltig
from gateway.ordner import Ordner
from gateway.versand import Schluesselbund
from gateway.zertifikate import check_ca_chain, check_operator, load_certificate, public_key_of
from telegramm.einschreibung import Kette


def load_schluesselbund(ordner: Ordner) -> Schluesselbund:
    """The keys of the set in use. Raises OrdnerFehler, which names the command that helps."""
    try:
        return Schluesselbund(
            unterzeichner=ordner.load_schluessel("signatur"),
            entschluesselung=ordner.load_schluessel("verschluesselung"),
            betreiber_signatur=public_key_of(ordner.load_zertifikat("betreiber_signatur")),
            betreiber_verschluesselung=public_key_of(ordner.load_zertifikat("betreiber_verschluesselung")),
        )
    except ZertifikatUngueltig as fehler:
        raise OrdnerFehler(f"{ordner.pfad}: {fehler}") from fehler


def accept_kette(ordner: Ordner, kette: Kette, jetzt: float) -> Schluesselbund:
    """Check the operator's new certificates, store them in one file, and return the keys from now on.

    ``jetzt`` is real time in seconds since 1970. Raises ZertifikatUngueltig, and nothing has changed.
    """
    zeitpunkt = datetime.fromtimestamp(jetzt, UTC)
    ausstellende = [load_certificate(der) for der in kette.ca]
    check_ca_chain(ausstellende, pinned_root(ordner.ca_datei.read_bytes()), zeitpunkt)
    signatur = load_certificate(kette.betreiber_signatur)
    verschluesselung = load_certificate(kette.betreiber_verschluesselung)
    check_operator(signatur, verschluesselung, ausstellende, zeitpunkt)
    ordner.save_betreiber(signatur, verschluesselung, ausstellende[:-1])
    return load_schluesselbund(ordner)

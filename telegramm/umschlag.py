"""The envelope of a Telegramm or Quittung: encrypt, then sign; and back, in the one safe order.

The way back is a chain of types, so that nobody can skip a step: bytes -> `Umschlag` (well-formed) ->
`GeprueftesTelegramm` (signed by a known key) -> plaintext. Each type exists only if its check has passed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from telegramm import cms, verschluesselung
from telegramm.fehler import CmsUngueltig, SignaturUngueltig
from telegramm.schluessel import check_private_key, check_public_key, ski

# No container of the profile is longer; the HTTP layers refuse longer bodies before they read them.
MAX_BYTES: Final = 65_536

_ECDSA = ec.ECDSA(hashes.SHA256())


def seal(
    klartext: bytes,
    *,
    empfaenger: ec.EllipticCurvePublicKey,
    unterzeichner: ec.EllipticCurvePrivateKey,
    signiert_um: datetime,
) -> bytes:
    """Encrypt `klartext` to `empfaenger`, sign with `unterzeichner`, and return the DER container.

    `signiert_um` is aware and is written in whole seconds. Both keys are on P-256 or brainpoolP256r1, otherwise
    AlgorithmusUnzulaessig; ValueError for a naive time and for a container above MAX_BYTES.
    """
    check_public_key(empfaenger)
    check_private_key(unterzeichner)
    inhalt = cms.encode_auth_enveloped_data(verschluesselung.encrypt(klartext, empfaenger))
    attribute = cms.encode_signed_attributes(hashlib.sha256(inhalt).digest(), signiert_um)
    signatur = unterzeichner.sign(attribute, _ECDSA)
    der = cms.encode_signed_data(ski(unterzeichner.public_key()), inhalt, attribute, signatur)
    if len(der) > MAX_BYTES:
        raise ValueError(f"the container has {len(der)} bytes, at most {MAX_BYTES} are allowed")
    return der


def parse(der: bytes) -> Umschlag:
    """Read a container strictly; CmsUngueltig or AlgorithmusUnzulaessig. Nothing is verified yet."""
    return Umschlag(der)


class Umschlag:
    """A well-formed container. Only the signer's name can be read, to look up the key that must verify it."""

    __slots__ = ("_inhalt",)

    def __init__(self, der: bytes) -> None:
        if len(der) > MAX_BYTES:
            raise CmsUngueltig(f"more than {MAX_BYTES} bytes")
        inhalt = cms.decode_signed_data(der)
        if hashlib.sha256(inhalt.inhalt).digest() != inhalt.digest:
            raise CmsUngueltig("message-digest is not the digest of the content")
        self._inhalt = inhalt

    @property
    def unterzeichner_ski(self) -> bytes:
        """SubjectKeyIdentifier of the signer, 20 bytes. A claim: use it for the look-up of a key only."""
        return self._inhalt.unterzeichner_ski

    def verify(self, oeffentlicher_schluessel: ec.EllipticCurvePublicKey) -> GeprueftesTelegramm:
        """Check the signature.

        Raises SignaturUngueltig for another signer or a wrong signature, AlgorithmusUnzulaessig for a key on
        another curve, and CmsUngueltig or AlgorithmusUnzulaessig for the content, once the signature holds.
        """
        return GeprueftesTelegramm(self, oeffentlicher_schluessel)


class GeprueftesTelegramm:
    """A container whose signature holds. Making one is checking it, so an unchecked one cannot exist."""

    __slots__ = ("_inhalt", "signiert_um")

    signiert_um: datetime  # UTC, whole seconds, as the signer claims it

    def __init__(self, umschlag: Umschlag, oeffentlicher_schluessel: ec.EllipticCurvePublicKey) -> None:
        schluessel = check_public_key(oeffentlicher_schluessel)
        aussen = umschlag._inhalt
        # The signer's name is unsigned: with another name the container would be a second, changed one.
        if ski(schluessel) != aussen.unterzeichner_ski:
            raise SignaturUngueltig("the container names another signer")
        try:
            schluessel.verify(aussen.signatur, aussen.attribute, _ECDSA)
        except InvalidSignature:
            raise SignaturUngueltig("the signature does not match") from None
        self._inhalt = cms.decode_auth_enveloped_data(aussen.inhalt)
        self.signiert_um = aussen.signiert_um

    @property
    def empfaenger_ski(self) -> bytes:
        """SubjectKeyIdentifier of the recipient, 20 bytes."""
        return self._inhalt.empfaenger_ski

    def decrypt(self, schluessel: Mapping[bytes, ec.EllipticCurvePrivateKey]) -> bytes:
        """The plaintext, by the private key that belongs to the recipient's SKI.

        Raises EntschluesselungGescheitert, the same for every cause.
        """
        return verschluesselung.decrypt(self._inhalt, schluessel)

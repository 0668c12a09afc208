"""Encryption of the content: ephemeral-static ECDH, X9.63-KDF, AES key wrap, AES-128-GCM (RFC 5753, RFC 5084)."""

from __future__ import annotations

import os
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.x963kdf import X963KDF
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from telegramm.cms import NONCE_BYTES, SHARED_INFO, TAG_BYTES, EncryptedContent
from telegramm.fehler import EntschluesselungGescheitert
from telegramm.schluessel import encode_point, ski

_KEY_BYTES = 16
_ECDH = ec.ECDH()
_SHA256 = hashes.SHA256()


def derive_kek(geheimnis: bytes) -> bytes:
    """The 16-byte key encryption key from the 32-byte shared secret Z: X9.63-KDF with SHA-256 (SEC 1, 3.6.1)."""
    return X963KDF(_SHA256, _KEY_BYTES, SHARED_INFO).derive(geheimnis)


def encrypt(klartext: bytes, empfaenger: ec.EllipticCurvePublicKey) -> EncryptedContent:
    """Encrypt to one recipient. Content key, nonce and ephemeral key are fresh from the system's generator."""
    fluechtig = ec.generate_private_key(empfaenger.curve)
    inhaltsschluessel = os.urandom(_KEY_BYTES)
    nonce = os.urandom(NONCE_BYTES)
    siegel = AESGCM(inhaltsschluessel).encrypt(nonce, klartext, None)
    kek = derive_kek(fluechtig.exchange(_ECDH, empfaenger))
    return EncryptedContent(
        empfaenger_ski=ski(empfaenger),
        punkt=encode_point(fluechtig.public_key()),
        schluessel=aes_key_wrap(kek, inhaltsschluessel),
        nonce=nonce,
        geheimtext=siegel[:-TAG_BYTES],
        mac=siegel[-TAG_BYTES:],
    )


def decrypt(inhalt: EncryptedContent, schluessel: Mapping[bytes, ec.EllipticCurvePrivateKey]) -> bytes:
    """Decrypt with the key whose SKI the content names.

    Raises EntschluesselungGescheitert, always the same one and without a cause: a recipient that is not ours
    (KeyError), a point off the curve (ValueError), a wrong wrap and a wrong tag must not be told apart.
    """
    try:
        eigener = schluessel[inhalt.empfaenger_ski]
        fluechtig = ec.EllipticCurvePublicKey.from_encoded_point(eigener.curve, inhalt.punkt)
        kek = derive_kek(eigener.exchange(_ECDH, fluechtig))
        inhaltsschluessel = aes_key_unwrap(kek, inhalt.schluessel)
        return AESGCM(inhaltsschluessel).decrypt(inhalt.nonce, inhalt.geheimtext + inhalt.mac, None)
    except (KeyError, ValueError, InvalidUnwrap, InvalidTag):
        raise EntschluesselungGescheitert from None

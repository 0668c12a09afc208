"""Keys of the content protection: curves, identifiers, and bytes in and out. Nothing here touches a file."""

from __future__ import annotations

import hashlib

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from telegramm.fehler import AlgorithmusUnzulaessig

SKI_BYTES = 20

# The profile's default curve, and the one a content profile may choose instead (RFC 5639).
P256 = ec.SECP256R1()
BRAINPOOL_P256 = ec.BrainpoolP256R1()
_KURVEN = frozenset({P256.name, BRAINPOOL_P256.name})


def generate_private_key(kurve: ec.EllipticCurve = P256) -> ec.EllipticCurvePrivateKey:
    """A fresh private key on P-256, or on brainpoolP256r1; any other curve raises AlgorithmusUnzulaessig."""
    if kurve.name not in _KURVEN:
        raise AlgorithmusUnzulaessig(f"curve {kurve.name}")
    return ec.generate_private_key(kurve)


def check_public_key(schluessel: object) -> ec.EllipticCurvePublicKey:
    """Return the key if it is a public key on an allowed curve, else raise AlgorithmusUnzulaessig."""
    if not isinstance(schluessel, ec.EllipticCurvePublicKey):
        raise AlgorithmusUnzulaessig(f"a public EC key is needed, not {type(schluessel).__name__}")
    if schluessel.curve.name not in _KURVEN:
        raise AlgorithmusUnzulaessig(f"curve {schluessel.curve.name}")
    return schluessel


def check_private_key(schluessel: object) -> ec.EllipticCurvePrivateKey:
    """Return the key if it is a private key on an allowed curve, else raise AlgorithmusUnzulaessig."""
    if not isinstance(schluessel, ec.EllipticCurvePrivateKey):
        raise AlgorithmusUnzulaessig(f"a private EC key is needed, not {type(schluessel).__name__}")
    if schluessel.curve.name not in _KURVEN:
        raise AlgorithmusUnzulaessig(f"curve {schluessel.curve.name}")
    return schluessel


def encode_point(schluessel: ec.EllipticCurvePublicKey) -> bytes:
    """The uncompressed point, `04 || x || y` (SEC 1, 2.3.3): 65 bytes on the allowed curves."""
    return schluessel.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def ski(schluessel: ec.EllipticCurvePublicKey) -> bytes:
    """The 20-byte key identifier of RFC 5280, 4.2.1.2, method 1: SHA-1 of the BIT STRING content.

    It only names a key and protects nothing, so SHA-1's broken collision resistance does no harm: every use of
    the name is followed by a signature check or a decryption with the key itself.
    """
    return hashlib.sha1(encode_point(schluessel), usedforsecurity=False).digest()


def public_key_of_certificate(zertifikat: x509.Certificate) -> ec.EllipticCurvePublicKey:
    """The public key of a certificate; AlgorithmusUnzulaessig unless it is on P-256 or brainpoolP256r1.

    Checks the key only: chain, validity and purpose are the caller's business.
    """
    return check_public_key(zertifikat.public_key())


def dump_private_key(schluessel: ec.EllipticCurvePrivateKey, passwort: bytes | None = None) -> bytes:
    """PEM PKCS #8 (RFC 5208), encrypted if a password is given."""
    schutz: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passwort is not None:
        schutz = serialization.BestAvailableEncryption(passwort)
    return schluessel.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, schutz)


def load_private_key(pem: bytes, passwort: bytes | None = None) -> ec.EllipticCurvePrivateKey:
    """Read PEM PKCS #8.

    ValueError or TypeError for damaged bytes and wrong or missing passwords (they are our own files, not foreign
    input); AlgorithmusUnzulaessig for another kind of key.
    """
    return check_private_key(serialization.load_pem_private_key(pem, passwort))


def dump_public_key(schluessel: ec.EllipticCurvePublicKey) -> bytes:
    """DER SubjectPublicKeyInfo (RFC 5280, 4.1), the form in which the operator stores a meter's keys."""
    return schluessel.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def load_public_key(der: bytes) -> ec.EllipticCurvePublicKey:
    """Read DER SubjectPublicKeyInfo; ValueError for damaged bytes, AlgorithmusUnzulaessig for another key."""
    return check_public_key(serialization.load_der_public_key(der))

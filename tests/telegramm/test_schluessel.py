"""Keys: allowed curves, names, and files' contents."""

from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes

from telegramm.fehler import AlgorithmusUnzulaessig
from telegramm.schluessel import (
    BRAINPOOL_P256,
    P256,
    dump_private_key,
    dump_public_key,
    generate_private_key,
    load_private_key,
    load_public_key,
    public_key_of_certificate,
    ski,
)
from tests.telegramm.bauen import identifier
from tests.telegramm.muster import key

P384 = ec.derive_private_key(7, ec.SECP384R1())
ED25519 = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32))


def test_new_keys() -> None:
    assert generate_private_key().curve.name == "secp256r1"
    assert generate_private_key(P256).curve.name == "secp256r1"
    assert generate_private_key(BRAINPOOL_P256).curve.name == "brainpoolP256r1"
    with pytest.raises(AlgorithmusUnzulaessig):
        generate_private_key(ec.SECP384R1())
    with pytest.raises(AlgorithmusUnzulaessig):
        generate_private_key(ec.SECP256K1())


def test_ski_is_the_sha1_of_the_point() -> None:
    """The base point of P-256 (FIPS 186-4, D.1.2.3), hashed with `sha1sum`."""
    assert ski(key(1).public_key()).hex() == "b467a3999eb5efa671de0032f08a9c9e5efda0e1"
    assert ski(key(2).public_key()) == identifier(key(2).public_key())


@pytest.mark.parametrize("passwort", [None, b"geheim"])
@pytest.mark.parametrize("kurve", [P256, BRAINPOOL_P256], ids=lambda kurve: kurve.name)
def test_private_keys(kurve: ec.EllipticCurve, passwort: bytes | None) -> None:
    pem = dump_private_key(key(3, kurve), passwort)
    kopf = b"-----BEGIN PRIVATE KEY-----" if passwort is None else b"-----BEGIN ENCRYPTED PRIVATE KEY-----"
    assert pem.startswith(kopf)
    assert load_private_key(pem, passwort).private_numbers() == key(3, kurve).private_numbers()


def _pem(schluessel: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    return schluessel.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@pytest.mark.parametrize("fremd", [P384, ED25519])
def test_foreign_private_keys(fremd: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> None:
    with pytest.raises(AlgorithmusUnzulaessig):
        load_private_key(_pem(fremd))


def test_damaged_and_locked_keys() -> None:
    with pytest.raises(ValueError):
        load_private_key(b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    with pytest.raises(TypeError):
        load_private_key(dump_private_key(key(3), b"geheim"))
    with pytest.raises(ValueError):
        load_private_key(dump_private_key(key(3), b"geheim"), b"falsch")


def test_public_keys() -> None:
    der = dump_public_key(key(3).public_key())
    assert load_public_key(der) == key(3).public_key()
    with pytest.raises(AlgorithmusUnzulaessig):
        load_public_key(dump_public_key(P384.public_key()))
    with pytest.raises(ValueError):
        load_public_key(der[:-1])


def _certificate(schluessel: CertificateIssuerPrivateKeyTypes) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "x")])
    return (
        x509.CertificateBuilder(name, name, schluessel.public_key(), 1)
        .not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2028, 1, 1, tzinfo=UTC))
        .sign(schluessel, None if isinstance(schluessel, ed25519.Ed25519PrivateKey) else hashes.SHA256())
    )


def test_certificates() -> None:
    assert public_key_of_certificate(_certificate(key(3))) == key(3).public_key()
    for fremd in (P384, ED25519):
        with pytest.raises(AlgorithmusUnzulaessig):
            public_key_of_certificate(_certificate(fremd))

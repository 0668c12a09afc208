"""The operator's own certification authority: a root, an issuing CA under it, and what they certify.

Bytes and objects only; where keys lie is `ablage.py`'s matter. This is no SM-PKI (BSI TR-03109-4) and does not
claim to be one: it gives the simulated channel real certificates. Names and purposes are set here and never
copied from a request.
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    BrainpoolP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from betreiber.schluessel.domain import Zweck

WURZEL_DAUER = timedelta(days=20 * 365)
CA_DAUER = timedelta(days=10 * 365)
BETREIBER_DAUER = timedelta(days=3 * 365)
GERAET_DAUER = timedelta(days=2 * 365)
# Clocks of meters are allowed to be a little behind when they first use a certificate.
VORLAUF = timedelta(hours=1)


class CsrUngueltig(Exception):
    """A request that cannot be certified; the text says why, for the log."""


@dataclass(frozen=True)
class Schluesselpaar:
    """A private key with its certificate."""

    schluessel: EllipticCurvePrivateKey
    zertifikat: x509.Certificate


def create_root(jetzt: datetime) -> Schluesselpaar:
    """The anchor that meters pin."""
    schluessel = generate_private_key(SECP256R1())
    name = _name("Messstellenbetreiber Wurzel")
    bauer = _builder(name, name, schluessel.public_key(), schluessel.public_key(), jetzt, WURZEL_DAUER)
    bauer = bauer.add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
    bauer = bauer.add_extension(_key_usage(cert_sign=True), critical=True)
    return Schluesselpaar(schluessel, bauer.sign(schluessel, hashes.SHA256()))


def create_issuing_ca(wurzel: Schluesselpaar, jetzt: datetime) -> Schluesselpaar:
    """The CA that certifies meters; it can be replaced while the root stays."""
    schluessel = generate_private_key(SECP256R1())
    bauer = _issued_by(wurzel, _name("Messstellenbetreiber Geräte-CA"), schluessel.public_key(), jetzt, CA_DAUER)
    bauer = bauer.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    bauer = bauer.add_extension(_key_usage(cert_sign=True), critical=True)
    return Schluesselpaar(schluessel, bauer.sign(wurzel.schluessel, hashes.SHA256()))


def create_server(ca: Schluesselpaar, namen: Iterable[str], jetzt: datetime) -> Schluesselpaar:
    """The TLS certificate of the device and the enrolment listener, for these names and addresses."""
    schluessel = generate_private_key(SECP256R1())
    namen = list(namen)
    bauer = _issued_by(ca, _name(namen[0]), schluessel.public_key(), jetzt, BETREIBER_DAUER)
    bauer = bauer.add_extension(
        x509.SubjectAlternativeName([_general_name(name) for name in namen]), critical=False
    )
    bauer = _end_entity(bauer, _key_usage(sign=True), ExtendedKeyUsageOID.SERVER_AUTH)
    return Schluesselpaar(schluessel, bauer.sign(ca.schluessel, hashes.SHA256()))


def create_operator(ca: Schluesselpaar, zweck: Zweck, jetzt: datetime) -> Schluesselpaar:
    """The operator's key for receipts (SIGNATUR) or for Telegramme (VERSCHLUESSELUNG)."""
    schluessel = generate_private_key(SECP256R1())
    bauer = _issued_by(
        ca, _name(f"Messstellenbetreiber {zweck.capitalize()}"), schluessel.public_key(), jetzt, BETREIBER_DAUER
    )
    return Schluesselpaar(schluessel, _for_content(bauer, zweck).sign(ca.schluessel, hashes.SHA256()))


def create_firmware(ca: Schluesselpaar, jetzt: datetime) -> Schluesselpaar:
    """The key that signs firmware for meters: its purpose is code signing (RFC 5280, 4.2.1.12), nothing else."""
    schluessel = generate_private_key(SECP256R1())
    bauer = _issued_by(ca, _name("Messstellenbetreiber Firmware"), schluessel.public_key(), jetzt, BETREIBER_DAUER)
    bauer = _end_entity(bauer, _key_usage(sign=True), ExtendedKeyUsageOID.CODE_SIGNING)
    return Schluesselpaar(schluessel, bauer.sign(ca.schluessel, hashes.SHA256()))


def certify_meter(
    ca: Schluesselpaar, zaehlernummer: str, zweck: Zweck, schluessel: EllipticCurvePublicKey, jetzt: datetime
) -> x509.Certificate:
    """A meter's certificate: its subject is the meter number, its purpose what `zweck` says."""
    bauer = _issued_by(ca, _name(zaehlernummer), schluessel, jetzt, GERAET_DAUER)
    if zweck is Zweck.TLS:
        bauer = _end_entity(bauer, _key_usage(sign=True), ExtendedKeyUsageOID.CLIENT_AUTH)
    else:
        bauer = _for_content(bauer, zweck)
    return bauer.sign(ca.schluessel, hashes.SHA256())


def read_csr(der: bytes, zweck: Zweck) -> EllipticCurvePublicKey:
    """The public key of a certificate request (PKCS #10). Raises CsrUngueltig.

    Only the key is taken, and the request's signature proves its possession. It must be on P-256; keys of the
    content may be on brainpoolP256r1 instead (docs/telegramm.md, 1.3).
    """
    kurven = (SECP256R1,) if zweck is Zweck.TLS else (SECP256R1, BrainpoolP256R1)
    try:
        csr = x509.load_der_x509_csr(der)
        schluessel = csr.public_key()
        gueltig = csr.is_signature_valid
    except (ValueError, TypeError, InvalidSignature) as error:
        raise CsrUngueltig("not a certificate request") from error
    if not isinstance(schluessel, EllipticCurvePublicKey) or not isinstance(schluessel.curve, kurven):
        raise CsrUngueltig("not a key on an allowed curve")
    if not gueltig:
        raise CsrUngueltig("wrong signature")
    return schluessel


def _for_content(bauer: x509.CertificateBuilder, zweck: Zweck) -> x509.CertificateBuilder:
    # The purpose of CMS content also keeps these keys out of TLS, where only CLIENT_AUTH is let in.
    nutzung = _key_usage(sign=zweck is Zweck.SIGNATUR, agree=zweck is Zweck.VERSCHLUESSELUNG)
    return _end_entity(bauer, nutzung, ExtendedKeyUsageOID.EMAIL_PROTECTION)


def _end_entity(
    bauer: x509.CertificateBuilder, nutzung: x509.KeyUsage, zweck: x509.ObjectIdentifier
) -> x509.CertificateBuilder:
    return (
        bauer.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(nutzung, critical=True)
        .add_extension(x509.ExtendedKeyUsage([zweck]), critical=False)
    )


def _issued_by(
    ca: Schluesselpaar, name: x509.Name, schluessel: EllipticCurvePublicKey, jetzt: datetime, dauer: timedelta
) -> x509.CertificateBuilder:
    # Nothing outlives the CA above it: a chain with an ended link is refused.
    dauer = min(dauer, ca.zertifikat.not_valid_after_utc - jetzt)
    return _builder(name, ca.zertifikat.subject, schluessel, ca.schluessel.public_key(), jetzt, dauer)


def _builder(
    subjekt: x509.Name,
    aussteller: x509.Name,
    schluessel: EllipticCurvePublicKey,
    ca_schluessel: EllipticCurvePublicKey,
    jetzt: datetime,
    dauer: timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subjekt)
        .issuer_name(aussteller)
        .public_key(schluessel)
        .serial_number(x509.random_serial_number())
        .not_valid_before(jetzt - VORLAUF)
        .not_valid_after(jetzt + dauer)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(schluessel), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_schluessel), critical=False)
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _key_usage(*, sign: bool = False, agree: bool = False, cert_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=agree,
        key_cert_sign=cert_sign,
        crl_sign=cert_sign,
        encipher_only=False,
        decipher_only=False,
    )

"""A second, lax writer of containers: DER by hand, every part replaceable, so that the tests can forge anything.

It shares no line with the package. Each builder takes its parts as finished DER under a name, so that a test names
only what it changes.
"""

import hashlib
import os
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import aes_key_wrap


def tlv(tag: int, *teile: bytes) -> bytes:
    """One element; the length in its shortest form."""
    inhalt = b"".join(teile)
    if len(inhalt) < 128:
        return bytes([tag, len(inhalt)]) + inhalt
    laenge = len(inhalt).to_bytes((len(inhalt).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(laenge)]) + laenge + inhalt


def seq(*teile: bytes) -> bytes:
    return tlv(0x30, *teile)


def set_of(*teile: bytes) -> bytes:
    return tlv(0x31, *sorted(teile))


def octets(inhalt: bytes) -> bytes:
    return tlv(0x04, inhalt)


def integer(zahl: int) -> bytes:
    return tlv(0x02, zahl.to_bytes(1 + zahl.bit_length() // 8, "big", signed=True))


def oid(punkte: str) -> bytes:
    erste, zweite, *rest = map(int, punkte.split("."))
    daten = b""
    for zahl in (40 * erste + zweite, *rest):
        gruppe = [zahl & 0x7F]
        while zahl := zahl >> 7:
            gruppe.insert(0, 0x80 | zahl & 0x7F)
        daten += bytes(gruppe)
    return tlv(0x06, daten)


NULL = b"\x05\x00"
DATA = oid("1.2.840.113549.1.7.1")
SIGNED_DATA = oid("1.2.840.113549.1.7.2")
AUTH_ENVELOPED = oid("1.2.840.113549.1.9.16.1.23")
SHA1 = seq(oid("1.3.14.3.2.26"))
SHA256_OID = oid("2.16.840.1.101.3.4.2.1")
SHA256 = seq(SHA256_OID)
ECDSA_SHA256_OID = oid("1.2.840.10045.4.3.2")
RSA = seq(oid("1.2.840.113549.1.1.11"), NULL)
EC_PUBLIC_KEY = oid("1.2.840.10045.2.1")
P256 = oid("1.2.840.10045.3.1.7")
SHA256_KDF = oid("1.3.132.1.11.1")
SHA1_KDF = oid("1.3.133.16.840.63.0.2")
AES128_WRAP = oid("2.16.840.1.101.3.4.1.5")
AES256_WRAP = oid("2.16.840.1.101.3.4.1.45")
AES128_GCM = oid("2.16.840.1.101.3.4.1.6")
AES128_CBC = oid("2.16.840.1.101.3.4.1.2")
CONTENT_TYPE = oid("1.2.840.113549.1.9.3")
MESSAGE_DIGEST = oid("1.2.840.113549.1.9.4")
SIGNING_TIME = oid("1.2.840.113549.1.9.5")

UTC_ZEIT = tlv(0x17, b"260615100000Z")


def identifier(schluessel: ec.EllipticCurvePublicKey) -> bytes:
    """The SKI, as the library computes it for certificates."""
    return x509.SubjectKeyIdentifier.from_public_key(schluessel).digest


def point(schluessel: ec.EllipticCurvePublicKey) -> bytes:
    return schluessel.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def attribute(typ: bytes, *werte: bytes) -> bytes:
    return seq(typ, set_of(*werte))


def auth_enveloped(klartext: bytes, empfaenger: ec.EllipticCurvePublicKey, **teile: Any) -> bytes:
    """AuthEnvelopedData in the shape of RFC 5083, 5084 and 5753; `teile` replace or add single parts."""
    fluechtig = ec.generate_private_key(empfaenger.curve)
    cek, nonce = os.urandom(16), os.urandom(teile.get("nonce_bytes", 12))
    siegel = AESGCM(cek).encrypt(nonce, klartext, None)
    z = fluechtig.exchange(ec.ECDH(), empfaenger)
    info = bytes.fromhex("3015300b0609608648016503040105a206040400000080")
    kek = hashlib.sha256(z + b"\x00\x00\x00\x01" + info).digest()[:16]
    originator_key = tlv(
        0xA1,
        teile.get("originator_algorithm", seq(EC_PUBLIC_KEY)),
        teile.get("public_key", tlv(0x03, b"\x00", point(fluechtig.public_key()))),
    )
    wrapped = octets(teile.get("wrapped", aes_key_wrap(kek, cek)))
    rid = teile.get("rid", tlv(0xA0, octets(identifier(empfaenger)), teile.get("rid_more", b"")))
    kari = tlv(
        0xA1,
        integer(teile.get("kari_version", 3)),
        tlv(0xA0, originator_key),
        teile.get("ukm", b""),
        teile.get("key_encryption", seq(SHA256_KDF, seq(AES128_WRAP))),
        seq(*[seq(rid, wrapped)] * teile.get("encrypted_keys", 1)),
    )
    icv_len = teile.get("icv_len", integer(16))
    return seq(
        integer(teile.get("version", 0)),
        teile.get("originator_info", b""),
        teile.get("recipients", set_of(kari)),
        seq(
            teile.get("content_type", DATA),
            teile.get("content_encryption", seq(AES128_GCM, seq(octets(nonce), icv_len))),
            teile.get("ciphertext", tlv(0x80, siegel[:-16])),
        ),
        teile.get("auth_attrs", b""),
        octets(teile.get("mac", siegel[-16:][: teile.get("mac_bytes", 16)])),
        teile.get("unauth_attrs", b""),
    )


def attributes(inhalt: bytes, zeit: bytes = UTC_ZEIT) -> list[bytes]:
    """The three signed attributes for a content."""
    return [
        attribute(CONTENT_TYPE, AUTH_ENVELOPED),
        attribute(SIGNING_TIME, zeit),
        attribute(MESSAGE_DIGEST, octets(hashlib.sha256(inhalt).digest())),
    ]


def signed_data(inhalt: bytes, unterzeichner: ec.EllipticCurvePrivateKey, **teile: Any) -> bytes:
    """ContentInfo with SignedData in the shape of RFC 5652; `teile` replace or add single parts.

    The signature is always a valid one over the attributes that are written, unless it is replaced itself.
    """
    liste = teile.get("attributes", attributes(inhalt))
    attribute_der = b"".join(liste if teile.get("unsorted") else sorted(liste))
    signatur = unterzeichner.sign(tlv(0x31, attribute_der), ec.ECDSA(teile.get("hash", hashes.SHA256())))
    signer = seq(
        integer(teile.get("signer_version", 3)),
        teile.get("sid", tlv(0x80, identifier(unterzeichner.public_key()))),
        teile.get("signer_digest", SHA256),
        teile.get("signed_attrs", tlv(0xA0, attribute_der)),
        teile.get("signature_algorithm", seq(ECDSA_SHA256_OID)),
        octets(teile.get("signature", signatur)),
        teile.get("unsigned_attrs", b""),
    )
    return seq(
        teile.get("outer_type", SIGNED_DATA),
        tlv(
            0xA0,
            seq(
                integer(teile.get("version", 3)),
                teile.get("digest_algorithms", set_of(SHA256)),
                seq(teile.get("econtent_type", AUTH_ENVELOPED), teile.get("econtent", tlv(0xA0, octets(inhalt)))),
                teile.get("certificates", b""),
                teile.get("crls", b""),
                set_of(*[signer] * teile.get("signers", 1)),
            ),
        ),
        teile.get("after", b""),
    )

"""Each field that CMS leaves unsigned, and each choice that the profile takes away, changed one at a time."""

from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from telegramm.fehler import AlgorithmusUnzulaessig, CmsUngueltig, TelegrammFehler
from tests.telegramm import bauen
from tests.telegramm.bauen import NULL, attribute, attributes, integer, octets, oid, seq, set_of, tlv
from tests.telegramm.muster import P256, key

EMPFAENGER = P256.betreiber.public_key()
INHALT = bauen.auth_enveloped(b"x", EMPFAENGER)
CT, ST, MD = attributes(INHALT)
FREMDES_ATTRIBUT = attribute(oid("1.2.3.4"), NULL)

AUSSEN: dict[str, tuple[dict[str, Any], type[TelegrammFehler]]] = {
    "outer type": ({"outer_type": bauen.DATA}, CmsUngueltig),
    "SignedData v1": ({"version": 1}, CmsUngueltig),
    "SignedData v4": ({"version": 4}, CmsUngueltig),
    "SignedData v259, whose last byte is 3": ({"version": 259}, CmsUngueltig),
    "SignerInfo v1": ({"signer_version": 1}, CmsUngueltig),
    "no digest algorithm": ({"digest_algorithms": set_of()}, CmsUngueltig),
    "two digest algorithms": ({"digest_algorithms": set_of(bauen.SHA256, bauen.SHA1)}, CmsUngueltig),
    "digest algorithm is no sequence": ({"digest_algorithms": set_of(integer(1))}, CmsUngueltig),
    "SHA-1 in digestAlgorithms": ({"digest_algorithms": set_of(bauen.SHA1)}, AlgorithmusUnzulaessig),
    "SHA-1 of the signer": ({"signer_digest": bauen.SHA1}, AlgorithmusUnzulaessig),
    "SHA-256 with NULL in digestAlgorithms": (
        {"digest_algorithms": set_of(seq(bauen.SHA256_OID, NULL))},
        AlgorithmusUnzulaessig,
    ),
    "SHA-256 with NULL of the signer": ({"signer_digest": seq(bauen.SHA256_OID, NULL)}, AlgorithmusUnzulaessig),
    "RSA signature": ({"signature_algorithm": bauen.RSA}, AlgorithmusUnzulaessig),
    "ECDSA with SHA-1": (
        {"signature_algorithm": seq(oid("1.2.840.10045.4.1")), "hash": hashes.SHA1()},
        AlgorithmusUnzulaessig,
    ),
    "ECDSA with SHA-384": (
        {"signature_algorithm": seq(oid("1.2.840.10045.4.3.3")), "hash": hashes.SHA384()},
        AlgorithmusUnzulaessig,
    ),
    "ECDSA with NULL": ({"signature_algorithm": seq(bauen.ECDSA_SHA256_OID, NULL)}, AlgorithmusUnzulaessig),
    "inner type data": ({"econtent_type": bauen.DATA}, CmsUngueltig),
    "detached": ({"econtent": b""}, CmsUngueltig),
    "content in BER pieces": ({"econtent": tlv(0xA0, tlv(0x24, octets(INHALT)))}, CmsUngueltig),
    "certificates": ({"certificates": tlv(0xA0, seq(integer(1)))}, CmsUngueltig),
    "empty certificates": ({"certificates": tlv(0xA0)}, CmsUngueltig),
    "crls": ({"crls": tlv(0xA1, seq(integer(1)))}, CmsUngueltig),
    "no signer": ({"signers": 0}, CmsUngueltig),
    "two signers": ({"signers": 2}, CmsUngueltig),
    "signer by issuer and number": ({"sid": seq(seq(), integer(1))}, CmsUngueltig),
    "SKI of 19 bytes": ({"sid": tlv(0x80, bytes(19))}, CmsUngueltig),
    "SKI of 32 bytes": ({"sid": tlv(0x80, bytes(32))}, CmsUngueltig),
    "unsigned attributes": ({"unsigned_attrs": tlv(0xA1, FREMDES_ATTRIBUT)}, CmsUngueltig),
    "empty unsigned attributes": ({"unsigned_attrs": tlv(0xA1)}, CmsUngueltig),
    "no signed attributes": ({"signed_attrs": b""}, CmsUngueltig),
    "empty signed attributes": ({"attributes": []}, CmsUngueltig),
    "no content-type": ({"attributes": [ST, MD]}, CmsUngueltig),
    "no signing-time": ({"attributes": [CT, MD]}, CmsUngueltig),
    "no message-digest": ({"attributes": [CT, ST]}, CmsUngueltig),
    "doubled content-type": ({"attributes": [CT, CT, ST, MD]}, CmsUngueltig),
    "doubled signing-time": ({"attributes": [CT, ST, ST, MD]}, CmsUngueltig),
    "doubled message-digest": ({"attributes": [CT, ST, MD, MD]}, CmsUngueltig),
    "a fourth attribute": ({"attributes": [CT, ST, MD, FREMDES_ATTRIBUT]}, CmsUngueltig),
    "many attributes": ({"attributes": [CT, ST, MD, MD, MD]}, CmsUngueltig),
    "another attribute for content-type": (
        {"attributes": [attribute(oid("1.2.840.113549.1.9.9"), bauen.AUTH_ENVELOPED), ST, MD]},
        CmsUngueltig,
    ),
    "another attribute for signing-time": (
        {"attributes": [CT, attribute(oid("1.2.840.113549.1.9.9"), bauen.UTC_ZEIT), MD]},
        CmsUngueltig,
    ),
    "another attribute for message-digest": (
        {"attributes": [CT, ST, attribute(oid("1.2.840.113549.1.9.9"), octets(bytes(32)))]},
        CmsUngueltig,
    ),
    "content-type data": ({"attributes": [attribute(bauen.CONTENT_TYPE, bauen.DATA), ST, MD]}, CmsUngueltig),
    "two values of signing-time": (
        {"attributes": [CT, attribute(bauen.SIGNING_TIME, bauen.UTC_ZEIT, tlv(0x17, b"270615100000Z")), MD]},
        CmsUngueltig,
    ),
    "false message-digest": (
        {"attributes": [CT, ST, attribute(bauen.MESSAGE_DIGEST, octets(bytes(32)))]},
        CmsUngueltig,
    ),
    "short message-digest": (
        {"attributes": [CT, ST, attribute(bauen.MESSAGE_DIGEST, octets(bytes(20)))]},
        CmsUngueltig,
    ),
    "unsorted attributes": ({"attributes": [ST, CT, MD], "unsorted": True}, CmsUngueltig),
    "GeneralizedTime before 2050": (
        {"attributes": attributes(INHALT, tlv(0x18, b"20260615100000Z"))},
        CmsUngueltig,
    ),
    "time with a fraction": ({"attributes": attributes(INHALT, tlv(0x18, b"20560615100000.5Z"))}, CmsUngueltig),
    "time without seconds": ({"attributes": attributes(INHALT, tlv(0x17, b"2606151000Z"))}, CmsUngueltig),
    "time with an offset": ({"attributes": attributes(INHALT, tlv(0x17, b"260615120000+0200"))}, CmsUngueltig),
    "no such day": ({"attributes": attributes(INHALT, tlv(0x17, b"260230100000Z"))}, CmsUngueltig),
    "an element behind the content": ({"after": NULL}, CmsUngueltig),
}

INNEN: dict[str, tuple[dict[str, Any], type[TelegrammFehler]]] = {
    "AuthEnvelopedData v1": ({"version": 1}, CmsUngueltig),
    "originatorInfo": ({"originator_info": tlv(0xA0)}, CmsUngueltig),
    "no recipient": ({"recipients": set_of()}, CmsUngueltig),
    "two recipients": ({"recipients": set_of(tlv(0xA1), tlv(0xA1, NULL))}, CmsUngueltig),
    "RSA recipient": (
        {"recipients": set_of(seq(integer(2), tlv(0x80, bytes(20)), bauen.RSA, octets(bytes(256))))},
        AlgorithmusUnzulaessig,
    ),
    "shared-key recipient": ({"recipients": set_of(tlv(0xA2, integer(4)))}, CmsUngueltig),
    "password recipient": ({"recipients": set_of(tlv(0xA3, integer(0)))}, CmsUngueltig),
    "KeyAgreeRecipientInfo v2": ({"kari_version": 2}, CmsUngueltig),
    "ukm": ({"ukm": tlv(0xA1, octets(bytes(8)))}, CmsUngueltig),
    "two encrypted keys": ({"encrypted_keys": 2}, CmsUngueltig),
    "no encrypted key": ({"encrypted_keys": 0}, CmsUngueltig),
    "recipient by issuer and number": ({"rid": seq(seq(), integer(1))}, CmsUngueltig),
    "date of the recipient key": ({"rid_more": tlv(0x18, b"20260615100000Z")}, CmsUngueltig),
    "other attribute of the recipient key": ({"rid_more": seq(oid("1.2.3.4"))}, CmsUngueltig),
    "SKI of 19 bytes": ({"rid": tlv(0xA0, octets(bytes(19)))}, CmsUngueltig),
    "named curve of the originator": (
        {"originator_algorithm": seq(bauen.EC_PUBLIC_KEY, bauen.P256)},
        AlgorithmusUnzulaessig,
    ),
    "NULL of the originator": ({"originator_algorithm": seq(bauen.EC_PUBLIC_KEY, NULL)}, AlgorithmusUnzulaessig),
    "P-384 point": (
        {"public_key": tlv(0x03, b"\x00", bauen.point(ec.derive_private_key(7, ec.SECP384R1()).public_key()))},
        AlgorithmusUnzulaessig,
    ),
    "compressed point": ({"public_key": tlv(0x03, b"\x00\x02" + bytes(32))}, AlgorithmusUnzulaessig),
    "hybrid point": ({"public_key": tlv(0x03, b"\x00\x06" + bytes(64))}, AlgorithmusUnzulaessig),
    "point at infinity": ({"public_key": tlv(0x03, b"\x00\x00")}, AlgorithmusUnzulaessig),
    "empty point": ({"public_key": tlv(0x03, b"\x00")}, AlgorithmusUnzulaessig),
    "unused bits": ({"public_key": tlv(0x03, b"\x01\x04" + bytes(64))}, AlgorithmusUnzulaessig),
    "KDF with SHA-1": (
        {"key_encryption": seq(bauen.SHA1_KDF, seq(bauen.AES128_WRAP))},
        AlgorithmusUnzulaessig,
    ),
    "AES-256 wrap": ({"key_encryption": seq(bauen.SHA256_KDF, seq(bauen.AES256_WRAP))}, AlgorithmusUnzulaessig),
    "wrap with NULL": (
        {"key_encryption": seq(bauen.SHA256_KDF, seq(bauen.AES128_WRAP, NULL))},
        AlgorithmusUnzulaessig,
    ),
    "wrapped 256-bit key": ({"wrapped": bytes(40)}, AlgorithmusUnzulaessig),
    "content type signed data": ({"content_type": bauen.SIGNED_DATA}, CmsUngueltig),
    "content encryption is no sequence": ({"content_encryption": NULL}, CmsUngueltig),
    "CBC": ({"content_encryption": seq(bauen.AES128_CBC, octets(bytes(16)))}, AlgorithmusUnzulaessig),
    "AES-256-GCM": (
        {"content_encryption": seq(oid("2.16.840.1.101.3.4.1.46"), seq(octets(bytes(12)), integer(16)))},
        AlgorithmusUnzulaessig,
    ),
    "aes-ICVlen absent": ({"icv_len": b"", "mac_bytes": 12}, AlgorithmusUnzulaessig),
    "aes-ICVlen absent with a long tag": ({"icv_len": b""}, AlgorithmusUnzulaessig),
    "aes-ICVlen 12": ({"icv_len": integer(12), "mac_bytes": 12}, AlgorithmusUnzulaessig),
    "aes-ICVlen 15": ({"icv_len": integer(15), "mac_bytes": 15}, AlgorithmusUnzulaessig),
    "short tag": ({"mac_bytes": 12}, AlgorithmusUnzulaessig),
    "long tag": ({"mac": bytes(17)}, AlgorithmusUnzulaessig),
    "nonce of 8 bytes": ({"nonce_bytes": 8}, AlgorithmusUnzulaessig),
    "nonce of 16 bytes": ({"nonce_bytes": 16}, AlgorithmusUnzulaessig),
    "detached ciphertext": ({"ciphertext": b""}, CmsUngueltig),
    "ciphertext in BER pieces": ({"ciphertext": tlv(0xA0, octets(b"x"))}, CmsUngueltig),
    "authAttrs": ({"auth_attrs": tlv(0xA1, FREMDES_ATTRIBUT)}, CmsUngueltig),
    "unauthAttrs": ({"unauth_attrs": tlv(0xA2, FREMDES_ATTRIBUT)}, CmsUngueltig),
    "empty unauthAttrs": ({"unauth_attrs": tlv(0xA2)}, CmsUngueltig),
}


def test_the_unchanged_container_is_opened() -> None:
    """Without it, every refusal below could have another reason than its name says."""
    assert P256.open(bauen.signed_data(INHALT, P256.zaehler)) == b"x"


@pytest.mark.parametrize("name", AUSSEN)
def test_outer_structure(name: str) -> None:
    teile, fehler = AUSSEN[name]
    with pytest.raises(fehler):
        P256.open(bauen.signed_data(INHALT, P256.zaehler, **teile))


@pytest.mark.parametrize("name", INNEN)
def test_inner_structure_under_a_valid_signature(name: str) -> None:
    teile, fehler = INNEN[name]
    inhalt = bauen.auth_enveloped(b"x", EMPFAENGER, **teile)
    with pytest.raises(fehler):
        P256.open(bauen.signed_data(inhalt, P256.zaehler))


def test_two_whole_recipients() -> None:
    """Not only two stubs: a second recipient who could really read it."""
    eins, zwei = (bauen.auth_enveloped(b"x", schluessel.public_key()) for schluessel in (P256.betreiber, key(9)))
    start = eins.index(b"\x31", 5)
    laenge = 3 + eins[start + 2]
    paar = set_of(eins[start + 3 : start + laenge], zwei[start + 3 : start + laenge])
    inhalt = bauen.auth_enveloped(b"x", EMPFAENGER, recipients=paar)
    with pytest.raises(CmsUngueltig):
        P256.open(bauen.signed_data(inhalt, P256.zaehler))


@pytest.mark.parametrize(
    "container",
    [
        b"\x30\x80" + bauen.signed_data(INHALT, P256.zaehler)[4:] + b"\x00\x00",
        b"\x30\x83\x00" + bauen.signed_data(INHALT, P256.zaehler)[2:],
        bauen.auth_enveloped(b"x", EMPFAENGER),
        seq(bauen.AUTH_ENVELOPED, tlv(0xA0, INHALT)),
        b"",
        b"\x30",
        b"\x30\x84\xff\xff\xff\xff",
    ],
    ids=[
        "indefinite length",
        "length not minimal",
        "not signed",
        "not signed, ContentInfo",
        "empty",
        "tag",
        "huge",
    ],
)
def test_other_outer_forms(container: bytes) -> None:
    with pytest.raises(CmsUngueltig):
        P256.open(container)

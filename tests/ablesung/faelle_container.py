"""Containers that are refused: their structure, their algorithms, their signer, what can be decrypted.

The forgeries come from `tests/telegramm/bauen.py`, which shares no line with the package.
"""

import os
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from telegramm.schluessel import generate_private_key
from tests.ablesung.buehne import Buehne
from tests.ablesung.fall import Fall
from tests.telegramm import bauen
from tests.telegramm.bauen import NULL, attribute, integer, octets, oid, seq, set_of, tlv

CMS, ALGORITHMUS = "cms_ungueltig", "algorithmus"
FREMDES_ATTRIBUT = attribute(oid("1.2.3.4"), NULL)
FALSCHER_DIGEST = attribute(bauen.MESSAGE_DIGEST, octets(bytes(32)))
ANDERER_TYP = attribute(bauen.CONTENT_TYPE, bauen.DATA)


def _bytes(eingabe: str, make: Callable[[Buehne], bytes]) -> Fall:
    return Fall("parse", eingabe, 400, CMS, lambda b: b.post(make(b)))


def _outer(eingabe: str, code: str, **teile: Any) -> Fall:
    return Fall("parse", eingabe, 400, code, lambda b: b.post(b.container(**teile)))


def _attributes(eingabe: str, choose: Callable[[bytes, bytes, bytes], list[bytes]]) -> Fall:
    """`choose` makes the signed attributes from content-type, signing-time and message-digest."""

    def send(b: Buehne) -> Any:
        inhalt = b.inhalt()
        return b.post(b.container(inhalt, attributes=choose(*bauen.attributes(inhalt))))

    return Fall("parse", eingabe, 400, CMS, send)


def _inner(eingabe: str, code: str, schritt: str = "inner structure", **teile: Any) -> Fall:
    return Fall(schritt, eingabe, 400, code, lambda b: b.post(b.container(b.inhalt(**teile))))


def _bomb(_: Buehne) -> bytes:
    der = NULL
    while len(der) < 65_000:
        der = seq(der)
    return der


AUSSEN = [
    _bytes("not DER: text", lambda _: b"hallo"),
    _bytes("not DER: JSON", lambda _: b"{}"),
    Fall("parse", "empty body", 400, CMS, lambda b: b.post_raw(b"", CONTENT_LENGTH="0")),
    _bytes("BER: indefinite length", lambda b: b"\x30\x80" + b.container()[4:] + b"\x00\x00"),
    _bytes("BER: length not minimal", lambda b: b"\x30\x83\x00" + b.container()[2:]),
    _bytes("truncated", lambda b: b.container()[:-1]),
    _bytes("trailing byte", lambda b: b.container() + b"\x00"),
    _bytes("nesting bomb of 16,000 levels", _bomb),
    _bytes("not signed: the inner structure alone", lambda b: seq(bauen.AUTH_ENVELOPED, tlv(0xA0, b.inhalt()))),
    _outer("wrong outer type", CMS, outer_type=bauen.DATA),
    _outer("wrong inner type", CMS, econtent_type=bauen.DATA),
    _outer("detached content", CMS, econtent=b""),
    _outer("no signer", CMS, signers=0),
    _outer("two signers", CMS, signers=2),
    _outer("signer named by issuer and number", CMS, sid=seq(seq(), integer(1))),
    _outer("SignedData v1", CMS, version=1),
    _outer("SignerInfo v1", CMS, signer_version=1),
    _outer("no digest algorithm", CMS, digest_algorithms=set_of()),
    _outer("two digest algorithms", CMS, digest_algorithms=set_of(bauen.SHA256, bauen.SHA1)),
    _outer("certificates", CMS, certificates=tlv(0xA0, seq(integer(1)))),
    _outer("CRLs", CMS, crls=tlv(0xA1, seq(integer(1)))),
    _outer("unsigned attributes", CMS, unsigned_attrs=tlv(0xA1, FREMDES_ATTRIBUT)),
    _outer("no signed attributes", CMS, signed_attrs=b""),
    _attributes("content-type missing", lambda ct, st, md: [st, md]),
    _attributes("signing-time missing", lambda ct, st, md: [ct, md]),
    _attributes("message-digest missing", lambda ct, st, md: [ct, st]),
    _attributes("content-type doubled", lambda ct, st, md: [ct, ct, st, md]),
    _attributes("signing-time doubled", lambda ct, st, md: [ct, st, st, md]),
    _attributes("message-digest doubled", lambda ct, st, md: [ct, st, md, md]),
    _attributes("a fourth attribute", lambda ct, st, md: [ct, st, md, FREMDES_ATTRIBUT]),
    _attributes("content-type is another", lambda ct, st, md: [ANDERER_TYP, st, md]),
    _attributes("message-digest is of something else", lambda ct, st, md: [ct, st, FALSCHER_DIGEST]),
    _outer("digest SHA-1", ALGORITHMUS, digest_algorithms=set_of(bauen.SHA1)),
    _outer("digest SHA-1 of the signer", ALGORITHMUS, signer_digest=bauen.SHA1),
    _outer("SHA-256 with NULL", ALGORITHMUS, signer_digest=seq(bauen.SHA256_OID, NULL)),
    _outer("signature RSA", ALGORITHMUS, signature_algorithm=bauen.RSA),
    _outer(
        "signature ECDSA with SHA-384",
        ALGORITHMUS,
        signature_algorithm=seq(oid("1.2.840.10045.4.3.3")),
        hash=hashes.SHA384(),
    ),
]  # fmt: skip


def _by_unknown_key(b: Buehne) -> Any:
    return b.post(b.container(von=generate_private_key()))


def _by_tls_key(b: Buehne) -> Any:
    return b.post(b.container(von=b.zaehler.tls))


def _revoked(zweck: str) -> Callable[[Buehne], Any]:
    def send(b: Buehne) -> Any:
        b.revoke(zweck)
        return b.post(b.container())

    return send


def _expired(zweck: str) -> Callable[[Buehne], Any]:
    def send(b: Buehne) -> Any:
        b.expire(zweck)
        return b.post(b.container())

    return send


def _in_state(zustand: str) -> Callable[[Buehne], Any]:
    def send(b: Buehne) -> Any:
        b.set_zustand(zustand)
        return b.post(b.container())

    return send


def signed_by_another(b: Buehne) -> bytes:
    """A container that names the meter as its signer and bears another key's signature."""
    return b.container(
        von=generate_private_key(), sid=tlv(0x80, bauen.identifier(b.zaehler.signatur.public_key()))
    )


def _attributes_exchanged(b: Buehne) -> Any:
    inhalt = b.inhalt()
    spaeter = bauen.attributes(inhalt, tlv(0x17, b"260615100001Z"))
    return b.post(b.container(inhalt, signed_attrs=tlv(0xA0, b"".join(sorted(spaeter)))))


UNTERZEICHNER = [
    Fall("signer", "a key that nobody knows", 401, "unbekannt", _by_unknown_key),
    Fall("signer", "the meter's TLS key signs", 401, "unbekannt", _by_tls_key),
    Fall("signer", "signature key revoked", 403, "gesperrt", _revoked("SIGNATUR")),
    Fall("signer", "signature key expired", 403, "gesperrt", _expired("SIGNATUR")),
    Fall("signature", "signed by another key", 401, "signatur", lambda b: b.post(signed_by_another(b))),
    Fall("signature", "an attribute exchanged after signing", 401, "signatur", _attributes_exchanged),
    Fall(
        "identity",
        "connection of another meter",
        403,
        "identitaet",
        lambda b: b.post(b.container(), b.fremder.enrolled.zertifikat_tls),
    ),
    Fall(
        "identity",
        "signature certificate as client certificate",
        403,
        "identitaet",
        lambda b: b.post(b.container(), b.zaehler.enrolled.zertifikat_signatur),
    ),
    Fall("identity", "TLS key revoked", 403, "gesperrt", _revoked("TLS")),
    Fall("identity", "TLS key expired on a connection that was kept", 403, "gesperrt", _expired("TLS")),
    Fall("identity", "meter locked", 403, "gesperrt", _in_state("GESPERRT"), zustand="GESPERRT"),
    Fall("identity", "meter removed", 403, "gesperrt", _in_state("AUSGEBAUT"), zustand="AUSGEBAUT"),
    Fall("identity", "meter scrapped", 403, "gesperrt", _in_state("VERSCHROTTET"), zustand="VERSCHROTTET"),
    Fall("identity", "encryption key revoked", 403, "gesperrt", _revoked("VERSCHLUESSELUNG")),
    Fall("identity", "encryption key expired", 403, "gesperrt", _expired("VERSCHLUESSELUNG")),
]


def _two_recipients(b: Buehne) -> Any:
    """Not only two stubs: a second recipient who could really read it."""
    eins, zwei = b.inhalt(), b.inhalt(an=generate_private_key().public_key())
    start = eins.index(b"\x31", 5)
    laenge = 3 + eins[start + 2]
    paar = set_of(eins[start + 3 : start + laenge], zwei[start + 3 : start + laenge])
    return b.post(b.container(b.inhalt(recipients=paar)))


def _ciphertext_changed(b: Buehne) -> Any:
    return b.post(b.container(b.inhalt(ciphertext=tlv(0x80, os.urandom(181)))))


# On P-256 no point has x = 1: 1 - 3 + b is no square.
NEBEN_DER_KURVE = tlv(0x03, b"\x00\x04" + (1).to_bytes(32, "big") + (1).to_bytes(32, "big"))
P384 = tlv(0x03, b"\x00", bauen.point(ec.derive_private_key(7, ec.SECP384R1()).public_key()))

ENTSCHLUESSELUNG = [
    Fall(
        "decrypt",
        "recipient not ours",
        400,
        "entschluesselung",
        lambda b: b.post(b.container(b.inhalt(an=generate_private_key().public_key()))),
    ),
    _inner("point off the curve", "entschluesselung", "decrypt", public_key=NEBEN_DER_KURVE),
    _inner("content key does not unwrap", "entschluesselung", "decrypt", wrapped=bytes(24)),
    _inner("tag does not match", "entschluesselung", "decrypt", mac=bytes(16)),
    Fall("decrypt", "ciphertext changed", 400, "entschluesselung", _ciphertext_changed),
]
INNEN = [
    _inner("AuthEnvelopedData v1", CMS, version=1),
    _inner("no recipient", CMS, recipients=set_of()),
    Fall("inner structure", "two recipients", 400, CMS, _two_recipients),
    _inner("KeyAgreeRecipientInfo v2", CMS, kari_version=2),
    _inner("ukm", CMS, ukm=tlv(0xA1, octets(bytes(8)))),
    _inner("originatorInfo", CMS, originator_info=tlv(0xA0)),
    _inner("authenticated attributes", CMS, auth_attrs=tlv(0xA1, FREMDES_ATTRIBUT)),
    _inner("unauthenticated attributes", CMS, unauth_attrs=tlv(0xA2, FREMDES_ATTRIBUT)),
    _inner("content is no data", CMS, content_type=bauen.SIGNED_DATA),
    _inner(
        "RSA recipient",
        ALGORITHMUS,
        recipients=set_of(seq(integer(2), tlv(0x80, bytes(20)), bauen.RSA, octets(bytes(256)))),
    ),
    _inner("point on another curve (P-384)", ALGORITHMUS, public_key=P384),
    _inner("compressed point", ALGORITHMUS, public_key=tlv(0x03, b"\x00\x02" + bytes(32))),
    _inner("KDF with SHA-1", ALGORITHMUS, key_encryption=seq(bauen.SHA1_KDF, seq(bauen.AES128_WRAP))),
    _inner("AES-256 key wrap", ALGORITHMUS, key_encryption=seq(bauen.SHA256_KDF, seq(bauen.AES256_WRAP))),
    _inner("CBC", ALGORITHMUS, content_encryption=seq(bauen.AES128_CBC, octets(bytes(16)))),
    _inner("tag of 12 bytes", ALGORITHMUS, icv_len=integer(12), mac_bytes=12),
    _inner("length of the tag absent", ALGORITHMUS, icv_len=b""),
    _inner("nonce of 8 bytes", ALGORITHMUS, nonce_bytes=8),
    _inner("nonce of 16 bytes", ALGORITHMUS, nonce_bytes=16),
    *ENTSCHLUESSELUNG,
]

"""CMS in strict DER: the two structures of profile msb-1, and nothing else of CMS.

The only module that knows `cryptography.hazmat.asn1`, which is young and may change: its version is pinned. It is
strict DER: definite minimal lengths, sorted SETs, no unknown, missing or trailing element. What the profile
forbids (certificates, crls, unsigned attributes, ukm, ...) is simply not declared here and so cannot be decoded.

CMS leaves fields unsigned (versions, algorithm identifiers, the signer's name). Each is therefore compared with
the one value that the profile allows, so that no changed container is accepted beside the original.

Three things that the library cannot express are done here by hand, next to where they are needed: an
AlgorithmIdentifier is compared as bytes (an optional ANY does not exist), the signed attributes change their tag,
and an EXPLICIT tag around an IMPLICIT one is written as two IMPLICIT ones, which is the same DER.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final, NamedTuple, TypeVar

from cryptography.hazmat import asn1
from cryptography.x509 import ObjectIdentifier

from telegramm.fehler import AlgorithmusUnzulaessig, CmsUngueltig

_T = TypeVar("_T")

NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16
WRAPPED_KEY_BYTES: Final = 24  # RFC 3394: a 16-byte key plus 8
POINT_BYTES: Final = 65  # 04 || x || y on a 256-bit curve

_SIGNED_DATA = ObjectIdentifier("1.2.840.113549.1.7.2")
_DATA = ObjectIdentifier("1.2.840.113549.1.7.1")
_AUTH_ENVELOPED_DATA = ObjectIdentifier("1.2.840.113549.1.9.16.1.23")
_CONTENT_TYPE = ObjectIdentifier("1.2.840.113549.1.9.3")
_MESSAGE_DIGEST = ObjectIdentifier("1.2.840.113549.1.9.4")
_SIGNING_TIME = ObjectIdentifier("1.2.840.113549.1.9.5")

_ONE = asn1.Size.exact(1)
_SKI = asn1.Size.exact(20)


@asn1.sequence
class _Algorithm:
    """AlgorithmIdentifier with absent parameters; absent is not NULL."""

    algorithm: ObjectIdentifier


@asn1.sequence
class _KeyAgreementAlgorithm:
    algorithm: ObjectIdentifier
    wrap: _Algorithm


@asn1.sequence
class _GcmParameters:
    nonce: bytes
    icv_len: Annotated[int, asn1.Default(12)]  # RFC 5084: absent means 12, so 16 must be written


@asn1.sequence
class _GcmAlgorithm:
    algorithm: ObjectIdentifier
    parameters: _GcmParameters


@asn1.sequence
class _SharedInfo:
    """ECC-CMS-SharedInfo (RFC 5753, 7.2) without entityUInfo, because there is no ukm."""

    key_info: _Algorithm
    supp_pub_info: Annotated[bytes, asn1.Explicit(2)]


@asn1.sequence
class _ContentTypeAttribute:
    type: ObjectIdentifier
    values: Annotated[asn1.SetOf[ObjectIdentifier], _ONE]


@asn1.sequence
class _SigningTimeAttribute:
    type: ObjectIdentifier
    values: Annotated[asn1.SetOf[asn1.UTCTime | asn1.GeneralizedTime], _ONE]


@asn1.sequence
class _MessageDigestAttribute:
    type: ObjectIdentifier
    values: Annotated[asn1.SetOf[bytes], _ONE]


@asn1.sequence
class _SignedAttributes:
    """The SET OF the three attributes, read as a SEQUENCE.

    DER sorts a SET OF by its members' encodings; the second byte, their length, decides here (26 < 28 or 30 < 47),
    so there is exactly one order, and a SEQUENCE describes "each of the three, once, sorted" without a loop.
    """

    content_type: _ContentTypeAttribute
    signing_time: _SigningTimeAttribute
    message_digest: _MessageDigestAttribute


@asn1.sequence
class _SignerInfo:
    version: int
    sid: Annotated[bytes, asn1.Implicit(0), _SKI]
    digest_algorithm: asn1.TLV
    signed_attrs: asn1.TLV
    signature_algorithm: asn1.TLV
    signature: bytes


@asn1.sequence
class _EncapsulatedContent:
    content_type: ObjectIdentifier
    content: Annotated[bytes, asn1.Explicit(0)]


@asn1.sequence
class _SignedData:
    version: int
    digest_algorithms: Annotated[asn1.SetOf[asn1.TLV], _ONE]
    content: _EncapsulatedContent
    signer_infos: Annotated[asn1.SetOf[_SignerInfo], _ONE]


@asn1.sequence
class _ContentInfo:
    content_type: ObjectIdentifier
    content: Annotated[_SignedData, asn1.Explicit(0)]


@asn1.sequence
class _OriginatorKey:
    algorithm: asn1.TLV
    public_key: asn1.BitString


@asn1.sequence
class _Originator:
    key: Annotated[_OriginatorKey, asn1.Implicit(1)]


@asn1.sequence
class _RecipientKeyIdentifier:
    ski: Annotated[bytes, _SKI]


@asn1.sequence
class _RecipientEncryptedKey:
    rid: Annotated[_RecipientKeyIdentifier, asn1.Implicit(0)]
    encrypted_key: bytes


@asn1.sequence
class _KeyAgreeRecipient:
    version: int
    originator: Annotated[_Originator, asn1.Implicit(0)]
    key_encryption_algorithm: asn1.TLV
    recipient_encrypted_keys: Annotated[list[_RecipientEncryptedKey], _ONE]


@asn1.sequence
class _KeyTransRecipient:
    """KeyTransRecipientInfo, that is RSA; known only to be refused by its name."""

    version: int
    rid: asn1.TLV
    key_encryption_algorithm: asn1.TLV
    encrypted_key: bytes


@asn1.sequence
class _EncryptedContent:
    content_type: ObjectIdentifier
    algorithm: asn1.TLV
    content: Annotated[bytes, asn1.Implicit(0)]


@asn1.sequence
class _AuthEnvelopedData:
    version: int
    recipient_infos: Annotated[
        asn1.SetOf[Annotated[_KeyAgreeRecipient, asn1.Implicit(1)] | _KeyTransRecipient], _ONE
    ]
    content: _EncryptedContent
    mac: bytes


def _oid(punkte: str) -> _Algorithm:
    return _Algorithm(algorithm=ObjectIdentifier(punkte))


def _tlv(wert: object) -> tuple[asn1.TLV, bytes]:
    """An algorithm as the library writes it, and its content as it is compared."""
    tlv = asn1.decode_der(asn1.TLV, asn1.encode_der(wert))
    return tlv, bytes(tlv.data)


_AES128_WRAP = _oid("2.16.840.1.101.3.4.1.5")
_SHA256, _SHA256_DER = _tlv(_oid("2.16.840.1.101.3.4.2.1"))
_ECDSA_SHA256, _ECDSA_SHA256_DER = _tlv(_oid("1.2.840.10045.4.3.2"))
_EC_PUBLIC_KEY, _EC_PUBLIC_KEY_DER = _tlv(_oid("1.2.840.10045.2.1"))
_ECDH, _ECDH_DER = _tlv(_KeyAgreementAlgorithm(algorithm=ObjectIdentifier("1.3.132.1.11.1"), wrap=_AES128_WRAP))


def _gcm(nonce: bytes) -> tuple[asn1.TLV, bytes]:
    parameters = _GcmParameters(nonce=nonce, icv_len=TAG_BYTES)
    return _tlv(_GcmAlgorithm(algorithm=ObjectIdentifier("2.16.840.1.101.3.4.1.6"), parameters=parameters))


# id-aes128-GCM has one encoding with a hole of twelve bytes: the nonce, before the three bytes of `aes-ICVlen 16`.
_GCM_DER = _gcm(bytes(NONCE_BYTES))[1]
_GCM_NONCE = slice(len(_GCM_DER) - 3 - NONCE_BYTES, len(_GCM_DER) - 3)
_GCM_HEAD, _GCM_TAIL = _GCM_DER[: _GCM_NONCE.start], _GCM_DER[_GCM_NONCE.stop :]

# RFC 5753, 7.2: the length of the key encryption key in bits, as 32 bits big-endian.
SHARED_INFO: Final = asn1.encode_der(_SharedInfo(key_info=_AES128_WRAP, supp_pub_info=(128).to_bytes(4, "big")))


def _decode(typ: type[_T], der: bytes) -> _T:
    try:
        return asn1.decode_der(typ, der)
    except ValueError as fehler:
        raise CmsUngueltig(str(fehler)) from None


def _check(name: str, ist: object, soll: object) -> None:
    """Compare a version or type with the only allowed one."""
    if ist != soll:
        raise CmsUngueltig(f"{name}: {soll} is required")


def _check_algorithm(name: str, tlv: asn1.TLV, soll: bytes) -> None:
    """Compare an AlgorithmIdentifier as bytes: in DER the right algorithm has exactly one encoding."""
    if tlv.tag_bytes != b"\x30":
        raise CmsUngueltig(f"{name} is no AlgorithmIdentifier")
    if tlv.data != soll:
        raise AlgorithmusUnzulaessig(name)


class SignedContent(NamedTuple):
    """What the outer structure says; nothing of it is proven before the signature is verified."""

    unterzeichner_ski: bytes  # 20 bytes, not covered by the signature
    inhalt: bytes  # DER of AuthEnvelopedData
    attribute: bytes  # DER SET OF (tag 0x31) of the signed attributes: what the signature is over
    digest: bytes  # message-digest attribute: must be the SHA-256 of `inhalt`
    signiert_um: datetime  # UTC, whole seconds
    signatur: bytes  # DER ECDSA-Sig-Value


def encode_signed_attributes(digest: bytes, signiert_um: datetime) -> bytes:
    """DER SET OF content-type, signing-time and message-digest (RFC 5652, 5.4): the bytes to be signed.

    `signiert_um` is aware; fractions of a second are dropped. Until 2049 it is written as UTCTime, from 2050 as
    GeneralizedTime (RFC 5652, 11.3). ValueError for a naive time or one before 1950.
    """
    if signiert_um.tzinfo is None:
        raise ValueError("signiert_um must be aware")
    zeit = signiert_um.astimezone(UTC).replace(microsecond=0)
    typ = asn1.GeneralizedTime if zeit.year >= 2050 else asn1.UTCTime
    attribute = _SignedAttributes(
        content_type=_ContentTypeAttribute(type=_CONTENT_TYPE, values=asn1.SetOf([_AUTH_ENVELOPED_DATA])),
        signing_time=_SigningTimeAttribute(type=_SIGNING_TIME, values=asn1.SetOf([typ(zeit)])),
        message_digest=_MessageDigestAttribute(type=_MESSAGE_DIGEST, values=asn1.SetOf([digest])),
    )
    return b"\x31" + asn1.encode_der(attribute)[1:]


def _decode_signed_attributes(tlv: asn1.TLV) -> tuple[bytes, bytes, datetime]:
    """The attributes with the tag that is signed, the message digest and the time."""
    if tlv.tag_bytes != b"\xa0":
        raise CmsUngueltig("signed attributes are missing")
    inhalt = bytes(tlv.data)
    if len(inhalt) > 127:  # the three take 107 or 109 bytes, so that their length is one byte
        raise CmsUngueltig("signed attributes are too long")
    rumpf = bytes([len(inhalt)]) + inhalt
    attribute = _decode(_SignedAttributes, b"\x30" + rumpf)
    _check("content-type attribute", attribute.content_type.type, _CONTENT_TYPE)
    _check("content-type", attribute.content_type.values.as_list()[0], _AUTH_ENVELOPED_DATA)
    _check("signing-time attribute", attribute.signing_time.type, _SIGNING_TIME)
    _check("message-digest attribute", attribute.message_digest.type, _MESSAGE_DIGEST)
    wert = attribute.signing_time.values.as_list()[0]
    zeit = wert.as_datetime()
    if isinstance(wert, asn1.GeneralizedTime) and (zeit.year < 2050 or zeit.microsecond):
        raise CmsUngueltig("signing-time must be a UTCTime until 2049 and has whole seconds")
    return b"\x31" + rumpf, attribute.message_digest.values.as_list()[0], zeit


def encode_signed_data(unterzeichner_ski: bytes, inhalt: bytes, attribute: bytes, signatur: bytes) -> bytes:
    """DER ContentInfo with SignedData v3; `attribute` as encode_signed_attributes returns them."""
    unterzeichner = _SignerInfo(
        version=3,
        sid=unterzeichner_ski,
        digest_algorithm=_SHA256,
        signed_attrs=asn1.decode_der(asn1.TLV, b"\xa0" + attribute[1:]),
        signature_algorithm=_ECDSA_SHA256,
        signature=signatur,
    )
    daten = _SignedData(
        version=3,
        digest_algorithms=asn1.SetOf([_SHA256]),
        content=_EncapsulatedContent(content_type=_AUTH_ENVELOPED_DATA, content=inhalt),
        signer_infos=asn1.SetOf([unterzeichner]),
    )
    return asn1.encode_der(_ContentInfo(content_type=_SIGNED_DATA, content=daten))


def decode_signed_data(der: bytes) -> SignedContent:
    """Read the outer structure; CmsUngueltig or AlgorithmusUnzulaessig for anything but the profile."""
    info = _decode(_ContentInfo, der)
    _check("ContentInfo", info.content_type, _SIGNED_DATA)
    daten = info.content
    _check("version of SignedData", daten.version, 3)
    _check_algorithm("digestAlgorithms", daten.digest_algorithms.as_list()[0], _SHA256_DER)
    _check("eContentType", daten.content.content_type, _AUTH_ENVELOPED_DATA)
    unterzeichner = daten.signer_infos.as_list()[0]
    _check("version of SignerInfo", unterzeichner.version, 3)
    _check_algorithm("digestAlgorithm", unterzeichner.digest_algorithm, _SHA256_DER)
    attribute, digest, zeit = _decode_signed_attributes(unterzeichner.signed_attrs)
    _check_algorithm("signatureAlgorithm", unterzeichner.signature_algorithm, _ECDSA_SHA256_DER)
    return SignedContent(
        unterzeichner.sid, daten.content.content, attribute, digest, zeit, unterzeichner.signature
    )


class EncryptedContent(NamedTuple):
    """What the inner structure says: the recipient, how to get at the key, and the ciphertext."""

    empfaenger_ski: bytes  # 20 bytes
    punkt: bytes  # ephemeral public key, 65 bytes, not yet known to be on the curve
    schluessel: bytes  # content key, wrapped, 24 bytes
    nonce: bytes  # 12 bytes
    geheimtext: bytes
    mac: bytes  # 16 bytes


def encode_auth_enveloped_data(inhalt: EncryptedContent) -> bytes:
    """DER AuthEnvelopedData v0 (RFC 5083) for one recipient, without ContentInfo around it."""
    empfaenger = _KeyAgreeRecipient(
        version=3,
        originator=_Originator(
            key=_OriginatorKey(algorithm=_EC_PUBLIC_KEY, public_key=asn1.BitString(inhalt.punkt, 0))
        ),
        key_encryption_algorithm=_ECDH,
        recipient_encrypted_keys=[
            _RecipientEncryptedKey(
                rid=_RecipientKeyIdentifier(ski=inhalt.empfaenger_ski), encrypted_key=inhalt.schluessel
            )
        ],
    )
    return asn1.encode_der(
        _AuthEnvelopedData(
            version=0,
            recipient_infos=asn1.SetOf([empfaenger]),
            content=_EncryptedContent(
                content_type=_DATA, algorithm=_gcm(inhalt.nonce)[0], content=inhalt.geheimtext
            ),
            mac=inhalt.mac,
        )
    )


def _nonce(tlv: asn1.TLV) -> bytes:
    """The nonce of id-aes128-GCM with a 12-byte nonce and a 16-byte tag; everything else is refused."""
    if tlv.tag_bytes != b"\x30":
        raise CmsUngueltig("contentEncryptionAlgorithm is no AlgorithmIdentifier")
    der = bytes(tlv.data)
    if len(der) != len(_GCM_DER) or not der.startswith(_GCM_HEAD) or not der.endswith(_GCM_TAIL):
        raise AlgorithmusUnzulaessig("contentEncryptionAlgorithm")
    return der[_GCM_NONCE]


def decode_auth_enveloped_data(der: bytes) -> EncryptedContent:
    """Read the inner structure; CmsUngueltig or AlgorithmusUnzulaessig for anything but the profile."""
    daten = _decode(_AuthEnvelopedData, der)
    _check("version of AuthEnvelopedData", daten.version, 0)
    empfaenger = daten.recipient_infos.as_list()[0]
    if isinstance(empfaenger, _KeyTransRecipient):
        raise AlgorithmusUnzulaessig("key transport; key agreement is required")
    _check("version of KeyAgreeRecipientInfo", empfaenger.version, 3)
    schluessel = empfaenger.originator.key
    _check_algorithm("originatorKey", schluessel.algorithm, _EC_PUBLIC_KEY_DER)
    punkt = schluessel.public_key.as_bytes()
    if len(punkt) != POINT_BYTES or punkt[0] != 4 or schluessel.public_key.padding_bits():
        raise AlgorithmusUnzulaessig("originatorKey is no uncompressed point of a 256-bit curve")
    _check_algorithm("keyEncryptionAlgorithm", empfaenger.key_encryption_algorithm, _ECDH_DER)
    ziel = empfaenger.recipient_encrypted_keys[0]
    if len(ziel.encrypted_key) != WRAPPED_KEY_BYTES:
        raise AlgorithmusUnzulaessig("encryptedKey holds no 128-bit key")
    _check("contentType", daten.content.content_type, _DATA)
    nonce = _nonce(daten.content.algorithm)
    if len(daten.mac) != TAG_BYTES:
        raise AlgorithmusUnzulaessig("mac is not 16 bytes long")
    return EncryptedContent(ziel.rid.ski, punkt, ziel.encrypted_key, nonce, daten.content.content, daten.mac)

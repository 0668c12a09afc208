"""What the meter demands of a certificate: it leads to the pinned root, is valid, and is for its purpose.

Enrolment, renewal, the operator's new keys and the signer of a firmware are all judged here. Every check raises
ZertifikatUngueltig; nothing returns True.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import pairwise
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gateway.fehler import ZertifikatUngueltig

KETTE_HOECHSTENS = 4

Nutzung = Callable[[x509.KeyUsage], bool]
_Erweiterung = TypeVar("_Erweiterung", bound=x509.ExtensionType)


def load_certificate(der: bytes) -> x509.Certificate:
    """A certificate in DER."""
    try:
        return x509.load_der_x509_certificate(der)
    except ValueError as fehler:
        raise ZertifikatUngueltig("Die Antwort enthält ein unlesbares Zertifikat.") from fehler


def check_ca_chain(kette: Sequence[x509.Certificate], wurzel: x509.Certificate, jetzt: datetime) -> None:
    """The CAs of an answer, issuing one first: the last is the pinned root, each is issued by the next."""
    if not kette or len(kette) > KETTE_HOECHSTENS or kette[-1] != wurzel:
        raise ZertifikatUngueltig("Die Antwort führt nicht zur festgelegten Wurzel des Betreibers.")
    for darunter, ca in enumerate(kette):
        _check_ca(ca, darunter, jetzt)
    for unten, oben in pairwise(kette):
        check_issued(unten, [oben], jetzt)


def check_under_root(
    zertifikat: x509.Certificate,
    ausstellende: Sequence[x509.Certificate],
    wurzel: x509.Certificate,
    jetzt: datetime,
) -> None:
    """The certificate is valid, and a chain of ``ausstellende`` leads from it to the pinned root."""
    kette = [check_issued(zertifikat, [*ausstellende, wurzel], jetzt)]
    while kette[-1] != wurzel and len(kette) < KETTE_HOECHSTENS:
        kette.append(check_issued(kette[-1], [*ausstellende, wurzel], jetzt))
    check_ca_chain(kette, wurzel, jetzt)


def check_issued(
    zertifikat: x509.Certificate, ausstellende: Sequence[x509.Certificate], jetzt: datetime
) -> x509.Certificate:
    """The certificate is within its validity and directly issued by one of ``ausstellende``, which is returned."""
    if not zertifikat.not_valid_before_utc <= jetzt <= zertifikat.not_valid_after_utc:
        raise ZertifikatUngueltig("Ein Zertifikat ist nicht gültig; die Uhr dieses Rechners prüfen.")
    for ca in ausstellende:
        try:
            zertifikat.verify_directly_issued_by(ca)
        except (InvalidSignature, ValueError, TypeError):
            continue
        return ca
    raise ZertifikatUngueltig("Ein Zertifikat ist nicht von der festgelegten CA ausgestellt.")


def check_operator(
    signatur: x509.Certificate,
    verschluesselung: x509.Certificate,
    ausstellende: Sequence[x509.Certificate],
    jetzt: datetime,
) -> None:
    """The operator's two certificates are issued by these CAs, each for its own purpose (RFC 5280, 4.2.1.3)."""
    nutzungen: tuple[tuple[x509.Certificate, str, Nutzung], ...] = (
        (signatur, "Unterzeichnen", lambda nutzung: nutzung.digital_signature),
        (verschluesselung, "Verschlüsseln", lambda nutzung: nutzung.key_agreement),
    )
    for zertifikat, zweck, erlaubt in nutzungen:
        check_issued(zertifikat, ausstellende, jetzt)
        public_key_of(zertifikat)
        nutzung = _extension(zertifikat, x509.KeyUsage)
        if nutzung is None or not erlaubt(nutzung):
            raise ZertifikatUngueltig(f"Ein Zertifikat des Betreibers ist nicht zum {zweck} bestimmt.")


def check_code_signing(zertifikat: x509.Certificate) -> None:
    """The purpose of the certificate is signing code (RFC 5280, 4.2.1.12)."""
    zwecke = _extension(zertifikat, x509.ExtendedKeyUsage)
    if zwecke is None or ExtendedKeyUsageOID.CODE_SIGNING not in zwecke:
        raise ZertifikatUngueltig("Das Zertifikat ist nicht zum Unterzeichnen von Firmware bestimmt.")


def check_meter_name(zertifikat: x509.Certificate, zaehler: str) -> None:
    """The subject carries the meter number, as common name or as serial number of the device."""
    namen = [
        *zertifikat.subject.get_attributes_for_oid(NameOID.COMMON_NAME),
        *zertifikat.subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER),
    ]
    if not any(name.value == zaehler for name in namen):
        raise ZertifikatUngueltig(f"Ein Zertifikat nennt nicht den Zähler {zaehler}.")


def public_key_of(zertifikat: x509.Certificate) -> ec.EllipticCurvePublicKey:
    """The certified key."""
    schluessel = zertifikat.public_key()
    if not isinstance(schluessel, ec.EllipticCurvePublicKey):
        raise ZertifikatUngueltig("Ein Zertifikat enthält keinen Schlüssel auf einer elliptischen Kurve.")
    return schluessel


def spki(schluessel: ec.EllipticCurvePublicKey) -> bytes:
    """SubjectPublicKeyInfo in DER: equal bytes are equal keys."""
    return schluessel.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _check_ca(zertifikat: x509.Certificate, darunter: int, jetzt: datetime) -> None:
    """It may certify with ``darunter`` CAs between it and the last certificate (RFC 5280, 6.1.4)."""
    grundlegend = _extension(zertifikat, x509.BasicConstraints)
    nutzung = _extension(zertifikat, x509.KeyUsage)
    if grundlegend is None or not grundlegend.ca or (nutzung is not None and not nutzung.key_cert_sign):
        raise ZertifikatUngueltig("Ein Zertifikat der Kette ist keine CA.")
    if grundlegend.path_length is not None and grundlegend.path_length < darunter:
        raise ZertifikatUngueltig("Die Kette ist länger, als eine ihrer CAs erlaubt.")
    if not zertifikat.not_valid_before_utc <= jetzt <= zertifikat.not_valid_after_utc:
        raise ZertifikatUngueltig("Ein Zertifikat der Kette ist nicht gültig; die Uhr dieses Rechners prüfen.")


def _extension(zertifikat: x509.Certificate, art: type[_Erweiterung]) -> _Erweiterung | None:
    try:
        return zertifikat.extensions.get_extension_for_class(art).value
    except x509.ExtensionNotFound:
        return None
    except ValueError as fehler:
        raise ZertifikatUngueltig("Ein Zertifikat enthält eine unlesbare Erweiterung.") from fehler

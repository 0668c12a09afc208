"""A firmware as the operator announces it: a signed manifest. The image itself is fetched apart from the message.

The signature is ECDSA with SHA-256 over the bytes of the manifest, by a key whose certificate has the purpose of
code signing (RFC 5280, 4.2.1.12). Chain, purpose and the comparison of versions are the meter's business; the
image is believed when its size and SHA-256 are those of a manifest that was verified.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from telegramm import cbor
from telegramm.einschreibung import DER_MAX
from telegramm.fehler import SignaturUngueltig
from telegramm.felder import (
    SHA256_BYTES,
    VERSION,
    check_bytes,
    check_int,
    check_map,
    check_pattern,
    check_text,
    read_document,
)
from telegramm.schluessel import check_private_key, check_public_key

FIRMWARE: Final = "FIRMWARE"
# The simulated device has 16 MiB of memory for an image.
GROESSE_MAX: Final = 16 * 2**20
# An image is fetched in pieces of at most this size, so that a torn link costs one piece.
STUECK_BYTES: Final = 48 * 1024
MANIFEST_MAX: Final = 1024
SIGNATUR_MAX: Final = 128

_VERSION = re.compile(r"[0-9]{1,5}(\.[0-9]{1,5}){1,3}")
_ECDSA = ec.ECDSA(hashes.SHA256())


@dataclass(frozen=True, slots=True)
class Firmwaremanifest:
    """What a signature vouches for. The constructor checks every rule and raises InhaltUngueltig."""

    modell: str  # the model of meter that may run it, 1 to 64 printable characters
    version: str  # two to four numbers with dots, e.g. 1.4.0
    sha256: bytes  # 32 bytes, of the image
    groesse: int  # bytes of the image, 1 to 16 MiB

    def __post_init__(self) -> None:
        check_text("modell", self.modell, 64)
        check_pattern("version", self.version, _VERSION)
        check_bytes("sha256", self.sha256, SHA256_BYTES, SHA256_BYTES)
        check_int("groesse", self.groesse, 1, GROESSE_MAX)

    def to_bytes(self) -> bytes:
        """Deterministic CBOR: the bytes that are signed."""
        felder = {name: getattr(self, name) for name in self.__slots__}
        return cbor.encode({"v": VERSION, "art": FIRMWARE} | felder)

    @classmethod
    def from_bytes(cls, daten: bytes) -> Self:
        """Read a manifest; InhaltUngueltig for anything that to_bytes would not have written."""
        return cls(**read_document("manifest", daten, cls.__slots__, FIRMWARE))


@dataclass(frozen=True, slots=True)
class Firmwareangebot:
    """A manifest with its signature and the certificate of the signer, as receipts carry them; not checked."""

    manifest: bytes  # 1 to 1024 bytes, a Firmwaremanifest
    signatur: bytes  # 1 to 128 bytes, DER ECDSA-Sig-Value over the manifest
    zertifikat: bytes  # 1 to 8192 bytes, DER X.509

    def __post_init__(self) -> None:
        check_bytes("manifest", self.manifest, 1, MANIFEST_MAX)
        check_bytes("signatur", self.signatur, 1, SIGNATUR_MAX)
        check_bytes("zertifikat", self.zertifikat, 1, DER_MAX)

    def verify(self, oeffentlicher_schluessel: ec.EllipticCurvePublicKey) -> Firmwaremanifest:
        """The manifest, if this key has signed it.

        Raises SignaturUngueltig, InhaltUngueltig, and AlgorithmusUnzulaessig for a key on another curve.
        """
        schluessel = check_public_key(oeffentlicher_schluessel)
        try:
            schluessel.verify(self.signatur, self.manifest, _ECDSA)
        except InvalidSignature:
            raise SignaturUngueltig("the signature of the firmware does not match") from None
        return Firmwaremanifest.from_bytes(self.manifest)

    def to_map(self) -> dict[str, object]:
        """What `Quittung.to_bytes` writes."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_map(cls, wert: object) -> Self:
        """Read what `to_map` has written; InhaltUngueltig."""
        return cls(**check_map("firmware", wert, _PFLICHT_ANGEBOT, frozenset()))


_PFLICHT_ANGEBOT = frozenset(Firmwareangebot.__slots__)


def sign_manifest(
    manifest: Firmwaremanifest, schluessel: ec.EllipticCurvePrivateKey, zertifikat: bytes
) -> Firmwareangebot:
    """Sign a manifest; `zertifikat` (DER X.509) names the signer. AlgorithmusUnzulaessig: another curve."""
    inhalt = manifest.to_bytes()
    return Firmwareangebot(inhalt, check_private_key(schluessel).sign(inhalt, _ECDSA), zertifikat)


def version_order(version: str) -> tuple[int, ...]:
    """A version as numbers that compare as versions do: 1.10.0 is newer than 1.9.3, 1.0 equals 1.0.0."""
    zahlen = [int(teil) for teil in version.split(".")]
    return tuple(zahlen + [0] * (4 - len(zahlen)))

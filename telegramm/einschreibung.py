"""Enrolment and renewal of a meter: the request with its three CSRs, and the answer with the certificates.

An Einschreibung proves itself by its one-time token and is not sealed, because the meter has no certificate yet:
it travels inside TLS 1.3 to the pinned operator. An Erneuerung is the plaintext of a container that the meter has
signed with the key which it replaces. Deterministic CBOR, both ways. Tokens and certificates are only carried
here, not judged; InhaltUngueltig for a wrong shape.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

from telegramm import cbor
from telegramm.felder import (
    VERSION,
    check_bytes,
    check_int,
    check_map,
    check_text,
    check_tuple,
    check_zaehler,
    read_document,
    to_tuple,
)

# The `art` of a renewal: no Telegramm has it, so neither can be taken for the other.
ERNEUERUNG: Final = "ERNEUERUNG"
TOKEN_MAX: Final = 128  # characters
DER_MAX: Final = 8192  # bytes of one CSR or certificate
CA_MAX: Final = 4  # certificates of a chain


@dataclass(frozen=True, slots=True)
class Einschreibung:
    """A meter asks for its certificates. The same token with the same keys may be sent again."""

    zaehler: str  # 14 characters, DIN 43863-5
    token: str  # one-time token, 1 to 128 printable characters
    csr_tls: bytes  # DER PKCS #10 (RFC 2986), 1 to 8192 bytes
    csr_signatur: bytes  # the same for the key that signs Telegramme
    csr_verschluesselung: bytes  # the same for the key that receives receipts

    def __post_init__(self) -> None:
        check_zaehler(self.zaehler)
        check_text("token", self.token, TOKEN_MAX)
        for name in _CSRS:
            check_bytes(name, getattr(self, name), 1, DER_MAX)

    def __repr__(self) -> str:
        """Without the token: it is a secret, and reprs end up in logs."""
        return f"Einschreibung(zaehler={self.zaehler!r})"

    def to_bytes(self) -> bytes:
        """Deterministic CBOR: the body of the request."""
        return cbor.encode({"v": VERSION} | {name: getattr(self, name) for name in self.__slots__})

    @classmethod
    def from_bytes(cls, daten: bytes) -> Self:
        """Read a body; InhaltUngueltig for anything that to_bytes would not have written."""
        return cls(**read_document("", daten, cls.__slots__))


@dataclass(frozen=True, slots=True)
class Erneuerung:
    """A meter asks for certificates of new keys, while the old ones are valid. The same keys may be sent again."""

    zaehler: str  # 14 characters, DIN 43863-5
    csr_tls: bytes  # as in Einschreibung
    csr_signatur: bytes
    csr_verschluesselung: bytes

    def __post_init__(self) -> None:
        check_zaehler(self.zaehler)
        for name in _CSRS:
            check_bytes(name, getattr(self, name), 1, DER_MAX)

    def to_bytes(self) -> bytes:
        """Deterministic CBOR: the plaintext to be sealed."""
        felder = {name: getattr(self, name) for name in self.__slots__}
        return cbor.encode({"v": VERSION, "art": ERNEUERUNG} | felder)

    @classmethod
    def from_bytes(cls, daten: bytes) -> Self:
        """Read a plaintext; InhaltUngueltig for anything that to_bytes would not have written."""
        return cls(**read_document("", daten, cls.__slots__, ERNEUERUNG))


@dataclass(frozen=True, slots=True)
class Kette:
    """The operator's certificates as a receipt carries them: the CAs, and whom the meter talks to from now on."""

    ca: tuple[bytes, ...]  # 1 to 4 DER X.509: the issuing CA first, the root last
    betreiber_signatur: bytes  # verifies receipts
    betreiber_verschluesselung: bytes  # recipient of Telegramme

    def __post_init__(self) -> None:
        check_kette(self)

    def to_map(self) -> dict[str, object]:
        """What `Quittung.to_bytes` writes."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_map(cls, wert: object) -> Self:
        """Read what `to_map` has written; InhaltUngueltig."""
        felder = check_map("kette", wert, _PFLICHT_KETTE, frozenset())
        return cls(**felder | {"ca": to_tuple("ca", felder["ca"])})


@dataclass(frozen=True, slots=True)
class Einschreibungsantwort:
    """The certificates of the meter, the chain above them, and whom the meter talks to from now on."""

    zaehler: str  # 14 characters, DIN 43863-5
    epoche: int  # 0 to 2^63-1: the epoch of the meter's next Telegramm
    zertifikat_tls: bytes  # DER X.509, as all that follow; 1 to 8192 bytes each
    zertifikat_signatur: bytes
    zertifikat_verschluesselung: bytes
    ca: tuple[bytes, ...]  # 1 to 4: the issuing CA first, the root last
    betreiber_signatur: bytes  # verifies receipts
    betreiber_verschluesselung: bytes  # recipient of Telegramme

    def __post_init__(self) -> None:
        check_zaehler(self.zaehler)
        check_int("epoche", self.epoche)
        for name in _ZERTIFIKATE:
            check_bytes(name, getattr(self, name), 1, DER_MAX)
        check_kette(self)

    def to_bytes(self) -> bytes:
        """Deterministic CBOR: the body of the answer."""
        return cbor.encode({"v": VERSION} | {name: getattr(self, name) for name in self.__slots__})

    @classmethod
    def from_bytes(cls, daten: bytes) -> Self:
        """Read a body; InhaltUngueltig for anything that to_bytes would not have written."""
        felder = read_document("", daten, cls.__slots__)
        felder["ca"] = to_tuple("ca", felder["ca"])
        return cls(**felder)


def check_kette(wert: Kette | Einschreibungsantwort) -> None:
    """The certificates of CAs and operator: 1 to 4 CAs, everything 1 to 8192 bytes; InhaltUngueltig."""
    check_bytes("betreiber_signatur", wert.betreiber_signatur, 1, DER_MAX)
    check_bytes("betreiber_verschluesselung", wert.betreiber_verschluesselung, 1, DER_MAX)
    kette = check_tuple("ca", wert.ca, CA_MAX)
    check_int("len(ca)", len(kette), 1)
    for nummer, zertifikat in enumerate(kette):
        check_bytes(f"ca[{nummer}]", zertifikat, 1, DER_MAX)


_CSRS = ("csr_tls", "csr_signatur", "csr_verschluesselung")
_ZERTIFIKATE = ("zertifikat_tls", "zertifikat_signatur", "zertifikat_verschluesselung")
_PFLICHT_KETTE = frozenset(Kette.__slots__)

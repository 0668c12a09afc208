"""Enrolment of a meter: the request with its one-time token and three CSRs, and the answer with the certificates.

Not sealed, because the meter has no certificate yet: it travels inside TLS 1.3 to the pinned operator. Both ways
deterministic CBOR. Tokens and certificates are only carried here, not judged; InhaltUngueltig for a wrong shape.
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
    check_version,
    check_zaehler,
    to_tuple,
)

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
        for name in ("csr_tls", "csr_signatur", "csr_verschluesselung"):
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
        felder = check_map("", cbor.decode(daten), _PFLICHT, frozenset())
        check_version(felder)
        del felder["v"]
        return cls(**felder)


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
        for name in (*_ZERTIFIKATE, "betreiber_signatur", "betreiber_verschluesselung"):
            check_bytes(name, getattr(self, name), 1, DER_MAX)
        kette = check_tuple("ca", self.ca, CA_MAX)
        check_int("len(ca)", len(kette), 1)
        for nummer, zertifikat in enumerate(kette):
            check_bytes(f"ca[{nummer}]", zertifikat, 1, DER_MAX)

    def to_bytes(self) -> bytes:
        """Deterministic CBOR: the body of the answer."""
        return cbor.encode({"v": VERSION} | {name: getattr(self, name) for name in self.__slots__})

    @classmethod
    def from_bytes(cls, daten: bytes) -> Self:
        """Read a body; InhaltUngueltig for anything that to_bytes would not have written."""
        felder = check_map("", cbor.decode(daten), _PFLICHT_ANTWORT, frozenset())
        check_version(felder)
        del felder["v"]
        felder["ca"] = to_tuple("ca", felder["ca"])
        return cls(**felder)


_ZERTIFIKATE = ("zertifikat_tls", "zertifikat_signatur", "zertifikat_verschluesselung")
_PFLICHT = frozenset({"v", *Einschreibung.__slots__})
_PFLICHT_ANTWORT = frozenset({"v", *Einschreibungsantwort.__slots__})

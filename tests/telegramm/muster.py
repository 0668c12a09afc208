"""Keys and messages that several tests use."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric import ec

from telegramm.messwerte import Messwert, Telegramm, Uhrstand
from telegramm.umschlag import parse, seal
from tests.telegramm.bauen import identifier

ZEIT = datetime(2026, 6, 15, 10, 0, 0, tzinfo=UTC)
ZAEHLER = "1EMH0012345678"


@dataclass(frozen=True)
class Paar:
    """A meter that signs and an operator that receives."""

    zaehler: ec.EllipticCurvePrivateKey
    betreiber: ec.EllipticCurvePrivateKey

    @property
    def ring(self) -> Mapping[bytes, ec.EllipticCurvePrivateKey]:
        return {identifier(self.betreiber.public_key()): self.betreiber}

    def seal(self, klartext: bytes) -> bytes:
        return seal(klartext, empfaenger=self.betreiber.public_key(), unterzeichner=self.zaehler, signiert_um=ZEIT)

    def open(self, der: bytes) -> bytes:
        """The whole way of the receiver."""
        return parse(der).verify(self.zaehler.public_key()).decrypt(self.ring)


# Fixed keys, so that a failure can be repeated; d = 1, 2, ... as in the known answers of docs/telegramm.md.
def key(zahl: int, kurve: ec.EllipticCurve | None = None) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(zahl, kurve or ec.SECP256R1())


P256 = Paar(key(3), key(2))
BRAINPOOL = Paar(key(5, ec.BrainpoolP256R1()), key(4, ec.BrainpoolP256R1()))


def telegramm(*werte: Messwert) -> Telegramm:
    """A Telegramm with one plausible reading, or with those that are given."""
    return Telegramm(
        art="MESSWERTE",
        zaehler=ZAEHLER,
        epoche=1,
        folge=4711,
        anfrage=bytes(range(16)),
        erzeugt=1781517600123,
        uhr=Uhrstand("GESTELLT", 1781517000, -12),
        werte=werte or (Messwert(1781517600, 2043104, 0, 193, 0),),
    )

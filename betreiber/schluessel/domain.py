"""Rules of keys and enrolment. Pure."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

TOKEN_DAUER = timedelta(days=14)
TOKEN_VERSUCHE = 5
# How long before the end of its keys a meter is asked to renew them, and may.
ERNEUERUNG_AB = timedelta(days=60)
# A meter in one of these states is refused at once, with whatever key or token it comes.
GESPERRTE_ZUSTAENDE = frozenset({"GESPERRT", "AUSGEBAUT", "VERSCHROTTET"})


class PkiFehler(Exception):
    """The operator's keys cannot be used or changed as asked for; the text says what to do."""


class Zweck(StrEnum):
    """What a meter's key may be used for; a meter has one pair of each (after BSI TR-03109-1)."""

    TLS = "TLS"
    SIGNATUR = "SIGNATUR"
    VERSCHLUESSELUNG = "VERSCHLUESSELUNG"


@dataclass(frozen=True, slots=True)
class Schluesselende:
    """When the keys of a meter end (real time), and when it was heard of last (the operator's clock)."""

    zaehlernummer: str
    gueltig_bis: datetime
    zuletzt_empfangen: datetime | None


@dataclass(frozen=True, slots=True)
class Unterzeichner:
    """The key that signed a container, and the meter whose it is, as they were when they were read."""

    stromzaehler_id: int
    zaehlernummer: str
    zustand: str
    zweck: str
    epoche: int
    zertifikat: bytes
    gueltig_bis: datetime
    gesperrt_zeitpunkt: datetime | None


def hash_token(token: str) -> bytes:
    """What is stored of a token: it has 160 random bits, so a plain hash is enough."""
    return hashlib.sha256(token.encode()).digest()


def hash_keys(oeffentliche: list[bytes]) -> bytes:
    """What is remembered of the keys that used a token (each SubjectPublicKeyInfo in DER)."""
    return hashlib.sha256(b"".join(hashlib.sha256(der).digest() for der in oeffentliche)).digest()

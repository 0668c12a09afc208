"""Rules of keys and enrolment. Pure."""

import hashlib
from datetime import timedelta
from enum import StrEnum

TOKEN_DAUER = timedelta(days=14)
TOKEN_VERSUCHE = 5
# A meter in one of these states is refused at once, with whatever key or token it comes.
GESPERRTE_ZUSTAENDE = frozenset({"GESPERRT", "AUSGEBAUT", "VERSCHROTTET"})


class Zweck(StrEnum):
    """What a meter's key may be used for; a meter has one pair of each (after BSI TR-03109-1)."""

    TLS = "TLS"
    SIGNATUR = "SIGNATUR"
    VERSCHLUESSELUNG = "VERSCHLUESSELUNG"


def hash_token(token: str) -> bytes:
    """What is stored of a token: it has 160 random bits, so a plain hash is enough."""
    return hashlib.sha256(token.encode()).digest()


def hash_keys(oeffentliche: list[bytes]) -> bytes:
    """What is remembered of the keys that used a token (each SubjectPublicKeyInfo in DER)."""
    return hashlib.sha256(b"".join(hashlib.sha256(der).digest() for der in oeffentliche)).digest()

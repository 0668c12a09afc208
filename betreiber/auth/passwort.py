"""Passwords: argon2id (RFC 9106) through argon2-cffi."""

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError


class Passwoerter:
    """Hashes and checks passwords with the operator's cost parameters.

    `zeit`: passes, `speicher_kib`: memory in KiB.
    """

    def __init__(self, zeit: int, speicher_kib: int) -> None:
        self._hasher = PasswordHasher(time_cost=zeit, memory_cost=speicher_kib, parallelism=1)
        # An unknown user costs the same work as a known one: checked against the hash of nobody's password.
        self._niemand = self._hasher.hash("niemand")

    def hash(self, passwort: str) -> str:
        return self._hasher.hash(passwort)

    def verify(self, passwort_hash: str | None, passwort: str) -> bool:
        """Whether the password fits. None stands for an unknown user: never, at the same cost."""
        try:
            self._hasher.verify(passwort_hash or self._niemand, passwort)
        except (VerificationError, InvalidHashError):
            return False
        return passwort_hash is not None

    def is_outdated(self, passwort_hash: str) -> bool:
        """Whether a hash was made with other cost parameters than those of today."""
        return self._hasher.check_needs_rehash(passwort_hash)

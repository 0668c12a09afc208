"""A clock that only moves when somebody sleeps, and a connection that answers without a socket."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.verbindung import Antwort
from tests.gateway.betreiber_fake import MONTAG, Leitung


@dataclass
class Zeit:
    """The meter's time in the hand of the test; ``jetzt`` and ``schlafe`` fit the modem."""

    instant: float = float(MONTAG)
    geschlafen: list[float] = field(default_factory=list)

    def jetzt(self) -> float:
        return self.instant

    def schlafe(self, sekunden: float) -> None:
        self.geschlafen.append(sekunden)
        self.instant += sekunden


def leitung(antwort: bytes = b"receipt") -> Leitung:
    return Leitung(lambda _: Antwort(200, {}, antwort), dateien={"/geraete/v1/firmware/ab": b"image"})

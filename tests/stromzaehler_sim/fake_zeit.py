"""Time in the hand of the test."""

from __future__ import annotations


class FakeZeit:
    """Real time in the hand of the test; it is an event, too, whose waiting lets that time pass."""

    def __init__(self, jetzt: float) -> None:
        self.jetzt = jetzt
        self.gesetzt_um = float("inf")
        self.gewartet: list[float] = []

    def __call__(self) -> float:
        return self.jetzt

    def is_set(self) -> bool:
        return self.jetzt >= self.gesetzt_um

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.gewartet.append(timeout)
        self.jetzt += timeout
        return self.is_set()

"""One enrolled meter, one fake operator, one link between them, and a clock that both look at."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from gateway import Gateway
from gateway.verbindung import Antwort
from telegramm.messwerte import Messwert
from tests.gateway.betreiber_fake import MONTAG, FakeBetreiber, Leitung, enrolled, make_werte


class Speicher:
    """A memory of the meter; ``gefragt`` lists the periods it was asked for."""

    def __init__(self, werte: list[Messwert]) -> None:
        self.werte = werte
        self.gefragt: list[tuple[int, int]] = []

    def readings(self, von: int, bis: int) -> list[Messwert]:
        self.gefragt.append((von, bis))
        return [wert for wert in self.werte if von <= wert.uhrzeit < bis]


class Welt:
    """``jetzt`` is the time of everybody; ``mehr`` goes to `Gateway.open`."""

    def __init__(self, pfad: Path, betreiber: FakeBetreiber | None = None, **mehr: Any) -> None:
        self.jetzt = MONTAG + 30 * 86_400.0
        self.betreiber = betreiber if betreiber is not None else FakeBetreiber()
        self.betreiber.uhr = lambda: self.jetzt
        self.leitung = Leitung(self.betreiber.answer)
        self.ordner = enrolled(pfad, self.betreiber)
        self.mehr = mehr
        self.gateway = self.open()

    def open(self) -> Gateway:
        return Gateway.open(self.ordner, uebertragung=self.leitung, jetzt=lambda: self.jetzt, **self.mehr)

    def restart(self) -> None:
        self.gateway.close()
        self.gateway = self.open()

    def put(self, anzahl: int, von: int = MONTAG) -> list[Messwert]:
        werte = make_werte(anzahl, von)
        self.gateway.puffer.put_many(werte)
        return werte

    @property
    def stored(self) -> list[int]:
        return sorted(self.betreiber.gespeichert)

    @property
    def arten(self) -> list[str]:
        return [telegramm.art for telegramm in self.betreiber.telegramme]


def problem(status: int, body: bytes = b"", **headers: str) -> Callable[[bytes], Antwort]:
    namen = {name.replace("_", "-"): wert for name, wert in headers.items()}
    return lambda _: Antwort(status, {"content-type": "application/problem+json", **namen}, body)

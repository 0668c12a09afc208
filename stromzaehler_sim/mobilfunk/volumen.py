"""The monthly volume: real bytes against the budget of the tariff.

A month is a calendar month of the meter's clock in UTC. Tariffs count calendar months, but a meter has no tables
of time zones, and an hour or two at the edge of a month do not matter to a warning.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from gateway.ordner import write_atomic

Eintrag = tuple[int, str, str]
"""An entry for the device log: instant in s since 1970, code, German text."""

DATEI: Final = "volumen.json"
SCHWELLEN: Final = (80, 100)  # per cent of the budget
# A clock without power wakes up in 1970. It must not begin a month, and coming back not another one.
UHR_MOEGLICH_AB: Final = datetime(2020, 1, 1, tzinfo=UTC).timestamp()

_TEXTE = {
    80: "Datenvolumen: 80 % des Monatsbudgets sind verbraucht.",
    100: "Datenvolumen: das Monatsbudget ist verbraucht; Messwerte werden gebündelt gesendet.",
}


@dataclass(frozen=True, slots=True)
class Volumenstand:
    """What was counted: ``monat`` as "2026-03", ``gemeldet`` is the highest threshold that was told."""

    monat: str = ""
    bytes: int = 0
    gemeldet: int = 0


def book(
    stand: Volumenstand, instant: float, neue_bytes: int, budget: int | None
) -> tuple[Volumenstand, list[int]]:
    """Add ``neue_bytes`` at ``instant`` (s since 1970); also returns the thresholds that were reached just now.

    A new month begins at zero. Each threshold is told once a month.
    """
    monat = f"{datetime.fromtimestamp(instant, UTC):%Y-%m}"
    if monat != stand.monat and (instant >= UHR_MOEGLICH_AB or not stand.monat):
        stand = Volumenstand(monat)
    stand = replace(stand, bytes=stand.bytes + neue_bytes)
    if budget is None:
        return stand, []
    erreicht = [s for s in SCHWELLEN if s > stand.gemeldet and stand.bytes * 100 >= budget * s]
    return replace(stand, gemeldet=max([stand.gemeldet, *erreicht])), erreicht


class Volumen:
    """The count of one meter, kept in ``volumen.json``: a restart loses no more than the message under way."""

    def __init__(self, ordner: Path, budget: int | None, jetzt: Callable[[], float]) -> None:
        self._datei = ordner / DATEI
        self._budget = budget
        self._jetzt = jetzt
        self._gesehen = 0
        self._meldungen: list[Eintrag] = []
        self.stand = _load(self._datei)

    def begin(self, bytes_gesamt: int) -> None:
        """Count from here: what ``bytes_gesamt`` says now went over another way or is counted already."""
        self._gesehen = bytes_gesamt

    def note(self, bytes_gesamt: int) -> None:
        """Take over the counter of the connection, which only ever rises.

        A full disk does not spoil the exchange that was counted: the next one is written with it.
        """
        neu, self._gesehen = bytes_gesamt - self._gesehen, bytes_gesamt
        instant = self._jetzt()
        stand, erreicht = book(self.stand, instant, neu, self._budget)
        self._meldungen += [(int(instant), f"VOLUMEN_{s}", _TEXTE[s]) for s in erreicht]
        if stand != self.stand:
            self.stand = stand
            with suppress(OSError):
                write_atomic(self._datei, json.dumps(asdict(stand)).encode())

    @property
    def bytes_monat(self) -> int:
        """Bytes in both directions in the month that is now."""
        return book(self.stand, self._jetzt(), 0, None)[0].bytes

    @property
    def buendeln(self) -> bool:
        """True while the budget of the month is used up: send seldom, and then much at once."""
        return self._budget is not None and self.bytes_monat >= self._budget

    def take_meldungen(self) -> list[Eintrag]:
        """The new entries for the device log; each is handed out once."""
        meldungen, self._meldungen = self._meldungen, []
        return meldungen


def _load(datei: Path) -> Volumenstand:
    """A file that is missing or damaged counts from zero: a lost count is not worth a silent meter."""
    try:
        stand = Volumenstand(**json.loads(datei.read_text(encoding="utf-8")))
        ganz = type(stand.bytes) is int and type(stand.gemeldet) is int and isinstance(stand.monat, str)
        return stand if ganz else Volumenstand()
    except (OSError, ValueError, TypeError):
        return Volumenstand()

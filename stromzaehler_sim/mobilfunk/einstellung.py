"""The settings of the mobile link: ``funk.json`` in the folder of the meter. The defaults are an ideal link."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

from stromzaehler_sim.fehler import MobilfunkFehler

DATEI: Final = "funk.json"
RATS: Final = ("LTE-M", "NB-IoT", "LTE Cat 1")


_WAHRSCHEINLICHKEITEN = ("verlust_hin", "verlust_zurueck")
_NICHT_NEGATIV = (
    "rsrp_streuung_db",
    "zellwechsel_je_tag",
    "ausfaelle_je_tag",
    "ausfall_s",
    "einbuchen_s",
    "latenz_s",
    "jitter_s",
    "frist_s",
)
_GRENZEN = ("bytes_s_hin", "bytes_s_zurueck", "budget_bytes", "buendel_s")


@dataclass(frozen=True, slots=True)
class Funkeinstellung:
    """Place, link and tariff. Times in seconds of the meter's clock; raises MobilfunkFehler."""

    # The place
    rat: str = "LTE-M"  # one of RATS
    rsrp_mittel_dbm: float = -90.0
    rsrp_streuung_db: float = 6.0
    rsrp_mindestens_dbm: float = -125.0  # below it nothing attaches
    zellwechsel_je_tag: float = 2.0
    ausfaelle_je_tag: float = 0.0
    ausfall_s: float = 600.0  # mean length of such a drop-out, at most half a day
    ausfaelle: tuple[tuple[float, float], ...] = ()  # drop-outs at given times, [von, bis) in s since 1970
    # The link at full quality; `strecke` makes it worse with falling RSRP
    einbuchen_s: float = 0.0
    latenz_s: float = 0.0  # there and back
    jitter_s: float = 0.0  # up to this much more, evenly spread
    verlust_hin: float = 0.0  # probability that a request does not arrive
    verlust_zurueck: float = 0.0  # probability that an answer does not arrive
    frist_s: float = 30.0  # after which a lost exchange is given up
    bytes_s_hin: float | None = None  # None = without limit
    bytes_s_zurueck: float | None = None
    # The tariff
    budget_bytes: int | None = 50_000_000  # a calendar month; None = without limit
    buendel_s: int = 6 * 3600  # how seldom the meter sends once the budget is used up

    def __post_init__(self) -> None:
        for feld in fields(self):
            wert = getattr(self, feld.name)
            if feld.name not in ("rat", "ausfaelle") and wert is not None:
                _require(_is_number(wert), f"{feld.name} muss eine Zahl sein, nicht {wert!r}")
        _require(self.rat in RATS, f"rat muss {', '.join(RATS)} sein, nicht {self.rat!r}")
        for name in _WAHRSCHEINLICHKEITEN:
            _require(0 <= getattr(self, name) <= 1, f"{name} ist eine Wahrscheinlichkeit von 0 bis 1")
        for name in _NICHT_NEGATIV:
            _require(getattr(self, name) >= 0, f"{name} darf nicht negativ sein")
        for name in _GRENZEN:
            wert = getattr(self, name)
            _require(wert is None or wert > 0, f"{name} muss größer als 0 sein (null heißt: ohne Grenze)")
        # A drop-out is looked for on its day and on the one before, so it must not reach further.
        _require(self.ausfall_s <= 43_200, "ausfall_s darf höchstens 43200 sein (ein halber Tag)")
        _require(
            all(len(paar) == 2 and all(map(_is_number, paar)) and paar[0] < paar[1] for paar in self.ausfaelle),
            "ausfaelle sind Paare [von, bis) in Sekunden seit 1970",
        )

    @classmethod
    def load(cls, ordner: Path) -> Funkeinstellung:
        """The settings of ``funk.json``; without the file those of an ideal link."""
        datei = ordner / DATEI
        try:
            daten = json.loads(datei.read_text(encoding="utf-8"))
            daten["ausfaelle"] = tuple(tuple(paar) for paar in daten.get("ausfaelle", ()))
            return cls(**daten)
        except FileNotFoundError:
            return cls()
        except (OSError, ValueError, TypeError, AttributeError) as fehler:
            raise MobilfunkFehler(f"{datei} ist nicht brauchbar: {fehler}.") from fehler


def _require(erfuellt: bool, text: str) -> None:
    if not erfuellt:
        raise MobilfunkFehler(f"{DATEI}: {text}.")


def _is_number(wert: object) -> bool:
    return isinstance(wert, int | float) and not isinstance(wert, bool) and math.isfinite(wert)

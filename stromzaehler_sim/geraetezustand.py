"""What the running meter tells its display: a small file that is replaced whole and never waited for.

Nothing in it must survive a power cut: everything is told anew after a start, so it is written without fsync.
"""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

DATEI = "geraetezustand.json"
# Real seconds. A running meter tells its state at least once a minute, except while it waits for an answer.
ERNEUERN_S = 60.0
FRISCH_S = 300.0


@dataclass(frozen=True, slots=True)
class Geraetezustand:
    """The signs of life of a meter. ``stand`` is the real time of the report, in s since 1970.

    Real, because the clock of a meter may be lost or simulated, and a process that was killed is gone for real.
    """

    stand: float = 0.0
    sendet: bool = False  # a Telegramm is under way
    quittiert: bool = True  # the last try was acknowledged
    gesperrt: bool = False  # the operator refuses this meter
    sim: str = "KEINE"  # KEINE, PIN_GESPERRT, NICHT_EINGEBUCHT, EINGEBUCHT
    rat: str = ""  # radio access technology, e.g. LTE-M
    rsrp_dbm: int | None = None
    rsrq_db: int | None = None
    uhr: str = "GESTELLT"  # GESTELLT, UNSICHER, UNGUELTIG
    phasen: tuple[bool, bool, bool] = (True, True, True)  # L1, L2, L3 under voltage
    firmware: str = ""

    def is_fresh(self, instant: float) -> bool:
        """False when the report is so old at ``instant`` (real time) that its process must be gone."""
        return abs(instant - self.stand) <= FRISCH_S

    def save(self, ordner: Path) -> None:
        """Replace the file; raises OSError."""
        fd, name = tempfile.mkstemp(prefix=f".{DATEI}.", dir=ordner)
        try:
            with os.fdopen(fd, "w", encoding="utf-8") as strom:
                json.dump(asdict(self), strom)
            os.replace(name, ordner / DATEI)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

    @classmethod
    def load(cls, ordner: Path) -> Geraetezustand | None:
        """The last report, None when there is none that can be read: a display goes on without it."""
        try:
            daten = json.loads((ordner / DATEI).read_text(encoding="utf-8"))
            l1, l2, l3 = daten.pop("phasen")
            return cls(stand=float(daten.pop("stand")), phasen=(bool(l1), bool(l2), bool(l3)), **daten)
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None

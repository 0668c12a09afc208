"""What the customer set at the meter: it survives a power cut, in ``bedienung.json`` of the meter's folder."""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from gateway.ordner import write_atomic
from stromzaehler_sim.fehler import SimulationFehler

DATEI = "bedienung.json"
PIN_STELLEN = 4


class BedienungUngueltig(SimulationFehler):
    """``bedienung.json`` cannot be read."""


@dataclass(frozen=True, slots=True)
class Einstellungen:
    """The settings of one meter; the defaults are the delivery state.

    PIN and InF are two independent switches: the PIN protects line 2 of the display, InF the data set of the
    optical port.
    """

    pin: str
    pin_an: bool = True
    inf: bool = False
    nur_bezug: bool = False  # line 1 shows 1.8.0 only, as a meter without feed-in may be configured
    fehlversuche: int = 0  # wrong PINs since the last right one or the last lock
    sperren: int = 0  # locks since the last right PIN; each one lasts twice as long
    gesperrt_bis: float = 0.0  # real time in s since 1970, also where the meter's clock is a simulated one
    null_zehntelwh: int = 0  # register of 1.8.0 at the last "E CLr"; 0: as it left the factory
    historie_ab: int | None = None  # the meter's time of the last "HIS CLr"

    def save(self, ordner: Path) -> None:
        """Durably; only the owner may read it, because it holds the PIN. Raises OSError."""
        write_atomic(ordner / DATEI, (json.dumps(asdict(self), indent=2) + "\n").encode(), mode=0o600)

    @classmethod
    def load(cls, ordner: Path) -> Einstellungen:
        """The settings of the meter. The first time it is the delivery state, whose PIN is drawn and saved here.

        Raises BedienungUngueltig, and OSError when the new PIN cannot be saved.
        """
        datei = ordner / DATEI
        try:
            einstellungen = cls(**json.loads(datei.read_text(encoding="utf-8")))
            einstellungen._check_types()
        except FileNotFoundError:
            neu = cls(pin=draw_pin())
            neu.save(ordner)
            return neu
        except (OSError, ValueError, TypeError) as fehler:
            raise BedienungUngueltig(
                f"{datei} ist beschädigt: {fehler}. Gelöscht, beginnt der Zähler wieder im Lieferzustand."
            ) from fehler
        return einstellungen

    def _check_types(self) -> None:
        """Raise TypeError for a value of a wrong type: the file can be edited by hand."""
        schalter = (self.pin_an, self.inf, self.nur_bezug)
        zahlen = (self.fehlversuche, self.sperren, self.null_zehntelwh, self.historie_ab or 0)
        if not (
            type(self.pin) is str
            and self.pin.isdecimal()
            and len(self.pin) == PIN_STELLEN
            and all(type(wert) is bool for wert in schalter)
            and all(type(wert) is int for wert in zahlen)
            and type(self.gesperrt_bis) in (int, float)
        ):
            raise TypeError("ein Feld hat einen falschen Typ")


def draw_pin() -> str:
    """A PIN that nobody can guess from the meter."""
    return f"{secrets.randbelow(10**PIN_STELLEN):0{PIN_STELLEN}d}"

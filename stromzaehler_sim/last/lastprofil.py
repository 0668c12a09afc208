"""Where the energy of a quarter hour comes from: a measured series, the BDEW profile H25 or a modelled household.

A load profile is a pure function of the quarter hour: asked twice, or after a restart, it answers the same.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from gateway.ordner import write_atomic
from stromzaehler_sim.fehler import LastprofilUngueltig, LastprofilZuEnde
from stromzaehler_sim.last.h25 import H25
from stromzaehler_sim.last.haushalt import Haushalt
from stromzaehler_sim.last.phasen import Phasen, split_evenly
from stromzaehler_sim.uhr import VIERTELSTUNDE_S, parse_instant

WOCHE_S = 7 * 86400
WH_HOECHSTENS = 1_000_000  # 4 MW in a quarter hour: more is a broken file, not a household.


class Lastprofil(Protocol):
    """The energy of a quarter hour, and on which phases it flows."""

    def energy(self, uhrzeit_von: int) -> tuple[int, int]:
        """(bezug_wh, einspeisung_wh) of [uhrzeit_von, uhrzeit_von + 900), both >= 0.

        ``uhrzeit_von`` is in seconds since 1970, a multiple of 900. Raises LastprofilZuEnde outside of a series.
        """

    def phasen(self, uhrzeit_von: int) -> Phasen:
        """The mean power of that quarter hour in W on L1, L2, L3, signed: negative where energy is fed in.

        The sum is exactly (bezug_wh - einspeisung_wh) * 4 of `energy`. Raises LastprofilZuEnde, too.
        """


class Messreihe:
    """A series of integer Wh per quarter hour.

    ``wiederholen`` repeats its whole weeks for ever, so that a series of years ago drives a meter of today.
    ASSUMPTION: whole weeks counted in UTC keep the weekday; the hour shifts by one across a change of the clocks.
    """

    def __init__(self, werte: Mapping[int, tuple[int, int]], *, wiederholen: bool = False) -> None:
        if not werte:
            raise LastprofilUngueltig("Die Messreihe ist leer.")
        self._werte = dict(werte)
        self.von = min(self._werte)
        self.bis = max(self._werte) + VIERTELSTUNDE_S
        wochen = (self.bis - self.von) // WOCHE_S
        if wiederholen and wochen == 0:
            raise LastprofilUngueltig("Nur eine Messreihe von mindestens einer Woche kann wiederholt werden.")
        self._laenge_s = wochen * WOCHE_S if wiederholen else 0

    @classmethod
    def from_csv(
        cls, datei: Path | str, spalte: str, *, spalte_einspeisung: str | None = None, wiederholen: bool = False
    ) -> Messreihe:
        """Read a CSV file (``.gz`` allowed): first column interval start in UTC, named columns of integer Wh.

        Raises LastprofilUngueltig naming the line: missing column, value that is no integer >= 0, time that is no
        quarter hour or doubled. An interval that is absent stays absent.
        """
        datei = Path(datei)
        werte: dict[int, tuple[int, int]] = {}
        zeile = 1
        try:
            roh = datei.read_bytes()
            text = (gzip.decompress(roh) if datei.suffix == ".gz" else roh).decode("utf-8")
            tabelle = csv.reader(io.StringIO(text))
            kopf = next(tabelle, [])
            stelle = _column(kopf, spalte, datei)
            stelle_einspeisung = _column(kopf, spalte_einspeisung, datei) if spalte_einspeisung else None
            for felder in tabelle:
                zeile += 1
                if not felder:
                    continue
                uhrzeit = int(parse_instant(felder[0], "Zeit"))
                if uhrzeit % VIERTELSTUNDE_S or uhrzeit in werte:
                    raise ValueError(f"{felder[0]} ist keine Viertelstunde oder steht doppelt da")
                einspeisung = 0 if stelle_einspeisung is None else _wh(felder[stelle_einspeisung])
                werte[uhrzeit] = (_wh(felder[stelle]), einspeisung)
        except OSError as fehler:
            raise LastprofilUngueltig(f"{datei} ist nicht lesbar: {fehler.strerror or fehler}.") from fehler
        except LastprofilUngueltig:
            raise
        except Exception as fehler:
            # csv, gzip and decoding have errors of their own; for whoever named the file they are all one.
            raise LastprofilUngueltig(f"{datei}, Zeile {zeile}: {fehler}") from fehler
        return cls(werte, wiederholen=wiederholen)

    def energy(self, uhrzeit_von: int) -> tuple[int, int]:
        if self._laenge_s:
            uhrzeit_von = self.von + (uhrzeit_von - self.von) % self._laenge_s
        try:
            return self._werte[uhrzeit_von]
        except KeyError as fehler:
            raise LastprofilZuEnde(
                f"Die Messreihe hat keinen Wert für {uhrzeit_von}; mit --wiederholen läuft sie immer weiter."
            ) from fehler

    def phasen(self, uhrzeit_von: int) -> Phasen:
        """Evenly: a series says nothing of phases, and the even split is wrong by the least."""
        bezug_wh, einspeisung_wh = self.energy(uhrzeit_von)
        return split_evenly((bezug_wh - einspeisung_wh) * 4)


def seed_of(zaehler: str) -> int:
    """A seed of its own for each meter number, the same in every process."""
    return int.from_bytes(hashlib.sha256(zaehler.replace(" ", "").encode()).digest()[:4])


def _column(kopf: list[str], name: str, datei: Path) -> int:
    if name not in kopf[1:]:
        vorhanden = ", ".join(kopf[1:6]) + (", ..." if len(kopf) > 6 else "")
        raise LastprofilUngueltig(f"{datei} hat keine Spalte {name!r}. Vorhanden: {vorhanden}")
    return kopf.index(name, 1)


def _wh(text: str) -> int:
    wert = int(text)
    if not 0 <= wert <= WH_HOECHSTENS:
        raise ValueError(f"{wert} Wh liegt nicht in 0..{WH_HOECHSTENS}; ein Zählwerk fällt nie")
    return wert


@dataclass(frozen=True, slots=True)
class LastprofilEinstellung:
    """What ``lastprofil.json`` in the folder of a meter holds: a series when ``messreihe`` is set, else a model.

    ``jahresverbrauch_kwh`` in kWh a year, ``pv_kwp`` in kW peak; ``h25`` is the mean of German households without
    further appliances; ``waermepumpe_kwh`` and ``wallbox_kwh`` come on top of ``jahresverbrauch_kwh``.
    """

    seed: int = 0
    jahresverbrauch_kwh: int = 3500
    pv_kwp: float = 0.0
    messreihe: str | None = None
    spalte: str | None = None
    spalte_einspeisung: str | None = None
    wiederholen: bool = False
    h25: bool = False
    waermepumpe_kwh: int = 0
    wallbox_kwh: int = 0

    def build(self) -> Lastprofil:
        """The load profile; raises LastprofilUngueltig."""
        if self.messreihe is None and self.h25:
            return H25(self.jahresverbrauch_kwh)
        if self.messreihe is None:
            return Haushalt(
                self.seed, self.jahresverbrauch_kwh, self.pv_kwp, self.waermepumpe_kwh, self.wallbox_kwh
            )
        if self.spalte is None:
            raise LastprofilUngueltig("Zu einer Messreihe gehört der Name der Spalte (--spalte).")
        return Messreihe.from_csv(
            self.messreihe,
            self.spalte,
            spalte_einspeisung=self.spalte_einspeisung,
            wiederholen=self.wiederholen,
        )

    def _check_types(self) -> None:
        """Raise TypeError for a field of a wrong type: the file can be edited by hand."""
        texte = (self.messreihe, self.spalte, self.spalte_einspeisung)
        zahlen = (self.seed, self.jahresverbrauch_kwh, self.waermepumpe_kwh, self.wallbox_kwh)
        if not (
            all(type(zahl) is int for zahl in zahlen)
            and type(self.pv_kwp) in (int, float)
            and type(self.wiederholen) is type(self.h25) is bool
            and all(text is None or type(text) is str for text in texte)
        ):
            raise TypeError("a field has a wrong type")

    def save(self, ordner: Path) -> None:
        text = json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n"
        write_atomic(ordner / "lastprofil.json", text.encode())

    @classmethod
    def load(cls, ordner: Path) -> LastprofilEinstellung:
        """Read ``lastprofil.json``; raises LastprofilUngueltig when it is missing or damaged."""
        datei = ordner / "lastprofil.json"
        try:
            einstellung = cls(**json.loads(datei.read_text(encoding="utf-8")))
            einstellung._check_types()
            return einstellung
        except FileNotFoundError as fehler:
            raise LastprofilUngueltig(f"{datei} fehlt. Zuerst: stromzaehler einschreiben {ordner} ...") from fehler
        except (OSError, ValueError, TypeError) as fehler:
            raise LastprofilUngueltig(f"{datei} ist beschädigt: {fehler}.") from fehler

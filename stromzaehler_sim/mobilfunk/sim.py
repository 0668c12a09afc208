"""The SIM card of the meter: its number, its PIN, and whether it lets the modem into the network.

ICCID: ITU-T E.118 (number of the card, "89" for telecommunications, then the country, Germany is 49) with the
Luhn check digit of ISO/IEC 7812-1. PIN: four to eight digits, three tries; then the PUK of eight digits, ten
tries; then the card is dead (ETSI TS 102 221, 9.5 and 11.1.9 to 11.1.13). APN: 3GPP TS 23.003, 9.1.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Final

from gateway.ordner import write_atomic
from stromzaehler_sim.fehler import MobilfunkFehler

DATEI: Final = "sim.json"
PIN_VERSUCHE: Final = 3
PUK_VERSUCHE: Final = 10

# ASSUMPTION: issuer 99 is given to no German network; a card made up here then never has the number of a real one.
_KOPF: Final = "894999"
_PIN = re.compile("[0-9]{4,8}")
_PUK = re.compile("[0-9]{8}")
_APN_TEIL = re.compile("[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?")


class SimZustand(StrEnum):
    """How far the modem got."""

    KEINE = "KEINE"  # no card
    PIN_GESPERRT = "PIN_GESPERRT"  # the card wants its PIN or PUK
    NICHT_EINGEBUCHT = "NICHT_EINGEBUCHT"  # searching for a network
    EINGEBUCHT = "EINGEBUCHT"


def luhn_digit(ziffern: str) -> str:
    """The check digit that belongs behind ``ziffern`` (ISO/IEC 7812-1, annex B)."""
    summe = 0
    for stelle, ziffer in enumerate(reversed(ziffern)):
        wert = int(ziffer) * (2 if stelle % 2 == 0 else 1)
        summe += wert // 10 + wert % 10
    return str(-summe % 10)


def check_iccid(text: str) -> str:
    """The 19 or 20 digits without spaces; raises MobilfunkFehler."""
    iccid = text.replace(" ", "")
    if not re.fullmatch("89[0-9]{17,18}", iccid):
        raise MobilfunkFehler(f"{text!r} ist keine ICCID: 19 oder 20 Ziffern, vorn 89 (Deutschland: 8949).")
    if luhn_digit(iccid[:-1]) != iccid[-1]:
        raise MobilfunkFehler(f"Die Prüfziffer der ICCID {text!r} stimmt nicht; auf der Karte nachsehen.")
    return iccid


def generate_iccid(seed: str) -> str:
    """A German number of 19 digits that belongs to no real card, the same for the same ``seed``."""
    konto = int.from_bytes(hashlib.sha256(f"iccid {seed}".encode()).digest()[:8]) % 10**12
    ziffern = f"{_KOPF}{konto:012d}"
    return ziffern + luhn_digit(ziffern)


def generate_puk(seed: str) -> str:
    """The eight digits that come with the card."""
    return f"{int.from_bytes(hashlib.sha256(f'puk {seed}'.encode()).digest()[:8]) % 10**8:08d}"


@dataclass(frozen=True, slots=True)
class Sim:
    """A card and its slot. ``entsperrt``: the meter knows the PIN and enters it at every start."""

    iccid: str
    apn: str
    pin: str = field(default="", repr=False)  # "" = the card asks for none
    puk: str = field(default="00000000", repr=False)
    eingelegt: bool = True
    entsperrt: bool = False
    fehlversuche_pin: int = 0
    fehlversuche_puk: int = 0

    def __post_init__(self) -> None:
        check_iccid(self.iccid)
        check_apn(self.apn)
        if self.pin:
            check_pin(self.pin)
        if not _PUK.fullmatch(self.puk):
            raise MobilfunkFehler("Eine PUK hat acht Ziffern.")
        versuche = (self.fehlversuche_pin, self.fehlversuche_puk)
        if not all(type(zahl) is int and zahl >= 0 for zahl in versuche):
            raise MobilfunkFehler("Die Zahl der Fehlversuche ist beschädigt.")

    @property
    def zustand(self) -> SimZustand:
        """KEINE, PIN_GESPERRT, or NICHT_EINGEBUCHT: whether there is a network, the radio knows."""
        if not self.eingelegt:
            return SimZustand.KEINE
        if self.pin and not self.entsperrt:
            return SimZustand.PIN_GESPERRT
        return SimZustand.NICHT_EINGEBUCHT

    @property
    def puk_noetig(self) -> bool:
        return self.fehlversuche_pin >= PIN_VERSUCHE

    def enter_pin(self, pin: str) -> Sim:
        """The card after this try: ``entsperrt``, or one more in ``fehlversuche_pin``. Raises MobilfunkFehler.

        The caller saves it in either case: a card remembers wrong tries without power.
        """
        check_pin(pin)
        if self.puk_noetig:
            raise MobilfunkFehler("Die SIM-Karte ist gesperrt; sie verlangt die PUK: --puk angeben.")
        if not self.pin or hmac.compare_digest(self.pin, pin):
            return replace(self, entsperrt=True, fehlversuche_pin=0)
        return replace(self, entsperrt=False, fehlversuche_pin=self.fehlversuche_pin + 1)

    def enter_puk(self, puk: str, neue_pin: str) -> Sim:
        """The card after this try: unlocked with ``neue_pin``, or one more in ``fehlversuche_puk``."""
        check_pin(neue_pin)
        if self.fehlversuche_puk >= PUK_VERSUCHE:
            raise MobilfunkFehler("Die SIM-Karte ist endgültig gesperrt; eine neue Karte einlegen.")
        if hmac.compare_digest(self.puk, puk if puk.isascii() else ""):
            return replace(self, pin=neue_pin, entsperrt=True, fehlversuche_pin=0, fehlversuche_puk=0)
        return replace(self, fehlversuche_puk=self.fehlversuche_puk + 1)

    def insert(self) -> Sim:
        return replace(self, eingelegt=True)

    def remove(self) -> Sim:
        """The slot is empty; the card keeps what it knows, also its wrong tries."""
        return replace(self, eingelegt=False)

    def save(self, ordner: Path) -> None:
        """Write ``sim.json``; readable by the owner only, because it holds PIN and PUK."""
        text = json.dumps(asdict(self), indent=2) + "\n"
        write_atomic(ordner / DATEI, text.encode(), mode=0o600)

    @classmethod
    def load(cls, ordner: Path) -> Sim | None:
        """The card of ``sim.json``; None for a meter without a mobile modem. Raises MobilfunkFehler."""
        datei = ordner / DATEI
        try:
            return cls(**json.loads(datei.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, AttributeError) as fehler:
            raise MobilfunkFehler(f"{datei} ist beschädigt; die Karte neu einlegen: {fehler}.") from fehler


def check_pin(pin: str) -> None:
    """Raises MobilfunkFehler unless ``pin`` is four to eight digits."""
    if not _PIN.fullmatch(pin):
        raise MobilfunkFehler("Eine SIM-PIN hat vier bis acht Ziffern.")


def check_apn(apn: str) -> None:
    """Raises MobilfunkFehler unless ``apn`` is labels of letters, digits and hyphens with dots between."""
    if len(apn) > 100 or not all(_APN_TEIL.fullmatch(teil) for teil in apn.split(".")):
        raise MobilfunkFehler(f"{apn!r} ist kein APN (Beispiel: internet.m2m).")

"""Firmware of the meter: judge what the operator announces, fetch the image in pieces, install it at once.

An image is only data here: the simulated meter does not run it. What is real is the way to it. ``firmware.json``
alone says which image is installed, so it is the last file that an update writes; ``firmware/<sha256>.bin``
without it is an image that is still being fetched, and a restart goes on where it ends.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cryptography import x509

from gateway.einschreibung import pinned_root
from gateway.empfang import error_code, retry_after
from gateway.fehler import Abgewiesen, FirmwareAbgelehnt, OrdnerFehler, ZertifikatUngueltig
from gateway.ordner import Ordner, write_atomic
from gateway.verbindung import Uebertragung
from gateway.zertifikate import check_code_signing, check_under_root, load_certificate, public_key_of
from telegramm.fehler import SignaturUngueltig, TelegrammFehler
from telegramm.firmware import Firmwareangebot, Firmwaremanifest, version_order
from telegramm.messwerte import Firmware

MODELL: Final = "SIM-3.60"
WERKSVERSION: Final = "1.0.0"
PFAD: Final = "/geraete/v1/firmware"
# At 48 KiB each; more would hold up readings on a slow link.
STUECKE_JE_PLATZ: Final = 8

AKTUALISIERT: Final = "FIRMWARE_AKTUALISIERT"
ABGELEHNT: Final = "FIRMWARE_ABGELEHNT"

_WERKSBILD = b"Simulierte Firmware, Auslieferungszustand"
# Reasons that only show when the image is there: such an image is not fetched again.
ZU_KURZ: Final = "Das Bild der Firmware ist kürzer als angekündigt."
ZU_LANG: Final = "Das Bild der Firmware ist länger als angekündigt."
PRUEFSUMME: Final = "Die Prüfsumme des Bildes ist nicht die angekündigte."
_AM_BILD = {ZU_KURZ, ZU_LANG, PRUEFSUMME}
_GEMERKT_HOECHSTENS = 16


@dataclass(frozen=True, slots=True)
class Firmwarestand:
    """The installed firmware and the model of the meter. ``sha256``: 32 bytes, of the image."""

    modell: str
    version: str
    sha256: bytes

    @classmethod
    def factory(cls, modell: str = MODELL) -> Firmwarestand:
        """What a meter is delivered with."""
        return cls(modell, WERKSVERSION, hashlib.sha256(_WERKSBILD).digest())

    @classmethod
    def load(cls, ordner: Ordner) -> Firmwarestand:
        """What is installed; raises OrdnerFehler when the file is damaged, for an older image must not follow."""
        datei = _stand_datei(ordner)
        try:
            daten = json.loads(datei.read_text(encoding="utf-8"))
            return cls(str(daten["modell"]), str(daten["version"]), bytes.fromhex(daten["sha256"]))
        except FileNotFoundError:
            return cls.factory()
        except (OSError, ValueError, KeyError, TypeError) as fehler:
            raise OrdnerFehler(f"{datei} ist beschädigt; den Ordner aus der Sicherung holen.") from fehler

    def save(self, ordner: Ordner) -> None:
        daten = {"modell": self.modell, "version": self.version, "sha256": self.sha256.hex()}
        write_atomic(_stand_datei(ordner), (json.dumps(daten, indent=2, ensure_ascii=False) + "\n").encode())


def current_firmware(ordner: Ordner) -> Firmware:
    """The installed firmware as Telegramme report it. Raises OrdnerFehler."""
    stand = Firmwarestand.load(ordner)
    return Firmware(stand.version, stand.sha256)


def check_angebot(
    angebot: Firmwareangebot,
    *,
    wurzel: x509.Certificate,
    ausstellende: Sequence[x509.Certificate],
    stand: Firmwarestand,
    jetzt: datetime,
) -> Firmwaremanifest:
    """The manifest, when this meter may install what it announces. Raises FirmwareAbgelehnt with the reason.

    The signer's certificate must be for signing code, and lead through ``ausstellende`` to the pinned root.
    """
    try:
        zertifikat = load_certificate(angebot.zertifikat)
        check_under_root(zertifikat, ausstellende, wurzel, jetzt)
        check_code_signing(zertifikat)
        manifest = angebot.verify(public_key_of(zertifikat))
    except ZertifikatUngueltig as fehler:
        raise FirmwareAbgelehnt(str(fehler)) from fehler
    except SignaturUngueltig as fehler:
        raise FirmwareAbgelehnt("Die Unterschrift der Firmware ist falsch.") from fehler
    except TelegrammFehler as fehler:
        raise FirmwareAbgelehnt("Das Manifest der Firmware ist unlesbar oder zu groß.") from fehler
    if manifest.modell != stand.modell:
        raise FirmwareAbgelehnt(f"Die Firmware ist für {manifest.modell}, dieser Zähler ist ein {stand.modell}.")
    if version_order(manifest.version) <= version_order(stand.version):
        raise FirmwareAbgelehnt(f"Version {manifest.version} ist nicht neuer als {stand.version}.")
    return manifest


@dataclass(frozen=True, slots=True)
class _Ziel:
    """What is being fetched. ``abdruck`` names the announcement."""

    abdruck: str
    manifest: Firmwaremanifest


class Firmwareaktualisierung:
    """The update of one meter: `consider` what each receipt announces, then `fetch` in every upload slot.

    ``melden(code, text)`` writes to the device log. Usable by one thread at a time.
    """

    def __init__(self, ordner: Ordner, melden: Callable[[str, str], None]) -> None:
        self._ordner = ordner
        self._melden = melden
        self.stand = Firmwarestand.load(ordner)
        self._ziel: _Ziel | None = None
        self._von_vorn = False
        self._abgelehnt = self._load_refusals()

    @property
    def is_fetching(self) -> bool:
        return self._ziel is not None

    def consider(self, angebot: Firmwareangebot | None, jetzt: float) -> None:
        """Judge an announcement, ``jetzt`` in real seconds since 1970; log once what is refused.

        One that was refused is judged again, because a wrong clock or a CA that is not known yet may be why; only
        an image that was wrong is not fetched again.
        """
        if angebot is None:
            return
        abdruck = hashlib.sha256(angebot.manifest + angebot.signatur + angebot.zertifikat).hexdigest()
        if (self._ziel is not None and self._ziel.abdruck == abdruck) or self._abgelehnt.get(abdruck) in _AM_BILD:
            return
        self._ziel = None
        if self._is_installed(angebot):
            return
        try:
            manifest = check_angebot(
                angebot,
                wurzel=pinned_root(self._ordner.ca_datei.read_bytes()),
                ausstellende=self._ordner.load_ausstellende(),
                stand=self.stand,
                jetzt=datetime.fromtimestamp(jetzt, UTC),
            )
        except FirmwareAbgelehnt as fehler:
            self._refuse(abdruck, str(fehler))
            return
        self._ziel = _Ziel(abdruck, manifest)
        self._von_vorn = False
        self._remove_images(manifest.sha256, self.stand.sha256)

    def fetch(self, uebertragung: Uebertragung, stuecke: int = STUECKE_JE_PLATZ) -> bool:
        """Fetch up to ``stuecke`` pieces and install the image when it is whole; True when it was installed.

        Raises SendeFehler when the link fails or the operator is busy; what is there already stays.
        """
        for _ in range(stuecke):
            if self._ziel is None:
                break
            if self._fetch_piece(uebertragung, self._ziel):
                return True
        return False

    def _fetch_piece(self, uebertragung: Uebertragung, ziel: _Ziel) -> bool:
        datei, groesse = self._image(ziel.manifest.sha256), ziel.manifest.groesse
        vorhanden = datei.stat().st_size if datei.exists() else 0
        if vorhanden < groesse:
            self._von_vorn = self._von_vorn or vorhanden == 0
            antwort = uebertragung.get(f"{PFAD}/{ziel.manifest.sha256.hex()}?von={vorhanden}")
            if antwort.status == 404:
                # Withdrawn while it was fetched: nothing is wrong with this meter or that image.
                self._drop(ziel)
                return False
            if antwort.status not in (200, 416):
                raise Abgewiesen(antwort.status, error_code(antwort), retry_after(antwort.headers))
            if antwort.status == 416 or not antwort.body:
                self._refuse_image(ziel, ZU_KURZ)
                return False
            _append(datei, antwort.body)
            vorhanden += len(antwort.body)
        if vorhanden < groesse:
            return False
        if vorhanden > groesse:
            self._refuse_image(ziel, ZU_LANG)
        elif hashlib.sha256(datei.read_bytes()).digest() != ziel.manifest.sha256:
            self._refuse_image(ziel, PRUEFSUMME)
        else:
            self._install(ziel.manifest)
            return True
        return False

    def _install(self, manifest: Firmwaremanifest) -> None:
        bisher = self.stand
        self.stand = Firmwarestand(manifest.modell, manifest.version, manifest.sha256)
        self.stand.save(self._ordner)
        self._ziel = None
        self._remove_images(manifest.sha256)
        self._melden(AKTUALISIERT, f"Firmware {bisher.version} durch {manifest.version} ersetzt.")

    def _is_installed(self, angebot: Firmwareangebot) -> bool:
        """An announcement that was on its way when its image was installed says nothing new."""
        try:
            manifest = Firmwaremanifest.from_bytes(angebot.manifest)
        except TelegrammFehler:
            return False
        return (manifest.version, manifest.sha256) == (self.stand.version, self.stand.sha256)

    def _refuse_image(self, ziel: _Ziel, grund: str) -> None:
        """Refuse what was fetched whole. What an earlier run has left is fetched anew before it is judged.

        A power cut may have torn the end of the file; then the fault is ours.
        """
        if self._von_vorn:
            self._refuse(ziel.abdruck, grund)
            self._drop(ziel)
        else:
            self._image(ziel.manifest.sha256).unlink(missing_ok=True)

    def _drop(self, ziel: _Ziel) -> None:
        self._ziel = None
        self._image(ziel.manifest.sha256).unlink(missing_ok=True)

    def _refuse(self, abdruck: str, grund: str) -> None:
        if self._abgelehnt.get(abdruck) == grund:
            return
        if abdruck not in self._abgelehnt:
            self._melden(ABGELEHNT, grund)
        self._abgelehnt[abdruck] = grund
        neueste = list(self._abgelehnt.items())[-_GEMERKT_HOECHSTENS:]
        self._abgelehnt = dict(neueste)
        write_atomic(self._refusals_file, json.dumps(self._abgelehnt, ensure_ascii=False).encode())

    @property
    def _refusals_file(self) -> Path:
        return self._ordner.pfad / "firmware" / "abgelehnt.json"

    def _load_refusals(self) -> dict[str, str]:
        """What was refused, oldest first. A damaged file costs one entry of the log twice, so it is no error."""
        try:
            daten = json.loads(self._refusals_file.read_text(encoding="utf-8"))
            return {str(abdruck): str(grund) for abdruck, grund in daten.items()}
        except (OSError, ValueError, AttributeError):
            return {}

    def _image(self, sha256: bytes) -> Path:
        return self._ordner.pfad / "firmware" / f"{sha256.hex()}.bin"

    def _remove_images(self, *ausser: bytes) -> None:
        bleiben = {self._image(sha256) for sha256 in ausser}
        for datei in (self._ordner.pfad / "firmware").glob("*.bin"):
            if datei not in bleiben:
                with contextlib.suppress(FileNotFoundError):
                    datei.unlink()


def _append(datei: Path, stueck: bytes) -> None:
    """Append durably: the length of the file is where the next try goes on."""
    datei.parent.mkdir(parents=True, exist_ok=True)
    with open(datei, "ab") as strom:
        strom.write(stueck)
        strom.flush()
        os.fsync(strom.fileno())


def _stand_datei(ordner: Ordner) -> Path:
    return ordner.pfad / "firmware.json"

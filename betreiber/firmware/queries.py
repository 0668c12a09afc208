"""The SQL of firmware. Images are large: only `read_bild` touches them."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session, defer

from betreiber.firmware.domain import Freigabe
from db.models import Firmware, Geraeteschluessel, Stromzaehler
from telegramm.firmware import Firmwareangebot


@dataclass(frozen=True, slots=True)
class Abnehmer:
    """The meter at the other end of a connection."""

    modell: str
    zustand: str
    schluessel_gesperrt: bool
    gueltig_bis: datetime


def list_firmware(session: Session) -> list[Firmware]:
    """Every release, oldest first, without its image."""
    anweisung = select(Firmware).options(defer(Firmware.bild)).order_by(Firmware.firmware_id)
    return list(session.scalars(anweisung))


def list_freigaben(session: Session) -> tuple[Freigabe, ...]:
    """What is on offer."""
    zeilen = session.execute(
        select(
            Firmware.modell,
            Firmware.firmwareversion,
            Firmware.anteil_prozent,
            Firmware.manifest,
            Firmware.signatur,
            Firmware.zertifikat,
        ).where(Firmware.zurueckgezogen_zeitpunkt.is_(None))
    )
    return tuple(
        Freigabe(
            zeile.modell,
            zeile.firmwareversion,
            zeile.anteil_prozent,
            Firmwareangebot(zeile.manifest, zeile.signatur, zeile.zertifikat),
        )
        for zeile in zeilen
    )


def list_versionen(session: Session, modell: str) -> list[str]:
    """Every version that was ever released for a model."""
    return list(session.scalars(select(Firmware.firmwareversion).where(Firmware.modell == modell)))


def lock_firmware(session: Session, modell: str, version: str) -> Firmware | None:
    """A release, locked, without its image."""
    return session.scalar(
        select(Firmware)
        .options(defer(Firmware.bild))
        .where(Firmware.modell == modell, Firmware.firmwareversion == version)
        .with_for_update()
    )


def count_zaehler(session: Session, modell: str) -> int:
    """How many meters of a model there are."""
    return session.scalar(select(func.count()).where(Stromzaehler.modell == modell)) or 0


def find_abnehmer(session: Session, tls_fingerabdruck: bytes) -> Abnehmer | None:
    """The meter whose TLS certificate has this SHA-256."""
    zeile = session.execute(
        select(
            Stromzaehler.modell,
            Stromzaehler.zustand,
            Geraeteschluessel.gesperrt_zeitpunkt,
            Geraeteschluessel.gueltig_bis,
        )
        .join(Stromzaehler, Stromzaehler.stromzaehler_id == Geraeteschluessel.stromzaehler_id)
        .where(Geraeteschluessel.fingerabdruck == tls_fingerabdruck, Geraeteschluessel.zweck == "TLS")
    ).one_or_none()
    if zeile is None:
        return None
    return Abnehmer(zeile.modell, zeile.zustand, zeile.gesperrt_zeitpunkt is not None, zeile.gueltig_bis)


def is_on_offer(session: Session, modell: str, sha256: bytes) -> bool:
    """Whether an image is that of a release for a model that was not withdrawn."""
    return session.scalar(select(Firmware.firmware_id).where(*_on_offer(modell, sha256)).limit(1)) is not None


def read_bild(session: Session, modell: str, sha256: bytes) -> bytes:
    """An image that is on offer for a model. Raises NoResultFound."""
    return session.scalars(select(Firmware.bild).where(*_on_offer(modell, sha256)).limit(1)).one()


def _on_offer(modell: str, sha256: bytes) -> tuple[ColumnElement[bool], ...]:
    return (
        Firmware.modell == modell,
        Firmware.sha256 == sha256,
        Firmware.zurueckgezogen_zeitpunkt.is_(None),
    )

"""Use cases of firmware: release an image, widen its share, withdraw it; offer it to meters and give it out."""

import hashlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from betreiber.auth.domain import Akteur
from betreiber.ereignis.domain import Ereignisart
from betreiber.ereignis.service import record_audit, record_ereignis
from betreiber.errors import EingabeUngueltig, GeraeteFehler, KonfliktFehler, NichtGefunden
from betreiber.firmware import queries
from betreiber.firmware.domain import Freigabe, choose_freigabe
from betreiber.schluessel.domain import GESPERRTE_ZUSTAENDE
from db.models import Firmware
from db.session import begin_read
from telegramm.fehler import InhaltUngueltig
from telegramm.firmware import (
    GROESSE_MAX,
    STUECK_BYTES,
    Firmwareangebot,
    Firmwaremanifest,
    sign_manifest,
    version_order,
)

# How long a device process goes on with what it has read: a release reaches the meters that much later.
KATALOG_S = 10.0
# Images that a device process keeps, of 16 MiB at the most: that of a release, and of one before it.
BILDER = 2


class Firmwarekatalog:
    """The releases on offer, kept in the device process so that a message costs no query.

    `refresh` and `find_angebot` may be called by several threads: the list is only ever replaced as a whole.
    """

    def __init__(self, gueltig_s: float = KATALOG_S, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._gueltig_s = gueltig_s
        self._monotonic = monotonic
        self._gelesen: float | None = None
        self._freigaben: Sequence[Freigabe] = ()

    def refresh(self, session: Session) -> None:
        """Read the list again when it is old, in the transaction of the caller."""
        jetzt = self._monotonic()
        if self._gelesen is None or jetzt - self._gelesen >= self._gueltig_s:
            self._freigaben = queries.list_freigaben(session)
            self._gelesen = jetzt

    def find_angebot(self, modell: str, zaehlernummer: str, version: str | None) -> Firmwareangebot | None:
        """What a meter is offered that reports to run `version`; None when it is up to date."""
        freigabe = choose_freigabe(self._freigaben, modell, zaehlernummer, version)
        return None if freigabe is None else freigabe.angebot


class Bildspeicher:
    """The images that were given out last, kept in the device process: a database reads all of one for any piece.

    Usable by several threads; of those that want an image that is not here yet, one reads it.
    """

    def __init__(self, anzahl: int = BILDER) -> None:
        self._anzahl = anzahl
        self._sperre = threading.Lock()
        self._bilder: dict[bytes, bytes] = {}  # by SHA-256, the one given out last at the end

    def get(self, sha256: bytes, lesen: Callable[[], bytes]) -> bytes:
        """The image of this hash; `lesen` fetches it when it is not here."""
        with self._sperre:
            bild = self._bilder.pop(sha256, None)
            if bild is None:
                bild = lesen()
            self._bilder[sha256] = bild
            if len(self._bilder) > self._anzahl:
                del self._bilder[next(iter(self._bilder))]
            return bild


def release_firmware(
    session: Session,
    akteur: Akteur,
    *,
    bild: bytes,
    modell: str,
    version: str,
    anteil_prozent: int,
    schluessel: EllipticCurvePrivateKey,
    zertifikat: x509.Certificate,
    echtzeit: datetime,
) -> int:
    """Sign an image and offer it to a share of the meters of a model; returns how many meters the model has.

    `echtzeit`: certificates live in real time. Raises EingabeUngueltig, and KonfliktFehler for a version that is
    not newer than every earlier release of the model, and for an expired certificate. The image may be that of an
    earlier release: so it is signed anew when a certificate ends.
    """
    if not 1 <= len(bild) <= GROESSE_MAX:
        raise EingabeUngueltig(f"Ein Bild hat 1 bis {GROESSE_MAX} Byte, dieses {len(bild)}.")
    sha256 = hashlib.sha256(bild).digest()
    try:
        manifest = Firmwaremanifest(modell, version, sha256, len(bild))
    except InhaltUngueltig as error:
        raise EingabeUngueltig(
            "Ein Modell hat 1 bis 64 druckbare Zeichen, eine Version zwei bis vier Zahlen mit Punkten (1.4.0)."
        ) from error
    if zertifikat.not_valid_after_utc <= echtzeit:
        raise KonfliktFehler(
            "Das Zertifikat des Firmwareschlüssels ist abgelaufen."
            " Rufen Sie: betreiber pki firmware-schluessel --ersetzen"
        )
    _check_newer(queries.list_versionen(session, modell), modell, version)
    angebot = sign_manifest(manifest, schluessel, zertifikat.public_bytes(Encoding.DER))
    zeile = Firmware(
        modell=modell,
        firmwareversion=version,
        sha256=sha256,
        bild=bild,
        manifest=angebot.manifest,
        signatur=angebot.signatur,
        zertifikat=angebot.zertifikat,
        anteil_prozent=anteil_prozent,
        angelegt_zeitpunkt=akteur.zeitpunkt,
    )
    session.add(zeile)
    try:
        session.flush()
    except IntegrityError as error:
        # On PostgreSQL two at once pass the check; the constraint stops the second.
        raise KonfliktFehler(f"Version {version} für {modell} wurde eben schon freigegeben.") from error
    daten = {"modell": modell, "version": version, "anteil_prozent": anteil_prozent, "sha256": sha256.hex()}
    _record(session, akteur, Ereignisart.FIRMWARE_FREIGEGEBEN, zeile, daten)
    anzahl = queries.count_zaehler(session, modell)
    session.commit()
    return anzahl


def widen_anteil(session: Session, akteur: Akteur, *, modell: str, version: str, anteil_prozent: int) -> None:
    """Offer a release to a larger share of the meters. The same share again changes nothing.

    Raises NichtGefunden, and KonfliktFehler for a smaller share: what meters have installed they keep.
    """
    zeile = _lock(session, modell, version)
    if zeile.zurueckgezogen_zeitpunkt is not None:
        raise KonfliktFehler(f"Version {version} ist zurückgezogen. Geben Sie eine neue Version frei.")
    if anteil_prozent < zeile.anteil_prozent:
        raise KonfliktFehler(
            f"Der Anteil ist schon {zeile.anteil_prozent} % und wird nicht kleiner: was ein Zähler hat, behält er."
            " Um eine Version niemandem mehr anzubieten: betreiber firmware zurueckziehen"
        )
    if anteil_prozent > zeile.anteil_prozent:
        daten = {"modell": modell, "version": version, "anteil_prozent": anteil_prozent}
        zeile.anteil_prozent = anteil_prozent
        _record(session, akteur, Ereignisart.FIRMWARE_AUSGEWEITET, zeile, daten)
    session.commit()


def withdraw_firmware(session: Session, akteur: Akteur, *, modell: str, version: str) -> None:
    """Offer a release to nobody any more; meters that have it keep it. Twice is once. Raises NichtGefunden."""
    zeile = _lock(session, modell, version)
    if zeile.zurueckgezogen_zeitpunkt is None:
        zeile.zurueckgezogen_zeitpunkt = akteur.zeitpunkt
        _record(
            session, akteur, Ereignisart.FIRMWARE_ZURUECKGEZOGEN, zeile, {"modell": modell, "version": version}
        )
    session.commit()


def list_firmware(session: Session) -> list[Firmware]:
    """Every release, oldest first, without its image."""
    return queries.list_firmware(session)


def read_stueck(
    session: Session, bilder: Bildspeicher, tls_fingerabdruck: bytes, sha256: str, von: str, echtzeit: datetime
) -> bytes:
    """A piece of an image, for the meter at the other end of the connection: up to 48 KiB from byte `von` on.

    `echtzeit`: a connection may outlive its certificate, which lives in real time. Raises GeraeteFehler: 401 for a
    certificate that no meter has, 403 for one that is locked or has ended, 404 for an image
    that is not on offer for its model, 416 from the end of the image on, 400 for a `von` that is no number.
    """
    begin_read(session)
    abnehmer = queries.find_abnehmer(session, tls_fingerabdruck)
    if abnehmer is None:
        raise GeraeteFehler(401, "unbekannt")
    gesperrt = abnehmer.schluessel_gesperrt or abnehmer.zustand in GESPERRTE_ZUSTAENDE
    if gesperrt or abnehmer.gueltig_bis <= echtzeit:
        raise GeraeteFehler(403, "gesperrt")
    if not (von.isascii() and von.isdigit() and len(von) <= 9):
        raise GeraeteFehler(400, "anfrage")
    try:
        abdruck = bytes.fromhex(sha256)
    except ValueError as error:
        raise GeraeteFehler(404, "firmware") from error
    # Asked for each piece: what is withdrawn ends in the middle of a download, too.
    if not queries.is_on_offer(session, abnehmer.modell, abdruck):
        raise GeraeteFehler(404, "firmware")
    bild = bilder.get(abdruck, lambda: queries.read_bild(session, abnehmer.modell, abdruck))
    stueck = bild[int(von) : int(von) + STUECK_BYTES]
    if not stueck:
        raise GeraeteFehler(416, "bereich")
    return stueck


def _check_newer(fruehere: Sequence[str], modell: str, version: str) -> None:
    """Versions only grow, also past one that was withdrawn: a meter may have it, and would refuse an older one."""
    neueste = max(fruehere, key=version_order, default=None)
    if neueste is not None and version_order(version) <= version_order(neueste):
        raise KonfliktFehler(f"Für {modell} gab es schon Version {neueste}; die neue muss größer sein.")


def _lock(session: Session, modell: str, version: str) -> Firmware:
    zeile = queries.lock_firmware(session, modell, version)
    if zeile is None:
        raise NichtGefunden(f"Version {version} für {modell} gibt es nicht. Alle zeigt: betreiber firmware liste")
    return zeile


def _record(
    session: Session, akteur: Akteur, art: Ereignisart, zeile: Firmware, daten: Mapping[str, object]
) -> None:
    record_ereignis(session, akteur, art, "firmware", zeile.firmware_id, daten)
    record_audit(session, akteur, art, "firmware", zeile.firmware_id, neu=daten)

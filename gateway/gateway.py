"""The gateway of one meter, put together from its folder."""

from __future__ import annotations

import contextlib
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from gateway.ausgang import Gedaechtnis
from gateway.fehler import OrdnerFehler
from gateway.kette import load_schluesselbund
from gateway.ordner import Konfiguration, Ordner
from gateway.puffer import KAPAZITAET, Connect, Puffer, connect
from gateway.uhr import Geraeteuhr
from gateway.verbindung import HttpsVerbindung, Uebertragung, tls_context
from gateway.versand import EPOCHE_NEU, Melden, Umfeld, Versand
from telegramm.messwerte import Firmware, Netz
from telegramm.quittung import Quittung


class Gateway:
    """One enrolled meter: ``Gateway.open(ordner)``, then its clock ``uhr``, its ``puffer`` and its ``versand``.

    Usable by one thread at a time; close it, or use it as a context manager.
    """

    def __init__(
        self,
        ordner: Ordner,
        konfiguration: Konfiguration,
        puffer: Puffer,
        versand: Versand,
        verbindung: Uebertragung,
    ) -> None:
        self.ordner = ordner
        self.konfiguration = konfiguration
        self.puffer = puffer
        self.versand = versand
        self.verbindung = verbindung

    @classmethod
    def open(
        cls,
        ordner: Ordner | Path | str,
        *,
        uebertragung: Uebertragung | None = None,
        jetzt: Callable[[], float] = time.time,
        uhr: Geraeteuhr | None = None,
        kapazitaet: int = KAPAZITAET,
        connect: Connect = connect,
        gedaechtnis: Gedaechtnis | None = None,
        netz: Callable[[], Netz | None] = lambda: None,
        fw: Callable[[], Firmware | None] = lambda: None,
        bei_quittung: Callable[[Quittung], None] = lambda quittung: None,
        melden: Melden | None = None,
    ) -> Gateway:
        """Open the gateway of an enrolled folder. Connects to nobody yet.

        ``uebertragung`` replaces the HTTPS connection (tests, link model); ``jetzt`` is the source of time of the
        device in seconds since 1970, corrected by receipts (``uhr`` replaces it together with its limits);
        ``kapazitaet`` the size of the buffer in readings; ``connect`` opens its file. For the rest see `Umfeld`:
        whoever sends for a meter that remembers needs its ``gedaechtnis``. Raises OrdnerFehler.
        """
        ordner = ordner if isinstance(ordner, Ordner) else Ordner(ordner)
        schluessel = load_schluesselbund(ordner)
        verbindung = uebertragung if uebertragung is not None else open_verbindung(ordner)
        uhr = uhr if uhr is not None else Geraeteuhr(jetzt)
        puffer, verloren = _open_puffer(ordner, kapazitaet, connect)
        konfiguration = ordner.load_konfiguration()
        uhr.import_state(puffer.lage().zustand)
        versand = Versand(
            zaehler=konfiguration.zaehler,
            puffer=puffer,
            uebertragung=verbindung,
            schluessel=schluessel,
            uhr=uhr,
            umfeld=Umfeld(
                gedaechtnis=gedaechtnis,
                netz=netz,
                fw=fw,
                bei_quittung=bei_quittung,
                melden=melden,
                bei_epoche=lambda epoche: _save_epoche(ordner, epoche),
            ),
        )
        if verloren:
            versand.report(EPOCHE_NEU, f"Epoche {puffer.epoche} begonnen, weil der Puffer verloren ging.")
        return cls(ordner, konfiguration, puffer, versand, verbindung)

    @property
    def uhr(self) -> Geraeteuhr:
        return self.versand.uhr

    def close(self) -> None:
        self.puffer.close()
        if isinstance(self.verbindung, HttpsVerbindung):
            self.verbindung.close()

    def __enter__(self) -> Gateway:
        return self

    def __exit__(
        self, art: type[BaseException] | None, fehler: BaseException | None, spur: TracebackType | None
    ) -> None:
        self.close()


def _open_puffer(ordner: Ordner, kapazitaet: int, connect: Connect) -> tuple[Puffer, bool]:
    """The buffer, and whether the one that was there is lost.

    A lost one takes the numbers of its epoche with it, so the next one begins. The configuration learns of it once
    the new buffer is on disk: a start that fails again and again must not count epochen.
    """
    konfiguration = ordner.load_konfiguration()
    verloren = konfiguration.puffer_angelegt and not ordner.puffer_datei.exists()
    puffer = Puffer(
        ordner.puffer_datei, epoche=konfiguration.epoche + verloren, kapazitaet=kapazitaet, connect=connect
    )
    try:
        stand = replace(konfiguration, epoche=puffer.epoche, puffer_angelegt=True)
        if stand != konfiguration:
            ordner.save_konfiguration(stand)
    except BaseException:
        puffer.close()
        raise
    return puffer, verloren


def _save_epoche(ordner: Ordner, epoche: int) -> None:
    """Tell the configuration, too, so that the epoche outlives the buffer. A full disk must not stop the meter:
    the buffer knows the epoche anyway."""
    with contextlib.suppress(OSError):
        ordner.save_konfiguration(replace(ordner.load_konfiguration(), epoche=epoche))


def open_verbindung(ordner: Ordner) -> HttpsVerbindung:
    """The connection of an enrolled meter to its operator, with its certificate; connects to nobody yet.

    Raises OrdnerFehler.
    """
    with _readable(ordner):
        kontext = tls_context(ordner.ca_datei, ordner.zertifikat_datei("tls"), ordner.schluessel_datei("tls"))
        return HttpsVerbindung(ordner.load_konfiguration().telegramm_url, kontext)


def open_einschreibung(ordner: Ordner) -> HttpsVerbindung:
    """The connection for its renewals, as `open_verbindung`, but without a certificate of the meter."""
    with _readable(ordner):
        return HttpsVerbindung(ordner.load_konfiguration().einschreibung_url, tls_context(ordner.ca_datei))


@contextlib.contextmanager
def _readable(ordner: Ordner) -> Iterator[None]:
    try:
        yield
    except (OSError, ssl.SSLError) as fehler:
        raise OrdnerFehler(
            f"Zertifikat oder Schlüssel in {ordner.pfad} fehlt oder passt nicht zusammen. {ordner.remedy}"
        ) from fehler
    except ValueError as fehler:
        raise OrdnerFehler(str(fehler)) from fehler

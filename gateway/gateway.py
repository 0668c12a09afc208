"""The gateway of one meter, put together from its folder."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from cryptography.hazmat.primitives.asymmetric import ec

from gateway.fehler import OrdnerFehler
from gateway.ordner import Konfiguration, Ordner
from gateway.puffer import KAPAZITAET, Puffer
from gateway.verbindung import HttpsVerbindung, Uebertragung, tls_context
from gateway.versand import Schluesselbund, Versand


class Gateway:
    """Buffer and dispatch of one enrolled meter: ``Gateway.open(ordner)``, then ``puffer`` and ``versand``.

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
        self._verbindung = verbindung

    @classmethod
    def open(
        cls,
        ordner: Ordner | Path | str,
        *,
        uebertragung: Uebertragung | None = None,
        jetzt: Callable[[], float] = time.time,
        kapazitaet: int = KAPAZITAET,
    ) -> Gateway:
        """Open the gateway of an enrolled folder. Connects to nobody yet.

        ``uebertragung`` replaces the HTTPS connection (tests, link model); ``jetzt`` is the meter's clock in
        seconds since 1970; ``kapazitaet`` the size of the buffer in readings. Raises OrdnerFehler.
        """
        ordner = ordner if isinstance(ordner, Ordner) else Ordner(ordner)
        konfiguration = ordner.load_konfiguration()
        schluessel = Schluesselbund(
            unterzeichner=ordner.load_schluessel("signatur"),
            entschluesselung=ordner.load_schluessel("verschluesselung"),
            betreiber_signatur=_public_key(ordner, "betreiber_signatur"),
            betreiber_verschluesselung=_public_key(ordner, "betreiber_verschluesselung"),
        )
        verbindung = uebertragung if uebertragung is not None else _connection(ordner, konfiguration)
        puffer = Puffer(ordner.puffer_datei, epoche=konfiguration.epoche, kapazitaet=kapazitaet)
        versand = Versand(
            zaehler=konfiguration.zaehler,
            puffer=puffer,
            uebertragung=verbindung,
            schluessel=schluessel,
            jetzt=jetzt,
        )
        return cls(ordner, konfiguration, puffer, versand, verbindung)

    def close(self) -> None:
        self.puffer.close()
        if isinstance(self._verbindung, HttpsVerbindung):
            self._verbindung.close()

    def __enter__(self) -> Gateway:
        return self

    def __exit__(
        self, art: type[BaseException] | None, fehler: BaseException | None, spur: TracebackType | None
    ) -> None:
        self.close()


def _connection(ordner: Ordner, konfiguration: Konfiguration) -> HttpsVerbindung:
    try:
        kontext = tls_context(ordner.ca_datei, ordner.zertifikat_datei("tls"), ordner.schluessel_datei("tls"))
        return HttpsVerbindung(konfiguration.telegramm_url, kontext)
    except (OSError, ssl.SSLError) as fehler:
        raise OrdnerFehler(
            f"Zertifikat oder Schlüssel in {ordner.pfad} fehlt oder passt nicht zusammen: {fehler}."
        ) from fehler
    except ValueError as fehler:
        raise OrdnerFehler(str(fehler)) from fehler


def _public_key(ordner: Ordner, name: str) -> ec.EllipticCurvePublicKey:
    schluessel = ordner.load_zertifikat(name).public_key()
    if not isinstance(schluessel, ec.EllipticCurvePublicKey):
        raise OrdnerFehler(f"Das Zertifikat {name} enthält keinen Schlüssel auf einer elliptischen Kurve.")
    return schluessel

"""The way to the operator: one HTTPS address, TLS 1.3, one pinned CA, nothing else.

`Uebertragung` is the protocol that sealing and enrolment speak to; tests put a fake there, and a link model
(latency, loss, volume) wraps one.
"""

from __future__ import annotations

import socket
import ssl
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter

from gateway.bytezaehlung import Bytezaehlung
from gateway.fehler import AntwortUnzulaessig, NichtErreichbar, TlsAbgelehnt

ANTWORT_HOECHSTENS = 64 * 1024
FRIST_VERBINDEN_S = 10.0
FRIST_LESEN_S = 30.0
FRIST_GESAMT_S = 60.0


@dataclass(frozen=True, slots=True)
class Antwort:
    """An HTTP answer: status, headers with lower-case names, body (at most 64 KiB)."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class Uebertragung(Protocol):
    """Carries one body to the operator and brings the answer.

    ``post`` and ``get`` raise NichtErreichbar when no answer came and AntwortUnzulaessig when it must not be read.
    """

    def post(self, body: bytes) -> Antwort:
        """Send ``body`` to the one address."""

    def get(self, pfad: str) -> Antwort:
        """Fetch ``pfad`` ("/...", with its query) from the same host."""

    def reconnect(self, kontext: ssl.SSLContext | None = None) -> None:
        """Drop the connection; the next one is made with ``kontext``, when given (after new certificates)."""

    @property
    def bytes_gesamt(self) -> int:
        """Bytes on the wire in both directions since the object was made, handshakes and headers included."""


class Weg(ABC):
    """An `Uebertragung` around another one: each exchange passes through `exchange`, the rest goes straight on."""

    def __init__(self, innen: Uebertragung) -> None:
        self._innen = innen

    @abstractmethod
    def exchange(self, laenge: int, carry: Callable[[], Antwort]) -> Antwort:
        """Let ``carry`` exchange, with a request of ``laenge`` bytes. Raises what an `Uebertragung` does."""

    def post(self, body: bytes) -> Antwort:
        return self.exchange(len(body), lambda: self._innen.post(body))

    def get(self, pfad: str) -> Antwort:
        return self.exchange(len(pfad), lambda: self._innen.get(pfad))

    def reconnect(self, kontext: ssl.SSLContext | None = None) -> None:
        self._innen.reconnect(kontext)

    @property
    def bytes_gesamt(self) -> int:
        return self._innen.bytes_gesamt


class _PinnedAdapter(HTTPAdapter):
    """An adapter with its own SSLContext.

    `requests` would load the CA bundle of certifi into the context when a request is made; the pin would then be
    one CA among hundreds. So that step is left out.
    """

    def __init__(self, kontext: ssl.SSLContext, zaehlung: Bytezaehlung) -> None:
        self._kontext = kontext
        self._zaehlung = zaehlung
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs, ssl_context=self._kontext)
        pool = self.poolmanager.pool_classes_by_scheme["https"]
        gezaehlt = type("Pool", (pool,), {"ConnectionCls": _counted(pool.ConnectionCls, self._zaehlung)})
        self.poolmanager.pool_classes_by_scheme = {"https": gezaehlt}

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        conn.cert_reqs = "CERT_REQUIRED"


def _counted(verbindung: Any, zaehlung: Bytezaehlung) -> type:
    """The connection class of urllib3, telling ``zaehlung`` of each socket before the TLS handshake begins."""

    def _new_conn(self: Any) -> socket.socket:
        sock: socket.socket = verbindung._new_conn(self)
        zaehlung.watch(self, sock)
        return sock

    return type("Verbindung", (verbindung,), {"_new_conn": _new_conn})


def tls_context(ca_datei: Path, zertifikat: Path | None = None, schluessel: Path | None = None) -> ssl.SSLContext:
    """TLS 1.3 only, host name checked, only the CA of the file trusted, with our certificate when it is given."""
    kontext = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    kontext.minimum_version = ssl.TLSVersion.TLSv1_3
    kontext.check_hostname = True
    kontext.verify_mode = ssl.CERT_REQUIRED
    kontext.load_verify_locations(cafile=str(ca_datei))
    if zertifikat is not None:
        kontext.load_cert_chain(str(zertifikat), str(schluessel) if schluessel else None)
    return kontext


class HttpsVerbindung:
    """The `Uebertragung` over HTTPS to one address; keeps the connection alive. Usable by one thread at a time."""

    def __init__(
        self,
        url: str,
        kontext: ssl.SSLContext,
        *,
        content_type: str = "application/cms",
        frist_gesamt_s: float = FRIST_GESAMT_S,
        monotonic: Callable[[], float] = time.monotonic,
        zaehlung: Bytezaehlung | None = None,
    ) -> None:
        teile = urlsplit(url)
        if teile.scheme != "https" or not teile.hostname:
            raise ValueError(f"Nur https-Adressen sind erlaubt, nicht {url!r}.")
        self.url = url
        self._ursprung = f"https://{teile.netloc}"
        self._kontext = kontext
        self._content_type = content_type
        self._frist_gesamt_s = frist_gesamt_s
        self._monotonic = monotonic
        self.zaehlung = Bytezaehlung() if zaehlung is None else zaehlung
        self._session = requests.Session()
        # Proxy and CA variables of the environment and .netrc would undo the pin.
        self._session.trust_env = False
        for praefix in list(self._session.adapters):
            del self._session.adapters[praefix]
        self._session.headers.update({"Accept-Encoding": "identity", "User-Agent": "msb-gateway/1"})
        self._session.mount("https://", _PinnedAdapter(self._kontext, self.zaehlung))

    def post(self, body: bytes) -> Antwort:
        """Send ``body`` and read the answer; see `Uebertragung` for the errors."""
        return self._exchange("POST", self.url, body, {"Content-Type": self._content_type})

    def get(self, pfad: str) -> Antwort:
        """Fetch ``pfad`` under the pin and the limits of `post`; ValueError unless it begins with one "/"."""
        if not pfad.startswith("/") or pfad.startswith("//"):
            raise ValueError(f"Nur Pfade dieses Betreibers sind erlaubt, nicht {pfad!r}.")
        return self._exchange("GET", self._ursprung + pfad)

    @property
    def bytes_gesamt(self) -> int:
        return self.zaehlung.gesamt

    def reconnect(self, kontext: ssl.SSLContext | None = None) -> None:
        self.close()
        self._kontext = kontext if kontext is not None else self._kontext
        self._session.mount("https://", _PinnedAdapter(self._kontext, self.zaehlung))

    def close(self) -> None:
        self._session.close()
        self.zaehlung.settle(alle=True)

    def _exchange(
        self, methode: str, url: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Antwort:
        ende = self._monotonic() + self._frist_gesamt_s
        zurueck = 0
        try:
            with self._request(methode, url, body, headers) as offen:
                # Without a complete reading the connection must not go back into the pool: closing makes sure.
                antwort = self._read(offen, ende)
            zurueck = len(antwort.body)
            return antwort
        finally:
            self.zaehlung.settle()
            self.zaehlung.note_exchange(len(body), zurueck)

    def _request(
        self, methode: str, url: str, body: bytes, headers: Mapping[str, str] | None
    ) -> requests.Response:
        try:
            return self._session.request(
                methode,
                url,
                data=body or None,
                headers=headers,
                timeout=(FRIST_VERBINDEN_S, FRIST_LESEN_S),
                allow_redirects=False,
                stream=True,
            )
        except requests.exceptions.SSLError as fehler:
            raise TlsAbgelehnt(f"{self.url}: TLS-Verbindung abgelehnt ({_cause(fehler)})") from fehler
        except requests.exceptions.RequestException as fehler:
            raise NichtErreichbar(f"{self.url} ist nicht erreichbar ({_cause(fehler)})") from fehler

    def _read(self, antwort: requests.Response, ende: float) -> Antwort:
        if 300 <= antwort.status_code < 400:
            raise AntwortUnzulaessig("Der Betreiber leitet um; Umleitungen werden nicht befolgt.")
        headers = {name.lower(): wert for name, wert in antwort.headers.items()}
        if headers.get("content-encoding", "identity") != "identity":
            raise AntwortUnzulaessig("Die Antwort ist komprimiert; das wird nicht angenommen.")
        if (laenge := headers.get("content-length", "0")).isdigit() and int(laenge) > ANTWORT_HOECHSTENS:
            raise AntwortUnzulaessig("Die Antwort ist größer als 64 KiB.")
        inhalt = bytearray()
        while True:
            if self._monotonic() > ende:
                raise NichtErreichbar(f"{self.url} antwortet zu langsam.")
            try:
                stueck = antwort.raw.read1(ANTWORT_HOECHSTENS + 1 - len(inhalt), decode_content=False)
            except Exception as fehler:
                # The errors of urllib3 are no part of the interface of requests; whatever breaks while reading
                # is a broken link, and the reading that was sent stays in the buffer.
                raise NichtErreichbar(f"{self.url}: Antwort abgebrochen ({_cause(fehler)})") from fehler
            if not stueck:
                return Antwort(antwort.status_code, headers, bytes(inhalt))
            inhalt += stueck
            if len(inhalt) > ANTWORT_HOECHSTENS:
                raise AntwortUnzulaessig("Die Antwort ist größer als 64 KiB.")


def _cause(fehler: BaseException) -> str:
    """A short reason: the innermost text, without the object addresses that urllib3 prints."""
    grund: BaseException = fehler
    while True:
        innen = getattr(grund, "reason", None) or grund.__cause__ or (grund.args[0] if grund.args else None)
        if not isinstance(innen, BaseException) or innen is grund:
            break
        grund = innen
    text = str(grund).split(": ", 1)[-1] if "object at 0x" in str(grund) else str(grund)
    return text or type(grund).__name__

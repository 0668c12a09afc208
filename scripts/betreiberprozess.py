"""An operator in a process of its own, and a client of its API: what commands and tests share."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests

START_HOECHSTENS_S = 90


class BetreiberFehler(Exception):
    """The operator did not start, or answered something unexpected; the text says what."""


def free_port() -> int:
    """A port on loopback that nobody uses just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Betreiberprozess:
    """`betreiber start` in a data folder; a context manager that stops it in the end.

    `umgebung` are further MSB_* settings. Ports are free ones unless `umgebung` names them. The log goes to
    `betreiber.log` in the folder.
    """

    def __init__(self, daten: Path, umgebung: dict[str, str] | None = None) -> None:
        self.daten = daten
        daten.mkdir(parents=True, exist_ok=True)
        fremde = {name: wert for name, wert in os.environ.items() if not name.startswith("MSB_")}
        ports = {
            name: str(free_port())
            for name in ("MSB_PORT", "MSB_GERAETE_PORT", "MSB_EINSCHREIBUNG_PORT", "MSB_BETRIEB_PORT")
        }
        self.umgebung = fremde | {"MSB_DATEN": str(daten), "MSB_LOG_FORMAT": "text"} | ports | (umgebung or {})
        self.log = daten / "betreiber.log"
        self._popen: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.umgebung['MSB_PORT']}"

    @property
    def telegramm_url(self) -> str:
        return f"https://127.0.0.1:{self.umgebung['MSB_GERAETE_PORT']}/geraete/v1/telegramme"

    @property
    def einschreibung_url(self) -> str:
        return f"https://127.0.0.1:{self.umgebung['MSB_EINSCHREIBUNG_PORT']}/geraete/v1/einschreibung"

    @property
    def betrieb_url(self) -> str:
        return f"http://127.0.0.1:{self.umgebung['MSB_BETRIEB_PORT']}"

    @property
    def ca(self) -> Path:
        """The certificate that meters pin."""
        return self.daten / "pki" / "wurzel.crt"

    @property
    def pid(self) -> int:
        """The process that leads all others."""
        if self._popen is None:
            raise BetreiberFehler("the operator is not running")
        return self._popen.pid

    def call(self, *argumente: str, eingabe: str | None = None) -> str:
        """Run the command `betreiber` with the same settings; its output."""
        ergebnis = subprocess.run(
            [sys.executable, "-m", "betreiber.cli", *argumente],
            env=self.umgebung,
            input=eingabe,
            capture_output=True,
            text=True,
            check=False,
        )
        if ergebnis.returncode != 0:
            raise BetreiberFehler(f"betreiber {' '.join(argumente)}: {ergebnis.stderr.strip()}")
        return ergebnis.stdout

    def start(self) -> None:
        """Start and wait until /readyz says so. Raises BetreiberFehler with the end of the log."""
        if self.ready():
            raise BetreiberFehler(f"an operator runs at {self.betrieb_url} already; stop it, or set other ports")
        with self.log.open("ab") as log:
            self._popen = subprocess.Popen(
                [sys.executable, "-m", "betreiber.cli", "start"],
                env=self.umgebung,
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        frist = time.monotonic() + START_HOECHSTENS_S
        while not self.ready():
            if self._popen.poll() is not None or time.monotonic() > frist:
                self.stop()
                ende = self.log.read_text(errors="replace").splitlines()[-15:]
                raise BetreiberFehler("the operator did not start; its log ends with:\n" + "\n".join(ende))
            time.sleep(0.2)

    def ready(self) -> bool:
        try:
            with requests.get(f"{self.betrieb_url}/readyz", timeout=5) as antwort:
                return antwort.status_code == 200
        except requests.RequestException:
            return False

    def stop(self) -> None:
        """Ask the operator to stop and wait for it."""
        if self._popen is None:
            return
        self._popen.terminate()
        try:
            self._popen.wait(40)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()
        self._popen = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        art: type[BaseException] | None,
        wert: BaseException | None,
        ort: TracebackType | None,
    ) -> None:
        self.stop()


class ApiKlient:
    """Somebody at the operator's API."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = requests.Session()
        self._http.trust_env = False
        self.benutzer_id: int | None = None
        self.kunde_id: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def login(self, benutzername: str, passwort: str) -> None:
        antwort = self.call("POST", "/v1/anmeldung", json={"benutzername": benutzername, "passwort": passwort})
        self._take_token(antwort)

    def register(self, einladungscode: str, benutzername: str, passwort: str) -> None:
        """First login of a customer."""
        daten = {"einladungscode": einladungscode, "benutzername": benutzername, "passwort": passwort}
        self._take_token(self.call("POST", "/v1/registrierungen", json=daten))

    @property
    def authorization(self) -> str:
        """The header line that shows the token."""
        return f"Authorization: {self._http.headers['Authorization']!s}"

    def get(self, pfad: str, **frage: Any) -> Any:
        return self.call("GET", pfad, params=frage)

    def post(self, pfad: str, **daten: Any) -> Any:
        return self.call("POST", pfad, json=daten)

    def call(self, methode: str, pfad: str, **kw: Any) -> Any:
        """One request; its JSON. Raises BetreiberFehler for every refusal."""
        antwort = self._http.request(methode, self.url + pfad, timeout=60, **kw)
        if not antwort.ok:
            raise BetreiberFehler(f"{methode} {pfad}: {antwort.status_code} {antwort.text}")
        return antwort.json() if antwort.content else None

    def _take_token(self, antwort: Any) -> None:
        self._http.headers["Authorization"] = f"Bearer {antwort['zugriffstoken']}"
        self.benutzer_id = antwort["benutzer_id"]
        self.kunde_id = antwort["kunde_id"]

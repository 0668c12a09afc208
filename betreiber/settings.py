"""Every setting of the operator: the variables MSB_*, read once, all mistakes reported at once."""

import ipaddress
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from betreiber.zeit import SimulierteUhr, Systemuhr, Uhr

T = TypeVar("T")
UMGEBUNGEN = ("entwicklung", "produktion")
# OWASP Password Storage Cheat Sheet: argon2id with 19 MiB and two passes is the least.
ARGON2_SPEICHER_KIB_MINDESTENS, ARGON2_ZEIT_MINDESTENS = 19_456, 2


class SettingsInvalid(Exception):
    """The settings are wrong; `fehler` has one sentence for each mistake."""

    def __init__(self, fehler: list[str]) -> None:
        super().__init__("\n".join(f"- {satz}" for satz in fehler))
        self.fehler = fehler


def _wahr(wert: str) -> bool:
    if wert.lower() in ("1", "ja", "true"):
        return True
    if wert.lower() in ("", "0", "nein", "false"):
        return False
    raise ValueError("expected 1 or 0")


def _zeitpunkt(wert: str) -> datetime:
    zeitpunkt = datetime.fromisoformat(wert)
    if zeitpunkt.tzinfo is None:
        raise ValueError("expected an instant with offset, such as 2026-01-01T00:00:00+00:00")
    return zeitpunkt.astimezone(UTC)


def _liste(wert: str) -> tuple[str, ...]:
    return tuple(teil.strip() for teil in wert.split(",") if teil.strip())


def _umgebung(wert: str) -> str:
    if wert not in UMGEBUNGEN:
        raise ValueError(f"expected one of {', '.join(UMGEBUNGEN)}")
    return wert


def _lastprofil(wert: str) -> str:
    if wert not in ("eigen", "h25"):
        raise ValueError("expected eigen or h25")
    if wert == "h25" and find_spec("demandlib") is None:
        raise ValueError("first: pip install 'messstellenbetreiber[h25]'")
    return wert


def _database_url(wert: str) -> str:
    if re.match(r"(sqlite:///.|postgresql(\+psycopg)?://.)", wert) is None:
        raise ValueError("expected sqlite:///FILE or postgresql://...")
    return wert


def _smtp_url(wert: str) -> str:
    url = urlsplit(wert)
    # Reading the port raises ValueError for one that is no port.
    if url.scheme not in ("smtp", "smtps") or not url.hostname or url.port == 0:
        raise ValueError("expected smtp://user:password@host:port or smtps://...")
    return wert


def _mail_adresse(wert: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9.!#$%&'*+/=^_|~\-]+@[A-Za-z0-9.\-]+", wert) is None:
        raise ValueError("expected an address such as kundenservice@example.org")
    return wert


def _faktor(wert: str) -> float:
    zahl = float(wert)
    if not (math.isfinite(zahl) and zahl > 0):
        raise ValueError("expected a number above 0")
    return zahl


def _between(low: int, high: int) -> Callable[[str], int]:
    def parse(wert: str) -> int:
        zahl = int(wert)
        if not low <= zahl <= high:
            raise ValueError(f"expected a number from {low} to {high}")
        return zahl

    return parse


def _stunden(wert: str) -> str:
    if re.fullmatch(r"([01]?[0-9]|2[0-3])-([01]?[0-9]|2[0-4])", wert) is None:
        raise ValueError("expected hours such as 22-6")
    return wert


_PORT = _between(1, 65_535)


def _var(default: Any, parse: Callable[[str], Any], doc: str, *, geheim: bool = False) -> Any:
    """A setting: its default, how its text is read, what it means. `docs/betrieb.md` lists them all."""
    return field(default=default, repr=not geheim, metadata={"parse": parse, "doc": doc, "geheim": geheim})


@dataclass(frozen=True)
class Settings:
    """One field for each variable: `geraete_port` is MSB_GERAETE_PORT."""

    umgebung: str = _var("entwicklung", _umgebung, "entwicklung or produktion; produktion refuses unsafe settings")
    debug: bool = _var(False, _wahr, "Flask's debug mode; refused in produktion")
    daten: Path = _var(Path("var"), Path, "data folder: SQLite file, keys, mails, metrics")
    database_url: str = _var(
        "", _database_url, "sqlite:///FILE or postgresql://...; default: SQLite in the data folder", geheim=True
    )
    jwt_secret: str = _var(
        "",
        str,
        "secret that signs tokens, at least 32 bytes; outside produktion one is made when missing",
        geheim=True,
    )
    host: str = _var("127.0.0.1", str, "address of the public listener")
    port: int = _var(8000, _PORT, "port of the public listener (API and pages)")
    tls_zertifikat: str = _var(
        "",
        str,
        "certificate file of the public listener; without it only loopback or a proxy may speak to it",
    )
    tls_schluessel: str = _var("", str, "key file of the public listener")
    proxy_adressen: tuple[str, ...] = _var(
        (), _liste, "addresses of the proxies that may set X-Forwarded-For, separated by commas"
    )
    geraete_host: str = _var("127.0.0.1", str, "address of the device and the enrolment listener")
    geraete_port: int = _var(8443, _PORT, "port of the device listener")
    einschreibung_port: int = _var(8444, _PORT, "port of the enrolment listener")
    einschreibung_aktiv: bool = _var(True, _wahr, "whether the enrolment listener runs")
    geraete_namen: tuple[str, ...] = _var(
        ("localhost", "127.0.0.1"), _liste, "names and addresses in the certificate of the device listeners"
    )
    betrieb_port: int = _var(9000, _PORT, "port for health and metrics, on loopback only")
    betrieb_host: str = _var(
        "127.0.0.1", str, "address for health and metrics; keep it on loopback or in a closed network"
    )
    prozesse: int = _var(2, _between(1, 64), "worker processes of the public listener")
    geraete_prozesse: int = _var(2, _between(1, 64), "worker processes of the device listener")
    threads: int = _var(8, _between(1, 128), "requests that a worker process works on at once")
    geraete_gleichzeitig: int = _var(
        64, _between(1, 128), "requests of devices that a worker process works on at once; they share a commit"
    )
    geraete_wartend: int = _var(
        64,
        _between(0, 256),
        "requests of devices that wait for a place in a worker process; the next ones get 503",
    )
    mail_ordner: str = _var("", str, "folder into which mails are written; default: mail in the data folder")
    smtp_url: str = _var(
        "",
        _smtp_url,
        "smtp://user:password@host:port or smtps://...; empty: mails go to the folder",
        geheim=True,
    )
    mail_absender: str = _var("kundenservice@example.org", _mail_adresse, "sender address of mails")
    betreiber_name: str = _var("Messstellenbetrieb Muster GmbH", str, "who writes the letters")
    betreiber_anschrift: str = _var("Musterweg 1, 50667 Köln", str, "address of the operator, in one line")
    betreiber_telefon: str = _var("0221 123456", str, "number under which customers reach the operator")
    betreiber_mail: str = _var(
        "kundenservice@example.org", _mail_adresse, "address under which customers reach the operator"
    )
    zutritt_postlauf_tage: int = _var(
        3, _between(0, 14), "working days that a letter takes; two weeks after them a fitter may come (MsbG § 38)"
    )
    ablesung_hoechstalter_tage: int = _var(
        400, _between(1, 36_500), "age up to which the device channel takes readings"
    )
    falten_nach_tagen: int = _var(
        3, _between(0, 366), "days after the end of a UTC day until its readings are folded into one block"
    )
    ersatzwert_wartezeit_stunden: int = _var(
        24, _between(24, 8_760), "age in hours from which a missing reading is substituted"
    )
    ersatzwert_linear_viertelstunden: int = _var(
        8, _between(0, 672), "missing readings up to which a gap is filled in a straight line"
    )
    ersatzwert_rueckschau_tage: int = _var(
        28, _between(7, 366), "how many days back a comparable day may lie, and a profile begins"
    )
    ersatzwert_lastprofil: str = _var(
        "eigen",
        _lastprofil,
        "eigen: what the meter measured; h25: where it measured nothing, H25 of the BDEW (extra h25)",
    )
    aufbewahrung_jahre: int = _var(
        3, _between(2, 3), "full calendar years after that of a reading for which it is kept; by law at most 3"
    )
    kontrollablesung_toleranz_wh: int = _var(
        1000,
        _between(0, 10**9),
        "difference in Wh above which a control reading makes an order to repair the meter",
    )
    kontrollablesung_monate: int = _var(
        36, _between(0, 240), "months after which a fitter reads the display again; 0: never"
    )
    stoerung_stumm_intervalle: int = _var(
        3, _between(1, 96), "missed quarter hours from which a silent meter is a WARNUNG"
    )
    stoerung_stumm_alarm_stunden: int = _var(
        24, _between(1, 8_760), "hours of silence from which a meter is an ALARM"
    )
    stoerung_stumm_auftrag_stunden: int = _var(
        36, _between(1, 8_760), "hours of silence from which a fitter is to go there"
    )
    stoerung_abdeckung_prozent: int = _var(
        90, _between(1, 100), "share of the readings of the last three days below which a meter is incomplete"
    )
    stoerung_verspaetet_stunden: int = _var(
        4, _between(1, 8_760), "age in hours of the newest reading from which a meter that is heard is late"
    )
    stoerung_mail: str = _var(
        "", _mail_adresse, "address to which mails about sick meters go; empty: nobody gets any"
    )
    wartung_mail: str = _var(
        "", _mail_adresse, "address that is told when to apply for verification of meters; empty: nobody is"
    )
    stoerung_ruhezeit: str = _var(
        "22-6",
        _stunden,
        "hours in Europe/Berlin in which a WARNUNG waits with its mail, such as 22-6; 0-0: never",
    )
    loeschlauf_aktiv: bool = _var(
        True, _wahr, "whether readings whose time is over are deleted every night; 0 while a dispute needs them"
    )
    argon2_zeit: int = _var(3, _between(1, 20), "argon2id: passes")
    argon2_speicher_kib: int = _var(65_536, _between(8, 4_194_304), "argon2id: memory in KiB")
    log_format: str = _var("json", str, "json or text")
    uhr_start: datetime | None = _var(
        None, _zeitpunkt, "simulated clock: what it shows at MSB_UHR_BEZUG; refused in produktion"
    )
    uhr_bezug: datetime | None = _var(
        None, _zeitpunkt, "simulated clock: the real instant it refers to; default: MSB_UHR_START"
    )
    uhr_faktor: float = _var(
        1.0, _faktor, "simulated clock: how many times as fast it runs; refused in produktion"
    )

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "Settings":
        """Read MSB_* from `env`. Raises SettingsInvalid with every mistake, unknown MSB_ names among them."""
        fehler = []
        werte = {}
        bekannt = {variable_name(f.name): f for f in fields(cls)}
        for name in sorted(env):
            if name.startswith("MSB_") and name not in bekannt:
                fehler.append(f"{name} is not a setting; see docs/betrieb.md for all of them")
        for name, feld in bekannt.items():
            if env.get(name, "") == "":
                continue
            try:
                werte[feld.name] = feld.metadata["parse"](env[name])
            except ValueError as error:
                # The text of an error may quote the value.
                grund = "" if feld.metadata["geheim"] else f": {env[name]!r} ({error})"
                fehler.append(f"{name} cannot be read{grund}; expected: {feld.metadata['doc']}")
        settings = cls(**werte)
        fehler += settings.mistakes()
        if fehler:
            raise SettingsInvalid(fehler)
        return settings

    def mistakes(self) -> list[str]:
        """What does not go together, one sentence each; empty when all is well."""
        fehler = self._produktion_mistakes() if self.produktion else []
        if self.jwt_secret and len(self.jwt_secret.encode()) < 32:
            fehler.append("MSB_JWT_SECRET is shorter than 32 bytes; make one with: openssl rand -hex 32")
        if bool(self.tls_zertifikat) != bool(self.tls_schluessel):
            fehler.append("MSB_TLS_ZERTIFIKAT and MSB_TLS_SCHLUESSEL go together")
        for datei in (self.tls_zertifikat, self.tls_schluessel):
            if datei and not Path(datei).is_file():
                fehler.append(f"MSB_TLS_ZERTIFIKAT or MSB_TLS_SCHLUESSEL names a file that is not there: {datei}")
        if not self.tls_zertifikat and not is_loopback(self.host) and not self.proxy_adressen:
            fehler.append(
                "MSB_HOST is not loopback: set MSB_TLS_ZERTIFIKAT, or MSB_PROXY_ADRESSEN if a proxy does TLS"
            )
        if self.log_format not in ("json", "text"):
            fehler.append("MSB_LOG_FORMAT must be json or text")
        if self.uhr_start is None and (self.uhr_faktor != 1.0 or self.uhr_bezug is not None):
            fehler.append("MSB_UHR_FAKTOR and MSB_UHR_BEZUG need MSB_UHR_START, so that processes share one clock")
        return fehler

    def _produktion_mistakes(self) -> list[str]:
        fehler = []
        if not self.jwt_secret:
            fehler.append("MSB_JWT_SECRET is needed in produktion; make one with: openssl rand -hex 32")
        if self.debug:
            fehler.append("MSB_DEBUG must be off in produktion")
        if self.uhr_start is not None or self.uhr_faktor != 1.0:
            fehler.append("MSB_UHR_START and MSB_UHR_FAKTOR are refused in produktion")
        if self.argon2_speicher_kib < ARGON2_SPEICHER_KIB_MINDESTENS or self.argon2_zeit < ARGON2_ZEIT_MINDESTENS:
            fehler.append(
                f"MSB_ARGON2_SPEICHER_KIB must be at least {ARGON2_SPEICHER_KIB_MINDESTENS} and MSB_ARGON2_ZEIT"
                f" at least {ARGON2_ZEIT_MINDESTENS} in produktion"
            )
        if not self.smtp_url and not self.mail_ordner:
            fehler.append("MSB_SMTP_URL or MSB_MAIL_ORDNER is needed in produktion: mails would be sent to nobody")
        return fehler

    @property
    def produktion(self) -> bool:
        return self.umgebung == "produktion"

    @property
    def datenbank(self) -> str:
        """The database URL, the embedded SQLite file when none is set."""
        return self.database_url or f"sqlite:///{(self.daten / 'betreiber.db').absolute()}"

    @property
    def auf_sqlite(self) -> bool:
        return self.datenbank.startswith("sqlite")

    @property
    def pki_ordner(self) -> Path:
        return self.daten / "pki"

    @property
    def mail_pfad(self) -> Path:
        return Path(self.mail_ordner) if self.mail_ordner else self.daten / "mail"

    @property
    def uhr(self) -> Uhr:
        if self.uhr_start is None:
            return Systemuhr()
        return SimulierteUhr(self.uhr_start, self.uhr_bezug or self.uhr_start, self.uhr_faktor)


def variable_name(feld: str) -> str:
    """The environment variable of a field."""
    return f"MSB_{feld.upper()}"


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a listener at that address."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

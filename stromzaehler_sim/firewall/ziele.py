"""Whom a meter may speak to: the two addresses that its enrolment wrote down, and nobody else."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from gateway.fehler import OrdnerFehler
from gateway.ordner import Ordner

RESOLV_CONF = Path("/etc/resolv.conf")


@dataclass(frozen=True, slots=True, order=True)
class Ziel:
    """A name or address, and a TCP port."""

    host: str
    port: int


def operator_ziele(ordner: Iterable[Ordner]) -> tuple[Ziel, ...]:
    """Device and enrolment listener of the operators of these meters; raises OrdnerFehler."""
    konfigurationen = [teil.load_konfiguration() for teil in ordner]
    urls = {url for k in konfigurationen for url in (k.telegramm_url, k.einschreibung_url)}
    return tuple(sorted({_ziel(url) for url in urls}))


def resolve(ziele: Iterable[Ziel]) -> tuple[Ziel, ...]:
    """Every address of every name, now; raises OrdnerFehler for a name that is not known."""
    gefunden = set()
    for ziel in ziele:
        try:
            antworten = socket.getaddrinfo(ziel.host, ziel.port, type=socket.SOCK_STREAM)
        except socket.gaierror as fehler:
            raise OrdnerFehler(
                f"Der Name {ziel.host} ist nicht auflösbar: {fehler.strerror}. DNS prüfen, oder --adresse angeben."
            ) from fehler
        gefunden |= {Ziel(plain_address(str(adresse[0])), ziel.port) for *_, adresse in antworten}
    return tuple(sorted(gefunden))


def plain_address(text: str) -> str:
    """An address in its shortest form, without a zone; ::ffff:192.0.2.1 is 192.0.2.1. Raises ValueError."""
    adresse = ip_address(text.partition("%")[0])
    if adresse.version == 6 and adresse.ipv4_mapped is not None:
        return str(adresse.ipv4_mapped)
    return str(adresse)


def read_resolver(datei: Path = RESOLV_CONF) -> tuple[str, ...]:
    """The name servers of resolv.conf(5); none when there is no such file."""
    try:
        zeilen = datei.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ()
    teile = [zeile.split() for zeile in zeilen]
    return tuple(
        dict.fromkeys(plain_address(teil[1]) for teil in teile if teil[:1] == ["nameserver"] and teil[1:])
    )


def _ziel(url: str) -> Ziel:
    teile = urlsplit(url)
    try:
        port = teile.port or 443
    except ValueError as fehler:
        raise OrdnerFehler(f"{url!r} ist keine Adresse eines Betreibers.") from fehler
    if not teile.hostname:
        raise OrdnerFehler(f"{url!r} ist keine Adresse eines Betreibers.")
    return Ziel(teile.hostname, port)

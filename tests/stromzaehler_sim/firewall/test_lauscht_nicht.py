"""No listening socket: the kernel's own tables, while a meter counts, connects, sends and ends."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest

from gateway.ordner import Konfiguration, Ordner
from stromzaehler_sim.last.lastprofil import LastprofilEinstellung
from stromzaehler_sim.mobilfunk.sim import Sim
from tests.gateway.betreiber_fake import MONTAG, URL_EINSCHREIBUNG, ZAEHLER, FakeBetreiber, enrolled, pem
from tests.gateway.tls_server import TlsServer, http, server_context
from tests.haus.quelltext import WURZEL
from tests.stromzaehler_sim.firewall import laufender

FAKTOR = 900  # a quarter hour a second
SENDUNGEN = 3
LISTEN = 0x0A  # TCP_LISTEN in <net/tcp_states.h>
FRIST_S = 60


class Zeile(NamedTuple):
    """A line of /proc/net/* that belongs to the process."""

    tabelle: str
    zustand: int
    ziel_port: int


def sockets_of(pid: int) -> list[Zeile]:
    """The sockets of a process in the kernel's tables of TCP, UDP and raw sockets (proc_net(5))."""
    inodes = set()
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            ziel = os.readlink(f"/proc/{pid}/fd/{fd}")
        except FileNotFoundError:
            continue
        if ziel.startswith("socket:["):
            inodes.add(ziel[8:-1])
    zeilen = []
    for tabelle in ("tcp", "tcp6", "udp", "udp6", "raw", "raw6"):
        datei = Path(f"/proc/{pid}/net/{tabelle}")
        for zeile in datei.read_text().splitlines()[1:] if datei.exists() else []:
            spalten = zeile.split()
            if spalten[9] in inodes:
                zeilen.append(Zeile(tabelle, int(spalten[3], 16), int(spalten[2].split(":")[1], 16)))
    return zeilen


def faults(zeilen: list[Zeile], port: int) -> list[Zeile]:
    """Everything but a TCP connection to the operator's port."""
    return [z for z in zeilen if z.tabelle not in ("tcp", "tcp6") or z.zustand == LISTEN or z.ziel_port != port]


class Beobachter:
    """Looks again and again, in a thread and whenever it is asked to."""

    def __init__(self, pid: int, port: int) -> None:
        self._pid = pid
        self._port = port
        self._halt = threading.Event()
        self._faden = threading.Thread(target=self._run)
        self.blicke = 0
        self.verbunden = 0
        self.funde: list[Zeile] = []

    def look(self) -> None:
        zeilen = sockets_of(self._pid)
        self.blicke += 1
        self.verbunden += any(zeile.ziel_port == self._port for zeile in zeilen)
        self.funde += faults(zeilen, self._port)

    def _run(self) -> None:
        while not self._halt.wait(0.005):
            self.look()

    def __enter__(self) -> Beobachter:
        self._faden.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._halt.set()
        self._faden.join()


def test_the_check_would_find_a_listener_and_udp() -> None:
    with socket.create_server(("127.0.0.1", 0)), socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as udp:
        udp.bind(("::1", 0))
        funde = faults(sockets_of(os.getpid()), 1)
    assert {("tcp", LISTEN), ("udp6", 7)} <= {(zeile.tabelle, zeile.zustand) for zeile in funde}


@contextmanager
def running_meter(ordner: Path) -> Iterator[subprocess.Popen[str]]:
    umgebung = {
        **os.environ,
        "MSB_UHR_START": datetime.fromtimestamp(MONTAG, UTC).isoformat(),
        "MSB_UHR_BEZUG": datetime.now(UTC).isoformat(),
        "MSB_UHR_FAKTOR": str(FAKTOR),
    }
    befehl = [sys.executable, "-m", laufender.__name__, str(ordner)]
    with subprocess.Popen(
        befehl, cwd=WURZEL, env=umgebung, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as prozess:
        try:
            yield prozess
        finally:
            prozess.kill()


@pytest.mark.parametrize("mit_sim", [False, True], ids=["cable", "SIM"])
def test_a_meter_listens_nowhere_while_it_lives(tmp_path: Path, mit_sim: bool) -> None:
    """Nor does anything in its process get that far: the one try is refused, logged and told to the operator."""
    betreiber = FakeBetreiber()
    ordner = Ordner(enrolled(tmp_path / "z1", betreiber))
    LastprofilEinstellung(seed=1).save(ordner.pfad)
    if mit_sim:
        Sim(iccid="8965880812100011146", apn="internet.m2m").save(ordner.pfad)
    kontext = server_context(tmp_path, betreiber)
    kontext.verify_mode = ssl.CERT_REQUIRED
    kontext.load_verify_locations(cadata=pem(betreiber.wurzel).decode())
    genug = threading.Event()
    waehrend: list[list[Zeile]] = []
    prozesse: list[int] = []
    beginn = time.time()

    def answer(anfrage: bytes) -> bytes:
        waehrend.append(sockets_of(prozesse[0]))
        betreiber.zeit = MONTAG * 1000 + int((time.time() - beginn) * FAKTOR * 1000)
        antwort = betreiber.answer(anfrage.partition(b"\r\n\r\n")[2])
        abgewiesen = [m for t in betreiber.telegramme for m in t.ereignisse if m.code == "FIREWALL_ABGEWIESEN"]
        if len(waehrend) >= SENDUNGEN and abgewiesen:
            genug.set()
        return http("200 OK", antwort.body, "Content-Type: application/cms")

    with TlsServer(kontext, answer) as server:
        port = int(server.url.split(":")[2].split("/")[0])
        ordner.save_konfiguration(Konfiguration(ZAEHLER, server.url, URL_EINSCHREIBUNG, 1))
        with running_meter(ordner.pfad) as prozess, Beobachter(prozess.pid, port) as beobachter:
            prozesse.append(prozess.pid)
            ende = time.monotonic() + FRIST_S
            while not (genug.wait(0.1) and beobachter.blicke > 20):
                if prozess.poll() is not None or time.monotonic() > ende:
                    break
            prozess.send_signal(signal.SIGTERM)
            assert prozess.stdout is not None
            ausgabe = prozess.stdout.read()
    assert genug.is_set(), ausgabe
    assert "sauber beendet" in ausgabe
    assert ausgabe.count("BEWACHT") == 1
    meldungen = {m for t in betreiber.telegramme for m in t.ereignisse if m.code == "FIREWALL_ABGEWIESEN"}
    assert ["Belegen" in meldung.text for meldung in meldungen] == [True]
    # In the middle of each exchange exactly one connection, outwards.
    assert [faults(zeilen, port) for zeilen in waehrend[:SENDUNGEN]] == [[]] * SENDUNGEN
    assert [len(zeilen) for zeilen in waehrend[:SENDUNGEN]] == [1] * SENDUNGEN
    assert beobachter.funde == []
    assert beobachter.blicke > 20
    assert beobachter.verbunden > 0


def test_the_tables_are_read_as_the_kernel_writes_them() -> None:
    """The address in /proc/net/tcp is a native 32-bit number in hex, the port is not swapped."""
    with socket.create_server(("127.0.0.1", 0)) as horcher:
        port = horcher.getsockname()[1]
        ip = f"{struct.unpack('=I', socket.inet_aton('127.0.0.1'))[0]:08X}"
        assert f"{ip}:{port:04X}" in Path("/proc/self/net/tcp").read_text()
        with socket.create_connection(("127.0.0.1", port)):
            assert Zeile("tcp", 1, port) in sockets_of(os.getpid())

"""The firewall in the process. A hook cannot be removed, so it is installed in processes of its own only."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from gateway.fehler import OrdnerFehler
from gateway.ordner import Konfiguration, Ordner
from stromzaehler_sim.firewall.waechter import MERKT_SICH, Waechter
from stromzaehler_sim.firewall.ziele import Ziel, operator_ziele
from tests.haus.quelltext import WURZEL
from tests.stromzaehler_sim.firewall import verbotenes

NAMEN = list(verbotenes.attempts(1, 2))


@pytest.fixture(scope="module")
def versuche(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Everything in `verbotenes`, tried once by a guarded process."""
    ordner = Ordner(tmp_path_factory.mktemp("waechter") / "z1")
    with socket.create_server(("127.0.0.1", 0)) as betreiber, socket.create_server(("127.0.0.1", 0)) as fremder:
        port, fremder_port = (sock.getsockname()[1] for sock in (betreiber, fremder))
        url = f"https://localhost:{port}"
        ordner.save_konfiguration(Konfiguration("1EMH0012345678", f"{url}/t", f"{url}/e", 1))
        befehl = [sys.executable, "-W", "ignore::ResourceWarning", "-m", verbotenes.__name__]
        lauf = subprocess.run(
            [*befehl, str(ordner.pfad), str(port), str(fremder_port)],
            capture_output=True,
            text=True,
            timeout=60,
            cwd=WURZEL,
        )
        fremder.settimeout(0)
        with pytest.raises(BlockingIOError):
            fremder.accept()
    assert lauf.returncode == 0, lauf.stderr
    return json.loads(lauf.stdout)


@pytest.mark.parametrize("name", [name for name in NAMEN if not name.startswith("ok: ")])
def test_refused(versuche: Any, name: str) -> None:
    assert versuche["ergebnis"][name].startswith("refused: [Errno 1] Die Firewall des Zählers erlaubt nicht: ")


@pytest.mark.parametrize("name", [name for name in NAMEN if name.startswith("ok: ")])
def test_allowed(versuche: Any, name: str) -> None:
    assert versuche["ergebnis"][name] == "done"


def test_every_refusal_is_kept_for_the_log(versuche: Any) -> None:
    verboten = [name for name in NAMEN if not name.startswith("ok: ")]
    assert len(versuche["abgewiesen"]) == len(verboten)
    assert all(len(text) <= 500 and text.isprintable() for text in versuche["abgewiesen"])
    assert any("192.0.2.1" in text for text in versuche["abgewiesen"])


# --- the rules without a process ---------------------------------------------------------------------------------
class Sock:
    family = socket.AF_INET


def test_an_operator_that_moves_is_found_again() -> None:
    """One look-up for each address that is not known; none for a port that is not the operator's."""
    adressen = [(Ziel("192.0.2.1", 8443),), (Ziel("192.0.2.2", 8443),)]
    gefragt = []

    def look_up(ziele: Iterable[Ziel]) -> tuple[Ziel, ...]:
        gefragt.append(sorted(ziele))
        return adressen[min(len(gefragt), 2) - 1]

    waechter = Waechter([Ziel("msb.example", 8443)], look_up)
    for _ in range(3):
        waechter("socket.connect", (Sock, ("192.0.2.1", 8443)))
    assert gefragt == [[Ziel("msb.example", 8443)]]
    with pytest.raises(PermissionError):
        waechter("socket.connect", (Sock, ("192.0.2.1", 22)))
    assert len(gefragt) == 1
    waechter("socket.connect", (Sock, ("::ffff:192.0.2.2", 8443)))
    with pytest.raises(PermissionError):
        waechter("socket.connect", (Sock, ("192.0.2.1", 8443)))


def test_a_name_that_is_not_known_now_is_nobody() -> None:
    def fail(_: Iterable[Ziel]) -> tuple[Ziel, ...]:
        raise OrdnerFehler("unknown")

    with pytest.raises(PermissionError):
        Waechter([Ziel("msb.example", 8443)], fail)("socket.connect", (Sock, ("192.0.2.1", 8443)))


@pytest.mark.parametrize("adresse", [(), ("x", 8443), ("192.0.2.1",), "/dev/log", b"/dev/log", None, (1, 2), 7])
def test_odd_addresses_are_refused(adresse: object) -> None:
    waechter = Waechter([Ziel("192.0.2.1", 8443)], tuple)
    with pytest.raises(PermissionError):
        waechter("socket.connect", (Sock, adresse))


def test_sending_on_a_connected_socket_is_free() -> None:
    Waechter([], tuple)("socket.sendmsg", (Sock, None))


def test_other_events_pass() -> None:
    Waechter([], tuple)("open", ("/etc/hostname", "r", 0))


def test_a_name_in_bytes_is_the_same_name() -> None:
    waechter = Waechter([Ziel("msb.example", 8443)], tuple)
    waechter("socket.getaddrinfo", (b"msb.example", 8443, 0, 0, 0))
    with pytest.raises(PermissionError):
        waechter("socket.getaddrinfo", (b"msb.example.evil", 8443, 0, 0, 0))


def test_refusals_are_handed_out_once_and_do_not_fill_the_memory() -> None:
    waechter = Waechter([], tuple)
    for nummer in range(MERKT_SICH + 50):
        with pytest.raises(PermissionError):
            waechter("socket.connect", (Sock, (f"192.0.2.{nummer % 250}", nummer)))
    texte = waechter.take_abgewiesen()
    assert len(texte) == MERKT_SICH
    assert f"Port {MERKT_SICH + 49}" in texte[-1]
    assert waechter.take_abgewiesen() == []


def test_what_is_shown_holds_no_control_characters() -> None:
    with pytest.raises(PermissionError) as fehler:
        Waechter([], tuple)("os.system", (b"rm\n\x1b[2J" + b"x" * 1000,))
    assert str(fehler.value).isprintable()
    assert len(str(fehler.value)) < 300


def test_the_folder_of_a_meter_names_its_operator(tmp_path: Path) -> None:
    with pytest.raises(OrdnerFehler, match="eingeschrieben"):
        operator_ziele([Ordner(tmp_path)])

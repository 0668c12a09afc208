"""The rules of the kernel: as text, as nft reads them, and proven between two network namespaces."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from gateway.fehler import OrdnerFehler
from gateway.ordner import Konfiguration, Ordner
from stromzaehler_sim.cli import main
from stromzaehler_sim.firewall.nftables import build_rules
from stromzaehler_sim.firewall.ziele import Ziel, operator_ziele, plain_address, read_resolver
from tests.stromzaehler_sim.firewall import netzraum

BETREIBER = [
    Ziel(netzraum.OPERATOR, 8443),
    Ziel(netzraum.OPERATOR, 8444),
    Ziel(netzraum.OPERATOR6, 8443),
    Ziel(netzraum.OPERATOR6, 8444),
]
REGELN = build_rules(BETREIBER, [netzraum.OPERATOR], woher=["Operator: betreiber port 8443"])


@pytest.fixture(scope="module")
def unshare() -> list[str]:
    """The call that begins a network namespace of our own; as an ordinary user inside a user namespace."""
    befehl = ["unshare", "--net", "--mount", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"])]
    if shutil.which("nft") is None:
        pytest.skip("no nft program is installed (Debian: nftables)")
    probe = [*befehl, "sh", "-c", "mount -t tmpfs tmpfs /run && ip netns add probe && nft list ruleset"]
    try:
        gelungen = subprocess.run(probe, capture_output=True, timeout=20).returncode == 0
    except FileNotFoundError:
        gelungen = False
    if not gelungen:
        pytest.skip("this machine lets us create no network namespaces (root with iproute2 may)")
    return befehl


@pytest.fixture(scope="module")
def netz(unshare: list[str], tmp_path_factory: pytest.TempPathFactory) -> Any:
    datei = tmp_path_factory.mktemp("nft") / "zaehler.nft"
    datei.write_text(REGELN)
    lauf = subprocess.run(
        [*unshare, sys.executable, netzraum.__file__, str(datei)], capture_output=True, text=True, timeout=120
    )
    assert lauf.returncode == 0, lauf.stderr
    return json.loads(lauf.stdout)


@pytest.mark.parametrize("versuch", netzraum.VERSUCHE)
def test_only_the_operator_is_reached_and_nobody_gets_in(netz: Any, versuch: str) -> None:
    """Without the rules every try succeeds, so it is the rules that refuse."""
    assert netz["vorher"][versuch] is True
    assert netz["nachher"][versuch] is (versuch in netzraum.ERLAUBT)


def test_refusals_are_counted_in_both_directions(netz: Any) -> None:
    abgewiesen = {
        teil["rule"]["chain"]: next(a["counter"]["packets"] for a in teil["rule"]["expr"] if "counter" in a)
        for teil in netz["tabelle"]
        if teil.get("rule", {}).get("comment") == "abgewiesen"
    }
    assert set(abgewiesen) == {"eingang", "ausgang"}
    assert all(anzahl >= 3 for anzahl in abgewiesen.values()), abgewiesen


def test_all_three_chains_drop_by_default(netz: Any) -> None:
    ketten = {teil["chain"]["hook"]: teil["chain"]["policy"] for teil in netz["tabelle"] if "chain" in teil}
    assert ketten == {"input": "drop", "output": "drop", "forward": "drop"}


@pytest.mark.parametrize("dhcp", [False, True])
@pytest.mark.parametrize("betreiber", [BETREIBER, BETREIBER[:1], BETREIBER[2:], []])
def test_nft_accepts_the_rules(unshare: list[str], tmp_path: Path, dhcp: bool, betreiber: list[Ziel]) -> None:
    datei = tmp_path / "zaehler.nft"
    datei.write_text(build_rules(betreiber, ["127.0.0.53", "fd00::53"], dhcp=dhcp))
    lauf = subprocess.run([*unshare, "nft", "-c", "-f", datei], capture_output=True, text=True, timeout=20)
    assert (lauf.returncode, lauf.stderr) == (0, "")


def test_loading_twice_leaves_one_table(unshare: list[str], tmp_path: Path) -> None:
    (tmp_path / "zaehler.nft").write_text(REGELN)
    befehl = f"nft -f {tmp_path}/zaehler.nft && nft -f {tmp_path}/zaehler.nft && nft list ruleset"
    ausgabe = subprocess.run([*unshare, "sh", "-c", befehl], capture_output=True, text=True, timeout=20).stdout
    assert ausgabe.count("table inet stromzaehler") == 1
    assert ausgabe.count('comment "betreiber"') == 2


def test_a_comment_cannot_become_a_rule() -> None:
    regeln = build_rules([], [], woher=["x\nadd rule inet stromzaehler ausgang accept"])
    assert "\nadd rule" not in regeln
    assert "# x?add rule" in regeln


@pytest.mark.parametrize("host", ["betreiber.example", "", "10.0.0.1; accept"])
def test_only_addresses_become_rules(host: str) -> None:
    with pytest.raises(ValueError, match="address"):
        build_rules([Ziel(host, 8443)], [])


# --- whom, and who names them ------------------------------------------------------------------------------------
def enrolled_with(pfad: Path, telegramm: str, einschreibung: str) -> Ordner:
    ordner = Ordner(pfad)
    ordner.save_konfiguration(Konfiguration("1EMH0012345678", telegramm, einschreibung, 1))
    return ordner


def test_targets_come_from_the_enrolment(tmp_path: Path) -> None:
    einer = enrolled_with(tmp_path / "a", "https://msb.example:8443/x", "https://msb.example:8444/y")
    anderer = enrolled_with(tmp_path / "b", "https://[2001:DB8::1]/x", "https://msb.example:8444/y")
    assert operator_ziele([einer, anderer]) == (
        Ziel("2001:db8::1", 443),
        Ziel("msb.example", 8443),
        Ziel("msb.example", 8444),
    )


@pytest.mark.parametrize("url", ["https://", "https://msb.example:99999/", "betreiber", ""])
def test_a_damaged_address_is_told(tmp_path: Path, url: str) -> None:
    ordner = enrolled_with(tmp_path / "z1", "https://msb.example:8443/x", url)
    with pytest.raises(OrdnerFehler, match="keine Adresse"):
        operator_ziele([ordner])


@pytest.mark.parametrize(
    ("text", "adresse"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("2001:0DB8:0::0001", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
    ],
)
def test_addresses_in_their_shortest_form(text: str, adresse: str) -> None:
    assert plain_address(text) == adresse


def test_name_servers_of_resolv_conf(tmp_path: Path) -> None:
    datei = tmp_path / "resolv.conf"
    datei.write_text("# nameserver 1.1.1.1\nnameserver 10.0.0.53\nsearch x\nnameserver fe80::1%eth0\nnameserver\n")
    assert read_resolver(datei) == ("10.0.0.53", "fe80::1")
    assert read_resolver(tmp_path / "missing") == ()


# --- the command -------------------------------------------------------------------------------------------------
def test_the_command_writes_a_file(tmp_path: Path) -> None:
    ordner = enrolled_with(tmp_path / "z1", "https://localhost:8443/x", "https://localhost:8444/y").pfad
    datei = tmp_path / "zaehler.nft"
    aufruf = ["firewall", str(ordner), "--nameserver", "10.0.0.53", "--ausgabe", str(datei)]
    ergebnis = CliRunner().invoke(main, aufruf)
    assert ergebnis.exit_code == 0, ergebnis.output
    assert f"nft -f {datei}" in ergebnis.output
    regeln = datei.read_text()
    assert "127.0.0.1 . 8443" in regeln and "127.0.0.1 . 8444" in regeln
    assert re.search(r"set namen4 \{\s+type ipv4_addr\s+elements = \{ 10\.0\.0\.53 \}", regeln)
    assert "# Operator: localhost port 8443\n" in regeln


def test_an_explicit_address_asks_no_name_server(tmp_path: Path) -> None:
    ordner = enrolled_with(tmp_path / "z1", "https://does.not.exist.invalid:8443/", "https://x.invalid:8444/").pfad
    ergebnis = CliRunner().invoke(main, ["firewall", str(ordner), "--adresse", "192.0.2.7", "--dhcp"])
    assert ergebnis.exit_code == 0, ergebnis.output
    assert "elements = { 192.0.2.7 . 8443, 192.0.2.7 . 8444 }" in ergebnis.output
    assert "udp sport 68 udp dport 67" in ergebnis.output


@pytest.mark.parametrize(
    ("mehr", "exit_code", "meldung"),
    [((), 1, "--adresse"), (("--adresse", "betreiber"), 2, "keine IP-Adresse")],
)
def test_what_cannot_be_resolved_is_told(
    tmp_path: Path, mehr: tuple[str, ...], exit_code: int, meldung: str
) -> None:
    ordner = enrolled_with(tmp_path / "z1", "https://no-such-name.invalid:8443/", "https://x.invalid:8444/").pfad
    ergebnis = CliRunner().invoke(main, ["firewall", str(ordner), *mehr])
    assert ergebnis.exit_code == exit_code
    assert meldung in ergebnis.output

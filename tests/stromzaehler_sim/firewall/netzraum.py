"""Two network namespaces with a cable between: here the meter, there the operator. Run by `unshare --net --mount`.

Loads the rule file that it is given and prints as JSON what got through before and after. Everything ends with
this process. Started with "lausche" it is one of the listeners instead.
"""

from __future__ import annotations

import json
import select
import socket
import subprocess
import sys
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from itertools import product

METER, OPERATOR, OTHER = "10.77.0.1", "10.77.0.2", "10.77.0.3"
METER6, OPERATOR6, OTHER6 = "fd77::1", "fd77::2", "fd77::3"
# A refused try costs the short time; an open one never has to wait for it.
FRIST_ZU_S = 1.0
FRIST_OFFEN_S = 30.0
BETREIBER = ["ip", "netns", "exec", "betreiber"]

# Name of the check: who asks, host, port, how.
VERSUCHE = {
    "device listener": ("meter", OPERATOR, 8443, "tcp"),
    "enrolment listener": ("meter", OPERATOR, 8444, "tcp"),
    "device listener over IPv6": ("meter", OPERATOR6, 8443, "tcp"),
    "name server, UDP": ("meter", OPERATOR, 53, "udp"),
    "name server, TCP": ("meter", OPERATOR, 53, "tcp"),
    "another port of the operator": ("meter", OPERATOR, 9999, "tcp"),
    "another port over IPv6": ("meter", OPERATOR6, 9999, "tcp"),
    "another host": ("meter", OTHER, 8443, "tcp"),
    "another host over IPv6": ("meter", OTHER6, 8443, "tcp"),
    "UDP to the operator's port": ("meter", OPERATOR, 8443, "udp"),
    "another name server": ("meter", OTHER, 53, "udp"),
    "a service on loopback": ("meter", "127.0.0.1", 22222, "tcp"),
    "inwards": ("operator", METER, 22222, "tcp"),
    "inwards over IPv6": ("operator", METER6, 22222, "tcp"),
    "inwards, UDP": ("operator", METER, 22222, "udp"),
    "inwards, UDP from the name server's port": ("operator", METER, 22222, "udp from 53"),
}


# What must get through; everything else of VERSUCHE must not.
ERLAUBT = {
    "device listener",
    "enrolment listener",
    "device listener over IPv6",
    "name server, UDP",
    "name server, TCP",
}


def run(*befehl: str) -> str:
    return subprocess.run(befehl, check=True, capture_output=True, text=True).stdout


def build() -> None:
    # `ip netns` keeps its names in /run; a file system of our own leaves nothing behind on this machine.
    run("mount", "-t", "tmpfs", "tmpfs", "/run")
    run("ip", "netns", "add", "betreiber")
    run("ip", "link", "add", "kabel0", "type", "veth", "peer", "name", "kabel1", "netns", "betreiber")
    run("ip", "addr", "add", f"{METER}/24", "dev", "kabel0")
    run("ip", "addr", "add", f"{METER6}/64", "dev", "kabel0", "nodad")
    run("ip", "link", "set", "kabel0", "up")
    run("ip", "link", "set", "lo", "up")
    for adresse in (OPERATOR, OTHER):
        run("ip", "-n", "betreiber", "addr", "add", f"{adresse}/24", "dev", "kabel1")
    for adresse in (OPERATOR6, OTHER6):
        run("ip", "-n", "betreiber", "addr", "add", f"{adresse}/64", "dev", "kabel1", "nodad")
    run("ip", "-n", "betreiber", "link", "set", "kabel1", "up")


def listen(adressen: list[str], ports: list[int]) -> None:
    """Answer TCP and UDP on these addresses and ports until the standard input ends.

    A socket for each address: on the wildcard address UDP would answer from the first address of the interface.
    """
    with ExitStack() as stapel:
        tcp, udp = [], []
        for adresse, port in product(adressen, ports):
            familie = family_of(adresse)
            tcp.append(stapel.enter_context(socket.create_server((adresse, port), family=familie)))
            udp.append(stapel.enter_context(socket.socket(familie, socket.SOCK_DGRAM)))
            udp[-1].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            udp[-1].bind((adresse, port))
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while True:
            lesbar, _, _ = select.select([*tcp, *udp, sys.stdin], [], [])
            for sock in lesbar:
                if sock is sys.stdin:
                    return
                if sock in tcp:
                    verbindung, _ = sock.accept()
                    verbindung.sendall(b"hello")
                    verbindung.close()
                else:
                    _, absender = sock.recvfrom(100)
                    sock.sendto(b"hello", absender)


@contextmanager
def listening(raum: list[str], adressen: list[str], ports: list[int]) -> Iterator[None]:
    befehl = [*raum, sys.executable, __file__, "lausche", ",".join(adressen), ",".join(map(str, ports))]
    with subprocess.Popen(befehl, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as prozess:
        assert prozess.stdout is not None and prozess.stdin is not None
        assert prozess.stdout.readline() == "ready\n"
        try:
            yield
        finally:
            prozess.stdin.close()


def family_of(adresse: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in adresse else socket.AF_INET


def reach(host: str, port: int, wie: str, frist_s: float) -> bool:
    """True when the other side answers."""
    art, _, von = wie.partition(" from ")
    with socket.socket(family_of(host), socket.SOCK_STREAM if art == "tcp" else socket.SOCK_DGRAM) as sock:
        sock.settimeout(frist_s)
        if von:
            # The listener has this port, too; both sides have to agree to share it.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            sock.bind((OPERATOR, int(von)))
        try:
            sock.connect((host, port))
            if art == "udp":
                sock.send(b"hello?")
            return sock.recv(5) == b"hello"
        except OSError:
            return False


def probe(offen: Collection[str]) -> dict[str, bool]:
    """All tries at once, each in a process of its own. What is ``offen`` is given all the time it wants."""
    laufende = {}
    for name, (wer, host, port, wie) in VERSUCHE.items():
        raum = [] if wer == "meter" else BETREIBER
        frist_s = FRIST_OFFEN_S if name in offen else FRIST_ZU_S
        befehl = [*raum, sys.executable, __file__, "frage", host, str(port), wie, str(frist_s)]
        laufende[name] = subprocess.Popen(befehl, stdout=subprocess.PIPE, text=True)
    return {name: prozess.communicate()[0].strip() == "True" for name, prozess in laufende.items()}


def main(regeln: str) -> None:
    build()
    dort = listening(BETREIBER, [OPERATOR, OTHER, OPERATOR6, OTHER6], [53, 8443, 8444, 9999])
    with dort, listening([], [METER, METER6, "127.0.0.1"], [22222]):
        vorher = probe(VERSUCHE)
        run("nft", "-f", regeln)
        nachher = probe(ERLAUBT)
        tabelle = json.loads(run("nft", "-j", "list", "table", "inet", "stromzaehler"))
    json.dump({"vorher": vorher, "nachher": nachher, "tabelle": tabelle["nftables"]}, sys.stdout)


if __name__ == "__main__":
    if sys.argv[1] == "lausche":
        listen(sys.argv[2].split(","), [int(port) for port in sys.argv[3].split(",")])
    elif sys.argv[1] == "frage":
        sys.stdout.write(str(reach(sys.argv[2], int(sys.argv[3]), sys.argv[4], float(sys.argv[5]))))
    else:
        main(sys.argv[1])

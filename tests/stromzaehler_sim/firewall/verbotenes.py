"""Tries what a meter must not do, in a process with the firewall installed; prints what became of it as JSON.

Called with the folder of a meter whose operator listens, and with the port of somebody else.
"""

from __future__ import annotations

import _socket
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable

from gateway.ordner import Ordner
from stromzaehler_sim.firewall.waechter import install


def attempts(port: int, fremder_port: int) -> dict[str, Callable[[], object]]:
    def tcp(familie: int = socket.AF_INET) -> socket.socket:
        return socket.socket(familie, socket.SOCK_STREAM)

    return {
        "bind": lambda: tcp().bind(("127.0.0.1", 0)),
        "bind IPv6": lambda: tcp(socket.AF_INET6).bind(("::1", 0)),
        "bind local": lambda: socket.socket(socket.AF_UNIX).bind("\0stromzaehler-test"),
        "listen without bind": lambda: tcp().listen(),
        "listen with a backlog": lambda: tcp().listen(5),
        "listen local": lambda: socket.socket(socket.AF_UNIX).listen(),
        "server": lambda: socket.create_server(("127.0.0.1", 0)),
        "UDP socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
        "UDP socket, not blocking": lambda: socket.socket(
            socket.AF_INET6, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK
        ),
        "raw socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1),
        "netlink socket": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0),
        "socket past the library": lambda: _socket.socket(socket.AF_INET, socket.SOCK_STREAM),
        "connect elsewhere": lambda: tcp().connect(("192.0.2.1", port)),
        "connect elsewhere IPv6": lambda: tcp(socket.AF_INET6).connect(("2001:db8::1", port)),
        "connect another port": lambda: tcp().connect(("127.0.0.1", fremder_port)),
        "connect_ex another port": lambda: tcp().connect_ex(("127.0.0.1", fremder_port)),
        "create_connection another port": lambda: socket.create_connection(("127.0.0.1", fremder_port)),
        "connect local": lambda: socket.socket(socket.AF_UNIX).connect("/dev/log"),
        "send with an address": lambda: tcp().sendto(b"x", socket.MSG_FASTOPEN, ("192.0.2.1", port)),
        "sendmsg with an address": lambda: tcp().sendmsg([b"x"], [], socket.MSG_FASTOPEN, ("192.0.2.1", port)),
        "name of somebody": lambda: socket.getaddrinfo("secret.example", port),
        "old name call": lambda: socket.gethostbyname("secret.example"),
        "name for a server": lambda: socket.getaddrinfo(None, port),
        "name of an address": lambda: socket.gethostbyaddr("127.0.0.1"),
        "name information": lambda: socket.getnameinfo(("127.0.0.1", port), 0),
        "program": lambda: subprocess.run(["/bin/true"]),
        "shell": lambda: os.system("true"),
        "exec": lambda: os.execv("/bin/true", ["true"]),
        "posix_spawn": lambda: os.posix_spawn("/bin/true", ["true"], {}),
        # What must go on working:
        "ok: the operator": lambda: socket.create_connection(("localhost", port), timeout=10).close(),
        "ok: the operator by address": lambda: tcp().connect(("127.0.0.1", port)),
        "ok: the operator without waiting": lambda: socket.socket(
            socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK
        ).connect_ex(("127.0.0.1", port)),
        "ok: a pair of local sockets": lambda: [sock.close() for sock in socket.socketpair()],
        "ok: a socket of a descriptor": lambda: tcp().dup(),
        "ok: a file": lambda: open(os.devnull).close(),
    }


def main(ordner: str, port: int, fremder_port: int) -> None:
    waechter = install([Ordner(ordner)])
    ergebnis = {}
    for name, versuch in attempts(port, fremder_port).items():
        try:
            versuch()
            ergebnis[name] = "done"
        except PermissionError as fehler:
            ergebnis[name] = f"refused: {fehler}"
        except OSError as fehler:
            ergebnis[name] = f"failed: {fehler}"
    json.dump({"ergebnis": ergebnis, "abgewiesen": waechter.take_abgewiesen()}, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))

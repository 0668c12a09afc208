"""The firewall inside the process: an audit hook (PEP 578) that refuses what is no connection to the operator.

What it decides:

- no socket is bound and none listens, of whatever family; local sockets (AF_UNIX) between parts of this process
  are made by `socketpair`, which needs neither;
- a socket is AF_UNIX, or TCP over IPv4 or IPv6: no UDP, no raw, no packet or netlink socket;
- TCP connections go to the operator's addresses and ports, AF_UNIX connections go nowhere;
- names are asked for only when they are the operator's. Python has the C library ask, whose own sockets no hook
  sees, so port 53 needs no exception here;
- no other program is started: it would have no hook. (A forked child of Python keeps the hook.)

What it cannot do: it is no sandbox. Native code - ctypes, an extension module, a call of `_posixsubprocess` - goes
past it. It finds mistakes and proves that the code as it is only speaks outwards; the kernel's own rules
(`nftables`) hold against the rest.

A hook cannot be removed, so `install` is called once, by the process that runs meters and nothing else.
"""

from __future__ import annotations

import errno
import socket
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Final, NoReturn

import gateway.verbindung  # noqa: F401 - urllib3 tries IPv6 by binding a socket when it is imported: before the hook
from gateway.fehler import OrdnerFehler
from gateway.ordner import Ordner
from stromzaehler_sim.firewall.ziele import Ziel, operator_ziele, plain_address, resolve

CODE: Final = "FIREWALL_ABGEWIESEN"
MERKT_SICH: Final = 100

_TCP = {(socket.AF_INET, socket.SOCK_STREAM), (socket.AF_INET6, socket.SOCK_STREAM)}
# Family and type -1: an object for a descriptor that exists already.
_ERLAUBTE_SOCKETS = _TCP | {(-1, -1)}
_ART = 0xF  # SOCK_NONBLOCK and SOCK_CLOEXEC stand in higher bits of the type.


class Waechter:
    """Decides over the audit events of a process. Usable by several threads."""

    def __init__(
        self, ziele: Iterable[Ziel], nachschlagen: Callable[[Iterable[Ziel]], tuple[Ziel, ...]] = resolve
    ):
        self._ziele = frozenset(ziele)
        self._namen = frozenset(ziel.host for ziel in self._ziele)
        self._ports = frozenset(ziel.port for ziel in self._ziele)
        self._nachschlagen = nachschlagen
        self._adressen: frozenset[Ziel] = frozenset()
        self._abgewiesen: deque[str] = deque(maxlen=MERKT_SICH)
        self._sperre = threading.Lock()
        self._regeln: dict[str, Callable[..., None]] = {
            "socket.__new__": self._new_socket,
            "socket.bind": self._bind,
            "socket.listen": self._listen,
            "socket.connect": self._connect,
            "socket.sendto": self._connect,
            "socket.sendmsg": self._sendmsg,
            "socket.getaddrinfo": self._lookup,
            "socket.gethostbyname": self._lookup,
            "socket.gethostbyaddr": self._reverse_lookup,
            "socket.getnameinfo": self._reverse_lookup,
            "subprocess.Popen": self._program,
            "os.system": self._program,
            "os.exec": self._program,
            "os.posix_spawn": self._program,
            "pty.spawn": self._program,
        }

    def __call__(self, ereignis: str, argumente: tuple[Any, ...]) -> None:
        """The audit hook: raises PermissionError for what is not allowed."""
        regel = self._regeln.get(ereignis)
        if regel is not None:
            regel(*argumente)

    def take_abgewiesen(self) -> list[str]:
        """What was refused since the last call, at most the last 100, as texts for the log (code `CODE`)."""
        with self._sperre:
            texte = list(self._abgewiesen)
            self._abgewiesen.clear()
        return texte

    # --- the rules ---------------------------------------------------------------------------------------------
    def _new_socket(self, sock: Any, familie: int, art: int, protokoll: int) -> None:
        # Only the class of the module `socket` tells of listening, see `install`.
        if not isinstance(sock, socket.socket):
            self._refuse("einen Socket an der Bibliothek vorbei")
        if familie != socket.AF_UNIX and (familie, art if art == -1 else art & _ART) not in _ERLAUBTE_SOCKETS:
            self._refuse(f"einen Socket, der weder TCP noch lokal ist (Familie {int(familie)}, Art {int(art)})")

    def _bind(self, sock: Any, adresse: Any) -> None:
        self._refuse(f"das Belegen der Adresse {_show(adresse)}")

    def _listen(self, sock: Any) -> None:
        self._refuse("das Warten auf Verbindungen von außen")

    def _connect(self, sock: Any, adresse: Any) -> None:
        if sock.family not in (socket.AF_INET, socket.AF_INET6) or not self._is_operator(adresse):
            self._refuse(f"eine Verbindung zu {_show(adresse)}")

    def _sendmsg(self, sock: Any, adresse: Any) -> None:
        # Without an address it goes where the socket is connected to, and that was decided then.
        if adresse is not None:
            self._connect(sock, adresse)

    def _lookup(self, host: Any, *_: Any) -> None:
        name = host.decode("ascii", "replace") if isinstance(host, bytes) else host
        if name not in self._namen:
            self._refuse(f"die Frage nach dem Namen {name!r}")

    def _reverse_lookup(self, adresse: Any, *_: Any) -> None:
        self._refuse(f"die Frage nach dem Namen der Adresse {_show(adresse)}")

    def _program(self, *argumente: Any) -> None:
        self._refuse(f"den Start eines Programms ({_show(argumente[0])})")

    def _is_operator(self, adresse: Any) -> bool:
        """Compare with the known addresses; one that is not known is looked up anew, as operators move."""
        try:
            ziel = Ziel(plain_address(adresse[0]), adresse[1])
        except (ValueError, TypeError, IndexError, AttributeError):
            return False
        if ziel in self._adressen:
            return True
        if ziel.port not in self._ports:
            return False
        try:
            self._adressen = frozenset(self._nachschlagen(self._ziele))
        except OrdnerFehler:
            return False
        return ziel in self._adressen

    def _refuse(self, was: str) -> NoReturn:
        with self._sperre:
            self._abgewiesen.append(f"Die Firewall des Zählers wies {was} ab."[:500])
        raise PermissionError(errno.EPERM, f"Die Firewall des Zählers erlaubt nicht: {was}")


def install(ordner: Iterable[Ordner]) -> Waechter:
    """Guard this process from now on until it ends: only the operators of these meters. Raises OrdnerFehler.

    CPython has an audit event for `bind`, but none for `listen`, which takes a port by itself when none is bound.
    So the method of the class raises one; sockets of any other class are refused when they are made.
    """
    waechter = Waechter(operator_ziele(ordner))
    listen = socket.socket.listen

    def audited_listen(self: socket.socket, *argumente: int) -> None:
        sys.audit("socket.listen", self)
        listen(self, *argumente)

    socket.socket.listen = audited_listen  # type: ignore[assignment,method-assign]
    sys.addaudithook(waechter)
    return waechter


def _show(wert: Any) -> str:
    """An address or a program, short and without control characters: it goes into a log."""
    if isinstance(wert, tuple) and len(wert) >= 2:
        wert = f"{wert[0]} Port {wert[1]}"
    elif isinstance(wert, bytes):
        wert = wert.decode("utf-8", "replace")
    return "".join(zeichen if zeichen.isprintable() else "?" for zeichen in str(wert))[:200]

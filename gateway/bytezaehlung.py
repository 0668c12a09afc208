"""How many bytes really went over the wire: the kernel counts them for each TCP connection, handshakes included.

A mobile tariff bills packets, not bodies. What TLS, HTTP and repeated segments add is a multiple of a small
Telegramm, so lengths of bodies would be no measure for a volume.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

# Offsets in struct tcp_info of <linux/tcp.h>: an interface of the kernel to programs, so fields are only appended.
_OPTIONS = 5
_BYTES_RECEIVED = 128
_SEGS_OUT = 136
_SEGS_IN = 140
_BYTES_SENT = 200  # since Linux 4.19, as the next one; counts repeated segments, too
_BYTES_RETRANS = 208
_LAENGE = 216
_OPT_TIMESTAMPS = 1

# An IPv4 or IPv6 header and a TCP header without options, in bytes (RFC 791, 8200, 9293); RFC 7323 adds 12.
KOPF_IPV4 = 40
KOPF_IPV6 = 60
KOPF_ZEITSTEMPEL = 12

# Without the counters of the kernel: a handshake of mutual TLS 1.3 on P-256, and the HTTP heads, TLS records and
# packet headers of an exchange. ASSUMPTION: no segment is repeated; a bad link costs more than this says.
SCHAETZUNG_VERBINDUNG = 4500
SCHAETZUNG_AUSTAUSCH = 700


@dataclass(frozen=True, slots=True)
class Leitungsbytes:
    """The bytes of one TCP connection. ``koepfe`` is computed from the number of segments in both directions."""

    gesendet: int = 0
    empfangen: int = 0
    koepfe: int = 0
    wiederholt: int = 0  # the part of ``gesendet`` that was sent once more

    @property
    def gesamt(self) -> int:
        return self.gesendet + self.empfangen + self.koepfe

    def __add__(self, andere: Leitungsbytes) -> Leitungsbytes:
        return Leitungsbytes(
            self.gesendet + andere.gesendet,
            self.empfangen + andere.empfangen,
            self.koepfe + andere.koepfe,
            self.wiederholt + andere.wiederholt,
        )


def read_tcp_info(sock: socket.socket) -> Leitungsbytes | None:
    """Ask the kernel; None where it has no such counters (not Linux, or older than 4.19)."""
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _LAENGE)
    except (AttributeError, OSError):
        return None
    if len(info) < _LAENGE:
        return None
    (empfangen,) = struct.unpack_from("=Q", info, _BYTES_RECEIVED)
    segs_out, segs_in = struct.unpack_from("=II", info, _SEGS_OUT)
    (gesendet,) = struct.unpack_from("=Q", info, _BYTES_SENT)
    (wiederholt,) = struct.unpack_from("=Q", info, _BYTES_RETRANS)
    kopf = KOPF_IPV6 if sock.family == socket.AF_INET6 else KOPF_IPV4
    if info[_OPTIONS] & _OPT_TIMESTAMPS:
        kopf += KOPF_ZEITSTEMPEL
    return Leitungsbytes(gesendet, empfangen, (segs_out + segs_in) * kopf, wiederholt)


class Bytezaehlung:
    """Sums over all connections that it watches. Usable by one thread at a time.

    It keeps a descriptor of its own for each connection: what arrives after the HTTP layer let go is counted, too.
    The connection ends only when `settle` has closed that descriptor, so it belongs behind every exchange.
    """

    def __init__(self, read: Callable[[socket.socket], Leitungsbytes | None] = read_tcp_info) -> None:
        self._read = read
        self._beobachtet: list[tuple[Any, socket.socket]] = []
        self._abgeschlossen = Leitungsbytes()
        self._geschaetzt = 0

    def watch(self, verbindung: Any, sock: socket.socket) -> None:
        """Begin to count ``sock``. ``verbindung.sock`` is None once the HTTP connection was closed."""
        if self._read(sock) is None:
            self._geschaetzt += SCHAETZUNG_VERBINDUNG
        else:
            self._beobachtet.append((verbindung, sock.dup()))

    def note_exchange(self, hin: int, zurueck: int) -> None:
        """Tell the lengths of a request's body and of its answer: used only where the kernel does not count."""
        if self._geschaetzt:
            self._geschaetzt += SCHAETZUNG_AUSTAUSCH + hin + zurueck

    def settle(self, *, alle: bool = False) -> None:
        """Take the final figures of connections that are closed, or of ``alle``, and let them go."""
        for verbindung, sock in self._beobachtet[:]:
            if alle or verbindung.sock is None:
                self._beobachtet.remove((verbindung, sock))
                self._abgeschlossen += self._read(sock) or Leitungsbytes()
                sock.close()

    @property
    def leitungsbytes(self) -> Leitungsbytes:
        """What the kernel counted so far."""
        summe = self._abgeschlossen
        for _, sock in self._beobachtet:
            summe += self._read(sock) or Leitungsbytes()
        return summe

    @property
    def gesamt(self) -> int:
        """Bytes in both directions, headers included."""
        return self.leitungsbytes.gesamt + self._geschaetzt

"""A meter as it is started by everybody: `stromzaehler start`, with a thread in its process that does wrong once.

It binds a local socket again and again until the firewall refuses it: only then the command has installed it.
"""

from __future__ import annotations

import socket
import sys
import threading

from stromzaehler_sim.cli import main


def bind_until_refused(ende: threading.Event) -> None:
    while not ende.wait(0.02):
        with socket.socket(socket.AF_UNIX) as sock:
            try:
                # An empty address lets Linux choose one without a file (unix(7), autobind).
                sock.bind("")
            except PermissionError:
                sys.stdout.write("BEWACHT\n")
                return


if __name__ == "__main__":
    ende = threading.Event()
    faden = threading.Thread(target=bind_until_refused, args=(ende,))
    faden.start()
    try:
        main(["start", sys.argv[1]], standalone_mode=False)
    finally:
        ende.set()
        faden.join()

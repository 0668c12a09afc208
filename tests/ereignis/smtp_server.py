"""A small mail server on loopback that speaks as much SMTP as our sender needs."""

import base64
import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class SmtpServer:
    """Takes mails; refuses recipients in `abgelehnt`. Speaks TLS from the start, or after STARTTLS."""

    def __init__(self, ordner: Path, *, verschluesselt: bool, starttls: bool = True) -> None:
        self.mails: list[tuple[str, bytes]] = []
        self.anmeldungen: list[str] = []
        self.abgelehnt: set[str] = set()
        self._verschluesselt, self._starttls = verschluesselt, starttls
        self._server_context, self.client_context = _contexts(ordner)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._faden = threading.Thread(target=self._serve)
        self._faden.start()

    def close(self) -> None:
        # A blocked accept does not notice that its socket is closed: a last visitor wakes it.
        self._ende = True
        socket.create_connection(("127.0.0.1", self.port)).close()
        self._faden.join()
        self._socket.close()

    _ende = False

    def _serve(self) -> None:
        while True:
            verbindung, _ = self._socket.accept()
            if self._ende:
                verbindung.close()
                return
            try:
                with verbindung:
                    self._talk(verbindung)
            except OSError:
                continue

    def _talk(self, roh: socket.socket) -> None:
        kanal: socket.socket = roh
        if self._verschluesselt:
            kanal = self._server_context.wrap_socket(roh, server_side=True)
        datei = kanal.makefile("rb")

        def say(text: str) -> None:
            kanal.sendall(text.encode() + b"\r\n")

        say("220 bereit")
        empfaenger = ""
        while zeile := datei.readline():
            befehl, _, rest = zeile.decode().strip().partition(" ")
            match befehl.upper():
                case "EHLO":
                    say("250-hier")
                    say("250-AUTH PLAIN")
                    say("250 STARTTLS" if self._starttls and not self._verschluesselt else "250 HELP")
                case "STARTTLS":
                    say("220 los")
                    datei.close()
                    kanal = self._server_context.wrap_socket(roh, server_side=True)
                    datei = kanal.makefile("rb")
                case "AUTH":
                    self.anmeldungen.append(base64.b64decode(rest.split()[1]).decode())
                    say("235 ok")
                case "RCPT":
                    empfaenger = rest[rest.index("<") + 1 : rest.index(">")]
                    say("550 unbekannt" if empfaenger in self.abgelehnt else "250 ok")
                case "DATA":
                    say("354 los")
                    inhalt = b""
                    while (zeile := datei.readline()) != b".\r\n":
                        inhalt += zeile
                    self.mails.append((empfaenger, inhalt))
                    say("250 ok")
                case "QUIT":
                    say("221 bis bald")
                    break
                case _:
                    say("250 ok")
        datei.close()
        kanal.close()


def _contexts(ordner: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    jetzt = datetime.now(UTC)
    zertifikat = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(jetzt - timedelta(hours=1))
        .not_valid_after(jetzt + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = zertifikat.public_bytes(serialization.Encoding.PEM)
    datei = ordner / "smtp.pem"
    datei.write_bytes(
        pem
        + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(datei)
    return server, ssl.create_default_context(cadata=pem.decode())

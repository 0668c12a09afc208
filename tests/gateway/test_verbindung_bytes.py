"""The bytes on the wire, against a relay that counts for itself; fetching, and a new connection after new keys."""

from __future__ import annotations

import socket
import ssl
import struct
from pathlib import Path

import pytest

from gateway.bytezaehlung import Bytezaehlung, Leitungsbytes, read_tcp_info
from gateway.fehler import AntwortUnzulaessig, NichtErreichbar, TlsAbgelehnt
from gateway.ordner import Ordner
from gateway.verbindung import HttpsVerbindung, tls_context
from tests.gateway.betreiber_fake import FakeBetreiber, enrolled, make_key, pem
from tests.gateway.relais import Relais
from tests.gateway.tls_server import TlsServer, http, server_context, write_key

OK = http("200 OK", b"receipt", "Content-Type: application/cms")


@pytest.fixture(scope="module")
def betreiber() -> FakeBetreiber:
    return FakeBetreiber()


@pytest.fixture
def ordner(tmp_path: Path, betreiber: FakeBetreiber) -> Ordner:
    return Ordner(enrolled(tmp_path / "z1", betreiber))


def context_of(ordner: Ordner) -> ssl.SSLContext:
    return tls_context(ordner.ca_datei, ordner.zertifikat_datei("tls"), ordner.schluessel_datei("tls"))


def mutual_context(pfad: Path, betreiber: FakeBetreiber) -> ssl.SSLContext:
    kontext = server_context(pfad, betreiber)
    kontext.verify_mode = ssl.CERT_REQUIRED
    kontext.load_verify_locations(cadata=pem(betreiber.wurzel).decode())
    return kontext


def once(gezaehlt: Leitungsbytes) -> int:
    """What the other side gets: a busy machine repeats segments even on loopback, and the meter pays for them."""
    return gezaehlt.gesendet - gezaehlt.wiederholt


def test_counts_what_a_relay_counts_handshake_included(
    tmp_path: Path, ordner: Ordner, betreiber: FakeBetreiber
) -> None:
    with TlsServer(server_context(tmp_path, betreiber), OK) as server, Relais(server.url) as relais:
        verbindung = HttpsVerbindung(relais.url, context_of(ordner))
        assert verbindung.bytes_gesamt == 0
        for groesse in (1, 600, 40_000):
            verbindung.post(bytes(groesse))
            gezaehlt = verbindung.zaehlung.leitungsbytes
            assert (once(gezaehlt), gezaehlt.empfangen) == (relais.hin, relais.zurueck)
        assert relais.hin > 40_601
        # Headers: at least 40 bytes for the three packets of the TCP handshake and one each way for each request.
        assert gezaehlt.koepfe >= 40 * 9
        assert verbindung.bytes_gesamt >= relais.hin + relais.zurueck + gezaehlt.koepfe
        verbindung.close()


def test_counts_over_several_connections_and_after_they_are_gone(
    tmp_path: Path, ordner: Ordner, betreiber: FakeBetreiber
) -> None:
    with TlsServer(server_context(tmp_path, betreiber), OK) as server, Relais(server.url) as relais:
        verbindung = HttpsVerbindung(relais.url, context_of(ordner))
        for _ in range(3):
            verbindung.post(b"x" * 100)
            verbindung.reconnect()
        gezaehlt = verbindung.zaehlung.leitungsbytes
        assert (server.verbindungen, once(gezaehlt)) == (3, relais.hin)
        # The farewell of the server (close_notify, 24 bytes) may reach a socket that is gone already.
        assert relais.zurueck - 3 * 24 <= gezaehlt.empfangen <= relais.zurueck
        vorher = verbindung.bytes_gesamt
        verbindung.close()
        assert verbindung.bytes_gesamt == vorher


def test_counts_a_large_answer_after_which_the_server_hangs_up(
    tmp_path: Path, ordner: Ordner, betreiber: FakeBetreiber
) -> None:
    """`http.client` lets the socket go before the body is read; the bytes of the body are counted all the same."""
    antwort = http("200 OK", bytes(60_000), "Connection: close")
    with TlsServer(server_context(tmp_path, betreiber), antwort, close=True) as server:
        with Relais(server.url) as relais:
            verbindung = HttpsVerbindung(relais.url, context_of(ordner))
            assert len(verbindung.post(b"x").body) == 60_000
            gezaehlt = verbindung.zaehlung.leitungsbytes
            assert once(gezaehlt) == relais.hin
            # The end of the stream (FIN) takes one number of the sequence, which the kernel counts as a byte.
            assert relais.zurueck <= gezaehlt.empfangen + 24
            assert gezaehlt.empfangen <= relais.zurueck + 1
            verbindung.close()


def test_counts_a_refused_handshake(tmp_path: Path, ordner: Ordner) -> None:
    """Whoever answers wrongly costs volume, too."""
    with TlsServer(server_context(tmp_path, FakeBetreiber()), OK) as server, Relais(server.url) as relais:
        verbindung = HttpsVerbindung(relais.url, context_of(ordner))
        with pytest.raises(TlsAbgelehnt):
            verbindung.post(b"secret")
        verbindung.close()
    # Nobody answers our alert, so only the end of the relay tells that it has passed.
    gezaehlt = verbindung.zaehlung.leitungsbytes
    assert once(gezaehlt) == relais.hin > 100
    assert gezaehlt.empfangen > 100


def test_without_the_kernels_counters_it_estimates(
    tmp_path: Path, ordner: Ordner, betreiber: FakeBetreiber
) -> None:
    with TlsServer(server_context(tmp_path, betreiber), OK) as server:
        verbindung = HttpsVerbindung(server.url, context_of(ordner), zaehlung=Bytezaehlung(lambda _: None))
        verbindung.post(b"x" * 1000)
        verbindung.post(b"x" * 500)
        # 4500 for the connection, 700 for each exchange, and the bodies: 1000 + 7 and 500 + 7.
        assert verbindung.bytes_gesamt == 4500 + 700 + 1007 + 700 + 507
        verbindung.close()


def test_the_estimate_is_of_the_right_size(tmp_path: Path, ordner: Ordner, betreiber: FakeBetreiber) -> None:
    with TlsServer(mutual_context(tmp_path, betreiber), OK) as server:
        verbindung = HttpsVerbindung(server.url, context_of(ordner))
        verbindung.post(b"x")
        eine = verbindung.bytes_gesamt
        verbindung.post(b"x")
        assert verbindung.bytes_gesamt - eine == pytest.approx(700, rel=0.3)
        assert eine - 700 == pytest.approx(4500, rel=0.3)
        verbindung.close()


@pytest.mark.parametrize("laenge", [0, 192, 215])
def test_a_kernel_that_tells_less_is_not_believed(laenge: int) -> None:
    class Kurz:
        family = socket.AF_INET

        def getsockopt(self, *_: int) -> bytes:
            return bytes(laenge)

    assert read_tcp_info(Kurz()) is None  # type: ignore[arg-type]


def test_a_socket_without_tcp_has_no_counters() -> None:
    links, rechts = socket.socketpair()
    with links, rechts:
        assert read_tcp_info(links) is None


@pytest.mark.parametrize(
    ("familie", "optionen", "kopf"),
    [
        (socket.AF_INET, 0, 40),
        (socket.AF_INET, 1, 52),
        (socket.AF_INET, 2, 40),
        (socket.AF_INET6, 0, 60),
        (socket.AF_INET6, 3, 72),
    ],
)
def test_headers_are_counted_by_family_and_options(familie: int, optionen: int, kopf: int) -> None:
    info = bytearray(216)
    info[5] = optionen
    struct.pack_into("=Q", info, 128, 5000)
    struct.pack_into("=II", info, 136, 7, 4)
    struct.pack_into("=QQ", info, 200, 3000, 23)

    class Sock:
        family = familie

        def getsockopt(self, *_: int) -> bytes:
            return bytes(info)

    gezaehlt = read_tcp_info(Sock())  # type: ignore[arg-type]
    assert gezaehlt == Leitungsbytes(gesendet=3000, empfangen=5000, koepfe=11 * kopf, wiederholt=23)
    assert gezaehlt.gesamt == 8000 + 11 * kopf


# --- get ---------------------------------------------------------------------------------------------------------
def test_get_asks_the_same_host_over_the_same_connection(
    tmp_path: Path, ordner: Ordner, betreiber: FakeBetreiber
) -> None:
    with TlsServer(server_context(tmp_path, betreiber), OK) as server:
        verbindung = HttpsVerbindung(server.url, context_of(ordner))
        verbindung.post(b"sealed")
        antwort = verbindung.get("/geraete/v1/firmware/abc?von=49152")
        verbindung.close()
        assert (antwort.status, antwort.body) == (200, b"receipt")
        assert server.verbindungen == 1
    kopf = server.anfragen[1]
    assert kopf.startswith(b"GET /geraete/v1/firmware/abc?von=49152 HTTP/1.1\r\n")
    assert f"\r\nHost: {server.url.split('/')[2]}\r\n".encode() in kopf
    assert b"Content-Type" not in kopf


@pytest.mark.parametrize("pfad", ["", "firmware", "//evil.example/x", "https://evil.example/", "@evil.example/"])
def test_get_takes_paths_of_this_operator_only(ordner: Ordner, pfad: str) -> None:
    verbindung = HttpsVerbindung("https://localhost:1/", context_of(ordner))
    with pytest.raises(ValueError, match="Pfade"):
        verbindung.get(pfad)
    verbindung.close()


def test_get_has_the_limits_of_post(tmp_path: Path, ordner: Ordner, betreiber: FakeBetreiber) -> None:
    antworten = [http("200 OK", bytes(65_537)), http("302 Found", b"", "Location: /other"), b"nonsense\r\n\r\n"]
    with TlsServer(server_context(tmp_path, betreiber), lambda _: antworten.pop(0)) as server:
        verbindung = HttpsVerbindung(server.url, context_of(ordner))
        with pytest.raises(AntwortUnzulaessig, match="64 KiB"):
            verbindung.get("/a")
        with pytest.raises(AntwortUnzulaessig, match="leitet um"):
            verbindung.get("/b")
        with pytest.raises(NichtErreichbar):
            verbindung.get("/c")
        verbindung.close()
        assert len(server.anfragen) == 3


# --- what the environment and old certificates must not do -------------------------------------------------------
def test_netrc_adds_no_password(
    tmp_path: Path, ordner: Ordner, betreiber: FakeBetreiber, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine localhost login erika password geheim\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with TlsServer(server_context(tmp_path, betreiber), OK) as server:
        verbindung = HttpsVerbindung(server.url, context_of(ordner))
        verbindung.post(b"x")
        verbindung.close()
    assert b"authorization" not in server.anfragen[0].lower()


def test_a_redirect_to_plain_http_is_not_followed(
    tmp_path: Path, ordner: Ordner, betreiber: FakeBetreiber
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as offen:
        offen.settimeout(0)
        ziel = f"Location: http://127.0.0.1:{offen.getsockname()[1]}/"
        with TlsServer(server_context(tmp_path, betreiber), http("307 Moved", b"", ziel)) as server:
            verbindung = HttpsVerbindung(server.url, context_of(ordner))
            with pytest.raises(AntwortUnzulaessig, match="leitet um"):
                verbindung.post(b"sealed")
            verbindung.close()
        with pytest.raises(BlockingIOError):
            offen.accept()


def test_after_reconnect_the_new_certificate_is_shown(
    tmp_path: Path, ordner: Ordner, betreiber: FakeBetreiber
) -> None:
    schluessel = make_key()
    neu = betreiber.issue("1EMH0012345678", schluessel.public_key())
    (tmp_path / "neu.pem").write_bytes(pem(neu) + pem(betreiber.ca))
    kontext = tls_context(ordner.ca_datei, tmp_path / "neu.pem", write_key(tmp_path / "neu.key", schluessel))
    with TlsServer(mutual_context(tmp_path, betreiber), OK) as server:
        verbindung = HttpsVerbindung(server.url, context_of(ordner))
        verbindung.post(b"old")
        verbindung.reconnect(kontext)
        verbindung.post(b"new")
        verbindung.close()
    alt = ordner.load_zertifikat("tls")
    assert server.client_zertifikate == [ssl.PEM_cert_to_DER_cert(pem(z).decode()) for z in (alt, neu)]

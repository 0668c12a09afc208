"""The transport against real TLS sockets on loopback: who is not the pinned operator gets no byte."""

from __future__ import annotations

import gzip
import itertools
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from gateway import Gateway
from gateway.fehler import AntwortUnzulaessig, NichtErreichbar, TlsAbgelehnt
from gateway.ordner import Konfiguration, Ordner
from gateway.verbindung import HttpsVerbindung, tls_context
from tests.gateway.betreiber_fake import URL_EINSCHREIBUNG, ZAEHLER, FakeBetreiber, enrolled, make_werte, pem
from tests.gateway.tls_server import TlsServer, http, server_context

OK = http("200 OK", b"receipt", "Content-Type: application/cms")


@pytest.fixture(scope="module")
def betreiber() -> FakeBetreiber:
    return FakeBetreiber()


@contextmanager
def connected(server: TlsServer, ordner: Path, **mehr: Any) -> Iterator[HttpsVerbindung]:
    o = Ordner(ordner)
    kontext = tls_context(o.ca_datei, o.zertifikat_datei("tls"), o.schluessel_datei("tls"))
    verbindung = HttpsVerbindung(server.url, kontext, **mehr)
    try:
        yield verbindung
    finally:
        verbindung.close()


@pytest.fixture
def ordner(tmp_path: Path, betreiber: FakeBetreiber) -> Path:
    return enrolled(tmp_path / "z1", betreiber)


def with_client_certificate(kontext: ssl.SSLContext, betreiber: FakeBetreiber) -> ssl.SSLContext:
    kontext.verify_mode = ssl.CERT_REQUIRED
    kontext.load_verify_locations(cadata=pem(betreiber.wurzel).decode())
    return kontext


def test_posts_with_the_client_certificate_and_keeps_the_connection(
    tmp_path: Path, ordner: Path, betreiber: FakeBetreiber
) -> None:
    kontext = with_client_certificate(server_context(tmp_path, betreiber), betreiber)
    with TlsServer(kontext, OK) as server, connected(server, ordner) as verbindung:
        for _ in range(3):
            antwort = verbindung.post(b"sealed")
            assert (antwort.status, antwort.body) == (200, b"receipt")
            assert antwort.headers["content-type"] == "application/cms"
        assert server.verbindungen == 1
        kopf, _, body = server.anfragen[0].partition(b"\r\n\r\n")
        assert kopf.startswith(b"POST /geraete/v1/telegramme HTTP/1.1\r\n")
        assert b"\r\nContent-Type: application/cms\r\n" in kopf
        assert body == b"sealed"
        assert server.client_zertifikate == [Ordner(ordner).load_zertifikat("tls").public_bytes(Encoding.DER)]


def test_only_the_pinned_ca_is_trusted_after_a_request(
    tmp_path: Path, ordner: Path, betreiber: FakeBetreiber
) -> None:
    """`requests` adds the hundred CAs of certifi to the context of an ordinary session at the first request."""
    kontext = tls_context(Ordner(ordner).ca_datei)
    with TlsServer(server_context(tmp_path, betreiber), OK) as server:
        verbindung = HttpsVerbindung(server.url, kontext)
        verbindung.post(b"x")
        verbindung.close()
    assert kontext.get_ca_certs(binary_form=True) == [betreiber.wurzel.public_bytes(Encoding.DER)]


def test_a_foreign_ca_gets_no_byte_even_when_the_environment_trusts_it(
    tmp_path: Path, ordner: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fremd = FakeBetreiber()
    fremde_ca = tmp_path / "fremd.pem"
    fremde_ca.write_bytes(pem(fremd.wurzel))
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, str(fremde_ca))
    with TlsServer(server_context(tmp_path, fremd), OK) as server, connected(server, ordner) as verbindung:
        with pytest.raises(TlsAbgelehnt):
            verbindung.post(b"secret")
        assert (server.gelesen, server.anfragen) == (b"", [])


def test_a_foreign_ca_of_the_same_name_gets_no_byte(tmp_path: Path, ordner: Path) -> None:
    with (
        TlsServer(server_context(tmp_path, FakeBetreiber()), OK) as server,
        connected(server, ordner) as verbindung,
        pytest.raises(TlsAbgelehnt),
    ):
        verbindung.post(b"secret")
    assert server.gelesen == b""


def test_tls_1_2_gets_no_byte(tmp_path: Path, ordner: Path, betreiber: FakeBetreiber) -> None:
    kontext = server_context(tmp_path, betreiber)
    kontext.minimum_version = kontext.maximum_version = ssl.TLSVersion.TLSv1_2
    with TlsServer(kontext, OK) as server, connected(server, ordner) as verbindung:
        with pytest.raises(TlsAbgelehnt):
            verbindung.post(b"secret")
        assert server.gelesen == b""


@pytest.mark.parametrize(
    "zertifikat", [{"dns": "somewhere-else.example"}, {"bis": datetime(2021, 1, 1, tzinfo=UTC)}]
)
def test_wrong_name_and_expired_get_no_byte(
    tmp_path: Path, ordner: Path, betreiber: FakeBetreiber, zertifikat: dict[str, object]
) -> None:
    kontext = server_context(tmp_path, betreiber, **zertifikat)
    with TlsServer(kontext, OK) as server, connected(server, ordner) as verbindung:
        with pytest.raises(TlsAbgelehnt):
            verbindung.post(b"secret")
        assert server.gelesen == b""


def test_a_server_that_wants_another_client_sees_no_request(
    tmp_path: Path, ordner: Path, betreiber: FakeBetreiber
) -> None:
    """Under TLS 1.3 the client learns of the refusal only when it reads: no answer, so nothing is forgotten."""
    kontext = with_client_certificate(server_context(tmp_path, betreiber), FakeBetreiber("Anderer"))
    with TlsServer(kontext, OK) as server, connected(server, ordner) as verbindung:
        with pytest.raises(NichtErreichbar):
            verbindung.post(b"sealed")
        assert server.anfragen == []


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"])
def test_redirects_are_not_followed(tmp_path: Path, ordner: Path, betreiber: FakeBetreiber, status: str) -> None:
    with TlsServer(server_context(tmp_path, betreiber), b"") as server, connected(server, ordner) as verbindung:
        server._antwort = http(status, b"", f"Location: {server.url}2")
        with pytest.raises(AntwortUnzulaessig, match="leitet um"):
            verbindung.post(b"sealed")
        assert len(server.anfragen) == 1


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + (b"4000\r\n" + bytes(0x4000) + b"\r\n") * 5


@pytest.mark.parametrize(
    "antwort",
    [
        http("200 OK", bytes(65_537)),
        http("200 OK", b"", laenge=10**12),
        CHUNKED,
        http("200 OK", gzip.compress(bytes(10**6)), "Content-Encoding: gzip"),
    ],
    ids=["one byte too much", "declared", "chunked", "compressed"],
)
def test_large_and_compressed_answers_are_refused(
    tmp_path: Path, ordner: Path, betreiber: FakeBetreiber, antwort: bytes
) -> None:
    with TlsServer(server_context(tmp_path, betreiber), antwort) as server:
        with connected(server, ordner) as verbindung, pytest.raises(AntwortUnzulaessig):
            verbindung.post(b"sealed")


def test_64_kib_are_still_read(tmp_path: Path, ordner: Path, betreiber: FakeBetreiber) -> None:
    antwort = http("200 OK", bytes(65_536))
    with TlsServer(server_context(tmp_path, betreiber), antwort) as server:
        with connected(server, ordner) as verbindung:
            assert len(verbindung.post(b"sealed").body) == 65_536


@pytest.mark.parametrize(
    "antwort",
    [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 2", http("200 OK", b"half", laenge=8)],
    ids=["closed", "no http", "torn head", "torn body"],
)
def test_a_torn_answer_is_a_broken_link(
    tmp_path: Path, ordner: Path, betreiber: FakeBetreiber, antwort: bytes
) -> None:
    with TlsServer(server_context(tmp_path, betreiber), antwort, close=True) as server:
        with connected(server, ordner) as verbindung, pytest.raises(NichtErreichbar):
            verbindung.post(b"sealed")


def test_an_answer_that_takes_too_long_in_all_is_given_up(
    tmp_path: Path, ordner: Path, betreiber: FakeBetreiber
) -> None:
    """Each byte may come in time while the whole never ends; the clock is in the hand of the test."""
    uhr = itertools.chain([0.0, 1.0, 59.0], itertools.repeat(61.0))
    with TlsServer(server_context(tmp_path, betreiber), CHUNKED) as server:
        with connected(server, ordner, monotonic=lambda: next(uhr)) as verbindung:
            with pytest.raises(NichtErreichbar, match="zu langsam"):
                verbindung.post(b"sealed")


def test_nobody_there_is_not_reachable(ordner: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as horcher:
        port = horcher.getsockname()[1]
    verbindung = HttpsVerbindung(f"https://localhost:{port}/", tls_context(Ordner(ordner).ca_datei))
    with pytest.raises(NichtErreichbar) as fehler:
        verbindung.post(b"x")
    verbindung.close()
    assert "0x" not in str(fehler.value)


@pytest.mark.parametrize("url", ["http://localhost:8443/", "ftp://localhost/", "localhost", "https://", ""])
def test_only_https_addresses(ordner: Path, url: str) -> None:
    with pytest.raises(ValueError, match="https"):
        HttpsVerbindung(url, tls_context(Ordner(ordner).ca_datei))


def test_proxies_of_the_environment_are_ignored(
    tmp_path: Path, ordner: Path, betreiber: FakeBetreiber, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with TlsServer(server_context(tmp_path, betreiber), OK) as server:
        with connected(server, ordner) as verbindung:
            assert verbindung.post(b"x").status == 200


def test_a_gateway_over_the_socket_keeps_its_readings_without_a_receipt(
    tmp_path: Path, ordner: Path, betreiber: FakeBetreiber
) -> None:
    with TlsServer(server_context(tmp_path, betreiber), http("503 Busy", b"", "Retry-After: 7")) as server:
        Ordner(ordner).save_konfiguration(Konfiguration(ZAEHLER, server.url, URL_EINSCHREIBUNG, 1))
        with Gateway.open(ordner) as gateway:
            gateway.puffer.put_many(make_werte(3))
            with pytest.raises(Exception, match="503") as fehler:
                gateway.versand.send_one()
            assert fehler.value.retry_after == 7.0  # type: ignore[attr-defined]
            assert gateway.puffer.waiting() == 3

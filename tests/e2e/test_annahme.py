"""What reaches a listener before any app: slow clients, half requests, and bytes that are no HTTP."""

import contextlib
import http.client
import json
import logging
import select
import socket
import ssl
import threading
import time
from types import SimpleNamespace

import pytest
import requests
from flask import Flask
from gunicorn.config import Config
from gunicorn.workers.gthread import TConn

from betreiber.annahme import GeraeteAnnahme, OeffentlicheAnnahme
from betreiber.settings import Settings

# One operator serves all of these: they belong into one process of the test run.
pytestmark = pytest.mark.xdist_group("e2e-annahme")
KOPF = b"Host: a\r\nConnection: close\r\n"
ANMELDUNG = b"POST /v1/anmeldung HTTP/1.1\r\nContent-Type: application/json\r\n" + KOPF
CHUNKS = ANMELDUNG + b"Transfer-Encoding: chunked\r\n\r\n"
# More connections than the listeners have places to work.
LANGSAME = 40


def send(betreiber, daten):
    """Send bytes to the public listener; the status, the headers and the body of its answer."""
    with socket.create_connection(("127.0.0.1", int(betreiber.umgebung["MSB_PORT"])), timeout=10) as verbindung:
        verbindung.sendall(daten)
        return read(verbindung)


def read(verbindung):
    antwort = b"".join(iter(lambda: verbindung.recv(65536), b""))
    kopf, _, koerper = antwort.partition(b"\r\n\r\n")
    anfang, *zeilen = kopf.decode("latin-1").split("\r\n")
    return int(anfang.split()[1]), dict(zeile.split(": ", 1) for zeile in zeilen), koerper


@pytest.mark.parametrize(
    "anfang",
    [
        b"P",
        b"GET /docs HTTP/1.1\r\nX-A: ",
        ANMELDUNG + b"Content-Length: 9\r\n\r\n{",
        CHUNKS + b"fff\r\n{",
        # They have their answer and do not hang up.
        b"GET /docs HTTP/1.1\r\n" + KOPF + b"\r\n",
        b"no http\r\n\r\n",
    ],
    ids=["one byte", "half a header", "half a body", "half a chunk", "answered", "refused"],
)
def test_slow_clients_keep_nobody_waiting(betreiber, anfang):
    with contextlib.ExitStack() as stapel:
        adresse = ("127.0.0.1", int(betreiber.umgebung["MSB_PORT"]))
        for _ in range(LANGSAME):
            stapel.enter_context(socket.create_connection(adresse)).sendall(anfang)
        # Longer than the second in which a connection that just waits would be put aside.
        for _ in range(3):
            assert requests.get(f"{betreiber.url}/openapi.json", timeout=4).ok
            time.sleep(0.5)


@pytest.mark.parametrize("anfang", [b"\x16\x03\x01", b"no TLS"])
def test_half_handshakes_keep_no_meter_waiting(betreiber, anfang):
    adresse = ("127.0.0.1", int(betreiber.umgebung["MSB_GERAETE_PORT"]))
    context = ssl.create_default_context(cafile=betreiber.ca)
    with contextlib.ExitStack() as stapel:
        for _ in range(LANGSAME):
            stapel.enter_context(socket.create_connection(adresse)).sendall(anfang)
        with (
            socket.create_connection(adresse, timeout=4) as verbindung,
            context.wrap_socket(verbindung, server_hostname="127.0.0.1") as tls,
        ):
            assert tls.version() == "TLSv1.3"


@pytest.mark.parametrize("anfang", [b"", b"P", ANMELDUNG + b"Content-Length: 9\r\n\r\n{"])
def test_who_sends_too_slowly_is_cut_off(anfang):
    class Ungeduldig(OeffentlicheAnnahme):
        empfang_hoechstens_s = 0.2

    config = Config()
    arbeiter = Ungeduldig(1, 1, [], None, 30, config, logging.getLogger())
    nah, fern = socket.socketpair()
    with nah, fern:
        fern.sendall(anfang)
        thread = threading.Thread(target=arbeiter.handle, args=[TConn(config, nah, ("", 0), ("", 0))])
        thread.start()
        frist = time.monotonic() + 10
        while thread.is_alive():
            assert time.monotonic() < frist
            arbeiter.notify()
            time.sleep(0.05)
    arbeiter.tmp.close()


@pytest.fixture
def belegt():
    """A worker with one place and room for two more. `connect` sends a request, `frei` lets the app answer."""
    app, frei, begonnen = Flask("fake"), threading.Event(), threading.Semaphore(0)
    app.config["MAX_CONTENT_LENGTH"] = 1024
    app.extensions["msb_settings"] = Settings(geraete_wartend=2)

    @app.post("/")
    def work():
        begonnen.release()
        assert frei.wait(30)
        return "done"

    config = Config()
    config.set("threads", 1)
    arbeiter = GeraeteAnnahme(1, 1, [], SimpleNamespace(wsgi=lambda: app), 30, config, logging.getLogger())
    arbeiter.load_wsgi()
    with contextlib.ExitStack() as stapel:
        stapel.callback(arbeiter.tmp.close)
        stapel.callback(frei.set)
        lauscher = stapel.enter_context(socket.create_server(("127.0.0.1", 0)))

        def connect():
            verbindung = http.client.HTTPConnection("127.0.0.1", lauscher.getsockname()[1], timeout=30)
            verbindung.connect()
            nah, adresse = lauscher.accept()
            thread = threading.Thread(
                target=arbeiter.handle, args=[TConn(config, nah, adresse, lauscher.getsockname())]
            )
            thread.start()
            for aufraeumen in (nah.close, verbindung.close, thread.join, frei.set):
                stapel.callback(aufraeumen)
            verbindung.request("POST", "/", body=b"x")
            return verbindung

        yield connect, frei, begonnen


def test_above_the_limit_devices_are_sent_away_at_once(belegt):
    connect, frei, begonnen = belegt
    offen = {verbindung.sock: verbindung for verbindung in (connect() for _ in range(5))}
    # One works, two wait, and two are answered while nothing moves.
    beantwortet = []
    while len(beantwortet) < 2:
        beantwortet, _, _ = select.select(list(offen), [], [], 30)
        assert beantwortet
    for verbindung in [offen.pop(sock) for sock in beantwortet]:
        antwort = verbindung.getresponse()
        assert (antwort.status, antwort.headers["Retry-After"]) == (503, "30")
        assert json.loads(antwort.read())["code"] == "ueberlastet"
    assert begonnen.acquire(timeout=30)
    assert not begonnen.acquire(blocking=False), "only one request may have reached the app"
    frei.set()
    assert [verbindung.getresponse().read() for verbindung in offen.values()] == [b"done"] * 3
    # There is room again.
    assert connect().getresponse().status == 200


@pytest.mark.parametrize(
    ("daten", "status", "code"),
    [
        (b"GET /v1/anmeldung\r\n\r\n", 400, "anfrage_ungueltig"),
        (b"GET /v1/kunden?suche=M\xc3\xbcller HTTP/1.1\r\n" + KOPF + b"\r\n", 400, "anfrage_ungueltig"),
        (b"GET /v1/kunden HTTP/1.1\r\nA b: c\r\n" + KOPF + b"\r\n", 400, "anfrage_ungueltig"),
        (b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\n" + KOPF + b"\r\n", 414, "adresse_zu_lang"),
        (b"GET / HTTP/1.1\r\nA: " + b"b" * 9000 + b"\r\n\r\n", 431, "request_header_fields_too_large"),
        (ANMELDUNG + b"Transfer-Encoding: gzip2\r\n\r\n", 400, "anfrage_ungueltig"),
        (CHUNKS.replace(KOPF, KOPF + b"Content-Length: 5\r\n") + b"0\r\n\r\n", 400, "anfrage_ungueltig"),
        (CHUNKS + b"ZZ\r\n{}\r\n0\r\n\r\n", 400, "anfrage_ungueltig"),
        (CHUNKS + b"2\r\n{}xx0\r\n\r\n", 400, "anfrage_ungueltig"),
        (CHUNKS + b"11170\r\n" + b" " * 70_000 + b"\r\n0\r\n\r\n", 413, "zu_gross"),
        (CHUNKS + b"2\r\n{}\r\n0\r\n\r\n", 422, "eingabe_ungueltig"),
    ],
)  # fmt: skip
def test_what_is_no_http_is_refused_like_all_else(betreiber, daten, status, code):
    erhalten, kopf, koerper = send(betreiber, daten)
    problem = json.loads(koerper)
    assert (erhalten, problem["status"], problem["code"]) == (status, status, code)
    assert kopf["Content-Type"] == "application/problem+json"
    assert len(kopf["X-Request-ID"]) == 32
    assert problem["detail"].endswith(".")


def test_the_device_listeners_refuse_it_with_a_code_only(betreiber):
    context = ssl.create_default_context(cafile=betreiber.ca)
    adresse = ("127.0.0.1", int(betreiber.umgebung["MSB_EINSCHREIBUNG_PORT"]))
    with (
        socket.create_connection(adresse, timeout=10) as verbindung,
        context.wrap_socket(verbindung, server_hostname="127.0.0.1") as tls,
    ):
        tls.sendall(b"no http\r\n\r\n")
        status, _, koerper = read(tls)
    assert (status, json.loads(koerper)) == (400, {"type": "about:blank", "status": 400, "code": "anfrage"})


def test_a_header_does_not_move_a_request_to_another_route(betreiber):
    for name in ("PATH_INFO", "SCRIPT_NAME", "Path_Info"):
        antwort = requests.get(f"{betreiber.url}/v1/kunden", headers={name: "/openapi.json"}, timeout=5)
        assert antwort.json()["code"] == "nicht_angemeldet"


def test_the_log_does_not_quote_what_came(betreiber):
    send(betreiber, b"GET /v1/kunden/77?suche=Sch\xc3\xb6nfelder HTTP/1.1\r\n\r\n")
    zeilen = betreiber.log.read_text(errors="replace")
    assert "InvalidRequestLine" in zeilen
    for wort in ("nfelder", "kunden/77", "ip=", "Traceback"):
        assert wort not in zeilen

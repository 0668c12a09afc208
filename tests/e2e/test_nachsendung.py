"""Bodies larger than most: received late, by whom the app has looked at, and without keeping anybody waiting."""

import contextlib
import json
import logging
import socket
import threading
import time
from io import BytesIO

import pytest
import requests
from gunicorn.config import Config
from gunicorn.workers.gthread import TConn
from werkzeug.exceptions import ClientDisconnected

from betreiber.annahme import Ablage, OeffentlicheAnnahme, _Nachsendung
from betreiber.errors import NichtVerfuegbar
from tests.e2e.test_annahme import LANGSAME, read

pytestmark = pytest.mark.xdist_group("e2e-nachsendung")
ZAEHLER = {"zaehlernummer": "1EMH0055555555", "hersteller": "EMH", "modell": "mME4.0", "seriennummer": "1"}
# Half a MiB: more than fits into the buffers of a socket, the listener and the parser of forms.
PDF = b"%PDF-1.7\n" + b"a scanned page\n" * 35_000
FORMULAR = (
    b'--x\r\nContent-Disposition: form-data; name="art"\r\n\r\nSONSTIGES\r\n'
    b'--x\r\nContent-Disposition: form-data; name="datei"; filename="a.pdf"\r\n\r\n' + PDF + b"\r\n--x--\r\n"
)


@pytest.fixture(scope="module")
def pfad(personal):
    zaehler = personal.post("/v1/stromzaehler", **ZAEHLER)
    return f"/v1/stromzaehler/{zaehler['stromzaehler_id']}/dokumente"


def head(pfad, laenge, *zeilen):
    kopf = (f"POST {pfad} HTTP/1.1", "Host: a", "Connection: close", f"Content-Length: {laenge}", *zeilen)
    return "\r\n".join((*kopf, "Content-Type: multipart/form-data; boundary=x", "", "")).encode()


@contextlib.contextmanager
def begin(betreiber, daten):
    """Send bytes to the public listener and keep the connection."""
    with socket.create_connection(("127.0.0.1", int(betreiber.umgebung["MSB_PORT"])), timeout=30) as verbindung:
        verbindung.sendall(daten)
        yield verbindung


def test_a_file_arrives_whole_though_its_senders_are_slow(betreiber, personal, pfad):
    anfang = head(pfad, len(FORMULAR), personal.authorization) + FORMULAR[:200_000]
    with contextlib.ExitStack() as stapel:
        langsame = [stapel.enter_context(begin(betreiber, anfang)) for _ in range(LANGSAME)]
        assert requests.get(f"{betreiber.url}/openapi.json", timeout=10).ok
        langsame[0].sendall(FORMULAR[200_000:])
        status, _, koerper = read(langsame[0])
        dokument = json.loads(koerper)
        assert (status, dokument["groesse_bytes"]) == (201, len(PDF))
    antwort = requests.get(
        f"{betreiber.url}{pfad}/{dokument['dokument_id']}/inhalt",
        headers=dict([personal.authorization.split(": ", 1)]),
        timeout=10,
    )
    assert antwort.content == PDF
    # Those that hung up have left nothing.
    assert personal.get(pfad)["gesamt"] == 1


@pytest.mark.parametrize(
    ("laenge", "angemeldet", "status"),
    [(len(FORMULAR), False, 401), (100_000_000, True, 413), (100_000_000, False, 401)],
)
def test_a_refusal_does_not_wait_for_the_body(betreiber, personal, pfad, laenge, angemeldet, status):
    zeilen = [personal.authorization] if angemeldet else []
    with begin(betreiber, head(pfad, laenge, *zeilen)) as verbindung:
        assert read(verbindung)[0] == status


def test_chunks_are_no_way_around_the_limit(betreiber, personal, pfad):
    kopf = head(pfad, 0, personal.authorization, "Transfer-Encoding: chunked").replace(
        b"Content-Length: 0\r\n", b""
    )
    with begin(betreiber, kopf + f"{len(FORMULAR):x}\r\n".encode() + FORMULAR[:100_000]) as verbindung:
        status, _, koerper = read(verbindung)
    assert (status, json.loads(koerper)["code"]) == (413, "zu_gross")


def test_who_stops_in_the_midst_of_a_large_body_is_cut_off():
    class Ungeduldig(OeffentlicheAnnahme):
        nachsendung_hoechstens_s = 0.2

    config = Config()
    config.set("threads", 1)
    arbeiter = Ungeduldig(1, 1, [], None, 30, config, logging.getLogger())
    nah, fern = socket.socketpair()
    verbindung = TConn(config, nah, ("", 0), ("", 0))
    ergebnis = []

    def receive():
        with arbeiter._plaetze, nah.makefile("rb") as strom:
            umgebung = {"wsgi.input": strom, "CONTENT_LENGTH": "100000"}
            nachsendung = _Nachsendung(umgebung, lambda: arbeiter._without_place(verbindung), Ablage(100_000))
            try:
                nachsendung.read(1)
            except ClientDisconnected:
                ergebnis.append("cut off")

    with nah, fern:
        fern.sendall(b"%PDF-")
        thread = threading.Thread(target=receive)
        thread.start()
        frist = time.monotonic() + 10
        while thread.is_alive():
            assert time.monotonic() < frist
            arbeiter.notify()
            time.sleep(0.05)
    arbeiter.tmp.close()
    assert ergebnis == ["cut off"]
    # Its place is free again.
    assert arbeiter._plaetze.acquire(blocking=False)


def receive_one(ablage, koerper):
    """A large body, received with so much room for all."""
    umgebung = {"wsgi.input": BytesIO(koerper), "CONTENT_LENGTH": str(len(koerper))}
    return _Nachsendung(umgebung, contextlib.nullcontext, ablage)


def test_many_large_bodies_do_not_fill_the_disk():
    ablage = Ablage(1_000_000)
    erste = [receive_one(ablage, b"x" * 400_000) for _ in range(3)]
    assert [einer.read(1) for einer in erste[:2]] == [b"x", b"x"]
    with pytest.raises(NichtVerfuegbar) as gefangen:
        erste[2].read(1)
    assert gefangen.value.headers == {"Retry-After": "10"}
    # Who was sent away leaves what they took, and so does who is done.
    for einer in erste[1:]:
        einer.close()
    naechster = receive_one(ablage, b"y" * 600_000)
    assert len(naechster.read()) == 600_000
    for einer in (erste[0], naechster):
        einer.close()
    ablage.take(1_000_000)


def test_who_is_never_read_takes_no_room():
    ablage = Ablage(10)
    receive_one(ablage, b"x" * 400_000).close()
    ablage.take(10)

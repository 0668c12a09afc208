"""`betreiber start` as a person and an init system meet it: stop, crash of a part, crash of the whole."""

import contextlib
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import requests

from scripts.betreiberprozess import BetreiberFehler, Betreiberprozess
from tests.e2e.conftest import BILLIG

HOECHSTENS_S = 30


def children(pid):
    """The processes that a process started, and theirs."""
    alle = []
    for eintrag in os.listdir("/proc"):
        if eintrag.isdigit():
            try:
                with open(f"/proc/{eintrag}/stat", encoding="ascii", errors="replace") as datei:
                    eltern = int(datei.read().rsplit(")", 1)[1].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
            alle.append((int(eintrag), eltern))
    gefunden, offen = set(), {pid}
    while offen:
        offen = {kind for kind, eltern in alle if eltern in offen} - gefunden
        gefunden |= offen
    return gefunden


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as datei:
            return datei.read().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_for(bedingung):
    frist = time.monotonic() + HOECHSTENS_S
    while not bedingung():
        assert time.monotonic() < frist, "it did not happen in time"
        time.sleep(0.1)


def test_told_to_read_its_keys_while_it_starts(tmp_path):
    """As `betreiber neu-laden` does from the first moment on at which it finds an operator."""
    prozess = Betreiberprozess(tmp_path / "daten", BILLIG)
    nummer = prozess.daten / "betreiber.pid"

    def tell():
        while not (nummer.exists() and nummer.read_text()):
            time.sleep(0.002)
        os.kill(int(nummer.read_text()), signal.SIGUSR1)

    bote = threading.Thread(target=tell, daemon=True)
    bote.start()
    with prozess:
        bote.join()
        assert prozess.ready()


@pytest.fixture
def prozess(tmp_path):
    prozess = Betreiberprozess(tmp_path / "daten", BILLIG)
    prozess.start()
    yield prozess
    prozess.stop()


def test_stop_ends_every_process(prozess):
    kinder = children(prozess.pid)
    assert len(kinder) >= 7  # four leading processes, three of them with workers
    prozess.stop()
    assert not any(map(alive, kinder))


def test_a_killed_part_comes_back(prozess):
    (oeffentlich,) = [
        kind
        for kind in children(prozess.pid)
        if b"oeffentlich" in Path(f"/proc/{kind}/cmdline").read_bytes() and prozess.pid == parent(kind)
    ]
    os.killpg(oeffentlich, signal.SIGKILL)
    wait_for(lambda: not alive(oeffentlich))
    wait_for(prozess.ready)
    assert requests.get(f"{prozess.url}/docs", timeout=5).ok


def test_told_to_read_its_keys_while_a_part_starts(prozess):
    """That part is not ended by it, and hears of it when it is up."""

    def device_part():
        return [
            kind
            for kind in children(prozess.pid)
            if prozess.pid == parent(kind) and b"geraete" in Path(f"/proc/{kind}/cmdline").read_bytes()
        ]

    (alter,) = device_part()
    os.killpg(alter, signal.SIGKILL)
    wait_for(lambda: device_part() not in ([], [alter]))
    neuer = device_part()
    os.kill(prozess.pid, signal.SIGUSR1)
    # The public one, the one for devices, the one for enrolment.
    wait_for(lambda: prozess.log.read_text().count("Handling signal: hup") == 3)
    wait_for(prozess.ready)
    assert device_part() == neuer


def test_when_the_leading_process_is_killed_all_others_end(prozess):
    kinder = children(prozess.pid)
    os.kill(prozess.pid, signal.SIGKILL)
    wait_for(lambda: not any(map(alive, kinder)))


def test_a_second_start_finds_its_data(prozess):
    prozess.call(
        "benutzer", "anlegen", "--name", "erika", "--rolle", "analyse", "--passwort-stdin",
        eingabe="ein langes Wort\n",
    )  # fmt: skip
    prozess.stop()
    prozess.start()
    daten = {"benutzername": "Erika", "passwort": "ein langes Wort"}
    assert requests.post(f"{prozess.url}/v1/anmeldung", json=daten, timeout=5).status_code == 200


def test_clients_that_stop_in_the_middle_give_their_threads_back(tmp_path):
    prozess = Betreiberprozess(tmp_path, BILLIG | {"MSB_PROZESSE": "1", "MSB_THREADS": "2"})
    with prozess, contextlib.ExitStack() as stapel:
        oeffentlich, geraete = (
            ("127.0.0.1", int(prozess.umgebung[name])) for name in ("MSB_PORT", "MSB_GERAETE_PORT")
        )
        for adresse, anfang in ((oeffentlich, b"POST /v1/anm"), (geraete, b"\x16\x03\x01")) * 2:
            stapel.enter_context(socket.create_connection(adresse)).sendall(anfang)
        assert requests.get(f"{prozess.url}/openapi.json", timeout=50).ok
        context = ssl.create_default_context(cafile=prozess.ca)
        with (
            socket.create_connection(geraete, timeout=50) as verbindung,
            context.wrap_socket(verbindung, server_hostname="127.0.0.1") as tls,
        ):
            assert tls.version() == "TLSv1.3"


def test_the_public_listener_speaks_tls_with_a_certificate(tmp_path, pki_vorlage):
    umgebung = {
        "MSB_TLS_ZERTIFIKAT": str(pki_vorlage / "server.crt"),
        "MSB_TLS_SCHLUESSEL": str(pki_vorlage / "server.key"),
    }
    with Betreiberprozess(tmp_path, BILLIG | umgebung) as prozess:
        url = prozess.url.replace("http://", "https://")
        antwort = requests.get(f"{url}/docs", timeout=5, verify=str(pki_vorlage / "wurzel.crt"))
        assert (antwort.status_code, antwort.headers["Strict-Transport-Security"]) == (200, "max-age=31536000")
        with pytest.raises(requests.ConnectionError):
            requests.get(f"{prozess.url}/docs", timeout=5)


def test_production_does_not_start_unprepared(tmp_path):
    umgebung = {"MSB_UMGEBUNG": "produktion", "MSB_MAIL_ORDNER": str(tmp_path / "mail")}
    with pytest.raises(BetreiberFehler, match="MSB_JWT_SECRET is needed"):
        Betreiberprozess(tmp_path, umgebung).start()
    umgebung["MSB_JWT_SECRET"] = "0123456789abcdef" * 2
    with pytest.raises(BetreiberFehler, match="betreiber datenbank aktualisieren"):
        Betreiberprozess(tmp_path, umgebung).start()
    unvorbereitet = Betreiberprozess(tmp_path, umgebung)
    unvorbereitet.call("datenbank", "aktualisieren")
    with pytest.raises(BetreiberFehler, match="betreiber pki anlegen"):
        unvorbereitet.start()


def test_an_unreachable_database_is_said_so(tmp_path):
    umgebung = {"MSB_DATABASE_URL": "postgresql://msb@127.0.0.1:1/msb"}
    with pytest.raises(BetreiberFehler, match="check MSB_DATABASE_URL"):
        Betreiberprozess(tmp_path, umgebung).start()


def start_part(tmp_path, leitung, **umgebung):
    """The job process, as `leitung` would start it."""
    umgebung = os.environ | {"MSB_DATEN": str(tmp_path)} | umgebung
    befehl = [sys.executable, "-m", "betreiber.cli", "prozess", "jobs", str(leitung)]
    return subprocess.Popen(befehl, env=umgebung, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def test_a_part_whose_leading_process_is_gone_ends_at_once(tmp_path):
    # Which one it was is told by its number: in a container the leading process is process 1.
    with start_part(tmp_path, leitung=1) as teil:
        assert b"the leading process is gone" in teil.stderr.read()
        assert teil.wait() == 1


def test_the_job_process_outlives_a_database_that_is_away(tmp_path):
    with start_part(tmp_path, os.getpid(), MSB_DATABASE_URL="postgresql://msb@127.0.0.1:1/msb") as teil:
        assert b"job_failed" in teil.stderr.readline()
        time.sleep(0.5)
        assert teil.poll() is None
        teil.terminate()


def parent(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as datei:
        return int(datei.read().rsplit(")", 1)[1].split()[1])

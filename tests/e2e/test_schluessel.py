"""Keys of a running operator: it takes new ones without a stop, and says when they end."""

import hashlib
import os
import re
import signal
import socket
import ssl
import time
from datetime import UTC, datetime

import pytest
import requests

from gateway import Gateway
from scripts.betreiberprozess import ApiKlient, BetreiberFehler, Betreiberprozess
from scripts.stammdaten import PERSONAL, PERSONAL_PASSWORT, create_haushalt, create_staff
from tests.e2e.conftest import BILLIG
from tests.e2e.test_prozesse import wait_for
from tests.kanal import reihe

_nummern = iter(range(1, 1000))
VON = datetime(2026, 1, 1, tzinfo=UTC)
# One operator serves all of these: they belong into one process of the test run.
pytestmark = pytest.mark.xdist_group("e2e-schluessel")


@pytest.fixture(scope="module")
def prozess(tmp_path_factory):
    with Betreiberprozess(tmp_path_factory.mktemp("schluessel"), BILLIG) as prozess:
        create_staff(prozess, PERSONAL, PERSONAL_PASSWORT, "sachbearbeitung", "wartung")
        yield prozess


@pytest.fixture
def haushalt(prozess, ordner):
    with ApiKlient(prozess.url) as personal:
        personal.login(PERSONAL, PERSONAL_PASSWORT)
        return create_haushalt(prozess, personal, personal, next(_nummern), VON, ordner)


def shown_certificate(prozess, port):
    """SHA-256 of the certificate with which a device listener presents itself; None when it is not there."""
    context = ssl.create_default_context(cafile=prozess.ca)
    try:
        with (
            socket.create_connection(("127.0.0.1", int(prozess.umgebung[port])), timeout=10) as verbindung,
            context.wrap_socket(verbindung, server_hostname="127.0.0.1") as tls,
        ):
            return hashlib.sha256(tls.getpeercert(True)).hexdigest()
    except OSError:
        return None


def fingerprint(prozess, name):
    (zeile,) = (teil for teil in prozess.call("pki", "zeigen").splitlines() if teil.split()[0] == name)
    return zeile.split()[-1].replace(":", "").lower()


def deliver(haushalt, anzahl, seit):
    werte = reihe(int(VON.timestamp()) + seit * 900, 1000 + seit, [1] * anzahl)
    with Gateway.open(haushalt.ordner, jetzt=time.time) as meter:
        meter.puffer.put_many(werte)
        meter.versand.send_all(versuche=100, pause=lambda _sekunden: time.sleep(0.1) or False)
        return meter.puffer.waiting()


def test_new_keys_without_a_stop(prozess, haushalt):
    """New TLS certificate, new CA, new Betreibersatz: the meter that knows the old ones goes on."""
    assert deliver(haushalt, 10, 0) == 0
    leitung = prozess.pid
    assert shown_certificate(prozess, "MSB_GERAETE_PORT") == fingerprint(prozess, "server")
    prozess.call("pki", "server-erneuern")
    prozess.call("pki", "ca-erneuern")
    prozess.call("pki", "betreiber-erneuern", "--vorzeitig")
    assert "liest seine Schlüssel neu" in prozess.call("neu-laden")
    neu = fingerprint(prozess, "server/2/server")
    for port in ("MSB_GERAETE_PORT", "MSB_EINSCHREIBUNG_PORT"):
        wait_for(lambda port=port: shown_certificate(prozess, port) == neu)
    wait_for(prozess.ready)
    assert prozess.pid == leitung
    assert deliver(haushalt, 10, 10) == 0


def test_keys_that_cannot_be_read_are_not_loaded(prozess):
    schluessel = next(prozess.daten.glob("pki/**/signatur.key"))
    beiseite = schluessel.with_suffix(".weg")
    schluessel.rename(beiseite)
    try:
        with pytest.raises(BetreiberFehler, match=r"signatur\.key fehlt"):
            prozess.call("neu-laden")
    finally:
        beiseite.rename(schluessel)
    assert prozess.ready()


def test_one_operator_a_folder(prozess):
    zweiter = Betreiberprozess(prozess.daten, BILLIG)
    zweiter.log = prozess.daten / "zweiter.log"
    with pytest.raises(BetreiberFehler, match=r"runs in .* already"):
        zweiter.start()
    assert prozess.ready()


def test_the_metrics_say_when_keys_end(prozess):
    metriken = requests.get(f"{prozess.betrieb_url}/metrics", timeout=10).text
    tage = dict(re.findall(r'^msb_zertifikat_resttage\{name="(\w+)"\} ([\d.]+)$', metriken, re.MULTILINE))
    assert set(tage) == {"wurzel", "geraete_ca", "server", "signatur", "verschluesselung"}
    # Three years, less the moments since they were made.
    assert float(tage["server"]) == 3 * 365 - 1
    assert "\nmsb_zaehler_schluessel_enden 0.0\n" in metriken


def test_nobody_to_tell(tmp_path):
    prozess = Betreiberprozess(tmp_path, BILLIG)
    prozess.call("pki", "anlegen")
    with pytest.raises(BetreiberFehler, match="läuft kein Betreiber"):
        prozess.call("neu-laden")
    # The number of one that was killed means nobody.
    prozess.start()
    os.kill(prozess.pid, signal.SIGKILL)
    prozess.stop()
    assert (tmp_path / "betreiber.pid").read_text().isdigit()
    with pytest.raises(BetreiberFehler, match="läuft kein Betreiber"):
        prozess.call("neu-laden")


def test_the_device_listener_needs_no_key_of_a_ca(prozess, haushalt):
    """Without the enrolment process nobody reads the CA's key: it may lie elsewhere, and meters go on sending."""
    prozess.stop()
    prozess.umgebung["MSB_EINSCHREIBUNG_AKTIV"] = "0"
    for datei in [*prozess.daten.glob("pki/**/geraete_ca.key"), prozess.daten / "pki/wurzel.key"]:
        datei.unlink()
    prozess.start()
    assert deliver(haushalt, 10, 20) == 0

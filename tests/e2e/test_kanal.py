"""The main way over real sockets: a meter's sealed readings become a customer's Verbrauch."""

import re
import ssl
import time
from datetime import UTC, datetime, timedelta
from http.client import HTTPException, HTTPSConnection
from types import MappingProxyType

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from betreiber.schluessel import ca
from betreiber.schluessel.ablage import load_ausgabestelle
from betreiber.schluessel.domain import Zweck
from gateway import Gateway
from scripts.betreiberprozess import ApiKlient, BetreiberFehler, Betreiberprozess
from scripts.stammdaten import create_haushalt, verbrauch
from tests.kanal import reihe

VON = datetime(2026, 3, 28, 23, tzinfo=UTC)  # 2026-03-29 in Europe/Berlin, a day of 92 quarter hours
_nummern = iter(range(1, 1000))
# One operator serves all of these: they belong into one process of the test run.
pytestmark = pytest.mark.xdist_group("e2e-kanal")


@pytest.fixture
def haushalt(betreiber, personal, ordner):
    return create_haushalt(betreiber, personal, personal, next(_nummern), VON, ordner)


def test_from_the_meter_to_the_customer(betreiber, haushalt):
    werte = reihe(int(VON.timestamp()), 777_000, [50] * 46 + [75] * 46)
    with Gateway.open(haushalt.ordner, jetzt=time.time) as meter:
        meter.puffer.put_many(werte)
        bilanz = meter.versand.send_all()
        assert (bilanz.sent, bilanz.neu, meter.puffer.waiting()) == (93, 93, 0)
        meter.puffer.put_many(werte)
        assert meter.versand.send_all().doppelt == 93
    with ApiKlient(betreiber.url) as kunde:
        kunde.login(haushalt.benutzername, haushalt.passwort)
        antwort = verbrauch(kunde, VON, VON + timedelta(hours=23), "tag")
    # By hand: 46 x 50 Wh + 46 x 75 Wh.
    assert antwort["summe"]["bezug_wh"] == 5750
    assert [(wert["erwartet"], wert["vorhanden"]) for wert in antwort["werte"]] == [(92, 92)]


def test_nobody_speaks_to_the_device_listener_without_a_certificate_of_ours(
    betreiber, haushalt, personal, tmp_path
):
    jetzt = datetime.now(UTC)
    fremde_wurzel = ca.create_root(jetzt)
    fremde_ca = ca.create_issuing_ca(fremde_wurzel, jetzt)
    stelle = load_ausgabestelle(betreiber.daten / "pki")
    schluessel = ec.generate_private_key(ec.SECP256R1())

    def certify(aussteller, zweck, zeit):
        return ca.certify_meter(aussteller, haushalt.zaehlernummer, zweck, schluessel.public_key(), zeit)

    server = ca.create_server(stelle.ca, ["localhost"], jetzt)
    faelle = {
        "none": None,
        "foreign": (certify(fremde_ca, Zweck.TLS, jetzt), schluessel),
        "expired": (certify(stelle.ca, Zweck.TLS, jetzt - timedelta(days=3 * 365)), schluessel),
        "content key": (certify(stelle.ca, Zweck.SIGNATUR, jetzt), schluessel),
        "server": (server.zertifikat, server.schluessel),
        "ca": (stelle.ca.zertifikat, stelle.ca.schluessel),
    }
    vorher = answered(betreiber)
    for name, paar in faelle.items():
        with pytest.raises((OSError, HTTPException)):
            ask(betreiber, name, client_context(betreiber, tmp_path, paar))
    # The same request with a certificate of ours comes through to the app, and is the only one that did.
    eigenes = (certify(stelle.ca, Zweck.TLS, jetzt), schluessel)
    assert ask(betreiber, "own", client_context(betreiber, tmp_path, eigenes)) == 404
    assert answered(betreiber) == vorher + 1
    # A token opens nothing here: not without a certificate, and with one it is refused itself.
    jwt = dict([personal.authorization.split(": ", 1)])
    with pytest.raises((OSError, HTTPException)):
        ask(betreiber, "token", client_context(betreiber, tmp_path, None), headers=jwt)
    assert ask(betreiber, "token", client_context(betreiber, tmp_path, eigenes), headers=jwt) == 401


def test_tls_1_2_is_refused(betreiber, tmp_path):
    for port in ("MSB_GERAETE_PORT", "MSB_EINSCHREIBUNG_PORT"):
        context = client_context(betreiber, tmp_path, None)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        with pytest.raises(ssl.SSLError):
            ask(betreiber, "old", context, port)


def test_each_listener_knows_its_own_routes_only(betreiber, tmp_path):
    assert requests.post(f"{betreiber.url}/geraete/v1/telegramme", timeout=5).status_code == 404
    context = client_context(betreiber, tmp_path, None)
    assert ask(betreiber, "v1/kunden", context, "MSB_EINSCHREIBUNG_PORT") == 404


def test_health_and_metrics(betreiber):
    for pfad in ("healthz", "readyz"):
        assert requests.get(f"{betreiber.betrieb_url}/{pfad}", timeout=5).text == "ok\n"
    requests.get(f"{betreiber.url}/v1/kunden", timeout=5)
    metriken = requests.get(f"{betreiber.betrieb_url}/metrics", timeout=5).text
    assert 'msb_anfragen_total{method="GET",route="/v1/kunden",status="401"}' in metriken
    assert requests.get(f"{betreiber.betrieb_url}/anderes", timeout=5).status_code == 404


def test_the_docs_page_comes_with_its_files(betreiber):
    seite = requests.get(f"{betreiber.url}/docs", timeout=5)
    assert "script-src 'self'" in seite.headers["Content-Security-Policy"]
    for datei in ("swagger-ui/swagger-ui-bundle.js", "swagger-ui/swagger-ui.css", "docs.js"):
        assert f"/static/{datei}" in seite.text
        assert requests.get(f"{betreiber.url}/static/{datei}", timeout=5).ok
    assert requests.get(f"{betreiber.url}/openapi.json", timeout=5).json()["openapi"] == "3.1.0"


def test_a_used_port_is_named(betreiber):
    zweiter = Betreiberprozess(betreiber.daten / "zweiter", {"MSB_PORT": betreiber.umgebung["MSB_PORT"]})
    with pytest.raises(BetreiberFehler, match=f"127.0.0.1:{betreiber.umgebung['MSB_PORT']} cannot be used"):
        zweiter.start()


def test_an_operator_that_runs_is_not_taken_for_the_one_that_starts(betreiber):
    umgebung = {"MSB_BETRIEB_PORT": betreiber.umgebung["MSB_BETRIEB_PORT"]}
    zweiter = Betreiberprozess(betreiber.daten / "zweiter", umgebung)
    with pytest.raises(BetreiberFehler, match="already; stop it"):
        zweiter.start()


def answered(betreiber):
    """How many requests for unknown paths the apps have answered."""
    metriken = requests.get(f"{betreiber.betrieb_url}/metrics", timeout=5).text
    zeile = re.search(r'^msb_anfragen_total{method="POST",route="unbekannt",status="404"} (.+)$', metriken, re.M)
    return float(zeile[1]) if zeile else 0.0


def ask(betreiber, pfad, context, port="MSB_GERAETE_PORT", headers=MappingProxyType({})):
    """POST a probe; its status. TLS 1.3 refuses a client at its first read."""
    verbindung = HTTPSConnection("127.0.0.1", int(betreiber.umgebung[port]), timeout=10, context=context)
    try:
        verbindung.request(
            "POST", f"/{pfad}", body=b"probe", headers={"Content-Type": "application/cms", **headers}
        )
        return verbindung.getresponse().status
    finally:
        verbindung.close()


def client_context(betreiber, tmp_path, paar):
    context = ssl.create_default_context(cafile=betreiber.ca)
    if paar is not None:
        zertifikat, schluessel = paar
        kette = [zertifikat, load_ausgabestelle(betreiber.daten / "pki").ca.zertifikat]
        datei = tmp_path / "client.pem"
        datei.write_bytes(
            schluessel.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            + b"".join(teil.public_bytes(Encoding.PEM) for teil in kette)
        )
        context.load_cert_chain(datei)
    return context

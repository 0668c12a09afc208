"""Over real TLS: certificates are renewed, keys replaced and lost, firmware installed, and no reading is lost."""

import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner
from sqlalchemy import update

from betreiber.auth.domain import system_akteur
from betreiber.firmware.service import KATALOG_S, release_firmware
from betreiber.schluessel import ca
from betreiber.settings import Settings
from db.models import Geraeteschluessel
from db.session import create_engine, create_session
from gateway import Gateway
from gateway.auftraege import Auftraege
from gateway.fehler import OrdnerFehler
from gateway.firmware import Firmwarestand, current_firmware
from gateway.ordner import Ordner
from scripts.stammdaten import create_haushalt
from stromzaehler_sim.cli import main as stromzaehler
from tests.kanal import reihe

VON = datetime(2026, 3, 28, 23, tzinfo=UTC)
_nummern = iter(range(1, 1000))
# One operator serves all of these: they belong into one process of the test run.
pytestmark = pytest.mark.xdist_group("e2e-schluessel")


@pytest.fixture
def haushalt(betreiber, personal, ordner):
    return create_haushalt(betreiber, personal, personal, next(_nummern), VON, ordner)


class Meter:
    """An enrolled meter at its real connection, which has sent some readings already."""

    def __init__(self, ordner, gesendet):
        self.protokoll = []
        self.gateway = Gateway.open(
            ordner,
            fw=lambda: self.auftraege.fw,
            bei_quittung=lambda quittung: self.auftraege.note(quittung),
            melden=lambda code, text: self.protokoll.append((code, text)),
        )
        self.auftraege = Auftraege(
            self.gateway.ordner,
            self.gateway.versand,
            self.gateway.verbindung,
        )
        self._werte = iter(reihe(int(VON.timestamp()), 1000, [10] * 200)[gesendet:])

    def send(self):
        """Send one reading; it must be new to the operator."""
        self.gateway.puffer.put(next(self._werte))
        sendung = self.gateway.versand.send_one()
        assert (sendung.neu, self.gateway.puffer.waiting()) == (1, 0)
        return sendung


@contextmanager
def meter_in(ordner, *, gesendet=0):
    meter = Meter(ordner, gesendet)
    try:
        yield meter
    finally:
        meter.gateway.close()


@contextmanager
def database_of(betreiber):
    engine = create_engine(Settings.from_env(betreiber.umgebung).datenbank)
    try:
        with create_session(engine) as session:
            yield session
    finally:
        engine.dispose()


def client_certificate(meter):
    """The certificate that the meter shows, by its serial number."""
    return meter.gateway.ordner.load_zertifikat("tls").serial_number


def test_certificates_are_renewed_before_they_end(betreiber, haushalt):
    with meter_in(haushalt.ordner) as meter:
        assert meter.send().auftraege == ()
        with database_of(betreiber) as session:
            # As if they had been issued 671 days ago: two years without the last 59 days.
            session.execute(
                update(Geraeteschluessel)
                .where(Geraeteschluessel.stromzaehler_id == haushalt.stromzaehler_id)
                .values(gueltig_bis=datetime.now(UTC) + timedelta(days=59))
            )
            session.commit()
        erstes, epoche = client_certificate(meter), meter.gateway.puffer.epoche
        assert meter.send().auftraege == ("ZERTIFIKAT_ERNEUERN",)
        meter.auftraege.work()
        assert meter.protokoll == [("SCHLUESSEL_ERNEUERT", f"Zertifikate erneuert, Epoche {epoche + 1}.")]
        zweites = client_certificate(meter)
        assert zweites != erstes
        assert (meter.gateway.ordner.pfad / "schluessel").exists()
        assert meter.send().auftraege == ()
        # The operator has seen the new keys, so the old ones are gone, and the new ones are used from the start.
        assert not (meter.gateway.ordner.pfad / "schluessel").exists()
    with meter_in(haushalt.ordner, gesendet=3) as meter:
        meter.send()
        assert (client_certificate(meter), meter.gateway.puffer.epoche) == (zweites, epoche + 1)


def test_the_operator_replaces_its_keys_and_nobody_has_to_come(betreiber, haushalt):
    with meter_in(haushalt.ordner) as meter:
        meter.send()
        betreiber.call("pki", "betreiber-erneuern", "--vorzeitig")
        betreiber.call("neu-laden")
        # The operator takes a moment to load them; until then receipts come under the old ones.
        frist = time.monotonic() + 60
        while "CA_KETTE_HOLEN" not in meter.send().auftraege:
            assert time.monotonic() < frist
            time.sleep(0.2)
        alt = meter.gateway.ordner.load_zertifikat("betreiber_signatur").serial_number
        meter.auftraege.work()
        assert meter.protokoll == [("KETTE_ERNEUERT", "Neue Schlüssel des Betreibers übernommen.")]
        assert meter.gateway.ordner.load_zertifikat("betreiber_signatur").serial_number != alt
        assert meter.send().auftraege == ()


def test_a_meter_that_lost_its_keys_delivers_its_buffer_under_new_ones(betreiber, personal, haushalt):
    werte = reihe(int(VON.timestamp()), 1000, [10] * 3)
    with meter_in(haushalt.ordner) as meter:
        epoche = meter.gateway.puffer.epoche
        meter.gateway.puffer.put_many(werte)
    meter_ordner = Ordner(haushalt.ordner)
    meter_ordner.schluessel_datei("tls").unlink()
    meter_ordner.schluessel_datei("signatur").write_bytes(b"")
    with pytest.raises(OrdnerFehler, match="--neu --token"):
        Gateway.open(haushalt.ordner)
    token = personal.call("POST", f"/v1/stromzaehler/{haushalt.stromzaehler_id}/einschreibungstoken")["token"]
    befehl = ["einschreiben", str(haushalt.ordner), "--neu", "--token", token]
    ergebnis = CliRunner().invoke(stromzaehler, befehl)
    assert ergebnis.exit_code == 0, ergebnis.output
    assert f"{haushalt.zaehlernummer} ist eingeschrieben (Epoche {epoche + 1})." in ergebnis.output
    with meter_in(haushalt.ordner) as meter:
        bilanz = meter.gateway.versand.send_all()
        assert (bilanz.sent, bilanz.neu, meter.gateway.puffer.waiting()) == (4, 4, 0)
        assert meter.gateway.puffer.epoche == epoche + 1


def send_until(meter, bedingung):
    """Send readings until a release has reached the device process, which looks every few seconds."""
    frist = time.monotonic() + 10 * KATALOG_S
    while not bedingung():
        assert time.monotonic() < frist
        time.sleep(0.5)
        meter.send()
        meter.auftraege.work()


def test_firmware_is_installed_and_a_forged_one_refused(betreiber, personal, haushalt, tmp_path):
    modell = personal.get(f"/v1/stromzaehler/{haushalt.stromzaehler_id}")["modell"]
    meter_ordner = Ordner(haushalt.ordner)
    Firmwarestand.factory(modell).save(meter_ordner)
    bild = tmp_path / "bild.bin"
    bild.write_bytes(bytes(range(256)) * 400)
    betreiber.call("pki", "firmware-schluessel")
    freigabe = ("--modell", modell, "--version", "1.1.0", "--anteil", "100")
    betreiber.call("firmware", "freigeben", str(bild), *freigabe)
    with meter_in(haushalt.ordner) as meter:
        send_until(meter, lambda: meter.protokoll)
        assert meter.protokoll == [("FIRMWARE_AKTUALISIERT", "Firmware 1.0.0 durch 1.1.0 ersetzt.")]
        assert current_firmware(meter_ordner) == meter.auftraege.fw
        # Somebody has got into the database, but not to the key that signs.
        jetzt = datetime.now(UTC)
        fremd = ca.create_firmware(ca.create_issuing_ca(ca.create_root(jetzt), jetzt), jetzt)
        with database_of(betreiber) as session:
            release_firmware(
                session,
                system_akteur("eindringling", jetzt),
                bild=b"forged",
                modell=modell,
                version="6.6.6",
                anteil_prozent=100,
                schluessel=fremd.schluessel,
                zertifikat=fremd.zertifikat,
                echtzeit=jetzt,
            )
        send_until(meter, lambda: len(meter.protokoll) == 2)
        assert meter.protokoll[1] == (
            "FIRMWARE_ABGELEHNT",
            "Ein Zertifikat ist nicht von der festgelegten CA ausgestellt.",
        )
        assert meter.auftraege.fw.version == "1.1.0"

"""docs/schluessel.md is run from top to bottom, beside an operator and a meter that go on working."""

import os
import re
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest

from betreiber.schluessel import ablage, pki
from gateway import Gateway
from gateway.auftraege import Auftraege
from gateway.ordner import Ordner
from scripts.betreiberprozess import ApiKlient, Betreiberprozess
from scripts.stammdaten import PERSONAL, PERSONAL_PASSWORT, create_haushalt, create_staff
from tests.e2e.conftest import BILLIG
from tests.e2e.test_prozesse import wait_for
from tests.haus.quelltext import WURZEL
from tests.kanal import reihe

VON = datetime(2026, 1, 1, tzinfo=UTC)


def blocks():
    """Every block of commands, with the heading under which it stands."""
    text = (WURZEL / "docs/schluessel.md").read_text(encoding="utf-8")
    for abschnitt in re.split(r"^#+ ", text, flags=re.MULTILINE)[1:]:
        ueberschrift, _, rest = abschnitt.partition("\n")
        for block in re.findall(r"^ *```sh\n(.*?)^ *```$", rest, re.DOTALL | re.MULTILINE):
            yield ueberschrift, block


class Betrieb:
    """An operator whose keys are old enough to be replaced, and one meter."""

    def __init__(self, tmp_path):
        self.ort = tmp_path
        self.prozess = Betreiberprozess(tmp_path / "daten", BILLIG)
        self.ordner = self.prozess.daten / "pki"
        jetzt = datetime.now(UTC)
        pki.create_pki(self.ordner, ["localhost", "127.0.0.1"], jetzt - timedelta(days=200))
        pki.renew_operator(self.ordner, jetzt - timedelta(days=91))
        self.gesendet = 0

    def set_up(self):
        self.prozess.start()
        create_staff(self.prozess, PERSONAL, PERSONAL_PASSWORT, "sachbearbeitung", "wartung")
        with ApiKlient(self.prozess.url) as personal:
            personal.login(PERSONAL, PERSONAL_PASSWORT)
            self.haushalt = create_haushalt(self.prozess, personal, personal, 1, VON, self.ort / "zaehler")
            self.anmeldung = personal.authorization
        (self.ort / "bin").mkdir()
        befehl = self.ort / "bin/betreiber"
        befehl.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m betreiber.cli "$@"\n')
        befehl.chmod(0o700)

    def run(self, block):
        umgebung = self.prozess.umgebung | {
            "PATH": f"{self.ort / 'bin'}:{os.environ['PATH']}",
            "PYTHONPATH": str(WURZEL),
            "PKI": str(self.ordner),
            "WURZEL": str(self.ordner / "wurzel.key"),
            "URL": self.prozess.url,
            "PLANUNG": self.anmeldung,
            "JSON": "Content-Type: application/json",
        }
        # Where curl is shown, a refusal would pass unnoticed.
        skript = 'curl() { command curl --fail-with-body "$@"; }\n' + block
        ergebnis = subprocess.run(
            ["sh", "-eu", "-c", skript],
            cwd=self.ort, env=umgebung, capture_output=True, text=True, check=False, timeout=120,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert ergebnis.returncode == 0, f"{block}\n{ergebnis.stdout}{ergebnis.stderr}"
        return ergebnis.stdout

    def deliver(self):
        """The meter sends another reading, which is acknowledged, and does what the receipt asks of it."""
        self.gesendet += 1
        ordner = Ordner(self.haushalt.ordner)
        with Gateway.open(ordner, bei_quittung=lambda quittung: auftraege.note(quittung)) as meter:
            auftraege = Auftraege(ordner, meter.versand, meter.verbindung)
            meter.puffer.put_many(reihe(int(VON.timestamp()) + self.gesendet * 900, 1000 + self.gesendet, []))
            meter.versand.send_all(versuche=100, pause=lambda _sekunden: time.sleep(0.1) or False)
            assert meter.puffer.waiting() == 0
            auftraege.work()

    def learns_the_newest_set(self):
        """The meter sends until it has heard of the newest Betreibersatz."""
        neuester = ablage.load_saetze(self.ordner)[0].signatur.zertifikat

        def knows():
            self.deliver()
            return Ordner(self.haushalt.ordner).load_zertifikat("betreiber_signatur") == neuester

        wait_for(knows)


@pytest.fixture
def betrieb(tmp_path):
    betrieb = Betrieb(tmp_path)
    betrieb.set_up()
    yield betrieb
    betrieb.prozess.stop()


def test_the_guide_works(betrieb):
    betrieb.deliver()
    vorher = {
        "betreiber pki betreiber-ablegen": betrieb.learns_the_newest_set,
        'mv "$PKI" "$PKI.alt"': betrieb.prozess.stop,
        "sqlite3 ": betrieb.prozess.start,
    }
    gelaufen, ausgabe = [], {}
    for ueberschrift, block in blocks():
        befehl = block.strip()
        for anfang, tun in vorher.items():
            if befehl.startswith(anfang):
                tun()
        ausgabe[ueberschrift] = betrieb.run(block)
        gelaufen.append(ueberschrift)
        # Whatever was replaced: the meter that was there before goes on, until the root is another one.
        if "Root" not in gelaufen:
            betrieb.deliver()
    assert gelaufen.count("Root") == 2
    assert {"Issuing CA", "Firmware", "A lost key", "Backup"} <= set(gelaufen)
    assert "1SIM0000000001," in (betrieb.ort / "tokens.csv").read_text(encoding="utf-8")
    assert '"gesperrt_zeitpunkt"' in ausgabe["A stolen meter"]
    assert '"gesperrt_zeitpunkt":null' not in ausgabe["A stolen meter"]

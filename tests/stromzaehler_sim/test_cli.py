"""The command ``stromzaehler`` as a user meets it: over real TLS sockets, in German, without stack traces."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from stromzaehler_sim.cli import main
from stromzaehler_sim.last.lastprofil import LastprofilEinstellung
from stromzaehler_sim.stoerung import Eingriffsart
from stromzaehler_sim.zaehlwerk import Zaehlwerk, zaehlwerk_datei
from tests.gateway.betreiber_fake import MONTAG, FakeBetreiber, pem
from tests.gateway.tls_server import TlsServer, http, server_context


class Betrieb:
    """A fake operator behind a real TLS socket that serves both addresses."""

    def __init__(self, pfad: Path) -> None:
        self.pfad = pfad
        self.gesperrt = b""
        self.betreiber = FakeBetreiber()
        (pfad / "ca.pem").write_bytes(pem(self.betreiber.wurzel))
        self.server = TlsServer(server_context(pfad, self.betreiber), self.answer)
        self.basis = self.server.url.removesuffix("/geraete/v1/telegramme")
        self.umgebung = {"MSB_UHR_START": "2026-03-02T00:00:00Z", "MSB_UHR_BEZUG": "", "MSB_UHR_FAKTOR": ""}

    def answer(self, anfrage: bytes) -> bytes:
        kopf, _, body = anfrage.partition(b"\r\n\r\n")
        if kopf.startswith(b"POST /geraete/v1/einschreibung "):
            return http("200 OK", self.betreiber.enroll(body).to_bytes(), "Content-Type: application/cbor")
        assert kopf.startswith(b"POST /geraete/v1/telegramme ")
        if self.gesperrt:
            return http("403 Forbidden", self.gesperrt, "Content-Type: application/problem+json")
        return http("200 OK", self.betreiber.answer(body).body, "Content-Type: application/cms")

    def call(self, *argumente: str | Path) -> Result:
        # Real time at the moment of the call is Monday midnight: no test waits for a quarter hour.
        umgebung = self.umgebung | {"MSB_UHR_BEZUG": datetime.now(UTC).isoformat()}
        return CliRunner(env=umgebung).invoke(main, [str(a) for a in argumente])

    def enrol(self, ordner: Path, *mehr: str, basis: str | None = None) -> Result:
        return self.call(
            *("einschreiben", ordner, "--zaehler", "1EMH0012345678", "--token", "T", "--ca", self.pfad / "ca.pem"),
            *("--einschreibung-url", basis or self.basis, "--telegramm-url", basis or self.basis),
            *mehr,
        )


def start_befehl(ordner: Path, *, faktor: int) -> tuple[list[str], dict[str, str]]:
    """`stromzaehler start` in a process of its own, from Monday midnight on, and its environment."""
    befehl = [sys.executable, "-u", "-c", "from stromzaehler_sim.cli import main; main()", "start", str(ordner)]
    return befehl, os.environ | {
        "MSB_UHR_START": "2026-03-02T00:00:00Z",
        "MSB_UHR_BEZUG": datetime.now(UTC).isoformat(),
        "MSB_UHR_FAKTOR": str(faktor),
    }


def start(ordner: Path, *, faktor: int) -> subprocess.Popen[str]:
    befehl, umgebung = start_befehl(ordner, faktor=faktor)
    return subprocess.Popen(befehl, env=umgebung, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.fixture
def betrieb(tmp_path: Path) -> Iterator[Betrieb]:
    betrieb = Betrieb(tmp_path)
    with betrieb.server:
        yield betrieb


def test_a_life_from_enrolment_to_display(betrieb: Betrieb, tmp_path: Path) -> None:
    ordner = tmp_path / "z1"
    ergebnis = betrieb.enrol(ordner, "--seed", "5", "--jahresverbrauch", "3650")
    assert ergebnis.exit_code == 0, ergebnis.output
    assert f"stromzaehler start {ordner}" in ergebnis.output
    # Repeating changes nothing, neither the keys nor the load.
    noch_einmal = betrieb.enrol(ordner)
    assert (noch_einmal.exit_code, "war schon eingeschrieben" in noch_einmal.output) == (0, True)
    assert "--neu" in noch_einmal.output
    assert (LastprofilEinstellung.load(ordner).seed, len(betrieb.betreiber.einschreibungen)) == (5, 1)

    ergebnis = betrieb.call("historie", ordner, "--von", "2026-02-20T00:00:00Z", "--bis", "2026-03-02T00:00:00Z")
    assert ergebnis.exit_code == 0, ergebnis.output
    assert "961 Messwerte geliefert: 961 neu, 0 doppelt, 0 in Quarantäne." in ergebnis.output
    assert min(betrieb.betreiber.gespeichert) == MONTAG - 10 * 86400

    ergebnis = betrieb.call("sende", ordner)
    assert (ergebnis.exit_code, ergebnis.output) == (0, "Es wartet nichts.\n")

    ergebnis = betrieb.call("display", ordner, "--einmal")
    assert ergebnis.exit_code == 0, ergebnis.output
    kwh = max(wert.bezug_wh for wert in betrieb.betreiber.gespeichert.values()) // 1000
    assert ergebnis.output.splitlines()[0] in (f"1.8.0  {kwh:06d} kWh", "2.8.0  000000 kWh")
    assert "0 wartend" in ergebnis.output


def test_a_series_drives_the_meter(betrieb: Betrieb, tmp_path: Path) -> None:
    reihe = tmp_path / "reihe.csv"
    reihe.write_text("t,a\n2026-03-01T23:30:00Z,12\n2026-03-01T23:45:00Z,30\n")
    ergebnis = betrieb.enrol(tmp_path / "z1", "--messreihe", str(reihe), "--spalte", "a")
    assert ergebnis.exit_code == 0, ergebnis.output
    ergebnis = betrieb.call("historie", tmp_path / "z1", "--von", "2026-03-01T23:30:00Z")
    assert ergebnis.exit_code == 0, ergebnis.output
    werte = [wert.bezug_wh for _, wert in sorted(betrieb.betreiber.gespeichert.items())]
    assert werte == [0, 12, 42]


def test_start_sends_and_ends_cleanly_on_sigterm(betrieb: Betrieb, tmp_path: Path) -> None:
    ordner = tmp_path / "z1"
    assert betrieb.enrol(ordner).exit_code == 0
    with start(ordner, faktor=900) as kind:
        assert kind.stdout is not None
        zeilen = [kind.stdout.readline() for _ in range(3)]
        # While it runs, a second one is told so, and the display may look.
        zweiter = betrieb.call("start", ordner)
        anzeige = betrieb.call("display", ordner, "--einmal")
        kind.send_signal(signal.SIGTERM)
        rest = kind.stdout.read()
    assert "1 Zähler läuft" in zeilen[0]
    assert "1EMH0012345678" in zeilen[1]
    assert "gesendet" in zeilen[1]
    assert (zweiter.exit_code, "anderen Prozess" in zweiter.output) == (1, True)
    assert anzeige.exit_code == 0, anzeige.output
    assert rest.endswith("Alle Zähler sind sauber beendet.\n")
    assert kind.returncode == 0


@pytest.mark.parametrize(
    ("argumente", "text"),
    [
        (["start", "{leer}"], "stromzaehler einschreiben"),
        (["display", "{leer}", "--einmal"], "stromzaehler einschreiben"),
        (["sende", "{leer}"], "stromzaehler einschreiben"),
        (["sim", "zeigen", "{leer}"], "stromzaehler einschreiben"),
        (["sim", "entnehmen", "{leer}"], "stromzaehler einschreiben"),
        (["sim", "pin", "{leer}", "1234"], "stromzaehler einschreiben"),
        (["historie", "{leer}", "--von", "2026-01-01T00:00:00"], "Zeitzone"),
        (["historie", "{leer}", "--von", "gestern"], "Zeitpunkt"),
    ],
)
def test_errors_say_what_to_do_next(betrieb: Betrieb, tmp_path: Path, argumente: list[str], text: str) -> None:
    (tmp_path / "leer").mkdir()
    ergebnis = betrieb.call(*(argument.format(leer=tmp_path / "leer") for argument in argumente))
    assert ergebnis.exit_code == 1
    assert ergebnis.output.startswith("Fehler: ")
    assert text in ergebnis.output
    assert "Traceback" not in ergebnis.output


@pytest.mark.parametrize(
    ("mehr", "text"),
    [
        (["--zaehler", "12"], "Zählernummer"),
        (["--fingerabdruck", "00"], "Fingerabdruck"),
        (["--einschreibung-url", "http://localhost:1"], "https"),
        (["--pv-kwp", "nan"], "PV-Leistung"),
        (["--messreihe", "{ca}"], "--spalte"),
        (["--messreihe", "{ca}", "--spalte", "x"], "Spalte"),
    ],
)
def test_bad_enrolment_leaves_no_enrolled_folder(
    betrieb: Betrieb, tmp_path: Path, mehr: list[str], text: str
) -> None:
    ergebnis = betrieb.enrol(tmp_path / "z1", *(wort.format(ca=tmp_path / "ca.pem") for wort in mehr))
    assert ergebnis.exit_code == 1, ergebnis.output
    assert text in ergebnis.output
    assert not (tmp_path / "z1" / "gateway.json").exists()
    assert betrieb.server.anfragen == []


def test_an_operator_that_is_away_loses_nothing(betrieb: Betrieb, tmp_path: Path) -> None:
    ergebnis = betrieb.enrol(tmp_path / "z1", basis="https://localhost:1")
    assert ergebnis.exit_code == 1
    assert "nicht erreichbar" in ergebnis.output
    assert "läuft der Betreiber?" in ergebnis.output


# --- faults and log --------------------------------------------------------------------------------------------
def test_a_running_meter_notices_what_is_done_to_it(betrieb: Betrieb, tmp_path: Path) -> None:
    ordner = tmp_path / "z1"
    assert betrieb.enrol(ordner).exit_code == 0
    ergebnis = betrieb.call("protokoll", ordner)
    assert (ergebnis.exit_code, ergebnis.output) == (0, "Das Protokoll ist leer.\n")
    with start(ordner, faktor=900) as kind:
        assert kind.stdout is not None
        for _ in range(2):
            kind.stdout.readline()
        ergebnis = betrieb.call("stoere", ordner, "deckel-auf", "--dauer", "15m")
        assert ergebnis.exit_code == 0, ergebnis.output
        while "Protokoll gesendet" not in kind.stdout.readline():
            pass
        kind.send_signal(signal.SIGTERM)
        kind.stdout.read()
    assert "GEHAEUSE_OFFEN" in [meldung.code for meldung in betrieb.betreiber.meldungen]
    ergebnis = betrieb.call("protokoll", ordner)
    assert "GEHAEUSE_OFFEN         Der Klemmendeckel wurde geöffnet." in ergebnis.output


def test_a_meter_that_was_removed_ends_without_an_error(betrieb: Betrieb, tmp_path: Path) -> None:
    ordner = tmp_path / "z1"
    assert betrieb.enrol(ordner).exit_code == 0
    betrieb.gesperrt = b'{"code": "gesperrt", "zustand": "AUSGEBAUT"}'
    # It asks again a day later, and only then it believes: that is a few seconds.
    befehl, umgebung = start_befehl(ordner, faktor=36000)
    ergebnis = subprocess.run(befehl, env=umgebung, capture_output=True, text=True, timeout=60, check=False)
    assert ergebnis.returncode == 0, ergebnis.stdout
    assert re.search(r"führt diesen Zähler nicht mehr\. \d+ Messwerte bleiben im Ordner", ergebnis.stdout)
    assert ergebnis.stderr == ""


@pytest.mark.parametrize(
    ("argumente", "text"),
    [
        (["phase-weg"], "L1, L2 oder L3"),
        (["phase-da", "L4"], "L1, L2 oder L3"),
        (["uhr-versatz"], "ganze Sekunden"),
        (["uhr-versatz", "1.5"], "ganze Sekunden"),
        (["uhr-gang", "schnell"], "ganze ppm"),
        (["deckel-auf", "weit"], "braucht keine Angabe"),
        (["wiederkehr", "--dauer", "1h"], "hat keine Dauer"),
        (["stromausfall", "--dauer", "bald"], "90s, 15m, 2h, 3d"),
        (["blitz"], "stromausfall"),
    ],
)
def test_a_fault_that_makes_no_sense_is_explained(
    betrieb: Betrieb, tmp_path: Path, argumente: list[str], text: str
) -> None:
    assert betrieb.enrol(tmp_path / "z1").exit_code == 0
    ergebnis = betrieb.call("stoere", tmp_path / "z1", *argumente)
    assert ergebnis.exit_code == 2
    assert text in ergebnis.output


@pytest.mark.parametrize(
    ("argumente", "eingriff"),
    [
        (["uhr-versatz", "-20"], (Eingriffsart.UHR_VERSATZ, -20, None)),
        (["uhr-gang", "+50"], (Eingriffsart.UHR_GANG, 50, None)),
        (["phase-weg", "L3", "--dauer", "2h"], (Eingriffsart.PHASE_WEG, 3, 7200)),
        (["stromausfall", "--dauer", "3d"], (Eingriffsart.STROMAUSFALL, None, 259_200)),
        (["uhr-verlust"], (Eingriffsart.UHR_VERLUST, None, None)),
    ],
)
def test_a_fault_lies_in_the_inbox_of_a_meter_that_does_not_run(
    betrieb: Betrieb, tmp_path: Path, argumente: list[str], eingriff: tuple[Eingriffsart, int | None, int | None]
) -> None:
    assert betrieb.enrol(tmp_path / "z1").exit_code == 0
    ergebnis = betrieb.call("stoere", tmp_path / "z1", *argumente)
    assert ergebnis.exit_code == 0, ergebnis.output
    assert f"stromzaehler protokoll {tmp_path / 'z1'}" in ergebnis.output
    with Zaehlwerk(zaehlwerk_datei(tmp_path / "z1"), None) as zaehlwerk:
        erster = zaehlwerk.stoerungen.first()
    assert erster is not None
    assert erster[1] == eingriff

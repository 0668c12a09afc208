"""``stromzaehler flotte`` as a user meets it: over real TLS sockets, in German, without stack traces."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from stromzaehler_sim.cli import main
from stromzaehler_sim.last.lastprofil import LastprofilEinstellung
from stromzaehler_sim.uhr import Uhr
from tests.gateway.betreiber_fake import pem
from tests.gateway.tls_server import TlsServer, http, server_context
from tests.stromzaehler_sim.flotte.welt import FAKTOR, Operator

NUMMERN = ["1SIM0000000001", "1SIM0000000002", "1SIM0000000003"]


class Betrieb:
    """A fake operator behind a real TLS socket, on a clock that runs fast for both sides."""

    def __init__(self, pfad: Path) -> None:
        self.pfad = pfad
        self.umgebung = {
            "MSB_UHR_START": "2026-03-02T00:00:00Z",
            "MSB_UHR_BEZUG": datetime.now(UTC).isoformat(),
            "MSB_UHR_FAKTOR": str(FAKTOR),
        }
        self.betreiber = Operator(Uhr.from_env(self.umgebung))
        (pfad / "ca.pem").write_bytes(pem(self.betreiber.wurzel))
        self.tokens = pfad / "tokens.csv"
        self.tokens.write_text("zaehlernummer,token\n" + "".join(f"{nummer},T\n" for nummer in NUMMERN))
        self.server = TlsServer(server_context(pfad, self.betreiber), self.answer)

    def answer(self, anfrage: bytes) -> bytes:
        kopf, _, body = anfrage.partition(b"\r\n\r\n")
        if kopf.startswith(b"POST /geraete/v1/einschreibung "):
            return http("200 OK", self.betreiber.enroll(body).to_bytes(), "Content-Type: application/cbor")
        return http("200 OK", self.betreiber.answer(body).body, "Content-Type: application/cms")

    @property
    def zugang(self) -> list[str]:
        basis = self.server.url.removesuffix("/geraete/v1/telegramme")
        urls = ["--einschreibung-url", basis, "--telegramm-url", basis]
        return [*urls, "--ca", str(self.pfad / "ca.pem"), "--tokens", str(self.tokens)]

    def call(self, *argumente: str) -> Result:
        return CliRunner(env=self.umgebung).invoke(main, ["flotte", str(self.pfad / "flotte"), *argumente])


@pytest.fixture
def betrieb(tmp_path: Path) -> Iterator[Betrieb]:
    betrieb = Betrieb(tmp_path)
    with betrieb.server:
        yield betrieb


def test_a_fleet_from_its_tokens_to_its_summary(betrieb: Betrieb) -> None:
    datei = betrieb.pfad / "z.json"
    ergebnis = betrieb.call("--dauer", "2h", "--zeitraffer", str(FAKTOR), "--json", str(datei), *betrieb.zugang)
    assert ergebnis.exit_code == 0, ergebnis.output
    assert "3 Zähler laufen; Strg-C beendet." in ergebnis.output
    zusammenfassung = json.loads(datei.read_text())
    gespeichert = sum(map(len, betrieb.betreiber.je_zaehler.values()))
    assert gespeichert >= 3 * 9
    assert (zusammenfassung["neu"], zusammenfassung["wartend"], zusammenfassung["zaehler"]) == (gespeichert, 0, 3)
    assert zusammenfassung["bytes_netz"] > zusammenfassung["bytes_hin"] + zusammenfassung["bytes_zurueck"] > 0
    haushalte = {LastprofilEinstellung.load(betrieb.pfad / "flotte" / nummer) for nummer in NUMMERN}
    assert len(haushalte) == 3

    # Once more: nobody is enrolled again, and it goes on where it was.
    ergebnis = betrieb.call("--dauer", "1h", "--anzahl", "2", "--verbindungen", "0", *betrieb.zugang)
    assert ergebnis.exit_code == 0, ergebnis.output
    assert "2 Zähler laufen" in ergebnis.output
    assert "Messwerte wartend       0" in ergebnis.output
    assert len(betrieb.betreiber.einschreibungen) == 3
    assert betrieb.betreiber.quarantaene == []


def test_only_as_many_are_enrolled_as_are_wanted(betrieb: Betrieb) -> None:
    ergebnis = betrieb.call("--dauer", "30m", "--anzahl", "2", *betrieb.zugang)
    assert ergebnis.exit_code == 0, ergebnis.output
    assert len(betrieb.betreiber.einschreibungen) == 2


def test_ctrl_c_ends_it_cleanly(betrieb: Betrieb) -> None:
    befehl = [sys.executable, "-u", "-c", "from stromzaehler_sim.cli import main; main()"]
    with subprocess.Popen(
        [*befehl, "flotte", str(betrieb.pfad / "flotte"), *betrieb.zugang],
        env=os.environ | betrieb.umgebung,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as kind:
        assert kind.stdout is not None
        assert "laufen" in kind.stdout.readline()
        kind.send_signal(2)
        ausgabe = kind.stdout.read()
    assert kind.returncode == 0
    assert "Telegramme bestätigt" in ausgabe
    assert all((betrieb.pfad / "flotte" / nummer / "zaehlwerk.sqlite").exists() for nummer in NUMMERN)


def test_a_clock_of_its_own_is_refused_with_the_settings_for_both(betrieb: Betrieb) -> None:
    ergebnis = betrieb.call("--zeitraffer", "300")
    assert ergebnis.exit_code == 1
    assert f"--zeitraffer 300, aber die Uhr läuft {FAKTOR:g}-fach" in ergebnis.output
    assert "export MSB_UHR_START=" in ergebnis.output
    assert "MSB_UHR_FAKTOR=300" in ergebnis.output


def test_too_few_meters_are_said_so(betrieb: Betrieb) -> None:
    ergebnis = betrieb.call("--anzahl", "4", *betrieb.zugang)
    assert ergebnis.exit_code == 1
    assert "sind 3 Zähler eingeschrieben, nicht 4" in ergebnis.output
    assert "betreiber pki token" in ergebnis.output


def test_an_empty_folder_is_said_so(tmp_path: Path) -> None:
    ergebnis = CliRunner().invoke(main, ["flotte", str(tmp_path / "leer")])
    assert ergebnis.exit_code == 1
    assert "nicht mindestens einer" in ergebnis.output


@pytest.mark.parametrize(
    ("text", "grund"),
    [
        ("", "zaehlernummer,token"),
        ("zaehlernummer\n1SIM0000000001\n", "zaehlernummer,token"),
        ("zaehlernummer,token\n1SIM0000000001,\n", "Zeile 2"),
        ("zaehlernummer,token\n1SIM0000000001,T\n1SIM0000000001,T\n", "Zeile 3"),
        ("zaehlernummer,token\nfoo,T\n", "Zeile 2"),
        ("zaehlernummer,token\n1SIM0000000001\n", "Zeile 2"),
    ],
)
def test_a_bad_list_of_tokens_names_the_line(betrieb: Betrieb, text: str, grund: str) -> None:
    betrieb.tokens.write_text(text)
    ergebnis = betrieb.call(*betrieb.zugang)
    assert ergebnis.exit_code == 1
    assert grund in ergebnis.output
    assert betrieb.betreiber.einschreibungen == []


def test_tokens_need_addresses(betrieb: Betrieb) -> None:
    ergebnis = betrieb.call("--tokens", str(betrieb.tokens))
    assert ergebnis.exit_code == 2
    assert "--einschreibung-url, --telegramm-url und --ca" in ergebnis.output


def test_who_could_not_be_enrolled_is_named(betrieb: Betrieb) -> None:
    argumente = [teil if "https" not in teil else "https://localhost:1" for teil in betrieb.zugang]
    ergebnis = betrieb.call(*argumente)
    assert ergebnis.exit_code == 1
    assert "3 von 3 Zählern sind nicht eingeschrieben, z. B. 1SIM" in ergebnis.output


@pytest.mark.parametrize("dauer", ["", "1", "1w", "h", "-1h"])
def test_durations_are_explained(tmp_path: Path, dauer: str) -> None:
    ergebnis = CliRunner().invoke(main, ["flotte", str(tmp_path), f"--dauer={dauer}"])
    assert ergebnis.exit_code == 2
    assert "Beispiele: 30m, 6h, 1d" in ergebnis.output


def test_a_fleet_too_large_for_the_open_files_is_said_so(betrieb: Betrieb) -> None:
    assert betrieb.call("--dauer", "15m", *betrieb.zugang).exit_code == 0
    befehl = [sys.executable, "-c", "from stromzaehler_sim.cli import main; main()", "flotte"]
    ergebnis = subprocess.run(
        [*befehl, str(betrieb.pfad / "flotte"), "--dauer", "15m"],
        env=os.environ | betrieb.umgebung,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (150, 150)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ergebnis.returncode == 1
    assert "offene Dateien, erlaubt sind 150" in ergebnis.stderr
    assert "Traceback" not in ergebnis.stderr


def test_fewer_open_files_mean_fewer_open_connections(betrieb: Betrieb) -> None:
    assert betrieb.call("--dauer", "15m", *betrieb.zugang).exit_code == 0
    befehl = [sys.executable, "-c", "from stromzaehler_sim.cli import main; main()", "flotte"]
    ergebnis = subprocess.run(
        [*befehl, str(betrieb.pfad / "flotte"), "--dauer", "15m", "--faeden", "1"],
        env=os.environ | betrieb.umgebung,
        # Three locks, a thread, 200 for the rest: two connections and one descriptor are left.
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (100, 210)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ergebnis.returncode == 0, ergebnis.stderr
    assert "lässt nur 2 offene Verbindungen zu" in ergebnis.stderr

"""`betreiber bestand importieren`: what a clerk sees and gets, and what is left when it is killed."""

import csv
import os
import re
import signal
import subprocess
import sys

import pytest
from click.testing import CliRunner

from betreiber.cli import main
from tests.bestand.hilfen import ALLES, KUNDE, as_csv, counted, stored, viele


@pytest.fixture
def umgebung(datenbank, tmp_path):
    return {
        "MSB_DATABASE_URL": datenbank,
        "MSB_DATEN": str(tmp_path / "daten"),
        "MSB_UHR_START": "2026-06-15T10:00:00Z",
    }


@pytest.fixture
def ordner(tmp_path):
    return tmp_path / "altbestand"


@pytest.fixture
def write(ordner):
    """Write these files into the folder."""

    def write(**dateien):
        ordner.mkdir(exist_ok=True)
        for name, inhalt in dateien.items():
            roh = as_csv(inhalt).encode() if isinstance(inhalt, list) else inhalt
            (ordner / f"{name}.csv").write_bytes(roh)

    return write


@pytest.fixture
def call(umgebung):
    def call(*argumente):
        return CliRunner(env=umgebung).invoke(main, ["bestand", "importieren", *map(str, argumente)])

    return call


def numbers(ausgabe):
    """What is printed, without how long it took."""
    return re.sub(r"Zeilen in .*", "Zeilen", ausgabe).splitlines()


def test_a_folder_is_tried_then_taken_in_then_known(call, write, ordner, engine, tarif):
    write(**ALLES)
    vorher = stored(engine)
    ergebnis = call("--probe", ordner)
    assert (ergebnis.exit_code, numbers(ergebnis.stdout)) == (
        0,
        [
            f"{name}.csv: Probe, nichts gespeichert: 1 angelegt, 0 geändert, 0 unverändert, 0 abgelehnt."
            for name in ("kunden", "messstellen", "stromzaehler", "vertraege")
        ]
        + ["4 Zeilen"],
    )
    assert stored(engine) == vorher
    assert "kunden.csv: 1 angelegt, 0 geändert, 0 unverändert" in call(ordner).stdout
    assert counted(engine)["vertrag"] == 1
    assert "vertraege.csv: war schon eingelesen." in call("--fortsetzen", ordner).stdout
    assert re.search(r"4 Zeilen in [0-9.]+ s: [0-9]+ Zeilen je Sekunde\.", call(ordner).stdout)


def test_the_report_has_every_line_and_no_formula(call, write, ordner, tmp_path, engine):
    write(kunden=[KUNDE, KUNDE | {"kundennummer": "=1+1"}])
    ergebnis = call("--bericht", tmp_path / "bericht.csv", ordner / "kunden.csv")
    assert ergebnis.exit_code == 1
    assert "kunden.csv, Zeile 3: kundennummer: 3 bis 20 Großbuchstaben" in ergebnis.stderr
    with (tmp_path / "bericht.csv").open(encoding="utf-8", newline="") as datei:
        zeilen = list(csv.reader(datei, delimiter=";"))
    assert zeilen == [
        ["zeile", "datei", "ergebnis", "feld", "code", "meldung"],
        ["2", "kunden.csv", "ANGELEGT", "", "", ""],
        [
            "3",
            "kunden.csv",
            "ABGELEHNT",
            "kundennummer",
            "eingabe_ungueltig",
            "kundennummer: 3 bis 20 Großbuchstaben, Ziffern oder Bindestriche.",
        ],
    ]


def test_ten_refused_lines_are_shown_and_what_is_stored_otherwise_is_counted(call, write, ordner):
    write(kunden=[KUNDE])
    call(ordner)
    write(kunden=[KUNDE | {"name": "Jemand anderes"}, *[KUNDE | {"art": ""}] * 12])
    ergebnis = call(ordner)
    assert numbers(ergebnis.stdout) == [
        "kunden.csv: 0 angelegt, 0 geändert, 1 unverändert, 12 abgelehnt.",
        "kunden.csv: in 1 Zeilen ist anderes gespeichert, und das blieb.",
        "13 Zeilen",
    ]
    gezeigt = re.findall(r"kunden\.csv, Zeile ([0-9]+): art: Pflichtfeld fehlt\.", ergebnis.stderr)
    assert gezeigt == [str(nummer) for nummer in range(3, 13)]
    assert "... und 2 weitere: alle stehen im Bericht (--bericht)." in ergebnis.stderr


def test_a_file_with_refused_lines_was_not_taken_in(call, write, ordner):
    write(kunden=[KUNDE, KUNDE | {"art": ""}])
    assert call(ordner).exit_code == 1
    ergebnis = call("--fortsetzen", ordner)
    assert (ergebnis.exit_code, numbers(ergebnis.stdout)) == (
        1,
        ["kunden.csv: 0 angelegt, 0 geändert, 1 unverändert, 1 abgelehnt.", "2 Zeilen"],
    )
    assert "kunden.csv, Zeile 3: art: Pflichtfeld fehlt." in ergebnis.stderr


def test_a_file_name_cannot_become_a_formula(call, ordner, tmp_path):
    """The name of a file begins with what it is; what is told of a line is ours."""
    ordner.mkdir()
    (ordner / "=kunden.csv").write_bytes(as_csv([KUNDE]).encode())
    ergebnis = call("--bericht", tmp_path / "bericht.csv", ordner)
    assert (ergebnis.exit_code, ergebnis.stdout) == (1, "")
    assert "Fehler: =kunden.csv: Der Name sagt nicht, was darin steht" in ergebnis.stderr


@pytest.mark.parametrize(
    ("inhalt", "text"),
    [
        (b"PK\x03\x04\0", "Die erste Zeile ist keine Kopfzeile in UTF-8"),
        (as_csv([KUNDE]).encode("utf-16"), "Die Datei ist UTF-16"),
        (b"name;art", "In der Kopfzeile fehlt: hausnummer, kundennummer"),
    ],
)
def test_a_file_that_cannot_be_used_is_a_sentence_and_none_is_taken_in(call, write, ordner, engine, inhalt, text):
    write(**ALLES)
    write(vertraege=inhalt, kunden=[KUNDE])
    (ordner / "vertraege.csv").rename(ordner / "kunden-2.csv")
    ergebnis = call(ordner)
    assert (ergebnis.exit_code, ergebnis.stdout) == (1, "")
    assert f"Fehler: kunden-2.csv: {text}" in ergebnis.stderr
    assert counted(engine) == {}


def test_an_empty_folder_and_no_folder(call, ordner):
    ordner.mkdir()
    ergebnis = call(ordner)
    assert (ergebnis.exit_code, "steht keine Datei .csv" in ergebnis.stderr) == (1, True)
    assert call(ordner / "fehlt").exit_code == 2


# Dies like a process that is killed, between the second batch of a file and its commit.
_STERBEN = """
import os, signal, sys
from betreiber.auth.domain import system_akteur
from betreiber.bestand.service import Auftrag, import_bestand
from betreiber.cli.bestand import list_files, open_dateien
from betreiber.settings import Settings
from db.session import create_engine, create_session
from pathlib import Path

settings = Settings.from_env(os.environ)
stapel = 0

def report(zeilen):
    global stapel
    stapel += 1
    if stapel == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)

with open_dateien(list_files([Path(sys.argv[1])])) as dateien:
    with create_session(create_engine(settings.datenbank)) as session:
        akteur = system_akteur("befehlszeile", settings.uhr.now())
        auftrag = Auftrag(stapel_zeilen=10)
        import_bestand(session, akteur, dateien, auftrag, report=report, progress=lambda *_: None)
"""


@pytest.mark.parametrize("weiter", [["--fortsetzen"], []])
def test_a_run_that_was_killed_goes_on_to_the_same_end(call, write, ordner, umgebung, engine, weiter):
    write(**viele(15))
    # Two batches of customers, one and a half of places.
    tot = subprocess.run(
        [sys.executable, "-c", _STERBEN, str(ordner), "4"], env=os.environ | umgebung, timeout=120, check=False
    )
    assert tot.returncode == -signal.SIGKILL
    assert counted(engine)["kunde"] == 15
    assert counted(engine)["messstelle"] == 10
    assert "stromzaehler" not in counted(engine)
    ergebnis = call(*weiter, ordner)
    assert ergebnis.exit_code == 0, ergebnis.output
    # What one run leaves, by hand: per customer, place and meter their rows, and an audit row a file at its end.
    # A file that was read to its end is told a second time, unless the run goes on behind it.
    dateien = 3 if weiter else 4
    assert counted(engine) == {
        "kunde": 15,
        "messstelle": 15,
        "stromzaehler": 15,
        "einbau": 15,
        "kunde_stromzaehler": 15,
        "wartung": 15,
        "ereignis": 30,
        # kunde, messstelle, and of a meter: itself, Einbau, state, Wartung, assignment.
        "audit": 7 * 15 + dateien,
    }
    assert len({zeile[0] for zeile in stored(engine)["kunde"]}) == 15

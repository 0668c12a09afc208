"""`betreiber ablesungen importieren`: what a clerk sees and gets."""

import csv
import os

import pytest
from click.testing import CliRunner

from betreiber.cli import main
from db.session import create_engine
from tests.ablesungen import stored
from tests.hilfen import FesteUhr, Welt
from tests.importlauf.hilfen import NUMMER, energien, mscons, mscons_werte, staende

MAI = "2026-05-01T00:00:00+02:00"


@pytest.fixture
def engine(sqlite_url):
    engine = create_engine(sqlite_url)
    yield engine
    engine.dispose()


@pytest.fixture
def zaehler(engine):
    return Welt(engine, FesteUhr()).stromzaehler(zaehlernummer=NUMMER)


@pytest.fixture
def call(sqlite_url, tmp_path):
    """Write this text into a file and call the command with it; the clock stands in November 2026."""
    umgebung = {
        "MSB_DATABASE_URL": sqlite_url,
        "MSB_DATEN": str(tmp_path),
        "MSB_UHR_START": "2026-11-20T00:00:00Z",
    }

    def call(inhalt, *argumente, name="datei.csv"):
        datei = tmp_path / name
        datei.write_bytes(inhalt if isinstance(inhalt, bytes) else inhalt.encode())
        return CliRunner(env=umgebung).invoke(main, ["ablesungen", "importieren", str(datei), *argumente])

    return call


def test_a_file_is_tried_then_taken_in_then_known(call, engine, zaehler):
    datei = staende(MAI, [1000, 1010])
    ergebnis = call(datei, "--probelauf")
    assert (ergebnis.exit_code, ergebnis.stdout) == (
        0,
        "datei.csv (CSV): Probelauf, nichts gespeichert: 2 neu, 0 doppelt, 0 abgelehnt.\n",
    )
    assert stored(engine, zaehler) == {}
    assert call(datei).stdout == "datei.csv (CSV): 2 neu, 0 doppelt, 0 abgelehnt.\n"
    assert len(stored(engine, zaehler)) == 2
    assert call(datei).stdout == "datei.csv: war schon eingelesen; --erneut liest die Datei noch einmal.\n"
    assert call(datei, "--erneut").stdout == "datei.csv (CSV): 0 neu, 2 doppelt, 0 abgelehnt.\n"


def test_the_report_has_every_line_and_no_formula(call, zaehler, tmp_path):
    datei = staende(MAI, [1000, 900]) + "\n=cmd|' /C calc'!A0;2026-05-01T00:00:00Z;1;0\n"
    ergebnis = call(datei, "--bericht", str(tmp_path / "bericht.csv"))
    assert (ergebnis.exit_code, ergebnis.stdout) == (1, "datei.csv (CSV): 1 neu, 0 doppelt, 2 abgelehnt.\n")
    assert "datei.csv, Zeile 3: RUECKLAUF. Das Zählwerk liefe" in ergebnis.stderr
    with (tmp_path / "bericht.csv").open(encoding="utf-8", newline="") as datei:
        zeilen = list(csv.DictReader(datei, delimiter=";"))
    assert [(zeile["zeile"], zeile["ergebnis"], zeile["messzeitpunkt"]) for zeile in zeilen] == [
        ("2", "NEU", "2026-04-30T22:00:00Z"),
        ("3", "RUECKLAUF", "2026-04-30T22:15:00Z"),
        ("5", "ABGEWIESEN", ""),
    ]
    assert zeilen[2]["ort"] == "'=cmd|' /C calc'!A0"
    assert all(zeile["hinweis"] for zeile in zeilen[1:])


def test_a_report_goes_on_and_overwrites_nothing(call, zaehler, tmp_path):
    bericht = tmp_path / "bericht.csv"
    for werte in ([1000], [1000, 1010]):
        assert call(staende(MAI, werte), "--bericht", str(bericht)).exit_code == 0
    assert [zeile.split(";")[4] for zeile in bericht.read_text(encoding="utf-8").splitlines()] == [
        "ergebnis",
        "NEU",
        "DOPPELT",
        "NEU",
    ]
    bericht.write_text("etwas anderes")
    ergebnis = call(staende(MAI, [1000]), "--bericht", str(bericht))
    assert (ergebnis.exit_code, bericht.read_text()) == (1, "etwas anderes")
    assert "kein Bericht" in ergebnis.stderr


def test_what_is_no_report_is_not_written_into(call, zaehler, tmp_path):
    (tmp_path / "bild.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    ergebnis = call(staende(MAI, [1000]), "--bericht", str(tmp_path / "bild.png"))
    assert (ergebnis.exit_code, "ist kein Bericht" in ergebnis.stderr) == (1, True)
    assert (tmp_path / "bild.png").read_bytes() == b"\x89PNG\r\n\x1a\n"


def test_a_file_with_a_name_in_another_character_set(call, engine, zaehler, tmp_path):
    """As a ZIP archive from an old Windows leaves it: März in ISO 8859-1."""
    ergebnis = call(
        staende(MAI, [1000]), "--bericht", str(tmp_path / "bericht.csv"), name=os.fsdecode(b"M\xe4rz.csv")
    )
    assert (ergebnis.exit_code, ergebnis.stdout) == (0, "M\ufffdrz.csv (CSV): 1 neu, 0 doppelt, 0 abgelehnt.\n")
    assert len(stored(engine, zaehler)) == 1


def test_an_opening_register_and_a_warning(call, engine, zaehler):
    datei = energien(MAI, [10, 20])
    assert f"Achtung: {NUMMER}: kein gespeicherter Stand" in call(datei, "--probelauf").stderr
    assert call(datei, "--anfangsstand-wh", "500", "7").exit_code == 0
    assert [ablesung[1:3] for ablesung in stored(engine, zaehler).values()] == [(500, 7), (510, 7), (530, 7)]


@pytest.mark.parametrize(
    ("inhalt", "text"),
    [
        (b"PK\x03\x04\0", "datei.csv: Die erste Zeile ist keine Kopfzeile"),
        (mscons(["1-1:1.29.0", *mscons_werte(MAI, ["1"])], segmente=2), "UNT nennt 2 Segmente"),
        (mscons(["1-1:1.29.0", *mscons_werte(MAI, ["1"])], test="1"), "--probelauf"),
    ],
)
def test_a_file_that_cannot_be_used_is_a_sentence(call, zaehler, inhalt, text):
    ergebnis = call(inhalt)
    assert (ergebnis.exit_code, ergebnis.stdout) == (1, "")
    assert text in ergebnis.stderr

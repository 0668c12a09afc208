"""`betreiber firmware`: releases from the command line, on a SQLite file."""

import shutil

import pytest
from click.testing import CliRunner

from betreiber.cli import main
from db.session import create_engine
from tests.hilfen import Welt

MODELL = ("--modell", "SIM-3.60")


@pytest.fixture
def call(sqlite_url, tmp_path):
    umgebung = {"MSB_DATABASE_URL": sqlite_url, "MSB_DATEN": str(tmp_path), "MSB_JWT_SECRET": "g" * 32}

    def call(*argumente):
        return CliRunner(env=umgebung).invoke(main, argumente)

    return call


@pytest.fixture
def bild(tmp_path):
    datei = tmp_path / "bild.bin"
    datei.write_bytes(b"firmware")
    return str(datei)


@pytest.fixture
def mit_schluessel(call, pki_vorlage, tmp_path):
    shutil.copytree(pki_vorlage, tmp_path / "pki")
    assert call("pki", "firmware-schluessel").exit_code == 0


def test_release_widen_withdraw_list(call, bild, mit_schluessel):
    ergebnis = call("firmware", "freigeben", bild, *MODELL, "--version", "1.1.0")
    assert (ergebnis.exit_code, ergebnis.stdout) == (
        0,
        "Version 1.1.0 für SIM-3.60 ist freigegeben: 5 % von 0 Zählern.\n",
    )
    assert "kein Zähler hat das Modell SIM-3.60" in ergebnis.stderr
    ergebnis = call("firmware", "anteil", *MODELL, "--version", "1.1.0", "100")
    assert (ergebnis.exit_code, ergebnis.stdout) == (0, "Version 1.1.0 für SIM-3.60: 100 %.\n")
    # printf firmware | sha256sum
    zeile = ["SIM-3.60", "1.1.0", "100", "%"]
    assert call("firmware", "liste").stdout.splitlines()[1].split()[:4] == zeile
    assert (
        call("firmware", "liste")
        .stdout.splitlines()[1]
        .endswith("c3bf47ea1f4a4a605470313cacb3a44f4a461f68c6faeab07e737610cb5ac835")
    )
    ergebnis = call("firmware", "zurueckziehen", *MODELL, "--version", "1.1.0")
    assert (ergebnis.exit_code, ergebnis.stdout) == (0, "Version 1.1.0 für SIM-3.60 ist zurückgezogen.\n")
    assert call("firmware", "liste").stdout.splitlines()[1].split()[:3] == ["SIM-3.60", "1.1.0", "weg"]


def test_it_says_for_how_many_meters(call, bild, mit_schluessel, sqlite_url, uhr):
    engine = create_engine(sqlite_url)
    welt = Welt(engine, uhr)
    for modell in ("SIM-3.60", "SIM-3.60", "MT-175"):
        welt.stromzaehler(modell=modell)
    engine.dispose()
    ergebnis = call("firmware", "freigeben", bild, *MODELL, "--version", "1.1.0", "--anteil", "50")
    assert ergebnis.output == "Version 1.1.0 für SIM-3.60 ist freigegeben: 50 % von 2 Zählern.\n"


def test_without_a_key_the_command_that_makes_one_is_named(call, bild, pki_vorlage, tmp_path):
    shutil.copytree(pki_vorlage, tmp_path / "pki")
    ergebnis = call("firmware", "freigeben", bild, *MODELL, "--version", "1.1.0")
    assert ergebnis.exit_code == 1
    assert "betreiber pki firmware-schluessel" in ergebnis.stderr


@pytest.mark.parametrize(
    ("argumente", "ende", "text"),
    [
        (("freigeben", "fehlt.bin", *MODELL, "--version", "1.1.0"), 2, "fehlt.bin"),
        (("anteil", *MODELL, "--version", "1.1.0", "101"), 2, "101"),
        (("anteil", *MODELL, "--version", "1.1.0", "50"), 1, "betreiber firmware liste"),
        (("zurueckziehen", *MODELL, "--version", "1.1.0"), 1, "betreiber firmware liste"),
    ],
)
def test_errors_are_sentences(call, argumente, ende, text):
    ergebnis = call("firmware", *argumente)
    assert ergebnis.exit_code == ende
    assert text in ergebnis.stderr


def test_an_older_version_is_refused(call, bild, mit_schluessel, tmp_path):
    assert call("firmware", "freigeben", bild, *MODELL, "--version", "1.1.0").exit_code == 0
    (tmp_path / "alt.bin").write_bytes(b"older")
    ergebnis = call("firmware", "freigeben", str(tmp_path / "alt.bin"), *MODELL, "--version", "1.0.0")
    assert (ergebnis.exit_code, ergebnis.stderr) == (
        1,
        "Fehler: Für SIM-3.60 gab es schon Version 1.1.0; die neue muss größer sein.\n",
    )

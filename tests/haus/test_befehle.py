"""Every command explains itself with an example that one can copy."""

import re
import subprocess

import click
import pytest
from click.testing import CliRunner

from betreiber.cli import main as betreiber
from stromzaehler_sim.cli import main as stromzaehler
from tests.haus.quelltext import WURZEL


def commands(befehl, *pfad):
    yield pytest.param(befehl, pfad, id=" ".join(pfad))
    if isinstance(befehl, click.Group):
        for name, teil in befehl.commands.items():
            if not teil.hidden:
                yield from commands(teil, *pfad, name)


ALLE = [*commands(betreiber, "betreiber"), *commands(stromzaehler, "stromzaehler")]


@pytest.mark.parametrize(("befehl", "pfad"), ALLE)
def test_help_has_an_example_that_calls_this_command(befehl, pfad):
    ergebnis = CliRunner().invoke(ALLE_PROGRAMME[pfad[0]], [*pfad[1:], "--help"])
    assert ergebnis.exit_code == 0
    beispiel = re.search(r"(Example|Beispiel):(.*)", ergebnis.output, re.DOTALL)
    assert beispiel, ergebnis.output
    assert " ".join(pfad) in beispiel[2]


ALLE_PROGRAMME = {"betreiber": betreiber, "stromzaehler": stromzaehler}


@pytest.mark.parametrize(
    "datei", sorted(d for d in (WURZEL / "scripts").iterdir() if d.is_file() and not d.suffix)
)
def test_a_script_says_what_it_does(datei):
    zeilen = datei.read_text(encoding="utf-8").splitlines()
    assert datei.stat().st_mode & 0o111, "not executable"
    assert zeilen[0].startswith("#!")
    assert any(re.search(r"Example: (scripts/|\.ci/)", zeile) for zeile in zeilen), "no example"


def test_help_of_the_test_script_needs_no_environment():
    ausgabe = subprocess.run(
        [WURZEL / "scripts/test", "--help"], capture_output=True, text=True, check=True, timeout=20
    ).stdout
    assert "--gruendlich" in ausgabe
    assert "Example: scripts/test" in ausgabe

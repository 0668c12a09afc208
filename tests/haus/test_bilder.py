"""The pictures of the display in the docs are those that the code draws now."""

import subprocess
import sys

from scripts import bilder
from tests.haus.quelltext import WURZEL


def test_the_pictures_of_the_display_are_up_to_date():
    assert list(bilder.lagging()) == [], "call scripts/bilder"


def test_drawn_twice_they_are_the_same():
    """In two processes, so that neither an order of hashes nor a running number leaks into a picture."""
    befehl = [sys.executable, "-c", "from scripts import bilder; print(bilder.pictures())"]
    gezeichnet = {subprocess.run(befehl, cwd=WURZEL, capture_output=True, check=True).stdout for _ in range(2)}
    assert len(gezeichnet) == 1


def test_at_least_five_states_of_the_display_are_shown_in_the_docs():
    seite = (WURZEL / "docs/anzeige.md").read_text(encoding="utf-8")
    gezeigt = [name for name in bilder.pictures() if f"bilder/{name}" in seite]
    assert len(gezeigt) >= 6
    assert gezeigt == list(bilder.pictures())

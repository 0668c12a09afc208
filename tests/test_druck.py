"""HTML to PDF: nothing is fetched, everything is escaped, and the operator starts without the printer."""

import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from jinja2 import UndefinedError
from weasyprint.urls import FatalURLFetchingError

from betreiber.druck import fill_vorlage, long_date, merge_pdfs, print_pdf
from tests.haus.quelltext import WURZEL
from tests.pdf import info_of, text_of

SEITE = '<html lang="de"><head><title>Äpfel</title></head><body>{}</body></html>'


@pytest.fixture
def vorlage(tmp_path: Path) -> Path:
    datei = tmp_path / "vorlage.html"
    datei.write_text(SEITE.format("{{ name }}"), encoding="utf-8")
    return datei


def test_what_is_put_into_a_template_is_text(vorlage):
    html = fill_vorlage(vorlage, name='<a href="x">&</a>')
    assert "&lt;a href=&#34;x&#34;&gt;&amp;&lt;/a&gt;" in html
    assert text_of(print_pdf(html)) == '<a href="x">&</a>'
    with pytest.raises(UndefinedError):
        fill_vorlage(vorlage)


def test_the_same_text_gives_the_same_bytes():
    html = SEITE.format("<p>Größe</p>")
    assert print_pdf(html) == print_pdf(html)


@pytest.mark.parametrize(
    "inhalt",
    [
        '<img src="file:///etc/passwd">',
        '<img src="http://127.0.0.1:9/bild.png">',
        '<link rel="stylesheet" href="https://example.org/stil.css">',
        '<p style="background: url(file:///etc/hostname)">x</p>',
        '<img src="data:image/png;base64,AAAA">',
    ],
)
def test_nothing_is_fetched(inhalt):
    with pytest.raises(FatalURLFetchingError):
        print_pdf(SEITE.format(inhalt))


def test_several_as_one_file():
    datei = merge_pdfs((print_pdf(SEITE.format(wort)) for wort in ("eins", "zwei")), "Stapel für Köln")
    assert text_of(datei) == "eins zwei"
    info = info_of(datei)
    assert (info["Pages"], info["Title"]) == ("2", "Stapel für Köln")


@pytest.mark.parametrize(
    ("tag", "text"),
    [(date(2026, 6, 16), "Dienstag, 16. Juni 2026"), (date(2027, 3, 1), "Montag, 1. März 2027")],
)
def test_a_day_in_words(tag, text):
    assert long_date(tag) == text


def test_the_operator_starts_on_a_machine_without_pango():
    """There the loader knows no such library; only who prints learns of it, and what to install."""
    programm = """
import sys

def load(ereignis, werte):
    if ereignis == "ctypes.dlopen" and "pango" in str(werte):
        raise OSError("libpango-1.0.so.0: cannot open shared object file")

sys.addaudithook(load)
import betreiber.app
from betreiber.druck import print_pdf
from betreiber.errors import DruckFehlt
assert "weasyprint" not in sys.modules and "pypdf" not in sys.modules
try:
    print_pdf("<p>x</p>")
except DruckFehlt as fehler:
    print(fehler.status, fehler.code, fehler.detail)
"""
    lauf = subprocess.run(
        [sys.executable, "-c", programm],
        cwd=WURZEL,
        env={"PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
    )
    assert lauf.stdout.startswith("503 druck_fehlt ")
    assert "apt-get install libpango-1.0-0" in lauf.stdout

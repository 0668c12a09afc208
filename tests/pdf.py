"""What stands in a PDF, read back with Poppler: another program than the one that wrote it."""

import shutil
import subprocess

import pytest


def text_of(pdf: bytes) -> str:
    """The text, with single spaces between its words."""
    return " ".join(_run("pdftotext", "-layout", pdf=pdf).split())


def info_of(pdf: bytes) -> dict[str, str]:
    """What pdfinfo says: Pages, Title, Tagged."""
    zeilen = (zeile.partition(":") for zeile in _run("pdfinfo", pdf=pdf).splitlines())
    return {name: wert.strip() for name, _, wert in zeilen}


def _run(programm: str, *schalter: str, pdf: bytes) -> str:
    if shutil.which(programm) is None:
        pytest.skip("no pdftotext program is installed (Debian: poppler-utils)")
    aus = ["-"] if programm == "pdftotext" else []
    lauf = subprocess.run([programm, *schalter, "-", *aus], input=pdf, capture_output=True, check=True)
    return lauf.stdout.decode()

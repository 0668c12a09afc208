"""What is documented is tested: the table of settings, the tables of error codes."""

import ast
import re
from dataclasses import fields
from inspect import getmembers, isclass

import pytest

from betreiber import errors, extensions, geraete
from betreiber.errors import BetreiberError, GeraeteFehler
from betreiber.settings import Settings, variable_name
from scripts import doku
from telegramm import fehler
from telegramm.fehler import TelegrammFehler
from tests.haus.quelltext import WURZEL, name_of, python_files, tree

ARTEN = {name: art for name, art in getmembers(errors, isclass) if issubclass(art, BetreiberError) and art.status}


def table(ueberschrift):
    """{(code, status)} of one table of docs/fehler.md; every row has a meaning, no code occurs twice."""
    text = (WURZEL / "docs/fehler.md").read_text(encoding="utf-8")
    abschnitt = re.search(rf"^## {ueberschrift}\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)[1]
    zeilen = re.findall(r"^\| `(\w+)` \| (\d{3}) \| (.+) \|$", abschnitt, re.MULTILINE)
    assert len(zeilen) == abschnitt.count("\n| `")
    assert len({code for code, _, _ in zeilen}) == len(zeilen), "a code stands there twice"
    return {(code, int(status)) for code, status, _ in zeilen}


def calls(*dateien):
    for datei in dateien:
        for knoten in ast.walk(tree(datei)):
            if isinstance(knoten, ast.Call):
                yield datei, knoten, ast.unparse(knoten.func)


def api_codes():
    """Codes of the error classes, of `code="..."` where one is raised, and of what Flask itself refuses."""
    gefunden = {(art.code, art.status) for art in ARTEN.values() if art not in (BetreiberError, GeraeteFehler)}
    gefunden |= {(code, status) for status, (code, _, _) in extensions._HTTP.items()}
    for datei, knoten, name in calls(*python_files("betreiber")):
        for argument in knoten.keywords:
            if argument.arg == "code" and name in ARTEN:
                assert isinstance(argument.value, ast.Constant), (
                    f"{name_of(datei)}:{knoten.lineno}: a literal, please"
                )
                gefunden.add((argument.value.value, ARTEN[name].status))
    return {(code, status) for code, status in gefunden if not code.startswith("_")}


def device_codes():
    """Codes of telegramm's errors, of GeraeteFehler, and of what the device listeners refuse themselves."""
    gefunden = {
        (art.code, geraete._STATUS.get(art, 422))
        for _, art in getmembers(fehler, isclass)
        if issubclass(art, TelegrammFehler) and art is not TelegrammFehler
    }
    for _, knoten, name in calls(*python_files("betreiber")):
        texte = [teil.value for teil in knoten.args if isinstance(teil, ast.Constant)]
        if name == "GeraeteFehler" and len(texte) == 2:
            gefunden.add((texte[1], texte[0]))
        elif name == "_refuse" and texte and isinstance(texte[0], int):  # geraete.py: (status, code)
            gefunden.add((texte[1], texte[0]))
        elif name == "_refuse" and texte:  # ablesung: (..., code, ...), always 409
            gefunden.add((texte[0], 409))
    # The statuses of werkzeug's own refusals, as geraete._answer_http names them.
    return gefunden | {("pfad", 404), ("methode", 405), ("zu_gross", 413), ("anfrage", 400)}


def test_every_code_of_the_api_is_documented():
    assert table("API") == api_codes()


def test_every_code_of_the_device_channel_is_documented():
    assert table("Device channel") == device_codes()


@pytest.mark.parametrize("code", sorted(code for code, _ in api_codes()))
def test_codes_are_ascii_snake_case(code):
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", code)


def test_the_table_of_settings_is_up_to_date():
    """docs/betrieb.md lists every variable; scripts/doku writes the table."""
    text = doku.DATEI.read_text(encoding="utf-8")
    assert doku.with_table(text) == text, "call scripts/doku"


def test_the_generator_lists_every_setting():
    zeilen = doku.settings_table().splitlines()[2:]
    assert [zeile.split("`")[1] for zeile in zeilen] == [variable_name(feld.name) for feld in fields(Settings)]
    assert all(re.fullmatch(r"\| `MSB_[A-Z0-9_]+` \| (`[^`]+`)? ?\| .{10,} \|", zeile) for zeile in zeilen), zeilen


def test_the_generator_keeps_what_stands_around_the_table():
    text = "vorher\n<!-- einstellungen -->\nvon gestern\n<!-- /einstellungen -->\nnachher\n"
    neu = doku.with_table(text)
    assert neu.startswith("vorher\n<!-- einstellungen -->\n\n| variable |")
    assert neu.endswith("\n<!-- /einstellungen -->\nnachher\n")
    assert "von gestern" not in neu
    assert doku.with_table(neu) == neu
    with pytest.raises(SystemExit):
        doku.with_table("ohne Marken")


def test_every_adr_has_its_four_headings():
    for adr in sorted((WURZEL / "docs/adr").glob("[!R]*.md")):  # README.md lists them
        assert re.fullmatch(r"\d{4}-[a-z0-9-]+\.md", adr.name)
        text = adr.read_text(encoding="utf-8")
        assert re.findall(r"^## (.+)$", text, re.MULTILINE) == [
            "Context",
            "Decision",
            "Consequences",
            "Alternatives",
        ]

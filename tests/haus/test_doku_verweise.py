"""Links, file names, commands and addresses in the documentation lead to something that exists."""

import json
import re
import shlex
from functools import cache

import click
import pytest

from betreiber.cli import main as betreiber
from betreiber.zeit import Aufloesung
from scripts import doku
from stromzaehler_sim.cli import main as stromzaehler
from tests.haus.quelltext import WURZEL, name_of

DOKUMENTE = sorted([*WURZEL.glob("*.md"), *(WURZEL / "docs").rglob("*.md")])
ALLE = [pytest.param(datei, id=name_of(datei)) for datei in DOKUMENTE]
PROGRAMME = {"betreiber": betreiber, "stromzaehler": stromzaehler}


@cache
def text_of(datei):
    return datei.read_text(encoding="utf-8")


def anchors(datei):
    """What headings are called in a link: lower case, hyphens for spaces, nothing else but letters and digits."""
    for ueberschrift in re.findall(r"^#+ (.+)$", text_of(datei), re.MULTILINE):
        yield re.sub(r"[^\w\- ]", "", ueberschrift.lower()).replace(" ", "-")


def command_lines(datei):
    """Every shell line of the code blocks: continued lines joined, comments cut off."""
    for block in re.findall(r"```sh\n(.*?)```", text_of(datei), re.DOTALL):
        for zeile in block.replace("\\\n", " ").splitlines():
            yield zeile.strip()


def calls_of(programm):
    """Every call of a program of ours in the docs, as its arguments."""
    for datei in DOKUMENTE:
        for zeile in command_lines(datei):
            if re.match(rf"{programm} ", zeile):
                yield pytest.param(shlex.split(zeile, comments=True)[1:], id=f"{name_of(datei)}: {zeile[:60]}")
        # In running text a call stands between backticks; what follows the command may be left out.
        for zeile in re.findall(rf"`{programm} ([^`]+)`", text_of(datei)):
            yield pytest.param(shlex.split(zeile), id=f"{name_of(datei)}: {programm} {zeile[:60]}")


def check_call(befehl, argumente):
    """The command exists and knows every option that is named."""
    while isinstance(befehl, click.Group) and argumente:
        assert argumente[0] in befehl.commands, f"no command {argumente[0]} in {befehl.name}"
        befehl, argumente = befehl.commands[argumente[0]], argumente[1:]
    bekannt = {name for teil in befehl.params for name in teil.opts} | {"--help", "-h"}
    assert {wort for wort in argumente if wort.startswith("-")} <= bekannt


@pytest.mark.parametrize("datei", ALLE)
def test_links_lead_somewhere(datei):
    ohne_beispiele = re.sub(r"```.*?```", "", text_of(datei), flags=re.DOTALL)
    for ziel in re.findall(r"\]\(([^)\s]+)\)", ohne_beispiele):
        if re.match(r"https?:", ziel):
            continue
        pfad, _, anker = ziel.partition("#")
        gefunden = (datei.parent / pfad).resolve() if pfad else datei
        assert gefunden.exists(), f"{name_of(datei)}: {ziel}"
        if anker:
            assert anker in set(anchors(gefunden)), f"{name_of(datei)}: no heading for {ziel}"


@pytest.mark.parametrize("argumente", [*calls_of("betreiber")])
def test_betreiber_knows_what_the_docs_call(argumente):
    check_call(betreiber, argumente)


@pytest.mark.parametrize("argumente", [*calls_of("stromzaehler")])
def test_stromzaehler_knows_what_the_docs_call(argumente):
    check_call(stromzaehler, argumente)


def test_scripts_in_the_docs_exist_and_know_their_options():
    """Read off the source: calling a script would set up its environment first."""
    for datei in DOKUMENTE:
        for name, rest in re.findall(r"(?:^|[`\s])scripts/(\w+)((?: [\w\-./]+)*)", text_of(datei), re.MULTILINE):
            skript = WURZEL / "scripts" / name
            assert skript.exists(), f"{name_of(datei)}: scripts/{name}"
            quelle = "".join(teil.read_text("utf-8") for teil in skript.parent.glob(f"{name}*") if teil.is_file())
            for option in re.findall(r"--[\w\-]+", rest):
                assert option in quelle, f"{name_of(datei)}: scripts/{name} {option}"


def test_addresses_in_the_docs_are_routes():
    """Every /v1/... of the docs is a path of the API, with a number or the name of the parameter in its place."""
    api = json.loads((WURZEL / "openapi/betreiber.json").read_text(encoding="utf-8"))
    muster = [re.compile(re.sub(r"\\{(\w+)\\}", r"([0-9]+|\\{\1\\})", re.escape(pfad))) for pfad in api["paths"]]
    for datei in DOKUMENTE:
        for pfad in re.findall(r"(?<!geraete)(/v1/[\w/{}]+)", text_of(datei)):
            assert any(m.fullmatch(pfad) for m in muster), f"{name_of(datei)}: {pfad}"


def test_queries_in_the_docs_are_known():
    api = json.loads((WURZEL / "openapi/betreiber.json").read_text(encoding="utf-8"))
    namen = {
        parameter["name"]
        for aktionen in api["paths"].values()
        for aktion in aktionen.values()
        if isinstance(aktion, dict)
        for parameter in aktion.get("parameters", [])
        if parameter.get("in") == "query"
    }
    for datei in DOKUMENTE:
        for frage in re.findall(r"/v1/\w[\w/]*\?([^\"\s`]+)", text_of(datei)):
            fragen = dict(teil.partition("=")[::2] for teil in frage.split("&"))
            assert set(fragen) <= namen, f"{name_of(datei)}: {frage}"
            assert fragen.get("aufloesung", "tag") in set(Aufloesung)


def test_settings_in_the_docs_exist():
    bekannt = set(re.findall(r"`(MSB_\w+)`", doku.settings_table()))
    for datei in DOKUMENTE:
        assert set(re.findall(r"\bMSB_[A-Z0-9_]*[A-Z0-9]\b", text_of(datei))) <= bekannt, name_of(datei)


def test_the_way_names_files_that_exist_each_once():
    text = text_of(WURZEL / "docs/zaehler_bis_rechnung.md")
    dateien = [
        name for zeile in re.findall(r"^\|.*$", text, re.MULTILINE) for name in re.findall(r"`([^`]+)`", zeile)
    ]
    assert len(dateien) > 30
    assert sorted(dateien) == sorted(set(dateien))
    assert [name for name in dateien if not (WURZEL / name).is_file()] == []
    schritte = re.findall(r"^\| (\d+) \| .+ \| (.+) \|$", text, re.MULTILINE)
    assert [int(nummer) for nummer, _ in schritte] == list(range(1, len(schritte) + 1))
    assert all(spalte == "to come" or spalte.startswith("`") for _, spalte in schritte)


def test_every_page_is_in_the_index():
    """Who begins at docs/index.md finds every page; decisions have an index of their own."""
    for ordner, liste in ((WURZEL / "docs", "index.md"), (WURZEL / "docs/adr", "README.md")):
        verlinkt = set(re.findall(r"\]\(([\w\-.]+\.md)", text_of(ordner / liste)))
        assert {datei.name for datei in ordner.glob("*.md")} - {liste} <= verlinkt


@pytest.mark.parametrize("datei", [pytest.param(bild, id=bild.name) for bild in (WURZEL / "docs").rglob("*.svg")])
def test_pictures_load_nothing_and_say_what_they_show(datei):
    text = text_of(datei).replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert not re.search(r"https?:|<script|<image|@import|url\((?!#)", text)
    assert "<title" in text
    assert "<desc" in text
    assert "prefers-color-scheme: dark" in text

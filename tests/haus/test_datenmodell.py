"""docs/datenmodell.md and docs/glossar.md against the tables, the folders and the API."""

import json
import re
from itertools import chain

from sqlalchemy import CheckConstraint, UniqueConstraint

import db.models
from db.base import Base
from tests.haus.quelltext import PAKETE, WURZEL, python_files

TEXT = (WURZEL / "docs/datenmodell.md").read_text(encoding="utf-8")
GLOSSAR = (WURZEL / "docs/glossar.md").read_text(encoding="utf-8")
TABELLEN = Base.metadata.tables
# Words that are no German nouns of ours: units, technical words, names of other people's standards.
KEINE_NOMEN = set(
    "app auth base ca cbor cli cms code db display domain e env errors extensions h25 hash id init jobs jti"
    " mail name openapi page pages queries routes s schema schemas server service session settings sha256 ski"
    " text title token type types v1 version web w wh kw kwh kwh2 ct eur first last next previous total"
    " detail".split()
)
PLURAL = {
    "einbauten": "einbau",
    "einladungen": "einladung",
    "kunden": "kunde",
    "messstellen": "messstelle",
    "registrierungen": "registrierung",
    "ruecksetzungen": "ruecksetzung",
    "tarife": "tarif",
    "vertraege": "vertrag",
    "wartungen": "wartung",
    "zuordnungen": "zuordnung",
}


def described():
    """{table: {column: (type, meaning)}} as the page has it."""
    gefunden = {}
    for name, abschnitt in re.findall(r"^### `(\w+)`\n(.*?)(?=^##|\Z)", TEXT, re.DOTALL | re.MULTILINE):
        zeilen = re.findall(r"^\| `(\w+)` \| ([^|]+) \| (.+) \|$", abschnitt, re.MULTILINE)
        gefunden[name] = {spalte: (art, bedeutung) for spalte, art, bedeutung in zeilen}
        assert len(zeilen) == len(gefunden[name]), f"{name}: a column stands there twice"
    return gefunden


def test_every_table_is_described_and_none_invented():
    assert db.models.__all__
    assert set(described()) == set(TABELLEN)


def test_every_column_is_described_in_order_and_none_invented():
    for name, spalten in described().items():
        assert list(spalten) == [spalte.name for spalte in TABELLEN[name].columns]


def test_null_keys_and_relations_are_as_described():
    for name, spalten in described().items():
        for spalte in TABELLEN[name].columns:
            art, bedeutung = spalten[spalte.name]
            assert art.endswith(" or null") == spalte.nullable, f"{name}.{spalte.name}"
            ziele = [schluessel.column.table.name for schluessel in spalte.foreign_keys]
            assert re.findall(r"→ `(\w+)`$", bedeutung) == ziele, f"{name}.{spalte.name}"
            if spalte.primary_key:
                assert re.match(r"\(key\)|key\b", bedeutung), f"{name}.{spalte.name}"


def test_every_constraint_is_described_and_none_invented():
    tatsaechlich = {
        str(regel.name)
        for tabelle in TABELLEN.values()
        for regel in tabelle.constraints
        if isinstance(regel, CheckConstraint | UniqueConstraint)
    }
    assert set(re.findall(r"`((?:ck|uq)_\w+)`", TEXT)) == tatsaechlich


def test_what_the_migration_adds_is_described():
    """EXCLUDE constraints and triggers stand in no model."""
    migration = (WURZEL / "db/migrations/versions/0001_erste_tabellen.py").read_text(encoding="utf-8")
    ausschluesse = {f"ex_{t}_{s}" for t, s in re.findall(r'_exclude_overlap\("(\w+)", "(\w+)"\)', migration)}
    trigger = {f"{t}_append_only" for t in re.findall(r'_append_only\("(\w+)"\)', migration)}
    assert set(re.findall(r"`(ex_\w+|\w+_append_only)`", TEXT)) == ausschluesse | trigger


def glossary():
    """Every word of the glossary between backticks, and the parts of those with an underscore."""
    woerter = set(re.findall(r"`([a-z_]+)`", GLOSSAR))
    return woerter | set(chain.from_iterable(wort.split("_") for wort in woerter))


def words(namen):
    for name in namen:
        for teil in name.split("_"):
            if teil and teil not in KEINE_NOMEN:
                yield PLURAL.get(teil, teil)


def test_the_glossary_knows_tables_columns_and_modules():
    ordner = [datei.parent.name for datei in (WURZEL / "betreiber").glob("*/__init__.py")]
    module = [datei.stem for datei in python_files(*PAKETE) if "versions" not in datei.parts]
    spalten = [spalte.name for tabelle in TABELLEN.values() for spalte in tabelle.columns]
    fehlend = set(words(chain(TABELLEN, ordner, module, spalten))) - glossary()
    assert not fehlend


def test_the_glossary_knows_the_words_of_the_api():
    api = json.loads((WURZEL / "openapi/betreiber.json").read_text(encoding="utf-8"))
    schluessel = [
        name for schema in api["components"]["schemas"].values() for name in schema.get("properties", {})
    ]
    wege = [teil for pfad in api["paths"] for teil in pfad.split("/") if teil and not teil.startswith("{")]
    fragen = [
        parameter["name"]
        for aktionen in api["paths"].values()
        for aktion in aktionen.values()
        if isinstance(aktion, dict)
        for parameter in aktion.get("parameters", [])
        if parameter.get("in") == "query"
    ]
    fehlend = set(words(chain(schluessel, wege, fragen))) - glossary()
    assert not fehlend

"""The tables: what the migrations make is what the models say, and what it is called."""

import re

import pytest
from alembic import command
from sqlalchemy import inspect, text

import db.models
from db import schema
from db.base import Base, Versioned
from db.session import create_engine
from db.types import Dezimal, Zeitpunkt

TABELLEN = Base.metadata.tables
SPALTEN = [pytest.param(spalte, id=str(spalte)) for tabelle in TABELLEN.values() for spalte in tabelle.columns]
# Words that end in _id and are no key of ours: the ids of the energy market.
MARKTKENNUNGEN = {"malo_id", "melo_id"}
# Polymorphic references of the logs: the column next to them names the table.
OHNE_TABELLE = {"objekt_id"}
EINHEITEN = r"_(wh|w|kw|kwh|ct_kwh|eur_monat|wochen|tage|s)$"


def test_migrations_and_models_agree(engine):
    with engine.begin() as connection:
        command.check(schema.alembic_config(connection))


def test_upgrade_is_idempotent_and_state_tells(engine):
    stand, neueste = schema.state(engine)
    assert stand == neueste is not None
    schema.upgrade(engine)
    assert schema.state(engine) == (stand, neueste)


def test_windows_of_messages_are_shortened(tmp_path):
    engine = create_engine(f"sqlite:///{tmp_path / 'alt.db'}")
    try:
        paare = [(folge.to_bytes(8), bytes([folge]) * 32) for folge in range(64)]
        alte = {1: b"".join(map(b"".join, paare)), 2: b""}
        with engine.begin() as connection:
            command.upgrade(schema.alembic_config(connection), "0002")
            connection.exec_driver_sql(
                "INSERT INTO telegrammstand (stromzaehler_id, epoche, fenster, viertel_anzahl, meldung_nummer,"
                " protokoll_angefordert) VALUES (?, 1, ?, 0, -1, false)",
                list(alte.items()),
            )
        schema.upgrade(engine)
        with engine.connect() as connection:
            neue = dict(connection.execute(text("SELECT stromzaehler_id, fenster FROM telegrammstand")).all())
        assert neue == {1: b"".join(folge + abdruck[:16] for folge, abdruck in paare), 2: b""}
    finally:
        engine.dispose()


def test_state_of_an_empty_database(tmp_path):
    engine = create_engine(f"sqlite:///{tmp_path / 'leer.db'}")
    stand, neueste = schema.state(engine)
    engine.dispose()
    assert stand is None
    assert neueste is not None


def test_the_tables_of_the_brief_keep_their_names():
    assert {"kunde", "kunde_stromzaehler", "verbrauch", "wartung"} <= set(TABELLEN)
    brief = {"stromzaehler_id", "uhrzeit", "stromverbrauch_gesamt_wh", "stromverbrauch_momentan_w"}
    assert brief <= set(TABELLEN["verbrauch"].columns.keys())
    assert [spalte.name for spalte in TABELLEN["verbrauch"].primary_key] == ["stromzaehler_id", "uhrzeit"]


@pytest.mark.parametrize("name", TABELLEN)
def test_tables_are_singular_ascii_nouns(name):
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", name)
    assert not name.endswith(("kunden", "vertraege", "tarife", "wartungen", "ereignisse", "schluessels"))


@pytest.mark.parametrize("spalte", SPALTEN)
def test_column_names_say_what_they_hold(spalte):
    name, art = spalte.name, spalte.type
    assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name)
    if name.endswith("_id") and name not in MARKTKENNUNGEN | OHNE_TABELLE:
        assert name.removesuffix("_id") in TABELLEN, "a key is called after its table"
    if name.endswith("_datum"):
        assert art.python_type.__name__ == "date"
    if name.endswith("zeitpunkt"):
        assert isinstance(art, Zeitpunkt)
    if isinstance(art, Zeitpunkt):
        assert re.search(r"(zeitpunkt|^von|^bis|_von|_bis|_empfangen)$", name)
    if isinstance(art, Dezimal):
        assert re.search(EINHEITEN, name), "a quantity names its unit"
    if re.search(r"_(wh|w)$", name):
        assert art.python_type is int
    if name.endswith("_sha256"):
        assert art.python_type is bytes
    assert art.python_type is not float
    # Every foreign key is called like the column that it names.
    assert all(schluessel.column.name == name for schluessel in spalte.foreign_keys)


@pytest.mark.parametrize("klasse", [k for k in Base.__subclasses__() if issubclass(k, Versioned)])
def test_a_mutable_row_has_its_version(klasse):
    assert klasse.__mapper__.version_id_col is klasse.__table__.c.version


def test_master_data_are_mutable_with_a_version():
    mit = {klasse.__tablename__ for klasse in Versioned.__subclasses__()}
    stammdaten = {"kunde", "messstelle", "einbau", "stromzaehler", "kunde_stromzaehler", "vertrag", "wartung"}
    assert stammdaten <= mit
    assert len(db.models.__all__) == len(TABELLEN)


def test_every_foreign_key_can_be_looked_up_by_index(engine):
    """Without an index on the child's side a change of the parent reads the whole table."""
    pruefer = inspect(engine)
    for tabelle in TABELLEN:
        fuehrend = {index["column_names"][0] for index in pruefer.get_indexes(tabelle)}
        fuehrend |= {eindeutig["column_names"][0] for eindeutig in pruefer.get_unique_constraints(tabelle)}
        fuehrend.add(pruefer.get_pk_constraint(tabelle)["constrained_columns"][0])
        for schluessel in pruefer.get_foreign_keys(tabelle):
            assert schluessel["constrained_columns"][0] in fuehrend, f"{tabelle}: {schluessel['name']}"


def test_nothing_stands_behind_an_image(engine):
    """SQLite reads through 16 MiB to a column behind it; lists of releases would take that for each row."""
    assert inspect(engine).get_columns("firmware")[-1]["name"] == "bild"


def test_sqlite_tables_are_strict(sqlite_url):
    """SQLite would take 'abc' as an INTEGER otherwise, where PostgreSQL refuses it."""
    engine = create_engine(sqlite_url)
    with engine.connect() as connection:
        strikt = dict(connection.execute(text("SELECT name, strict FROM pragma_table_list")).all())
    engine.dispose()
    assert {name: strikt[name] for name in TABELLEN} == dict.fromkeys(TABELLEN, 1)

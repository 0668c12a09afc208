"""What somebody sees is found along an index, however much there is of everything else."""

import pytest
from sqlalchemy import event, text

from betreiber.auth.domain import Rolle
from betreiber.ereignis import queries
from betreiber.ereignis.domain import Zeitraum, visible_arten
from tests.ereignis.folge import JETZT

# 20,000 events of 1,000 meters, nearly all of one kind.
FUELLEN = """
INSERT INTO ereignis (zeitpunkt, art, objekt_art, objekt_id, akteur, daten)
WITH RECURSIVE folge(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM folge WHERE i < 20000)
SELECT {zeitpunkt}, CASE WHEN i % 1000 = 0 THEN 'TARIF_GEWAEHLT' ELSE 'UHR_STIMMT' END,
    CASE WHEN i % 1000 = 0 THEN 'vertrag' ELSE 'stromzaehler' END, i % 1000 + 1, 'system:test', '{{}}' FROM folge
"""


@pytest.fixture
def fuelle(engine):
    zeitpunkt = "timestamptz '2026-06-15 10:00Z'" if engine.dialect.name == "postgresql" else "1781517600000000"
    with engine.begin() as connection:
        connection.execute(text(FUELLEN.format(zeitpunkt=zeitpunkt)))
        connection.execute(text("ANALYZE ereignis"))


def plan(session, engine, zweige, absteigend):
    """How the database looks for the numbers of these branches."""
    gefangen = []

    def catch(_connection, _cursor, anweisung, argumente, *_):
        gefangen.append((anweisung, argumente))

    event.listen(engine, "before_cursor_execute", catch)
    queries.list_ids(session, zweige, 19_000, 20_000, 10, absteigend=absteigend)
    event.remove(engine, "before_cursor_execute", catch)
    anweisung, argumente = gefangen[-1]  # Before it, SQLite may say BEGIN.
    frage = "EXPLAIN" if engine.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
    zeilen = session.connection().exec_driver_sql(f"{frage} {anweisung}", argumente)
    return [zeile[-1] for zeile in zeilen if "ereignis " in f"{zeile[-1]} "]


@pytest.mark.parametrize("absteigend", [False, True])
def test_the_index_of_each_filter(engine, session, fuelle, absteigend):
    alle = visible_arten(frozenset({Rolle.ADMIN}), eigene=False)
    faelle = {
        "ix_ereignis_art": queries.branches(visible_arten(frozenset({Rolle.ANALYSE}), eigene=False), None, None),
        "ix_ereignis_folge": queries.branches(alle, "stromzaehler", 7)
        + queries.branches_of_kunde(alle, [Zeitraum(8, JETZT, None), Zeitraum(9, JETZT, JETZT)]),
    }
    for index, zweige in faelle.items():
        zeilen = plan(session, engine, zweige, absteigend)
        assert len([zeile for zeile in zeilen if index in zeile]) == len(zweige), zeilen

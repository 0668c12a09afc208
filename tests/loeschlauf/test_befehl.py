"""`betreiber loeschen`, and the job that does the same every night."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner
from sqlalchemy import func, select

from betreiber.cli import main
from betreiber.jobs.plan import delete_readings
from db.models import Loeschlauf, Verbrauch
from db.schema import drop_partitionen, ensure_partitionen
from db.session import create_session
from tests.loeschlauf.conftest import NACH, VOR, ZEITEN


@pytest.fixture
def call(settings):
    def call(*argumente):
        umgebung = {
            "MSB_DATEN": str(settings.daten),
            "MSB_DATABASE_URL": settings.datenbank,
            "MSB_UHR_START": "2026-06-15T10:00:00Z",
            "MSB_UHR_BEZUG": datetime.now(UTC).isoformat(),
        }
        ergebnis = CliRunner(env=umgebung).invoke(main, ["loeschen", *argumente])
        assert ergebnis.exit_code == 0, ergebnis.output
        return ergebnis.stdout

    return call


def rows(engine):
    with create_session(engine, lesen=True) as session:
        return session.scalar(select(func.count()).select_from(Verbrauch))


def test_the_command_tells_first_and_deletes_on_request(call, engine, strasse):
    probe = call()
    assert "gemessen vor dem 01.01.2023: 6 Zähler" in probe
    assert f"verbrauch: {6 * VOR} Zeilen" in probe
    assert rows(engine) == 6 * len(ZEITEN)
    assert f"verbrauch: {6 * VOR} Zeilen" in call("--ausfuehren")
    assert rows(engine) == 6 * NACH
    assert call("--ausfuehren") == "Nichts zu löschen.\n"


def test_the_job_deletes_once_and_never_when_it_is_switched_off(settings, engine, strasse):
    heute = replace(settings, uhr_start=datetime(2026, 6, 15, 10, tzinfo=UTC), uhr_bezug=datetime.now(UTC))
    assert delete_readings(replace(heute, loeschlauf_aktiv=False), engine) == 0
    assert [delete_readings(heute, engine) for _ in range(2)] == [6 * VOR + 6, 0]
    with create_session(engine, lesen=True) as session:
        assert session.scalars(select(Loeschlauf.akteur)).all() == ["system:jobs"]


def test_only_empty_partitions_are_dropped(engine, strasse):
    """Readings of December 2022 and of the new year, UTC; January lies in one partition, February is empty."""
    if engine.dialect.name == "sqlite":
        assert drop_partitionen(engine, datetime(2030, 1, 1, tzinfo=UTC)) == []
        return
    ensure_partitionen(engine, datetime(2023, 2, 1, tzinfo=UTC), datetime(2023, 4, 1, tzinfo=UTC))
    assert drop_partitionen(engine, datetime(2023, 3, 15, tzinfo=UTC)) == ["verbrauch_p2023_02"]
    assert drop_partitionen(engine, datetime(2023, 3, 15, tzinfo=UTC)) == []
    assert rows(engine) == 6 * len(ZEITEN)

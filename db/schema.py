"""The schema as a whole: bring a database up to date, tell its state, make partitions in time, drop empty ones."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError

_FOLDER = str(Path(__file__).parent / "migrations")


def alembic_config(connection: Connection) -> Config:
    """The configuration of Alembic for one open connection."""
    config = Config()
    config.set_main_option("script_location", _FOLDER)
    config.attributes["connection"] = connection
    return config


def upgrade(engine: Engine) -> None:
    """Apply every migration that is missing, each in its transaction; harmless when none is."""
    with engine.begin() as connection:
        command.upgrade(alembic_config(connection), "head")


def state(engine: Engine) -> tuple[str | None, str | None]:
    """The revision of the database and the newest one that this program knows: equal = up to date."""
    with engine.connect() as connection:
        stand = MigrationContext.configure(connection).get_current_revision()
    return stand, _newest()


def knows(revision: str) -> bool:
    """Whether this program has the migration of that name, so that it can bring such tables up to date."""
    return revision in {migration.revision for migration in ScriptDirectory(_FOLDER).walk_revisions()}


@cache
def _newest() -> str | None:
    """Read once: it cannot change while this program runs, and health probes ask for it all the time."""
    return ScriptDirectory(_FOLDER).get_current_head()


def ensure_partitionen(engine: Engine, von: datetime, bis: datetime) -> list[str]:
    """Make the monthly partitions (UTC) of `verbrauch` for every month that [von, bis) touches; idempotent.

    Returns the names of the new ones. A month of which readings already lie in the DEFAULT partition is left
    there: PostgreSQL refuses to make its partition, and no reading is lost by it. On SQLite there are none.
    """
    if engine.dialect.name != "postgresql":
        return []
    neu = []
    with engine.begin() as connection:
        # One maker at a time; several processes may start at once.
        connection.execute(text("SELECT pg_advisory_xact_lock(8000900)"))
        for anfang, ende in _months(von, bis):
            name = f"verbrauch_p{anfang:%Y_%m}"
            grenzen = {"von": int(anfang.timestamp()), "bis": int(ende.timestamp())}
            if connection.scalar(text("SELECT to_regclass(:name)"), {"name": name}) is not None:
                continue
            im_default = "SELECT 1 FROM verbrauch_p_default WHERE uhrzeit >= :von AND uhrzeit < :bis LIMIT 1"
            if connection.scalar(text(im_default), grenzen) is not None:
                continue
            # Bounds of a partition cannot be bound parameters; these are integers of our own.
            connection.execute(
                text(
                    f"CREATE TABLE {name} PARTITION OF verbrauch"
                    f" FOR VALUES FROM ({grenzen['von']}) TO ({grenzen['bis']})"
                )
            )
            neu.append(name)
    return neu


def drop_partitionen(engine: Engine, vor: datetime) -> list[str]:
    """Drop the monthly partitions of `verbrauch` that end by `vor` and are empty; idempotent. Returns their names.

    One that cannot be had within a second is left for the next time: everybody else would wait behind us.
    """
    if engine.dialect.name != "postgresql":
        return []
    weg = []
    with engine.connect() as connection:
        namen = connection.scalars(text("SELECT relid::regclass::text FROM pg_partition_tree('verbrauch')")).all()
        for name in sorted(name for name in namen if re.fullmatch(r"verbrauch_p\d{4}_\d{2}", name)):
            monat = datetime.strptime(name, "verbrauch_p%Y_%m").replace(tzinfo=UTC)
            ((_, ende),) = _months(monat, monat + timedelta(days=1))
            if ende > vor:
                continue
            connection.execute(text("SET LOCAL lock_timeout = '1s'"))
            try:
                # Under it nobody writes: what comes in afterwards goes to the DEFAULT partition.
                connection.execute(text("LOCK TABLE ONLY verbrauch"))
                if connection.scalar(text(f"SELECT 1 FROM {name} LIMIT 1")) is None:  # noqa: S608 - see above
                    connection.execute(text(f"DROP TABLE {name}"))
                    weg.append(name)
                connection.commit()
            except OperationalError:
                connection.rollback()
    return weg


def _months(von: datetime, bis: datetime) -> Iterator[tuple[datetime, datetime]]:
    anfang = datetime(von.astimezone(UTC).year, von.astimezone(UTC).month, 1, tzinfo=UTC)
    while anfang < bis:
        ende = anfang.replace(year=anfang.year + anfang.month // 12, month=anfang.month % 12 + 1)
        yield anfang, ende
        anfang = ende

"""A real operator: processes, TLS sockets, a database; one for all tests of this folder and kind of database."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from scripts.betreiberprozess import ApiKlient, Betreiberprozess
from scripts.stammdaten import PERSONAL, PERSONAL_PASSWORT, create_staff
from tests import postgres

# Cheap password hashing: these tests are about processes and sockets.
BILLIG = {"MSB_ARGON2_ZEIT": "1", "MSB_ARGON2_SPEICHER_KIB": "64", "MSB_ABLESUNG_HOECHSTALTER_TAGE": "36500"}


@contextlib.contextmanager
def empty_database(name: str) -> Iterator[str]:
    """An empty PostgreSQL database."""
    if "TEST_POSTGRES_URL" not in os.environ:
        pytest.skip(postgres.GRUND)
    verwaltung = os.environ["TEST_POSTGRES_URL"]
    name = f"{name}_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
    with psycopg.connect(verwaltung, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    try:
        yield f"{verwaltung.rsplit('/', 1)[0]}/{name}"
    finally:
        with psycopg.connect(verwaltung, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def betreiber(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Betreiberprozess]:
    """A running operator."""
    with contextlib.ExitStack() as stapel:
        umgebung = dict(BILLIG)
        if request.param == "postgresql":
            umgebung["MSB_DATABASE_URL"] = stapel.enter_context(empty_database("e2e"))
        prozess = Betreiberprozess(tmp_path_factory.mktemp(f"betreiber-{request.param}"), umgebung)
        stapel.enter_context(prozess)
        create_staff(prozess, PERSONAL, PERSONAL_PASSWORT, "sachbearbeitung", "wartung")
        yield prozess


@pytest.fixture(scope="module")
def personal(betreiber: Betreiberprozess) -> Iterator[ApiKlient]:
    """A clerk and planner in one person."""
    with ApiKlient(betreiber.url) as klient:
        klient.login(PERSONAL, PERSONAL_PASSWORT)
        yield klient


@pytest.fixture
def ordner(tmp_path: Path) -> Path:
    """The folder of a meter."""
    return tmp_path / "zaehler"

"""Where a backup is restored to."""

import pytest
from sqlalchemy import text

from tests.conftest import _named


@pytest.fixture
def ziel(request, datenbank, tmp_path):
    """The address of an empty database of the same kind."""
    if datenbank.startswith("sqlite"):
        yield f"sqlite:///{tmp_path}/anderswo/betreiber.db"
        return
    verwaltung, vorlage = request.getfixturevalue("postgres_vorlage")
    name = f"{vorlage}_leer"
    with verwaltung.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
        yield _named(name)
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))

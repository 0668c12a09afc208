"""House tests ask how the project is built, not which database it has: they run on SQLite alone."""

import pytest


@pytest.fixture
def datenbank(sqlite_url: str) -> str:
    return sqlite_url

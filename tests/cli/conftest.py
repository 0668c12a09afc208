"""The command `betreiber pki` on a SQLite file and a data folder of the test's own."""

import pytest
from click.testing import CliRunner

from betreiber.cli import main


@pytest.fixture
def call(tmp_path, sqlite_url):
    """Call `betreiber pki` with these arguments; `eingabe` is what a person types, the rest are settings."""

    def call(*argumente, eingabe=None, **umgebung):
        fest = {"MSB_DATEN": str(tmp_path), "MSB_DATABASE_URL": sqlite_url}
        return CliRunner(env=fest | umgebung).invoke(main, ["pki", *argumente], input=eingabe)

    return call

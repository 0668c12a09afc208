"""The meters of these tests; each gets a number of its own, so that they can share a database."""

from collections.abc import Callable

import pytest
from sqlalchemy.orm import Session

from tests.ablesung.speicher.lager import Lager


@pytest.fixture
def make_lager(session: Session) -> Callable[[], Lager]:
    return lambda: Lager(session)


@pytest.fixture
def lager(make_lager: Callable[[], Lager]) -> Lager:
    return make_lager()

"""What these tests share."""

import pytest

from tests.stoerungen.hilfen import Buehne


@pytest.fixture
def buehne(engine, welt, uhr):
    return Buehne(engine, welt, uhr)

"""An enrolled meter, as the tests of the readings have it; households, as those of deletion have them."""

from tests.ablesung.conftest import jetzt, tabellen, zaehler  # noqa: F401 - fixtures
from tests.loeschlauf.conftest import haushalt, strasse  # noqa: F401 - fixtures

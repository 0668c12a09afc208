"""What tests of Verbrauch share."""

from tests.fragen import ablage, fragen, kunde  # noqa: F401 - fixtures

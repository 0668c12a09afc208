"""What tests of evaluations share."""

from tests.fragen import ablage, fragen, kunde  # noqa: F401 - fixtures

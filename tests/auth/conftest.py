"""Fixtures of the tests of logging in."""

from tests.auth.hilfen import passwoerter

__all__ = ["passwoerter"]

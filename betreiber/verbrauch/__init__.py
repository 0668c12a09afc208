"""Verbrauch of a period: the difference of the register at its edges."""

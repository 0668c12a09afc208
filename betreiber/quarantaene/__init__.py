"""Quarantine: readings that are stored and not used, until staff have decided."""

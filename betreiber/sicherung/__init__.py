"""Backups of the database: make one while the operator runs, restore it, prove that it is the same."""

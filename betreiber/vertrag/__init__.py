"""Verträge: a customer at a Messstelle."""

"""Kunden: personal data."""

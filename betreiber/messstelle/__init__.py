"""Messstellen: where meters hang."""

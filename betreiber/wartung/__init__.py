"""Wartung: the maintenance data of meters."""

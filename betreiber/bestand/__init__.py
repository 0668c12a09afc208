"""Bestand: customers, places, meters and contracts that an operator has already, taken in from CSV files."""

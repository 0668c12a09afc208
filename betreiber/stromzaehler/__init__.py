"""Stromzähler: the devices, and whose they are when."""

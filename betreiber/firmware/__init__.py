"""Firmware of meters: signed images, and which meters are offered which."""

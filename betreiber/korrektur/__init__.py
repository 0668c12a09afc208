"""Corrections: staff put a reading right, and everybody sees what changed."""

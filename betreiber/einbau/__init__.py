"""Einbauten: which meter hangs at which Messstelle when."""

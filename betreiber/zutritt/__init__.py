"""Zutritt: letters that announce a fitter's visit to a flat."""

"""Tarife: the price sheets that contracts refer to."""

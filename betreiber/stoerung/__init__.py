"""Störungen: meters that have fallen silent or are sick, found by a sweep over their last signs of life."""

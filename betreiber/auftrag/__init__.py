"""Auftrag: the work of fitters at a Messstelle, from the plan to the proof."""

"""Deletion of readings whose time is over, and the sums without persons that remain of them."""

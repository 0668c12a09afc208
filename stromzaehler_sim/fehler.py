"""The errors of the simulated meter; their texts are German, because the person at the meter reads them."""

from __future__ import annotations


class SimulationFehler(Exception):
    """Base of everything the simulated meter raises on purpose."""


class UhrUngueltig(SimulationFehler):
    """A setting of the clock is not usable."""


class LastprofilUngueltig(SimulationFehler):
    """The load profile is not usable: file, column, value or setting."""


class LastprofilZuEnde(SimulationFehler):
    """A series has no value for the asked quarter hour."""


class ZaehlwerkFehler(SimulationFehler):
    """The register cannot be opened, or was asked for something that would make it fall."""


class MobilfunkFehler(SimulationFehler):
    """The SIM card or a setting of the mobile link is not usable."""


class FlotteUngueltig(SimulationFehler):
    """A fleet cannot be run as it was asked for."""

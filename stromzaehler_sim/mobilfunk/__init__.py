"""The mobile link: SIM, radio, a model of the way to the operator."""

from stromzaehler_sim.mobilfunk.modem import Modem, Modemstatus
from stromzaehler_sim.mobilfunk.sim import SimZustand

__all__ = ["Modem", "Modemstatus", "SimZustand"]

"""The simulated meter: register, load, clock, display. It communicates through `gateway`."""

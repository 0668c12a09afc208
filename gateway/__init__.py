"""The communication unit of a meter: reads, buffers, seals, sends; connections only go outwards."""

from gateway.gateway import Gateway

__all__ = ["Gateway"]

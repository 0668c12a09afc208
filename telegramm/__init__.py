"""The wire format of profile msb-1, sans-IO: bytes in, bytes out; no clock, no socket, no database."""

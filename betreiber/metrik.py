"""Prometheus metrics. Under several processes they meet in PROMETHEUS_MULTIPROC_DIR."""

from prometheus_client import Counter, Histogram

ANFRAGEN = Counter("msb_anfragen_total", "Answered HTTP requests", ["method", "route", "status"])
ANTWORTZEIT = Histogram("msb_antwortzeit_sekunden", "Time to answer a request", ["route"])
ABLESUNGEN = Counter("msb_ablesungen_total", "Readings taken in, by result", ["ergebnis"])
ABWEISUNGEN = Counter("msb_abweisungen_total", "Refused requests of devices, by code", ["code"])

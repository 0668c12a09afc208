"""Prometheus metrics. Under several processes they meet in PROMETHEUS_MULTIPROC_DIR."""

from prometheus_client import Counter, Gauge, Histogram

ANFRAGEN = Counter("msb_anfragen_total", "Answered HTTP requests", ["method", "route", "status"])
ANTWORTZEIT = Histogram("msb_antwortzeit_sekunden", "Time to answer a request", ["route"])
ABLESUNGEN = Counter("msb_ablesungen_total", "Readings taken in, by result", ["ergebnis"])
ABWEISUNGEN = Counter("msb_abweisungen_total", "Refused requests of devices, by code", ["code"])
AUFTRAEGE = Counter("msb_auftraege_total", "Work orders that reached a state", ["art", "zustand"])
AUFTRAEGE_PUENKTLICH = Counter(
    "msb_auftraege_puenktlich_total", "Work orders done on their day or before", ["art"]
)
BESUCHE_FEHLGESCHLAGEN = Counter("msb_besuche_fehlgeschlagen_total", "Visits of fitters that failed", ["art"])
REPARATURDAUER = Histogram(
    "msb_reparaturdauer_sekunden",
    "Time from the order to the end of a repair",
    buckets=[tage * 86_400 for tage in (1, 2, 3, 5, 7, 14, 28, 56)],
)
# Of the newest sweep: one process writes them, and the one before it may have left its own.
STOERUNGEN = Gauge(
    "msb_stoerungen_offen",
    "Open Stoerungen of meters, by kind and degree",
    ["art", "stufe"],
    multiprocess_mode="mostrecent",
)
WARTUNGEN_FAELLIG = Gauge(
    "msb_wartungen_faellig",
    "Meters that hang and whose maintenance is due this month, by reason",
    ["anlass"],
    multiprocess_mode="mostrecent",
)
WARTUNGEN_UEBERFAELLIG = Gauge(
    "msb_wartungen_ueberfaellig",
    "Meters that hang and whose maintenance was due before today, by reason",
    ["anlass"],
    multiprocess_mode="mostrecent",
)
EICHFRIST_ABGELAUFEN = Gauge(
    "msb_eichfrist_abgelaufen", "Meters that hang and whose Eichfrist is over", multiprocess_mode="mostrecent"
)
STUMM_ANTEIL = Gauge(
    "msb_stumm_anteil", "Silent meters as a share of all that are watched", multiprocess_mode="mostrecent"
)

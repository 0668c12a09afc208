"""The storage of readings: the one way in and out of `verbrauch`, on SQLite and PostgreSQL.

Callers never know where a value lies: in a row of its own, or in the block of its day. Times are seconds since
1970, both ends of a stretch of readings included; periods [von, bis) are half-open. Nothing here commits.
"""

from betreiber.ablesung.domain import Ablesung
from betreiber.ablesung.speicher.abschnitte import fleet_sections, iter_zaehlwerke, sections, set_sections
from betreiber.ablesung.speicher.aendern import remove, replace
from betreiber.ablesung.speicher.falten import count_foldable, count_without_partition, fold, list_foldable
from betreiber.ablesung.speicher.fassungen import Fassung, versions
from betreiber.ablesung.speicher.fehlen import declare_lost, known, lost
from betreiber.ablesung.speicher.kanten import Kanten, edges
from betreiber.ablesung.speicher.lesen import (
    earliest,
    fleet_registers,
    iter_series,
    newest,
    register_series,
    registers,
    series,
)
from betreiber.ablesung.speicher.loeschen import count_before, delete_before, earliest_of, meters_before
from betreiber.ablesung.speicher.schreiben import Posten, lock, recall, write
from betreiber.ablesung.speicher.tage import count, page, runs
from betreiber.ablesung.speicher.umgebung import search

__all__ = [
    "Ablesung",
    "Fassung",
    "Kanten",
    "Posten",
    "count",
    "count_before",
    "count_foldable",
    "count_without_partition",
    "declare_lost",
    "delete_before",
    "earliest",
    "earliest_of",
    "edges",
    "fleet_registers",
    "fleet_sections",
    "fold",
    "iter_series",
    "iter_zaehlwerke",
    "known",
    "list_foldable",
    "lock",
    "lost",
    "meters_before",
    "newest",
    "page",
    "recall",
    "register_series",
    "registers",
    "remove",
    "replace",
    "runs",
    "search",
    "sections",
    "series",
    "set_sections",
    "versions",
    "write",
]

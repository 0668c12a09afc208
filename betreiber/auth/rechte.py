"""The table of rights: `rechte.csv`, a row a route and a column a role, read by the code and by the tests.

A cell says `alle` (every object), `eigene` (the service checks whose object it is) or nothing (403). A row
with `offen` in the column `jeder` needs no login. With a route that has no row, the app does not start.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from betreiber.auth.domain import Rolle, Umfang


@dataclass(frozen=True)
class Recht:
    """Who may call one route."""

    offen: bool
    rollen: Mapping[Rolle, Umfang]

    def umfang(self, rollen: frozenset[Rolle]) -> Umfang | None:
        """The widest right that these roles give, None without any."""
        rechte = {self.rollen[rolle] for rolle in rollen if rolle in self.rollen}
        if not rechte:
            return None
        return Umfang.ALLE if Umfang.ALLE in rechte else Umfang.EIGENE


@cache
def load_rechte() -> dict[tuple[str, str], Recht]:
    """The table, keyed by method and route as Flask spells it: ("GET", "/v1/kunden/<id:kunde_id>")."""
    rechte = {}
    with (files("betreiber.auth") / "rechte.csv").open(encoding="utf-8") as datei:
        for zeile in csv.DictReader(datei):
            rollen = {rolle: Umfang(zeile[rolle]) for rolle in Rolle if zeile[rolle]}
            rechte[zeile["methode"], zeile["route"]] = Recht(zeile["jeder"] == "offen", rollen)
    return rechte

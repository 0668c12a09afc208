"""Who acts, in which roles, and on whose data. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from betreiber.errors import NichtGefunden


class Rolle(StrEnum):
    """The departments of the operator, and the customer."""

    KUNDE = "kunde"
    SACHBEARBEITUNG = "sachbearbeitung"
    WARTUNG = "wartung"
    MONTEUR = "monteur"
    TARIF = "tarif"
    BUCHHALTUNG = "buchhaltung"
    ANALYSE = "analyse"
    ADMIN = "admin"


class Umfang(StrEnum):
    """What a role may do on a route: on all objects, or on its own only. The words of `rechte.csv`."""

    ALLE = "alle"
    EIGENE = "eigene"


class Codezweck(StrEnum):
    """What a one-time code is good for."""

    EINLADUNG = "EINLADUNG"
    PASSWORT = "PASSWORT"


@dataclass(frozen=True, slots=True)
class Akteur:
    """Who acts in a use case and at which instant: every row that the use case writes bears the same time."""

    name: str
    zeitpunkt: datetime
    umfang: Umfang
    benutzer_id: int | None = None
    rollen: frozenset[Rolle] = frozenset()
    kunde_id: int | None = None
    sitzungsfamilie_id: str | None = None

    @property
    def sees_all(self) -> bool:
        """Whether this person may see objects of every customer in this use case."""
        return self.umfang is Umfang.ALLE

    def check_kunde(self, kunde_id: int) -> None:
        """Raise NichtGefunden unless this person may see that customer's data."""
        if not self.sees_all and (self.kunde_id is None or self.kunde_id != kunde_id):
            raise NichtGefunden


def system_akteur(name: str, zeitpunkt: datetime) -> Akteur:
    """Somebody at the command line, or a job: everything that the operator itself may do."""
    return Akteur(name=f"system:{name}", zeitpunkt=zeitpunkt, umfang=Umfang.ALLE)

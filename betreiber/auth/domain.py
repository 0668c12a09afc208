"""Who acts, in which roles, and on whose data. Pure."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from betreiber.errors import EingabeUngueltig, NichtGefunden

PASSWORT_MINDESTENS = 12  # OWASP ASVS 5.0, 6.2.1 asks for at least 8 and recommends 15.
PASSWORT_HOECHSTENS = 200
PASSWORT_ZEICHENVORRAT = 5
# ASCII only: names that differ only for a machine would be two people, whose codes go to one mailbox.
_BENUTZERNAME = re.compile(r"[a-z0-9.!#$%&'*+/=^_|~@\-]{1,254}")
# Shorter parts of a name stand in too many good passwords.
_NAMENSTEIL_MINDESTENS = 4


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


def normalize_benutzername(name: str) -> str:
    """The one spelling under which a name is stored, looked up and counted."""
    return unicodedata.normalize("NFC", name).strip().casefold()


def check_benutzername(name: str) -> None:
    """Refuse a normalized name that could be taken for another one. Raises EingabeUngueltig."""
    if not _BENUTZERNAME.fullmatch(name):
        raise EingabeUngueltig(
            "Der Benutzername darf nur aus Buchstaben ohne Umlaute, Ziffern und den Zeichen einer"
            " E-Mail-Adresse bestehen.",
            feld="benutzername",
        )


def check_passwort(benutzername: str, passwort: str, feld: str = "passwort") -> None:
    """Refuse a password that is easily guessed. `feld` is its name in the request. Raises EingabeUngueltig."""
    if not PASSWORT_MINDESTENS <= len(passwort) <= PASSWORT_HOECHSTENS:
        raise EingabeUngueltig(
            f"Das Passwort braucht {PASSWORT_MINDESTENS} bis {PASSWORT_HOECHSTENS} Zeichen.", feld=feld
        )
    if len(set(passwort)) < PASSWORT_ZEICHENVORRAT:
        raise EingabeUngueltig(
            f"Das Passwort braucht mindestens {PASSWORT_ZEICHENVORRAT} verschiedene Zeichen.", feld=feld
        )
    teile = (benutzername, benutzername.partition("@")[0])
    if any(len(teil) >= _NAMENSTEIL_MINDESTENS and teil.casefold() in passwort.casefold() for teil in teile):
        raise EingabeUngueltig("Das Passwort darf den Benutzernamen nicht enthalten.", feld=feld)


def system_akteur(name: str, zeitpunkt: datetime) -> Akteur:
    """Somebody at the command line, or a job: everything that the operator itself may do."""
    return Akteur(name=f"system:{name}", zeitpunkt=zeitpunkt, umfang=Umfang.ALLE)

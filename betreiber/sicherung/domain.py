"""What a backup says of itself, and how two states of the readings are compared. Pure."""

import hashlib
import json
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import groupby, zip_longest

from betreiber.ablesung.domain import Ablesung
from betreiber.errors import BetreiberError

FORMAT = 1
MANIFEST = "manifest.json"
# Enough to tell months apart: 64 bits of SHA-256.
_STELLEN = 16
# What stands for "no power": no meter measures it.
_OHNE_LEISTUNG = -(2**63)


class SicherungUngueltig(BetreiberError):
    """A backup that cannot be restored, or a place for which it is not meant; `detail` says what to do."""

    code = "sicherung_ungueltig"
    titel = "Sicherung ungültig"


@dataclass(frozen=True, slots=True)
class Pruefsumme:
    """The readings of one meter and month (UTC): how many, and SHA-256 of all their fields (64 bits)."""

    stromzaehler_id: int
    monat: str
    anzahl: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What lies in a backup. `zeilen`: rows by table; `stichprobe`: every how manyth meter has checksums."""

    format: int
    erstellt: str
    datenbank: str
    schema: str
    datei: str
    datei_sha256: str
    pruefsummen_sha256: str
    stichprobe: int
    zeilen: Mapping[str, int]

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2, ensure_ascii=False, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> "Manifest":
        """Raises SicherungUngueltig for what is no manifest of this format."""
        try:
            werte = json.loads(text)
            if werte["format"] != FORMAT:
                raise SicherungUngueltig(
                    f"Die Sicherung hat das Format {werte['format']}, dieses Programm liest {FORMAT}."
                )
            return cls(**werte)
        except (ValueError, TypeError, KeyError) as error:
            raise SicherungUngueltig(f"{MANIFEST} ist nicht lesbar: die Sicherung ist beschädigt.") from error


@dataclass(frozen=True, slots=True)
class Vergleich:
    """A restored database beside its backup: rows and checksums compared, one line for each difference."""

    zeilen: int
    pruefsummen: int
    unterschiede: list[str]


def sum_months(stromzaehler_id: int, ablesungen: Iterable[tuple[str, Ablesung]]) -> Iterator[Pruefsumme]:
    """One checksum for each month of a meter's readings, which come ascending, each with its month.

    Every field counts, where a reading lies does not: rows and blocks of the same readings give the same.
    """
    for monat, gruppe in groupby(ablesungen, key=lambda paar: paar[0]):
        anzahl, summe = 0, hashlib.sha256()
        for _, ablesung in gruppe:
            leistung = _OHNE_LEISTUNG if ablesung.leistung_w is None else ablesung.leistung_w
            summe.update(struct.pack(">8q", *ablesung[:3], leistung, *ablesung[4:]))
            anzahl += 1
        yield Pruefsumme(stromzaehler_id, monat, anzahl, summe.hexdigest()[:_STELLEN])


def format_pruefsumme(summe: Pruefsumme) -> str:
    """One line of the file of checksums."""
    return f"{summe.stromzaehler_id};{summe.monat};{summe.anzahl};{summe.sha256}"


def compare(gesichert: Iterable[str], gefunden: Iterable[str]) -> tuple[int, list[str]]:
    """How many checksums the backup has; one line for each that is only in it, or only in the restored database.

    Both come in the same order: as long as they are equal none of them stays in memory.
    """
    anzahl = 0
    alt, neu = {""}, {""}
    for vorher, nachher in zip_longest(gesichert, gefunden, fillvalue=""):
        anzahl += vorher != ""
        if vorher != nachher:
            alt.add(vorher)
            neu.add(nachher)
    fehlt, zuviel = sorted(alt - neu), sorted(neu - alt)
    return anzahl, [f"fehlt: {zeile}" for zeile in fehlt] + [f"zuviel: {zeile}" for zeile in zuviel]

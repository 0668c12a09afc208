"""What a file of the inventory may hold, and what becomes of its lines. Pure."""

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from betreiber.errors import BetreiberError, EingabeUngueltig, KonfliktFehler

WEICHT_AB = "bestand_weicht_ab"


class Satz(dict[str, Any]):
    """What a line says, field by field; of the fields `vorgaben` it says nothing, and their values are ours."""

    def __init__(self, werte: Mapping[str, Any], vorgaben: Collection[str] = ()) -> None:
        super().__init__(werte)
        self.vorgaben = frozenset(vorgaben)


class Bestandsart(StrEnum):
    """What the lines of a file are, in the order in which they need each other; files are named so."""

    KUNDEN = "kunden"
    MESSSTELLEN = "messstellen"
    STROMZAEHLER = "stromzaehler"
    VERTRAEGE = "vertraege"


class Ergebnis(StrEnum):
    """What became of a line. GEAENDERT: a meter that was there got the Einbau or the assignment of the line."""

    ANGELEGT = "ANGELEGT"
    GEAENDERT = "GEAENDERT"
    UNVERAENDERT = "UNVERAENDERT"
    ABGELEHNT = "ABGELEHNT"


class Urteil(NamedTuple):
    """What became of a line, and for a clerk: which fields are meant, an error code, what to do."""

    ergebnis: Ergebnis
    feld: str = ""
    code: str = ""
    meldung: str = ""


class Zeile(NamedTuple):
    """A line of a file, counted from 1: what it says, or why it cannot be used."""

    nummer: int
    inhalt: Satz | Urteil


class Berichtszeile(NamedTuple):
    """What became of a line of a file."""

    datei: str
    nummer: int
    urteil: Urteil


class Zeitraum(Protocol):
    """Something that is so up to `bis`; None: still."""

    @property
    def bis(self) -> datetime | None: ...


def art_of(dateiname: str) -> Bestandsart:
    """What the lines of a file are, by the begin of its name. Raises EingabeUngueltig for another name."""
    for art in Bestandsart:
        if dateiname.lower().startswith(art) and dateiname.lower().endswith(".csv"):
            return art
    namen = ", ".join(f"{art}.csv" for art in Bestandsart)
    raise EingabeUngueltig(f"Der Name sagt nicht, was darin steht: nennen Sie die Datei {namen}.")


def judge_each(saetze: Iterable[Satz], judge: Callable[[Satz], Urteil]) -> list[Urteil]:
    """What becomes of each line; one that is refused does not keep its neighbours from being judged."""
    return [_judge_one(satz, judge) for satz in saetze]


def _judge_one(satz: Satz, judge: Callable[[Satz], Urteil]) -> Urteil:
    try:
        return judge(satz)
    except BetreiberError as error:
        return Urteil(Ergebnis.ABGELEHNT, ",".join(error.errors), error.code, error.detail)


def compare(bestehend: object, werte: Mapping[str, Any], vorgaben: Collection[str]) -> Urteil:
    """What becomes of a line whose number is stored already: what is stored stays, and a difference is told.

    A column that is missing and an empty cell say nothing, so the `vorgaben` in their place differ from nothing.
    Since the line was written somebody may have corrected what is stored: a file never overwrites it.
    """
    genannt = {name: wert for name, wert in werte.items() if name not in vorgaben}
    anders = [name for name, wert in genannt.items() if getattr(bestehend, name) != wert]
    if not anders:
        return Urteil(Ergebnis.UNVERAENDERT)
    return Urteil(
        Ergebnis.UNVERAENDERT,
        ",".join(anders),
        WEICHT_AB,
        "Gespeichert ist etwas anderes, und das bleibt. Gilt die Datei, ändern Sie es einzeln.",
    )


def check_same_device(zaehlernummer: str, gespeichert: str, genannt: str) -> None:
    """Raise KonfliktFehler when the serial number of a line is not the one that is stored for its meter.

    For a meter that is to hang where it cannot: it is the number that is wrong then, and not the place.
    """
    if genannt != gespeichert:
        raise KonfliktFehler(
            f"Die Zählernummer {zaehlernummer} gehört schon zu einem anderen Gerät (Seriennummer {gespeichert}). "
            "Prüfen Sie die Zählernummer.",
            code="zaehlernummer_vergeben",
        )


def overlaps(zeitraeume: Iterable[Zeitraum], von: datetime) -> bool:
    """Whether one of the periods lies in a part of [von, ∞)."""
    return any(teil.bis is None or teil.bis > von for teil in zeitraeume)

"""Files as a test writes them."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from betreiber.importlauf.domain import Berichtszeile
from betreiber.importlauf.service import Ergebnis

NUMMER = "1EMH0012345678"
MELO = "DE0005626680200000000000000000012"
EINBAU = datetime(2023, 1, 1, tzinfo=UTC)
VIERTEL = 900


class Einlesung(NamedTuple):
    """What an import said."""

    ergebnis: Ergebnis
    bericht: list[Berichtszeile]

    @property
    def zahlen(self) -> tuple[int, int, int]:
        return self.ergebnis.neu, self.ergebnis.doppelt, self.ergebnis.abgelehnt

    @property
    def abgelehnt(self) -> list[tuple[int, str]]:
        return [(z.position, z.ergebnis) for z in self.bericht if z.ergebnis not in ("NEU", "DOPPELT")]


def sekunden(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


def utc(uhrzeit: int) -> str:
    return datetime.fromtimestamp(uhrzeit, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def staende(von: str, werte: Iterable[int], nummer: str = NUMMER) -> str:
    """A file of registers, a quarter hour apart, with nothing fed in."""
    beginn = sekunden(von)
    zeilen = [f"{nummer};{utc(beginn + VIERTEL * stelle)};{wert};0" for stelle, wert in enumerate(werte)]
    return "\n".join(["zaehlernummer;messzeitpunkt;bezug_gesamt_wh;einspeisung_gesamt_wh", *zeilen, ""])


def energien(von: str, werte: Iterable[int], nummer: str = NUMMER) -> str:
    """A file of energies of quarter hours."""
    beginn = sekunden(von)
    zeilen = [f"{nummer};{utc(beginn + VIERTEL * stelle)};{wert}" for stelle, wert in enumerate(werte)]
    return "\n".join(["zaehlernummer;von;bezug_wh", *zeilen, ""])


def mscons(*reihen: Sequence[str], ort: str = MELO, segmente: int | None = None, test: str = "") -> bytes:
    """An interchange with one message; each of `reihen`: an OBIS code and its segments behind PIA."""
    inhalt = [
        "UNH+1+MSCONS:D:04B:UN:2.4c",
        "BGM+7+MSI5422+9",
        "DTM+137:202611010000?+00:303",
        "UNS+D",
        "NAD+DP",
        f"LOC+172+{ort}",
        *(zeile for obis, *werte in reihen for zeile in ["LIN+1", f"PIA+5+{obis.replace(':', '?:')}:SRW", *werte]),
    ]
    ganz = [
        f"UNB+UNOC:3+4012345678901:14+4012345678901:14+261101:0000+ABC++TL++++{test}",
        *inhalt,
        f"UNT+{segmente or len(inhalt) + 1}+1",
        "UNZ+1+ABC",
    ]
    return ("UNA:+.? '\r\n" + "".join(f"{zeile}'\r\n" for zeile in ganz)).encode("latin-1")


def mscons_werte(von: str, werte: Iterable[str], art: str = "220") -> list[str]:
    """The segments of energies in kWh, a quarter hour each, in local time of the offset +00."""
    beginn = sekunden(von)
    zeilen = []
    for stelle, wert in enumerate(werte):
        anfang, ende = (
            datetime.fromtimestamp(beginn + VIERTEL * kante, UTC).strftime("%Y%m%d%H%M?+00:303")
            for kante in (stelle, stelle + 1)
        )
        zeilen += [f"QTY+{art}:{wert}", f"DTM+163:{anfang}", f"DTM+164:{ende}"]
    return zeilen

"""What a file of readings says, how energies become registers, and what its report tells. Pure.

Energies of quarter hours say how far a register moves, not where it stands. So intervals that follow each other
without a gap are one Lauf, and one register that is known at one of its edges gives all others. What flowed in a
gap nobody knows: behind it a new Lauf begins, which needs a register of its own.
"""

from array import array
from bisect import bisect_left, bisect_right
from datetime import UTC, datetime
from typing import NamedTuple

from betreiber.ablesung.domain import Befund, Qualitaet
from betreiber.ablesung.zaehlwerk import Zaehlwerk

ABGEWIESEN = "ABGEWIESEN"
# 10 GWh in a quarter hour are beyond every meter; sums of millions of lines stay within 64 bits.
ENERGIE_HOECHSTENS_WH = 10**10
# An instant before electronic meters or beyond every plan is a slip; at the ends of the calendar it could not even
# be shown in another time zone.
_ZEITEN = (datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC))
_QUARANTAENE = "Die Ablesung liegt in der Quarantäne; die Sachbearbeitung entscheidet dort."
HINWEISE = {
    Befund.NEU: "",
    Befund.DOPPELT: "War schon gespeichert.",
    Befund.KONFLIKT: f"Zu diesem Zeitpunkt ist ein anderer Wert gespeichert, der gilt. {_QUARANTAENE}",
    Befund.RUECKLAUF: f"Das Zählwerk liefe gegenüber einer Nachbarablesung zurück. {_QUARANTAENE}",
    Befund.ZUKUNFT: f"Der Zeitpunkt liegt in der Zukunft. {_QUARANTAENE}",
    Befund.ZU_ALT: f"Der Zeitpunkt liegt vor dem ersten Einbau des Zählers. {_QUARANTAENE}",
    Befund.LEISTUNG: f"Mehr, als der Anschluss hergibt. {_QUARANTAENE}",
}


def as_uhrzeit(zeitpunkt: datetime) -> int:
    """Seconds since 1970 of an instant. Raises ValueError for one of which no meter has a reading."""
    if not _ZEITEN[0] <= zeitpunkt < _ZEITEN[1]:
        raise ValueError(f"not from {_ZEITEN[0].year} to {_ZEITEN[1].year - 1}")
    return int(zeitpunkt.timestamp())


class Messzeile(NamedTuple):
    """Registers of a meter at an instant; `position`: line or number of the value, from 1."""

    position: int
    zaehlernummer: str
    uhrzeit: int
    bezug_wh: int
    einspeisung_wh: int
    leistung_w: int | None


class Intervall(NamedTuple):
    """Energy of [von, bis) at a meter, Marktlokation or Messlokation (`ort`)."""

    position: int
    ort: str
    von: int
    bis: int
    bezug_wh: int
    einspeisung_wh: int
    qualitaet: Qualitaet


class Fehlzeile(NamedTuple):
    """A line that cannot be used, and what to do about it."""

    position: int
    ort: str
    hinweis: str


Satz = Messzeile | Intervall | Fehlzeile


class Berichtszeile(NamedTuple):
    """What became of a line; `uhrzeit`: of the reading, None where the line has none."""

    position: int
    ort: str
    uhrzeit: int | None
    ergebnis: str
    hinweis: str


class Lauf:
    """Intervals of one meter that follow each other: their edges, and what had flowed at each since the first.

    `anfang`: energy up to the first edge, once it is known; `grund`: why it will not be.
    """

    def __init__(self, von: int) -> None:
        self.kanten = array("q", [von])
        self.bezug = array("q", [0])
        self.einspeisung = array("q", [0])
        self.anfang: tuple[int, int] | None = None
        self.grund = ""

    @property
    def bis(self) -> int:
        return self.kanten[-1]

    def append(self, intervall: Intervall) -> None:
        """Add the interval that begins where the last one ended."""
        self.kanten.append(intervall.bis)
        self.bezug.append(self.bezug[-1] + intervall.bezug_wh)
        self.einspeisung.append(self.einspeisung[-1] + intervall.einspeisung_wh)

    def find(self, kante: int) -> int | None:
        """The number of an edge, None for what is none."""
        stelle = bisect_left(self.kanten, kante)
        return stelle if stelle < len(self.kanten) and self.kanten[stelle] == kante else None

    def anchor(self, kante: int, energie: tuple[int, int]) -> None:
        """Say what had flowed at one of the edges."""
        stelle = bisect_left(self.kanten, kante)
        self.anfang = energie[0] - self.bezug[stelle], energie[1] - self.einspeisung[stelle]

    def energie(self, kante: int) -> tuple[int, int]:
        """What had flowed at one of the edges, once the Lauf has its `anfang`."""
        stelle = bisect_left(self.kanten, kante)
        anfang = self.anfang or (0, 0)
        return anfang[0] + self.bezug[stelle], anfang[1] + self.einspeisung[stelle]


class Reihe:
    """All intervals of one meter in a file. `widerspruch`: the first line that contradicts those before it."""

    def __init__(self) -> None:
        self.laeufe: list[Lauf] = []
        self.widerspruch: int | None = None

    def add(self, intervall: Intervall) -> None:
        """Add the next interval of the file."""
        ende = self.laeufe[-1].bis if self.laeufe else None
        if intervall.bis <= intervall.von or (ende is not None and intervall.von < ende):
            if self.widerspruch is None:
                self.widerspruch = intervall.position
            return
        if ende != intervall.von:
            self.laeufe.append(Lauf(intervall.von))
        self.laeufe[-1].append(intervall)

    def find(self, von: int) -> Lauf:
        """The Lauf with the interval that begins at `von`."""
        return self.laeufe[bisect_right(self.laeufe, von, key=lambda lauf: lauf.kanten[0]) - 1]


def as_register(
    energie: tuple[int, int], uhrzeit: int, zaehlwerk: Zaehlwerk, ueberlauf_wh: int | None
) -> tuple[int, int] | None:
    """What the registers show at `uhrzeit` when so much has flowed (Wh); None where they cannot show it.

    A register behind a transformer shows the `faktor`-th part, and begins anew where its digits end.
    """
    faktor = zaehlwerk.faktor_at(uhrzeit)
    versatz = zaehlwerk.energie(uhrzeit, 0, 0)
    anteile = [menge - weg for menge, weg in zip(energie, versatz, strict=True)]
    if any(anteil < 0 or anteil % faktor for anteil in anteile):
        return None
    bezug_wh, einspeisung_wh = (anteil // faktor for anteil in anteile)
    if ueberlauf_wh is None:
        return bezug_wh, einspeisung_wh
    return bezug_wh % ueberlauf_wh, einspeisung_wh % ueberlauf_wh

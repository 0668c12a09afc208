"""How a register goes on: rollover, exchange of its electronics, another transformer factor. Pure.

A stored reading stays as the device showed it. What has flowed up to an instant is `faktor` x register + versatz
of the section in which it lies, so that a difference over the edge of two sections is exact, whatever happened.

Sections hold sums, so that one look-up gives the energy. Whoever changes one changes the sums of all that follow:
`breaks` takes them apart into what happened at each edge, `build` sums up again.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

Register = tuple[int, int]


class Abschnittsgrund(StrEnum):
    """Why a new section began. What begins at the same instant counts in this order: the alphabet backwards."""

    WECHSEL = "WECHSEL"
    UEBERLAUF = "UEBERLAUF"
    FAKTOR = "FAKTOR"


class Abschnitt(NamedTuple):
    """A section of a register from `ab` on; times in seconds since 1970, offsets in Wh behind the transformer."""

    ab: int
    grund: Abschnittsgrund
    faktor: int
    bezug_versatz_wh: int
    einspeisung_versatz_wh: int
    erfasst: int


class Bruch(NamedTuple):
    """What happened to a register at `ab`, in Wh as the register shows them.

    UEBERLAUF, WECHSEL: by how much it fell although nothing flowed back. FAKTOR: what it showed when `faktor`
    (else None) began to hold; 0 where the same one held before, as it makes no difference there.
    """

    ab: int
    grund: Abschnittsgrund
    bezug_wh: int
    einspeisung_wh: int
    faktor: int | None
    erfasst: int


class Uebergang(NamedTuple):
    """Two measured readings that follow each other (seconds since 1970); which registers rolled over between."""

    frueher: int
    spaeter: int
    bezug: bool
    einspeisung: bool

    def spans(self, zeiten: Iterable[int]) -> bool:
        """Whether one of these times lies after the earlier reading and not after the later one."""
        return any(self.frueher < zeit <= self.spaeter for zeit in zeiten)


class Zaehlwerk:
    """Turns registers into energy that can be compared over all sections of a meter."""

    def __init__(self, faktor: int, abschnitte: Sequence[Abschnitt] = ()) -> None:
        """`faktor`: of the meter, up to the first section; `abschnitte`: ascending."""
        self.faktor = faktor
        self.abschnitte = abschnitte
        self._anfaenge = [abschnitt.ab for abschnitt in abschnitte]
        # Whether the registers themselves are the energy that has flowed.
        self.ist_energie = faktor == 1 and not abschnitte
        self.rollovers = [abschnitt.ab for abschnitt in abschnitte if abschnitt.grund is Abschnittsgrund.UEBERLAUF]

    def energie(self, uhrzeit: int, bezug_wh: int, einspeisung_wh: int) -> Register:
        """The Wh that had flowed at `uhrzeit` when the registers showed this: taken from the grid, fed into it."""
        stelle = bisect_right(self._anfaenge, uhrzeit)
        if stelle == 0:
            return bezug_wh * self.faktor, einspeisung_wh * self.faktor
        abschnitt = self.abschnitte[stelle - 1]
        return (
            bezug_wh * abschnitt.faktor + abschnitt.bezug_versatz_wh,
            einspeisung_wh * abschnitt.faktor + abschnitt.einspeisung_versatz_wh,
        )

    def difference(
        self, frueher: tuple[int, int, int, int | None], spaeter: tuple[int, int, int, int | None]
    ) -> Register:
        """The Wh that flowed between two readings, given as time and registers."""
        if not self.abschnitte:  # As with nearly every meter: many times as fast.
            return (spaeter[1] - frueher[1]) * self.faktor, (spaeter[2] - frueher[2]) * self.faktor
        alt, neu = self.energie(*frueher[:3]), self.energie(*spaeter[:3])
        return neu[0] - alt[0], neu[1] - alt[1]

    def faktor_at(self, uhrzeit: int) -> int:
        """The transformer factor that holds at an instant."""
        if not self.abschnitte:
            return self.faktor
        stelle = bisect_right(self._anfaenge, uhrzeit)
        return self.abschnitte[stelle - 1].faktor if stelle else self.faktor

    def without_rollovers(self) -> "Zaehlwerk":
        """The same register as if its rollovers were not known: by it a reading near one is judged.

        So the judgement of a reading does not depend on whether those around it came before it.
        """
        brueche = breaks(self.faktor, self.abschnitte)
        bleibende = [bruch for bruch in brueche if bruch.grund is not Abschnittsgrund.UEBERLAUF]
        return Zaehlwerk(self.faktor, build(self.faktor, bleibende))


def breaks(faktor: int, abschnitte: Sequence[Abschnitt]) -> list[Bruch]:
    """What happened at the edges of these sections, ascending; `faktor`: of the meter, before the first one."""
    brueche = []
    bezug_wh = einspeisung_wh = 0
    for abschnitt in abschnitte:
        neu = abschnitt.faktor if abschnitt.grund is Abschnittsgrund.FAKTOR else None
        # Behind the edge of a factor the same register means so many times as much as before it. Where that is
        # nothing the offsets do not tell what the register showed.
        teiler = faktor if neu is None else (faktor - neu) or 1
        brueche.append(
            Bruch(
                abschnitt.ab,
                abschnitt.grund,
                (abschnitt.bezug_versatz_wh - bezug_wh) // teiler,
                (abschnitt.einspeisung_versatz_wh - einspeisung_wh) // teiler,
                neu,
                abschnitt.erfasst,
            )
        )
        bezug_wh, einspeisung_wh = abschnitt.bezug_versatz_wh, abschnitt.einspeisung_versatz_wh
        faktor = abschnitt.faktor
    return brueche


def build(faktor: int, brueche: Iterable[Bruch]) -> tuple[Abschnitt, ...]:
    """The sections that follow from what happened, in any order; the inverse of `breaks`."""
    abschnitte = []
    bezug_wh = einspeisung_wh = 0
    rueckwaerts = sorted(brueche, key=lambda bruch: bruch.grund, reverse=True)
    for bruch in sorted(rueckwaerts, key=lambda bruch: bruch.ab):
        sprung = faktor if bruch.faktor is None else faktor - bruch.faktor
        bezug_wh += sprung * bruch.bezug_wh
        einspeisung_wh += sprung * bruch.einspeisung_wh
        faktor = bruch.faktor or faktor
        abschnitte.append(Abschnitt(bruch.ab, bruch.grund, faktor, bezug_wh, einspeisung_wh, bruch.erfasst))
    return tuple(abschnitte)


def begin_rollover(
    faktor: int, abschnitte: Sequence[Abschnitt], ab: int, ueberlauf: Register, erfasst: int
) -> tuple[Abschnitt, ...]:
    """The sections once the registers rolled over before the reading at `ab`.

    `ueberlauf`: where each rolls over, in Wh; 0 for the one that did not.
    """
    return _with(faktor, abschnitte, Bruch(ab, Abschnittsgrund.UEBERLAUF, *ueberlauf, None, erfasst))


def begin_anew(
    faktor: int, abschnitte: Sequence[Abschnitt], ab: int, schluss: Register, anfang: Register, erfasst: int
) -> tuple[Abschnitt, ...]:
    """The sections once the registers ended at `schluss` and began anew at `anfang`, the reading at `ab`; Wh."""
    fall = (schluss[0] - anfang[0], schluss[1] - anfang[1])
    return _with(faktor, abschnitte, Bruch(ab, Abschnittsgrund.WECHSEL, *fall, None, erfasst))


def begin_factor(
    faktor: int,
    abschnitte: Sequence[Abschnitt],
    ab: int,
    neuer_faktor: int,
    staende: Mapping[int, Register],
    erfasst: int,
) -> tuple[Abschnitt, ...]:
    """The sections once another transformer factor holds from `ab` on; one that holds there already begins none.

    `staende`: what the registers showed (Wh) at `ab` and wherever a factor began. A section that was declared
    stays where an earlier one makes it equal: when that is put right it counts again.
    """
    andere = [
        bruch._replace(bezug_wh=staende[bruch.ab][0], einspeisung_wh=staende[bruch.ab][1])
        if bruch.grund is Abschnittsgrund.FAKTOR and bruch.ab in staende
        else bruch
        for bruch in _others(faktor, abschnitte, ab, Abschnittsgrund.FAKTOR)
    ]
    ohne = build(faktor, andere)
    if Zaehlwerk(faktor, ohne).faktor_at(ab) == neuer_faktor:
        return ohne
    return build(faktor, [*andere, Bruch(ab, Abschnittsgrund.FAKTOR, *staende[ab], neuer_faktor, erfasst)])


def end_section(
    faktor: int, abschnitte: Sequence[Abschnitt], ab: int, grund: Abschnittsgrund
) -> tuple[Abschnitt, ...]:
    """The sections without the one that began at `ab` for this reason."""
    return build(faktor, _others(faktor, abschnitte, ab, grund))


def move_edge(
    faktor: int, abschnitte: Sequence[Abschnitt], ab: int, vorher: Register, nachher: Register
) -> tuple[Abschnitt, ...]:
    """The sections once the reading at `ab` was corrected from `vorher` to `nachher`, in Wh.

    The closing register of a WECHSEL stays what it was: only the opening one is a stored reading.
    """
    richtung = {Abschnittsgrund.UEBERLAUF: 0, Abschnittsgrund.WECHSEL: -1, Abschnittsgrund.FAKTOR: 1}
    bezug_wh, einspeisung_wh = nachher[0] - vorher[0], nachher[1] - vorher[1]
    return build(
        faktor,
        [
            bruch._replace(
                bezug_wh=bruch.bezug_wh + richtung[bruch.grund] * bezug_wh,
                einspeisung_wh=bruch.einspeisung_wh + richtung[bruch.grund] * einspeisung_wh,
            )
            if bruch.ab == ab
            else bruch
            for bruch in breaks(faktor, abschnitte)
        ],
    )


def follow_rollovers(
    faktor: int, abschnitte: Sequence[Abschnitt], uebergaenge: Iterable[Uebergang], ueberlauf_wh: int, erfasst: int
) -> tuple[Abschnitt, ...]:
    """The sections once these pairs of readings follow each other: what they say counts for the time between them.

    A reading that comes late, between the last one before a rollover and the first one after it, moves the edge or
    leaves it where it is, so that the sections depend on the readings only and not on their order.
    """
    brueche = breaks(faktor, abschnitte)
    for uebergang in uebergaenge:
        brueche = [
            bruch
            for bruch in brueche
            if bruch.grund is not Abschnittsgrund.UEBERLAUF or not uebergang.spans([bruch.ab])
        ]
        if uebergang.bezug or uebergang.einspeisung:
            ueberlauf = (ueberlauf_wh * uebergang.bezug, ueberlauf_wh * uebergang.einspeisung)
            brueche.append(Bruch(uebergang.spaeter, Abschnittsgrund.UEBERLAUF, *ueberlauf, None, erfasst))
    return build(faktor, brueche)


def _with(faktor: int, abschnitte: Sequence[Abschnitt], neu: Bruch) -> tuple[Abschnitt, ...]:
    return build(faktor, [*_others(faktor, abschnitte, neu.ab, neu.grund), neu])


def _others(faktor: int, abschnitte: Sequence[Abschnitt], ab: int, grund: Abschnittsgrund) -> list[Bruch]:
    return [bruch for bruch in breaks(faktor, abschnitte) if (bruch.ab, bruch.grund) != (ab, grund)]

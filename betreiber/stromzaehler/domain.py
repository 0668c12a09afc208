"""Rules of meters: their states, and the periods in which they are somebody's. Pure."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from betreiber.errors import EingabeUngueltig, KonfliktFehler


class Zaehlerzustand(StrEnum):
    """Where a meter is in its life. GESPERRT: distrusted, at its place or not."""

    LAGER = "LAGER"
    EINGEBAUT = "EINGEBAUT"
    GESPERRT = "GESPERRT"
    AUSGEBAUT = "AUSGEBAUT"
    VERSCHROTTET = "VERSCHROTTET"


_UEBERGAENGE = {
    Zaehlerzustand.LAGER: {Zaehlerzustand.EINGEBAUT, Zaehlerzustand.GESPERRT, Zaehlerzustand.VERSCHROTTET},
    Zaehlerzustand.EINGEBAUT: {Zaehlerzustand.AUSGEBAUT, Zaehlerzustand.GESPERRT},
    Zaehlerzustand.GESPERRT: set(Zaehlerzustand) - {Zaehlerzustand.GESPERRT},
    Zaehlerzustand.AUSGEBAUT: set(Zaehlerzustand) - {Zaehlerzustand.AUSGEBAUT},
    Zaehlerzustand.VERSCHROTTET: set(),
}
# What fits a meter that hangs at a Messstelle, and one that does not.
_AM_PLATZ = {Zaehlerzustand.EINGEBAUT, Zaehlerzustand.GESPERRT}


def check_zustand(alt: Zaehlerzustand, neu: Zaehlerzustand, *, eingebaut: bool) -> None:
    """Raise KonfliktFehler unless a meter may go from one state to another.

    `eingebaut`: whether it hangs at a Messstelle. EINGEBAUT and AUSGEBAUT follow from an Einbau, nobody sets them
    against it.
    """
    if alt == neu:
        return
    passt = neu in _AM_PLATZ if eingebaut else neu is not Zaehlerzustand.EINGEBAUT
    if neu not in _UEBERGAENGE[alt] or not passt:
        raise KonfliktFehler(
            f"Der Zähler ist {alt} und kann so nicht {neu} werden. Ein- und Ausbau laufen über den Einbau.",
            code="zustand_nicht_erlaubt",
        )


def check_zeitraum(von: datetime, bis: datetime | None) -> None:
    """Raise EingabeUngueltig unless [von, bis) is a period; no `bis` = open."""
    if bis is not None and bis <= von:
        raise EingabeUngueltig("bis muss nach von liegen.", feld="bis", code="zeitraum_ungueltig")


def clip(
    zeitraeume: Iterable[tuple[datetime, datetime | None]], von: datetime, bis: datetime
) -> list[tuple[datetime, datetime]]:
    """The parts of [von, bis) that lie in one of these periods, which are ordered and do not overlap.

    Periods that touch become one: the edge between them means nothing to whoever asks.
    """
    teile: list[tuple[datetime, datetime]] = []
    for beginn, ende in zeitraeume:
        anfang, schluss = max(beginn, von), bis if ende is None else min(ende, bis)
        if anfang >= schluss:
            continue
        if teile and teile[-1][1] == anfang:
            teile[-1] = (teile[-1][0], schluss)
        else:
            teile.append((anfang, schluss))
    return teile

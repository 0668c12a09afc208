"""Rules of installing and removing a meter. Pure."""

from datetime import datetime

from betreiber.errors import EingabeUngueltig, KonfliktFehler
from betreiber.stromzaehler.domain import Zaehlerzustand

_EINBAUBAR = (Zaehlerzustand.LAGER, Zaehlerzustand.AUSGEBAUT)


def check_einbaubar(zustand: Zaehlerzustand) -> None:
    """Raise KonfliktFehler unless a meter in this state may be installed."""
    if zustand not in _EINBAUBAR:
        raise KonfliktFehler(
            f"Ein Zähler im Zustand {zustand} kann nicht eingebaut werden. Nehmen Sie einen aus dem Lager.",
            code="zaehler_nicht_einbaubar",
        )


def check_geschehen(zeitpunkt: datetime, jetzt: datetime, feld: str) -> None:
    """Raise EingabeUngueltig for an instant in the future: what is recorded here has been done.

    ASSUMPTION: planned work is kept elsewhere; recorded here, it would change the meter's state too early.
    """
    if zeitpunkt > jetzt:
        raise EingabeUngueltig(
            "Der Zeitpunkt liegt in der Zukunft. Tragen Sie ein, was geschehen ist.",
            feld=feld,
            code="zeitpunkt_in_zukunft",
        )


def describe_stand(bezug_wh: int, einspeisung_wh: int) -> str:
    """Two registers as people read them: 9.880,543 kWh Bezug und 0,000 kWh Einspeisung."""
    return f"{_as_kwh(bezug_wh)} Bezug und {_as_kwh(einspeisung_wh)} Einspeisung"


def _as_kwh(energie_wh: int) -> str:
    kwh = f"{energie_wh // 1000:,}".replace(",", ".")
    return f"{kwh},{energie_wh % 1000:03} kWh"

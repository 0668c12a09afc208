"""Readings put into the storage as the device channel does, and read back; everybody who may ask for them."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Engine

from betreiber.ablesung import speicher
from betreiber.ablesung.domain import Ablesung, Befund, Grenzen
from betreiber.ablesung.zaehlwerk import Zaehlwerk
from betreiber.auth.domain import Rolle
from db.session import create_session
from telegramm.messwerte import Messwert
from tests.hilfen import Person

# No reading is too old, from the future, or too much.
ALLES = Grenzen(fruehestens=0, spaetestens=2**62, hoechstleistung_w=None)


def deliver(
    engine: Engine, stromzaehler_id: int, werte: Sequence[Messwert], empfangen: int, grenzen: Grenzen = ALLES
) -> list[Befund]:
    """One message of a meter with these readings, ascending; `empfangen`: seconds since 1970."""
    with create_session(engine) as session:
        stand = speicher.lock(session, [stromzaehler_id])[stromzaehler_id]
        (befunde,) = speicher.write(session, [speicher.Posten(stand, werte, grenzen, empfangen)])
        # What the channel notes besides: up to where there is no gap, and the newest one.
        stand.neueste_uhrzeit = max(stand.neueste_uhrzeit or 0, werte[-1].uhrzeit)
        session.commit()
    return befunde


def stored(engine: Engine, stromzaehler_id: int) -> dict[int, Ablesung]:
    """Every reading of a meter by its time."""
    with create_session(engine, lesen=True) as session:
        return speicher.series(session, stromzaehler_id, 0, 2**40)


def limited(hoechstleistung_w: int, faktor: int = 1) -> Grenzen:
    """Bounds with a power that no reading may exceed."""
    return Grenzen(0, 2**62, hoechstleistung_w, zaehlwerk=Zaehlwerk(faktor))


def everybody(als: Any, kunde_id: int) -> Iterator[tuple[str | None, Person | None]]:
    """Nobody, a login of this customer, and one of each role of the staff."""
    yield None, None
    for rolle in Rolle:
        yield rolle.value, als(rolle.value, kunde_id=kunde_id) if rolle is Rolle.KUNDE else als(rolle.value)

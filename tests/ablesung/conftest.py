"""A meter that is installed and enrolled, with the quarter hour at which the clock of the tests stands."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple

import pytest
from sqlalchemy import Engine, Select, func, select

from betreiber.ablesung import speicher
from db.models import Ereignis, Quarantaene, Stromzaehler, Verbrauch, VerbrauchTag
from db.session import create_session
from tests.hilfen import FesteUhr, Welt
from tests.kanal import Kanal, Zaehler

ZAEHLERNUMMER = "1EMH0012345678"


class Stand(NamedTuple):
    """Rows of both fact tables, and the last event."""

    verbrauch: int
    quarantaene: int
    ereignis_id: int | None


@dataclass
class Tabellen:
    """What lies in the fact tables and the event log."""

    engine: Engine

    def _rows(self, anweisung: Select[Any]) -> list[Any]:
        with create_session(self.engine, lesen=True) as session:
            return [tuple(zeile) for zeile in session.execute(anweisung)]

    def verbrauch(self) -> list[tuple[int, int]]:
        with create_session(self.engine, lesen=True) as session:
            nummern = session.scalars(select(Stromzaehler.stromzaehler_id)).all()
            reihen = [speicher.series(session, nummer, 0, 2**40).values() for nummer in nummern]
        return sorted(ablesung[:2] for reihe in reihen for ablesung in reihe)

    def quarantaene(self) -> list[tuple[int, int, str]]:
        spalten = (Quarantaene.uhrzeit, Quarantaene.stromverbrauch_gesamt_wh, Quarantaene.grund)
        return self._rows(select(*spalten).order_by(*spalten))

    def ereignisse(self, art: str) -> list[dict[str, object]]:
        return [daten for (daten,) in self._rows(select(Ereignis.daten).where(Ereignis.art == art))]

    def stand(self) -> "Stand":
        """How much there is: to see what one message leaves, whatever was there before."""
        (zeile,) = self._rows(
            select(
                select(func.count()).select_from(Verbrauch).scalar_subquery()
                + select(func.coalesce(func.sum(VerbrauchTag.anzahl), 0)).scalar_subquery(),
                select(func.count()).select_from(Quarantaene).scalar_subquery(),
                select(func.max(Ereignis.ereignis_id)).scalar_subquery(),
            )
        )
        return Stand(*zeile)

    def arten_since(self, stand: "Stand") -> set[str]:
        """The kinds of events since then, but for those that a good day brings."""
        arten = self._rows(select(Ereignis.art).where(Ereignis.ereignis_id > (stand.ereignis_id or 0)).distinct())
        return {art for (art,) in arten} - {"STROMZAEHLER_EINGESCHRIEBEN", "DATEN_EMPFANGEN"}


@pytest.fixture
def tabellen(engine: Engine) -> Tabellen:
    return Tabellen(engine)


@pytest.fixture
def zaehler(kanal: Kanal, welt: Welt, uhr: FesteUhr) -> Zaehler:
    """Installed ten days ago at a place with a connection of 30 kW."""
    stromzaehler_id = welt.stromzaehler(zaehlernummer=ZAEHLERNUMMER)
    welt.einbau(stromzaehler_id, welt.messstelle(), uhr.now() - timedelta(days=10))
    return kanal.enrolled(ZAEHLERNUMMER, stromzaehler_id)


@pytest.fixture
def jetzt(uhr: FesteUhr) -> int:
    """The quarter hour of now: 2026-06-15T10:00:00Z."""
    return int(uhr.now().timestamp())

"""Six households of one street around the turn of the year 2022/23; the clock stands in June 2026."""

from datetime import UTC, datetime

import pytest

from betreiber.ablesung import speicher
from betreiber.ablesung.domain import Herkunft, Qualitaet
from db.session import create_session

JAHRESBEGINN = int(datetime(2022, 12, 31, 23, tzinfo=UTC).timestamp())  # 2023-01-01 00:00 in Europe/Berlin
# An hour of 30 December, all of 31 December, and the first half hour of the new year, the edge among them.
VOR, NACH = 100, 3
EINZUG = datetime(2022, 1, 1, tzinfo=UTC)
ZEITEN = range(JAHRESBEGINN - VOR * 900, JAHRESBEGINN + NACH * 900, 900)


def ablesungen(zeiten=ZEITEN, start_wh=1000, je_viertel_wh=10, einspeisung_wh=0, qualitaet=Qualitaet.ABGELESEN):
    return [
        speicher.Ablesung(
            zeit, start_wh + n * je_viertel_wh, n * einspeisung_wh, None, qualitaet, 0, zeit + 60, Herkunft.GERAET
        )
        for n, zeit in enumerate(zeiten)
    ]


@pytest.fixture
def haushalt(engine, welt):
    """Make a household: its meter and what it measured. Returns the meter's id."""

    def make(
        werte, postleitzahl="50667", kunde_id=None, von=datetime(2022, 1, 1, tzinfo=UTC), bis=None, **zaehler
    ):
        stromzaehler_id = welt.stromzaehler(**zaehler)
        welt.einbau(stromzaehler_id, welt.messstelle(postleitzahl=postleitzahl), datetime(2022, 1, 1, tzinfo=UTC))
        welt.zuordnung(kunde_id or welt.kunde(), stromzaehler_id, von, bis)
        with create_session(engine) as session:
            stand = speicher.lock(session, [stromzaehler_id])[stromzaehler_id]
            speicher.replace(session, stand, werte)
            stand.stand_uhrzeit, stand.stand_bezug_wh, stand.stand_einspeisung_wh = werte[-1][:3]
            session.commit()
        return stromzaehler_id

    return make


@pytest.fixture
def strasse(haushalt):
    """Six meters, 10 Wh a quarter hour each."""
    return [haushalt(ablesungen()) for _ in range(6)]

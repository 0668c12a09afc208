"""An operator with a meter, into which a test reads files."""

from io import BytesIO

import pytest

from betreiber.auth.domain import system_akteur
from betreiber.importlauf.service import Auftrag, import_datei
from db.session import create_session
from tests.ablesungen import stored
from tests.hilfen import FesteUhr
from tests.importlauf.hilfen import EINBAU, MELO, NUMMER, Einlesung


@pytest.fixture
def uhr():
    """2026-11-20, late enough for both changes of the clock to be history."""
    return FesteUhr(EINBAU.replace(year=2026, month=11, day=20))


@pytest.fixture
def zaehler(welt):
    """The meter NUMMER at a place of 30 kW, MELO, since 2023."""
    stromzaehler_id = welt.stromzaehler(zaehlernummer=NUMMER)
    welt.einbau(stromzaehler_id, welt.messstelle(melo_id=MELO), EINBAU)
    return stromzaehler_id


@pytest.fixture
def read_in(engine, uhr):
    """Read a file in, in a session of its own."""

    def read_in(inhalt, **werte):
        zeilen = []
        with create_session(engine) as session:
            ergebnis = import_datei(
                session,
                system_akteur("test", uhr.now()),
                BytesIO(inhalt if isinstance(inhalt, bytes) else inhalt.encode()),
                Auftrag("datei.csv", 3, **werte),
                report=zeilen.extend,
                progress=lambda was, fertig, gesamt: None,
            )
        return Einlesung(ergebnis, zeilen)

    return read_in


@pytest.fixture
def registers(engine, zaehler):
    """What is stored of the meter: register of import in Wh by time."""
    return lambda: {zeit: ablesung.bezug_wh for zeit, ablesung in stored(engine, zaehler).items()}

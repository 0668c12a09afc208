"""An operator with a Tarif, into which a test reads files."""

from contextlib import ExitStack

import pytest

from betreiber.auth.domain import system_akteur
from betreiber.bestand.datei import Bestandsdatei
from betreiber.bestand.domain import art_of
from betreiber.bestand.schemas import SCHEMAS
from betreiber.bestand.service import Auftrag, import_bestand
from db.session import create_session
from tests.bestand.hilfen import as_csv


@pytest.fixture
def tarif(welt):
    """The Tarif Hausstrom."""
    return welt.tarif(bezeichnung="Hausstrom", produkt="STROMLIEFERUNG")


@pytest.fixture
def read_in(engine, uhr, tmp_path):
    """Read files in, in a session of its own: `read_in(kunden=[...] or text or bytes)`; the lines of the report.

    The clock stands at 2026-06-15.
    """

    def read_in(*, probe=False, fortsetzen=False, **dateien):
        zeilen = []
        with ExitStack() as offen:
            gelesen = []
            for name, inhalt in dateien.items():
                pfad = tmp_path / f"{name}.csv"
                roh = inhalt if isinstance(inhalt, str | bytes) else as_csv(inhalt)
                pfad.write_bytes(roh if isinstance(roh, bytes) else roh.encode())
                art = art_of(pfad.name)
                datei = offen.enter_context(pfad.open("rb"))
                gelesen.append(Bestandsdatei(pfad.name, art, datei, SCHEMAS[art]))
            session = offen.enter_context(create_session(engine))
            import_bestand(
                session,
                system_akteur("test", uhr.now()),
                gelesen,
                Auftrag(probe, fortsetzen),
                report=zeilen.extend,
                progress=lambda was, fertig, gesamt: None,
            )
        return zeilen

    return read_in


@pytest.fixture
def judge(read_in):
    """The same, of one file: (line, result, field, code) of each line."""

    def judge(**dateien):
        return [
            (zeile.nummer, str(zeile.urteil.ergebnis), zeile.urteil.feld, zeile.urteil.code)
            for zeile in read_in(**dateien)
        ]

    return judge

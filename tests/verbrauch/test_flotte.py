"""The energy of all meters in a month: the reading part of a bill run."""

import pytest
from sqlalchemy import insert

from betreiber.ablesung.domain import Qualitaet
from betreiber.verbrauch.domain import Wertqualitaet
from betreiber.verbrauch.service import iter_flotte
from db.models import Zaehlwerksabschnitt
from db.session import create_session
from tests.fragen import zeit
from tests.hilfen import recorded_statements
from tests.kanal import messwert

# March 2026 in Europe/Berlin.
VON, BIS = 1772319600, 1774994400


@pytest.mark.parametrize("gefaltet", [False, True])
def test_all_meters_in_a_month(session, engine, welt, ablage, gefaltet):
    gerollt, einfach, wandler, halb, ersetzt, leer = (
        welt.stromzaehler(faktor=faktor) for faktor in (1, 1, 40, 1, 1, 1)
    )
    ablage(einfach, [messwert(VON, 1000, 5), messwert(BIS, 91_000, 105)])
    ablage(wandler, [messwert(VON, 7), messwert(VON + 900, 8), messwert(BIS, 107)])
    ablage(halb, [messwert(VON, 7), messwert(BIS - 900, 107)])
    ablage(ersetzt, [messwert(VON, 1)])
    ablage(ersetzt, [messwert(BIS, 4)], Qualitaet.ERSATZWERT)
    ablage(gerollt, [messwert(VON, 999_999_000), messwert(BIS, 500)])
    with create_session(engine) as schreiben:
        zeile = {
            "stromzaehler_id": gerollt,
            "ab": BIS - 1800,
            "nummer": 1,
            "grund": "UEBERLAUF",
            "faktor": 1,
            "bezug_versatz_wh": 1_000_000_000,
            "einspeisung_versatz_wh": 0,
            "erfasst": BIS,
        }
        schreiben.execute(insert(Zaehlwerksabschnitt), [zeile])
        schreiben.commit()
    if gefaltet:
        ablage.fold()
    with recorded_statements(engine) as anweisungen:
        werte = [tuple(wert) for wert in iter_flotte(session, zeit(VON), zeit(BIS))]
    assert werte == [
        (gerollt, 1500, 0, Wertqualitaet.ABGELESEN),
        (einfach, 90_000, 100, Wertqualitaet.ABGELESEN),
        (wandler, 4000, 0, Wertqualitaet.ABGELESEN),
        (halb, None, None, Wertqualitaet.FEHLT),
        (ersetzt, 3, 0, Wertqualitaet.ERSATZWERT),
        (leer, None, None, Wertqualitaet.FEHLT),
    ]
    # Meters with their sections, registers (rows and blocks); and once more for meters: there are no others.
    assert len([eine for eine in anweisungen if eine.startswith(("SELECT", "WITH"))]) == 3

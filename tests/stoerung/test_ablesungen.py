"""The n-th SQL statement fails where readings are folded, or a factor changes."""

from betreiber.ablesung import speicher
from betreiber.ablesung.faltung import fold_days
from betreiber.auth.domain import system_akteur
from db.session import create_session
from tests.ablesungen import stored
from tests.kanal import messwert
from tests.sql_fehler import fail_each_statement

TAG = 86_400


def test_a_folding_that_is_broken_off_goes_on(engine, kanal, uhr, zaehler, jetzt):
    """Five readings of each of three days: rows that are folded, some of which were folded before."""
    mitternacht = jetzt // TAG * TAG

    def fold():
        with create_session(engine) as session:
            return fold_days(session, system_akteur("test", uhr.now()), nach_tagen=1)

    def deliver(viertel):
        zeiten = [mitternacht - tag * TAG + n * 900 for tag in (3, 2, 1) for n in range(viertel, viertel + 5)]
        kanal.deliver(zaehler, [messwert(zeit, zeit // 900 - mitternacht // 900 + 1000) for zeit in zeiten])

    deliver(10)
    assert fold() == 10  # The day that has just ended is not due.
    deliver(20)
    vorher = stored(engine, zaehler.stromzaehler_id)
    assert len(vorher) == 30
    assert fail_each_statement(engine, fold, in_schritten=True) > 5
    assert stored(engine, zaehler.stromzaehler_id) == vorher
    assert fold() == 0


def test_another_factor(engine, kanal, client, als, zaehler, jetzt):
    kanal.deliver(zaehler, [messwert(jetzt - 900, 1000), messwert(jetzt, 1010)])
    person, pfad = als("wartung"), f"/v1/stromzaehler/{zaehler.stromzaehler_id}/faktorwechsel"
    daten = {"ab": "2026-06-15T09:45:00Z", "faktor": 40, "begruendung": "Wandler"}
    assert fail_each_statement(engine, lambda: client.post(pfad, json=daten, als=person)) > 5
    with create_session(engine, lesen=True) as session:
        (abschnitt,) = speicher.sections(session, zaehler.stromzaehler_id)
    # The register showed 1000 Wh when the factor changed from 1 to 40: 40 x 1000 - 39000.
    assert abschnitt[:5] == (jetzt - 900, "FAKTOR", 40, -39_000, 0)

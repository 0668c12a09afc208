"""Folding: a sweep that may run twice, break off anywhere, and changes no answer."""

from datetime import UTC, datetime

import pytest
from click.testing import CliRunner
from sqlalchemy import func, insert, select, text

from betreiber.ablesung import speicher
from betreiber.ablesung.faltung import fold_days
from betreiber.auth.domain import system_akteur
from betreiber.cli import main
from betreiber.jobs.plan import check_partitionen, fold
from db.models import Ereignis, Tagesstand, Verbrauch, VerbrauchTag
from db.session import create_session
from tests.ablesung.speicher.modell import GRENZEN, MONTAG, TAG, gemessen, wert, zeit
from tests.hilfen import recorded_statements
from tests.sql_fehler import fail_each_statement


@pytest.fixture
def zaehler(session):
    """Three meters with rows of three days each, from that Monday on; they send seven readings at a time."""
    nummern = [1, 2, 3]
    for beginn in range(0, 3 * 96, 7):
        werte = [wert(stelle) for stelle in range(beginn, min(beginn + 7, 3 * 96))]
        posten = [
            speicher.Posten(stand, werte, GRENZEN, werte[-1].uhrzeit + 1)
            for stand in speicher.lock(session, nummern).values()
        ]
        speicher.write(session, posten)
    session.commit()
    session.expunge_all()
    return nummern


def count_rows(session):
    tabellen = (Verbrauch, VerbrauchTag, Tagesstand)
    anzahlen = [session.scalar(select(func.count()).select_from(tabelle)) for tabelle in tabellen]
    session.rollback()
    return anzahlen


def akteur(stelle):
    return system_akteur("test", datetime.fromtimestamp(zeit(stelle), UTC))


def test_days_are_folded_once_they_are_old_enough(session, zaehler):
    assert count_rows(session) == [864, 0, 9]
    # Monday ended at midnight, 24 hours before Wednesday.
    for stelle, nach_tagen, gefaltet, zeilen in (
        (2 * 96 - 1, 1, 0, [864, 0, 9]),
        (2 * 96, 1, 288, [576, 3, 6]),
        (2 * 96, 1, 0, [576, 3, 6]),
        (2 * 96 + 95, 0, 288, [288, 6, 3]),
        (6 * 96, 3, 288, [0, 9, 0]),
    ):
        assert fold_days(session, akteur(stelle), nach_tagen=nach_tagen) == gefaltet
        assert count_rows(session) == zeilen
    for nummer in zaehler:
        werte = speicher.series(session, nummer, 0, 2**40).values()
        assert [eine[:4] for eine in werte] == [wert(stelle)[:4] for stelle in range(3 * 96)]


def test_what_comes_late_is_folded_next_time(session, zaehler):
    fold_days(session, akteur(6 * 96), nach_tagen=0)
    stand = speicher.lock(session, [2])[2]
    verspaetet = [wert(stelle) for stelle in (3 * 96, 3 * 96 + 5)]
    speicher.write(session, [speicher.Posten(stand, verspaetet, GRENZEN, zeit(5 * 96))])
    session.commit()
    for erwartet in (2, 0):
        assert fold_days(session, akteur(6 * 96), nach_tagen=0) == erwartet
    stand = speicher.lock(session, [2])[2]
    speicher.write(session, [speicher.Posten(stand, [wert(3 * 96 + 1)], GRENZEN, zeit(7 * 96))])
    session.commit()
    assert fold_days(session, akteur(8 * 96), nach_tagen=0) == 1
    assert speicher.series(session, 2, zeit(3 * 96), zeit(4 * 96)) == {
        eine.uhrzeit: gemessen(eine, zeit(tage * 96))
        for eine, tage in ((wert(3 * 96), 5), (wert(3 * 96 + 1), 7), (wert(3 * 96 + 5), 5))
    }


def test_rows_that_nobody_counted_are_folded_with_the_others(session, zaehler):
    ungezaehlt = zip(Verbrauch.__table__.c.keys(), (1, *gemessen(wert(-1), 0)), strict=True)
    session.execute(insert(Verbrauch), [dict(ungezaehlt)])
    assert speicher.fold(session, [1], MONTAG // TAG + 3) == 3 * 96 + 1
    assert speicher.earliest(session, 1) == zeit(-1)


def test_a_run_that_breaks_off_loses_nothing(engine, session, zaehler):
    """Whichever statement fails, COMMIT among them: every reading stays, and the next run does the rest."""

    def run():
        with create_session(engine) as eigene:
            fold_days(eigene, akteur(6 * 96), nach_tagen=0)

    assert fail_each_statement(engine, run, in_schritten=True) > 5
    assert count_rows(session) == [0, 9, 0]


def test_many_meters_are_folded_in_groups(session, zaehler):
    meldungen = []

    def note(*wie_weit):
        meldungen.append(wie_weit)

    # Room for less than the three days of one meter, and for one day of two.
    fold_days(session, akteur(6 * 96), nach_tagen=0, gruppe=190, fortschritt=note)
    assert meldungen == [("Falten", 288, 864), ("Falten", 576, 864), ("Falten", 864, 864)]


def test_a_group_costs_as_many_statements_as_a_meter(session, zaehler, engine):
    def statements(nummern):
        with recorded_statements(engine) as anweisungen:
            speicher.fold(session, nummern, MONTAG // TAG + 3)
        session.rollback()
        return len([eine for eine in anweisungen if not eine.startswith("BEGIN")])

    assert statements([1]) == statements([1, 2, 3]) == 6


def test_the_job_and_the_command(settings, engine, session, zaehler):
    assert fold(settings, engine) == 864
    umgebung = {"MSB_DATEN": str(settings.daten), "MSB_DATABASE_URL": settings.database_url}
    ergebnis = CliRunner().invoke(main, ["ablesungen", "falten"], env=umgebung)
    assert (ergebnis.exit_code, ergebnis.stdout) == (0, "Gefaltet: 0 Messwerte\n")


def test_an_alarm_for_readings_without_a_partition(settings, engine, session):
    """Only on PostgreSQL, and only of what folding does not clear away."""
    auf_postgresql = engine.dialect.name == "postgresql"
    jetzt = int(settings.uhr.now().timestamp()) // 900 * 900
    for uhrzeit, anzahl in ((jetzt - 400 * TAG, 0), (jetzt, 1 if auf_postgresql else 0)):
        stand = speicher.lock(session, [1])[1]
        speicher.write(session, [speicher.Posten(stand, [wert(0)._replace(uhrzeit=uhrzeit)], GRENZEN, jetzt)])
        session.commit()
        assert check_partitionen(settings, engine) == anzahl
    ereignisse = session.scalars(select(Ereignis.daten).where(Ereignis.art == "PARTITION_FEHLT")).all()
    assert ereignisse == ([{"anzahl": 1, "von": jetzt, "bis": jetzt}] if auf_postgresql else [])
    if auf_postgresql:
        assert session.scalar(text("SELECT count(*) FROM verbrauch_p_default")) == 2

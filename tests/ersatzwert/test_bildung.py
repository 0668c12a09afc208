"""The sweep: what it forms, leaves alone, takes back, and that true values undo it in any order."""

from datetime import timedelta
from random import Random

import pytest
from sqlalchemy import delete, select, update
from structlog.testing import capture_logs

from betreiber.ablesung import speicher
from betreiber.ablesung.domain import Grenzen
from db.models import Einbau, Ereignis, Ersatzwertbildung, Neuberechnung, Telegrammstand, Verbrauch
from db.session import create_session
from tests.ablesungen import deliver, stored
from tests.ersatzwert.conftest import MONTAG, TAG, VIERTEL, instant
from tests.kanal import reihe
from tests.sql_fehler import fail_each_statement

# Thursday 2026-06-04 in UTC, whose registers no other day holds.
UTC_TAG = (MONTAG + 2 * 3600 + 3 * TAG, MONTAG + 2 * 3600 + 4 * TAG)
ABGELESEN, ERSATZWERT, VORLAEUFIG = 0, 1, 2


def week(energie=100):
    """Monday to Sunday with that much a quarter hour, from 1000 Wh on."""
    return reihe(MONTAG, 1000, [energie] * 96 * 7)


def without(werte, von, bis):
    """All but the readings number `von` to before `bis`."""
    return [*werte[:von], *werte[bis:]]


def gap(engine, zaehler):
    """The substitutes that are stored, by number of the reading."""
    return {
        (zeit - MONTAG) // VIERTEL: (wert.bezug_wh, int(wert.qualitaet))
        for zeit, wert in stored(engine, zaehler).items()
        if wert.qualitaet != ABGELESEN
    }


def send(engine, uhr, zaehler, werte):
    deliver(engine, zaehler, werte, int(uhr.now().timestamp()))


def test_a_short_gap(engine, uhr, zaehler, sweep, bildungen):
    """Readings 200 to 203 are missing in a course of 100 Wh a quarter hour: they come out as they were."""
    uhr.jetzt = instant(MONTAG + 7 * TAG)
    send(engine, uhr, zaehler, without(week(), 200, 204))
    assert (sweep().gebildet, sweep().gebildet) == ({"LINEAR": 4}, {})
    assert gap(engine, zaehler) == {n: (1000 + 100 * n, ERSATZWERT) for n in range(200, 204)}
    assert bildungen() == [(200, 204, "LINEAR")]
    with create_session(engine, lesen=True) as session:
        (ereignis,) = session.scalars(select(Ereignis.daten).where(Ereignis.art == "ERSATZWERTE_GEBILDET"))
    assert ereignis == {"verfahren": "LINEAR", "von": MONTAG + 200 * VIERTEL, "bis": MONTAG + 204 * VIERTEL}


def test_a_trial_writes_nothing(engine, uhr, zaehler, sweep, bildungen):
    send(engine, uhr, zaehler, without(week(), 200, 204))
    vorher = stored(engine, zaehler)
    gehoert = []
    ergebnis = sweep(probelauf=True, fortschritt=lambda fertig, gesamt: gehoert.append((fertig, gesamt)))
    assert (ergebnis.gebildet["LINEAR"], ergebnis.zaehler, gehoert) == (4, 1, [(1, 1)])
    assert stored(engine, zaehler) == vorher
    assert bildungen() == []


def test_what_is_not_overdue_is_left_alone(engine, uhr, zaehler, sweep):
    """A day and a quarter of an hour after the first missing reading, only this one is substituted."""
    uhr.jetzt = instant(MONTAG + 7 * TAG)
    werte = week()
    send(engine, uhr, zaehler, without(werte, 576, 580))
    assert gap_after(sweep, engine, zaehler) == [576]
    uhr.advance(timedelta(hours=1))
    send(engine, uhr, zaehler, reihe(MONTAG + 7 * TAG, werte[-1].bezug_wh, [100] * 4)[1:])
    assert gap_after(sweep, engine, zaehler) == [576, 577, 578, 579]


def gap_after(sweep, engine, zaehler):
    sweep()
    return list(gap(engine, zaehler))


def test_a_meter_that_does_not_hang_anywhere_gets_nothing(engine, uhr, welt, sweep):
    uhr.jetzt = instant(MONTAG + 7 * TAG)
    im_lager = welt.stromzaehler()
    send(engine, uhr, im_lager, without(week(), 200, 204))
    assert sweep().zaehler == 0


def test_a_silent_meter_is_preliminary_and_then_exact(engine, uhr, zaehler, sweep, bildungen):
    """Silent from Sunday 00:00 on; two days later a register shows that half as much was used as before."""
    uhr.jetzt = instant(MONTAG + 7 * TAG)
    werte = week()[: 6 * 96 + 1]
    send(engine, uhr, zaehler, werte)
    sweep()
    assert gap(engine, zaehler) == {}
    uhr.jetzt = instant(MONTAG + 8 * TAG)
    sweep()
    # Sunday was never measured, and all other days had 100 Wh.
    assert gap(engine, zaehler) == {577 + n: (58_700 + 100 * n, VORLAEUFIG) for n in range(96)}
    uhr.advance(timedelta(hours=1))
    assert sweep().anzahl == 4
    assert bildungen() == [(577, 677, "LASTPROFIL")]
    send(engine, uhr, zaehler, reihe(MONTAG + 8 * TAG, werte[-1].bezug_wh + 192 * 50, [0]))
    sweep()
    # Known at both ends, overdue to 01:00 on Monday: half of everything.
    assert gap(engine, zaehler) == {577 + n: (58_650 + 50 * n, ERSATZWERT) for n in range(100)}
    assert bildungen() == [(577, 677, "LASTPROFIL")]
    assert bildungen(abgeloest=True) == [(577, 677, "LASTPROFIL")]


def test_a_removed_meter_is_not_continued_beyond_its_removal(engine, uhr, zaehler, sweep):
    uhr.jetzt = instant(MONTAG + 9 * TAG)
    send(engine, uhr, zaehler, week()[: 6 * 96 + 1])
    sweep()
    assert len(gap(engine, zaehler)) == 2 * 96
    with create_session(engine) as session:
        session.execute(update(Einbau).values(bis=instant(MONTAG + 6 * TAG + 4 * VIERTEL)))
        session.commit()
    sweep()
    assert list(gap(engine, zaehler)) == [577, 578, 579, 580]


@pytest.mark.parametrize("seed", range(2))
def test_true_values_in_any_order_leave_the_table_as_if_never_substituted(engine, uhr, welt, zaehler, sweep, seed):
    """Three days are missing and come in pieces of nine hours, with a sweep after each and a fold now and then."""
    uhr.jetzt = instant(MONTAG + 8 * TAG)
    alle = week(energie=70)
    fehlt = alle[3 * 96 : 6 * 96]
    send(engine, uhr, zaehler, without(alle, 3 * 96, 6 * 96))
    sweep()
    assert len(gap(engine, zaehler)) == 3 * 96
    stuecke = [fehlt[n : n + 36] for n in range(0, len(fehlt), 36)]
    Random(seed).shuffle(stuecke)
    for nummer, stueck in enumerate(stuecke):
        send(engine, uhr, zaehler, stueck)
        sweep()
        if nummer % 3 == seed:
            with create_session(engine) as session:
                speicher.fold(session, [zaehler], MONTAG // TAG + 5)
                session.commit()
    nie = welt.stromzaehler()
    send(engine, uhr, nie, alle)
    assert values(engine, zaehler) == values(engine, nie)
    with create_session(engine, lesen=True) as session:
        assert (
            session.scalars(select(Neuberechnung.tag).where(Neuberechnung.stromzaehler_id == zaehler)).all() == []
        )
        offen = select(Ersatzwertbildung.von).where(Ersatzwertbildung.abgeloest.is_(None))
        assert session.scalars(offen).all() == []


def values(engine, stromzaehler_id):
    return [
        (*wert[:4], int(wert.qualitaet), int(wert.herkunft)) for wert in stored(engine, stromzaehler_id).values()
    ]


@pytest.mark.parametrize("seed", range(2))
def test_what_is_formed_does_not_depend_on_the_order_in_which_readings_came(
    engine, uhr, welt, zaehler, sweep, seed
):
    """Two weeks with a course of their own and holes everywhere: in pieces with sweeps, and all at once."""
    wuerfel = Random(seed)
    uhr.jetzt = instant(MONTAG + 15 * TAG)
    alle = reihe(MONTAG, 0, [(n * n) % 97 + n % 96 for n in range(96 * 14)])
    stuecke = [stueck for n in range(0, len(alle), 30) if wuerfel.random() < 0.8 for stueck in [alle[n : n + 30]]]
    auf_einmal = welt.stromzaehler()
    welt.einbau(auf_einmal, welt.messstelle(), instant(MONTAG - TAG))
    send(engine, uhr, auf_einmal, [wert for stueck in stuecke for wert in stueck])
    wuerfel.shuffle(stuecke)
    for stueck in stuecke[:-6]:
        send(engine, uhr, zaehler, stueck)
    for stueck in stuecke[-6:]:
        sweep()
        send(engine, uhr, zaehler, stueck)
    sweep()
    assert values(engine, zaehler) == values(engine, auf_einmal)
    assert in_force(engine, zaehler) == in_force(engine, auf_einmal)


def in_force(engine, stromzaehler_id):
    with create_session(engine, lesen=True) as session:
        zeilen = session.scalars(
            select(Ersatzwertbildung)
            .where(Ersatzwertbildung.stromzaehler_id == stromzaehler_id, Ersatzwertbildung.abgeloest.is_(None))
            .order_by(Ersatzwertbildung.von)
        )
        return [(zeile.von, zeile.bis, zeile.verfahren, zeile.eingaben) for zeile in zeilen]


def test_a_part_of_the_gap_arrives(engine, uhr, zaehler, sweep, bildungen):
    """Readings 200 to 203 are missing; 202 comes and shows that everything flowed in the first half."""
    uhr.jetzt = instant(MONTAG + 7 * TAG)
    alle = week()
    send(engine, uhr, zaehler, without(alle, 200, 204))
    sweep()
    send(engine, uhr, zaehler, [alle[202]._replace(bezug_wh=21_400)])
    sweep()
    # 20,900 + 500 over three quarter hours, 166.67 each; then nothing up to reading 204 with 21,400.
    assert gap(engine, zaehler) == {
        200: (21_066, ERSATZWERT),
        201: (21_233, ERSATZWERT),
        203: (21_400, ERSATZWERT),
    }
    assert bildungen() == [(200, 202, "LINEAR"), (203, 204, "LINEAR")]
    assert bildungen(abgeloest=True) == [(200, 204, "LINEAR")]


def test_a_day_that_was_compared_with_changes(engine, uhr, zaehler, sweep, bildungen):
    """Thursday took its course from Wednesday, whose missing quarter hours come late: it is formed anew."""
    uhr.jetzt = instant(MONTAG + 8 * TAG)
    alle = reihe(MONTAG, 1000, [100] * 96 * 2 + [10] * 48 + [190] * 48 + [100] * 96 * 4)
    luecken = without(without(alle, 3 * 96 + 1, 4 * 96), 2 * 96 + 60, 2 * 96 + 64)
    send(engine, uhr, zaehler, luecken)
    sweep()
    # Wednesday has a gap of its own: Tuesday is the nearest day that was measured as a whole.
    assert gap(engine, zaehler)[3 * 96 + 48] == (alle[3 * 96].bezug_wh + 4800, ERSATZWERT)
    send(engine, uhr, zaehler, alle[2 * 96 + 60 : 2 * 96 + 64])
    sweep()
    assert gap(engine, zaehler)[3 * 96 + 48] == (alle[3 * 96].bezug_wh + 480, ERSATZWERT)
    assert [zeile for zeile in bildungen() if zeile[0] < 600] == [(289, 384, "VERGLEICHSTAG")]


def test_a_gap_that_cannot_be_filled_is_counted_by_its_reason(engine, uhr, welt, sweep):
    """A single reading, two days ago: nothing tells what flowed since."""
    stromzaehler_id = welt.stromzaehler()
    welt.einbau(stromzaehler_id, welt.messstelle(), instant(MONTAG - TAG))
    uhr.jetzt = instant(MONTAG + 2 * TAG)
    send(engine, uhr, stromzaehler_id, reihe(MONTAG, 0, []))
    assert sweep().ausgelassen == {"OHNE_VERGLEICH": 1}


def test_a_meter_without_readings_is_passed_over(engine, uhr, zaehler, sweep):
    with create_session(engine) as session:
        session.add(Neuberechnung(stromzaehler_id=zaehler, tag=1, seit=1))
        session.commit()
    assert (sweep().zaehler, sweep().zaehler) == (1, 0)


def _lueckenlos(session, zaehler):
    stand = speicher.lock(session, [zaehler])[zaehler]
    stand.lueckenlos_bis = MONTAG + 2 * TAG


def _verloren(session, zaehler):
    speicher.declare_lost(session, zaehler, [UTC_TAG], MONTAG + 5 * TAG)


def _in_quarantaene(session, zaehler):
    stand = speicher.lock(session, [zaehler])[zaehler]
    grenzen = Grenzen(0, 0, None)
    speicher.write(session, [speicher.Posten(stand, reihe(UTC_TAG[0], 0, []), grenzen, MONTAG + 5 * TAG)])


@pytest.mark.parametrize("spur", [_lueckenlos, _verloren, _in_quarantaene])
def test_a_gap_of_a_whole_utc_day_is_found_by_the_trace_it_left(engine, uhr, zaehler, sweep, spur):
    """No day has too few readings: one has none at all."""
    uhr.jetzt = instant(MONTAG + 8 * TAG)
    alle = reihe(UTC_TAG[0] - 3 * TAG, 1000, [100] * (96 * 7 - 1))
    send(engine, uhr, zaehler, [wert for wert in alle if not UTC_TAG[0] <= wert.uhrzeit < UTC_TAG[1]])
    with create_session(engine) as session:
        session.execute(delete(Neuberechnung))
        session.execute(update(Telegrammstand).values(neueste_uhrzeit=MONTAG + 8 * TAG))
        session.commit()
    assert sweep().zaehler == 0
    with create_session(engine) as session:
        spur(session, zaehler)
        session.commit()
    assert sweep().gebildet == {"VERGLEICHSTAG": 96}


def test_an_old_gap_is_found_when_everything_is_looked_at(engine, uhr, zaehler, sweep):
    send(engine, uhr, zaehler, without(week(), 200, 204))
    with create_session(engine) as session:
        session.execute(delete(Neuberechnung))
        session.execute(update(Einbau).values(bis=instant(MONTAG + 7 * TAG)))
        session.commit()
    uhr.jetzt = instant(MONTAG + 100 * TAG)
    assert sweep().zaehler == 0
    assert sweep(alles=True).gebildet == {"LINEAR": 4}


def test_one_meter_with_broken_data_does_not_stop_the_others(engine, uhr, welt, zaehler, sweep):
    uhr.jetzt = instant(MONTAG + 7 * TAG)
    anderer = welt.stromzaehler()
    welt.einbau(anderer, welt.messstelle(), instant(MONTAG - TAG))
    for stromzaehler_id in (zaehler, anderer):
        send(engine, uhr, stromzaehler_id, without(week(), 200, 204))
    with create_session(engine) as session:
        werte = {"nummer": 1, "bis": MONTAG, "verfahren": "LINEAR", "eingaben": {}, "gebildet": 1}
        session.add(Ersatzwertbildung(stromzaehler_id=zaehler, von=MONTAG + 200 * VIERTEL, **werte))
        session.commit()
    with capture_logs() as log:
        ergebnis = sweep()
    assert (ergebnis.gebildet, ergebnis.ausgelassen) == ({"LINEAR": 4}, {"FEHLER": 1})
    assert [(zeile["event"], zeile["stromzaehler_id"]) for zeile in log] == [("ersatzwerte_failed", zaehler)]
    assert len(gap(engine, anderer)) == 4


def test_the_nth_statement_fails(engine, uhr, zaehler, sweep):
    """A gap whose Bildung is replaced by two, on a meter and in one transaction."""
    uhr.jetzt = instant(MONTAG + 7 * TAG)
    alle = week()
    send(engine, uhr, zaehler, without(alle, 200, 204))
    sweep()
    send(engine, uhr, zaehler, [alle[202]])
    assert fail_each_statement(engine, sweep) > 10


def test_rows_are_written_once(engine, uhr, zaehler, sweep):
    """What is unchanged keeps the moment at which it was formed."""
    uhr.jetzt = instant(MONTAG + 7 * TAG)
    send(engine, uhr, zaehler, without(week(), 200, 204))
    sweep()
    uhr.advance(timedelta(hours=5))
    with create_session(engine) as session:
        session.add(Neuberechnung(stromzaehler_id=zaehler, tag=(MONTAG + 200 * VIERTEL) // TAG, seit=1))
        session.commit()
    sweep()
    with create_session(engine, lesen=True) as session:
        zeiten = select(Verbrauch.empfangen).where(Verbrauch.qualitaet == ERSATZWERT).distinct()
        assert session.scalars(zeiten).all() == [MONTAG + 7 * TAG]

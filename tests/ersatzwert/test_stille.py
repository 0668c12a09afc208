"""Meters that are silent: their provisional values are counted on hour by hour, and give way at once."""

from datetime import timedelta

import pytest
from sqlalchemy import delete

from betreiber.auth.domain import system_akteur
from betreiber.ersatzwert.domain import Regeln
from betreiber.ersatzwert.service import form_ersatzwerte
from db.models import VerbrauchTag
from db.session import create_session
from tests.ersatzwert.conftest import MONTAG, TAG, VIERTEL, instant
from tests.ersatzwert.test_bildung import ERSATZWERT, VORLAEUFIG, gap, send, week
from tests.kanal import reihe


def test_a_meter_that_stays_silent_is_counted_on_from_its_last_substitute(engine, uhr, zaehler, sweep, bildungen):
    """An hour later four values are due: what was formed before is not formed again."""
    send(engine, uhr, zaehler, week()[: 6 * 96 + 1])
    uhr.jetzt = instant(MONTAG + 10 * TAG)
    assert sweep().gebildet == {"LASTPROFIL": 3 * 96}
    with create_session(engine) as session:
        # A hole of a UTC day, from 02:00 on Sunday, that nobody has told of: to form the gap anew would fill it.
        session.execute(delete(VerbrauchTag).where(VerbrauchTag.tag == (MONTAG + 600 * VIERTEL) // TAG))
        session.commit()
    uhr.advance(timedelta(hours=1))
    assert sweep().gebildet == {"LASTPROFIL": 4}
    da = [*range(577, 584), *range(680, 577 + 3 * 96 + 4)]
    assert gap(engine, zaehler) == {n: (1000 + 100 * n, VORLAEUFIG) for n in da}
    assert (bildungen(), bildungen(abgeloest=True)) == ([(577, 869, "LASTPROFIL")], [])


@pytest.mark.parametrize(("faktor", "viertel"), [(1, 576), (40, 576), (1, 60)], ids=["1", "40", "h25"])
def test_the_values_of_a_silent_meter_do_not_depend_on_how_often_it_was_looked_at(
    engine, uhr, welt, faktor, viertel
):
    """Also behind a transformer, and where the standard profile has to step in on the way."""
    regeln = Regeln(standardprofil=lambda tag, typ, nummer: 1 + nummer)
    uhr.jetzt = instant(MONTAG + viertel * VIERTEL)
    luecken = []
    for stunden in ((25, 26, 27, 30, 41, 49, 100), (100,)):
        zaehler = welt.stromzaehler(faktor=faktor)
        welt.einbau(zaehler, welt.messstelle(), instant(MONTAG - TAG))
        uhr.jetzt = instant(MONTAG + viertel * VIERTEL)
        send(engine, uhr, zaehler, reihe(MONTAG, 1000, [7 + n % 5 for n in range(viertel - 1)]))
        for stunde in stunden:
            uhr.jetzt = instant(MONTAG + viertel * VIERTEL + stunde * 3600)
            with create_session(engine) as session:
                form_ersatzwerte(session, system_akteur("test", uhr.now()), regeln)
        luecken.append(gap(engine, zaehler))
    assert len(luecken[0]) == 76 * 4 + 1
    assert luecken[0] == luecken[1]


def test_a_late_reading_leaves_no_provisional_values_behind_it(engine, uhr, zaehler, sweep):
    """Silent from Sunday on; of Monday 04:00 a register comes that shows half of what was reckoned with."""
    send(engine, uhr, zaehler, week()[: 6 * 96 + 1])
    uhr.jetzt = instant(MONTAG + 9 * TAG)
    sweep()
    assert list(gap(engine, zaehler)) == list(range(577, 577 + 192))
    send(engine, uhr, zaehler, reihe(MONTAG + 688 * VIERTEL, 58_600 + 112 * 50, [0])[:1])
    # Those before it lie above 64200 from number 633 on; those after it would begin with a leap of 5,700 Wh.
    assert gap(engine, zaehler) == {n: (1000 + 100 * n, VORLAEUFIG) for n in range(577, 633)}
    sweep()
    nachher = gap(engine, zaehler)
    assert nachher[687] == (58_600 + 111 * 50, ERSATZWERT)
    assert nachher[689] == (64_300, VORLAEUFIG)
    assert list(nachher) == [n for n in range(577, 577 + 192) if n != 688]

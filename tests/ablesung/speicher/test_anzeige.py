"""What people read at a display, beside what the meter itself says: one gives way, and nothing falls."""

from dataclasses import replace

import pytest

from betreiber.ablesung import speicher
from betreiber.ablesung.domain import Befund, Herkunft
from betreiber.ablesung.zaehlwerk import Zaehlwerk, begin_factor
from tests.ablesung.speicher.modell import GRENZEN, ersatz, wert, zeit


def enter(lager, *werte):
    """What people read at the display."""
    lager.jetzt += 3000
    posten = speicher.Posten(lager.stand(), werte, GRENZEN, lager.jetzt, Herkunft.MANUELL)
    befunde = speicher.write(lager.session, [posten])
    lager.session.commit()
    return befunde


def stored(lager):
    return [(a.uhrzeit, a.bezug_wh, a.leistung_w, a.herkunft) for a in lager.readings()]


@pytest.mark.parametrize("abgelesen_wh", [15_390_000, 15_390_512])
@pytest.mark.parametrize("gefaltet", [False, True])
def test_the_meter_takes_the_place_of_the_same_that_people_read(lager, abgelesen_wh, gefaltet):
    assert enter(lager, wert(0, abgelesen_wh)._replace(einspeisung_wh=0)) == [[Befund.NEU]]
    if gefaltet:
        lager.step("falten", 3)
    genauer = [wert(n, 15_390_512 + 7 * n, leistung_w=28)._replace(einspeisung_wh=0) for n in (0, 1)]
    assert lager.send(genauer) == [Befund.NEU, Befund.NEU]
    assert stored(lager) == [
        (zeit(0), 15_390_512, 28, Herkunft.GERAET),
        (zeit(1), 15_390_519, 28, Herkunft.GERAET),
    ]
    assert lager.quarantined() == set()
    # That people have read it stays to be seen.
    (alt,) = speicher.versions(lager.session, lager.nummer, zeit(0), zeit(1))
    assert (alt.ablesung.bezug_wh, alt.ablesung.herkunft) == (abgelesen_wh, Herkunft.MANUELL)
    assert lager.send(genauer) == [Befund.DOPPELT, Befund.DOPPELT]


def test_another_one_than_people_read_goes_to_quarantine(lager):
    assert enter(lager, wert(0, 15_390_000)._replace(einspeisung_wh=0)) == [[Befund.NEU]]
    assert lager.send([wert(0, 15_391_000, leistung_w=28)._replace(einspeisung_wh=0)]) == [Befund.KONFLIKT]
    assert stored(lager) == [(zeit(0), 15_390_000, None, Herkunft.MANUELL)]


def test_where_a_section_begins_what_people_read_stays(lager):
    abschnitte = begin_factor(1, (), zeit(0), 40, {zeit(0): (15_390_000, 0)}, lager.jetzt)
    assert enter(lager, wert(0, 15_390_000)._replace(einspeisung_wh=0)) == [[Befund.NEU]]
    grenzen = replace(GRENZEN, zaehlwerk=Zaehlwerk(1, abschnitte))
    genauer = wert(0, 15_390_512, leistung_w=28)._replace(einspeisung_wh=0)
    assert lager.send([genauer], grenzen) == [Befund.KONFLIKT]


def device(nummer, bezug_wh):
    return wert(nummer, bezug_wh, leistung_w=28)._replace(einspeisung_wh=0)


def display(nummer, bezug_wh):
    return wert(nummer, bezug_wh)._replace(einspeisung_wh=0)


@pytest.mark.parametrize("gefaltet", [False, True])
def test_what_people_read_counts_as_no_less_than_what_comes_for_the_time_before(lager, gefaltet):
    enter(lager, display(0, 5_000), display(2, 5_000), display(4, 5_000))
    if gefaltet:
        lager.step("falten", 3)
    # Up to where it is enough; what was read stays as a version.
    assert lager.send([device(-1, 5_400), device(1, 5_700)]) == [Befund.NEU, Befund.NEU]
    assert [(nummer - zeit(0)) // 900 for nummer, *_ in stored(lager)] == [-1, 0, 1, 2, 4]
    assert [wh for _, wh, *_ in stored(lager)] == [5_400, 5_400, 5_700, 5_700, 5_700]
    assert [v.ablesung.bezug_wh for v in speicher.versions(lager.session, lager.nummer, 0, 2**40)] == [5_000] * 3
    # The newest is remembered as it is now.
    stand = lager.stand()
    assert (stand.stand_uhrzeit, stand.stand_bezug_wh) in ((None, None), (zeit(4), 5_700))
    # One raised before may be raised on, and gives way to the meter all the same.
    assert lager.send([device(3, 5_800)]) == [Befund.NEU]
    assert lager.send([device(4, 5_900)]) == [Befund.NEU]
    assert [wh for _, wh, *_ in stored(lager)] == [5_400, 5_400, 5_700, 5_700, 5_800, 5_900]
    assert lager.quarantined() == set()


def test_what_follows_what_people_read_bounds_what_it_can_mean(lager):
    """Else the register would fall between two readings that are stored."""
    enter(lager, display(0, 5_000), display(1, 5_000))
    assert lager.send([device(2, 5_300)]) == [Befund.NEU]
    # Far away, and in a message of its own: what lies beyond both has to be looked for.
    assert lager.send([device(-300, 5_301)]) == [Befund.RUECKLAUF]
    assert lager.send([device(-300, 5_300)]) == [Befund.NEU]
    assert [wh for _, wh, *_ in stored(lager)] == [5_300] * 4


def test_the_newest_reading_is_remembered_as_it_counts_now(lager):
    enter(lager, display(0, 5_000))
    assert lager.send([device(-1, 5_400)]) == [Befund.NEU]
    assert lager.stand().stand_bezug_wh == 5_400
    assert lager.send([device(1, 5_399)]) == [Befund.RUECKLAUF]


def test_what_people_read_of_every_wh_means_that(lager):
    enter(lager, display(0, 5_400))
    assert lager.send([device(-1, 5_401)]) == [Befund.RUECKLAUF]
    assert lager.send([device(0, 5_500)]) == [Befund.KONFLIKT]


def test_where_the_meter_was_put_in_what_people_read_stays(lager):
    grenzen = replace(GRENZEN, einbauten=[zeit(0)])
    enter(lager, display(0, 5_000))
    assert lager.send([device(0, 5_400)], grenzen) == [Befund.KONFLIKT]
    assert lager.send([device(-1, 5_400)], grenzen) == [Befund.RUECKLAUF]
    # The same with a power says more and contradicts nothing.
    assert lager.send([device(0, 5_000)], grenzen) == [Befund.NEU]


def test_ersatzwerte_give_way_to_what_was_raised(lager):
    enter(lager, display(0, 5_000))
    unter = [ersatz(n, lager.jetzt)._replace(bezug_wh=5_001, einspeisung_wh=0) for n in (1, 2)]
    speicher.replace(lager.session, lager.stand(), unter)
    assert lager.send([device(-1, 5_400)]) == [Befund.NEU]
    assert [wh for _, wh, *_ in stored(lager)] == [5_400, 5_400]

"""Sections of a register in the storage: the same in any order of the readings, and as of any earlier moment."""

import hypothesis.strategies as st
from hypothesis import HealthCheck, given, settings

from betreiber.ablesung import speicher
from betreiber.ablesung.domain import Befund, Grenzen
from betreiber.ablesung.zaehlwerk import Abschnittsgrund, Zaehlwerk, begin_factor, begin_rollover, end_section
from tests.ablesung.speicher.modell import ersatz, zeit
from tests.kanal import messwert

UEBERLAUF_WH = 100_000_000
LETZTE = 120  # quarter hours, over two days
AB, AB_SPAETER = zeit(10), zeit(50)


def sections(lager, stand=None):
    return speicher.sections(lager.session, lager.nummer, stand=stand)


def energies(lager, stand=None):
    """What the readings say that had flowed, as of a moment."""
    zaehlwerk = Zaehlwerk(2, sections(lager, stand))
    ablesungen = speicher.series(lager.session, lager.nummer, 0, 2**40, stand=stand)
    return {uhrzeit: zaehlwerk.energie(*ablesung[:3]) for uhrzeit, ablesung in ablesungen.items()}


def differences(energien):
    """All of them less the first one."""
    anfang = min(energien.values())
    return {
        uhrzeit: tuple(e - a for e, a in zip(stand, anfang, strict=True)) for uhrzeit, stand in energien.items()
    }


def send(lager, werte):
    grenzen = Grenzen(0, 2**40, 37_500, ueberlauf_wh=UEBERLAUF_WH, zaehlwerk=Zaehlwerk(2, sections(lager)))
    return lager.send(werte, grenzen)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)
@given(
    # Both registers roll over somewhere, or not at all.
    vor_dem_ueberlauf=st.tuples(st.integers(0, 2 * LETZTE), st.integers(0, 2 * LETZTE)),
    stuecke=st.lists(st.sets(st.integers(0, LETZTE), min_size=1, max_size=30), min_size=1, max_size=5),
    falten=st.sets(st.integers(0, 5)),
)
def test_a_rollover_in_any_order(make_lager, vor_dem_ueberlauf, stuecke, falten):
    def wert(stelle):
        bezug, einspeisung = (UEBERLAUF_WH + 1000 * (stelle - vorher) for vorher in vor_dem_ueberlauf)
        return messwert(zeit(stelle), bezug % UEBERLAUF_WH, einspeisung % UEBERLAUF_WH)

    alle = sorted(set().union(*stuecke))
    der_reihe_nach, durcheinander = make_lager(), make_lager()
    assert set(send(der_reihe_nach, [wert(stelle) for stelle in alle])) == {Befund.NEU}
    damals = {}
    for nummer, stueck in enumerate(stuecke):
        befunde = send(durcheinander, [wert(stelle) for stelle in sorted(stueck)])
        assert set(befunde) <= {Befund.NEU, Befund.DOPPELT}
        damals[durcheinander.jetzt] = energies(durcheinander)
        if nummer in falten:
            durcheinander.step("falten", 5)
    abschnitte = [[abschnitt[:-1] for abschnitt in sections(lager)] for lager in (der_reihe_nach, durcheinander)]
    assert abschnitte[0] == abschnitte[1]
    # 1000 Wh a quarter hour behind a factor of 2, whatever the registers show.
    flossen = {zeit(stelle): (2000 * (stelle - alle[0]),) * 2 for stelle in alle}
    assert differences(energies(durcheinander)) == flossen
    for moment, energien in damals.items():
        assert energies(durcheinander, moment) == energien


def test_what_was_known_stays_known(lager):
    erste = begin_factor(1, (), AB, 40, {AB: (500, 0)}, 0)
    assert speicher.set_sections(lager.session, lager.nummer, erste, 1000)
    beide = begin_rollover(1, erste, AB_SPAETER, (UEBERLAUF_WH, 0), 0)
    assert speicher.set_sections(lager.session, lager.nummer, beide, 2000)
    # Without the first one the second counts otherwise: both are replaced.
    ohne = end_section(1, beide, AB, Abschnittsgrund.FAKTOR)
    assert speicher.set_sections(lager.session, lager.nummer, ohne, 3000)
    assert not speicher.set_sections(lager.session, lager.nummer, ohne, 4000)
    assert speicher.set_sections(lager.session, lager.nummer, beide, 5000)
    erwartet = {999: (), 1000: erste, 1999: erste, 2000: beide, 3000: ohne, 4999: ohne, 5000: beide, None: beide}
    for stand, abschnitte in erwartet.items():
        assert [abschnitt[:-1] for abschnitt in sections(lager, stand)] == [a[:-1] for a in abschnitte], stand
    assert {abschnitt.erfasst for abschnitt in sections(lager)} == {5000}
    assert speicher.fleet_sections(lager.session, [lager.nummer, 10**9]) == {lager.nummer: sections(lager)}


def test_what_was_counted_over_another_edge_is_taken_back(lager):
    send(lager, [messwert(zeit(0), UEBERLAUF_WH - 1000), messwert(zeit(8), 7000)])
    stellen = range(1, 8)
    speicher.replace(lager.session, lager.stand(), [ersatz(stelle, lager.jetzt) for stelle in stellen])
    # It had rolled over by then, and not with the last one.
    assert send(lager, [messwert(zeit(4), 3000)]) == [Befund.NEU]
    assert [abschnitt.ab for abschnitt in sections(lager)] == [zeit(4)]
    assert [ablesung.uhrzeit for ablesung in lager.readings()] == [zeit(0), zeit(4), zeit(8)]

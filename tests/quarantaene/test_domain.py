"""Rules of deciding on readings in quarantine."""

from dataclasses import dataclass

import pytest

from betreiber.ablesung.domain import Ablesung, Befund, Herkunft, Qualitaet
from betreiber.ablesung.zaehlwerk import Zaehlwerk
from betreiber.errors import KonfliktFehler
from betreiber.quarantaene.domain import (
    Entscheidung,
    Grund,
    begin_section,
    check_fits,
    check_rising,
    check_unambiguous,
    nearest,
    select_open,
)

E = Entscheidung
ZAEHLWERK = Zaehlwerk(1)
MILLION = 10**9


@dataclass
class Fall:
    uhrzeit: int
    entscheidung: str | None = None


def wert(uhrzeit, bezug_wh, einspeisung_wh=0):
    return Ablesung(uhrzeit, bezug_wh, einspeisung_wh, None, Qualitaet.ABGELESEN, 0, 0, Herkunft.GERAET)


def test_reasons_are_those_of_the_receipt():
    assert [grund.value for grund in Grund] == ["konflikt", "ruecklauf", "zukunft", "zu_alt", "leistung"]


def test_who_is_open():
    offen, verworfen = Fall(0), Fall(900, "VERWERFEN")
    assert select_open([offen, verworfen], E.VERWERFEN) == [offen]
    assert select_open([offen, verworfen], E.ERNEUT_PRUEFEN) == [offen]
    with pytest.raises(KonfliktFehler, match="schon entschieden: VERWERFEN") as fehler:
        select_open([offen, verworfen], E.UEBERNEHMEN)
    assert fehler.value.code == "quarantaene_entschieden"


def test_two_of_the_same_time():
    check_unambiguous([Fall(0), Fall(900)])
    with pytest.raises(KonfliktFehler) as fehler:
        check_unambiguous([Fall(0), Fall(900), Fall(900)])
    assert fehler.value.code == "quarantaene_mehrdeutig"


def test_registers_rise():
    check_rising([wert(0, 5, 1), wert(900, 5, 1), wert(1800, 6, 2)], ZAEHLWERK)
    for gefallen in (wert(900, 4, 1), wert(900, 5, 0)):
        with pytest.raises(KonfliktFehler) as fehler:
            check_rising([wert(0, 5, 1), gefallen], ZAEHLWERK)
        assert fehler.value.code == "zaehlerstand_faellt"


def test_a_rollover_adds_a_whole_turn_to_the_register_that_fell():
    (abschnitt,) = begin_section(E.UEBERLAUF, ZAEHLWERK, wert(0, MILLION - 10, 7), wert(900, 5, 8), MILLION, 77)
    assert abschnitt == (900, "UEBERLAUF", 1, MILLION, 0, 77)


def test_an_exchange_goes_on_from_the_reading_before():
    (abschnitt,) = begin_section(E.WECHSEL, Zaehlwerk(40), wert(0, 5000, 70), wert(900, 3, 1), MILLION, 77)
    assert abschnitt == (900, "WECHSEL", 40, 40 * 4997, 40 * 69, 77)


@pytest.mark.parametrize(
    ("entscheidung", "vorher"), [(E.UEBERLAUF, None), (E.WECHSEL, None), (E.UEBERLAUF, wert(0, 3))]
)
def test_no_register_begins_anew_without_one_before_that_was_higher(entscheidung, vorher):
    with pytest.raises(KonfliktFehler) as fehler:
        begin_section(entscheidung, ZAEHLWERK, vorher, wert(900, 3), MILLION, 77)
    assert fehler.value.code == "zaehlwerk_passt_nicht"


def test_what_follows_must_fit():
    check_fits(Befund.NEU)
    with pytest.raises(KonfliktFehler) as fehler:
        check_fits(Befund.LEISTUNG)
    assert fehler.value.code == "zaehlwerk_passt_nicht"


@pytest.mark.parametrize(
    ("uhrzeit", "erwartet"),
    [
        (0, (None, 900)),
        (900, (None, 1800)),
        (1800, (900, 2700)),
        (2700, (1800, 9000)),
        (4500, (2700, 9000)),
        (9000, (2700, None)),
        (9900, (9000, None)),
    ],
)
def test_the_nearest_readings(uhrzeit, erwartet):
    assert nearest([(900, 2700), (9000, 9000)], uhrzeit) == erwartet


def test_nothing_is_near_where_nothing_is():
    assert nearest([], 900) == (None, None)

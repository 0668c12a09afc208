"""What people read at a display, by hand."""

import pytest

from betreiber.ablesung.anzeige import find_highest, highest, raise_to, shows
from betreiber.ablesung.zaehlwerk import Zaehlwerk, begin_anew, begin_factor

T = 900_000


@pytest.mark.parametrize(
    ("gemessen", "abgelesen", "gleich"),
    [
        ((15_390_512, 0), (15_390_512, 0), True),
        # A display of whole kWh cuts off what is less.
        ((15_390_512, 0), (15_390_000, 0), True),
        ((15_390_999, 7_001), (15_390_000, 7_000), True),
        ((15_390_512, 7_001), (15_390_512, 7_000), True),
        ((15_390_512, 0), (15_391_000, 0), False),
        ((15_390_512, 0), (15_389_000, 0), False),
        ((15_390_512, 0), (15_390_500, 0), False),
        ((15_390_512, 7_001), (15_390_000, 7_002), False),
    ],
)
def test_what_a_display_shows_of_a_register(gemessen, abgelesen, gleich):
    assert shows(gemessen, abgelesen) is gleich


@pytest.mark.parametrize(
    ("abgelesen", "vorher", "hoechstens"),
    [
        ((15_390_000, 0), None, (15_390_999, 999)),
        ((15_390_512, 7_000), None, (15_390_512, 7_999)),
        # What was raised to the reading before it was one of whole kWh.
        ((15_390_512, 7_001), (15_390_512, 7_000), (15_390_999, 7_001)),
        ((15_390_512, 7_001), (15_390_511, 7_001), (15_390_512, 7_999)),
    ],
)
def test_the_most_that_a_display_can_mean(abgelesen, vorher, hoechstens):
    assert highest(abgelesen, vorher) == hoechstens


@pytest.mark.parametrize(
    ("vorher", "erwartet"),
    [
        ((15_390_512, 7_400), (15_390_512, 7_400)),
        ((15_390_999, 6_999), (15_390_999, 7_000)),
        # No less than what is before it only as far as it can mean that; else the register fell.
        ((15_391_000, 7_400), (15_390_000, 7_400)),
        ((15_389_000, 8_000), (15_390_000, 7_000)),
    ],
)
def test_what_was_read_is_raised_to_what_is_before_it(vorher, erwartet):
    assert raise_to((15_390_000, 7_000), vorher, (15_390_999, 7_999)) == erwartet


def meant(*staende, fest=(), zaehlwerk=None):
    """Of readings by quarter hour, of which people read those at even ones."""
    gemessen = [(T + 900 * nummer, *register) for nummer, register in staende]
    abgelesen = {T + 900 * nummer for nummer, _ in staende if nummer % 2 == 0}
    feste = {T + 900 * nummer for nummer in fest}
    hoechstens = find_highest(gemessen, abgelesen, feste, zaehlwerk or Zaehlwerk(1))
    return {(zeit - T) // 900: register for zeit, register in hoechstens.items()}


def test_it_means_no_more_than_what_follows():
    assert meant((0, (5_000, 0))) == {0: (5_999, 999)}
    assert meant((0, (5_000, 0)), (1, (5_300, 7))) == {0: (5_300, 7)}
    assert meant((0, (5_000, 0)), (1, (9_000, 2_000))) == {0: (5_999, 999)}
    # Over others that people read, and never less than what they read.
    assert meant((0, (5_000, 0)), (2, (5_000, 0)), (3, (5_300, 0))) == {0: (5_300, 0), 2: (5_300, 0)}
    assert meant((0, (5_000, 0)), (1, (4_000, 0))) == {0: (5_000, 0)}
    # One that was raised before may rise on.
    assert meant((-1, (5_200, 1)), (0, (5_200, 1)), (1, (5_300, 1))) == {0: (5_300, 1)}


def test_where_something_begins_it_means_what_it_says():
    assert meant((0, (5_000, 0)), fest=[0]) == {0: (5_000, 0)}
    assert meant((0, (5_000, 0)), (2, (5_000, 0)), fest=[2]) == {0: (5_000, 0), 2: (5_000, 0)}


def test_what_follows_counts_as_energy():
    # Behind the transformer 3 Wh of the register are 120.
    assert meant((0, (5_000, 0)), (1, (5_003, 0)), zaehlwerk=Zaehlwerk(40)) == {0: (5_003, 0)}
    # From the second quarter hour on the register began anew at 10, after 5,300.
    anfang = T + 900
    neu = Zaehlwerk(1, begin_anew(1, (), anfang, (5_300, 0), (10, 0), 0))
    assert meant((0, (5_000, 0)), (1, (10, 0)), fest=[1], zaehlwerk=neu) == {0: (5_300, 0)}
    # Another factor from there on: 5,003 Wh is what the register showed.
    wandler = Zaehlwerk(1, begin_factor(1, (), anfang, 40, {anfang: (5_003, 0)}, 0))
    assert meant((0, (5_000, 0)), (1, (5_003, 0)), fest=[1], zaehlwerk=wandler) == {0: (5_003, 0)}

"""Which meter is offered which firmware."""

import pytest

from betreiber.firmware.domain import Freigabe, choose_freigabe, is_in_anteil
from telegramm.firmware import Firmwareangebot

ZAEHLER = [f"1SIM00{nummer:08}" for nummer in range(2000)]
ANGEBOT = Firmwareangebot(b"m", b"s", b"z")


def freigabe(version, anteil_prozent=100, modell="SIM-3.60"):
    return Freigabe(modell, version, anteil_prozent, ANGEBOT)


def test_the_share_is_about_what_it_says():
    # 5 % of 2000 are 100; the standard deviation is below 10.
    assert 60 < sum(is_in_anteil(nummer, 5) for nummer in ZAEHLER) < 140
    assert sum(is_in_anteil(nummer, 0) for nummer in ZAEHLER) == 0
    assert sum(is_in_anteil(nummer, 100) for nummer in ZAEHLER) == 2000


def test_a_larger_share_holds_the_smaller_one():
    klein = {nummer for nummer in ZAEHLER if is_in_anteil(nummer, 5)}
    gross = {nummer for nummer in ZAEHLER if is_in_anteil(nummer, 20)}
    assert klein < gross


def test_the_place_of_a_meter_is_fixed_for_ever():
    # printf 'firmware:1EMH0012345678' | sha256sum, the first 16 hex digits modulo 100.
    assert [is_in_anteil("1EMH0012345678", prozent) for prozent in (47, 48)] == [False, True]


@pytest.mark.parametrize(
    ("version", "erwartet"),
    [
        ("1.0.0", "1.10.0"),
        ("1.9.3", "1.10.0"),
        ("1.10", None),
        ("2.0.0", None),
        (None, None),
        ("unbekannt", None),
    ],
)
def test_the_newest_that_is_newer_than_what_runs(version, erwartet):
    freigaben = [freigabe("1.9.3"), freigabe("1.10.0"), freigabe("3.0.0", modell="MT-175")]
    gewaehlt = choose_freigabe(freigaben, "SIM-3.60", "1EMH0012345678", version)
    assert (gewaehlt.version if gewaehlt else None) == erwartet


def test_outside_the_share_of_the_newest_the_one_before_is_offered():
    aussen = next(nummer for nummer in ZAEHLER if not is_in_anteil(nummer, 5))
    innen = next(nummer for nummer in ZAEHLER if is_in_anteil(nummer, 5))
    freigaben = [freigabe("1.1.0"), freigabe("1.2.0", 5)]
    assert choose_freigabe(freigaben, "SIM-3.60", aussen, "1.0.0").version == "1.1.0"
    assert choose_freigabe(freigaben, "SIM-3.60", innen, "1.0.0").version == "1.2.0"

"""The clock: simulated = start + (real - bezug) * faktor, from settings that operator and meters share."""

from __future__ import annotations

import pytest

from stromzaehler_sim.fehler import UhrUngueltig
from stromzaehler_sim.uhr import Uhr, quarter_before
from tests.stromzaehler_sim.fake_zeit import FakeZeit

# 2026-03-01T00:00:00Z and 2026-11-01T12:00:00Z
MAERZ, NOVEMBER = 1772323200, 1793534400


def test_without_settings_it_is_real_time() -> None:
    assert Uhr.from_env({}, FakeZeit(NOVEMBER + 0.5)).now() == NOVEMBER + 0.5


def test_simulated_time_runs_from_its_reference() -> None:
    umgebung = {
        "MSB_UHR_START": "2026-03-01T01:00:00+01:00",
        "MSB_UHR_BEZUG": "2026-11-01T12:00:00Z",
        "MSB_UHR_FAKTOR": "60",
    }
    zeit = FakeZeit(NOVEMBER)
    uhr = Uhr.from_env(umgebung, zeit)
    assert uhr.now() == MAERZ
    zeit.jetzt += 10
    assert uhr.now() == MAERZ + 600
    zeit.jetzt -= 11
    assert uhr.now() == MAERZ - 60


def test_without_reference_the_start_is_its_own() -> None:
    uhr = Uhr.from_env({"MSB_UHR_START": "2026-03-01T00:00:00Z", "MSB_UHR_FAKTOR": "2"}, FakeZeit(MAERZ + 50))
    assert uhr.now() == MAERZ + 100


@pytest.mark.parametrize(
    "umgebung",
    [
        {"MSB_UHR_START": "2026-03-01T00:00:00"},
        {"MSB_UHR_START": "yesterday"},
        {"MSB_UHR_START": "2026-03-01T00:00:00Z", "MSB_UHR_BEZUG": "2026-03-01"},
        {"MSB_UHR_START": "2026-03-01T00:00:00Z", "MSB_UHR_FAKTOR": "fast"},
        {"MSB_UHR_START": "2026-03-01T00:00:00Z", "MSB_UHR_FAKTOR": "0"},
        {"MSB_UHR_START": "2026-03-01T00:00:00Z", "MSB_UHR_FAKTOR": "-1"},
        {"MSB_UHR_START": "2026-03-01T00:00:00Z", "MSB_UHR_FAKTOR": "nan"},
        {"MSB_UHR_START": "2026-03-01T00:00:00Z", "MSB_UHR_FAKTOR": "inf"},
        {"MSB_UHR_FAKTOR": "60"},
        {"MSB_UHR_BEZUG": "2026-03-01T00:00:00Z"},
    ],
)
def test_bad_settings_are_refused(umgebung: dict[str, str]) -> None:
    with pytest.raises(UhrUngueltig):
        Uhr.from_env(umgebung)


def test_sleep_is_shortened_by_the_factor() -> None:
    zeit = FakeZeit(1000.0)
    uhr = Uhr(0.0, 1000.0, 60.0, zeit)
    assert uhr.sleep_until(900, zeit) is True
    assert zeit.jetzt == 1015
    assert uhr.sleep_until(800, zeit) is True
    assert zeit.gewartet == [15.0]


def test_a_long_sleep_looks_at_the_clock_again() -> None:
    zeit = FakeZeit(0.0)
    assert Uhr(jetzt=zeit).sleep_until(75, zeit) is True
    assert zeit.gewartet == [30.0, 30.0, 15.0]


def test_the_event_ends_the_sleep() -> None:
    zeit = FakeZeit(0.0)
    zeit.gesetzt_um = 40.0
    assert Uhr(jetzt=zeit).sleep_until(10_000, zeit) is False
    assert zeit.jetzt == 60


@pytest.mark.parametrize(("instant", "erwartet"), [(0, 0), (899.999, 0), (900, 900), (1801.5, 1800), (-1, -900)])
def test_quarter_before(instant: float, erwartet: int) -> None:
    assert quarter_before(instant) == erwartet

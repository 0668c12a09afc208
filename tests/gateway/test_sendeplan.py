"""When to send: every expected instant and pause is worked out by hand."""

from __future__ import annotations

import pytest

from gateway.sendeplan import Sendeplan, backoff, next_slot

MITTERNACHT = 1772409600  # 2026-03-02T00:00:00Z


@pytest.mark.parametrize(
    ("jetzt", "platz_s", "erwartet"),
    [
        (0, 137, 137),
        (136.9, 137, 137),
        (137, 137, 1037),  # exactly on the slot: the next one, so that a slot is used once
        (899, 137, 1037),
        (900, 0, 1800),
        (899.5, 0, 900),
        (10, 599, 599),
    ],
)
def test_next_slot(jetzt: float, platz_s: int, erwartet: float) -> None:
    assert next_slot(MITTERNACHT + jetzt, platz_s) == MITTERNACHT + erwartet


@pytest.mark.parametrize(
    ("fehlversuche", "decke"), [(1, 2), (2, 4), (3, 8), (4, 16), (9, 512), (10, 900), (11, 900), (10_000, 900)]
)
def test_backoff_is_full_jitter_under_a_doubling_ceiling(fehlversuche: int, decke: float) -> None:
    assert backoff(fehlversuche, lambda: 0.0) == 0
    assert backoff(fehlversuche, lambda: 0.5) == decke / 2
    assert backoff(fehlversuche, lambda: 0.75) == decke * 0.75


def test_retry_after_is_a_lower_limit_and_jitter_comes_on_top() -> None:
    assert backoff(1, lambda: 0.0, 30.0) == 30
    assert backoff(3, lambda: 0.5, 30.0) == 34
    assert backoff(1, lambda: 0.5, None) == 1
    assert backoff(1, lambda: 0.0, -5.0) == 0


def test_begins_at_the_known_slot_or_draws_one() -> None:
    assert Sendeplan.begin(MITTERNACHT, 60, lambda: 0.9).naechste == MITTERNACHT + 60
    assert Sendeplan.begin(MITTERNACHT, None, lambda: 0.5).naechste == MITTERNACHT + 300


def test_a_day_of_faults_then_success() -> None:
    plan = Sendeplan.begin(MITTERNACHT, 60, lambda: 0.0)
    assert not plan.is_due(MITTERNACHT + 59)
    assert plan.is_due(MITTERNACHT + 60)
    plan = plan.after_failure(MITTERNACHT + 60, lambda: 0.5)
    assert (plan.naechste, plan.fehlversuche) == (MITTERNACHT + 61, 1)
    plan = plan.after_failure(MITTERNACHT + 61, lambda: 0.5, 20)
    assert (plan.naechste, plan.fehlversuche) == (MITTERNACHT + 83, 2)
    plan = plan.after_success(MITTERNACHT + 83, 200, wartend=0)
    assert (plan.naechste, plan.fehlversuche) == (MITTERNACHT + 200, 0)
    plan = plan.without_work(MITTERNACHT + 200)
    assert plan.naechste == MITTERNACHT + 1100


@pytest.mark.parametrize(("wartend", "erwartet"), [(0, 360), (96, 360), (97, 100), (5000, 100)])
def test_back_to_back_only_while_more_than_a_telegramm_waits(wartend: int, erwartet: int) -> None:
    plan = Sendeplan.begin(MITTERNACHT, 60, lambda: 0.0)
    assert plan.after_success(MITTERNACHT + 100, 360, wartend).naechste == MITTERNACHT + erwartet

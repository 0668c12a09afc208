"""When to send: every expected instant and pause is worked out by hand."""

from __future__ import annotations

import pytest

from gateway.sendeplan import BUENDEL_S, Sendeplan, backoff, next_slot

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


def test_what_is_urgent_follows_at_once() -> None:
    plan = Sendeplan.begin(MITTERNACHT, 60, lambda: 0.0)
    assert plan.after_success(MITTERNACHT + 100, 360, 0, eilig=True).naechste == MITTERNACHT + 100


@pytest.mark.parametrize(
    ("jetzt", "erwartet"), [(100, 360), (360, 21_960), (21_959, 21_960), (21_960, 43_560), (86_399, 86_760)]
)
def test_bundling_sends_at_the_slot_after_every_sixth_hour(jetzt: float, erwartet: float) -> None:
    plan = Sendeplan.begin(MITTERNACHT, 60, lambda: 0.0)
    danach = plan.after_success(MITTERNACHT + jetzt, 360, 24, abstand_s=BUENDEL_S)
    assert danach.naechste == MITTERNACHT + erwartet
    assert danach.without_work(MITTERNACHT + jetzt, abstand_s=BUENDEL_S).naechste == MITTERNACHT + erwartet


def test_a_locked_meter_asks_once_a_day_within_an_hour_and_is_normal_after_a_success() -> None:
    plan = Sendeplan.begin(MITTERNACHT, 60, lambda: 0.0)
    for zufall, tag in ((0.0, 86_400), (0.5, 86_400 + 1800), (0.75, 86_400 + 2700)):
        gesperrt = plan.after_failure(MITTERNACHT + 60, lambda zufall=zufall: zufall, 30, taeglich=True)
        assert (gesperrt.naechste, gesperrt.gesperrt) == (MITTERNACHT + 60 + tag, True)
        # Not even an alarm wakes it.
        assert gesperrt.on_alarm(MITTERNACHT + 500) == gesperrt
    assert not gesperrt.after_failure(MITTERNACHT + 60, lambda: 0.0).gesperrt
    danach = gesperrt.after_success(MITTERNACHT + 90_000, 60, 0)
    assert (danach.naechste, danach.fehlversuche, danach.gesperrt) == (MITTERNACHT + 90_060, 0, False)


def test_an_alarm_is_sent_now_unless_trying_has_failed() -> None:
    plan = Sendeplan.begin(MITTERNACHT, 60, lambda: 0.0)
    assert plan.on_alarm(MITTERNACHT + 5).naechste == MITTERNACHT + 5
    assert plan.on_alarm(MITTERNACHT + 65).naechste == MITTERNACHT + 60
    gestoert = plan.after_failure(MITTERNACHT + 60, lambda: 0.5)
    assert gestoert.on_alarm(MITTERNACHT + 60).naechste == MITTERNACHT + 61

"""Orders that wait at the same time are run as one group; one that cannot be run fails nobody else."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from betreiber.ablesung.sammler import Sammler
from tests.ablesung.gemeinsam import let_wait


class Gift(Exception):
    """An order that nobody can run."""


class Fort(Exception):
    """What all orders need is gone."""


class Werk:
    """Doubles numbers and remembers the groups in which they came; negative ones are poison, 0 takes all away."""

    def __init__(self) -> None:
        self.gruppen: list[list[int]] = []

    def __call__(self, zahlen: Sequence[int]) -> list[int]:
        self.gruppen.append(list(zahlen))
        if 0 in zahlen:
            raise Fort
        if min(zahlen) < 0:
            raise Gift(min(zahlen))
        return [2 * zahl for zahl in zahlen]


@pytest.fixture
def werk() -> Werk:
    return Werk()


@pytest.fixture
def sammler(werk: Werk) -> Sammler[int, int]:
    return Sammler(werk, alle_betrifft=lambda error: isinstance(error, Fort), hoechstens=4)


@pytest.fixture
def together(sammler: Sammler[int, int]) -> Callable[..., list[int | Exception]]:
    """Submit numbers that all wait when the first one is taken up; their results, or what they raised."""

    def submit(*zahlen: int) -> list[int | Exception]:
        with ThreadPoolExecutor(len(zahlen)) as pool:
            with let_wait(sammler, len(zahlen)) as queued:
                offen: list[Future[int]] = []
                for zahl in zahlen:
                    offen.append(pool.submit(sammler.submit, zahl))
                    queued(len(offen))
            return [einer.exception() or einer.result() for einer in offen]  # type: ignore[misc]

    return submit


def test_whoever_is_alone_runs_at_once(sammler, werk):
    assert [sammler.submit(3), sammler.submit(4)] == [6, 8]
    assert werk.gruppen == [[3], [4]]


def test_those_who_wait_share_a_call_up_to_the_limit(together, werk):
    assert together(1, 2, 3, 4, 5, 6) == [2, 4, 6, 8, 10, 12]
    assert werk.gruppen == [[1, 2, 3, 4], [5, 6]]


def test_one_that_cannot_be_run_fails_alone(together, werk):
    erste, gift, dritte = together(1, -2, 3)
    assert (erste, dritte) == (2, 6)
    assert isinstance(gift, Gift)
    assert werk.gruppen == [[1, -2, 3], [1], [-2], [3]]


def test_what_concerns_all_is_learnt_once(together, werk):
    assert all(isinstance(error, Fort) for error in together(1, 0, 3))
    assert werk.gruppen == [[1, 0, 3]]


def test_what_is_lost_on_the_way_is_not_tried_for_the_rest(sammler, werk, together):
    class Verloren(Werk):
        def __call__(self, zahlen: Sequence[int]) -> list[int]:
            ergebnis = super().__call__(zahlen)
            if zahlen == [3]:
                raise Fort
            return ergebnis

    verloren = Verloren()
    sammler._ausfuehren = verloren
    erste, gift, dritte, vierte = together(1, -2, 3, 4)
    assert erste == 2
    assert isinstance(gift, Gift)
    assert isinstance(dritte, Fort)
    assert isinstance(vierte, Fort)
    assert verloren.gruppen == [[1, -2, 3, 4], [1], [-2], [3]]


def test_many_threads_get_each_their_own(sammler):
    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(sammler.submit, range(1, 2001))) == [2 * zahl for zahl in range(1, 2001)]
    assert threading.active_count() < 16

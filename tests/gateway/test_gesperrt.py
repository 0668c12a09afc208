"""A meter that the operator refuses: it keeps everything, asks once a day, and no single answer ends it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.fehler import Abgewiesen, Gesperrt
from tests.gateway.betreiber_fake import MONTAG
from tests.gateway.welt import Welt, problem

TAG = 86_400


@pytest.fixture
def welt(tmp_path: Path) -> Iterator[Welt]:
    welt = Welt(tmp_path / "z1")
    yield welt
    welt.gateway.close()


def refuse(welt: Welt) -> Gesperrt:
    with pytest.raises(Gesperrt) as fehler:
        welt.gateway.versand.send_all(versuche=10)
    return fehler.value


@pytest.mark.parametrize(
    ("body", "endgueltig"),
    [
        (b'{"code": "gesperrt"}', False),
        (b'{"code": "gesperrt", "zustand": "GESPERRT"}', False),
        (b'{"code": "gesperrt", "zustand": "AUSGEBAUT"}', True),
        (b'{"code": "gesperrt", "zustand": "VERSCHROTTET"}', True),
        (b'{"code": "gesperrt", "zustand": ["AUSGEBAUT"]}', False),
    ],
)
def test_a_locked_meter_keeps_everything_and_asks_once_a_day(welt: Welt, body: bytes, endgueltig: bool) -> None:
    werte = welt.put(2)
    welt.leitung.sonst = problem(403, body)
    for _ in range(3):
        fehler = refuse(welt)
        welt.restart()
        welt.jetzt += TAG
    assert (fehler.endgueltig, fehler.taeglich, fehler.code) == (endgueltig, True, "gesperrt")
    assert len(welt.leitung.gesendet) == 3
    assert welt.gateway.puffer.oldest(9) == werte
    assert welt.gateway.puffer.gesperrt
    welt.leitung.sonst = welt.betreiber.answer
    welt.gateway.versand.send_all()
    assert not welt.gateway.puffer.gesperrt
    # Written once, and an ordinary entry: the operator knows it best.
    welt.gateway.puffer.queue_meldungen(MONTAG)
    welt.gateway.versand.send_all()
    assert [meldung.code for meldung in welt.betreiber.meldungen] == ["GESPERRT", "PROTOKOLL_GESENDET"]


def test_that_it_was_removed_a_meter_believes_only_a_day_later(welt: Welt) -> None:
    """A refusal is not signed: whoever can forge one must not end a meter with it."""
    werte = welt.put(1)
    welt.leitung.sonst = problem(403, b'{"code": "gesperrt", "zustand": "AUSGEBAUT"}')
    assert not refuse(welt).endgueltig
    # Neither restarts nor a clock that goes back make the day shorter.
    welt.restart()
    welt.jetzt += 20 * 3600 - 1
    assert not refuse(welt).endgueltig
    welt.jetzt -= TAG
    assert not refuse(welt).endgueltig
    welt.jetzt += 20 * 3600 - 1
    assert not refuse(welt).endgueltig
    welt.jetzt += 1
    assert refuse(welt).endgueltig
    assert welt.gateway.puffer.oldest(9) == werte


def test_a_receipt_in_between_ends_the_suspicion(welt: Welt) -> None:
    welt.leitung.sonst = problem(403, b'{"code": "gesperrt", "zustand": "AUSGEBAUT"}')
    welt.put(1)
    refuse(welt)
    welt.leitung.ablauf.append(welt.betreiber.answer)
    assert welt.gateway.versand.send_one() is not None
    welt.put(1, MONTAG + 900)
    welt.jetzt += TAG
    assert not refuse(welt).endgueltig
    welt.jetzt += TAG
    assert refuse(welt).endgueltig


def test_another_403_is_an_ordinary_refusal(welt: Welt) -> None:
    welt.put(1)
    welt.leitung.sonst = problem(403, b'{"code": "identitaet"}')
    with pytest.raises(Abgewiesen) as fehler:
        welt.gateway.versand.send_one()
    assert not fehler.value.taeglich

"""Which lines keep their connection."""

from __future__ import annotations

import pytest

from gateway.fehler import NichtErreichbar
from gateway.verbindung import Antwort
from stromzaehler_sim.flotte.leitung import Leitung, Verbindungsgrenze
from tests.gateway.betreiber_fake import Leitung as FakeLeitung


def torn(_: bytes) -> Antwort:
    raise NichtErreichbar("no link")


def lines(anzahl: int, hoechstens: int) -> list[tuple[Leitung, FakeLeitung]]:
    grenze = Verbindungsgrenze(hoechstens)
    innen = [FakeLeitung(lambda body: Antwort(200, {}, b"abc")) for _ in range(anzahl)]
    return [(Leitung(leitung, grenze), leitung) for leitung in innen]


def test_first_come_first_kept() -> None:
    alle = lines(3, 2)
    for _ in range(2):
        for leitung, _fake in alle:
            leitung.post(b"x")
    assert [len(fake.verbunden) for _, fake in alle] == [0, 0, 2]


def test_a_torn_line_gives_its_place_away() -> None:
    (erste, innen_erste), (zweite, innen_zweite) = lines(2, 1)
    erste.post(b"x")
    innen_erste.ablauf.append(torn)
    with pytest.raises(NichtErreichbar):
        erste.post(b"x")
    zweite.post(b"x")
    erste.post(b"x")
    assert (len(innen_erste.verbunden), len(innen_zweite.verbunden)) == (1, 0)


def test_new_certificates_give_the_place_away_too() -> None:
    (erste, innen_erste), (zweite, innen_zweite) = lines(2, 1)
    erste.post(b"x")
    erste.reconnect()
    zweite.post(b"x")
    assert (innen_erste.verbunden, innen_zweite.verbunden) == ([None], [])


def test_it_counts_tries_and_times_them() -> None:
    uhr = iter([10.0, 10.25, 20.0, 20.5])
    innen = FakeLeitung(lambda body: Antwort(200, {}, b"abc"), dateien={"/f": b"12345"})
    leitung = Leitung(innen, Verbindungsgrenze(1), lambda: next(uhr))
    leitung.post(b"xy")
    assert (leitung.versuche, leitung.elapsed(), leitung.bytes_gesamt) == (1, 0.25, 5)
    innen.ablauf.append(torn)
    with pytest.raises(NichtErreichbar):
        leitung.post(b"x")
    assert (leitung.versuche, leitung.elapsed()) == (2, 0.5)
    assert leitung.get("/f").body == b"12345"
    assert leitung.versuche == 2

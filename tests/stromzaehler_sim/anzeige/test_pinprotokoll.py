"""Wrong PINs at the display of a real folder: the log of the meter, a busy database, and an accelerated clock."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot

from gateway.puffer import connect
from stromzaehler_sim.anzeige.bedienung import Schritt
from stromzaehler_sim.anzeige.messstand import Messquelle
from stromzaehler_sim.anzeige.pinprotokoll import PinProtokoll
from stromzaehler_sim.anzeige.terminal import DisplayApp
from stromzaehler_sim.befehle.display import build_app
from stromzaehler_sim.protokoll import Code
from stromzaehler_sim.uhr import Uhr
from stromzaehler_sim.zaehlwerk import Zaehlwerk, zaehlwerk_datei
from tests.stromzaehler_sim.anzeige.geraet import LIEFERZUSTAND, MONTAG, build_ordner

# Real time of the hand; the meter lives elsewhere, and 300 times as fast.
ECHT = 2_000_000_000.0
FAKTOR = 300


class Platz:
    """Somebody at the display of a meter whose clock is accelerated."""

    def __init__(self, ordner: Path) -> None:
        self.ordner = ordner
        self.echt = ECHT

    def open(self) -> DisplayApp:
        uhr = Uhr(start=MONTAG, bezug=ECHT, faktor=FAKTOR, jetzt=lambda: self.echt)
        return build_app(Messquelle(self.ordner), uhr, hand=lambda: self.echt)

    def wait(self, app: DisplayApp, sekunden: float) -> None:
        self.echt += sekunden
        app.show()

    async def enter_wrong(self, app: DisplayApp, pilot: Pilot[None]) -> None:
        """1111 from the entry of the PIN; 12 real seconds. What comes after the judgement is not waited for."""
        for _ in range(4):
            await pilot.press("space")
            self.wait(app, 3)

    def log(self) -> list[tuple[Code, int]]:
        with Zaehlwerk(zaehlwerk_datei(self.ordner), None) as zaehlwerk:
            return [(eintrag.code, eintrag.uhrzeit) for eintrag in reversed(zaehlwerk.protokoll.newest())]


@pytest.fixture
def platz(tmp_path: Path) -> Iterator[Platz]:
    ordner = build_ordner(tmp_path / "z1", tage=1)
    LIEFERZUSTAND.save(ordner)
    yield Platz(ordner)


def test_each_wrong_pin_is_in_the_log_with_the_time_of_the_meter(platz: Platz) -> None:
    async def run() -> None:
        async with platz.open().run_test(size=(80, 24)) as pilot:
            app = pilot.app
            assert isinstance(app, DisplayApp)
            await pilot.press("space", "space")
            await platz.enter_wrong(app, pilot)
            platz.wait(app, 3)
            await platz.enter_wrong(app, pilot)
            app.show()

    asyncio.run(run())
    # 12 and 27 real seconds after the start, 300 seconds of the meter in each.
    assert platz.log() == [(Code.PIN_FALSCH, MONTAG + 3_600), (Code.PIN_FALSCH, MONTAG + 8_100)]


def test_a_busy_database_neither_stops_the_display_nor_loses_the_entry(platz: Platz) -> None:
    async def run() -> None:
        async with platz.open().run_test(size=(80, 24)) as pilot:
            app = pilot.app
            assert isinstance(app, DisplayApp)
            await pilot.press("space", "space")
            with closing(connect(zaehlwerk_datei(platz.ordner))) as zaehler:
                zaehler.execute("BEGIN IMMEDIATE")
                await platz.enter_wrong(app, pilot)
                app.show()
                assert app.bedienung.schritt is Schritt.FALSCH
                assert platz.log() == []
                zaehler.execute("ROLLBACK")
            app.show()
            app.show()

    asyncio.run(run())
    assert platz.log() == [(Code.PIN_FALSCH, MONTAG + 3_600)]


def test_a_database_that_cannot_be_written_is_no_error_of_the_display(tmp_path: Path) -> None:
    protokoll = PinProtokoll(tmp_path)
    protokoll.note(LIEFERZUSTAND, replace(LIEFERZUSTAND, sperren=1), MONTAG)
    zaehlwerk_datei(tmp_path).mkdir()
    protokoll.write()
    zaehlwerk_datei(tmp_path).rmdir()
    protokoll.write()
    assert Platz(tmp_path).log() == [(Code.PIN_FALSCH, MONTAG)]


def test_the_right_pin_and_switches_are_no_wrong_pins(tmp_path: Path) -> None:
    protokoll = PinProtokoll(tmp_path)
    protokoll.note(replace(LIEFERZUSTAND, fehlversuche=4, sperren=2), LIEFERZUSTAND, MONTAG)
    protokoll.note(LIEFERZUSTAND, replace(LIEFERZUSTAND, inf=True), MONTAG)
    protokoll.write()
    assert not zaehlwerk_datei(tmp_path).exists()


def test_the_lock_lasts_ten_real_minutes_under_an_accelerated_clock(platz: Platz) -> None:
    async def lock() -> None:
        async with platz.open().run_test(size=(80, 24)) as pilot:
            app = pilot.app
            assert isinstance(app, DisplayApp)
            await pilot.press("space", "space")
            for _ in range(5):
                await platz.enter_wrong(app, pilot)
                platz.wait(app, 3)

    async def look() -> Schritt:
        async with platz.open().run_test(size=(80, 24)) as pilot:
            await pilot.press("space", "space")
            app = pilot.app
            assert isinstance(app, DisplayApp)
            return app.bedienung.schritt

    asyncio.run(lock())
    # The fifth judgement was at 4 x 15 s + 12 s.
    assert Messquelle(platz.ordner).settings().gesperrt_bis == ECHT + 72 + 600
    platz.echt = ECHT + 78
    assert asyncio.run(look()) is Schritt.GESPERRT
    platz.echt = ECHT + 671
    assert asyncio.run(look()) is Schritt.GESPERRT
    platz.echt = ECHT + 672
    assert asyncio.run(look()) is Schritt.PIN

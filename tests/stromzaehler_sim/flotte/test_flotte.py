"""A fleet at work: every reading once, whatever becomes of single meters, of the line or of the process."""

from __future__ import annotations

import threading
from pathlib import Path

from gateway.fehler import NichtErreichbar
from gateway.verbindung import Antwort
from tests.stromzaehler_sim.flotte.welt import Welt


def test_every_reading_of_every_meter_arrives_once(tmp_path: Path) -> None:
    welt = Welt(tmp_path, 6)
    ergebnis = welt.run(stunden=3)
    for ordner in welt.pfade:
        # Three hours are twelve quarters; with the first one thirteen readings, or more on a slow machine.
        assert len(welt.stored(ordner)) >= 13
        assert welt.complete(ordner)
    gespeichert = sum(len(welt.stored(ordner)) for ordner in welt.pfade)
    assert (ergebnis.messwerte, ergebnis.neu, ergebnis.doppelt) == (gespeichert, gespeichert, 0)
    assert (ergebnis.wartend, ergebnis.quarantaene, ergebnis.angehalten, ergebnis.abgewiesen) == (0, 0, 0, {})
    assert ergebnis.gesendet == ergebnis.bestaetigt == sum(len(le.gesendet) for le in welt.leitungen.values())
    assert ergebnis.simuliert_s >= 3 * 3600
    assert set(ergebnis.speicher_mib) == {"anfang", "nach_anlauf", "ende"}


def test_meters_have_households_of_their_own(tmp_path: Path) -> None:
    welt = Welt(tmp_path, 3)
    welt.run(stunden=2)
    assert len({welt.stored(ordner)[-1].bezug_wh for ordner in welt.pfade}) == 3


def test_one_message_of_a_meter_is_in_flight(tmp_path: Path) -> None:
    welt = Welt(tmp_path, 3)
    unterwegs: set[str] = set()

    def post(zaehler: str, body: bytes) -> Antwort:
        assert zaehler not in unterwegs
        unterwegs.add(zaehler)
        try:
            return welt.betreiber.answer(body)
        finally:
            unterwegs.remove(zaehler)

    welt.post = post
    ergebnis = welt.run(stunden=2, faeden=8)
    assert (ergebnis.angehalten, ergebnis.wartend) == (0, 0)


def test_a_dead_line_holds_up_nobody_and_loses_nothing(tmp_path: Path) -> None:
    welt = Welt(tmp_path, 3)
    tot = welt.pfade[1]

    def post(zaehler: str, body: bytes) -> Antwort:
        if zaehler == tot.name:
            raise NichtErreichbar("no link")
        return welt.betreiber.answer(body)

    welt.post = post
    ergebnis = welt.run(stunden=2)
    assert welt.stored(tot) == []
    assert ergebnis.wartend >= 9
    assert set(ergebnis.abgewiesen) == {"NichtErreichbar"}
    assert ergebnis.gesendet == ergebnis.bestaetigt + ergebnis.abgewiesen["NichtErreichbar"]
    assert all(welt.complete(ordner) for ordner in welt.pfade if ordner != tot)

    # The next start finds what waited.
    welt.post = lambda zaehler, body: welt.betreiber.answer(body)
    danach = welt.run(stunden=1)
    assert (danach.wartend, danach.doppelt, danach.abgewiesen) == (0, 0, {})
    assert all(welt.complete(ordner) for ordner in welt.pfade)
    assert danach.neu + ergebnis.neu == sum(len(welt.stored(ordner)) for ordner in welt.pfade)


def test_a_lost_receipt_is_a_double_not_a_second_reading(tmp_path: Path) -> None:
    welt = Welt(tmp_path, 2)
    verloren: set[str] = set()

    def post(zaehler: str, body: bytes) -> Antwort:
        antwort = welt.betreiber.answer(body)
        if zaehler not in verloren:
            verloren.add(zaehler)
            raise NichtErreichbar("the receipt was lost")
        return antwort

    welt.post = post
    ergebnis = welt.run(stunden=2)
    assert ergebnis.doppelt >= 2
    assert ergebnis.neu + ergebnis.doppelt == ergebnis.messwerte
    assert all(welt.complete(ordner) for ordner in welt.pfade)


def test_the_last_round_goes_on_until_nothing_waits(tmp_path: Path) -> None:
    """Entries of the log go before readings: a meter that has sent those is not done yet."""
    welt = Welt(tmp_path, 8)
    gefragt: set[str] = set()

    def post(zaehler: str, body: bytes) -> Antwort:
        if zaehler not in gefragt:
            gefragt.add(zaehler)
            return welt.betreiber.answer(body, auftraege=("PROTOKOLL_SENDEN",))
        if welt.uhr.now() < welt.ende:
            raise NichtErreichbar("no link")
        return welt.betreiber.answer(body)

    welt.post = post
    ergebnis = welt.run(stunden=2)
    assert len(welt.betreiber.meldungen) >= 8
    assert ergebnis.wartend == 0
    assert all(welt.complete(ordner) for ordner in welt.pfade)


def test_stopped_by_hand_it_goes_on_where_it_was(tmp_path: Path) -> None:
    welt = Welt(tmp_path, 4)
    halt = threading.Event()

    def post(zaehler: str, body: bytes) -> Antwort:
        if len(welt.betreiber.telegramme) >= 10:
            halt.set()
        return welt.betreiber.answer(body)

    welt.post = post
    erste = welt.run(stunden=None, halt=halt)
    assert erste.bestaetigt >= 10
    zweite = welt.run(stunden=1)
    assert (zweite.wartend, zweite.doppelt, erste.doppelt) == (0, 0, 0)
    assert erste.neu + zweite.neu == sum(len(welt.stored(ordner)) for ordner in welt.pfade)
    assert all(welt.complete(ordner) for ordner in welt.pfade)


def test_after_a_kill_the_same_readings_come_as_doubles(tmp_path: Path) -> None:
    """Only the snapshot from the installation is there: the memory of every meter is older than the operator's."""
    welt = Welt(tmp_path, 3)
    erste = welt.run(stunden=2, save=False)
    zweite = welt.run(stunden=1)
    assert (zweite.wartend, zweite.quarantaene, zweite.angehalten) == (0, 0, 0)
    assert zweite.doppelt >= erste.neu
    assert welt.betreiber.quarantaene == []
    assert all(welt.complete(ordner) for ordner in welt.pfade)


def test_what_one_meter_cannot_bear_does_not_stop_the_others(tmp_path: Path) -> None:
    welt = Welt(tmp_path, 3)

    def post(zaehler: str, body: bytes) -> Antwort:
        if zaehler == welt.pfade[0].name:
            raise RuntimeError("a broken meter")
        return welt.betreiber.answer(body)

    welt.post = post
    ergebnis = welt.run(stunden=2)
    assert ergebnis.angehalten == 1
    assert ergebnis.abgewiesen == {"angehalten: a broken meter": 1}
    assert all(welt.complete(ordner) for ordner in welt.pfade[1:])


def test_when_all_have_stopped_the_fleet_ends(tmp_path: Path) -> None:
    welt = Welt(tmp_path, 2)

    def post(zaehler: str, body: bytes) -> Antwort:
        raise RuntimeError("a broken meter")

    welt.post = post
    assert welt.run(stunden=None).angehalten == 2


def test_only_so_many_lines_stay_open(tmp_path: Path) -> None:
    welt = Welt(tmp_path, 3)
    welt.run(stunden=2, verbindungen=1)
    # One keeps its connection all the time, the others part after each message.
    assert sorted(len(leitung.gesendet) - len(leitung.verbunden) for leitung in welt.leitungen.values()) == [
        0,
        0,
        max(len(leitung.gesendet) for leitung in welt.leitungen.values() if not leitung.verbunden),
    ]
    assert sum(not leitung.verbunden for leitung in welt.leitungen.values()) == 1

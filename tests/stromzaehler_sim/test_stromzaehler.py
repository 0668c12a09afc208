"""The meter as a whole, on a clock in the hand of the test and with a fake operator behind a fake link."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.fehler import NichtErreichbar, SendeFehler
from gateway.verbindung import Antwort
from gateway.versand import Sendung
from stromzaehler_sim.fehler import LastprofilUngueltig, LastprofilZuEnde, ZaehlwerkFehler
from stromzaehler_sim.historie import cut_batches, deliver_history
from stromzaehler_sim.last.lastprofil import LastprofilEinstellung, Messreihe
from stromzaehler_sim.stromzaehler import Stromzaehler
from stromzaehler_sim.uhr import Rtc, Uhr
from stromzaehler_sim.zaehlwerk import Zaehlwerk, zaehlwerk_datei
from tests.gateway.betreiber_fake import MONTAG, FakeBetreiber, Leitung, enrolled
from tests.stromzaehler_sim.fake_zeit import FakeZeit

TAG = 86400
WOCHE = 7 * TAG


class Treppe:
    def energy(self, uhrzeit_von: int) -> tuple[int, int]:
        return 10, 0

    def phasen(self, uhrzeit_von: int) -> tuple[int, int, int]:
        return 40, 0, 0


class Welt:
    def __init__(self, pfad: Path) -> None:
        self.betreiber = FakeBetreiber()
        self.leitung = Leitung(self.betreiber.answer)
        self.ordner = enrolled(pfad, self.betreiber)
        self.zeit = FakeZeit(MONTAG + 10.0)
        self.betreiber.uhr = self.zeit
        with Zaehlwerk(zaehlwerk_datei(self.ordner), None) as zaehlwerk, zaehlwerk.transaction():
            zaehlwerk.save_rtc(Rtc(MONTAG, 0.0, 0))  # a clock without drift
        self.zaehler = self.open()

    def open(self) -> Stromzaehler:
        return Stromzaehler.open(
            self.ordner,
            Uhr(jetzt=self.zeit),
            uebertragung=self.leitung,
            lastprofil=Treppe(),
            zufall=lambda: 0.5,
            einschreibung=Leitung(torn),
        )

    def restart(self) -> None:
        self.zaehler.close()
        self.zaehler = self.open()


@pytest.fixture
def welt(tmp_path: Path) -> Iterator[Welt]:
    welt = Welt(tmp_path / "z1")
    yield welt
    welt.zaehler.close()


def torn(_: bytes) -> Antwort:
    raise NichtErreichbar("no link")


def test_counts_each_quarter_and_sends_at_its_slot(welt: Welt) -> None:
    welt.zeit.gesetzt_um = MONTAG + 3600
    sendungen: list[tuple[float, int, int]] = []

    def note(sendung: Sendung, wartend: int) -> None:
        sendungen.append((welt.zeit.jetzt - MONTAG, sendung.sent, wartend))

    welt.zaehler.run(welt.zeit, on_sendung=note)
    # The first slot is drawn (0.5 x 600 s), the following come from the receipt: 137 s after each quarter.
    assert sendungen == [(300, 1, 0), (1037, 1, 0), (1937, 1, 0), (2837, 1, 0)]
    assert [(u - MONTAG, wert.bezug_wh) for u, wert in welt.betreiber.gespeichert.items()] == [
        (0, 0),
        (900, 10),
        (1800, 20),
        (2700, 30),
    ]


def test_an_outage_is_retried_with_backoff_and_caught_up(welt: Welt) -> None:
    welt.zeit.gesetzt_um = MONTAG + 3600
    versuche: list[float] = []
    fehler: list[str] = []

    def out(body: bytes) -> Antwort:
        versuche.append(welt.zeit.jetzt - MONTAG)
        raise NichtErreichbar("no link")

    welt.leitung.ablauf += [out, out, out]
    welt.zaehler.run(welt.zeit, on_fehler=lambda f: fehler.append(str(f)))
    # Half of 2, 4 and 8 s of pause.
    assert versuche == [300, 301, 303]
    assert fehler == ["no link"] * 3
    assert len(welt.betreiber.gespeichert) == 4


def test_a_long_backlog_goes_back_to_back(welt: Welt) -> None:
    welt.zaehler.zaehlwerk.install(MONTAG)
    welt.zeit.jetzt = MONTAG + 3 * TAG + 10.0
    welt.zeit.gesetzt_um = welt.zeit.jetzt + 800
    sendungen: list[tuple[float, int]] = []
    welt.zaehler.run(
        welt.zeit, on_sendung=lambda s, _: sendungen.append((welt.zeit.jetzt - MONTAG - 3 * TAG, s.sent))
    )
    # 289 readings wait: three Telegramme at once while more than 96 wait, the rest at the next slot.
    assert sendungen == [(300, 96), (300, 96), (300, 96)]
    assert welt.zaehler.gateway.puffer.waiting() == 1


def test_a_restart_goes_on_without_a_gap(welt: Welt) -> None:
    welt.zeit.gesetzt_um = MONTAG + 2000
    welt.zaehler.run(welt.zeit)
    welt.zeit.jetzt = MONTAG + 7250
    welt.zeit.gesetzt_um = MONTAG + 9000
    welt.restart()
    welt.zaehler.run(welt.zeit)
    werte = [welt.betreiber.gespeichert[u] for u in sorted(welt.betreiber.gespeichert)]
    assert [wert.uhrzeit - MONTAG for wert in werte] == list(range(0, 9000, 900))
    assert [wert.bezug_wh for wert in werte] == list(range(0, 100, 10))
    # The last reading before the stop was of 1800 s; the first made after the restart is marked.
    assert [wert.uhrzeit - MONTAG for wert in werte if wert.status == 4] == [2700]


def test_the_end_of_a_series_is_told_once_and_the_rest_is_sent(welt: Welt) -> None:
    welt.zaehler.zaehlwerk._lastprofil = Messreihe({MONTAG: (7, 0)})
    welt.zeit.gesetzt_um = MONTAG + 4000
    fehler: list[Exception] = []
    welt.zaehler.run(welt.zeit, on_fehler=fehler.append)
    assert [type(f) for f in fehler] == [LastprofilZuEnde]
    assert [wert.bezug_wh for wert in welt.betreiber.gespeichert.values()] == [0, 7]


def test_send_waiting_sends_once_or_fails_at_once(welt: Welt) -> None:
    assert welt.zaehler.send_waiting().sent == 0
    welt.zaehler.zaehlwerk.install(MONTAG)
    welt.zeit.jetzt = MONTAG + 1800
    welt.leitung.ablauf.append(torn)
    with pytest.raises(SendeFehler):
        welt.zaehler.send_waiting()
    assert welt.zaehler.send_waiting().sent == 3


# --- back history ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("tage", "neueste", "aelteste_zuerst", "erwartet"),
    [
        (7, 7, False, [(0, 7)]),
        (3, 7, False, [(0, 3)]),
        (24, 7, False, [(17, 24), (10, 17), (3, 10), (0, 3)]),
        (24, 7, True, [(17, 24), (0, 7), (7, 14), (14, 17)]),
        (20, 10, True, [(13, 20), (10, 13), (0, 7), (7, 10)]),
        (10, 0, True, [(0, 7), (7, 10)]),
    ],
)
def test_cut_batches(tage: int, neueste: int, aelteste_zuerst: bool, erwartet: list[tuple[int, int]]) -> None:
    batches = cut_batches(MONTAG, MONTAG + tage * TAG, neueste, aelteste_zuerst=aelteste_zuerst)
    assert batches == [(MONTAG + von * TAG, MONTAG + bis * TAG) for von, bis in erwartet]


def test_history_delivers_the_newest_week_first_and_everything_once(welt: Welt) -> None:
    von = MONTAG - 20 * TAG
    fortschritt: list[tuple[int, int]] = []
    bilanz = deliver_history(welt.zaehler, von, MONTAG, on_progress=lambda e, g: fortschritt.append((e, g)))
    # Both ends have a reading: the register at the beginning and at the end.
    assert (bilanz.sent, bilanz.neu, bilanz.doppelt) == (1921, 1921, 0)
    # A week begins a quarter hour after midnight, and a message of it ends with the UTC day.
    assert fortschritt[0] == (95, 1921)
    assert fortschritt[-1] == (1921, 1921)
    reihenfolge = list(welt.betreiber.gespeichert)
    assert sorted(reihenfolge[:672]) == list(range(MONTAG - WOCHE + 900, MONTAG + 900, 900))
    assert min(reihenfolge[672:1344]) == MONTAG - 2 * WOCHE + 900
    assert sorted(reihenfolge) == list(range(von, MONTAG + 900, 900))
    assert all(wert.bezug_wh == (uhrzeit - von) // 90 for uhrzeit, wert in welt.betreiber.gespeichert.items())
    assert deliver_history(welt.zaehler, von, MONTAG).sent == 0


def test_history_broken_off_goes_on_where_it_stopped(welt: Welt) -> None:
    von = MONTAG - 20 * TAG
    welt.leitung.ablauf = [welt.betreiber.answer] * 9
    gut, welt.leitung.sonst = welt.leitung.sonst, torn
    with pytest.raises(SendeFehler):
        deliver_history(welt.zaehler, von, MONTAG, versuche=1)
    # By UTC days: a week (95, six times 96, and one), and the first day of the next.
    assert len(welt.betreiber.gespeichert) == 672 + 95
    welt.leitung.sonst = gut
    welt.zeit.jetzt += 900
    welt.restart()
    bilanz = deliver_history(welt.zaehler, von, MONTAG + 900)
    assert (bilanz.neu, bilanz.doppelt) == (1922 - 672 - 95, 0)
    assert sorted(welt.betreiber.gespeichert) == list(range(von, MONTAG + 1800, 900))
    assert welt.zaehler.zaehlwerk.open_batches() == []


def test_history_waits_out_a_busy_operator(welt: Welt) -> None:
    busy = Antwort(503, {"retry-after": "30"}, b"")
    welt.leitung.ablauf += [lambda _: busy, torn]
    vorher = welt.zeit.jetzt
    # The clock of the test is the event, too: waiting lets its time pass.
    bilanz = deliver_history(welt.zaehler, MONTAG - TAG, MONTAG, stop_event=welt.zeit)
    assert bilanz.sent == 97
    # 30 s + half of 2 s, then half of 4 s.
    assert welt.zeit.jetzt - vorher == 33


def test_history_stops_when_asked(welt: Welt) -> None:
    welt.leitung.sonst = torn
    welt.zeit.gesetzt_um = welt.zeit.jetzt
    assert deliver_history(welt.zaehler, MONTAG - TAG, MONTAG, stop_event=welt.zeit).sent == 0


def test_history_never_reaches_into_the_future(welt: Welt) -> None:
    assert deliver_history(welt.zaehler, MONTAG - TAG, MONTAG + TAG).sent == 97
    with pytest.raises(ZaehlwerkFehler, match="leer"):
        deliver_history(welt.zaehler, MONTAG + TAG, MONTAG + 2 * TAG)


def test_history_cannot_turn_the_register_back(welt: Welt) -> None:
    welt.zaehler.zaehlwerk.install(MONTAG - TAG)
    with pytest.raises(ZaehlwerkFehler, match="späteren Zeitpunkt"):
        deliver_history(welt.zaehler, MONTAG - 2 * TAG, MONTAG)


def test_life_goes_on_after_history(welt: Welt) -> None:
    deliver_history(welt.zaehler, MONTAG - TAG, MONTAG)
    welt.zeit.gesetzt_um = MONTAG + 1900
    welt.zaehler.run(welt.zeit)
    assert sorted(welt.betreiber.gespeichert) == list(range(MONTAG - TAG, MONTAG + 1800, 900))


# --- opening ---------------------------------------------------------------------------------------------------
def test_open_takes_the_load_profile_of_the_folder(tmp_path: Path) -> None:
    ordner = enrolled(tmp_path / "z1", FakeBetreiber())
    with pytest.raises(LastprofilUngueltig):
        Stromzaehler.open(ordner)
    LastprofilEinstellung(seed=1).save(ordner)
    with Stromzaehler.open(ordner) as zaehler:
        assert zaehler.zaehler == "1EMH0012345678"

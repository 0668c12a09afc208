"""What goes out and when: backlog and present, alarms, gaps. Nothing starves, nothing is asked or told in vain."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.fehler import Abgewiesen
from gateway.puffer import KAPAZITAET_MINDESTENS
from telegramm.quittung import PROTOKOLL_SENDEN
from tests.gateway.betreiber_fake import MONTAG, make_werte
from tests.gateway.welt import Speicher, Welt, problem

VIERTEL = 900
TAG = 86_400


@pytest.fixture
def speicher() -> Speicher:
    return Speicher([])


@pytest.fixture
def welt(tmp_path: Path, speicher: Speicher) -> Iterator[Welt]:
    welt = Welt(tmp_path / "z1", gedaechtnis=speicher)
    yield welt
    welt.gateway.close()


def ask(welt: Welt, *luecken: tuple[int, int]) -> None:
    """The next receipt asks for these gaps."""
    welt.leitung.ablauf.append(lambda body: welt.betreiber.answer(body, luecken=luecken))


def spans(welt: Welt) -> list[tuple[int, int]]:
    """First and last reading of each message, in quarter hours since MONTAG."""
    return [
        ((t.werte[0].uhrzeit - MONTAG) // VIERTEL, (t.werte[-1].uhrzeit - MONTAG) // VIERTEL)
        for t in welt.betreiber.telegramme
        if t.werte
    ]


# --- backlog and present ---------------------------------------------------------------------------------------
def test_after_three_weeks_the_present_is_known_with_the_second_message(welt: Welt) -> None:
    welt.put(21 * 96)
    welt.gateway.versand.send_all()
    gesendet = spans(welt)
    assert gesendet[:4] == [(0, 95), (1920, 2015), (96, 191), (192, 287)]
    assert gesendet[-1] == (1824, 1919)
    assert len(welt.stored) == 21 * 96


def test_new_readings_have_their_turn_while_a_backlog_is_sent(welt: Welt) -> None:
    welt.put(96 * 10)
    for viertel in range(960, 972):
        welt.put(1, MONTAG + viertel * VIERTEL)
        welt.gateway.versand.send_one()
    # In every second message the newest reading arrives; in the others the oldest go.
    assert [bis for _, bis in spans(welt)][1::2] == [961, 963, 965, 967, 969, 971]
    assert [von for von, _ in spans(welt)][0::2] == [0, 96, 192, 288, 384, 480]


def test_a_message_of_a_backlog_ends_with_the_utc_day(welt: Welt) -> None:
    welt.put(300, MONTAG + 40 * VIERTEL)
    welt.gateway.versand.send_all()
    assert spans(welt) == [(40, 95), (244, 339), (96, 191), (192, 243)]


def test_one_telegramm_or_less_goes_as_it_is(welt: Welt) -> None:
    welt.put(96, MONTAG + 40 * VIERTEL)
    welt.gateway.versand.send_all()
    assert spans(welt) == [(40, 135)]


# --- alarms and log --------------------------------------------------------------------------------------------
def test_alarms_go_first_and_ordinary_entries_stay(welt: Welt) -> None:
    puffer = welt.gateway.puffer
    puffer.put_meldungen([(MONTAG, "NEUSTART", "Neustart.")])
    puffer.put_meldungen(
        [(MONTAG + 5, "MAGNETFELD", "Magnetfeld."), (MONTAG + 6, "GEHAEUSE_OFFEN", "Offen.")], alarm=True
    )
    welt.put(2)
    bilanz = welt.gateway.versand.send_all()
    assert welt.arten == ["EREIGNISSE", "MESSWERTE"]
    assert welt.betreiber.meldungen == [
        (0, MONTAG + 5, "MAGNETFELD", "Magnetfeld."),
        (1, MONTAG + 6, "GEHAEUSE_OFFEN", "Offen."),
    ]
    # The sums are about readings.
    assert (bilanz.sendungen, bilanz.sent, bilanz.neu) == (2, 2, 2)


def test_the_log_never_goes_twice_in_a_row_while_readings_wait(welt: Welt) -> None:
    welt.gateway.puffer.put_meldungen([(MONTAG, "MAGNETFELD", f"Nr. {i}") for i in range(500)], alarm=True)
    welt.put(192)
    welt.gateway.versand.send_all()
    assert welt.arten == ["EREIGNISSE", "MESSWERTE", "EREIGNISSE", "MESSWERTE", "EREIGNISSE"]
    assert [len(t.ereignisse) for t in welt.betreiber.telegramme] == [200, 0, 200, 0, 100]


def test_a_message_that_the_operator_never_takes_does_not_hold_up_the_readings(welt: Welt) -> None:
    welt.leitung.ablauf = [problem(422, b'{"code": "inhalt"}')]
    welt.gateway.puffer.put_meldungen([(MONTAG, "MAGNETFELD", "x")], alarm=True)
    welt.put(1)
    with pytest.raises(Abgewiesen):
        welt.gateway.versand.send_one()
    welt.gateway.versand.send_one()
    assert welt.arten == ["MESSWERTE"]


def test_the_whole_log_goes_when_it_is_ordered_and_its_end_is_told(welt: Welt) -> None:
    puffer = welt.gateway.puffer
    puffer.put_meldungen([(MONTAG, "NEUSTART", "a"), (MONTAG + 1, "PHASE_DA", "b")])
    welt.put(1)
    # The order stands in every receipt; it must not go on for ever.
    welt.leitung.sonst = lambda body: welt.betreiber.answer(body, auftraege=(PROTOKOLL_SENDEN,))
    welt.gateway.versand.send_all()
    assert [(m.nummer, m.code) for m in welt.betreiber.meldungen] == [
        (0, "NEUSTART"),
        (1, "PHASE_DA"),
        (2, "PROTOKOLL_GESENDET"),
    ]
    assert welt.arten == ["MESSWERTE", "EREIGNISSE"]
    # A later order brings what was written since.
    puffer.put_meldungen([(MONTAG + 2, "PIN_FALSCH", "c")])
    welt.put(1, MONTAG + VIERTEL)
    welt.gateway.versand.send_all()
    assert [(m.nummer, m.code) for m in welt.betreiber.meldungen[3:]] == [
        (3, "PIN_FALSCH"),
        (4, "PROTOKOLL_GESENDET"),
    ]


def test_a_lost_receipt_sends_the_same_numbers_again(welt: Welt) -> None:
    welt.gateway.puffer.put_meldungen([(MONTAG, "MAGNETFELD", "x")], alarm=True)

    def lose(body: bytes) -> None:
        welt.betreiber.answer(body)
        raise Abgewiesen(503)

    welt.leitung.ablauf.append(lose)  # type: ignore[arg-type]
    with pytest.raises(Abgewiesen):
        welt.gateway.versand.send_one()
    welt.restart()
    welt.gateway.puffer.put_meldungen([(MONTAG, "MAGNETFELD", "y")], alarm=True)
    welt.gateway.versand.send_all()
    assert [(m.nummer, m.text) for m in welt.betreiber.meldungen] == [(0, "x"), (0, "x"), (1, "y")]


# --- gaps ------------------------------------------------------------------------------------------------------
def test_what_the_operator_asks_for_comes_from_the_memory(welt: Welt, speicher: Speicher) -> None:
    speicher.werte = make_werte(10)
    welt.put(1, MONTAG + 10 * VIERTEL)
    ask(welt, (MONTAG + 2 * VIERTEL, MONTAG + 5 * VIERTEL))
    sendung = welt.gateway.versand.send_one()
    assert sendung is not None
    assert sendung.eilig
    welt.gateway.versand.send_all()
    assert spans(welt) == [(10, 10), (2, 4)]
    assert speicher.gefragt == [(MONTAG + 2 * VIERTEL, MONTAG + 5 * VIERTEL)]
    assert welt.arten == ["MESSWERTE", "MESSWERTE"]


def test_readings_that_were_acknowledged_and_forgotten_come_again_after_a_restored_backup(
    welt: Welt, speicher: Speicher
) -> None:
    speicher.werte = welt.put(20)
    welt.gateway.versand.send_all()
    welt.betreiber.gespeichert.clear()
    welt.restart()
    welt.put(1, MONTAG + 20 * VIERTEL)
    ask(welt, (MONTAG, MONTAG + 20 * VIERTEL))
    welt.gateway.versand.send_all()
    assert welt.stored == [MONTAG + i * VIERTEL for i in range(21)]


def test_what_is_gone_is_told_and_then_forgotten(welt: Welt, speicher: Speicher) -> None:
    speicher.werte = make_werte(2, MONTAG + 2 * VIERTEL)
    welt.put(1, MONTAG + 10 * VIERTEL)
    ask(welt, (MONTAG, MONTAG + 6 * VIERTEL))
    welt.leitung.ablauf.append(problem(503))
    welt.gateway.versand.send_all(versuche=2, pause=lambda _: None)
    assert welt.betreiber.fehlanzeigen == [
        (MONTAG, MONTAG + 2 * VIERTEL),
        (MONTAG + 4 * VIERTEL, MONTAG + 6 * VIERTEL),
    ]
    assert welt.stored == [MONTAG + 2 * VIERTEL, MONTAG + 3 * VIERTEL, MONTAG + 10 * VIERTEL]
    assert (welt.gateway.puffer.gone(), welt.gateway.puffer.owed()) == ([], [])
    assert welt.gateway.versand.send_one() is None


def test_what_waits_in_the_buffer_is_not_asked_of_the_memory(welt: Welt, speicher: Speicher) -> None:
    speicher.werte = make_werte(200)
    welt.put(200)
    ask(welt, (MONTAG + 96 * VIERTEL, MONTAG + 200 * VIERTEL))
    assert welt.gateway.versand.send_all().doppelt == 0
    assert speicher.gefragt == []


def test_the_future_is_not_asked_for_and_the_present_is_not_given_up(welt: Welt, speicher: Speicher) -> None:
    jetzt = int(welt.jetzt)
    welt.put(1)
    ask(welt, (jetzt - 5 * VIERTEL, jetzt + 4 * VIERTEL), (jetzt + TAG, jetzt + 2 * TAG))
    welt.gateway.versand.send_all()
    assert speicher.gefragt == [(jetzt - 5 * VIERTEL, jetzt + VIERTEL)]
    # Only what is older than an hour is given up.
    assert welt.betreiber.fehlanzeigen == [(jetzt - 5 * VIERTEL, jetzt - 4 * VIERTEL)]


def test_a_month_is_filled_by_the_week_and_only_when_there_is_room(welt: Welt, speicher: Speicher) -> None:
    speicher.werte = make_werte(28 * 96)
    welt.put(1, MONTAG + 28 * TAG)
    ask(welt, (MONTAG, MONTAG + 28 * TAG))
    wartend: list[int] = []
    welt.gateway.versand.send_all(lambda _, rest: wartend.append(rest))
    assert max(wartend) <= 7 * 96
    assert speicher.gefragt == [(MONTAG + w * 7 * TAG, MONTAG + (w + 1) * 7 * TAG) for w in range(4)]
    assert len(welt.stored) == 28 * 96 + 1


def test_decades_that_nobody_has_cost_little(welt: Welt, speicher: Speicher) -> None:
    welt.put(1)
    ask(welt, (0, MONTAG))
    welt.gateway.versand.send_all()
    assert welt.betreiber.fehlanzeigen[0][0] == 0
    assert welt.betreiber.fehlanzeigen[-1][1] == MONTAG
    # MONTAG is 2930 weeks and 4 days after 1970; 53 weeks a message.
    assert len(speicher.gefragt) == 2931
    assert welt.arten.count("FEHLANZEIGE") == 56


def test_an_operator_that_asks_on_and_on_gets_it_once(welt: Welt, speicher: Speicher) -> None:
    speicher.werte = make_werte(4)
    welt.leitung.sonst = lambda body: welt.betreiber.answer(body, luecken=((MONTAG, MONTAG + 4 * VIERTEL),))
    welt.put(1, MONTAG + 9 * VIERTEL)
    assert welt.gateway.versand.send_all().sendungen == 2
    # Hours later the question is taken seriously again.
    welt.jetzt += 7 * 3600
    welt.put(1, MONTAG + 10 * VIERTEL)
    assert welt.gateway.versand.send_all().sendungen == 2


def test_a_full_buffer_is_healed_from_the_memory(tmp_path: Path) -> None:
    speicher = Speicher(make_werte(KAPAZITAET_MINDESTENS + 50))
    welt = Welt(tmp_path / "z2", gedaechtnis=speicher, kapazitaet=KAPAZITAET_MINDESTENS)
    welt.gateway.puffer.put_many(speicher.werte)
    assert welt.gateway.puffer.owed() == [(MONTAG, MONTAG + 50 * VIERTEL)]
    welt.jetzt = MONTAG + 50 * TAG
    welt.gateway.versand.send_all()
    assert list(map(welt.betreiber.gespeichert.get, welt.stored)) == speicher.werte
    welt.gateway.close()


def test_a_full_buffer_without_a_memory_says_what_it_dropped(tmp_path: Path) -> None:
    welt = Welt(tmp_path / "z2", kapazitaet=KAPAZITAET_MINDESTENS)
    welt.put(KAPAZITAET_MINDESTENS + 50)
    welt.jetzt = MONTAG + 50 * TAG
    welt.gateway.versand.send_all()
    assert welt.betreiber.fehlanzeigen == [(MONTAG, MONTAG + 50 * VIERTEL)]
    assert len(welt.stored) == KAPAZITAET_MINDESTENS
    welt.gateway.close()


def test_without_a_memory_a_gap_is_gone_but_for_what_waits(tmp_path: Path) -> None:
    welt = Welt(tmp_path / "z2")
    welt.put(97)
    ask(welt, (MONTAG - 1800, MONTAG + 97 * VIERTEL))
    assert welt.gateway.versand.send_all().doppelt == 0
    assert welt.arten == ["MESSWERTE", "FEHLANZEIGE", "MESSWERTE"]
    # What this receipt has just acknowledged is not told to be gone: the operator has it.
    assert welt.betreiber.fehlanzeigen == [(MONTAG - 1800, MONTAG)]
    assert welt.gateway.puffer.owed() == []
    welt.gateway.close()


def test_a_clock_in_doubt_gives_nothing_up(welt: Welt, speicher: Speicher) -> None:
    welt.put(1)
    ask(welt, (MONTAG - 1800, MONTAG))
    welt.gateway.versand.send_one()
    welt.betreiber.uhr = lambda: welt.jetzt + 7200
    welt.put(1, MONTAG + VIERTEL)
    welt.gateway.uhr.abgleich(int(welt.jetzt + 7200) * 1000, welt.jetzt, welt.jetzt)
    welt.gateway.versand.send_one()
    assert speicher.gefragt == []
    assert welt.gateway.puffer.owed() == [(MONTAG - 1800, MONTAG)]

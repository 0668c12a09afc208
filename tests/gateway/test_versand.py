"""Sending: a reading is forgotten under a valid receipt that accounts for it, and under nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.fehler import Abgewiesen, NichtErreichbar, QuittungUngueltig, SendeFehler
from gateway.verbindung import Antwort
from gateway.versand import Abgelehnt, Sendung
from tests.gateway.betreiber_fake import MONTAG, ZAEHLER, make_werte
from tests.gateway.welt import Welt, problem

JETZT = MONTAG + 0.25


@pytest.fixture
def welt(tmp_path: Path) -> Iterator[Welt]:
    welt = Welt(tmp_path / "z1")
    welt.jetzt, welt.betreiber.uhr = JETZT, None
    yield welt
    welt.gateway.close()


def test_nothing_waiting_sends_nothing(welt: Welt) -> None:
    assert welt.gateway.versand.send_one() is None
    assert welt.gateway.versand.send_all().sendungen == 0
    assert welt.leitung.gesendet == []
    assert welt.gateway.puffer.folge == -1


def test_one_telegramm_with_the_oldest_96(welt: Welt) -> None:
    werte = make_werte(100)
    welt.gateway.puffer.put_many(werte)
    sendung = welt.gateway.versand.send_one()
    assert sendung is not None
    assert (sendung.sent, sendung.neu, sendung.doppelt, sendung.abgelehnt) == (96, 96, 0, ())
    assert (sendung.zeit, sendung.platz_s, sendung.folge) == (MONTAG * 1000, 137, 0)
    assert sendung.bytes_out == len(welt.leitung.gesendet[0])
    assert sendung.bytes_in > 100
    (telegramm,) = welt.betreiber.telegramme
    assert telegramm.werte == tuple(werte[:96])
    assert (telegramm.art, telegramm.zaehler, telegramm.epoche) == ("MESSWERTE", ZAEHLER, 1)
    assert telegramm.erzeugt == MONTAG * 1000 + 250
    assert welt.gateway.puffer.oldest(99) == werte[96:]
    assert (welt.gateway.puffer.platz_s, welt.gateway.puffer.letzte_quittung) == (137, MONTAG * 1000)


def test_send_all_empties_the_buffer_with_rising_numbers(welt: Welt) -> None:
    werte = make_werte(500)
    welt.gateway.puffer.put_many(werte)
    gesehen: list[tuple[int, int]] = []
    bilanz = welt.gateway.versand.send_all(lambda sendung, wartend: gesehen.append((sendung.sent, wartend)))
    assert gesehen == [(96, 404), (96, 308), (96, 212), (96, 116), (96, 20), (20, 0)]
    assert (bilanz.sendungen, bilanz.sent, bilanz.neu, bilanz.abgelehnt) == (6, 500, 500, 0)
    assert [telegramm.folge for telegramm in welt.betreiber.telegramme] == [0, 1, 2, 3, 4, 5]
    assert len({telegramm.anfrage for telegramm in welt.betreiber.telegramme}) == 6
    # The oldest, the newest in between, and then on from the oldest.
    reihenfolge = werte[:96] + werte[404:] + werte[96:404]
    assert list(welt.betreiber.gespeichert.values()) == reihenfolge
    # No number was reserved for a Telegramm that does not exist.
    assert welt.gateway.puffer.folge == 5


def test_the_number_is_on_disk_before_the_telegramm_leaves(welt: Welt) -> None:
    def look(body: bytes) -> Antwort:
        with welt.open() as zweiter:
            assert zweiter.puffer.folge == 0
            assert zweiter.puffer.waiting() == 3
        return welt.betreiber.answer(body)

    welt.leitung.ablauf.append(look)
    welt.gateway.puffer.put_many(make_werte(3))
    assert welt.gateway.versand.send_one() is not None


def test_rejected_rows_are_named_and_forgotten_with_their_neighbours(welt: Welt) -> None:
    welt.betreiber.lehnt_ab = lambda wert: "ruecklauf" if wert.uhrzeit == MONTAG + 900 else None
    welt.betreiber.gespeichert[MONTAG] = make_werte(1)[0]
    welt.gateway.puffer.put_many(make_werte(3))
    sendung = welt.gateway.versand.send_one()
    assert sendung is not None
    assert (sendung.neu, sendung.doppelt) == (1, 1)
    assert sendung.abgelehnt == (Abgelehnt(MONTAG + 900, "ruecklauf"),)
    assert welt.gateway.puffer.waiting() == 0


def test_a_lost_answer_is_sent_again_under_a_new_number_and_stored_once(welt: Welt) -> None:
    def lose(body: bytes) -> Antwort:
        welt.betreiber.answer(body)
        raise NichtErreichbar("torn after the commit")

    welt.leitung.ablauf.append(lose)
    welt.gateway.puffer.put_many(make_werte(3))
    with pytest.raises(NichtErreichbar):
        welt.gateway.versand.send_one()
    assert welt.gateway.puffer.waiting() == 3
    welt.gateway.close()
    # A restart in between changes nothing.
    welt.gateway = welt.open()
    sendung = welt.gateway.versand.send_one()
    assert sendung is not None
    assert (sendung.neu, sendung.doppelt) == (0, 3)
    assert [telegramm.folge for telegramm in welt.betreiber.telegramme] == [0, 1]
    assert welt.stored == [MONTAG, MONTAG + 900, MONTAG + 1800]


@pytest.mark.parametrize(
    ("antwort", "status", "code", "retry_after"),
    [
        (problem(503, b'{"code": "ueberlast"}', retry_after="30"), 503, "ueberlast", 30.0),
        (problem(429, retry_after="999999999"), 429, "", 3600.0),
        (problem(429, retry_after="-1"), 429, "", None),
        (problem(429, retry_after="Wed, 21 Oct 2026 07:28:00 GMT"), 429, "", None),
        (problem(409, b'{"code": "folge"}'), 409, "folge", None),
        (problem(401, b'{"code": 7}'), 401, "", None),
        (problem(400, b'["code"]'), 400, "", None),
        (problem(400, b'{"code": "\\u001b[2Jx"}'), 400, "", None),
        (problem(500, b"[" * 60_000), 500, "", None),
        (problem(204), 204, "", None),
    ],
)
def test_every_other_status_keeps_the_readings(
    welt: Welt, antwort: Callable[[bytes], Antwort], status: int, code: str, retry_after: float | None
) -> None:
    welt.leitung.sonst = antwort
    welt.gateway.puffer.put_many(make_werte(2))
    with pytest.raises(Abgewiesen) as fehler:
        welt.gateway.versand.send_one()
    assert (fehler.value.status, fehler.value.code, fehler.value.retry_after) == (status, code, retry_after)
    assert welt.gateway.puffer.waiting() == 2


def test_time_before_the_last_receipt_is_refused_also_after_a_restart(welt: Welt) -> None:
    welt.betreiber.zeit = MONTAG * 1000 + 500
    welt.gateway.puffer.put_many(make_werte(1))
    assert welt.gateway.versand.send_one() is not None
    welt.gateway.close()
    welt.gateway = welt.open()
    welt.gateway.puffer.put_many(make_werte(1, MONTAG + 900))
    welt.betreiber.zeit = MONTAG * 1000 + 499
    for _ in range(3):
        with pytest.raises(QuittungUngueltig, match="Zeit"):
            welt.gateway.versand.send_one()
        assert welt.gateway.puffer.waiting() == 1
    welt.betreiber.zeit = MONTAG * 1000 + 500
    assert welt.gateway.versand.send_one() is not None


def test_send_all_retries_with_backoff_and_goes_on(welt: Welt) -> None:
    def torn(_: bytes) -> Antwort:
        raise NichtErreichbar("no link")

    welt.leitung.ablauf += [torn, problem(503, retry_after="30"), welt.betreiber.answer, torn]
    welt.gateway.puffer.put_many(make_werte(100))
    pausen: list[float] = []
    bilanz = welt.gateway.versand.send_all(versuche=3, pause=pausen.append, zufall=lambda: 0.5)
    # 0.5 x 2 s; 30 s + 0.5 x 4 s; after the success counting begins anew.
    assert pausen == [1.0, 32.0, 1.0]
    assert (bilanz.sendungen, bilanz.sent, welt.gateway.puffer.waiting()) == (2, 100, 0)
    folgen = [telegramm.folge for telegramm in welt.betreiber.telegramme]
    assert folgen == sorted(set(folgen))


def test_send_all_gives_up_after_the_tries_and_keeps_everything(welt: Welt) -> None:
    welt.leitung.sonst = problem(503)
    welt.gateway.puffer.put_many(make_werte(5))
    with pytest.raises(SendeFehler):
        welt.gateway.versand.send_all(versuche=3, pause=lambda _: None)
    assert len(welt.leitung.gesendet) == 3
    assert welt.gateway.puffer.waiting() == 5


def test_send_all_ends_when_the_pause_says_so(welt: Welt) -> None:
    welt.leitung.sonst = problem(503)
    welt.gateway.puffer.put_many(make_werte(5))
    assert welt.gateway.versand.send_all(versuche=3, pause=lambda _: True).sendungen == 0
    assert len(welt.leitung.gesendet) == 1


def test_wishes_of_the_receipt_are_handed_on(welt: Welt) -> None:
    luecke = (MONTAG - 1800, MONTAG - 900)
    welt.leitung.ablauf.append(
        lambda body: welt.betreiber.answer(body, luecken=(luecke,), auftraege=("PROTOKOLL_SENDEN",))
    )
    welt.gateway.puffer.put_many(make_werte(1))
    sendung = welt.gateway.versand.send_one()
    assert isinstance(sendung, Sendung)
    assert (sendung.luecken, sendung.auftraege) == ((luecke,), ("PROTOKOLL_SENDEN",))

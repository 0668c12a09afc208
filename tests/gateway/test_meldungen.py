"""The log on its way out: numbered in the order of sending, bounded, and honest about what it dropped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.meldungen import EINTRAEGE_HOECHSTENS
from gateway.puffer import Puffer
from telegramm.messwerte import Meldung
from tests.gateway.betreiber_fake import MONTAG


@pytest.fixture
def puffer(tmp_path: Path) -> Iterator[Puffer]:
    with Puffer(tmp_path / "p.sqlite", epoche=1) as puffer:
        yield puffer


def acknowledge(puffer: Puffer) -> list[Meldung]:
    """What one message brings to the operator."""
    meldungen = puffer.queued_meldungen()
    puffer.acknowledge(meldungen=[meldung.nummer for meldung in meldungen], zustand={"platz_s": 0})
    return meldungen


def all_sent(puffer: Puffer) -> list[Meldung]:
    gesendet: list[Meldung] = []
    while meldungen := acknowledge(puffer):
        gesendet += meldungen
    return gesendet


def test_numbers_ascend_in_the_order_of_sending_over_restarts_and_epochen(tmp_path: Path) -> None:
    datei = tmp_path / "p.sqlite"
    with Puffer(datei, epoche=1) as puffer:
        puffer.put_meldungen([(MONTAG, "NEUSTART", "gewöhnlich")])
        puffer.put_meldungen([(MONTAG + 1, "MAGNETFELD", "Alarm")], alarm=True)
        assert acknowledge(puffer) == [Meldung(0, MONTAG + 1, "MAGNETFELD", "Alarm")]
    with Puffer(datei, epoche=2) as puffer:
        puffer.queue_meldungen(MONTAG + 9)
        assert acknowledge(puffer) == [
            Meldung(1, MONTAG, "NEUSTART", "gewöhnlich"),
            Meldung(2, MONTAG + 9, "PROTOKOLL_GESENDET", "Protokoll gesendet: 1 Einträge."),
        ]


def test_a_second_order_waits_for_the_end_of_the_first(puffer: Puffer) -> None:
    puffer.queue_meldungen(MONTAG)
    puffer.put_meldungen([(MONTAG, "NEUSTART", "a")])
    puffer.queue_meldungen(MONTAG)
    assert [meldung.code for meldung in all_sent(puffer)] == ["PROTOKOLL_GESENDET"]
    puffer.queue_meldungen(MONTAG)
    assert [meldung.code for meldung in all_sent(puffer)] == ["NEUSTART", "PROTOKOLL_GESENDET"]


@pytest.mark.parametrize(
    "eintrag",
    [
        (-1, "CODE", "x"),
        (MONTAG, "klein", "x"),
        (MONTAG, "CODE", ""),
        (MONTAG, "CODE", "x" * 501),
        (MONTAG, "C", "\n"),
    ],
)
def test_an_entry_that_could_never_be_sent_is_refused_with_its_batch(
    puffer: Puffer, eintrag: tuple[int, str, str]
) -> None:
    with pytest.raises(ValueError, match="entry"):
        puffer.put_meldungen([(MONTAG, "CODE", "gut"), eintrag], alarm=True)
    assert all_sent(puffer) == []


def test_long_texts_do_not_burst_a_message(puffer: Puffer) -> None:
    # 500 signs of four bytes each: 2,007 bytes an entry with its code, so fifteen of them stay under 32,000.
    puffer.put_meldungen([(MONTAG, "MELDUNG", "𝕏" * 500)] * 20, alarm=True)
    assert [len(acknowledge(puffer)) for _ in range(3)] == [15, 5, 0]


def test_a_full_log_drops_the_oldest_ordinary_entries_and_says_so_once(puffer: Puffer) -> None:
    assert EINTRAEGE_HOECHSTENS == 2000
    puffer.put_meldungen([(MONTAG, "MAGNETFELD", "Alarm")], alarm=True)
    puffer.put_meldungen([(MONTAG + i, "NEUSTART", f"Nr. {i}") for i in range(2100)])
    puffer.queue_meldungen(MONTAG + 5000)
    gesendet = all_sent(puffer)
    assert [meldung.code for meldung in gesendet].count("PROTOKOLL_VERLUST") == 1
    texte = [meldung.text for meldung in gesendet if meldung.code == "NEUSTART"]
    # The newest are there without a gap, and the alarm that is older than all of them.
    assert texte == [f"Nr. {i}" for i in range(2100 - len(texte), 2100)]
    assert 1990 <= len(texte) <= 1998
    assert gesendet[0].text == "Alarm"


def test_a_flood_of_alarms_is_bounded_too(puffer: Puffer) -> None:
    puffer.put_meldungen([(MONTAG + i, "MAGNETFELD", f"Nr. {i}") for i in range(2100)], alarm=True)
    gesendet = all_sent(puffer)
    assert len(gesendet) <= 2000
    assert [meldung.code for meldung in gesendet].count("PROTOKOLL_VERLUST") == 1
    assert gesendet[-1].text == "Nr. 2099"
    nummern = [meldung.nummer for meldung in gesendet]
    assert nummern == sorted(set(nummern))

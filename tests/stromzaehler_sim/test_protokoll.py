"""The log of the meter: durable, bounded, each entry handed over once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stromzaehler_sim.protokoll import EINTRAEGE_HOECHSTENS, Code
from stromzaehler_sim.stoerung import Eingriffsart
from stromzaehler_sim.zaehlwerk import Zaehlwerk
from telegramm.messwerte import Meldung, Telegramm, Uhrstand
from tests.haus.quelltext import WURZEL

MONTAG = 1772409600


def test_entries_outlive_the_process_newest_first(tmp_path: Path) -> None:
    with Zaehlwerk(tmp_path / "z.sqlite", None) as zaehlwerk:
        zaehlwerk.protokoll.add(MONTAG + 0.9, Code.GEHAEUSE_OFFEN)
        zaehlwerk.protokoll.add(MONTAG + 5, Code.PHASE_FEHLT, "L2 ist ohne Spannung.")
    with Zaehlwerk(tmp_path / "z.sqlite", None) as zaehlwerk:
        assert [tuple(eintrag)[1:] for eintrag in zaehlwerk.protokoll.newest()] == [
            (MONTAG + 5, Code.PHASE_FEHLT, "L2 ist ohne Spannung."),
            (MONTAG, Code.GEHAEUSE_OFFEN, "Der Klemmendeckel wurde geöffnet."),
        ]
        assert len(zaehlwerk.protokoll.newest(1)) == 1


def test_only_the_newest_thousand_are_kept(tmp_path: Path) -> None:
    with Zaehlwerk(tmp_path / "z.sqlite", None) as zaehlwerk:
        with zaehlwerk.transaction():
            for nummer in range(EINTRAEGE_HOECHSTENS + 5):
                zaehlwerk.protokoll.insert(nummer, Code.PIN_FALSCH)
        zeiten = [eintrag.uhrzeit for eintrag in zaehlwerk.protokoll.newest(5000)]
        assert (len(zeiten), zeiten[0], zeiten[-1]) == (1000, 1004, 5)


def test_what_was_handed_over_does_not_come_again(tmp_path: Path) -> None:
    with Zaehlwerk(tmp_path / "z.sqlite", None) as zaehlwerk:
        protokoll = zaehlwerk.protokoll
        for uhrzeit in range(3):
            protokoll.add(uhrzeit, Code.NEUSTART)
        erste = protokoll.pending(2)
        assert [eintrag.uhrzeit for eintrag in erste] == [0, 1]
        protokoll.handed_over(erste[-1].nummer)
        assert [eintrag.uhrzeit for eintrag in protokoll.pending()] == [2]
        assert len(protokoll.newest()) == 3


@pytest.mark.parametrize("code", Code)
def test_every_code_may_stand_in_a_telegramm(code: Code) -> None:
    meldung = Meldung(0, MONTAG, code.value, f"{code.text}.")
    telegramm = Telegramm(
        "EREIGNISSE", "1EMH0012345678", 1, 1, bytes(16), 0, Uhrstand("GESTELLT", None, None), ereignisse=(meldung,)
    )
    assert Telegramm.from_bytes(telegramm.to_bytes()).ereignisse == (meldung,)


def test_a_text_that_is_too_long_is_cut(tmp_path: Path) -> None:
    with Zaehlwerk(tmp_path / "z.sqlite", None) as zaehlwerk:
        zaehlwerk.protokoll.add(-1, Code.FIREWALL_ABGEWIESEN, "x" * 1000)
        assert zaehlwerk.protokoll.newest()[0][1:] == (0, Code.FIREWALL_ABGEWIESEN, "x" * 500)


def test_the_page_lists_every_code(docs: str) -> None:
    zeilen = re.findall(r"^\| `([A-Z0-9_]+)` \| (.+?) \| (yes)? ?\|$", docs, re.MULTILINE)
    assert zeilen == [(code.value, code.text, "yes" if code.is_alarm else "") for code in Code]


def test_the_page_lists_every_fault(docs: str) -> None:
    genannt = set(re.findall(r"`([a-z-]+)(?: [A-Z0-9]+)?`", docs))
    assert {art.value for art in Eingriffsart} <= genannt


@pytest.fixture
def docs() -> str:
    return (WURZEL / "docs" / "geraet.md").read_text(encoding="utf-8")

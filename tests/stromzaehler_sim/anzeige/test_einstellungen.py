"""What the customer set survives, and only the owner of the folder reads it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from stromzaehler_sim.anzeige.einstellungen import BedienungUngueltig, Einstellungen, draw_pin
from tests.stromzaehler_sim.anzeige.geraet import LIEFERZUSTAND


def test_delivery_state_pin_on_inf_off_nothing_cleared(tmp_path: Path) -> None:
    neu = Einstellungen.load(tmp_path)
    assert (neu.pin_an, neu.inf, neu.null_zehntelwh, neu.historie_ab) == (True, False, 0, None)
    assert len(neu.pin) == 4
    assert neu.pin.isdecimal()


def test_the_pin_is_drawn_once_and_only_the_owner_may_read_it(tmp_path: Path) -> None:
    neu = Einstellungen.load(tmp_path)
    assert (tmp_path / "bedienung.json").stat().st_mode & 0o777 == 0o600
    assert Einstellungen.load(tmp_path) == neu
    # A hundred draws of ten thousand PINs: fewer than 80 different ones come once in 10^30 times.
    pins = {draw_pin() for _ in range(100)}
    assert len(pins) >= 80
    assert all(len(pin) == 4 and pin.isdecimal() for pin in pins)


def test_saved_and_loaded_again(tmp_path: Path) -> None:
    geaendert = replace(
        LIEFERZUSTAND,
        inf=True,
        pin_an=False,
        fehlversuche=3,
        sperren=1,
        gesperrt_bis=5.5,
        null_zehntelwh=7,
        historie_ab=9,
    )
    geaendert.save(tmp_path)
    assert Einstellungen.load(tmp_path) == geaendert
    assert (tmp_path / "bedienung.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "inhalt",
    [
        *(
            "{",
            "[]",
            "{}",
            '{"pin": 1234}',
            '{"pin": "12"}',
            '{"pin": "1234", "x": 1}',
            '{"pin": "1234", "inf": 1}',
        ),
        *('{"pin": "1234", "sperren": "1"}', '{"pin": "1234", "gesperrt_bis": "1"}'),
    ],
)
def test_a_damaged_file_is_told_with_what_to_do(tmp_path: Path, inhalt: str) -> None:
    (tmp_path / "bedienung.json").write_text(inhalt)
    with pytest.raises(BedienungUngueltig, match="Gelöscht, beginnt der Zähler wieder im Lieferzustand"):
        Einstellungen.load(tmp_path)

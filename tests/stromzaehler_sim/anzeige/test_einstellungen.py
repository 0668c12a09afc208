"""What the customer set survives, and only the owner of the folder reads it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from stromzaehler_sim.anzeige.einstellungen import BedienungUngueltig, Einstellungen, draw_pin
from tests.stromzaehler_sim.anzeige.geraet import LIEFERZUSTAND, ZAEHLER


def test_delivery_state_pin_on_inf_off_nothing_cleared(tmp_path: Path) -> None:
    neu = Einstellungen.load(tmp_path, ZAEHLER)
    assert (neu.pin_an, neu.inf, neu.null_zehntelwh, neu.historie_ab) == (True, False, 0, None)
    assert len(neu.pin) == 4
    assert neu.pin.isdecimal()
    assert list(tmp_path.iterdir()) == []  # looking at a meter writes nothing


def test_the_pin_of_a_meter_is_always_the_same_and_another_one_elsewhere() -> None:
    # printf 'PIN 1EMH0012345678' | sha256sum -> the first 16 hex digits, modulo 10000
    assert draw_pin(ZAEHLER) == "1082"
    assert len({draw_pin(f"1EMH00123456{n:02d}") for n in range(100)}) > 90


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
    assert Einstellungen.load(tmp_path, ZAEHLER) == geaendert
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
        Einstellungen.load(tmp_path, ZAEHLER)
